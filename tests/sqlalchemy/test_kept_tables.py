"""Each test finds its tables empty and as they were declared, whatever the tests before it have done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

metadata = sa.MetaData()
shelf = sa.Table("shelf", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
box = sa.Table("box", metadata, sa.Column("shelf_id", sa.ForeignKey("shelf.id"), primary_key=True))

DOINGS = {
    "rows": "INSERT INTO box SELECT id FROM shelf",
    "a column's type": "ALTER TABLE shelf ALTER COLUMN name TYPE varchar(20)",
    "a column": "ALTER TABLE shelf ADD COLUMN height int",
    "a table": "DROP TABLE box",
    "nothing": "SELECT 1",
}


@pytest.fixture(params=["before", *DOINGS])
def found(
    request: pytest.FixtureRequest, engine_of: Callable[[sa.MetaData], sa.Engine], url: sa.URL
) -> Iterator[list[object]]:
    """What a test sees; afterwards it writes, and on PostgreSQL does something that the next one must not see."""
    engine = engine_of(metadata)
    with engine.begin() as connection:
        key = connection.execute(shelf.insert().values(name="long name")).inserted_primary_key
        rows = connection.scalar(sa.select(sa.func.count()).select_from(shelf.outerjoin(box)))
        columns = sa.inspect(connection).get_columns("shelf")
    yield [key and key[0], rows, [(one["name"], str(one["type"])) for one in columns]]
    if url.get_backend_name() == "postgresql" and request.param in DOINGS:
        with engine.begin() as connection:
            connection.exec_driver_sql(DOINGS[request.param])


def test_every_test_finds_the_same(found: list[object]) -> None:
    """The first key, its own row, the declared columns."""
    assert found == [1, 1, [("id", "INTEGER"), ("name", "TEXT")]]

"""Tags in the database: one table of tags, and one association table for each model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    and_,
    event,
    exists,
    false,
    inspect,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapper, Session, relationship
from sqlalchemy.orm.attributes import flag_dirty, set_committed_value

from traits_runtime.adapters.sqlalchemy.deferred_writes import chunks, collect_writes
from traits_runtime.adapters.sqlalchemy.host import HOST
from traits_runtime.adapters.sqlalchemy.mapper_info import (
    BROUGHT,
    connection_of,
    key_columns,
    mapper_for,
    structural_value,
    uses,
)
from traits_runtime.errors import DeclarationError
from traits_runtime.traits._backends import scope_of
from traits_runtime.traits.tags import (
    BACKENDS,
    PENDING,
    HasTags,
    IsTag,
    Label,
    TagQuery,
    refuse_too_many,
    take_changes,
)

_ASSOCIATIONS: Final[dict[type, tuple[Table, type]]] = {}
"""Association table and tag model, by the first model of an inheritance that has tags."""


class SqlTags:
    """Tags of mapped models."""

    def labels(self, row: Any) -> Sequence[Label]:
        """The stored tags of a row; a new row has none."""
        if "tags" not in vars(row) and inspect(row).identity is None:
            return ()
        return [Label(tag.tag_type, tag.tag_slug, tag.label) for tag in row.tags]

    def touch(self, row: Any) -> None:
        """Mark the row for the next flush although no column changes."""
        _association(type(row))
        flag_dirty(row)

    def matches(self, model: Any, query: TagQuery) -> Any:
        """Rows by their tags of one kind."""
        conditions = [_has(model, query.type, [label]) for label in query.all]
        if query.any is not None:
            conditions.append(_has(model, query.type, query.any) if query.any else false())
        if query.without:
            conditions.append(~_has(model, query.type, query.without))
        return and_(true(), *conditions)


def _has(model: Any, kind: str, slugs: Sequence[str]) -> Any:
    table, labels = _association(mapper_for(model).class_)
    tag: Any = labels
    pairs = zip(_row_columns(table), key_columns(model), strict=True)
    query = select(1).select_from(table).join(tag, key_columns(tag)[0] == table.c.tag_id)
    return exists(query.where(*(column == key for column, key in pairs), tag.tag_type == kind, tag.tag_slug.in_(slugs)))


def _row_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column.name != "tag_id"]


def _association(model: type) -> tuple[Table, type]:
    for base in model.__mro__:
        if base in _ASSOCIATIONS:
            return _ASSOCIATIONS[base]
    tag_model = structural_value(model, HasTags, "tag_model") or "Tag"
    raise DeclarationError(
        model.__name__,
        f"there is no model of tags. Write one: `class {tag_model}(IsTag, Base):` with a table name and a primary key, "
        f"and import it with this model.",
    )


# Writing.


def _touched(session: Session) -> list[Any]:
    if not _ASSOCIATIONS:
        return []
    return [row for rows in (session.new, session.dirty) for row in rows if PENDING in vars(row)]


def _write(session: Session, rows: list[Any]) -> None:
    by_model: dict[type, list[Any]] = {}
    for row in rows:
        by_model.setdefault(_association(type(row))[1], []).append(row)
    for tag, rows_of_tag in by_model.items():
        for part in chunks(rows_of_tag):
            _TagWriter(session, tag, part).run()


TagKey = tuple[str, str]
"""Type and slug."""


class _TagWriter:
    """Writes the tags of some rows."""

    def __init__(self, session: Session, tag: type, rows: list[Any]) -> None:
        self.session = session
        self.connection = connection_of(session, tag)
        self.tag: Any = tag
        self.rows = rows
        self.changes = {id(row): take_changes(row) for row in rows}

    def run(self) -> None:
        """Write the changed tags of all rows."""
        before = self._before()
        after = {id(row): self.changes[id(row)].apply(before[id(row)]) for row in self.rows}  # type: ignore[union-attr]
        tags = self._find_or_insert(label for labels in after.values() for label in labels)
        for row in self.rows:
            self._write_row(row, _by_key(before[id(row)]), _by_key(after[id(row)]), tags)

    def _find_or_insert(self, labels: Iterable[Label]) -> dict[TagKey, Any]:
        """The tags of some labels by type and slug; those that do not exist are inserted."""
        names: dict[TagKey, str] = {}
        for label in labels:
            names.setdefault((label.type, label.slug), label.name)
        tags = self._find(names)
        missing = sorted(names.keys() - tags.keys())
        if missing:
            self._make({key: names[key] for key in missing})
            tags.update(self._find(missing))
        return tags

    def _write_row(self, row: Any, old: dict[TagKey, Label], new: dict[TagKey, Label], tags: dict[TagKey, Any]) -> None:
        refuse_too_many(type(row), len(new))
        self._link(row, [tags[key] for key in new if key not in old])
        self._unlink(row, [key for key in old if key not in new])
        set_committed_value(row, "tags", [tags[key] for key in new])
        _emit_changes(row, old, new)

    def _before(self) -> dict[int, list[Label]]:
        """The stored tags of the rows; new rows have none."""
        labels: dict[int, list[Label]] = {id(row): [] for row in self.rows}
        by_table: dict[Table, dict[tuple[Any, ...], Any]] = {}
        for row in self.rows:
            if row not in self.session.new:
                by_table.setdefault(_association(type(row))[0], {})[_key(row)] = row
        tag = self.tag
        for table, rows in by_table.items():
            columns = _row_columns(table)
            query = (
                select(*columns, tag.tag_type, tag.tag_slug, tag.tag_name)
                .select_from(table)
                .join(tag, mapper_for(tag).primary_key[0] == table.c.tag_id)
                .where(tuple_(*columns).in_(list(rows)))
                .order_by(tag.tag_type, tag.tag_slug)
            )
            for *key, kind, slug, name in self.session.execute(query):
                labels[id(rows[tuple(key)])].append(Label(kind, slug, name))
        return labels

    def _make(self, names: dict[tuple[str, str], str]) -> None:
        """Insert tags in sorted order, so that two writers do not wait for each other."""
        values = [{"tag_type": kind, "tag_slug": slug, "tag_name": name} for (kind, slug), name in names.items()]
        self.session.execute(self._insert(self.tag), values)

    def _find(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        tag = self.tag
        tags: dict[tuple[str, str], Any] = {}
        for part in chunks(sorted(keys)):
            query = select(tag).where(tuple_(tag.tag_type, tag.tag_slug).in_(part))
            tags.update({(tag.tag_type, tag.tag_slug): tag for tag in self.session.scalars(query)})
        return tags

    def _insert(self, into: Any) -> Any:
        statement = postgresql.insert(into) if self.connection.dialect.name == "postgresql" else sqlite.insert(into)
        return statement.on_conflict_do_nothing()

    def _link(self, row: Any, tags: Iterable[Any]) -> None:
        table = _association(type(row))[0]
        key = dict(zip((column.name for column in _row_columns(table)), _key(row), strict=True))
        values = [{**key, "tag_id": mapper_for(self.tag).primary_key_from_instance(tag)[0]} for tag in tags]
        if values:
            self.connection.execute(self._insert(table), values)

    def _unlink(self, row: Any, keys: list[tuple[str, str]]) -> None:
        if keys:
            table = _association(type(row))[0]
            tags: Any = mapper_for(self.tag).local_table
            unlinked = select(next(iter(tags.primary_key))).where(tuple_(tags.c.tag_type, tags.c.tag_slug).in_(keys))
            pairs = zip(_row_columns(table), _key(row), strict=True)
            self.connection.execute(
                table.delete().where(*(column == value for column, value in pairs), table.c.tag_id.in_(unlinked))
            )


def _by_key(labels: Iterable[Label]) -> dict[TagKey, Label]:
    return {(label.type, label.slug): label for label in labels}


def _emit_changes(row: Any, old: dict[TagKey, Label], new: dict[TagKey, Label]) -> None:
    changes: dict[str, tuple[list[str], list[str]]] = {}
    for key, label in new.items():
        if key not in old:
            changes.setdefault(label.type, ([], []))[0].append(label.name)
    for key, label in old.items():
        if key not in new:
            changes.setdefault(label.type, ([], []))[1].append(label.name)
    for kind, (added, removed) in sorted(changes.items()):
        row.tell_tags(added, removed, kind)


def _key(row: Any) -> tuple[Any, ...]:
    return tuple(mapper_for(row).primary_key_from_instance(row))


# Deleted rows.


def _deleted(session: Session) -> list[Any]:
    """The deleted rows that may have tags: an application that uses none needs no model of them."""
    rows = [row for row in session.deleted if isinstance(row, HasTags)] if _ASSOCIATIONS else []
    return [row for row in rows if not _ASSOCIATIONS.keys().isdisjoint(type(row).__mro__)]


def _remove(session: Session, rows: list[Any]) -> None:
    """Remove links that foreign keys may not remove: SQLite enforces foreign keys only on request."""
    for row in rows:
        table, _ = _association(type(row))
        pairs = zip(_row_columns(table), _key(row), strict=True)
        connection_of(session, type(row)).execute(table.delete().where(*(column == value for column, value in pairs)))


# Tables.


def _mapped(mapper: Mapper[Any], cls: type) -> None:
    if uses(cls, IsTag):
        _index(mapper)
    if uses(cls, IsTag) or uses(cls, HasTags):
        _pair(mapper)


def _index(mapper: Mapper[Any]) -> None:
    table: Any = mapper.local_table
    name = f"uq_{table.name}_tag"
    if name not in {index.name for index in table.indexes} and "tag_slug" in table.c:
        attributes = scope_of(mapper.class_, structural_value(mapper.class_, IsTag, "scope"))
        scope = [mapper.columns[attribute] for attribute in attributes]
        Index(name, *scope, table.c.tag_type, table.c.tag_slug, unique=True)


def _pair(mapper: Mapper[Any]) -> None:
    """Add association tables to models with tags, once the tag model is mapped."""
    mapped = {other.class_: other for other in mapper.registry.mappers} | {mapper.class_: mapper}
    for cls, other in mapped.items():
        if uses(cls, HasTags) and not any(base in _ASSOCIATIONS for base in cls.__mro__):
            tag_model = structural_value(cls, HasTags, "tag_model")
            tags = [tag for tag in mapped if uses(tag, IsTag) and tag_model in ("", tag.__name__)]
            if len(tags) == 1:
                _associate(other, mapped[tags[0]])


def _associate(mapper: Mapper[Any], tags: Mapper[Any]) -> None:
    rows: Any = mapper.local_table
    labels: Any = tags.local_table
    keys = list(rows.primary_key)
    columns = [Column(f"row_{column.name}", column.type, primary_key=True) for column in keys]
    tag_id: Column[Any] = Column(
        "tag_id", ForeignKey(next(iter(labels.primary_key)), ondelete="CASCADE"), primary_key=True, index=True
    )
    table = Table(
        f"{rows.name}_{labels.name}",
        rows.metadata,
        *columns,
        tag_id,
        ForeignKeyConstraint(columns, keys, ondelete="CASCADE"),
        schema=rows.schema,
        comment=f"Which {rows.name} have which {labels.name}.",
        info={BROUGHT: "HasTags"},
    )
    _ASSOCIATIONS[mapper.class_] = (table, tags.class_)
    relation = relationship(
        tags.class_,
        secondary=table,
        viewonly=True,
        order_by=(labels.c.tag_type, labels.c.tag_slug),
        primaryjoin=and_(*(key == column for key, column in zip(keys, columns, strict=True))),
        secondaryjoin=table.c.tag_id == next(iter(labels.primary_key)),
        info={BROUGHT: "HasTags"},
    )
    mapper.add_property("tags", relation)
    event.listen(mapper, "expire", _expired, propagate=True)


def _expired(row: Any, attributes: Iterable[str] | None) -> None:
    """Drop pending tags of an expired row, as SQLAlchemy drops its pending columns."""
    if attributes is None and row is not None:
        vars(row).pop(PENDING, None)


def watch() -> None:
    """Register the listeners for models that are mapped later."""
    BACKENDS.add(HOST, SqlTags())
    collect_writes(_touched, _write)
    collect_writes(_deleted, _remove)
    event.listen(Mapper, "after_mapper_constructed", _mapped)

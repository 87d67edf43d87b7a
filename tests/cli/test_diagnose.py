"""`traits diagnose`: every id is provoked for real, is silent on what is healthy, and is put right once for all."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import psycopg
import pytest
from click.testing import Result

from programs import ROOT, process, run
from sphinx_traits.extract import Extraction
from sphinx_traits.project import Project
from traits_runtime.diagnose.checks import CHECKS

MODELS = '''
"""A shop that is in order."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime import Envelope, Trait, TraitConfig, TraitEvent, TraitJob, feature, hook, listen, option


class SlugConfig(TraitConfig):
    """How slugs are made."""

    max_length: int = option(80, ge=8, env="SHOP_SLUG_LENGTH", doc="Longest slug.")
    token: str = option("", secret=True, doc="Key of the shortener.")
    old_name: str = option("", deprecated="2.0: use separator", doc="No longer needed.")
    region: str = option("eu", env="SHOP_REGION", locked=True, doc="Where the data lies.")


class HasSlug(Trait):
    """Has an address."""

    slug_config = SlugConfig()
    follow_title = feature(False, doc="Follow the title.")
    slug_generated = TraitEvent(doc="After a slug was made.")

    slug: Mapped[str] = mapped_column(String(80), index=True)

    def save(self) -> None:
        """Make a slug."""
        self.slug_generated()
        super().save()


class Saves(Trait):
    """Can be saved."""

    def save(self) -> None:
        """Save."""


class TenantConfig(TraitConfig):
    """Whose rows these are."""

    tenant_column: str = option("tenant_id", doc="Column of the tenant.")


class BelongsToTenant(Trait):
    """Belongs to a tenant."""

    tenant_config = TenantConfig()


class SoftDeletes(Trait):
    """Has a waste bin."""

    deleted_at: Mapped[datetime | None] = mapped_column()


class Base(DeclarativeBase):
    """What all tables share."""

    id: Mapped[int] = mapped_column(primary_key=True)


class Article(HasSlug, Saves, SoftDeletes, BelongsToTenant, Base):
    """A text."""

    __tablename__ = "articles"
    __table_args__ = (
        Index("uq_articles_code", "code", unique=True, sqlite_where=text("deleted_at IS NULL"),
              postgresql_where=text("deleted_at IS NULL")),
    )

    code: Mapped[str | None]
    words: Mapped[int | None]
    tenant_id: Mapped[str | None]


class SearchJobs(TraitJob, trait=HasSlug):
    """Works on slugs."""

    def process_reindex(self, model: object) -> None:
        """Put it into the index."""


@listen("trait.HasSlug.*")
def note(envelope: Envelope) -> None:
    """Write it down."""
'''

APP = '''
"""How the shop starts."""

import os

from sqlalchemy import create_engine

import shop.models

engine = create_engine(os.environ["SHOP_DATABASE"])
'''


class Shop:
    """A project with a database.

    Args:
        root: Its folder.
        url: Its database.
        execute: Runs a statement there.
    """

    def __init__(self, root: Path, url: str, execute: Callable[[str], None]) -> None:
        self.root = root
        self.url = url
        self.execute = execute
        (root / "shop").mkdir()
        (root / "shop" / "__init__.py").write_text("", encoding="utf-8")
        (root / "shop" / "app.py").write_text(APP, encoding="utf-8")
        self.models(MODELS)
        self.config("")

    def models(self, text: str) -> None:
        """Write the models."""
        (self.root / "shop" / "models.py").write_text(text, encoding="utf-8")

    def add(self, text: str) -> None:
        """Write more into the models."""
        with (self.root / "shop" / "models.py").open("a", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def config(self, text: str) -> None:
        """Write the config file."""
        head = '[tool.traits]\npackages = ["shop"]\nstore = "overrides.db"\n\n'
        (self.root / "pyproject.toml").write_text(head + textwrap.dedent(text), encoding="utf-8")

    def static(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Diagnose what can be read."""
        return run("diagnose", *arguments, project=self.root, env=env)

    def live(self, *arguments: str, env: dict[str, str] | None = None, app: str = "shop.app") -> dict[str, object]:
        """Diagnose the running application; what it printed and its exit code."""
        done = process(
            "diagnose", "--app", app, "--format", "json", "--project", str(self.root), *arguments,
            env={"SHOP_DATABASE": self.url, **(env or {})},
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        said = json.loads(done.stdout[done.stdout.index("{\n") :])
        return {"ids": [one["id"] for one in said["data"]], "data": said["data"], "code": done.returncode,
                "stderr": done.stderr}  # fmt: skip


def create_tables(shop: Shop, work: str = "Base.metadata.create_all(engine)") -> None:
    """Bring the database to what the models say, or do something else with them."""
    script = f"from shop.app import engine; from shop.models import *; {work}"
    subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(shop.root)!r}); {script}"],
        check=True, env={"SHOP_DATABASE": shop.url}, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def healthy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database on SQLite with the tables of the shop, to be copied."""
    folder = tmp_path_factory.mktemp("healthy")
    file = folder / "shop.db"
    create_tables(Shop(folder, f"sqlite:///{file}", lambda statement: None))
    return file


@pytest.fixture
def lite(tmp_path: Path, healthy_file: Path) -> Shop:
    """The shop on SQLite, healthy."""
    file = tmp_path / "shop.db"
    shutil.copyfile(healthy_file, file)

    def execute(statement: str) -> None:
        base = sqlite3.connect(file)
        with base:
            base.execute(statement)
        base.close()

    return Shop(tmp_path, f"sqlite:///{file}", execute)


SERVER = "postgresql://postgres@127.0.0.1:5432/"


@contextmanager
def postgres_database(template: str = "template1") -> Iterator[str]:
    """Create a database, yield its name and drop it; skip the test where there is no server."""
    name = f"traits_diagnose_{uuid.uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(SERVER + "postgres", autocommit=True, connect_timeout=30)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL; .ci/servers starts one")
    with closing(connection):
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def healthy_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database on PostgreSQL with the tables of the shop, to be copied."""
    with postgres_database() as name:
        create_tables(Shop(tmp_path_factory.mktemp("healthy"), sqlalchemy_url(name), lambda statement: None))
        yield name


def sqlalchemy_url(name: str) -> str:
    """Return the address of a database for SQLAlchemy."""
    return f"{SERVER}{name}".replace("postgresql:", "postgresql+psycopg:")


@pytest.fixture
def postgres(tmp_path: Path, healthy_database: str) -> Iterator[Shop]:
    """The shop on PostgreSQL, healthy; skipped where there is no server."""
    with postgres_database(template=healthy_database) as name:

        def execute(statement: str) -> None:
            with psycopg.connect(SERVER + name, autocommit=True) as connection:
                connection.execute(statement)  # type: ignore[call-overload]

        yield Shop(tmp_path, sqlalchemy_url(name), execute)


def found(done: Result) -> list[dict[str, object]]:
    """The findings of a run with `--json`."""
    return json.loads(done.stdout)["data"]  # type: ignore[no-any-return]


# -- healthy


def test_healthy_sources_and_config_are_silent(lite: Shop) -> None:
    """No id at all, exit code 0, and a sentence that says so."""
    done = lite.static()

    assert (done.exit_code, done.stdout) == (0, "No findings.\n")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lite", "postgres"])
def test_healthy_application_is_silent(where: str, request: pytest.FixtureRequest) -> None:
    """Cache, jobs, and a database that has what the models say."""
    done = request.getfixturevalue(where).live()

    assert (done["ids"], done["code"]) == ([], 0)


LIBRARY = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import traits_runtime.adapters.sqlalchemy
from traits_runtime import listen
from traits_runtime.traits import BelongsToTenant, HasSlug, HasUserTracking, SoftDeletes


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True)


class Post(HasSlug, SoftDeletes, HasUserTracking, BelongsToTenant, Base):
    __tablename__ = "posts"
    __traits__ = {BelongsToTenant: {"tenant_column": "owner"}}
    title: Mapped[str]
    code: Mapped[str | None]
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lite", "postgres"])
def test_traits_of_the_library_are_silent_on_a_healthy_database(where: str, request: pytest.FixtureRequest) -> None:
    """Also about what their sources declare; a missing tenant column is found under its configured name."""
    shop: Shop = request.getfixturevalue(where)
    shop.models(LIBRARY)
    create_tables(shop)
    healthy = shop.live("--fail-level", "info")
    shop.execute("DROP TABLE posts")
    shop.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY)")
    ill = shop.live("--select", "TRT307")
    shop.execute("DROP TABLE posts")
    create_tables(shop)
    shop.execute("CREATE UNIQUE INDEX uq_code ON posts (code)")

    assert healthy["ids"] == []
    assert [one["subject"] for one in ill["data"]] == ["posts.owner"]  # type: ignore[attr-defined]
    assert [one["subject"] for one in shop.live()["data"]] == ["posts(code)"]  # type: ignore[attr-defined]


# -- sources: each id with what provokes it


SOURCES = {
    "TRT101": "import nowhere\nclass Odd(HasSlug, nowhere.Base): ...\n",
    "TRT102": "class A(HasSlug): ...\nclass B(HasSlug, A): ...\n",
    "TRT104": "class HasArchive(Trait):\n    archived = TraitEvent()\n    def archive(self): self.archived()\n",
    "TRT105": "@listen('trait.HasSlug.slug_made')\ndef never(envelope): ...\n",
    "TRT106": "class HasPast(Trait):\n    past = TraitEvent()\n@listen('trait.HasPast.past')\ndef h(e): ...\n",
    "TRT107": "from traits_runtime import events\ndef shout(): events.emit('trait.HasSlug.slug_made')\n",
    "TRT108": "class HasTime(Trait):\n    def save(self): ...\nclass Timed(HasTime, HasSlug, Saves): ...\n",
    "TRT109": "class HasA(Trait):\n    state: Mapped[str] = mapped_column()\nclass HasB(Trait):\n"
    "    state: Mapped[int] = mapped_column()\nclass Both(HasA, HasB, Base):\n    __tablename__ = 'both'\n",
    "TRT111": "class HasX(Trait):\n    x = TraitEvent()\n    def f(self): self.x()\n"
    "class Out:\n    class HasX(Trait):\n        x = TraitEvent()\n        def f(self): self.x()\n",
    "TRT112": "from traits_runtime.traits import HasTags\nclass T(HasTags): ...\n"
    "class Out:\n    class T(HasTags): ...\n",
    "TRT110": "class C(TraitConfig):\n    one: int = option(1, env='X')\n    two: int = option(1, env='X')\n"
    "class HasC(Trait):\n    c_config = C()\n",
}  # fmt: skip


@pytest.mark.parametrize("id_", SOURCES)
def test_fault_in_the_sources_is_found_with_its_place(id_: str, lite: Shop) -> None:
    """File and line, and nothing else is found beside it but what it entails."""
    lite.add(SOURCES[id_])
    done = lite.static("--select", id_, "--fail-level", "info", "--json")

    assert done.exit_code == 1, done.stderr
    assert {one["id"] for one in found(done)} == {id_}
    for one in found(done):
        assert str(one["path"]).startswith("shop/models.py")
        assert int(str(one["line"])) > MODELS.count("\n") - 1
        assert one["hint"]


def test_module_that_cannot_be_read_is_found(lite: Shop) -> None:
    """TRT103, at its line."""
    (lite.root / "shop" / "bad.py").write_text("x = 1\ndef broken(:\n", encoding="utf-8")
    done = lite.static("--json")

    assert [(one["id"], one["path"], one["line"]) for one in found(done)] == [("TRT103", "shop/bad.py", 2)]


# -- config


CONFIG: dict[str, tuple[str, dict[str, str]]] = {
    "TRT201": ("[tool.traits.config.HasSlug]\nmax_lenght = 60\n", {}),
    "TRT202": ("[tool.traits.config.HasSlug]\nmax_length = 2\n", {}),
    "TRT203": ("[tool.traits.config.HasSlug]\nmax_length = 80\n", {}),
    "TRT205": ("[tool.traits.config.HasSlug]\nold_name = 'x'\n", {}),
    "TRT206": ("[tool.traits.config.HasSlug]\nregion = 'us'\n", {"SHOP_REGION": "eu"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("id_", CONFIG)
def test_fault_in_a_config_file_is_found_at_its_line(id_: str, lite: Shop) -> None:
    """Read from sources and files alone, and the same from the running application."""
    text, env = CONFIG[id_]
    lite.config(text)
    done = lite.static("--json", "--fail-level", "info", env=env)
    live = lite.live("--fail-level", "info", env=env)

    assert [(one["id"], one["path"], one["line"]) for one in found(done)] == [(id_, "pyproject.toml", 6)]
    assert live["ids"] == [id_]


def test_unknown_trait_and_model_of_a_file_are_answered_with_the_nearest(lite: Shop) -> None:
    """TRT201 for each of them."""
    lite.config('[tool.traits.config.HasSlg]\nmax_length = 60\n[tool.traits.models."shop.models.Artcle".HasSlug]\n'
                "max_length = 60\n")  # fmt: skip
    done = lite.static("--json")

    assert [one["id"] for one in found(done)] == ["TRT201", "TRT201"]
    assert "Did you mean 'HasSlug'?" in done.stdout
    assert "Did you mean 'shop.models.Article'?" in done.stdout


def test_wrong_variable_is_found(lite: Shop) -> None:
    """TRT202 names the variable; there is no line to show."""
    done = lite.static("--json", env={"SHOP_SLUG_LENGTH": "long"})

    assert [(one["id"], one["subject"]) for one in found(done)] == [("TRT202", "HasSlug.max_length")]
    assert "$SHOP_SLUG_LENGTH" in done.stdout


def test_required_key_without_value_is_found(lite: Shop) -> None:
    """TRT204 names the models; a value for each of them is enough."""
    lite.add("class M(TraitConfig):\n    place: str = option(doc='Where.')\n"
             "class HasPlace(Trait):\n    place_config = M()\nclass Thing(HasPlace): ...\n")  # fmt: skip
    empty = found(lite.static("--json"))
    lite.config('[tool.traits.config.HasPlace]\nplace = "here"\n')

    assert [(one["id"], one["subject"]) for one in empty] == [("TRT204", "HasPlace.place")]
    assert "shop.models.Thing" in str(empty[0]["message"])
    assert found(lite.static("--json")) == []


def put(root: Path, trait: str, key: str, value: str) -> None:
    """Put an override into the store, as an earlier version of the program would have."""
    from traits_runtime._core.config.sqlite import SQLiteStore

    store = SQLiteStore(root / "overrides.db")
    store.write((trait, key, "", ""), value, by="ada", why="")
    store.close()


@pytest.mark.parametrize(
    ("key", "value", "id_"), [("gone", "1", "TRT201"), ("max_length", "2", "TRT202"), ("max_length", "80", "TRT203")]
)
def test_fault_in_the_store_is_found_and_fixed(key: str, value: str, id_: str, lite: Shop) -> None:
    """What no longer matches the keys is taken out of the store, with a line in its history; twice changes nothing."""
    put(lite.root, "HasSlug", key, value)
    first = lite.static("--json", "--fail-level", "info", "--unsafe-fixes", "--yes")
    second = lite.static("--fix", "--fail-level", "info")
    history = json.loads(run("config", "history", "--json", project=lite.root).stdout)["data"]

    assert found(first) == []
    assert f"{id_} store: unset HasSlug.{key}" in first.stderr
    assert "0 fixed." in second.stderr
    shown = "********" if key == "gone" else value  # what no key declares may be a secret
    assert [(one["by"], one["after"]) for one in history] == [("traits diagnose", ""), ("ada", shown)]


def test_secret_is_never_shown(lite: Shop) -> None:
    """Neither its value nor a wrong one."""
    lite.config("[tool.traits.config.HasSlug]\ntoken = 12345678\n")
    for form in ("text", "json", "sarif", "github", "junit"):
        done = lite.static("--format", form)

        assert "TRT202" in done.stdout
        assert "12345678" not in done.stdout + done.stderr


# -- fixing files


@pytest.mark.parametrize("id_", ["TRT202", "TRT203", "TRT206"])
def test_second_fix_of_a_file_changes_nothing(id_: str, lite: Shop) -> None:
    """Comments and everything else stay; the file is the same after the second run, byte for byte."""
    text, env = CONFIG[id_]
    lite.config(text + "# a word about it\n\n[tool.other]\nkept = true\n")
    file = lite.root / "pyproject.toml"
    first = lite.static("--fix", "--json", "--fail-level", "info", env=env)
    once = file.read_bytes()
    second = lite.static("--fix", "--json", "--fail-level", "info", env=env)

    assert (first.exit_code, found(first), found(second)) == (0, [], [])
    assert "1 fixed." in first.stderr
    assert "0 fixed." in second.stderr
    assert file.read_bytes() == once
    assert b"# a word about it" in once
    assert b"kept = true" in once


def test_unsafe_fix_asks_first(lite: Shop) -> None:
    """Without a terminal it wants `--yes`; `--fix` alone leaves it."""
    lite.config(CONFIG["TRT201"][0])
    plain = lite.static("--fix", "--json")
    asked = lite.static("--unsafe-fixes", "--json")
    done = lite.static("--unsafe-fixes", "--yes", "--json")

    assert [one["id"] for one in found(plain)] == ["TRT201"]
    assert asked.exit_code == 2
    assert "--yes" in asked.stderr
    assert found(done) == []


def test_diff_prints_the_fixes_and_hides_nothing(lite: Shop) -> None:
    """What `--fix` would do and what it would not; the file stays as it is, exit code 1."""
    lite.config("[tool.traits.config.HasSlug]\nmax_length = 2\nold_name = 'x'\n")
    before = (lite.root / "pyproject.toml").read_bytes()
    done = lite.static("--fix", "--diff")

    assert done.exit_code == 1
    assert "TRT202 pyproject.toml: remove HasSlug.max_length" in done.stdout
    assert "TRT205" in done.stdout
    assert (lite.root / "pyproject.toml").read_bytes() == before


# -- the database


DATABASE: dict[str, list[str]] = {
    "TRT301": ["DROP TABLE articles"],
    "TRT302": ["ALTER TABLE articles DROP COLUMN words"],
    "TRT303": ["ALTER TABLE articles DROP COLUMN words", "ALTER TABLE articles ADD COLUMN words TEXT"],
    "TRT304": ["DROP INDEX ix_articles_slug"],
    "TRT305": ["DROP INDEX ix_articles_slug", "ALTER TABLE articles DROP COLUMN slug",
               "ALTER TABLE articles ADD COLUMN slug VARCHAR(80)", "CREATE INDEX ix_articles_slug ON articles (slug)"],
    "TRT306": ["CREATE UNIQUE INDEX uq_all ON articles (words)"],
    "TRT307": ["ALTER TABLE articles DROP COLUMN tenant_id"],
}  # fmt: skip
"""What is done to a healthy database, by the id that finds it."""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lite", "postgres"])
@pytest.mark.parametrize("id_", DATABASE)
def test_fault_of_a_real_database_is_found(id_: str, where: str, request: pytest.FixtureRequest) -> None:
    """On SQLite and on PostgreSQL, that id alone, at the model's line."""
    shop: Shop = request.getfixturevalue(where)
    for statement in DATABASE[id_]:
        shop.execute(statement)
    done = shop.live()
    first = done["data"][0]  # type: ignore[index]

    assert (done["ids"], done["code"]) == ([id_], 1)
    assert first["path"] == "shop/models.py"
    assert first["line"] == MODELS[: MODELS.index("class Article(")].count("\n") + 1


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lite", "postgres"])
@pytest.mark.parametrize(("id_", "way"), [("TRT301", "--fix"), ("TRT302", "--fix"), ("TRT304", "--fix"),
                                          ("TRT303", "--unsafe-fixes"), ("TRT305", "--unsafe-fixes")])  # fmt: skip
def test_second_fix_of_a_database_changes_nothing(
    id_: str, way: str, where: str, request: pytest.FixtureRequest
) -> None:
    """The first leaves a healthy database, the second finds nothing to do."""
    shop: Shop = request.getfixturevalue(where)
    for statement in DATABASE[id_]:
        shop.execute(statement)
    first = shop.live(way, "--yes")
    second = shop.live(way, "--yes")

    assert (first["ids"], second["ids"]) == ([], [])
    assert "1 fixed." in str(first["stderr"])
    assert "0 fixed." in str(second["stderr"])


BROUGHT = """
import os

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from traits_runtime._core.runtime import use_outbox
from traits_runtime.adapters.sqlalchemy import DatabaseCache, DatabaseOutbox, DatabaseStore
from traits_runtime.traits import HasSlug, HasTags, IsTag, LogsActivity, Searchable


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True)


class Word(IsTag, Base):
    __tablename__ = "words"


class Post(HasSlug, HasTags, Searchable, LogsActivity, Base):
    __tablename__ = "posts"
    __traits__ = {HasSlug: {"history": True}, HasTags: {"tag_model": "Word"}}
    title: Mapped[str]


aside = sa.create_engine(os.environ["SHOP_DATABASE"])
DatabaseStore(aside, Base.metadata)
DatabaseCache(aside, Base.metadata)
outbox = DatabaseOutbox(sa.MetaData(), aside)
outbox.table.metadata.create_all(aside)
use_outbox(outbox)
"""
"""Models whose traits bring tables; an outbox in the same database that the models' metadata does not know."""

TABLES = {
    "activity_log": "LogsActivity",
    "posts_words": "HasTags",
    "search_entries": "Searchable",
    "slug_history": "HasSlug",
    "traits_cache": "DatabaseCache",
    "traits_outbox": "DatabaseOutbox",
    "traits_override": "DatabaseStore",
    "traits_override_history": "DatabaseStore",
}


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lite", "postgres"])
def test_tables_that_traits_bring_are_found_and_made(where: str, request: pytest.FixtureRequest) -> None:
    """Each alone and all together, with what brings it, at the first model that has the trait; and then work."""
    shop: Shop = request.getfixturevalue(where)
    shop.models(BROUGHT.replace("outbox.table.metadata.create_all(aside)\n", ""))
    create_tables(shop, "Base.metadata.create_all(engine); outbox.table.metadata.create_all(engine)")
    healthy = shop.live("--fail-level", "info")
    for table in TABLES:
        shop.execute(f"DROP TABLE {table}")
    ill = shop.live("--select", "TRT3")
    first, second = shop.live("--fix"), shop.live("--fix")
    line = BROUGHT[: BROUGHT.index("class Post(")].count("\n") + 1
    create_tables(
        shop,
        "from shop.models import Post; from traits_runtime.adapters.sqlalchemy import TraitSession, activities; "
        "session = TraitSession(engine); post = Post(title='Tea'); post.tag('green'); session.add(post); "
        "session.commit(); assert session.query(Post).filter(Post.scopes.search('tea')).all() == [post]",
    )

    assert (healthy["ids"], healthy["code"]) == ([], 0)
    assert {one["subject"]: one["message"] for one in ill["data"]} == {  # type: ignore[attr-defined]
        table: f"The table {table!r} of {owner} does not exist." for table, owner in TABLES.items()
    }
    assert {(one["path"], one["line"]) for one in ill["data"]} == {("", 0), ("shop/models.py", line)}  # type: ignore[attr-defined]
    assert (first["ids"], second["ids"]) == ([], [])
    assert f"{len(TABLES)} fixed." in str(first["stderr"])
    assert "0 fixed." in str(second["stderr"])


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lite", "postgres"])
def test_indexes_of_tables_that_traits_bring_are_as_they_were(where: str, request: pytest.FixtureRequest) -> None:
    """An index comes back with its kind and its condition; a unique one is left to a person, as any other."""
    shop: Shop = request.getfixturevalue(where)
    shop.models(BROUGHT)
    create_tables(shop)
    on_postgres = where == "postgres"
    dropped = ["ix_activity_log_subject", *(["ix_search_entries_vector"] if on_postgres else [])]
    for name in [*dropped, "uq_traits_outbox_key"]:
        shop.execute(f"DROP INDEX {name}")
    first, second = shop.live("--fix"), shop.live("--fix")
    if on_postgres:
        gin = "SELECT indexdef LIKE '%gin%' FROM pg_indexes WHERE indexname = 'ix_search_entries_vector'"
        shop.execute(f"DO $$ BEGIN ASSERT ({gin}); END $$")

    assert [one["subject"] for one in first["data"]] == ["traits_outbox(key)"]  # type: ignore[attr-defined]
    assert f"{len(dropped)} fixed." in str(first["stderr"])
    assert second["data"] == first["data"]


def test_outbox_that_cannot_be_asked_is_found(lite: Shop) -> None:
    """A missing table does not end the command before it is found."""
    lite.models(BROUGHT)
    create_tables(lite)
    lite.models(BROUGHT.replace("outbox.table.metadata.create_all(aside)\n", ""))
    lite.execute("DROP TABLE traits_outbox")
    done = lite.live()

    assert done["ids"] == ["TRT301", "TRT402"]


def test_schema_of_a_migration_tool_is_left_to_it(lite: Shop) -> None:
    """`--fix` touches no table where Alembic is in use; the hint says what to do instead."""
    lite.execute("CREATE TABLE alembic_version (version_num TEXT)")
    lite.execute("DROP INDEX ix_articles_slug")
    done = lite.live("--fix")

    assert done["ids"] == ["TRT304"]
    assert "write a migration" in done["data"][0]["hint"]  # type: ignore[index]
    assert "0 fixed." in str(done["stderr"])


@pytest.mark.slow
def test_column_that_may_not_be_empty_is_left_to_a_migration(lite: Shop) -> None:
    """Nobody but a person knows what the rows that are there should get."""
    lite.execute("DROP INDEX ix_articles_slug")
    lite.execute("ALTER TABLE articles DROP COLUMN slug")
    lite.execute("CREATE INDEX ix_articles_slug ON articles (code)")
    done = lite.live("--select", "TRT302", "--fix")

    assert done["ids"] == ["TRT302"]
    assert "may not be empty" in done["data"][0]["hint"]  # type: ignore[index]


@pytest.mark.slow
def test_fix_that_the_database_refuses_is_reported_and_the_rest_is_done(postgres: Shop) -> None:
    """Empty values stand in the way of NOT NULL; the missing index is made all the same."""
    for statement in DATABASE["TRT305"]:
        postgres.execute(statement)
    postgres.execute("INSERT INTO articles (slug) VALUES (NULL)")
    postgres.execute("DROP INDEX ix_articles_slug")
    done = postgres.live("--unsafe-fixes", "--yes")

    assert done["ids"] == ["TRT305"]
    assert "1 fixed." in str(done["stderr"])
    assert "NotNullViolation" in str(done["stderr"]) or "IntegrityError" in str(done["stderr"])


@pytest.mark.slow
def test_database_is_found_behind_an_application(lite: Shop) -> None:
    """An engine, a session maker, an asynchronous engine, or a URL."""
    lite.execute("DROP INDEX ix_articles_slug")
    with (lite.root / "shop" / "app.py").open("a", encoding="utf-8") as file:
        file.write("from sqlalchemy.orm import sessionmaker\nmaker = sessionmaker(engine)\n"
                   "from sqlalchemy.ext.asyncio import create_async_engine\n"
                   "url = os.environ['SHOP_DATABASE'].replace('sqlite:', 'sqlite+aiosqlite:')\n"
                   "later = create_async_engine(url)\n")  # fmt: skip
    for app in ("shop.app", "shop.app:engine", "shop.app:maker", "shop.app:later"):
        assert lite.live(app=app)["ids"] == ["TRT304"], app

    assert lite.live("--database", lite.url, app="shop.models")["ids"] == ["TRT304"]


# -- what runs


BROKEN_CACHE = """
    from traits_runtime import cache
    from traits_runtime._core.cache import MemoryCache

    class Forgetful(MemoryCache):
        def set(self, key, value, ttl, scopes=()): ...

    cache.backend = Forgetful()
"""


def test_cache_that_loses_writes_is_found(lite: Shop) -> None:
    """TRT401 names the backend."""
    lite.add(BROKEN_CACHE)
    done = lite.live()

    assert done["ids"] == ["TRT401"]
    assert "Forgetful" in done["data"][0]["message"]  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.parametrize(
    "operations",
    [
        "class Lost(TraitJob):\n    def process_reindex(self, model): ...\n",
        "class HasNothing(Trait): ...\nclass Lost(TraitJob, trait=HasNothing):\n    def process_x(self, model): ...\n",
    ],
)
def test_operations_without_a_trait_are_found(operations: str, lite: Shop) -> None:
    """TRT403, for none and for one that no model uses."""
    lite.add(operations)
    done = lite.live()

    assert done["ids"] == ["TRT403"]
    assert done["data"][0]["subject"] == "Lost"  # type: ignore[index]


def test_sources_are_read_once(lite: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings, config keys and the check after a fix share one manifest."""
    from traits_cli import sources

    projects = []
    read_files = sources.read_files

    def counting(project: Project, **options: bool) -> Extraction:
        projects.append(project)
        return read_files(project, **options)

    monkeypatch.setattr(sources, "read_files", counting)
    lite.config(CONFIG["TRT202"][0])
    done = lite.static("--fix")

    assert "1 fixed." in done.stderr
    assert len(projects) == 1


def test_json_shows_what_the_fix_would_change(lite: Shop) -> None:
    """The target and a preview, as `--diff` prints them; null where no command can fix it."""
    lite.config(CONFIG["TRT202"][0] + CONFIG["TRT205"][0].partition("\n")[2])
    fixes = {str(finding["id"]): finding["fix"] for finding in found(lite.static("--json"))}

    assert fixes == {"TRT202": "pyproject.toml: remove HasSlug.max_length", "TRT205": None}


# -- choosing, baseline, forms


def test_select_and_ignore_take_ids_and_their_beginnings(lite: Shop) -> None:
    """`--select TRT2 --ignore TRT203`."""
    lite.config("[tool.traits.config.HasSlug]\nmax_length = 2\nold_name = ''\nmax_lenght = 3\n")
    every = {one["id"] for one in found(lite.static("--json"))}
    chosen = {one["id"] for one in found(lite.static("--json", "--select", "trt2", "--ignore", "TRT203,TRT205"))}

    assert every == {"TRT201", "TRT202", "TRT203", "TRT205"}
    assert chosen == {"TRT201", "TRT202"}


def test_one_model_or_trait_alone(lite: Shop) -> None:
    """What is about something else is left out."""
    lite.add("import nowhere\nclass Odd(Saves, nowhere.Base): ...\n")
    lite.config(CONFIG["TRT202"][0])

    assert [one["id"] for one in found(lite.static("Odd", "--json"))] == ["TRT101"]
    assert [one["id"] for one in found(lite.static("HasSlug", "--json"))] == ["TRT202"]


def test_level_from_which_it_fails(lite: Shop) -> None:
    """A note fails nothing unless it is asked to."""
    lite.config(CONFIG["TRT203"][0])

    assert lite.static().exit_code == 0
    assert lite.static("--fail-level", "info").exit_code == 1


def test_baseline_leaves_old_findings_alone_and_shows_new_ones(lite: Shop) -> None:
    """Also when lines move; fixes leave what is in it alone too."""
    lite.config(CONFIG["TRT202"][0])
    written = lite.static("--write-baseline")
    lite.config("# moved\n" + CONFIG["TRT202"][0] + "old_name = 'x'\n")
    done = lite.static("--json", "--fix")

    assert written.exit_code == 0
    assert [one["id"] for one in found(done)] == ["TRT205"]
    assert "max_length = 2" in (lite.root / "pyproject.toml").read_text(encoding="utf-8")


def test_unreadable_baseline_is_answered_with_its_path(lite: Shop) -> None:
    """Exit code 2."""
    file = lite.root / "base.json"
    file.write_text("[]", encoding="utf-8")
    done = lite.static("--baseline", str(file))

    assert done.exit_code == 2
    assert str(file) in done.stderr


def test_sarif_is_valid(lite: Shop) -> None:
    """Each result has its rule, its place and a fingerprint that does not move with the line."""
    lite.config(CONFIG["TRT202"][0])
    log = json.loads(lite.static("--format", "sarif").stdout)
    result = log["runs"][0]["results"][0]
    rule = log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
    place = result["locations"][0]["physicalLocation"]

    assert (log["version"], rule["id"], result["ruleId"]) == ("2.1.0", "TRT202", "TRT202")
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("pyproject.toml", 6)
    assert result["level"] == "error"
    assert result["partialFingerprints"] == {"traits/1": "TRT202 pyproject.toml HasSlug.max_length"}


def test_github_shows_findings_beside_their_lines(lite: Shop) -> None:
    """A workflow command a finding; what would break the line is escaped."""
    lite.config(CONFIG["TRT202"][0])
    lines = lite.static("--format", "github").stdout.splitlines()

    assert len(lines) == 1
    assert lines[0].startswith("::error file=pyproject.toml,line=6,title=TRT202::HasSlug.max_length takes int")


def test_junit_has_a_case_for_each_id(lite: Shop) -> None:
    """Failed is the one that was found."""
    lite.config(CONFIG["TRT202"][0])
    suite = ElementTree.fromstring(lite.static("--format", "junit").stdout)  # noqa: S314 - our own
    failed = [case.get("classname") for case in suite if case.find("failure") is not None]

    assert (suite.get("tests"), suite.get("failures"), failed) == (str(len(CHECKS)), "1", ["TRT202"])


def test_json_holds_to_its_schema(lite: Shop) -> None:
    """As every command's."""
    from traits_cli.schemas import schemas

    lite.config(CONFIG["TRT202"][0])
    said = json.loads(lite.static("--format", "json").stdout)

    assert (said["schema"], said["ok"]) == ("traits/diagnose/1", False)
    jsonschema.validate(said, schemas()["traits/diagnose/1"])


def test_text_names_place_id_reason_and_way_out(lite: Shop) -> None:
    """Two lines a finding, and what can be fixed."""
    lite.config(CONFIG["TRT202"][0])
    lines = lite.static().stdout.splitlines()

    assert re.match(r"pyproject\.toml:6: error TRT202 HasSlug\.max_length takes int", lines[0])
    assert lines[1].endswith("(--fix)")
    assert lines[2] == "1 finding: 1 error. Can be fixed: 1 with --fix."


# -- the catalogue


@pytest.mark.parametrize("id_", CHECKS)
def test_every_id_is_explained_offline(id_: str) -> None:
    """Why it matters and what to do, without a project."""
    done = run("diagnose", "--explain", id_.lower(), project=None)

    assert done.exit_code == 0
    assert CHECKS[id_].why in done.stdout
    assert CHECKS[id_].hint in done.stdout


@pytest.mark.parametrize("id_", CHECKS)
def test_every_id_has_a_page_and_a_test_that_provokes_it(id_: str) -> None:
    """The page is made from the record; the list of provoked ids is that of this file and of `test_jobs.py`."""
    page = ROOT / "docs" / "reference" / "diagnose" / f"{id_}.md"
    provoked = {*SOURCES, *CONFIG, *DATABASE, "TRT103", "TRT204", "TRT401", "TRT402", "TRT403", "TRT404"}

    assert CHECKS[id_].why in page.read_text(encoding="utf-8")
    assert id_ in provoked

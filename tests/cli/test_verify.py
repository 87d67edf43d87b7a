"""`traits verify`: every kind of fact is compared with the running program, and a falsified one is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from falsified import FALSIFICATIONS

from programs import BLOG, ROOT, process

SQLALCHEMY = """
    from sqlalchemy import ForeignKey
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

    from traits_runtime import Trait, TraitEvent, hook, listen
    from traits_runtime.adapters.sqlalchemy import TraitSession
    from traits_runtime.traits import HasUserTracking


    class Base(DeclarativeBase):
        id: Mapped[int] = mapped_column(primary_key=True)
"""

DJANGO = """
    from django.db import models
    from django.db.models.signals import post_save
    from django.dispatch import receiver
"""


@pytest.fixture(scope="module")
def falsified() -> dict[str, list[str]]:
    """The kinds of differences of each falsified manifest of the blog, verified in one process."""
    script = Path(__file__).with_name("falsified.py")
    command = [sys.executable, str(script), str(BLOG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    kinds: dict[str, list[str]] = json.loads(done.stdout)
    return kinds


def verify(folder: Path, source: str, *arguments: str, **env: str) -> dict[str, Any]:
    """Verify a package `shop` with one module; counts by kind and the other results."""
    package = folder / "shop"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "models.py").write_text(dedent(source), encoding="utf-8")
    command = ("verify", "--package", "shop", "--search-path", str(folder), "--json", *arguments)
    done = process(*command, cwd=folder, env=env)
    assert done.returncode in (0, 1), done.stderr
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return {**data, "counts": {count["kind"]: count for count in data["counts"]}}


def verify_django(folder: Path, source: str, *arguments: str) -> dict[str, Any]:
    """Verify the models of a Django application `shop`."""
    settings = "SECRET_KEY = 'x'\nINSTALLED_APPS = ['shop']\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n"
    (folder / "shop_settings.py").write_text(settings, encoding="utf-8")
    path = {"PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "shop_settings"}
    return verify(folder, dedent(DJANGO) + dedent(source), *arguments, **path)


def differences(data: dict[str, Any], kind: str) -> list[tuple[str, str, str]]:
    """Fact, manifest value and program value of the differences of a kind."""
    return [
        (difference["fact"], difference["manifest"], difference["program"])
        for difference in data["differences"]
        if difference["kind"] == kind
    ]


def reasons(data: dict[str, Any], kind: str) -> list[str]:
    """Why facts of a kind have no result."""
    return [gap["reason"] for gap in data["gaps"] if gap["kind"] == kind]


# The blog.


def test_blog_has_facts_of_each_kind_and_no_difference() -> None:
    """Each kind of fact that the blog has is compared; it has no signals of its host."""
    done = process("verify", "--project", str(BLOG), "--json")
    data = json.loads(done.stdout)["data"]

    assert done.returncode == 0, data["differences"]
    assert [count["kind"] for count in data["counts"] if not count["compared"]] == ["signal"]


def test_blog_is_written_as_a_table_of_kinds() -> None:
    """For people: a row for each kind, then what could not be compared, and the sum on standard error."""
    done = process("verify", "--project", str(BLOG), "--no-rows")

    assert done.stdout.splitlines()[0].split() == [
        "Facts", "Compared", "Equal", "Different", "Not", "certain", "Not", "comparable",
    ]  # fmt: skip
    assert "column: 5 not comparable: the host or another model makes the column" in done.stdout
    assert done.stderr.endswith("facts compared, 0 differences.\n")


def test_true_manifest_has_no_difference(falsified: dict[str, list[str]]) -> None:
    """Without a falsification nothing differs."""
    assert falsified[""] == []


@pytest.mark.parametrize("name", FALSIFICATIONS)
def test_falsified_fact_is_a_difference(name: str, falsified: dict[str, list[str]]) -> None:
    """A manifest that is false in one fact differs in that kind of fact."""
    kind, _ = FALSIFICATIONS[name]

    assert kind in falsified[name]


def test_falsified_file_is_told_with_place_and_both_values(tmp_path: Path) -> None:
    """`--manifest` verifies a file; the difference says where, what the file says and what the program has."""
    manifest = json.loads(process("manifest", "--project", str(BLOG)).stdout)
    file = tmp_path / "manifest.json"
    page = next(model for model in manifest["models"] if model["name"].endswith(".Page"))
    page["columns"][0]["nullable"] = "yes"
    file.write_text(json.dumps(manifest), encoding="utf-8")
    done = process("verify", "--project", str(BLOG), "--manifest", str(file), "--no-rows")

    assert done.returncode == 1
    line = page["columns"][0]["location"]["line"]
    expected = f"blog/models/content.py:{line}: nullability: blog.models.content.Page in_menu: manifest yes, program no"
    assert expected in done.stdout.splitlines()


def test_file_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    """Exit code 2 and a sentence."""
    file = tmp_path / "manifest.json"
    file.write_text("{}", encoding="utf-8")
    done = process("verify", "--project", str(BLOG), "--manifest", str(file))

    assert done.returncode == 2
    assert "Not a manifest" in done.stderr


def test_rows_can_be_left_out() -> None:
    """`--no-rows` writes none, so no recorded order is compared."""
    done = process("verify", "--project", str(BLOG), "--json", "--no-rows")
    counts = {count["kind"]: count["compared"] for count in json.loads(done.stdout)["data"]["counts"]}

    assert counts["recorded hooks"] == 0
    assert counts["hook order"] > 0


def test_value_from_the_environment_cannot_be_compared() -> None:
    """Sources do not know the environment of the program."""
    done = process("verify", "--project", str(BLOG), "--json", "--no-rows", env={"BLOG_MAX_FOLLOWERS": "5"})
    data = json.loads(done.stdout)["data"]

    assert done.returncode == 0, data["differences"]
    assert reasons(data, "config") == ["the value comes from the environment layer"]


# Models and their hosts.


def test_model_that_no_statement_defines_is_a_difference(tmp_path: Path) -> None:
    """A class that a call makes is a mapped class of the program, and not in the manifest."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    class Article(Base):
        __tablename__ = "articles"

    Hidden = type("Hidden", (Base,), {"__tablename__": "hidden", "__module__": __name__})
    """,
    )

    assert differences(data, "model") == [("", "", "a mapped class")]
    assert [difference["subject"] for difference in data["differences"]] == ["shop.models.Hidden"]


def test_models_of_all_hosts_are_found(tmp_path: Path) -> None:
    """Pydantic models, dataclasses and attrs classes that use a mixin are models on both sides."""
    data = verify(
        tmp_path,
        """
    import attrs
    import dataclasses
    import pydantic

    class Priced:
        def total(self) -> int: return 1

    class Item(Priced, pydantic.BaseModel):
        price: int

    class Plain(pydantic.BaseModel):
        price: int

    @dataclasses.dataclass
    class Line(Priced):
        amount: int = 1

    @attrs.define
    class Order(Priced):
        number: int
    """,
    )

    assert data["differences"] == []
    assert data["counts"]["model"]["equal"] == 3
    assert data["counts"]["column"]["equal"] > 0


def test_framework_class_that_wins_over_a_mixin_is_a_difference(tmp_path: Path) -> None:
    """A mixin behind Django's Model never runs its `save`, whatever the manifest says."""
    data = verify_django(
        tmp_path,
        """
    class Stamped:
        def save(self, *args, **kwargs): ...
        def stamp(self): ...

    class Article(models.Model, Stamped):
        title = models.CharField(max_length=10, null=True)
    """,
    )

    assert ("save", "shop.models.Stamped", "django.db.models.base.Model") in differences(data, "winner")
    assert data["counts"]["column"]["equal"] == 1


def test_signals_of_django_are_compared_by_sender(tmp_path: Path) -> None:
    """Receivers with and without a sender are heard by the models that Django asks them for."""
    source = """
    class Article(models.Model): ...
    class Page(models.Model): ...

    @receiver(post_save, sender=Article)
    def note(sender, **kwargs): ...

    @receiver(post_save)
    def audit(sender, **kwargs): ...
    """
    data = verify_django(tmp_path, source)
    loop = """
    for model in (Article, Page):
        post_save.connect(note, sender=model, dispatch_uid=str(model))
    """
    hidden = verify_django(tmp_path, source + loop)

    assert data["differences"] == []
    assert data["counts"]["signal"]["equal"] == 12
    assert differences(hidden, "signal") == [("post_save", "shop.models.audit", "shop.models.audit, shop.models.note")]


def test_module_that_cannot_be_imported_is_not_comparable(tmp_path: Path) -> None:
    """Its models have no result, and the reason names the error; other modules are compared.

    The module has declared a trait and a part of its models when it fails.
    """
    (tmp_path / "shop").mkdir()
    broken = dedent(SQLALCHEMY) + (
        "class HasA(Trait): ...\n"
        "class Broken(HasA, Base):\n    __tablename__ = 'broken'\n"
        "1 / 0\n"
        "class Late(HasA, Base):\n    __tablename__ = 'late'\n"
    )
    (tmp_path / "shop" / "broken.py").write_text(broken, encoding="utf-8")
    data = verify(tmp_path, SQLALCHEMY + '\n    class Article(Base):\n        __tablename__ = "articles"\n')

    assert data["differences"] == []
    failure = "shop.broken cannot be imported: ZeroDivisionError: division by zero"
    assert [reasons(data, kind) for kind in ("model", "models", "traits")] == [[failure]] * 3
    assert data["counts"]["model"]["equal"] == 1


def test_program_without_any_importable_class_fails(tmp_path: Path) -> None:
    """Nothing compared is an error, not a success."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("raise SystemExit\n", encoding="utf-8")
    done = process("verify", "--package", "shop", "--search-path", str(tmp_path))

    assert done.returncode == 2
    assert "Nothing could be compared" in done.stderr


def test_django_that_cannot_be_set_up_is_an_error(tmp_path: Path) -> None:
    """Exit code 2 and the cause, no traceback."""
    (tmp_path / "shop.py").write_text("", encoding="utf-8")
    (tmp_path / "shop_settings.py").write_text("INSTALLED_APPS = ['nowhere']\n", encoding="utf-8")
    environment = {"PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "shop_settings"}
    done = process("verify", "--package", "shop", "--search-path", str(tmp_path), env=environment)

    assert done.returncode == 2
    message = "Django cannot be set up with shop_settings: ModuleNotFoundError: No module named 'nowhere'"
    assert done.stderr.splitlines()[-1] == f"Error: {message}"


def test_class_that_is_not_read_completely_is_not_certain(tmp_path: Path) -> None:
    """A base that a call makes is unknown to the manifest, which says so; the MRO is then no difference."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    def mixins():
        return [type("Made", (), {})]

    class Article(mixins()[0], Base):
        __tablename__ = "articles"
    """,
    )

    assert differences(data, "mro") == []
    assert data["counts"]["mro"]["uncertain"] == 1


# Hooks in the order in which they run.


def test_recorded_hooks_of_all_operations_are_compared(tmp_path: Path) -> None:
    """Insert, update and delete of one row, each with the hooks of its moments."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    class Counted(Trait):
        @hook("saved")
        def last(self) -> None: ...
        @hook("creating", priority=1)
        def second(self) -> None: self.helper()
        @hook("creating", priority=2)
        def first(self) -> None: ...
        @hook("updating")
        def helper(self) -> None: ...
        @hook("deleted")
        def gone(self) -> None: ...

    class Article(Counted, Base):
        __tablename__ = "articles"
        title: Mapped[str]
    """,
    )

    assert data["differences"] == []
    assert data["counts"]["recorded hooks"]["equal"] == 3


def test_hook_that_uses_another_database_is_refused(tmp_path: Path) -> None:
    """Nothing but the scratch database is written to, whatever a hook does."""
    target = tmp_path / "real.db"
    data = verify(
        tmp_path,
        SQLALCHEMY
        + f"""
    from sqlalchemy import create_engine, text

    engine = create_engine("sqlite:///{target}")

    class Counted(Trait):
        @hook("creating")
        def count(self) -> None:
            with engine.begin() as connection:
                connection.execute(text("CREATE TABLE counts (id INTEGER)"))

    class Article(Counted, Base):
        __tablename__ = "articles"
    """,
    )

    assert reasons(data, "recorded hooks") == ["no row can be written: a hook uses a database of its own"]
    assert not target.exists() or target.stat().st_size == 0


def test_listeners_hear_nothing_of_the_scratch_rows(tmp_path: Path) -> None:
    """Events are held back while rows are written: no listener of the program runs."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + f"""
    class Counted(Trait):
        counted = TraitEvent(doc="After counting.")

        @hook("creating")
        def count(self) -> None:
            self.counted()

    class Article(Counted, Base):
        __tablename__ = "articles"

    @listen("trait.Counted.counted", model=Base)
    def note(envelope) -> None:
        open({str(tmp_path / "heard")!r}, "w").close()
    """,
    )

    assert data["differences"] == []
    assert data["counts"]["listener"]["equal"] == 1
    assert not (tmp_path / "heard").exists()


def test_row_that_cannot_be_made_is_not_comparable(tmp_path: Path) -> None:
    """A column whose type has no simple value, with the reason."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    from sqlalchemy import types

    class Point(types.UserDefinedType):
        cache_ok = True
        def get_col_spec(self, **options): return "POINT"

    class Counted(Trait):
        @hook("creating")
        def count(self) -> None: ...

    class Article(Counted, Base):
        __tablename__ = "articles"
        place: Mapped[str] = mapped_column(Point)
    """,
    )

    assert reasons(data, "recorded hooks") == [
        "no row can be written: column 'place' has a type without a simple value"
    ]


# Columns of traits as models have them.


def test_columns_that_a_model_renames_or_leaves_out_are_read_so(tmp_path: Path) -> None:
    """Config in code names the columns of a trait: the manifest's composition has what the mapper has."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    class Article(HasUserTracking, Base):
        __tablename__ = "articles"
        __traits__ = {HasUserTracking: {"created_by_column": "author_id", "created_by_type_column": "author_kind",
                                        "deleted_by_column": ""}}

    class Note(Base):
        __tablename__ = "notes"
        article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id"))
        article: Mapped[Article | None] = relationship(backref="notes")
    """,
    )

    assert data["differences"] == []
    assert data["counts"]["column"]["equal"] > 6
    assert "the host or another model makes the column" in reasons(data, "column")


def test_relation_of_an_abstract_model_to_itself_points_to_the_model(tmp_path: Path) -> None:
    """Django resolves `self` for each model that inherits the relation."""
    data = verify_django(
        tmp_path,
        """
    class Node(models.Model):
        parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE)

        class Meta:
            abstract = True

    class Category(Node): ...
    """,
    )

    assert data["differences"] == []
    assert data["counts"]["target"]["equal"] == 1


def test_field_class_with_a_constructor_is_not_said_to_be_required(tmp_path: Path) -> None:
    """Its constructor may allow empty values, which the manifest does not claim to know."""
    data = verify_django(
        tmp_path,
        """
    class OptionalText(models.TextField):
        def __init__(self, **options):
            super().__init__(**{"null": True, **options})

    class Article(models.Model):
        subtitle = OptionalText()
    """,
    )

    assert data["differences"] == []
    assert reasons(data, "nullability") == ["the manifest does not say it"]


def test_method_that_a_class_takes_from_another_is_its_own(tmp_path: Path) -> None:
    """`__repr__ = Readable.__repr__` wins over the classes that follow in the MRO."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    class Readable:
        def __repr__(self) -> str: return "x"

    class Everything:
        __repr__ = Readable.__repr__

    class Article(Everything, Readable, Base):
        __tablename__ = "articles"
    """,
    )

    assert data["differences"] == []
    assert data["counts"]["winner"]["equal"] == 1


def test_member_behind_a_column_is_hidden(tmp_path: Path) -> None:
    """A column of the model takes the place of an attribute that its mixin annotates."""
    data = verify(
        tmp_path,
        SQLALCHEMY
        + """
    class Named:
        name: str

    class Article(Named, Base):
        __tablename__ = "articles"
        name: Mapped[str]
    """,
    )

    assert data["differences"] == []


def test_member_of_an_enum_equals_its_value(tmp_path: Path) -> None:
    """The manifest writes a member of an enum as its value, in settings of classes as in effective values."""
    result = verify(
        tmp_path,
        """
        import enum
        from traits_runtime import Trait, TraitConfig, option

        class Mode(enum.Enum):
            CALM = "calm"
            LOUD = "loud"

        class Keys(TraitConfig):
            mode: Mode = option(Mode.CALM)
            modes: tuple[Mode, ...] = option((Mode.CALM,))

        class HasKeys(Trait):
            keys = Keys()

        class Model(HasKeys):
            __traits__ = {HasKeys: {"mode": Mode.LOUD, "modes": (Mode.LOUD, Mode.CALM)}}
        """,
    )

    assert result["differences"] == []
    assert result["counts"]["config"]["equal"] == 2
    assert result["counts"]["settings"]["equal"] == 2


def test_different_secrets_are_told_without_their_values(tmp_path: Path) -> None:
    """A secret that the program changes is a difference, of the effective value and of the class; both are masked."""
    result = verify(
        tmp_path,
        """
        from traits_runtime import Trait, TraitConfig, option
        import os

        class Keys(TraitConfig):
            token: str = option("written-987", secret=True)

        class HasKeys(Trait):
            keys = Keys()

        class Model(HasKeys):
            __traits__ = {HasKeys: {"token": "given-987"}}

        for metadata in [Model.__dict__[name] for name in vars(Model) if "metadata" in name.lower()]:
            metadata.class_overrides = {key: "changed-987" for key in metadata.class_overrides}
        """,
    )

    assert sorted({difference["kind"] for difference in result["differences"]}) == ["config", "settings"]
    assert "-987" not in json.dumps(result)

"""Odd but ordinary code of models and traits: what is read of it is what it is, or it is said to be doubtful."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sphinx_traits.extract import extract
from sphinx_traits.manifest import Class, Manifest
from sphinx_traits.resolve import Composition, Index, compose

if TYPE_CHECKING:
    from tests.extract.conftest import Sources


def composed(sources: Sources, short: str) -> Composition:
    """What a class of some sources is."""
    return compose(Index(sources.manifest()), f"{sources.name}.{short}")


def by_name(manifest: Manifest, short: str) -> Class:
    """The class of that short name."""
    return next(cls for cls in manifest.classes() if cls.short == short)


def test_diamond_with_one_link_that_forgets_super(write: Callable[..., Sources]) -> None:
    """The chain of a cooperative method ends where ``super()`` is forgotten, and that is a finding."""
    sources = write(
        """
        from traits_runtime import Trait
        class Root(Trait):
            def save(self): ...
        class Left(Root, Trait):
            def save(self): ...
        class Right(Root, Trait):
            def save(self):
                if self.ready:
                    super().save()
        class Model(Left, Right):
            def save(self):
                super().save()
        """
    )
    it = composed(sources, "Model")
    (save,) = [member for member in it.members if member.name == "save"]

    assert [one.owner.rpartition(".")[2] for one in save.chain] == ["Model", "Left", "Right", "Root"]
    assert save.reaches == 2
    assert [one.calls_super for one in save.chain] == ["yes", "no", "conditional", "no"]
    assert [finding.code for finding in it.findings] == ["broken_super_chain"]


def test_django_fields(write: Callable[..., Sources]) -> None:
    """Fields of abstract models, taken away by a child, generic relations, and inherited ``Meta``."""
    pytest.importorskip("django")
    sources = write(
        """
        from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
        from django.db import models
        class Timed(models.Model):
            at = models.DateTimeField(null=True)
            note = models.TextField()
            class Meta:
                abstract = True
                ordering = ["at"]
        class Linked(models.Model):
            kind = models.ForeignKey("contenttypes.ContentType", on_delete=models.CASCADE)
            target = GenericForeignKey("kind", "id")
            tags = GenericRelation("Tag")
            class Meta:
                abstract = True
        class Article(Linked, Timed):
            note = None
            parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True)
            class Meta(Timed.Meta):
                db_table = "articles"
        """
    )
    it = composed(sources, "Article")

    assert {column.name: (column.kind, column.owner.rpartition(".")[2], column.nullable) for column in it.columns} == {
        "parent": ("relation", "Article", "yes"),
        "kind": ("relation", "Linked", "no"),
        "target": ("virtual", "Linked", ""),
        "tags": ("virtual", "Linked", ""),
        "at": ("column", "Timed", "yes"),
    }
    assert by_name(sources.manifest(), "Article").meta == {"db_table": "'articles'", "ordering": "['at']"}
    assert [model.short for model in sources.manifest().models] == ["Article"]


def test_sqlalchemy_columns(write: Callable[..., Sources]) -> None:
    """Typed and untyped `declared_attr`, dunders, ``Mapped`` without a value, relations by type, tables by hand."""
    pytest.importorskip("sqlalchemy")
    sources = write(
        """
        from __future__ import annotations
        from sqlalchemy import Column, ForeignKey, Integer, String, Table
        from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship
        class Base(DeclarativeBase): ...
        class HasOwner:
            @declared_attr.directive
            def __tablename__(cls) -> str: return cls.__name__
            @declared_attr
            def owner_id(cls) -> Mapped[int]: return mapped_column(ForeignKey("user.id"))
            @declared_attr
            def owner(cls): return relationship("User")
            @declared_attr
            def maybe(cls):
                if not cls.allowed:
                    return None
                return Column(String)
            @declared_attr
            def odd(cls): return cls.make()
        class User(Base):
            __tablename__ = "user"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str | None]
        class Article(HasOwner, Base):
            id: Mapped[int] = mapped_column(primary_key=True)
            editor: Mapped[User] = relationship()
            others: Mapped[list["User"]]
        by_hand = Table("by_hand", Base.metadata, Column("id", Integer), Column("colour", String, key="paint"))
        class ByHand(Base):
            __table__ = by_hand
        """
    )
    manifest = sources.manifest()
    article = {column.name: column for column in composed(sources, "Article").columns}

    assert {name: (one.kind, one.certainty) for name, one in article.items()} == {
        "id": ("column", "certain"),
        "editor": ("relation", "certain"),
        "others": ("relation", "certain"),
        "owner_id": ("column", "certain"),
        "owner": ("relation", "certain"),
        "maybe": ("column", "conditional"),
        "odd": ("virtual", "dynamic"),
    }
    assert article["owner_id"].target == "user.id"
    assert [(column.name, column.nullable) for column in by_name(manifest, "User").columns] == [
        ("id", "no"),
        ("name", "yes"),
    ]
    assert [column.name for column in by_name(manifest, "ByHand").columns] == ["id", "paint"]


def test_decorated_members(write: Callable[..., Sources]) -> None:
    """Hooks below other decorators and with named moments, hybrids with setters, ``#:`` docs, several targets."""
    sources = write(
        {
            "moments": "BEFORE = 'creating'\nclass Moment:\n    AFTER = 'created'\n",
            "m": """
            from sqlalchemy.ext.hybrid import hybrid_property
            from traits_runtime import Trait, hook
            from PKG.moments import BEFORE, Moment
            class HasX(Trait):
                #: The first and the second.
                first, second = 1, 2
                @property
                @hook("boot")
                def prepared(self): "Prepared."
                @hook(BEFORE)
                @hook(Moment.AFTER, priority=2)
                def twice(self): ...
                @hybrid_property
                def name(self) -> str:
                    "The name."
                @name.setter
                def name(self, value): "No."
                @name.expression
                def name(cls): "Neither."
            """,
        }
    )
    trait = by_name(sources.manifest(), "HasX")
    members = {member.name: member for member in trait.members}

    assert sorted((hook.name, hook.moment, hook.priority) for hook in trait.hooks) == [
        ("prepared", "boot", 0),
        ("twice", "created", 2),
        ("twice", "creating", 0),
    ]
    assert (members["name"].kind, members["name"].doc, members["name"].type) == ("property", "The name.", "str")
    assert {"first", "second"} <= set(members)


def test_emitting_calls(write: Callable[..., Sources]) -> None:
    """Names as text, constants, patterns, choices, loops, in closures and from outside; the rest is called dynamic."""
    sources = write(
        """
        from traits_runtime import Trait, TraitEvent
        PLAIN = "made"
        class HasX(Trait):
            made = TraitEvent()
            sold = TraitEvent()
            EVENT = "made"
            def constant(self): self.emit(PLAIN)
            def of_class(self): self.emit(self.EVENT)
            def choice(self, well): self.emit("made" if well else "sold")
            def loop(self):
                for one in ("made", "sold"):
                    self.emit(one)
            def local(self):
                name = "sold"
                self.emit(name)
            def pattern(self, kind): self.emit(f"made_{kind}")
            def closure(self): on_commit(lambda: self.emit("made"))
            def called(self): self.sold()
            def dynamic(self, name): self.emit(name)
        def helper(row: HasX): row.emit("sold")
        def imported():
            from PKG import HasX as Other
            Other.made.emit()
        """
    )
    manifest = sources.manifest()
    emits = [*by_name(manifest, "HasX").emits, *manifest.emits]

    found: dict[str, set[tuple[str, str]]] = {}
    for emit in emits:
        found.setdefault(emit.function.rpartition(".")[2], set()).add(
            (emit.name.removeprefix("trait.HasX."), emit.certainty)
        )
    assert found == {
        "constant": {("made", "certain")},
        "of_class": {("made", "conditional")},
        "choice": {("made", "conditional"), ("sold", "conditional")},
        "loop": {("made", "conditional"), ("sold", "conditional")},
        "local": {("sold", "certain")},
        "pattern": {("made_{kind}", "pattern")},
        "closure": {("made", "certain")},
        "called": {("sold", "certain")},
        "dynamic": {("name", "dynamic")},
        "helper": {("sold", "certain")},
        "imported": {("made", "certain")},
    }


def real_manager_mro(sources: Sources, name: str) -> list[str]:
    """The MRO of a manager's class, imported."""
    sys.path.insert(0, str(sources.folder))
    try:
        module = __import__(sources.name)
        return [f"{one.__module__}.{one.__qualname__}" for one in getattr(module, name).__mro__]
    finally:
        sys.path.remove(str(sources.folder))


def test_manager_from_a_query_set(write: Callable[..., Sources]) -> None:
    """``Manager.from_queryset(QS)`` makes a class; those below it have Python's MRO."""
    pytest.importorskip("django")
    sources = write(
        "from django.db import models\nclass QS(models.QuerySet): ...\n"
        "Base = models.Manager.from_queryset(QS)\nclass Articles(Base): ...\n"
        "class Named(models.Manager.from_queryset(QS, 'Other')): ...\n"
    )
    mros, uncertainties = sources.read(installed=True)

    assert uncertainties == {}
    for name in ("Articles", "Named"):
        assert mros[f"{sources.name}.{name}"] == real_manager_mro(sources, name)


def test_installed_for_editing(tmp_path: Path) -> None:
    """A ``.pth`` file leads to the sources, as it leads Python there."""
    site, project = tmp_path / "site", tmp_path / "project" / "src"
    site.mkdir()
    (project / "shop").mkdir(parents=True)
    (site / "shop.pth").write_text(f"{project}\n", encoding="utf-8")
    (project / "shop" / "__init__.py").write_text("from traits_runtime import Trait\nclass A(Trait): ...\n", "utf-8")
    manifest = extract(["shop"], search_paths=[site])

    assert [trait.name for trait in manifest.traits] == ["shop.A"]


@pytest.mark.parametrize("head", ["", "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"])
def test_package_in_two_places(head: str, tmp_path: Path) -> None:
    """Portions of a namespace package, and of one that extends its path, make one package."""
    for folder, text in (
        ("one", "from traits_runtime import Trait\nclass A(Trait): ...\n"),
        ("two", "from spread.one import A\nclass M(A): ...\n"),
    ):
        package = tmp_path / folder / "spread"
        package.mkdir(parents=True)
        (package / f"{folder}.py").write_text(text, encoding="utf-8")
        if head:
            (package / "__init__.py").write_text(head, encoding="utf-8")
    manifest = extract(["spread"], search_paths=[tmp_path / "one", tmp_path / "two"])

    assert [(model.name, model.traits) for model in manifest.models] == [("spread.two.M", ("spread.one.A",))]
    assert manifest.findings == ()


@pytest.mark.parametrize("file", ["base.pyi", "base.cpython-311-x86_64-linux-gnu.so", "base.abi3.so"])
def test_base_without_source_is_flagged(file: str, tmp_path: Path) -> None:
    """A base in a stub or a compiled module is not known; the model says so."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / file).write_text("class B: ...\n", encoding="utf-8")
    (package / "__init__.py").write_text(
        "from traits_runtime import Trait\nfrom shop.base import B\nclass A(Trait): ...\nclass M(A, B): ...\n", "utf-8"
    )
    manifest = extract(["shop"], search_paths=[tmp_path])

    assert [(model.short, model.complete) for model in manifest.models] == [("M", False)]
    assert [(finding.code, str(finding.location)) for finding in manifest.findings] == [
        ("unresolved_base", "shop/__init__.py:4")
    ]
    assert [(one.short, one.complete) for one in manifest.models] == [("M", False)]
    assert [(one.code, str(one.location)) for one in manifest.findings] == [("unresolved_base", "shop/__init__.py:4")]


def test_key_with_an_enum_as_its_type_takes_the_values_of_the_members(write: Callable[..., Sources]) -> None:
    """Choices are read where all members are constant; flags and enums with a lookup of their own have none."""
    sources = write(
        """
        import enum
        from typing import Annotated
        from traits_runtime import Trait, TraitConfig, option
        class Mode(enum.Enum):
            CALM = "calm"
            LOUD = "lo" + "ud"
            def quieter(self): ...
        class Size(enum.IntEnum):
            S = 1
        class Made(enum.Enum):
            A = enum.auto()
        class Flags(enum.Flag):
            A = 1
        class Lenient(enum.Enum):
            A = "a"
            @classmethod
            def _missing_(cls, value): ...
        class Keys(TraitConfig):
            mode: Mode = option(Mode.CALM)
            size: Size | None = option(None)
            noted: Annotated[Mode, "note"] = option(Mode.LOUD)
            made: Made = option(Made.A)
            flags: Flags = option(Flags.A)
            lenient: Lenient = option(Lenient.A)
            text: str = option("")
        class HasKeys(Trait):
            keys = Keys()
        """
    )
    choices = {key.name: key.choices for key in by_name(sources.manifest(), "HasKeys").config}

    assert choices == {
        "mode": ("'calm'", "'loud'"),
        "size": ("1",),
        "noted": ("'calm'", "'loud'"),
        "made": (),
        "flags": (),
        "lenient": (),
        "text": (),
    }

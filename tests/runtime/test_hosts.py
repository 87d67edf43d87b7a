"""Traits work on every kind of class that people make models from."""

from __future__ import annotations

import abc
import copy
import dataclasses
import gc
import pickle
import subprocess
import sys
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec
import pytest

from traits_runtime import Trait, TraitConfig, TraitEvent, boot, feature, hook, initialize, option, registry, run_hooks
from traits_runtime.testing import capture_events
from traits_runtime.traits import HasSlug, Publishable

BOOTED: list[str] = []
STARTED: list[str] = []


class NumberConfig(TraitConfig):
    """How numbers are given."""

    start: int = option(1, ge=0)


class HasNumber(Trait):
    """A trait that uses everything a host could get in the way of."""

    number_config = NumberConfig()
    by_year = feature(False)
    numbered = TraitEvent()

    @hook("boot")
    @classmethod
    def note_boot(cls) -> None:
        """Remember which model booted."""
        BOOTED.append(cls.__name__)

    @hook("initialize")
    def note_instance(self) -> None:
        """Remember that an instance was initialized."""
        STARTED.append(type(self).__name__)

    @hook("creating")
    def give_number(self) -> None:
        """Give the number."""
        self.numbered()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    BOOTED.clear()
    STARTED.clear()


def check(model: type[Any], *args: Any, **kwargs: Any) -> Any:
    """What holds on every host: one boot, one initialize per instance, config, feature, hook and event."""
    with capture_events("trait.HasNumber.*") as captured:
        first = model(*args, **kwargs)
        model(*args, **kwargs)
        run_hooks(first, "creating")

    name = model.__name__
    assert BOOTED.count(name) == 1
    assert STARTED.count(name) == 2
    assert first.number_config.start == 5
    assert first.enabled("by_year") is True
    assert first.by_year is True
    assert [one.sender is first for one in captured.envelopes] == [True]
    assert [one.__name__ for one in registry.models() if one.__qualname__ == model.__qualname__] == [name]
    return first


VALUES = {HasNumber: {"start": 5, "by_year": True}}


class Plain(HasNumber):
    """A plain class."""

    __traits__ = VALUES

    def __init__(self, title: str) -> None:
        self.title = title


def test_plain_class() -> None:
    """A plain class keeps its constructor."""
    made = check(Plain, "a")

    assert made.title == "a"
    with pytest.raises(TypeError):
        Plain()  # type: ignore[call-arg]


def test_class_without_constructor_refuses_arguments() -> None:
    """As any Python class does."""

    class Bare(HasNumber):
        __traits__ = VALUES

    class Silent(Trait):
        pass

    class Quiet(Silent):
        pass

    check(Bare)
    with pytest.raises(TypeError, match="takes"):
        Bare(1)
    with pytest.raises(TypeError, match="takes no arguments"):
        Quiet(1)


@dataclasses.dataclass
class Data(HasNumber):
    """A dataclass."""

    title: str
    __traits__: ClassVar[Any] = VALUES


@dataclasses.dataclass(slots=True)
class Slotted(HasNumber):
    """A dataclass with slots: the decorator makes a second class."""

    title: str
    __traits__: ClassVar[Any] = VALUES


@dataclasses.dataclass(slots=True, frozen=True)
class Frozen(HasNumber):
    """A frozen dataclass with slots."""

    title: str
    __traits__: ClassVar[Any] = VALUES


@pytest.mark.parametrize("model", [Data, Slotted, Frozen], ids=lambda one: one.__name__)
def test_dataclass(model: type[Any]) -> None:
    """Also with slots and frozen."""
    made = check(model, "a")

    assert made.title == "a"
    assert [one.name for one in dataclasses.fields(model)] == ["title"]
    assert copy.copy(made) == made


def test_slotted_class_has_no_dictionary() -> None:
    """A trait with empty slots adds nothing to instances."""

    class HasNothing(Trait):
        __slots__ = ()

        @hook("initialize")
        def note(self) -> None:
            STARTED.append("Small")

    @dataclasses.dataclass(slots=True)
    class Small(HasNothing):
        title: str

    assert not hasattr(Small("a"), "__dict__")
    assert STARTED == ["Small"]


def test_instances_can_be_pickled() -> None:
    """A pickled instance comes back."""
    assert pickle.loads(pickle.dumps(Data("a"))) == Data("a")  # noqa: S301


class Row(HasNumber, msgspec.Struct):
    """A struct whose trait comes first."""

    title: str
    __traits__ = VALUES


class LateRow(msgspec.Struct, HasNumber, frozen=True):
    """A frozen struct whose trait comes last, with an end of construction of its own."""

    title: str
    __traits__ = VALUES

    def __post_init__(self) -> None:
        ENDED.append(self.title)


ENDED: list[str] = []


@pytest.mark.parametrize("model", [Row, LateRow], ids=lambda one: one.__name__)
def test_msgspec(model: type[Any]) -> None:
    """Structs call no constructor; they are met at their end."""
    ENDED.clear()
    made = check(model, "a")

    assert made.title == "a"
    assert msgspec.json.decode(msgspec.json.encode(made), type=model) == made
    assert STARTED.count(model.__name__) == 3
    assert (["a", "a", "a"] if model is LateRow else []) == ENDED


def test_attrs() -> None:
    """Attrs makes a second class too."""
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Defined(HasNumber):
        title: str
        __traits__ = VALUES

    @attrs.frozen
    class Fixed(HasNumber):
        title: str
        __traits__ = VALUES

    assert check(Defined, "a").title == "a"
    assert check(Fixed, "a").title == "a"


def test_pydantic() -> None:
    """A pydantic model keeps its validation, made by constructor or from data."""
    pydantic = pytest.importorskip("pydantic")

    class Document(HasNumber, pydantic.BaseModel):  # type: ignore[misc, name-defined]
        __traits__ = VALUES
        title: str

    class Late(pydantic.BaseModel, HasNumber):  # type: ignore[misc, name-defined]
        __traits__ = VALUES
        title: str

        def model_post_init(self, _context: Any) -> None:
            ENDED.append(self.title)

    ENDED.clear()
    assert check(Document, title="a").title == "a"
    assert check(Late, title="b").title == "b"
    assert Document.model_validate({"title": "c"}).title == "c"
    assert STARTED.count("Document") == 3
    assert ENDED == ["b", "b"]
    assert list(Document.model_fields) == ["title"]
    with pytest.raises(pydantic.ValidationError):
        Document(title=1)


def test_typed_declarations_are_no_fields_of_pydantic() -> None:
    """Columns and events that a trait annotates for type checkers do not become fields, nor warn."""
    pydantic = pytest.importorskip("pydantic")

    class Draft(HasSlug, Publishable, pydantic.BaseModel):  # type: ignore[misc, name-defined]
        title: str = ""

    assert list(Draft.model_fields) == ["title"]
    with capture_events("trait.HasSlug.*") as captured:
        Draft(title="A").slug_generated(slug="a")
    assert captured.names == ["trait.HasSlug.slug_generated"]


def test_generic_pydantic_model_counts_once() -> None:
    """Its parametrised copies are no models of their own."""
    pydantic = pytest.importorskip("pydantic")
    item = TypeVar("item")

    class Box(HasNumber, pydantic.BaseModel, Generic[item]):  # type: ignore[misc, name-defined]
        __traits__ = VALUES
        content: item

    whole = Box[int](content=1)
    other = Box[str](content="a")

    assert (whole.number_config.start, other.number_config.start) == (5, 5)
    assert len(STARTED) == 2
    assert [one for one in registry.models() if issubclass(one, Box)] == [Box]


def test_abstract_base_class() -> None:
    """Abstract methods are still demanded."""

    class Named(abc.ABC):
        @abc.abstractmethod
        def name(self) -> str: ...

    class Person(HasNumber, Named):
        __traits__ = VALUES

        def name(self) -> str:
            return "ada"

    class Nobody(HasNumber, Named):
        __traits__ = VALUES

    assert check(Person).name() == "ada"
    with pytest.raises(TypeError, match="abstract"):
        Nobody()  # type: ignore[abstract]


def test_protocol() -> None:
    """A class that implements a protocol keeps the constructor behind it."""

    class Titled(Protocol):
        title: str

    class Base:
        def __init__(self, title: str) -> None:
            self.title = title

    class Book(HasNumber, Titled, Base):
        __traits__ = VALUES

    assert check(Book, "a").title == "a"


def test_base_that_does_not_call_super() -> None:
    """A foreign base that breaks the chain of constructors skips no trait."""

    class Stubborn:
        def __init__(self) -> None:
            self.stubborn = True

    class Child(Stubborn, HasNumber):
        __traits__ = VALUES

    assert check(Child).stubborn


def test_base_that_keeps_subclass_creation_to_itself() -> None:
    """A foreign base whose ``__init_subclass__`` calls nobody: the model is adopted at its first instance."""

    class Selfish:
        def __init_subclass__(cls) -> None:
            pass

    class Child(Selfish, HasNumber):
        __traits__ = VALUES

    assert check(Child)


def test_sqlalchemy_declarative() -> None:
    """Mapped classes, their subclasses, and rows that are loaded."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    orm = pytest.importorskip("sqlalchemy.orm")

    class Base(orm.DeclarativeBase):  # type: ignore[misc, name-defined]
        pass

    class Article(HasNumber, Base):
        __tablename__ = "article"
        __traits__ = VALUES
        id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)
        title = orm.mapped_column(sqlalchemy.String)
        kind = orm.mapped_column(sqlalchemy.String)
        __mapper_args__: ClassVar[Any] = {"polymorphic_on": "kind", "polymorphic_identity": "article"}

    class News(Article):
        __mapper_args__: ClassVar[Any] = {"polymorphic_identity": "news"}

    check(Article, title="a")
    check(News, title="a")
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Article(title="b"))
        session.commit()
        session.expunge_all()
        found = session.scalars(sqlalchemy.select(Article)).one()
        before = len(STARTED)
        initialize(found)
    engine.dispose()

    assert found.title == "b"
    assert len(STARTED) == before + 1
    assert BOOTED == ["Article", "News"]


def test_sqlmodel() -> None:
    """SQLModel is pydantic and SQLAlchemy at once."""
    sqlmodel = pytest.importorskip("sqlmodel")

    class Hero(HasNumber, sqlmodel.SQLModel, table=True):  # type: ignore[misc, name-defined, call-arg]
        __traits__: ClassVar[Any] = VALUES
        id: int | None = sqlmodel.Field(default=None, primary_key=True)
        name: str

    assert check(Hero, name="a").name == "a"


def test_django() -> None:
    """Concrete, abstract, proxy and multi-table models."""
    django = pytest.importorskip("django")
    from django.apps import apps
    from django.conf import settings

    if not settings.configured:
        settings.configure(INSTALLED_APPS=[], DEFAULT_AUTO_FIELD="django.db.models.AutoField")
        django.setup()
    assert apps.ready
    from django.db import models

    class Entry(HasNumber, models.Model):
        __traits__ = VALUES
        title = models.CharField(max_length=10)

        class Meta:
            app_label = "blog"

    class Dated(HasNumber, models.Model):
        __traits__ = VALUES

        class Meta:
            app_label = "blog"
            abstract = True

    class Event(Dated):
        class Meta:
            app_label = "blog"

    class ProxyEntry(Entry):
        class Meta:
            app_label = "blog"
            proxy = True

    class Review(Entry):
        class Meta:
            app_label = "blog"

    assert check(Entry, title="a").title == "a"
    check(Event)
    check(ProxyEntry)
    check(Review)


ON_DJANGO = """
from django.conf import settings
import django
settings.configure(
    INSTALLED_APPS=[], DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.db import connection, models
from traits_runtime import acting_as, hook, Trait
from traits_runtime.errors import NotSupportedError
from traits_runtime.traits import BelongsToTenant, HasUserTracking, SoftDeletes

ran = []

class Notes(Trait):
    @hook("saving")
    @hook("updating")
    @hook("deleted")
    def note(self):
        ran.append(self)

class Post(Notes, HasUserTracking, models.Model):
    title = models.CharField(max_length=10)
    created_by = models.IntegerField(null=True)
    updated_by = models.IntegerField(null=True)
    deleted_by = models.IntegerField(null=True)

    class Meta:
        app_label = "blog"

with connection.schema_editor() as editor:
    editor.create_model(Post)
with acting_as(1):
    post = Post.objects.create(title="a")
with acting_as(2):
    post.title = "b"
    post.save(update_fields=["title"])
    Post.objects.bulk_update([post], ["title"])
    Post.objects.update_or_create(id=post.id, defaults={"title": "c"})
post.refresh_from_db()
print("tracked", post.title, post.created_by, post.updated_by)
post.delete()
print("hooks", len(ran))

class Draft(SoftDeletes, models.Model):
    class Meta:
        app_label = "blog"

try:
    Draft()
except NotSupportedError as error:
    print("lost", error)
try:
    class Invoice(BelongsToTenant, models.Model):
        class Meta:
            app_label = "blog"
except NotSupportedError as error:
    print("tenants", error)
"""


def test_django_writes_rows_without_hooks_and_columns_which_is_a_documented_limit() -> None:
    """No host calls moments there; traits whose values would be lost, or whose tenants not be kept, are refused."""
    pytest.importorskip("django")
    done = subprocess.run([sys.executable, "-c", ON_DJANGO], capture_output=True, text=True, check=False)
    said = dict(one.partition(" ")[::2] for one in done.stdout.splitlines())

    assert done.returncode == 0, done.stderr
    assert (said["tracked"], said["hooks"]) == ("c None None", "0")
    assert said["lost"].startswith("Draft: traits give no columns to models of Django")
    assert "deleted_at (SoftDeletes)" in said["lost"]
    assert said["tenants"].startswith("Invoice: Django does not limit queries to the current tenant")


def test_boot_is_base_first_and_once() -> None:
    """Booting a model boots the models it inherits from, before it."""

    class Parent(HasNumber):
        pass

    class Child(Parent):
        pass

    boot(Child)
    Parent()
    Child()

    assert BOOTED == ["Parent", "Child"]


def test_models_are_not_kept_alive() -> None:
    """The registry forgets a class that nobody else knows."""

    class Passing(HasNumber):
        pass

    Passing()
    name = Passing.__qualname__
    assert any(one.__qualname__ == name for one in registry.models())

    del Passing
    gc.collect()

    assert not any(one.__qualname__ == name for one in registry.models())

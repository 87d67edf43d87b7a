"""`column`: a column that a trait brings to the tables of its models, whichever host maps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, overload

from traits_runtime.errors import DeclarationError
from traits_runtime.rules.identity import path_of

if TYPE_CHECKING:
    from traits_runtime._core.metadata import TraitMetadata

T = TypeVar("T")


class Unchanged:
    """What ``on_update`` returns to leave the stored value as it is."""

    def __repr__(self) -> str:
        return "unchanged"


unchanged: Final = Unchanged()


class TraitColumn(Generic[T]):
    """A declared column; made by `column`.

    Trait code reads and writes it under the trait's own name, also in models that call the column otherwise. On a
    class it is what the host makes of a column, so ``Article.created_by == 1`` works in its queries.
    """

    __slots__ = (
        "default",
        "doc",
        "index",
        "length",
        "name",
        "named_by",
        "nullable",
        "on_delete",
        "on_insert",
        "on_trash",
        "on_update",
        "owner",
        "path",
        "references",
        "references_by",
        "type",
        "typed_by",
        "unique",
    )  # fmt: skip

    def __init__(self, type: Any, **declared: Any) -> None:  # noqa: A002 - as `column` calls it
        self.type: Any = type
        self.name: str = ""
        self.owner: str = ""
        self.path: str = ""
        self.nullable: bool = declared["nullable"]
        self.default: Any = declared["default"]
        self.on_insert: Callable[[type[Any]], Any] | None = declared["on_insert"]
        self.on_update: Callable[[type[Any]], Any] | None = declared["on_update"]
        self.on_trash: Callable[[type[Any]], Any] | None = declared.get("on_trash")
        self.length: int | None = declared["length"]
        self.index: bool = declared["index"]
        self.unique: bool = declared["unique"]
        self.references: str = declared["references"]
        self.on_delete: str = declared["on_delete"]
        self.named_by: str = declared["named_by"]
        self.typed_by: str = declared["typed_by"]
        self.references_by: str = declared["references_by"]
        self.doc: str = declared["doc"]

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__
        self.path = path_of(owner)

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Any: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        target: Any = owner if instance is None else instance
        name = self._name_in(target)
        if not name and instance is not None:
            return None
        if name != self.name:
            return getattr(target, self._needed(target, name))
        if instance is None:
            return self
        return instance.__dict__.get(name, self.default)

    def __set__(self, instance: Any, value: T) -> None:
        name = self._name_in(instance)
        if name != self.name:
            setattr(instance, self._needed(type(instance), name), value)
        else:
            instance.__dict__[name] = value

    def _needed(self, model: type, name: str) -> str:
        """The name of the column, where the model has it.

        Raises:
            AttributeError: It is one that models have only where their config names it, and this one does not.
        """
        if not name:
            raise AttributeError(
                f"{model.__name__} keeps no {self.name}; name a column for it by the config key {self.named_by!r} of "
                f"{self.owner}."
            )
        return name

    def _name_in(self, target: Any) -> str:
        metadata: TraitMetadata | None = getattr(target, "__trait_metadata__", None)
        return self.name if metadata is None or metadata.kind == "trait" else named(metadata, self)

    def __repr__(self) -> str:
        return f"<TraitColumn {self.owner}.{self.name}>"


@overload
def column(
    type: type[T],
    *,
    nullable: Literal[False] = False,
    default: T | None = None,
    on_insert: Callable[[type[Any]], T] | None = None,
    on_update: Callable[[type[Any]], T | Unchanged] | None = None,
    on_trash: Callable[[type[Any]], T | Unchanged] | None = None,
    length: int | None = None,
    index: bool = False,
    unique: bool = False,
    references: str = "",
    on_delete: str = "",
    named_by: str = "",
    typed_by: str = "",
    references_by: str = "",
    doc: str = "",
) -> TraitColumn[T]: ...
@overload
def column(
    type: type[T],
    *,
    nullable: Literal[True],
    default: T | None = None,
    on_insert: Callable[[type[Any]], T | None] | None = None,
    on_update: Callable[[type[Any]], T | Unchanged | None] | None = None,
    on_trash: Callable[[type[Any]], T | Unchanged | None] | None = None,
    length: int | None = None,
    index: bool = False,
    unique: bool = False,
    references: str = "",
    on_delete: str = "",
    named_by: str = "",
    typed_by: str = "",
    references_by: str = "",
    doc: str = "",
) -> TraitColumn[T | None]: ...
def column(
    type: type[T],  # noqa: A002 - what it is
    *,
    nullable: bool = False,
    default: Any = None,
    on_insert: Callable[[type[Any]], Any] | None = None,
    on_update: Callable[[type[Any]], Any] | None = None,
    on_trash: Callable[[type[Any]], Any] | None = None,
    length: int | None = None,
    index: bool = False,
    unique: bool = False,
    references: str = "",
    on_delete: str = "",
    named_by: str = "",
    typed_by: str = "",
    references_by: str = "",
    doc: str = "",
) -> TraitColumn[Any]:
    """Declare a column of a trait; the host gives it to the table of every model that uses the trait.

    What a model may choose is a config key of the trait, whose value counts in the model's ``__traits__`` and as
    declared default: a table's shape is code, so files and environment have no say in it.

    Args:
        type: Python type of the values: ``int``, ``str``, ``bool``, ``float``, ``bytes``, ``Decimal``, ``date``,
            ``datetime`` (with time zone, kept in UTC), ``timedelta``, ``UUID``, an `enum.Enum`; ``dict`` and ``list``
            for JSON.
        nullable: Whether the column may be empty.
        default: The value of new rows.
        on_insert: Makes the value of new rows where none is given; called with the model when a row is written.
        on_update: Makes the value whenever a row is changed; called with the model. `unchanged` leaves it.
        on_trash: Makes the value when a row goes to the trash; restoring empties the column. `unchanged` leaves it.
        length: Longest text.
        index: Whether the column has an index.
        unique: Whether a value may occur once only.
        references: The column that it points to, ``users.id``.
        on_delete: What the database does when the row that it points to goes, ``SET NULL``.
        named_by: The config key that names the column; without one it is called as the attribute. A model whose key
            is empty has no such column: instances read None.
        typed_by: The config key that holds the type by name, ``int``, ``str`` or ``uuid``.
        references_by: The config key that holds the column that it points to, empty for none.
        doc: What it holds.

    >>> from traits_runtime import Trait
    >>> class HasRating(Trait):
    ...     rating = column(int, default=0, doc="Stars.")
    >>> class Hotel(HasRating):
    ...     pass
    >>> Hotel().rating
    0
    """
    return TraitColumn(
        type, nullable=nullable, default=default, on_insert=on_insert, on_update=on_update, on_trash=on_trash,
        length=length, index=index, unique=unique, references=references, on_delete=on_delete, named_by=named_by,
        typed_by=typed_by, references_by=references_by, doc=doc,
    )  # fmt: skip


def trait_columns(model: type) -> dict[str, TraitColumn[Any]]:
    """The columns that traits bring to a model, by their names in the model; for hosts.

    Args:
        model: A model; any other class has none.

    >>> from traits_runtime import Trait
    >>> class HasRank(Trait):
    ...     rank = column(int, default=0)
    >>> class Team(HasRank):
    ...     pass
    >>> trait_columns(Team)
    {'rank': <TraitColumn HasRank.rank>}
    """
    metadata: TraitMetadata | None = model.__dict__.get("__trait_metadata__")
    if metadata is None:
        return {}
    return {named(metadata, declared): declared for declared in columns_of(metadata)}


def columns_of(metadata: TraitMetadata) -> Iterator[TraitColumn[Any]]:
    """The columns that a class and its traits declare, its own first, without those that no name is given to."""
    seen: set[str] = set()
    for base in metadata.all:
        for name, value in vars(base.cls).items():
            if isinstance(value, TraitColumn) and name not in seen:
                seen.add(name)
                if named(metadata, value):
                    yield value


def named(metadata: TraitMetadata, column: TraitColumn[Any]) -> str:
    """The name of a column in a model, empty where the model does not want it."""
    if not column.named_by:
        return column.name
    name = metadata.names.get(column.name)
    if name is None:
        name = metadata.names[column.name] = str(structural(metadata, column, column.named_by))
    return name


def structural(metadata: TraitMetadata, column: TraitColumn[Any], key: str) -> Any:
    """The value of a config key that shapes a table: what class bodies give it, else its declared default."""
    declared = metadata.key(column.path, key)
    values = metadata.subject_of().code.get((column.path, key), ())
    value = values[0][0] if values else declared.option.declared_default()
    if not isinstance(value, str):
        raise DeclarationError(
            metadata.path, f"{column.owner}.{key} must be a text, it shapes the column {column.name}."
        )
    return value

"""`HasTags`: labels of several kinds, shared by all rows; and `IsTag` for the model of the labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, option, scope
from traits_runtime._core import runtime
from traits_runtime._core.locales import chain, normal
from traits_runtime.errors import TooManyTagsError
from traits_runtime.traits._backends import Backends

HELD: Final = "_trait_tags"
"""Where an instance keeps the changes that are not written yet; in memory its tags."""


def fold(name: str) -> str:
    """What makes two names one tag: letter case, spaces and ways of writing an accent do not.

    Raises:
        ValueError: There is nothing to see in the name.

    >>> fold("  Rock  Music"), fold("C++"), fold("CAFE\\u0301") == fold("Caf\\u00e9")
    ('rock-music', 'c++', True)
    """
    letters = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    seen = (letter for letter in letters if letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf"))
    words = "".join(" " if letter == "-" else letter for letter in seen)
    key = "-".join(words.split())
    if not key:
        raise ValueError(f"{name!r} cannot be a tag: there is nothing to see in it.")
    return key


class Label(NamedTuple):
    """A tag as a row has it.

    Args:
        type: The kind of tags it belongs to, empty for the ordinary kind.
        slug: What makes it this tag.
        name: As it was first written.
    """

    type: str
    slug: str
    name: str


class TypeChange:
    """What is to happen with the tags of one kind.

    Args:
        sync: Whether all others go.
        add: Names by slug.
        remove: Slugs.
    """

    __slots__ = ("add", "remove", "sync")

    def __init__(self) -> None:
        self.sync: bool = False
        self.add: dict[str, str] = {}
        self.remove: set[str] = set()


class TagChanges:
    """What is to happen with the tags of a row: kinds that are not named stay as they are."""

    def __init__(self) -> None:
        self.types: dict[str, TypeChange] = {}

    def tag(self, names: Iterable[str], kind: str) -> None:
        """Add tags."""
        change = self.types.setdefault(kind, TypeChange())
        for name in names:
            slug = fold(name)
            change.add.setdefault(slug, name.strip())
            change.remove.discard(slug)

    def untag(self, names: Iterable[str], kind: str) -> None:
        """Remove tags."""
        change = self.types.setdefault(kind, TypeChange())
        for slug in map(fold, names):
            change.add.pop(slug, None)
            change.remove.add(slug)

    def sync(self, names: Iterable[str], kind: str) -> None:
        """Have exactly these of a kind."""
        change = self.types[kind] = TypeChange()
        change.sync = True
        self.tag(names, kind)

    def apply(self, labels: Sequence[Label]) -> list[Label]:
        """The tags of a row afterwards: those it keeps, then the new ones."""
        remaining = [label for label in labels if not self._goes(label)]
        have = {(label.type, label.slug) for label in remaining}
        fresh = [Label(kind, slug, name) for kind, change in self.types.items() for slug, name in change.add.items()]
        return remaining + [label for label in fresh if (label.type, label.slug) not in have]

    def _goes(self, label: Label) -> bool:
        change = self.types.get(label.type)
        return change is not None and label.slug not in change.add and (change.sync or label.slug in change.remove)


class TagQuery(NamedTuple):
    """Which rows are meant, by their tags of one kind.

    Args:
        type: The kind.
        all: Rows must have all of these; none asks for nothing.
        any: Rows must have one of these; an empty list finds no row, None asks for nothing.
        without: Rows must have none of these.
    """

    type: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()


def tag_query(kind: str, all: Iterable[str], any: Iterable[str] | None, without: Iterable[str]) -> TagQuery:  # noqa: A002
    """A query with names folded, each once.

    >>> tag_query("", ["Rock", "rock"], None, [])
    TagQuery(type='', all=('rock',), any=None, without=())
    """

    def folded(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(fold, names)))

    return TagQuery(kind, folded(all), None if any is None else folded(any), folded(without))


class TagBackend(Protocol):
    """What a host does for tags."""

    def labels(self, row: Any) -> Sequence[Label]:
        """The tags that a row has in the database."""
        ...

    def touch(self, row: Any) -> None:
        """Write the row's changes with its session's next flush."""
        ...

    def matches(self, model: Any, query: TagQuery) -> Any:
        """The condition that rows fulfil a query."""
        ...


BACKENDS: Final[Backends[TagBackend]] = Backends()


class TagConfig(TraitConfig):
    """Which tags a row may have."""

    tag_model: str = option("", doc="Name of the model of the tags; empty where the registry has only one.")
    max_tags: int = option(0, ge=0, doc="How many tags a row may have, of all kinds together; 0 for any number.")


class TagsChanged(msgspec.Struct, frozen=True):
    """The tags of a row changed.

    Attributes:
        added: Names of the tags that are new on the row.
        removed: Names of the tags that it no longer has.
        type: Their kind.
    """

    added: list[str]
    removed: list[str]
    type: str = ""


class HasTags(Trait):
    """Lets rows be labelled, and found by their labels.

    Changes are kept on the instance and written when its session flushes, so the methods need no connection, also in
    an asynchronous program. Two writers may create the same tag, and tag the same row, at the same time. Tags stay on a
    row in the waste bin, and go when the row is really deleted.

    >>> class Photo(HasTags):
    ...     pass
    >>> photo = Photo()
    >>> photo.tag("Sea", "sea", "Summer")
    >>> photo.tag("Blue", type="colour")
    >>> photo.tag_names(), photo.tag_names("colour")
    (['Sea', 'Summer'], ['Blue'])
    """

    tag_config: ClassVar[TagConfig] = TagConfig()

    tags_changed: Final = TraitEvent(TagsChanged, doc="After tags of a row were written.")

    def tag(self, *names: str, type: str = "") -> None:  # noqa: A002 - what it is called
        """Add tags; those that the row has already are ignored.

        Args:
            names: As they are to be shown.
            type: Their kind.
        """
        _changes(self).tag(names, type)
        _touched(self)

    def untag(self, *names: str, type: str = "") -> None:  # noqa: A002
        """Remove tags; those that the row does not have are ignored."""
        _changes(self).untag(names, type)
        _touched(self)

    def sync_tags(self, names: Iterable[str], type: str = "") -> None:  # noqa: A002
        """Have exactly these tags of one kind; those of other kinds stay."""
        _changes(self).sync(names, type)
        _touched(self)

    def tag_names(self, type: str = "") -> list[str]:  # noqa: A002
        """The tags of one kind, with the changes that are not written yet.

        In an asynchronous session load ``tags`` with the row: ``select(Article).options(selectinload(Article.tags))``.
        """
        return [label.name for label in self.tag_labels() if label.type == type]

    def has_tag(self, name: str, type: str = "") -> bool:  # noqa: A002
        """Whether the row has a tag."""
        return (type, fold(name)) in {(label.type, label.slug) for label in self.tag_labels()}

    def tell_tags(self, added: list[str], removed: list[str], type: str) -> None:  # noqa: A002
        """Emit `tags_changed`; called by the host when it has written tags of one kind.

        Args:
            added: Names of those that came.
            removed: Names of those that went.
            type: Their kind.
        """
        self.tags_changed(added=added, removed=removed, type=type)

    def tag_labels(self) -> list[Label]:
        """The tags of all kinds."""
        pending = vars(self).get(HELD)
        backend = BACKENDS.of(self)
        labels = backend.labels(self) if backend is not None else ()
        return pending.apply(labels) if pending is not None else list(labels)

    @scope()
    @classmethod
    def tagged(
        cls,
        *,
        all: Iterable[str] = (),  # noqa: A002 - read at the call
        any: Iterable[str] | None = None,  # noqa: A002
        without: Iterable[str] = (),
        type: str = "",  # noqa: A002
    ) -> Any:
        """Rows by their tags of one kind.

        Args:
            all: Rows have all of these. One that nobody uses finds nothing; none at all finds every row.
            any: Rows have one of these; an empty list finds nothing.
            without: Rows have none of these.
            type: The kind.
        """
        return BACKENDS.needed(cls).matches(cls, tag_query(type, all, any, without))


class IsTagConfig(TraitConfig):
    """How tags are stored."""

    scope: tuple[str, ...] = option(
        (), doc="Attributes that must be equal too for two tags to be one; the tenant is one without saying."
    )


class IsTag(Trait):
    """Makes a model the one that holds tags: ``class Tag(IsTag, Base)``, with a primary key of its own.

    Kind and slug together are unique, whatever other columns the model has.
    """

    is_tag_config: ClassVar[IsTagConfig] = IsTagConfig()

    tag_type: TraitColumn[str] = column(
        str, default="", length=60, doc="The kind of tags it belongs to, empty for the ordinary kind."
    )
    tag_slug: TraitColumn[str] = column(
        str, length=190, index=True, doc="What makes it this tag, and stands in addresses."
    )
    tag_name: TraitColumn[str] = column(str, length=190, doc="As it was first written.")
    tag_names: TraitColumn[dict[str, str] | None] = column(
        dict, nullable=True, doc="Names in other languages, by language."
    )

    @property
    def label(self) -> str:
        """The name in the current language, else as it was first written."""
        names = self.tag_names or {}
        current = runtime.current_locale()
        translation = (
            next((names[candidate] for candidate in chain(normal(current)) if names.get(candidate)), None)
            if current
            else None
        )
        return translation or self.tag_name

    def __str__(self) -> str:
        return self.label


def refuse_too_many(model: type[HasTags], count: int) -> None:
    """Raise where a row would have more tags than its model allows.

    Raises:
        TooManyTagsError: It would.
    """
    limit = model.tag_config.max_tags
    if limit and count > limit:
        raise TooManyTagsError(model.__name__, count, limit)


def take_changes(row: Any) -> TagChanges | None:
    """The changes of a row that are to be written now; it holds them no more."""
    changes: TagChanges | None = vars(row).pop(HELD, None)
    return changes


def _changes(row: Any) -> TagChanges:
    pending = vars(row).get(HELD)
    if pending is None:
        pending = vars(row)[HELD] = TagChanges()
    changes: TagChanges = pending
    return changes


def _touched(row: HasTags) -> None:
    backend = BACKENDS.of(row)
    if backend is not None:
        backend.touch(row)
    else:
        refuse_too_many(type(row), len(row.tag_labels()))

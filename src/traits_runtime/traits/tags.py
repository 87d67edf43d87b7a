"""`HasTags`: labels of several kinds, shared by all rows; and `IsTag` for the model of the labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, option, scope
from traits_runtime._core import runtime
from traits_runtime._core.locales import chain, normal
from traits_runtime._core.trait.features import refuse_if_off
from traits_runtime.errors import TooManyTagsError
from traits_runtime.traits._backends import Backends

PENDING: Final = "_trait_tags"
"""Attribute of an instance with its unwritten changes; without a database with its tags."""


def fold(name: str) -> str:
    """The key of a tag name; names that differ only in case, spaces or Unicode normalisation have the same key.

    Raises:
        ValueError: The name has no visible character.

    >>> fold("  Rock  Music"), fold("C++"), fold("CAFE\\u0301") == fold("Caf\\u00e9")
    ('rock-music', 'c++', True)
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    visible = "".join(filter(_is_visible, folded))
    key = "-".join(visible.replace("-", " ").split())
    if not key:
        raise ValueError(f"{name!r} cannot be a tag: it has no visible character.")
    return key


def _is_visible(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf")


class Label(NamedTuple):
    """A tag of a row.

    Args:
        type: Its kind, empty for the default kind.
        slug: Its key, see `fold`.
        name: The name as it was first written.
    """

    type: str
    slug: str
    name: str


class TypeChange:
    """Pending changes of the tags of one kind.

    Args:
        sync: Whether all other tags are removed.
        add: Names by slug.
        remove: Slugs.
    """

    __slots__ = ("add", "remove", "sync")

    def __init__(self) -> None:
        self.sync: bool = False
        self.add: dict[str, str] = {}
        self.remove: set[str] = set()


class TagChanges:
    """Pending changes of the tags of a row, by kind; other kinds do not change."""

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
        """Replace all tags of a kind."""
        change = self.types[kind] = TypeChange()
        change.sync = True
        self.tag(names, kind)

    def apply(self, labels: Sequence[Label]) -> list[Label]:
        """The tags after the changes: the remaining ones, then the new ones."""
        result = [label for label in labels if not self._removes(label)]
        keys = {(label.type, label.slug) for label in result}
        for kind, change in self.types.items():
            for slug, name in change.add.items():
                if (kind, slug) not in keys:
                    result.append(Label(kind, slug, name))
        return result

    def _removes(self, label: Label) -> bool:
        change = self.types.get(label.type)
        return change is not None and label.slug not in change.add and (change.sync or label.slug in change.remove)


class TagQuery(NamedTuple):
    """A condition on the tags of one kind.

    Args:
        type: The kind.
        all: Rows have all of these; an empty tuple is no condition.
        any: Rows have one of these; an empty tuple matches no row, None is no condition.
        without: Rows have none of these.
    """

    type: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()


def tag_query(kind: str, all: Iterable[str], any: Iterable[str] | None, without: Iterable[str]) -> TagQuery:  # noqa: A002
    """A query with folded names, without duplicates.

    >>> tag_query("", ["Rock", "rock"], None, [])
    TagQuery(type='', all=('rock',), any=None, without=())
    """

    def folded(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(fold, names)))

    return TagQuery(kind, folded(all), None if any is None else folded(any), folded(without))


class TagBackend(Protocol):
    """Tag operations of a host."""

    def labels(self, row: Any) -> Sequence[Label]:
        """The tags of a row in the database."""
        ...

    def touch(self, row: Any) -> None:
        """Write the pending changes of a row with the next flush of its session."""
        ...

    def matches(self, model: Any, query: TagQuery) -> Any:
        """The SQL condition of a query."""
        ...


BACKENDS: Final[Backends[TagBackend]] = Backends()


class TagConfig(TraitConfig):
    """Which tags a row may have."""

    tag_model: str = option("", doc="Name of the model of the tags; empty where the registry has only one.")
    max_tags: int = option(0, ge=0, doc="Maximum number of tags of a row over all kinds; 0 for no limit.")


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
    """Adds tags to rows, and scopes that find rows by their tags.

    Changes are stored on the instance and written when its session flushes, so the methods need no connection, also in
    an asynchronous program. Concurrent writers may create the same tag and tag the same row. A row in the trash keeps
    its tags; they are removed when it is deleted for good.

    Off: `tag`, `untag` and `sync_tags` are refused. Stored tags stay; methods that read and `tagged` see them.

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
        """Add tags; tags that the row has already are ignored.

        Args:
            names: The names as they are displayed.
            type: Their kind.

        Raises:
            FeatureDisabledError: The trait is off.
        """
        refuse_if_off(self, HasTags, "tag")
        _pending_changes(self).tag(names, type)
        _schedule_write(self)

    def untag(self, *names: str, type: str = "") -> None:  # noqa: A002
        """Remove tags; tags that the row does not have are ignored."""
        refuse_if_off(self, HasTags, "untag")
        _pending_changes(self).untag(names, type)
        _schedule_write(self)

    def sync_tags(self, names: Iterable[str], type: str = "") -> None:  # noqa: A002
        """Replace the tags of one kind; tags of other kinds stay."""
        refuse_if_off(self, HasTags, "sync_tags")
        _pending_changes(self).sync(names, type)
        _schedule_write(self)

    def tag_names(self, type: str = "") -> list[str]:  # noqa: A002
        """The names of the tags of one kind, including unwritten changes.

        In an asynchronous session load ``tags`` with the row: ``select(Article).options(selectinload(Article.tags))``.
        """
        return [label.name for label in self.tag_labels() if label.type == type]

    def has_tag(self, name: str, type: str = "") -> bool:  # noqa: A002
        """Whether the row has a tag."""
        return (type, fold(name)) in {(label.type, label.slug) for label in self.tag_labels()}

    def tell_tags(self, added: list[str], removed: list[str], type: str) -> None:  # noqa: A002
        """Emit `tags_changed`; the host calls it after it has written tags of one kind.

        Args:
            added: Names of the added tags.
            removed: Names of the removed tags.
            type: Their kind.
        """
        self.tags_changed(added=added, removed=removed, type=type)

    def tag_labels(self) -> list[Label]:
        """The tags of all kinds."""
        pending = vars(self).get(PENDING)
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
            all: Rows have all of these; without names every row matches.
            any: Rows have one of these; an empty list matches no row.
            without: Rows have none of these.
            type: The kind.
        """
        return BACKENDS.needed(cls).matches(cls, tag_query(type, all, any, without))


class IsTagConfig(TraitConfig):
    """How tags are stored."""

    scope: tuple[str, ...] = option(
        (), doc="Attributes that must be equal too for two tags to be one; the tenant is always one."
    )


class IsTag(Trait):
    """Makes a model the table of the tags: ``class Tag(IsTag, Base)``, with a primary key of its own.

    Kind and slug together are unique, whatever other columns the model has.
    """

    is_tag_config: ClassVar[IsTagConfig] = IsTagConfig()

    tag_type: TraitColumn[str] = column(str, default="", length=60, doc="Its kind, empty for the default kind.")
    tag_slug: TraitColumn[str] = column(str, length=190, index=True, doc="Its key, also for addresses.")
    tag_name: TraitColumn[str] = column(str, length=190, doc="The name as it was first written.")
    tag_names: TraitColumn[dict[str, str] | None] = column(
        dict, nullable=True, doc="Names in other languages, by language."
    )

    @property
    def label(self) -> str:
        """The name in the current language or one that replaces it, else as it was first written."""
        names = self.tag_names or {}
        current = runtime.current_locale()
        for locale in chain(normal(current)) if current else ():
            if names.get(locale):
                return names[locale]
        return self.tag_name

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
    """Remove the pending changes from a row and return them."""
    changes: TagChanges | None = vars(row).pop(PENDING, None)
    return changes


def _pending_changes(row: Any) -> TagChanges:
    pending = vars(row).get(PENDING)
    if pending is None:
        pending = vars(row)[PENDING] = TagChanges()
    changes: TagChanges = pending
    return changes


def _schedule_write(row: HasTags) -> None:
    backend = BACKENDS.of(row)
    if backend is not None:
        backend.touch(row)
    else:
        refuse_too_many(type(row), len(row.tag_labels()))

"""`Searchable`: full-text search of rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from traits_runtime import Envelope, Feature, Subscription, Trait, TraitConfig, TraitEvent, feature, hook, option, scope
from traits_runtime._core import runtime
from traits_runtime._core.trait.features import has_on
from traits_runtime.traits._backends import Backends

WORDS: Final = re.compile(r"\w+")


class Entry(NamedTuple):
    """The entry of a row in an index.

    Args:
        model: Name of the model.
        key: Primary key, as text.
        text: The words; an empty text removes the row from the index.
    """

    model: str
    key: str
    text: str


class SearchIndex(Protocol):
    """An index outside the database; it is written after the commit."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Replace the entries of rows, and remove entries without text."""
        ...

    def find(self, model: str, query: str, limit: int) -> Sequence[str]:
        """The keys of the rows that match, best first."""
        ...


class MemoryIndex:
    """A search index in this process, for tests and small programs.

    >>> index = MemoryIndex()
    >>> index.write([Entry("Page", "1", "Red roses"), Entry("Page", "2", "Blue violets")])
    >>> index.find("Page", "ros", 10)
    ['1']
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def write(self, entries: Sequence[Entry]) -> None:
        """Replace entries, and remove entries without text."""
        for entry in entries:
            if entry.text:
                self.entries[entry.model, entry.key] = entry.text.casefold()
            else:
                self.entries.pop((entry.model, entry.key), None)

    def find(self, model: str, query: str, limit: int) -> Sequence[str]:
        """Keys of the rows that have, for each word of the query, a word that starts with it."""
        prefixes = words_of(query.casefold())
        keys = [key for (name, key), text in self.entries.items() if name == model and _matches(text, prefixes)]
        return keys[:limit]


def _matches(text: str, prefixes: Sequence[str]) -> bool:
    words = words_of(text)
    return bool(prefixes) and all(_has_prefix(words, prefix) for prefix in prefixes)


def _has_prefix(words: Sequence[str], prefix: str) -> bool:
    return any(word.startswith(prefix) for word in words)


def words_of(text: str) -> list[str]:
    """The words of a user's query, without the operators of query languages.

    >>> words_of('"foo AND (bar-baz*')
    ['foo', 'AND', 'bar', 'baz']
    """
    return WORDS.findall(text)


def quoted(query: str, *, prefix: bool = True) -> str:
    """A user's query in the syntax of SQLite FTS5: each word quoted, the last one as a prefix.

    >>> quoted('foo AND "bar')
    '"foo" "AND" "bar"*'
    """
    words = [f'"{word}"' for word in words_of(query)]
    return " ".join(words) + ("*" if words and prefix else "")


def prefixed(query: str) -> str:
    """A user's query in the syntax of PostgreSQL ``to_tsquery``: each word quoted, the last one as a prefix.

    >>> prefixed("foo & 'bar")
    "'foo' & 'bar':*"
    """
    words = [f"'{word}'" for word in words_of(query)]
    return " & ".join(words) + (":*" if words else "")


class SearchBackend(Protocol):
    """Search operations of a host in its own database."""

    def key(self, row: Any) -> str:
        """The row's primary key as text."""
        ...

    def write(self, row: Any, entry: Entry) -> None:
        """Write an entry in the row's transaction."""
        ...

    def matches(self, model: Any, query: str) -> Any:
        """The SQL condition that a row matches a user's query."""
        ...

    def rank(self, model: Any, query: str) -> Any:
        """The expression to order by, best first."""
        ...


BACKENDS: Final[Backends[SearchBackend]] = Backends()


def use_search_index(index: SearchIndex) -> Subscription:
    """Keep an index outside the database up to date until the subscription is cancelled.

    A row is written after the root commit of its session, or immediately where it has none. The exception of a failing
    index is logged.
    """

    def write(envelope: Envelope[SearchChanged]) -> None:
        change = envelope.payload
        index.write([Entry(change.model, change.key, change.text)])

    first = Searchable.search_indexed.listen(write)
    second = Searchable.search_removed.listen(write)
    return Subscription((*first.listeners, *second.listeners), first.forget)


class SearchConfig(TraitConfig):
    """What is searched."""

    fields: tuple[str, ...] = option(
        ("title", "body"),
        doc="Attributes whose words are indexed; those that the model lacks are ignored.",
    )
    language: str = option("simple", pattern="^[a-z_]+$", doc="Text search configuration of PostgreSQL: `english`.")
    only_published: bool = option(True, doc="Whether drafts of a model that can be published are left out.")


class SearchChanged(msgspec.Struct, frozen=True):
    """The index entry of a row changed.

    Attributes:
        model: Name of the model.
        key: The row's primary key as text.
        text: The words, empty for a row that was removed.
    """

    model: str
    key: str
    text: str = ""


class Searchable(Trait):
    """Full-text search with SQLite or PostgreSQL, without another service.

    The index is written in the transaction of the row, so a rolled back row is never found. Rows in the trash and
    drafts are not indexed. A bulk statement does not update the index; call `reindex` afterwards.

    Off: the index is neither written nor read: `search` finds nothing. Call `reindex` after switching it on again.
    """

    search_config: ClassVar[SearchConfig] = SearchConfig()

    search_indexing: ClassVar[Feature] = feature(True, doc="Update the index when rows are written.")

    search_indexed: Final = TraitEvent(SearchChanged, doc="After the words of a row were indexed.", after_commit=True)
    search_removed: Final = TraitEvent(SearchChanged, doc="After a row was removed from the index.", after_commit=True)

    def to_search(self) -> str | Mapping[str, str]:
        """The text to index; override it for more than attributes."""
        fields = self.search_config.fields
        return {name: _text(_value(self, name)) for name in fields if hasattr(self, name)}

    def should_index(self) -> bool:
        """Whether the row is indexed: it is not in the trash, and it is published where it can be."""
        if getattr(self, "deleted_at", None) is not None:
            return False
        if not self.search_config.only_published or not hasattr(self, "published_at"):
            return True
        is_published = getattr(self, "is_published", None)
        if callable(is_published):
            return bool(is_published())
        return getattr(self, "published_at", None) is not None

    @hook("saved", priority=-100)
    def index_row(self) -> None:
        """Write the row to the index."""
        if self.enabled("search_indexing"):
            write_entry(self, entry_of(self))

    @hook("trashed", priority=-100)
    def unindex_trashed(self) -> None:
        """Remove a row in the trash from the index."""
        write_entry(self, Entry(type(self).__name__, _key(self), ""))

    @hook("restored", priority=-100)
    def index_restored(self) -> None:
        """Write a restored row to the index."""
        self.index_row()

    @hook("deleted", priority=-100)
    def unindex_deleted(self) -> None:
        """Remove a deleted row from the index."""
        write_entry(self, Entry(type(self).__name__, _key(self), ""))

    @scope()
    @classmethod
    def search(cls, query: str) -> Any:
        """Rows with all words of a user's query, the last one as a prefix; operators have no meaning."""
        return BACKENDS.needed(cls).matches(cls, query if has_on(cls, Searchable) else "")

    @scope()
    @classmethod
    def search_rank(cls, query: str) -> Any:
        """Expression that orders the best match first: ``.order_by(Article.scopes.search_rank(text))``."""
        return BACKENDS.needed(cls).rank(cls, query if has_on(cls, Searchable) else "")


def entry_of(row: Searchable) -> Entry:
    """The index entry of a row; without text where the row is not indexed."""
    document = row.to_search() if row.should_index() else ""
    text = document if isinstance(document, str) else " ".join(str(value) for value in document.values() if value)
    return Entry(type(row).__name__, _key(row), text)


def write_entry(row: Searchable, entry: Entry) -> None:
    """Write an entry to the host's index in the transaction of the row, and emit the event of the change."""
    backend = BACKENDS.of(row)
    if backend is not None:
        backend.write(row, entry)
    if entry.text:
        row.search_indexed(model=entry.model, key=entry.key, text=entry.text)
    else:
        row.search_removed(model=entry.model, key=entry.key)


def _key(row: Searchable) -> str:
    backend = BACKENDS.of(row)
    return backend.key(row) if backend is not None else str(runtime.identify(row))


def _value(row: Searchable, name: str) -> object:
    """The value of an attribute, in all languages where it is translated."""
    translations = getattr(row, f"{name}_translations", None)
    return getattr(row, name) if translations is None else translations


def _text(value: object) -> str:
    """The text of a value; the texts of a collection are joined."""
    if value is None:
        return ""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    items = value.values() if isinstance(value, Mapping) else value
    return " ".join(_text(item) for item in items)

"""`Searchable`: rows are found by the words in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import msgspec

from traits_runtime import Envelope, Feature, Subscription, Trait, TraitConfig, TraitEvent, feature, hook, option, scope
from traits_runtime._core import runtime
from traits_runtime.traits._backends import Backends

WORDS: Final = re.compile(r"\w+")


class Entry(NamedTuple):
    """What an index holds of a row.

    Args:
        model: Name of the model.
        key: Primary key, as text.
        text: The words; empty takes the row out of the index.
    """

    model: str
    key: str
    text: str


class SearchIndex(Protocol):
    """An index outside the database, told after the commit; it may be slow, or somewhere else."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Put entries into the index in place of those of the same rows, and take out those without text."""
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
        """Put entries in, take those without text out."""
        for entry in entries:
            if entry.text:
                self.entries[entry.model, entry.key] = entry.text.casefold()
            else:
                self.entries.pop((entry.model, entry.key), None)

    def find(self, model: str, query: str, limit: int) -> Sequence[str]:
        """The rows that have words that start as those of the query do."""
        query_words = words_of(query.casefold())
        return [key for (kind, key), text in self.entries.items() if kind == model and _has(text, query_words)][:limit]


def _has(text: str, query_words: Sequence[str]) -> bool:
    text_words = words_of(text)
    return bool(query_words) and all(_has_prefix(text_words, query_word) for query_word in query_words)


def _has_prefix(text_words: Sequence[str], prefix: str) -> bool:
    return any(word.startswith(prefix) for word in text_words)


def words_of(text: str) -> list[str]:
    """The words of what a user typed; signs that a query language might understand are left out.

    >>> words_of('"foo AND (bar-baz*')
    ['foo', 'AND', 'bar', 'baz']
    """
    return WORDS.findall(text)


def quoted(query: str, *, prefix: bool = True) -> str:
    """What a user typed as a query of SQLite's FTS5: each word quoted, the last one as a beginning.

    >>> quoted('foo AND "bar')
    '"foo" "AND" "bar"*'
    """
    words = [f'"{word}"' for word in words_of(query)]
    return " ".join(words) + ("*" if words and prefix else "")


def prefixed(query: str) -> str:
    """What a user typed as a query of PostgreSQL's ``to_tsquery``: each word quoted, the last one as a beginning.

    >>> prefixed("foo & 'bar")
    "'foo' & 'bar':*"
    """
    words = [f"'{word}'" for word in words_of(query)]
    return " & ".join(words) + (":*" if words else "")


class SearchBackend(Protocol):
    """What a host does for searching in its own database."""

    def key(self, row: Any) -> str:
        """The row's primary key as text."""
        ...

    def write(self, row: Any, entry: Entry) -> None:
        """Write an entry in the row's transaction."""
        ...

    def matches(self, model: Any, query: str) -> Any:
        """The condition that a row matches what a user typed."""
        ...

    def rank(self, model: Any, query: str) -> Any:
        """The expression to order by, best first."""
        ...


BACKENDS: Final[Backends[SearchBackend]] = Backends()


def use_search_index(index: SearchIndex) -> Subscription:
    """Keep an index outside the database up to date, until the subscription is cancelled.

    It hears of a row after the root commit of the row's session, of one that is in no database at once. A failing
    index is logged and nothing else is held up.
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
        ("title", "body"), doc="Attributes whose words are found; those that the model has."
    )
    language: str = option(
        "simple", pattern="^[a-z_]+$", doc="Whose word forms are one word, as PostgreSQL calls it: `english`."
    )
    only_published: bool = option(True, doc="Whether drafts of a model that can be published are left out.")


class SearchChanged(msgspec.Struct, frozen=True):
    """What a search index holds of a row changed.

    Attributes:
        model: Name of the model.
        key: The row's primary key as text.
        text: The words, empty for a row that was taken out.
    """

    model: str
    key: str
    text: str = ""


class Searchable(Trait):
    """Lets rows be found by the words in them, in SQLite and PostgreSQL without anything else.

    The index is written in the row's own transaction: what is rolled back is never found. Rows in the waste bin and
    drafts are left out. A statement that changes many rows at once does not tell the index; use `reindex` afterwards.
    """

    search_config: ClassVar[SearchConfig] = SearchConfig()

    search_indexing: ClassVar[Feature] = feature(True, doc="Keep the index up to date as rows are written.")

    search_indexed: Final = TraitEvent(
        SearchChanged, doc="After a row's words were given to the index.", after_commit=True
    )
    search_removed: Final = TraitEvent(SearchChanged, doc="After a row was taken out of the index.", after_commit=True)

    def to_search(self) -> str | Mapping[str, str]:
        """The words by which the row is found; override it for more than attributes."""
        fields = self.search_config.fields
        return {name: _text(_value(self, name)) for name in fields if hasattr(self, name)}

    def should_index(self) -> bool:
        """Whether the row may be found: it is not in the waste bin and, where it can be published, it is."""
        if getattr(self, "deleted_at", None) is not None:
            return False
        if self.search_config.only_published and hasattr(self, "published_at"):
            published = getattr(self, "is_published", None)
            return bool(published() if callable(published) else getattr(self, "published_at", None) is not None)
        return True

    @hook("saved", priority=-100)
    def index_row(self) -> None:
        """Bring the index up to date with the row."""
        if self.enabled("search_indexing"):
            write_entry(self, entry_of(self))

    @hook("trashed", priority=-100)
    def unindex_trashed(self) -> None:
        """Take a row in the waste bin out of the index."""
        write_entry(self, Entry(type(self).__name__, _key(self), ""))

    @hook("restored", priority=-100)
    def index_restored(self) -> None:
        """Bring a restored row into the index again."""
        self.index_row()

    @hook("deleted", priority=-100)
    def unindex_deleted(self) -> None:
        """Take a deleted row out of the index."""
        write_entry(self, Entry(type(self).__name__, _key(self), ""))

    @scope()
    @classmethod
    def search(cls, query: str) -> Any:
        """Rows that have all words of what a user typed, the last one as a beginning; no sign of it is syntax."""
        return BACKENDS.needed(cls).matches(cls, query)

    @scope()
    @classmethod
    def search_rank(cls, query: str) -> Any:
        """What to order by so that the best match comes first: ``.order_by(Article.scopes.search_rank(text))``."""
        return BACKENDS.needed(cls).rank(cls, query)


def entry_of(row: Searchable) -> Entry:
    """What an index is to hold of a row; without text if it may not be found."""
    document = row.to_search() if row.should_index() else ""
    return Entry(type(row).__name__, _key(row), document if isinstance(document, str) else " ".join(_values(document)))


def write_entry(row: Searchable, entry: Entry) -> None:
    """Give an entry to the host's index in the row's transaction, and to those that listen after its commit."""
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
    """The value of an attribute; of a translated one those in all languages."""
    translations = getattr(row, f"{name}_translations", None)
    return getattr(row, name) if translations is None else translations


def _values(values: Mapping[str, str]) -> Iterator[str]:
    return (str(value) for value in values.values() if value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return " ".join(_text(item) for item in value.values())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(_text(item) for item in value)
    return str(value)

"""Overrides and cached values in the application's own database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from traits_runtime import Cache, MemoryStore, Trait, TraitConfig, config, option
from traits_runtime._core.cache import MISSING
from traits_runtime.adapters.sqlalchemy import DatabaseCache, DatabaseStore
from traits_runtime.errors import ConfigConflictError

ADDRESS = ("HasPaper", "size", "", "")
OTHER = ("HasPaper", "size", "shop.Page", "acme")

metadata = sa.MetaData()
placeholder = sa.create_engine("sqlite://")
DatabaseStore(placeholder, metadata)
DatabaseCache(placeholder, metadata)


class PaperConfig(TraitConfig):
    """How paper is cut."""

    size: int = option(10)


class HasPaper(Trait):
    """A trait with one key."""

    paper_config = PaperConfig()


@pytest.fixture
def engine(engine_of: Callable[[sa.MetaData], sa.Engine]) -> sa.Engine:
    """An engine on the tables of store and cache."""
    return engine_of(metadata)


@pytest.fixture
def store(engine: sa.Engine) -> DatabaseStore:
    """An empty store."""
    return DatabaseStore(engine, sa.MetaData(), interval=0.05)


def test_written_value_is_loaded(store: DatabaseStore) -> None:
    """With the number of its change and who made it."""
    change = store.write(ADDRESS, "20", by="ada", why="more")
    store.write(OTHER, "30", by="bob")
    contents = store.load()

    assert (change.number, change.before, change.after, change.by, change.why) == (1, "", "20", "ada", "more")
    assert (contents.version, contents.values) == (2, {ADDRESS: ("20", 1, "ada"), OTHER: ("30", 2, "bob")})


def test_value_is_replaced_and_taken_back_and_the_history_keeps_it(store: DatabaseStore) -> None:
    """Newest first."""
    store.write(ADDRESS, "20")
    store.write(ADDRESS, "21")
    store.write(ADDRESS, "", expected=2)

    assert store.load().values == {}
    assert [(one.number, one.before, one.after) for one in store.history()] == [
        (3, "21", ""),
        (2, "20", "21"),
        (1, "", "20"),
    ]
    assert len(store.history(limit=1)) == 1


def test_conflict_writes_nothing(store: DatabaseStore) -> None:
    """Somebody else was faster."""
    store.write(ADDRESS, "20")
    with pytest.raises(ConfigConflictError, match="at version 1, you read version 0"):
        store.write(ADDRESS, "21", expected=0)

    assert store.load().values == {ADDRESS: ("20", 1, "")}


def test_writers_at_once_all_get_a_number(store: DatabaseStore) -> None:
    """Each write is in the history, in one order."""

    def write(name: str) -> None:
        for number in range(5):
            store.write(("HasPaper", "size", name, ""), str(number))

    threads = [threading.Thread(target=write, args=(f"m{number}",)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert [one.number for one in store.history()] == list(range(20, 0, -1))
    assert {value for value, _, _ in store.load().values.values()} == {"4"}


def test_config_uses_it_and_hears_of_others_writes(store: DatabaseStore, engine: sa.Engine) -> None:
    """A value that another process writes counts within a second."""
    config.use(store=store)
    config.set(HasPaper, "size", 20, by="ada")
    assert HasPaper.paper_config.size == 20
    DatabaseStore(engine, sa.MetaData()).write(ADDRESS, "33")
    deadline = time.monotonic() + 60
    while HasPaper.paper_config.size != 33 and time.monotonic() < deadline:
        time.sleep(0.02)

    assert HasPaper.paper_config.size == 33
    config.use(store=MemoryStore())  # the look for changes ends before its engine does


class Clock:
    """A clock that is moved by hand."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def kept(engine: sa.Engine, clock: Clock) -> DatabaseCache:
    """An empty cache."""
    return DatabaseCache(engine, sa.MetaData(), clock)


def test_cached_value_comes_back_until_it_expires(kept: DatabaseCache, clock: Clock) -> None:
    """None is a value; what was deleted is gone."""
    kept.set("a", {"n": [1, "ü", None]}, 60)
    kept.set("none", None, 60)
    kept.set("x" * 900, 1, 5)

    assert (kept.get("a"), kept.get("none"), kept.get("x" * 900)) == ({"n": [1, "ü", None]}, None, 1)
    kept.set("a", 2, 60)
    assert kept.get("a") == 2
    kept.delete("a")
    clock.now += 10
    assert (kept.get("a"), kept.get("x" * 900), kept.get("none")) == (MISSING, MISSING, None)
    assert kept.sweep() == 1


def test_scope_forgets_its_values_and_no_others(kept: DatabaseCache) -> None:
    """And one that was bumped while a value was computed forgets that, too."""
    kept.set("a", 1, 60, ("t", "t#1"))
    kept.set("b", 2, 60, ("t",))
    kept.bump("t#1")
    stamp = kept.stamp(("t",))
    kept.bump("t")
    kept.set("c", 3, 60, ("t",), stamp)

    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (MISSING, MISSING, MISSING)
    kept.set("b", 4, 60, ("t",))
    assert kept.get("b") == 4


def test_lease_has_one_holder_and_ends(kept: DatabaseCache, clock: Clock) -> None:
    """Should the holder die, another may compute."""
    first = kept.lease("a", 10)
    assert first
    assert kept.lease("a", 10) == ""
    clock.now += 11
    second = kept.lease("a", 10)
    kept.release("a", first)
    assert kept.lease("a", 10) == ""
    kept.release("a", second)

    assert kept.lease("a", 10)


def test_one_computation_for_many_who_ask(kept: DatabaseCache) -> None:
    """Through the cache of traits."""
    made: list[int] = []

    def compute() -> int:
        made.append(1)
        time.sleep(0.05)
        return 7

    through = Cache(kept)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(through.remember("k", compute, 60, ("t",)))) for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert (found, len(made)) == ([7] * 8, 1)

"""Stored overrides survive, with several writers, and with one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from traits_runtime import MemoryStore, Store, Trait, TraitConfig, config, option
from traits_runtime._core.config.sqlite import SQLiteStore
from traits_runtime._core.config.store import Contents
from traits_runtime.errors import ConfigConflictError

ADDRESS = ("HasNews", "size", "", "")


class FeedConfig(TraitConfig):
    """How feeds are made."""

    size: int = option(10)


class HasNews(Trait):
    """A trait with one key."""

    news_config = FeedConfig()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every kind of store; the same tests hold for each."""
    return MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "overrides.db")


def test_written_value_is_loaded(store: Store) -> None:
    """With the number of its change and who made it."""
    change = store.write(ADDRESS, "20", by="ada", why="more", expected=None)
    contents = store.load()

    assert (change.number, change.before, change.after, change.by, change.why) == (1, "", "20", "ada", "more")
    assert (contents.version, contents.values) == (1, {ADDRESS: ("20", 1, "ada")})


def test_value_that_is_taken_back_is_gone(store: Store) -> None:
    """And the history keeps it."""
    store.write(ADDRESS, "20", by="", why="", expected=None)
    store.write(ADDRESS, "", by="bob", why="", expected=1)

    assert store.load().values == {}
    assert [(change.number, change.before, change.after) for change in store.history()] == [
        (2, "20", ""),
        (1, "", "20"),
    ]
    assert len(store.history(limit=1)) == 1


def test_conflict_writes_nothing(store: Store) -> None:
    """A writer with an old version is refused."""
    store.write(ADDRESS, "20", by="", why="", expected=0)

    with pytest.raises(ConfigConflictError):
        store.write(ADDRESS, "30", by="", why="", expected=0)

    assert store.load().values[ADDRESS][0] == "20"
    assert len(store.history()) == 1


def test_threads_lose_nothing(store: Store) -> None:
    """Each write has a number of its own."""

    def work(number: int) -> None:
        for turn in range(25):
            store.write(("HasNews", "size", f"m{number}", ""), str(turn), by="", why="", expected=None)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(change.number for change in store.history(1000)) == list(range(1, 101))
    assert len(store.load().values) == 4


WRITER = """
import sys
from traits_runtime._core.config.sqlite import SQLiteStore
from traits_runtime._core.config.store import Contents
store = SQLiteStore(sys.argv[1])
for turn in range(int(sys.argv[3])):
    store.write(("HasNews", "size", sys.argv[2], ""), str(turn), by=sys.argv[2], why="")
    if turn == 0:
        print("begun", flush=True)
"""

COUNTER = """
import sys
from traits_runtime._core.config.sqlite import SQLiteStore
from traits_runtime._core.config.store import Contents
from traits_runtime.errors import ConfigConflictError
store = SQLiteStore(sys.argv[1])
done = 0
while done < int(sys.argv[3]):
    seen = store.load()
    value = int(seen.values.get(("HasNews", "size", "", ""), ("0",))[0])
    try:
        store.write(("HasNews", "size", "", ""), str(value + 1), by=sys.argv[2], why="", expected=seen.version)
        done += 1
    except ConfigConflictError:
        pass
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own."""
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_ten_processes_lose_no_write(tmp_path: Path) -> None:
    """Ten writers, 500 writes each: 5000 rows of history, and no reader sees half a write."""
    path = tmp_path / "overrides.db"
    reader = SQLiteStore(path)
    writers = [start(WRITER, str(path), f"w{number}", "500") for number in range(10)]
    torn: list[str] = []
    while any(writer.poll() is None for writer in writers):
        contents = reader.load()
        newest = max((number for _value, number, _by in contents.values.values()), default=0)
        if newest != contents.version:
            torn.append(f"{newest} != {contents.version}")
    for writer in writers:
        writer.communicate()

    history = reader.history(10_000)
    assert [writer.returncode for writer in writers] == [0] * 10
    assert torn == []
    assert len(history) == 5000
    assert sorted(change.number for change in history) == list(range(1, 5001))
    assert {model: value for (_, _, model, _), (value, _, _) in reader.load().values.items()} == {
        f"w{number}": "499" for number in range(10)
    }
    assert all(chain_is_whole([change for change in history if change.by == f"w{number}"]) for number in range(10))


def chain_is_whole(newest_first: list[object]) -> bool:
    """Whether each change begins at what the one before it left."""
    pairs = pairwise(newest_first)
    return all(later.before == earlier.after for later, earlier in pairs)  # type: ignore[attr-defined]


def test_optimistic_writers_lose_no_update(tmp_path: Path) -> None:
    """Four processes that count together, each by what it has read, arrive at the sum."""
    path = tmp_path / "overrides.db"
    writers = [start(COUNTER, str(path), f"w{number}", "25") for number in range(4)]
    for writer in writers:
        writer.communicate(timeout=120)

    assert SQLiteStore(path).load().values[ADDRESS][0] == "100"


@pytest.mark.slow
def test_killed_writer_leaves_a_readable_store(tmp_path: Path) -> None:
    """Whatever it was doing; the next writer goes on."""
    path = tmp_path / "overrides.db"
    for _turn in range(5):
        writer = start(WRITER, str(path), "w", "100000")
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.05)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()

    store = SQLiteStore(path)
    change = store.write(ADDRESS, "1", by="after", why="")
    history = store.history(1_000_000)
    assert [one.number for one in history] == list(range(change.number, 0, -1))
    assert store.load().values[("HasNews", "size", "w", "")][0] == history[1].after
    assert len(history) > 5


def test_change_of_another_process_is_seen(tmp_path: Path) -> None:
    """Within a second, without asking for it."""
    path = tmp_path / "overrides.db"
    config.use(store=SQLiteStore(path))
    before = HasNews.news_config.size
    writer = start(WRITER, str(path), "", "43")
    writer.communicate()
    until = time.monotonic() + 60
    while HasNews.news_config.size != 42 and time.monotonic() < until:
        time.sleep(0.01)

    assert (before, HasNews.news_config.size) == (10, 42)


class Slow(MemoryStore):
    """A store that one thread reads slowly: it has its answer, and is late with it."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.go_on = threading.Event(), threading.Event()

    def load(self) -> Contents:
        """Be late in the thread that is called so."""
        result = super().load()
        if threading.current_thread().name == "late":
            self.read.set()
            self.go_on.wait(10)
        return result


def test_what_was_read_earlier_is_not_put_in_place_later() -> None:
    """A thread that looks for changes is overtaken by one that makes one: the change holds."""
    store = Slow()
    config.use(store=store)
    late = threading.Thread(target=config.refresh, name="late")
    late.start()
    store.read.wait(10)
    writer = threading.Thread(target=config.set, args=("*", "enabled", False))
    writer.start()
    writer.join(0.2)
    store.go_on.set()
    writer.join()
    late.join()

    assert config.get("*", "enabled") is False


def test_own_change_is_seen_at_once(tmp_path: Path) -> None:
    """And by a process that opens the file later."""
    config.use(store=tmp_path / "overrides.db")
    config.set(HasNews, "size", 30)
    now = HasNews.news_config.size
    config.use(store=MemoryStore())
    without = HasNews.news_config.size
    config.use(store=SQLiteStore(tmp_path / "overrides.db"))

    assert (now, without, HasNews.news_config.size) == (30, 10, 30)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_opens_a_connection_of_its_own(tmp_path: Path) -> None:
    """SQLite's locks do not survive a fork."""
    store = SQLiteStore(tmp_path / "overrides.db")
    store.write(ADDRESS, "1", by="parent", why="")
    child = os.fork()
    if child == 0:
        try:
            store.write(ADDRESS, "2", by="child", why="")
            os._exit(0)
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    store.write(ADDRESS, "3", by="parent", why="")

    assert status == 0
    assert [(change.by, change.before) for change in store.history()] == [
        ("parent", "2"),
        ("child", "1"),
        ("parent", ""),
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_goes_on_watching(tmp_path: Path) -> None:
    """A server that forks its workers after start: each sees later changes."""
    config.use(store=SQLiteStore(tmp_path / "overrides.db"))
    config.set(HasNews, "size", 20)
    child = os.fork()
    if child == 0:
        try:
            until = time.monotonic() + 60
            while HasNews.news_config.size != 30 and time.monotonic() < until:
                time.sleep(0.02)
            os._exit(0 if HasNews.news_config.size == 30 else 1)
        finally:
            os._exit(1)
    config.set(HasNews, "size", 30)
    _pid, status = os.waitpid(child, 0)

    assert status == 0

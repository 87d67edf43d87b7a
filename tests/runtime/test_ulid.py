"""ULIDs grow, whatever clock, threads and forks do; what is none is refused."""

# ruff: noqa: RUF001 - other scripts' letters are what is tested

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from traits_runtime.errors import InvalidUlidError
from traits_runtime.traits import HasUlid
from traits_runtime.traits.ulid import ULIDS, Ulids, parse_ulid


class Parcel(HasUlid):
    """Something with an identifier."""


def test_a_clock_that_steps_back_does_not_break_the_order() -> None:
    """Identifiers of a clock that goes back ten seconds still grow."""
    times = iter([1_700_000_010_000, 1_700_000_000_000, 1_700_000_000_001, 1_700_000_010_001])
    ulids = Ulids(clock=lambda: next(times))

    created = [ulids.new() for _ in range(4)]

    assert created == sorted(created)
    assert len(set(created)) == 4


def test_a_millisecond_whose_numbers_are_used_up_gives_the_next_one() -> None:
    """The highest number of a millisecond is followed by one of the millisecond after it."""
    ulids = Ulids(clock=lambda: 5, randomness=lambda _time: b"\xff" * 10)

    first, second = ulids.new(), ulids.new()

    assert first < second
    assert second.startswith("0000000006")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_processes_do_not_repeat_each_other() -> None:
    """Children forked in one millisecond, and their parent, make different identifiers."""
    ulids = Ulids(clock=lambda: 1_700_000_000_000)
    ulids.new()
    reader, writer = os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, (" ".join(ulids.new() for _ in range(20)) + " ").encode())
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        created = pipe.read().split() + [ulids.new() for _ in range(20)]

    assert len(created) == len(set(created)) == 180


def test_threads_get_growing_identifiers_and_never_the_same() -> None:
    """Eight threads share the generator; what each one gets only grows."""
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: [ULIDS.new() for _ in range(2000)], range(8)))

    assert all(run == sorted(run) for run in runs)
    assert len({entry for run in runs for entry in run}) == 16000


def test_case_does_not_matter_and_capitals_are_stored() -> None:
    """What a browser lowered is the same identifier."""
    assert parse_ulid("01arz3ndektsv4rrffq69g5fav") == "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize(
    "text",
    ["", "x", "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01ARZ3NDEKTSV4RRFFQ69G5FAL", "01ARZ3NDEKTSV4RRFFQ69G5FAO",
     "01ARZ3NDEKTSV4RRFFQ69G5FAU", "80000000000000000000000000",
     "01ARZ3NDEKTSV4RRFFQ69G5FA\n", "０1ARZ3NDEKTSV4RRFFQ69G5FAV"],
)  # fmt: skip
def test_what_is_no_ulid_is_refused(text: str) -> None:
    """Wrong letters, another length, more than 128 bits, and digits of other scripts."""
    with pytest.raises(InvalidUlidError) as caught:
        parse_ulid(text)

    assert caught.value.text == text


def test_the_identifier_is_there_with_the_instance() -> None:
    """Nothing has to be written before an identifier can be used."""
    first, second = Parcel(), Parcel()

    assert first.ulid < second.ulid
    assert parse_ulid(first.ulid) == first.ulid

"""What every host promises to traits."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from drivers import MOMENTS, RAN, Driver, PlainDriver

from traits_runtime import current_locale, current_tenant, events, host_of, locale, run_job, tenant, trait_columns
from traits_runtime.rules.moments import OPERATIONS
from traits_runtime.testing import capture_jobs

CALLS: list[object] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    """Forget the calls of other tests."""
    CALLS.clear()


class RollbackError(Exception):
    """Rolls a block back."""


def note(call: object) -> Any:
    """A function that notes its call."""
    return lambda: CALLS.append(call)


# All hosts


def test_host_serves_its_models_and_no_others(any_driver: Driver | PlainDriver) -> None:
    """The host of a model is the one of its framework."""
    assert host_of(any_driver.model) is any_driver.host
    assert any_driver.host.name
    assert host_of(dict) is not any_driver.host or isinstance(any_driver, PlainDriver)


def test_unsaved_row_has_no_identity(any_driver: Driver | PlainDriver) -> None:
    """The database does not have it."""
    row = any_driver.model(title="Emma")

    assert any_driver.host.identity(row) is None
    assert not any_driver.host.is_stored(row)


def test_host_writes_the_columns_of_traits(any_driver: Driver | PlainDriver) -> None:
    """They have the names that the model's config gives them."""
    columns = any_driver.host.columns(any_driver.model)

    assert [*trait_columns(any_driver.model)] == ["shelf_mark"]
    assert (
        columns is None if isinstance(any_driver, PlainDriver) else {"id", "title", "shelf_mark"} <= set(columns or ())
    )


def test_condition_of_another_framework_is_left_alone(any_driver: Driver | PlainDriver) -> None:
    """Every host sees every condition; it marks its own."""
    condition = object()

    assert any_driver.host.mark_condition(condition, "with_trashed") is condition


def test_host_loads_nothing_without_a_session(any_driver: Driver | PlainDriver) -> None:
    """There is nothing to load from."""
    assert any_driver.host.session_of() is None
    assert any_driver.host.load(any_driver.model, 1) is None


def test_no_call_is_kept_without_a_transaction(any_driver: Driver | PlainDriver) -> None:
    """The caller is told, so that it can call at once."""
    row, host = any_driver.model(title="Emma"), any_driver.host

    assert not host.in_transaction(row)
    assert not host.after_commit(row, note("committed"))
    assert not host.after_rollback(row, note("rolled back"))
    assert CALLS == []


def test_synchronous_code_awaits_nothing(any_driver: Driver | PlainDriver) -> None:
    """No host can wait for a coroutine without an asynchronous session around."""
    assert any_driver.host.awaiter() is None


# Rows


def test_saved_row_has_a_typed_identity(driver: Driver) -> None:
    """The key is what the database gave it, not a text."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        identity = driver.host.identity(row)

    assert type(identity) is int
    assert driver.host.is_stored(row)


def test_trait_fills_its_column_on_insert(driver: Driver) -> None:
    """The value is in the column of the row."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)

        assert row.shelf_mark == row.code == f"{driver.model.__name__}-1"


def test_changed_fields_are_those_that_differ_from_the_database(driver: Driver) -> None:
    """After the row is saved there are none."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        saved = set(driver.host.changed_fields(row) or ())
        row.title = "Persuasion"
        changed = set(driver.host.changed_fields(row) or ())

    assert (saved, changed) == (set(), {"title"})


def test_row_is_loaded_by_its_key_in_the_current_session(driver: Driver) -> None:
    """The row that is loaded belongs to that session; another key gives None."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        identity = driver.host.identity(row)
    with driver.session() as session:
        loaded: Any = driver.host.load(driver.model, identity)

        assert (loaded.title, driver.host.identity(loaded)) == ("Emma", identity)
        assert driver.host.session_of(loaded) is session
        assert driver.host.load(driver.model, 2**31 - 1) is None


def test_session_is_that_of_the_row_else_the_current_one(driver: Driver) -> None:
    """A row that is in no session belongs to the one that is at work."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)

        assert driver.host.session_of(row) is driver.host.session_of() is session
        assert driver.host.session_of(driver.model(title="Persuasion")) is session


@pytest.mark.parametrize("operation", ["insert", "update"])
def test_moments_run_in_the_order_of_the_rules(driver: Driver, operation: str) -> None:
    """First those before the statement, then those after it."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        inserted = list(MOMENTS)
        row.title = "Persuasion"
        driver.save(session, row)

    moments = inserted if operation == "insert" else MOMENTS[len(inserted) :]
    assert moments == [*OPERATIONS[operation].before, *OPERATIONS[operation].after]


# Transactions


def test_call_waits_for_the_root_commit(driver: Driver) -> None:
    """A savepoint that is released inside is no commit; the calls run once, in their order."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        assert driver.host.in_transaction(row)
        assert driver.host.after_commit(row, note("first"))
        with driver.savepoint(session):
            assert driver.host.after_commit(row, note("second"))
        before = list(CALLS)

    assert before == []
    assert CALLS == ["first", "second"]


def test_rollback_drops_what_waits_for_the_commit(driver: Driver) -> None:
    """The calls that wait for a rollback run instead."""
    row = driver.model(title="Emma")
    with suppress(RollbackError), driver.session() as session:
        driver.save(session, row)
        driver.host.after_commit(row, note("committed"))
        driver.host.after_rollback(row, note("rolled back"))
        raise RollbackError

    assert CALLS == ["rolled back"]


def test_savepoint_that_is_rolled_back_keeps_the_calls_around_it(driver: Driver) -> None:
    """Only its own are dropped, and its own rollback calls run at once."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        driver.host.after_commit(row, note("outer committed"))
        driver.host.after_rollback(row, note("outer rolled back"))
        with suppress(RollbackError), driver.savepoint(session):
            driver.host.after_commit(row, note("inner committed"))
            driver.host.after_rollback(row, note("inner rolled back"))
            raise RollbackError
        inside = list(CALLS)

    assert inside == ["inner rolled back"]
    assert CALLS == ["inner rolled back", "outer committed"]


def test_released_savepoint_is_rolled_back_with_its_transaction(driver: Driver) -> None:
    """Its calls have moved to the transaction around it."""
    row = driver.model(title="Emma")
    with suppress(RollbackError), driver.session() as session:
        driver.save(session, row)
        with driver.savepoint(session):
            driver.host.after_commit(row, note("committed"))
            driver.host.after_rollback(row, note("rolled back"))
        raise RollbackError

    assert CALLS == ["rolled back"]


def test_commit_drops_what_waits_for_a_rollback(driver: Driver) -> None:
    """A rollback of a later transaction does not run it."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        driver.host.after_rollback(row, note("rolled back"))
    with suppress(RollbackError), driver.session() as session:
        driver.save(session, driver.model(title="Persuasion"))
        raise RollbackError

    assert CALLS == []


def test_call_runs_with_the_tenant_and_locale_of_its_caller(driver: Driver) -> None:
    """The commit happens outside of their blocks."""
    row = driver.model(title="Emma")
    with driver.session() as session:
        driver.save(session, row)
        with tenant("acme"), locale("de"):
            driver.host.after_commit(row, lambda: CALLS.append((current_tenant(), current_locale())))

    assert CALLS == [("acme", "de")]
    assert current_tenant() is None


# What traits do with it


def test_listener_after_commit_hears_committed_rows_alone(driver: Driver) -> None:
    """An event of a row that was rolled back is not delivered."""
    with events.listen("trait.HasCode.coded", lambda envelope: CALLS.append(envelope.sender.title), after_commit=True):
        with suppress(RollbackError), driver.session() as session:
            driver.save(session, driver.model(title="Emma"))
            raise RollbackError
        with driver.session() as session:
            driver.save(session, driver.model(title="Persuasion"))
            CALLS.append("the commit")

    assert CALLS == ["the commit", "Persuasion"]


def test_job_finds_its_row_again(driver: Driver) -> None:
    """The row is loaded in the session that is at work where the job runs."""
    row = driver.model(title="Emma")
    with driver.session() as session, capture_jobs() as jobs:
        driver.save(session, row)
        identity = driver.host.identity(row)
        row.print_label.enqueue()
    with driver.session():
        run_job(jobs.messages[0])

    assert [(identity, "Emma")] == RAN


def test_cache_key_names_the_row_by_its_identity(driver: Driver) -> None:
    """An unsaved row has no cache key."""
    row = driver.model(title="Emma")
    unsaved = row.code_cache.key("label")
    with driver.session() as session:
        driver.save(session, row)
        identity = driver.host.identity(row)
        saved = row.code_cache.key("label")

    assert (unsaved, saved) == ("", f"trait:HasCode:{driver.model.__name__}:{identity}:label")

"""`TraitSession`: a session that runs traits, and `install` for other session classes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Result, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, UOWTransaction, sessionmaker

from traits_runtime._core import runtime
from traits_runtime._core.metadata import METADATA
from traits_runtime.adapters.sqlalchemy import activity, extend, lifecycle, tenancy
from traits_runtime.adapters.sqlalchemy.activity_statements import note_statement
from traits_runtime.adapters.sqlalchemy.bulk import INNER, execute_bulk, keep_columns, telling
from traits_runtime.adapters.sqlalchemy.criteria import add_criteria, everything_lifted, memo_of, shows
from traits_runtime.adapters.sqlalchemy.soft_delete import TrashSession, force_delete, restore
from traits_runtime.adapters.sqlalchemy.tenant_guard import guard

M = TypeVar("M")

_MERGING = "traits_merging"


class TraitSession(TrashSession):
    """A session that calls the hooks of traits, adds their scopes to queries, and separates tenants.

    ``sessionmaker(engine, class_=TraitSession)``; asynchronous: ``async_sessionmaker(engine,
    sync_session_class=TraitSession)``. For a session class or a maker that is there, `install`.
    """

    flushes_outbox = True

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write pending changes; a function of the project that returns the actor is called once for all rows.

        Args:
            objects: As `Session.flush` takes them.
        """
        if runtime.actor_resolver is None:
            super().flush(objects)
        else:
            with runtime.asking_actor_once():
                super().flush(objects)

    def delete(self, instance: object, *, force: bool = False) -> None:
        """Delete a row, or trash it where its traits say so.

        Args:
            instance: The row.
            force: Delete it whatever its traits say, with those in the trash that hang on it.
        """
        if force or not any(instead(self, instance) for instead in extend.deleters):
            super().delete(instance)

    def get(self, entity: type[M] | Mapper[M], ident: Any, **options: Any) -> M | None:
        """A row by its key, None where there is none or a scope hides it, also where it is in memory already.

        Args:
            entity: The model.
            ident: The key.
            **options: As `Session.get` takes them.
        """
        tenancy.check_model(self, entity)
        execution_options = {
            **options.pop("execution_options", {}),
            **(everything_lifted() if _MERGING in self.info else {}),
        }
        row = super().get(entity, ident, execution_options=execution_options, **options)
        return row if row is None or shows(self, row, execution_options) else None

    def merge(self, instance: M, **options: Any) -> M:
        """Copy the state of an instance onto the row with its key, also where a scope hides that row.

        Args:
            instance: The instance.
            **options: As `Session.merge` takes them.
        """
        outermost = _MERGING not in self.info
        self.info[_MERGING] = True
        try:
            return super().merge(instance, **options)
        finally:
            if outermost:
                del self.info[_MERGING]

    def bulk_save_objects(self, objects: Iterable[object], *arguments: Any, **options: Any) -> None:
        """Write many rows without their hooks; emits ``bulk_creating``, ``bulk_updated`` and so on."""
        save = super().bulk_save_objects
        groups: dict[tuple[type, bool], list[object]] = {}
        for instance in objects:
            groups.setdefault((type(instance), lifecycle.is_stored(instance)), []).append(instance)
        for (model, stored), rows in groups.items():
            tenancy.check_rows(self, rows)
            execute = partial(save, rows, *arguments, **options)
            self._in_bulk(model, "update" if stored else "insert", [], execute)

    def bulk_insert_mappings(
        self, mapper: Any, mappings: Iterable[dict[str, Any]], *arguments: Any, **options: Any
    ) -> None:
        """Insert many rows without their hooks; emits ``bulk_creating`` and ``bulk_created``."""
        model, rows, insert = getattr(mapper, "class_", mapper), list(mappings), super().bulk_insert_mappings
        tenancy.check_values(self, model, rows)
        self._in_bulk(model, "insert", rows, lambda: insert(mapper, rows, *arguments, **options))

    def bulk_update_mappings(self, mapper: Any, mappings: Iterable[dict[str, Any]]) -> None:
        """Change many rows by their keys without their hooks; as ``session.execute(update(Model), mappings)``."""
        from sqlalchemy import update

        rows = list(mappings)
        if rows:
            self.execute(update(mapper), rows)

    def _in_bulk(self, model: type, operation: str, rows: list[dict[str, Any]], execute: Callable[[], object]) -> None:
        with runtime.asking_actor_once():
            if METADATA in vars(model):
                telling(self, model, operation, rows, None, execute)
            else:
                execute()


def install(target: Any) -> Any:
    """Install traits in a session class, or in a session maker.

    Args:
        target: A subclass of `Session`, of which a subclass is returned; or a `sessionmaker` or `async_sessionmaker`,
            which is changed and returned.

    >>> from sqlalchemy.orm import Session, sessionmaker
    >>> class Mine(Session):
    ...     pass
    >>> issubclass(install(Mine), TraitSession)
    True
    >>> isinstance(install(sessionmaker())(), TraitSession)
    True
    """
    if isinstance(target, sessionmaker):
        target.class_ = _with_traits(target.class_)
        return target
    if isinstance(target, async_sessionmaker):
        session_class = target.kw.get("sync_session_class", target.class_.sync_session_class)
        target.kw["sync_session_class"] = _with_traits(session_class)
        return target
    if isinstance(target, type) and issubclass(target, Session):
        return _with_traits(target)
    raise TypeError(f"install() takes a Session class, a sessionmaker or an async_sessionmaker, not {target!r}.")


def _with_traits(cls: type[Session]) -> type[Session]:
    if issubclass(cls, TraitSession):
        return cls
    return TraitSession if cls is Session else type(cls.__name__, (TraitSession, cls), {"__module__": cls.__module__})


class AsyncTraitSession(AsyncSession):
    """An asynchronous session that runs traits: ``async_sessionmaker(engine, class_=AsyncTraitSession)``."""

    sync_session_class: type[Session] = TraitSession

    async def delete(self, instance: object, *, force: bool = False) -> None:
        """Delete a row; a row with a trash is trashed unless ``force`` is true."""
        await (self.run_sync(force_delete, instance) if force else super().delete(instance))

    async def restore(self, instance: object) -> None:
        """Restore a row from the trash, with those trashed together with it."""
        await self.run_sync(restore, instance)


def _execute(state: ORMExecuteState) -> Result[Any] | None:
    """Statement -> tenant -> unchanged columns -> extensions -> conditions -> events -> SQL."""
    lifecycle.watch_retrieved()
    memo = memo_of(state)
    is_inner = INNER in state.local_execution_options
    if state.is_select:
        add_criteria(state, memo)
    if memo is not None and not is_inner:
        guard(state, memo)
    if state.is_select:
        return None
    if runtime.actor_resolver is None:
        return _write(state, is_inner=is_inner)
    with runtime.asking_actor_once():
        return _write(state, is_inner=is_inner) or state.invoke_statement()


def _write(state: ORMExecuteState, *, is_inner: bool) -> Result[Any] | None:
    """Execute a statement that writes; None where SQLAlchemy executes it unchanged."""
    if not is_inner:
        keep_columns(state)
    for execute in () if is_inner else extend.executors:
        result = execute(state)
        if result is not None:
            return result
    add_criteria(state, memo_of(state))
    if is_inner:
        return None
    return note_statement(state, lambda: execute_bulk(state, tenancy.is_tenants))


def _before_flush(session: Session, context: UOWTransaction, instances: Collection[Any] | None) -> None:
    tenancy.stamp(session)
    lifecycle.before_flush(session, context, instances)
    tenancy.check_flush(session)


event.listen(TraitSession, "before_flush", _before_flush)
event.listen(TraitSession, "after_flush", lifecycle.after_flush)
event.listen(TraitSession, "do_orm_execute", _execute)
event.listen(TraitSession, "after_soft_rollback", lifecycle.forget_pending_states)
event.listen(TraitSession, "before_commit", activity.before_commit)
event.listen(TraitSession, "after_commit", activity.after_commit)
event.listen(TraitSession, "after_transaction_end", activity.after_transaction_end)
tenancy.watch(TraitSession)

"""A small framework with rows in a dictionary, sessions and savepoints, and its host for traits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from itertools import count
from typing import Any, ClassVar, NamedTuple

from traits_runtime import initialize, register_host, run_hooks, trait_columns, unchanged
from traits_runtime.host import PlainHost

CURRENT: ContextVar[Session | None] = ContextVar("toy_session", default=None)


class Row:
    """Base of models; `fields` are written to the database."""

    fields: ClassVar[tuple[str, ...]] = ("id",)

    def __init__(self, **values: Any) -> None:
        self.session: Session | None = None
        self.stored: dict[str, Any] = {}
        for name, value in values.items():
            setattr(self, name, value)

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name, None) for name in self.fields}


class Transaction(NamedTuple):  # or a savepoint
    before: dict[Any, Any]
    after_commit: list[Callable[[], object]]
    after_rollback: list[Callable[[], object]]


class Session:
    """Reads and writes the rows of a table; the outermost block is committed at its end."""

    keys = count(1)

    def __init__(self, table: dict[Any, Any]) -> None:
        self.table = table
        self.transactions: list[Transaction] = []

    def save(self, row: Any) -> None:
        """Insert or update a row, with the hooks and columns of its traits."""
        inserts, row.session = not row.stored, self
        run_hooks(row, "saving")
        run_hooks(row, "creating" if inserts else "updating")
        for name, column in trait_columns(type(row)).items():
            make = column.on_insert if inserts and getattr(row, name, None) is None else column.on_update
            value = unchanged if make is None else make(type(row))
            if value is not unchanged:
                setattr(row, name, value)
        row.id = row.stored.get("id") or next(self.keys)
        self.table[type(row), row.id] = row.stored = row.values()
        run_hooks(row, "created" if inserts else "updated")
        run_hooks(row, "saved")

    def get(self, model: type[Row], key: int) -> Row | None:
        """The row with a key, None where there is none."""
        if (model, key) not in self.table:
            return None
        row = model.__new__(model)
        Row.__init__(row, **self.table[model, key])
        row.stored, row.session = row.values(), self
        initialize(row)
        run_hooks(row, "retrieved")
        return row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, or a savepoint inside one; an exception rolls it back."""
        self.transactions.append(Transaction(dict(self.table), [], []))
        token = CURRENT.set(self)
        try:
            yield
        except BaseException:
            self.end(rollback=True)
            raise
        else:
            self.end()
        finally:
            CURRENT.reset(token)

    def end(self, *, rollback: bool = False) -> None:
        """End the innermost transaction or savepoint."""
        before, after_commit, after_rollback = self.transactions.pop()
        if rollback:
            self.table.clear()
            self.table.update(before)
        elif self.transactions:
            self.transactions[-1].after_commit.extend(after_commit)
            self.transactions[-1].after_rollback.extend(after_rollback)
            return
        for call in after_rollback if rollback else after_commit:
            call()


class ToyHost(PlainHost):
    """Tells traits about rows, sessions and transactions of this framework."""

    name = "the toy framework"

    def serves(self, model: type) -> bool:
        return issubclass(model, Row)

    def prepare(self, model: type) -> None:
        if issubclass(model, Row):
            model.fields = tuple(dict.fromkeys((*model.fields, *trait_columns(model))))

    def columns(self, model: Any) -> tuple[str, ...]:
        return tuple(model.fields)

    def identity(self, row: Row) -> object:
        return row.stored.get("id")

    def is_stored(self, row: Row) -> bool:
        return bool(row.stored)

    def changed_fields(self, row: Row) -> set[str]:
        return {name for name, value in row.values().items() if value != row.stored.get(name)}

    def load(self, model: type[Row], identity: Any) -> Row | None:
        session = CURRENT.get()
        return None if session is None else session.get(model, identity)

    def session_of(self, row: object = None) -> Session | None:
        return (row.session if isinstance(row, Row) else None) or CURRENT.get()

    def in_transaction(self, row: object = None) -> bool:
        return bool((session := self.session_of(row)) and session.transactions)

    def after_commit(self, row: object, call: Callable[[], None]) -> bool:
        return self._defer(row, call, "after_commit")

    def after_rollback(self, row: object, call: Callable[[], None]) -> bool:
        return self._defer(row, call, "after_rollback")

    def _defer(self, row: object, call: Callable[[], None], moment: str) -> bool:
        session, context = self.session_of(row), copy_context()
        if session and session.transactions:
            getattr(session.transactions[-1], moment).append(lambda: context.run(call))
        return self.in_transaction(row)


HOST = ToyHost()
register_host(HOST)

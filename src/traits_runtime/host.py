"""What a host, the framework around models, gives to traits: one protocol, and the host of plain classes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

__all__ = ["PLAIN", "Awaiter", "Host", "PlainHost"]

Awaiter = Callable[[Any], object]
"""Waits for an awaitable from synchronous code and returns its result."""


class Host(Protocol):
    """A framework that keeps the rows of models.

    One object serves all models of its framework, in all threads and tasks; it is registered once, with
    `traits_runtime.register_host`. Hosts are asked in the order of their registration; the first whose `serves`
    returns True is the host of a model, `PLAIN` is the host of all other classes.
    """

    @property
    def name(self) -> str:
        """Name of the framework, for messages."""
        ...

    @property
    def scopes_queries(self) -> bool:
        """Whether no query of the framework returns rows of another tenant; True where there are no queries."""
        ...

    @property
    def adds_columns(self) -> bool:
        """Whether traits' columns are added to models; otherwise a model has to declare them, or is refused."""
        ...

    # Models

    def serves(self, model: type) -> bool:
        """Whether rows of a class are kept by this framework; asked once per model."""
        ...

    def prepare(self, model: type) -> None:
        """Complete a new model, for example with the columns of its traits, before the framework reads its body.

        Called for every new model, also for those of other hosts, when its traits are known.
        """
        ...

    def columns(self, model: type) -> Collection[str] | None:
        """Names of the attributes that are written to the database; None where attributes are not restricted."""
        ...

    def mark_condition(self, condition: Any, execution_option: str) -> Any:
        """Mark a scope's condition: a query that uses it behaves as if it had this execution option.

        Returns:
            The marked condition; a condition of another host unchanged.
        """
        ...

    # Rows

    def identity(self, row: Any) -> object:
        """The primary key in its own type, a tuple for several columns; None for an unsaved row."""
        ...

    def is_stored(self, row: Any) -> bool:
        """Whether the database has the row."""
        ...

    def changed_fields(self, row: Any) -> Collection[str] | None:
        """Attributes that differ from the database; None where the host cannot tell."""
        ...

    def load(self, model: type, identity: Any) -> object:
        """The row with a primary key, from the current session; None where there is no such row."""
        ...

    # Sessions and transactions

    def session_of(self, row: object = None) -> object:
        """The session of a row, else the session that is running hooks or a job; None for neither."""
        ...

    def in_transaction(self, row: object = None) -> bool:
        """Whether `session_of` has a transaction."""
        ...

    def begin(self, row: object) -> None:
        """Begin a transaction of the row's session where it has none, as a write would; nothing without a session."""
        ...

    def after_commit(self, row: object, call: Callable[[], None]) -> bool:
        """Call a function after the root transaction of `session_of` commits, with the caller's context variables.

        A rollback of the transaction, or of the savepoint that is open now, drops the function.

        Returns:
            False where no transaction is open; the function is then neither kept nor called.
        """
        ...

    def after_rollback(self, row: object, call: Callable[[], None]) -> bool:
        """Call a function when the open savepoint or transaction of `session_of`, or one around it, is rolled back.

        The function must not use the session. A commit of the root transaction drops it.

        Returns:
            False where no transaction is open; the function is then neither kept nor called.
        """
        ...

    # Jobs

    def job_context(self) -> AbstractContextManager[object]:
        """The context in which a worker runs a job: a session that `load` uses, committed when the job is done."""
        ...

    def load_obstacle(self) -> str:
        """What keeps `load` from finding any row here, with the way out; empty for nothing."""
        ...

    def awaiter(self) -> Awaiter | None:
        """Waits for coroutines in the synchronous code that is running; None where the host cannot do that here."""
        ...


class PlainHost:
    """The host of classes in memory: no columns, no sessions, no transactions; the identity is an attribute.

    >>> class Page:
    ...     id = 7
    >>> PLAIN.identity(Page()), PLAIN.is_stored(Page()), PLAIN.in_transaction()
    (7, False, False)
    """

    name: str = "plain classes"
    scopes_queries: bool = True
    adds_columns: bool = True

    def serves(self, model: type) -> bool:
        """Every class."""
        return True

    def prepare(self, model: type) -> None:
        """Nothing to complete."""

    def columns(self, model: type) -> Collection[str] | None:
        """Any attribute may be set."""
        return None

    def mark_condition(self, condition: Any, execution_option: str) -> Any:
        """There are no queries."""
        return condition

    def identity(self, row: Any) -> object:
        """The attribute ``id``, else ``pk``."""
        identity = getattr(row, "id", None)
        return identity if identity is not None else getattr(row, "pk", None)

    def is_stored(self, row: Any) -> bool:
        """There is no database."""
        return False

    def changed_fields(self, row: Any) -> Collection[str] | None:
        """Unknown."""
        return None

    def load(self, model: type, identity: Any) -> object:
        """There is nothing to load from."""
        return None

    def session_of(self, row: object = None) -> object:
        """There are no sessions."""
        return None

    def in_transaction(self, row: object = None) -> bool:
        """There are no transactions."""
        return False

    def begin(self, row: object) -> None:
        """There are no transactions."""

    def after_commit(self, row: object, call: Callable[[], None]) -> bool:
        """There are no transactions."""
        return False

    def after_rollback(self, row: object, call: Callable[[], None]) -> bool:
        """There are no transactions."""
        return False

    def job_context(self) -> AbstractContextManager[object]:
        """There are no sessions."""
        return nullcontext()

    def load_obstacle(self) -> str:
        """None that is known."""
        return ""

    def awaiter(self) -> Awaiter | None:
        """Coroutines are not awaited in synchronous code."""
        return None


class DjangoModels(PlainHost):
    """Models of Django as long as no adapter gives them the columns and scopes of their traits.

    Their fields are those that the model declares; a trait whose columns are not among them is refused.
    """

    name: str = "Django"
    scopes_queries: bool = False
    adds_columns: bool = False

    def serves(self, model: type) -> bool:
        """Classes that inherit from ``django.db.models.Model``."""
        return any(base.__name__ == "Model" and base.__module__ == "django.db.models.base" for base in model.__mro__)

    def columns(self, model: Any) -> Collection[str] | None:
        """Names of the fields, foreign keys with and without ``_id``."""
        names = {field.name for field in model._meta.get_fields()}
        return names | {field.attname for field in model._meta.fields}


PLAIN: Final[Host] = PlainHost()
DJANGO_MODELS: Final[Host] = DjangoModels()

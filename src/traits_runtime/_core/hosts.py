"""The registered hosts, and which of them serves a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from traits_runtime.host import DJANGO_MODELS, PLAIN, Awaiter, Host, PlainHost

METADATA: Final = "__trait_metadata__"
"""The attribute of a class under which its traits' metadata is stored."""


class Hosts:
    """Hosts in the order in which they are asked; the answer for a model is kept in the model's metadata.

    Args:
        known_classes: Returns all traits and models; they are asked for anew when hosts change.
    """

    __slots__ = ("_known_classes", "registered")

    def __init__(self, known_classes: Callable[[], list[type]]) -> None:
        self._known_classes = known_classes
        self.registered: tuple[Host, ...] = ()

    def register(self, host: Host) -> Callable[[], None]:
        """Let a host serve models from now on; returns a function that ends this.

        Args:
            host: Asked after those that are registered already.
        """
        self.replace((*self.registered, host))
        return lambda: self.replace(tuple(other for other in self.registered if other is not host))

    def replace(self, hosts: tuple[Host, ...]) -> None:
        """Put other hosts in place of the registered ones."""
        self.registered = hosts
        for cls in self._known_classes():
            self.forget(cls)

    def of(self, model: type) -> Host:
        """The host of a model; `traits_runtime.host.PLAIN` for a class that no registered host serves.

        >>> Hosts(list).of(dict).name
        'plain classes'
        """
        metadata = model.__dict__.get(METADATA)
        if metadata is None:
            return self._serving(model)
        host: Host | None = metadata.host
        if host is None:
            host = metadata.host = self._serving(model)
        return host

    def _serving(self, model: type) -> Host:
        return next(host for host in (*self.registered, DJANGO_MODELS, PLAIN) if host.serves(model))

    def forget(self, model: type) -> None:
        """Ask again who serves a model: its framework has mapped it after it was made."""
        metadata = model.__dict__.get(METADATA)
        if metadata is not None:
            metadata.host = None

    def prepare(self, model: type) -> None:
        """Let every host complete a new model."""
        for host in self.registered:
            host.prepare(model)

    def identify(self, row: object) -> object:
        """The key of a row: its host's, else the attribute ``id`` or ``pk``, which an unsaved row may have."""
        host = self.of(type(row))
        identity = host.identity(row)
        return identity if identity is not None or host is PLAIN else PLAIN.identity(row)

    def load(self, model: type, identity: object) -> object:
        """A row by its key, None where the model's host finds none."""
        return self.of(model).load(model, identity)

    def can_load(self, model: type) -> bool:
        """Whether the model's host has rows to load: `PlainHost.load` never returns one."""
        return getattr(type(self.of(model)), "load", None) is not PlainHost.load

    def load_obstacle(self, model: type) -> str:
        """What keeps every row of a model from being loaded here, with the way out; empty for nothing."""
        if not self.can_load(model):
            return "no host keeps rows of this class; register one that has `load` with `traits_runtime.register_host`"
        return self.of(model).load_obstacle()

    @contextmanager
    def job_context(self) -> Iterator[None]:
        """The contexts of all hosts in which a worker runs a job."""
        with ExitStack() as contexts:
            for host in self.registered:
                contexts.enter_context(host.job_context())
            yield

    def mark_condition(self, condition: Any, execution_option: str) -> Any:
        """Mark a scope's condition with the execution option that it stands for."""
        for host in self.registered:
            condition = host.mark_condition(condition, execution_option)
        return condition

    def after_commit_of(
        self, rows: Iterable[object], call: Callable[[], None], on_rollback: Callable[[], None]
    ) -> bool:
        """Call a function after the next commit of the first session of these rows, else of the one that is at work.

        Args:
            rows: The rows.
            call: Called after the commit.
            on_rollback: Called where the transaction of a row is rolled back instead.

        Returns:
            False where there is no session; the function is then not called.
        """
        for row in rows:
            host = self.of(type(row))
            host.begin(row)
            if host.after_commit(row, call):
                host.after_rollback(row, on_rollback)
                return True
        return self.after_commit(None, call)

    def after_commit(self, sender: object, call: Callable[[], None]) -> bool:
        """Call a function after the commit of the sender's session; False where no host has a transaction for it."""
        return any(host.after_commit(sender, call) for host in self.registered)

    def awaiter(self) -> Awaiter | None:
        """Waits for coroutines where a host can do that in the synchronous code that is running."""
        awaiters = (host.awaiter() for host in self.registered)
        return next((awaiter for awaiter in awaiters if awaiter is not None), None)

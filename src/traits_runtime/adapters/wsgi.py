"""Requests of WSGI applications run on behalf of their user, and for their tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from traits_runtime._core import runtime

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ActorMiddleware:
    """Opens `acting_as` and `tenant` around each request, while its answer is sent too; both are closed in between.

    ``application = ActorMiddleware(application, actor=lambda environ: environ.get("REMOTE_USER"))``. Where only a view
    finds out who the user is, give `resolve_actor_with` a function instead.

    Args:
        app: The application.
        actor: Given the environ, tells who acts, as `acting_as` takes it, None for nobody.
        tenant: Given the environ, tells the tenant, None for none.
    """

    def __init__(
        self,
        app: App,
        actor: Callable[[dict[str, Any]], Any],
        tenant: Callable[[dict[str, Any]], str | None] | None = None,
    ) -> None:
        self.app = app
        self.actor = actor
        self.tenant = tenant

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve a request."""
        who = self.actor(environ)
        name = self.tenant(environ) if self.tenant is not None else None

        def blocks() -> ExitStack:
            opened = ExitStack()
            opened.enter_context(runtime.acting_as(who))
            if name is not None:
                opened.enter_context(runtime.tenant(name))
            return opened

        with blocks():
            body = self.app(environ, start_response)
        return _Body(body, blocks)


class _Body:
    """An answer of which each part is made inside the blocks; the server's own code between the parts is outside."""

    def __init__(self, body: Iterable[bytes], blocks: Callable[[], ExitStack]) -> None:
        self._body = body
        self._parts = iter(body)
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._blocks():
            return next(self._parts)

    def close(self) -> None:
        """Close the answer, as servers do when it is sent or the client is gone."""
        close = getattr(self._body, "close", None)
        if close is not None:
            with self._blocks():
                close()

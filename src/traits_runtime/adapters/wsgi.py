"""Requests of WSGI applications run on behalf of their user, and for their tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from traits_runtime._core import runtime

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ActorMiddleware:
    """Opens `acting_as` and `tenant` around each request and around each part of its response.

    ``application = ActorMiddleware(application, actor=lambda environ: environ.get("REMOTE_USER"))``. Where a view
    authenticates the user, use `resolve_actor_with` instead.

    Args:
        app: The application.
        actor: Returns the actor of an environ as `acting_as` takes it, None for none.
        tenant: Returns the tenant of an environ, None for none.
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
        actor = self.actor(environ)
        tenant = self.tenant(environ) if self.tenant is not None else None

        def open_blocks() -> ExitStack:
            blocks = ExitStack()
            blocks.enter_context(runtime.acting_as(actor))
            if tenant is not None:
                blocks.enter_context(runtime.tenant(tenant))
            return blocks

        with open_blocks():
            body = self.app(environ, start_response)
        return _ResponseBody(body, open_blocks)


class _ResponseBody:
    """A response that computes each part inside the blocks; the code of the server between the parts is outside."""

    def __init__(self, body: Iterable[bytes], open_blocks: Callable[[], ExitStack]) -> None:
        self._body = body
        self._parts = iter(body)
        self._open_blocks = open_blocks

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._open_blocks():
            return next(self._parts)

    def close(self) -> None:
        """Close the response; servers do so when it is sent or the client has disconnected."""
        close = getattr(self._body, "close", None)
        if close is not None:
            with self._open_blocks():
                close()

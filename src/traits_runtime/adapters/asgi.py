"""Requests of ASGI applications run on behalf of their user, and for their tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from inspect import isawaitable
from typing import Any

from traits_runtime._core import runtime

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class ActorMiddleware:
    """Opens `acting_as` and `tenant` around each request and web socket; both are closed whatever happens inside.

    Starlette and FastAPI: ``app.add_middleware(ActorMiddleware, actor=lambda scope: scope["user"].id)``, inside the
    middleware that finds out who the user is.

    Args:
        app: The application.
        actor: Given the scope, tells who acts, as `acting_as` takes it, None for nobody; may be a coroutine function.
        tenant: Given the scope, tells the tenant, None for none; may be a coroutine function.
    """

    def __init__(self, app: App, actor: Callable[[Scope], Any], tenant: Callable[[Scope], Any] | None = None) -> None:
        self.app = app
        self.actor = actor
        self.tenant = tenant

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve a request; what is none, such as the start of the application, passes as it is."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        who = await _told(self.actor(scope))
        name = await _told(self.tenant(scope)) if self.tenant is not None else None
        with ExitStack() as blocks:
            blocks.enter_context(runtime.acting_as(who))
            if name is not None:
                blocks.enter_context(runtime.tenant(name))
            await self.app(scope, receive, send)


async def _told(value: Any) -> Any:
    return await value if isawaitable(value) else value

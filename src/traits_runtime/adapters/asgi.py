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
    middleware that authenticates the user.

    Args:
        app: The application.
        actor: Returns the actor of a scope as `acting_as` takes it, None for none; may be a coroutine function.
        tenant: Returns the tenant of a scope, None for none; may be a coroutine function.
    """

    def __init__(self, app: App, actor: Callable[[Scope], Any], tenant: Callable[[Scope], Any] | None = None) -> None:
        self.app = app
        self.actor = actor
        self.tenant = tenant

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve a request; other scopes, such as the lifespan of the application, are passed on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        actor = await _resolve(self.actor(scope))
        tenant = await _resolve(self.tenant(scope)) if self.tenant is not None else None
        with ExitStack() as blocks:
            blocks.enter_context(runtime.acting_as(actor))
            if tenant is not None:
                blocks.enter_context(runtime.tenant(tenant))
            await self.app(scope, receive, send)


async def _resolve(value: Any) -> Any:
    """The value, or the result of an awaitable."""
    return await value if isawaitable(value) else value

"""Requests act for their user and their tenant, and leave nothing of it behind."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from traits_runtime import Actor, acting_as, current_actor, current_tenant
from traits_runtime.adapters import asgi, wsgi


def scope(user: str | None, **more: Any) -> dict[str, Any]:
    """A request as a server hands it over."""
    return {"type": "http", "user": user, **more}


async def nothing(*_: Any) -> Any:
    """What a server gives to receive and to send by."""


def test_asgi_request_acts_for_its_user_and_tenant() -> None:
    """Fifty at once, each awaiting in between; who calls the application is as before."""
    seen: list[tuple[Any, Any, Any]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(0)
        seen.append((scope["user"], current_actor(), current_tenant()))

    async def slow(scope: Any) -> Any:
        await asyncio.sleep(0)
        return scope["user"]

    async def main() -> None:
        served = asgi.ActorMiddleware(app, actor=slow, tenant=lambda scope: f"t{scope['user']}")
        await asyncio.gather(*(served(scope(str(number)), nothing, nothing) for number in range(50)))
        with acting_as(1):
            await served(scope("a"), nothing, nothing)
            assert (current_actor(), current_tenant()) == (Actor(1), None)

    asyncio.run(main())

    assert len(seen) == 51
    assert all((actor, tenant) == (Actor(user), f"t{user}") for user, actor, tenant in seen)


def test_asgi_request_that_fails_leaves_nobody_behind() -> None:
    """The error passes; the start of the application has no user to ask for; nobody is not somebody else."""
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((scope["type"], current_actor()))
        if scope.get("fails"):
            raise RuntimeError("no")

    async def main() -> None:
        served = asgi.ActorMiddleware(app, actor=lambda scope: scope["user"])
        with pytest.raises(RuntimeError):
            await served(scope("a", fails=True), nothing, nothing)
        assert (current_actor(), current_tenant()) == (None, None)
        await served({"type": "lifespan"}, nothing, nothing)
        with acting_as(1):
            await served(scope(None), nothing, nothing)

    asyncio.run(main())

    assert seen == [("http", Actor("a")), ("lifespan", None), ("http", None)]


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_wsgi_request_acts_for_its_user_until_its_answer_is_sent() -> None:
    """On a real server whose thread serves one after the other: streamed parts, the close, and after an error."""
    between: list[Any] = []
    closed: list[Any] = []

    class Answer:
        def __init__(self, path: str) -> None:
            self.parts = iter(range(3))
            self.fails = path == "/fails"

        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            if next(self.parts, None) is None:
                raise StopIteration
            if self.fails:
                raise RuntimeError("no")
            return f"{current_actor().id}@{current_tenant()} ".encode()  # type: ignore[union-attr]

        def close(self) -> None:
            closed.append(current_actor())

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Answer(environ["PATH_INFO"])

    def watched(environ: Any, start_response: Any) -> Any:
        between.append((current_actor(), current_tenant()))
        served = wsgi.ActorMiddleware(app, lambda item: item["HTTP_USER"], lambda item: item["HTTP_TENANT"])
        body: Any = served(environ, start_response)
        between.append((current_actor(), current_tenant()))
        return body

    def get(user: str, path: str = "/") -> str:
        address = f"http://127.0.0.1:{server.server_port}{path}"
        requests = urllib.request.Request(address, headers={"User": user, "Tenant": f"t{user}"})
        with urllib.request.urlopen(requests, timeout=60) as answer:  # noqa: S310 - our own server
            return str(answer.read(), "utf-8")

    with make_server("127.0.0.1", 0, watched, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with ThreadPoolExecutor(4) as pool:
            result = list(pool.map(get, "abcd"))
        with pytest.raises(urllib.error.HTTPError):
            get("x", "/fails")
        result.append(get("e"))
        server.shutdown()
        thread.join()

    assert result == [f"{user}@t{user} " * 3 for user in "abcde"]
    assert set(between) == {(None, None)}
    assert {entry.id for entry in closed} == set("abcdxe")

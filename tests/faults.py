"""Servers of a test's own, on ports of their own, to be killed; and a proxy that cuts the network."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from servers import is_open


def free_port() -> int:
    """A port that nobody listens on, below those that systems give to whoever connects: none takes it meanwhile."""
    for port in random.sample(range(15_000, 32_000), 1000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Server:
    """A process that listens on a port, and may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What to run, with what environment."""
        raise NotImplementedError

    def start(self, seconds: float = 120) -> None:
        """Start it and wait until it listens."""
        command, environ = self.command()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **environ}, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if is_open(self.port):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "server.log").read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """Kill -9, with everything it has started; returns when nothing listens any more."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            while is_open(self.port):
                time.sleep(0.02)


class Redis(Server):
    """A Redis that keeps nothing on disk."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Loopback only."""
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", str(self.folder)], {}  # fmt: skip

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"


class RabbitMQ(Server):
    """A RabbitMQ node of its own, beside the machine's."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Loopback only."""
        config = self.folder / "rabbitmq.conf"
        config.write_text(f"listeners.tcp.local = 127.0.0.1:{self.port}\n", encoding="utf-8")
        given = {
            "CONFIG_FILE": str(config), "NODENAME": f"traits-{self.port}@localhost", "DIST_PORT": str(free_port()),
            "MNESIA_BASE": str(self.folder / "mnesia"), "LOG_BASE": str(self.folder / "log"),
            "ENABLED_PLUGINS_FILE": str(self.folder / "plugins"), "CONF_ENV_FILE": "/dev/null",
        }  # fmt: skip
        environ = {f"RABBITMQ_{name}": value for name, value in given.items()}
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"], {**environ, "HOME": str(self.folder)}

    @property
    def url(self) -> str:
        """Its address."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"


class Proxy:
    """Passes bytes to a port; while it is cut, connections stay open and nothing passes."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._passing: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Let nothing pass."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything pass again."""
        self._open.set()

    def close(self) -> None:
        """Close all connections; no thread and no socket is left."""
        self.mend()
        self._end(self._listener)
        self._accepting.join()
        for one in self._sockets:
            self._end(one)
        for thread in self._passing:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                self._open.wait()
                far = socket.create_connection(("127.0.0.1", self.target))
                self._sockets.append(far)
                for source, sink in ((near, far), (far, near)):
                    self._passing.append(threading.Thread(target=self._pass, args=(source, sink), daemon=True))
                    self._passing[-1].start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._open.wait()
                sink.sendall(data)
        for one in (source, sink):
            self._end(one)

    @staticmethod
    def _end(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

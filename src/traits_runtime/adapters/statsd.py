"""StatsD and DogStatsD, by push: ``telemetry = ["statsd"]``, the address in ``[engines.statsd]``; needs no library."""

from __future__ import annotations

import atexit
import os
import re
import socket
from collections.abc import Mapping
from threading import Event, Lock, Thread
from typing import Any
from weakref import WeakSet

from traits_runtime._core import runtime
from traits_runtime._core.telemetry import MetricKind

KINDS: Mapping[MetricKind, str] = {"counter": "c", "timing": "ms", "gauge": "g"}

PACKET = 1400
"""Maximum size of a datagram in bytes, below the MTU of common networks."""


class StatsdSink:
    """Sends values in datagrams of several lines, at least every half second; also in forked workers.

    Labels are tags for DogStatsD, and parts of the name for StatsD: ``trait.HasSlug.made.Article.ok``. Values are lost
    while the server is not reachable.

    Args:
        host: Name or address of the server.
        port: Its port.
        tags: Whether the server supports the tags of DogStatsD.
        interval: Maximum seconds between two datagrams.
    """

    def __init__(self, host: str = "localhost", port: int = 8125, *, tags: bool = False, interval: float = 0.5) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._address = (socket.gethostbyname(host), int(port))
        self._tags = tags
        self._interval = interval
        self._lines: list[bytes] = []
        self._size = 0
        self._stopped = Event()
        self._start_thread()
        _sinks.add(self)
        atexit.register(self.close)

    def _start_thread(self) -> None:
        self._lock = Lock()
        self._thread = Thread(target=self._send_regularly, name="traits-statsd", daemon=True)
        self._thread.start()

    def after_fork(self) -> None:
        """Start the thread in a child process; the unsent values belong to the parent."""
        if not self._stopped.is_set():
            self._lines, self._size = [], 0
            self._start_thread()

    def record(self, name: str, kind: MetricKind, value: float, labels: tuple[str, str, str]) -> None:
        """Buffer one value."""
        number = value * 1000 if kind == "timing" else value
        line = f"{self._name(name, labels)}:{number:.10g}|{KINDS[kind]}{self._tags_of(labels)}".encode()
        with self._lock:
            if self._size + len(line) + 1 > PACKET:
                self._send()
            self._lines.append(line)
            self._size += len(line) + 1

    def flush(self) -> None:
        """Send the buffered values."""
        with self._lock:
            self._send()

    def close(self) -> None:
        """Send the buffered values and stop."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._thread.join()
            self.flush()
            self._socket.close()
            atexit.unregister(self.close)

    def _name(self, name: str, labels: tuple[str, str, str]) -> str:
        parts = [name] if self._tags else [name, *filter(None, labels)]
        return ".".join(re.sub(r"[^\w.]", "_", part) for part in parts)

    def _tags_of(self, labels: tuple[str, str, str]) -> str:
        if not self._tags:
            return ""
        named_labels = zip(("model", "outcome", "tenant"), labels, strict=True)
        tags = ",".join(f"{key}:{_escape(value)}" for key, value in named_labels if value)
        return f"|#{tags}" if tags else ""

    def _send(self) -> None:
        if self._lines:
            packet = b"\n".join(self._lines)
            self._lines, self._size = [], 0
            try:
                self._socket.sendto(packet, self._address)
            except OSError:
                return

    def _send_regularly(self) -> None:
        while not self._stopped.wait(self._interval):
            self.flush()


_sinks: WeakSet[StatsdSink] = WeakSet()


def _after_fork_in_child() -> None:
    for sink in list(_sinks):
        sink.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _escape(value: str) -> str:
    """The value of a tag without the separators of tags."""
    return re.sub(r"[|,:#\s]", "_", value)


def open_telemetry(settings: Mapping[str, Any]) -> StatsdSink:
    """Enable telemetry and send every value.

    Args:
        settings: ``host``, ``port``, ``tags``, ``interval``; ``tenants``, ``bound``.
    """
    ours = {key: settings[key] for key in ("tenants", "bound") if key in settings}
    sink = StatsdSink(**{key: value for key, value in settings.items() if key not in ours})
    runtime.telemetry.enable(sink=sink, **ours)
    return sink

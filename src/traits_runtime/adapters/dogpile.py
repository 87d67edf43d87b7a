"""A dogpile.cache region as the cache of traits: ``cache = "dogpile"``, its backend in ``[engines.dogpile]``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from traits_runtime._core.engines import needs
from traits_runtime.adapters._generations import GenerationCache

with needs("dogpile"):
    from dogpile.cache import CacheRegion, make_region
    from dogpile.cache.api import NO_VALUE


class DogpileCache(GenerationCache):
    """A region; its own expiration time must be none, or longer than any of ours.

    dogpile has no time to live for a single value: it is written before the value, which is JSON.

    Args:
        region: A configured region. One whose serializer is pickle pickles bytes and nothing else.
    """

    def __init__(self, region: CacheRegion) -> None:
        self._region: Any = region

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """What is stored under each name."""
        entries: list[Any] = [self._region.get(names[0])] if len(names) == 1 else self._region.get_multi(list(names))
        return [_alive(entry) for entry in entries]

    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store."""
        self._region.set(name, _dated(data, seconds))

    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store where nothing is, under the region's lock for that name."""
        entry = _dated(data, seconds)
        return bool(self._region.get_or_create(name, lambda: entry, expiration_time=seconds) == entry)

    def remove(self, name: str) -> None:
        """Remove."""
        self._region.delete(name)


def _dated(data: bytes, seconds: float) -> bytes:
    return b"%.6f\n%b" % (time.time() + seconds, data)


def _alive(entry: Any) -> bytes | None:
    if entry is NO_VALUE:
        return None
    until, _, data = bytes(entry).partition(b"\n")
    return data if float(until) > time.time() else None


def _as_it_is(data: bytes) -> bytes:
    return data


def open_cache(settings: Mapping[str, object]) -> DogpileCache:
    """A region made of settings: ``backend`` and what it takes as ``arguments``."""
    region = make_region(serializer=_as_it_is, deserializer=_as_it_is)
    arguments: Any = settings.get("arguments", {})
    return DogpileCache(
        region.configure(str(settings.get("backend", "dogpile.cache.memory")), arguments=dict(arguments))
    )

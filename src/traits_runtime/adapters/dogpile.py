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
    """A region; its own expiration time must be none, or longer than every time to live of a value.

    dogpile has no time to live for a single value, so it is stored before the value, which is JSON.

    Args:
        region: A configured region. A region with the pickle serializer pickles only bytes.
    """

    def __init__(self, region: CacheRegion) -> None:
        self._region: Any = region

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """The stored bytes of each name, None where there are none."""
        if len(names) == 1:
            return [_unexpired(self._region.get(names[0]))]
        return [_unexpired(entry) for entry in self._region.get_multi(list(names))]

    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store bytes under a name."""
        self._region.set(name, _with_expiry(data, seconds))

    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store bytes under a name that does not exist, under the region's lock for that name."""
        entry = _with_expiry(data, seconds)
        return bool(self._region.get_or_create(name, lambda: entry, expiration_time=seconds) == entry)

    def remove(self, name: str) -> None:
        """Remove a name."""
        self._region.delete(name)


def _with_expiry(data: bytes, seconds: float) -> bytes:
    return b"%.6f\n%b" % (time.time() + seconds, data)


def _unexpired(entry: Any) -> bytes | None:
    if entry is NO_VALUE:
        return None
    expires, _, data = bytes(entry).partition(b"\n")
    return data if float(expires) > time.time() else None


def _identity(data: bytes) -> bytes:
    return data


def open_cache(settings: Mapping[str, object]) -> DogpileCache:
    """A region from its settings: ``backend`` and its ``arguments``."""
    region = make_region(serializer=_identity, deserializer=_identity)
    arguments: Any = settings.get("arguments", {})
    backend = str(settings.get("backend", "dogpile.cache.memory"))
    return DogpileCache(region.configure(backend, arguments=dict(arguments)))

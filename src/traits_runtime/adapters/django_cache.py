"""Django's cache as the cache of traits: ``cache = "django_cache"``, with the alias in ``[engines.django_cache]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from traits_runtime._core.engines import needs
from traits_runtime.adapters._generations import GenerationCache

with needs("django_cache", extra="django"):
    from django.core.cache import caches  # type: ignore[import-untyped]

MAX_NAME = 180
"""Memcached allows 250 characters; Django adds a prefix and a version."""


class DjangoCache(GenerationCache):
    """One of the caches in Django's ``CACHES``. Values are stored as JSON text.

    A hit costs two reads, of the value and of its generations. One computation among processes needs a cache with an
    atomic ``add``: Redis, memcached and the database have one; ``LocMemCache`` is not shared.

    Args:
        alias: Its name in ``CACHES``.
        prefix: Prefix of all keys.
    """

    def __init__(self, alias: str = "default", prefix: str = "traits:") -> None:
        self._cache = caches[alias]
        self._prefix = prefix

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """The stored bytes of each name, None where there are none."""
        keys = [self._key(name) for name in names]
        if len(keys) == 1:
            texts = [self._cache.get(keys[0])]
        else:
            stored = self._cache.get_many(keys)
            texts = [stored.get(key) for key in keys]
        return [None if text is None else text.encode() for text in texts]

    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store bytes under a name."""
        self._cache.set(self._key(name), data.decode(), seconds)

    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store bytes under a name that does not exist."""
        return bool(self._cache.add(self._key(name), data.decode(), seconds))

    def remove(self, name: str) -> None:
        """Remove a name."""
        self._cache.delete(self._key(name))

    def _key(self, name: str) -> str:
        if len(name) <= MAX_NAME and name.isascii() and name.isprintable() and " " not in name:
            return self._prefix + name
        return f"{self._prefix}{name[:2]}{sha256(name.encode()).hexdigest()}"


def open_cache(settings: Mapping[str, object]) -> DjangoCache:
    """The cache from its settings."""
    return DjangoCache(str(settings.get("alias", "default")), str(settings.get("prefix", "traits:")))

"""Django's cache as the cache of traits: ``cache = "django_cache"``, with the alias in ``[engines.django_cache]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from traits_runtime._core.engines import needs
from traits_runtime.adapters._generations import GenerationCache

with needs("django_cache", extra="django"):
    from django.core.cache import caches  # type: ignore[import-untyped]

LONGEST = 180
"""Memcached takes 250 characters; Django puts a prefix and a version before ours."""


class DjangoCache(GenerationCache):
    """One of the caches in Django's ``CACHES``. Values are stored as JSON text.

    A value costs two reads, of itself and of its generations. One computation among processes needs a cache with an
    atomic ``add``: Redis, memcached and the database have one, ``LocMemCache`` is not shared anyway.

    Args:
        alias: Its name in ``CACHES``.
        prefix: What our keys begin with.
    """

    def __init__(self, alias: str = "default", prefix: str = "traits:") -> None:
        self._cache = caches[alias]
        self._prefix = prefix

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """What is stored under each name."""
        keys = [self._name(name) for name in names]
        texts = {keys[0]: self._cache.get(keys[0])} if len(keys) == 1 else self._cache.get_many(keys)
        return [None if (text := texts.get(key)) is None else text.encode() for key in keys]

    def write(self, name: str, data: bytes, seconds: float) -> None:
        """Store."""
        self._cache.set(self._name(name), data.decode(), seconds)

    def add(self, name: str, data: bytes, seconds: float) -> bool:
        """Store where nothing is."""
        return bool(self._cache.add(self._name(name), data.decode(), seconds))

    def remove(self, name: str) -> None:
        """Remove."""
        self._cache.delete(self._name(name))

    def _name(self, name: str) -> str:
        if len(name) <= LONGEST and name.isascii() and name.isprintable() and " " not in name:
            return self._prefix + name
        return f"{self._prefix}{name[:2]}{sha256(name.encode()).hexdigest()}"


def open_cache(settings: Mapping[str, object]) -> DjangoCache:
    """The cache that config names."""
    return DjangoCache(str(settings.get("alias", "default")), str(settings.get("prefix", "traits:")))

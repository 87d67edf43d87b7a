"""The real servers of this machine, for the tests of adapters."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from traits_runtime import MemoryCache

REDIS = "redis://127.0.0.1:6379"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"


def is_open(port: int) -> bool:
    """Whether a server listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def written_lines(path: Path) -> list[dict[str, Any]]:
    """What other processes wrote down, an object a line; the line that one is just writing is for the next look."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def clean_redis(prefix: str, url: str = f"{REDIS}/0") -> None:
    """Delete what a test left in a shared Redis."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"*{prefix}*", count=1000):
            client.delete(key)


def make_cache(name: str, prefix: str) -> Any:
    """A backend by name."""
    if name == "memory":
        return MemoryCache()
    if name == "redis":
        from traits_runtime.adapters.redis import RedisCache

        return RedisCache(f"{REDIS}/0", prefix=prefix, timeout=30)
    if name.startswith("django"):
        from traits_runtime.adapters.django_cache import DjangoCache

        use_django()
        return DjangoCache("redis" if name == "django" else "local", prefix)
    from traits_runtime.adapters.dogpile import open_cache

    if name == "dogpile-memory":
        return open_cache({})
    arguments = {"url": f"{REDIS}/0", "distributed_lock": True, "thread_local_lock": False, "lock_timeout": 60}
    made = open_cache({"backend": "dogpile.cache.redis", "arguments": arguments})
    made._region.key_mangler = lambda key: prefix + key
    return made


def use_django() -> None:
    """Settings with two caches, once."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(INSTALLED_APPS=[], DEFAULT_AUTO_FIELD="django.db.models.AutoField")
        django.setup()
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "traits"},
        "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"{REDIS}/0"},
    }
    from django.core.cache import caches

    caches.settings = caches.configure_settings(None)

"""Outbox and cache in the application's own database, ``database`` by name; its ``url`` in ``[engines.database]``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from traits_runtime._core.engines import needs

with needs("database", extra="sqlalchemy"):
    from sqlalchemy import Engine, MetaData, create_engine, make_url

    from traits_runtime.adapters.sqlalchemy.outbox import DatabaseOutbox
    from traits_runtime.adapters.sqlalchemy.store import DatabaseCache


def open_outbox(settings: Mapping[str, Any]) -> DatabaseOutbox:
    """The outbox that config names; its table is made where it is absent.

    Args:
        settings: ``url`` of the database; ``resend``, ``lease``.
    """
    metadata, engine = MetaData(), _engine(settings)
    resend, lease = float(settings.get("resend", 900)), float(settings.get("lease", 30))
    outbox = DatabaseOutbox(metadata, engine, resend=resend, lease=lease)
    metadata.create_all(engine)
    return outbox


def open_cache(settings: Mapping[str, Any]) -> DatabaseCache:
    """The cache that config names; its table is made where it is absent.

    Args:
        settings: ``url`` of the database.
    """
    metadata, engine = MetaData(), _engine(settings)
    cache = DatabaseCache(engine, metadata)
    metadata.create_all(engine)
    return cache


PATIENCE_S: Final = 30
"""How long a write waits for others in an SQLite file, unless its address says ``?timeout=``."""


def _engine(settings: Mapping[str, Any]) -> Engine:
    url = make_url(str(settings["url"]))
    waits = url.get_backend_name() == "sqlite" and "timeout" not in url.query
    engine = create_engine(url, connect_args={"timeout": PATIENCE_S} if waits else {})
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine

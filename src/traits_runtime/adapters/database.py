"""Outbox and cache in the application's own database, ``database`` by name; its ``url`` in ``[engines.database]``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from traits_runtime._core.engines import needs

with needs("database", extra="sqlalchemy"):
    from sqlalchemy import Engine, MetaData, create_engine

    from traits_runtime.adapters.sqlalchemy.outbox import DatabaseOutbox
    from traits_runtime.adapters.sqlalchemy.store import DatabaseCache


def open_outbox(settings: Mapping[str, Any]) -> DatabaseOutbox:
    """The outbox that config names; its table is made where it is absent.

    Args:
        settings: ``url`` of the database; ``resend``, ``lease``.
    """
    metadata, engine = MetaData(), _engine(settings)
    resend, lease = float(settings.get("resend", 900)), float(settings.get("lease", 30))
    made = DatabaseOutbox(metadata, engine, resend=resend, lease=lease)
    metadata.create_all(engine)
    return made


def open_cache(settings: Mapping[str, Any]) -> DatabaseCache:
    """The cache that config names; its table is made where it is absent.

    Args:
        settings: ``url`` of the database.
    """
    metadata, engine = MetaData(), _engine(settings)
    made = DatabaseCache(engine, metadata)
    metadata.create_all(engine)
    return made


def _engine(settings: Mapping[str, Any]) -> Engine:
    engine = create_engine(str(settings["url"]))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine

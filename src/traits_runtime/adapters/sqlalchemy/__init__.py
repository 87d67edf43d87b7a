"""Models on SQLAlchemy, synchronous and asynchronous: columns, the moments of a row's life, transactions, scopes.

Import it where the declarative base is written, before the models.
"""

from __future__ import annotations

from traits_runtime.adapters.sqlalchemy import columns as _columns
from traits_runtime.adapters.sqlalchemy import comments as _comments
from traits_runtime.adapters.sqlalchemy import deferred_writes as _deferred_writes
from traits_runtime.adapters.sqlalchemy import dml_reads as _dml_reads
from traits_runtime.adapters.sqlalchemy import flags as _flags
from traits_runtime.adapters.sqlalchemy import host as _host
from traits_runtime.adapters.sqlalchemy import outbox as _outbox
from traits_runtime.adapters.sqlalchemy import search as _search
from traits_runtime.adapters.sqlalchemy import slugs as _slugs
from traits_runtime.adapters.sqlalchemy import tags as _tags
from traits_runtime.adapters.sqlalchemy import translations as _translations
from traits_runtime.adapters.sqlalchemy.activity import activities, activity_table
from traits_runtime.adapters.sqlalchemy.bulk import BulkChange, BulkForbiddenError
from traits_runtime.adapters.sqlalchemy.host import use_job_sessions
from traits_runtime.adapters.sqlalchemy.migrations import include_object
from traits_runtime.adapters.sqlalchemy.outbox import DatabaseOutbox, NoDatabaseError
from traits_runtime.adapters.sqlalchemy.rls import (
    drop_row_level_security,
    protect_on_create,
    row_level_security,
    set_tenant_of_transactions,
)
from traits_runtime.adapters.sqlalchemy.route_keys import resolve
from traits_runtime.adapters.sqlalchemy.search import reindex
from traits_runtime.adapters.sqlalchemy.session import AsyncTraitSession, TraitSession, install
from traits_runtime.adapters.sqlalchemy.slugs import save_with_unique_slug
from traits_runtime.adapters.sqlalchemy.soft_delete import force_delete, restore, restoring, unique_in_use
from traits_runtime.adapters.sqlalchemy.store import DatabaseCache, DatabaseStore
from traits_runtime.adapters.sqlalchemy.tenancy import (
    CrossTenantError,
    NoTenantInSessionError,
    UnscopedStatementError,
)
from traits_runtime.adapters.sqlalchemy.tracking import tracked_upsert, tracking_columns
from traits_runtime.adapters.sqlalchemy.transactions import job_session
from traits_runtime.adapters.sqlalchemy.translations import set_translation
from traits_runtime.adapters.sqlalchemy.types import UtcDateTime

__all__ = [
    "AsyncTraitSession",
    "BulkChange",
    "BulkForbiddenError",
    "CrossTenantError",
    "DatabaseCache",
    "DatabaseOutbox",
    "DatabaseStore",
    "NoDatabaseError",
    "NoTenantInSessionError",
    "TraitSession",
    "UnscopedStatementError",
    "UtcDateTime",
    "activities",
    "activity_table",
    "drop_row_level_security",
    "force_delete",
    "include_object",
    "install",
    "job_session",
    "protect_on_create",
    "reindex",
    "resolve",
    "restore",
    "restoring",
    "row_level_security",
    "save_with_unique_slug",
    "set_tenant_of_transactions",
    "set_translation",
    "tracked_upsert",
    "tracking_columns",
    "unique_in_use",
    "use_job_sessions",
]

_host.register()
_columns.watch()
_dml_reads.watch()
for _part in (_outbox, _deferred_writes, _comments, _flags, _search, _slugs, _tags, _translations):
    _part.watch()

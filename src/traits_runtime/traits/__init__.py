"""Ready-made traits, each usable alone; they depend on no framework, adapters add columns and queries."""

from __future__ import annotations

from traits_runtime.traits.activity import Activity, ActivityLogged, LogsActivity
from traits_runtime.traits.additional import HasAdditionalFeatures
from traits_runtime.traits.clock import clock
from traits_runtime.traits.comments import HasComments, IsComment, Thread, threads
from traits_runtime.traits.display_name import HasDisplayName
from traits_runtime.traits.flags import HasFlags
from traits_runtime.traits.publishing import Publishable, Published, Unpublished
from traits_runtime.traits.route_key import HasRouteKey
from traits_runtime.traits.search import MemoryIndex, Searchable, SearchIndex, use_search_index
from traits_runtime.traits.slug import HasLocalizedSlugs, HasSlug, slugify
from traits_runtime.traits.soft_deletes import SoftDeletes, Trashed
from traits_runtime.traits.tags import HasTags, IsTag
from traits_runtime.traits.tenancy import BelongsToTenant
from traits_runtime.traits.tracking import HardDeleted, HasUserTracking, UserAction
from traits_runtime.traits.translations import HasTranslations, Translations, translated
from traits_runtime.traits.ulid import HasUlid, new_ulid, parse_ulid

__all__ = [
    "Activity",
    "ActivityLogged",
    "BelongsToTenant",
    "HardDeleted",
    "HasAdditionalFeatures",
    "HasComments",
    "HasDisplayName",
    "HasFlags",
    "HasLocalizedSlugs",
    "HasRouteKey",
    "HasSlug",
    "HasTags",
    "HasTranslations",
    "HasUlid",
    "HasUserTracking",
    "IsComment",
    "IsTag",
    "LogsActivity",
    "MemoryIndex",
    "Publishable",
    "Published",
    "SearchIndex",
    "Searchable",
    "SoftDeletes",
    "Thread",
    "Translations",
    "Trashed",
    "Unpublished",
    "UserAction",
    "clock",
    "new_ulid",
    "parse_ulid",
    "slugify",
    "threads",
    "translated",
    "use_search_index",
]

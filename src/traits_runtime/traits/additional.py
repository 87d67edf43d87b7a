"""`HasAdditionalFeatures`: all ready-made traits in one base class."""

from __future__ import annotations

from traits_runtime import Trait
from traits_runtime.traits.activity import LogsActivity
from traits_runtime.traits.comments import HasComments
from traits_runtime.traits.display_name import HasDisplayName
from traits_runtime.traits.flags import HasFlags
from traits_runtime.traits.publishing import Publishable
from traits_runtime.traits.route_key import HasRouteKey
from traits_runtime.traits.search import Searchable
from traits_runtime.traits.slug import HasSlug
from traits_runtime.traits.soft_deletes import SoftDeletes
from traits_runtime.traits.tags import HasTags
from traits_runtime.traits.translations import HasTranslations
from traits_runtime.traits.ulid import HasUlid


class HasAdditionalFeatures(
    HasUlid, HasSlug, HasTranslations, LogsActivity, HasTags, HasComments, HasFlags, Publishable, Searchable,
    SoftDeletes, HasDisplayName, HasRouteKey, Trait,
):  # fmt: skip
    """All of the ready-made traits: each is a toggle, in ``__traits__`` and in every other layer of config.

    Switch a part off with ``{LogsActivity: {"enabled": False}}``; a model that wants a few of them uses those instead.
    Tags and comments need models of their own as soon as they are used: `IsTag`, `IsComment`.
    """

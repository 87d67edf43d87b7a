"""The behaviour that the blog's models are made of."""

from blog.traits.content import HasContent
from blog.traits.deleting import SoftDeletes
from blog.traits.publishing import Publishable
from blog.traits.slugs import HasSlug
from blog.traits.tagging import HasTags
from blog.traits.tracking import HasUserTracking

__all__ = ["HasContent", "HasSlug", "HasTags", "HasUserTracking", "Publishable", "SoftDeletes"]

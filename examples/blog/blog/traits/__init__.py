"""The blog's own traits; all others are ready-made, from `traits_runtime.traits`."""

from blog.traits.announcing import Announced
from blog.traits.content import HasContent

__all__ = ["Announced", "HasContent"]

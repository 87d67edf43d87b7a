"""`HasDisplayName`: a name of a row for people."""

from __future__ import annotations

from typing import ClassVar

from traits_runtime import Trait, TraitConfig, option
from traits_runtime._core.runtime import identify
from traits_runtime._core.trait.features import has_on


class DisplayNameConfig(TraitConfig):
    """The attributes of the name."""

    fields: tuple[str, ...] = option(
        ("name", "title", "label"), doc="Attributes to try, in this order; the first that is not empty is used."
    )
    fallback: str = option("{model} {key}", doc="The name of a row without one; `{model}` and `{key}` are filled in.")


class HasDisplayName(Trait):
    """Rows have a name for people: the first of several attributes that is not empty, else model and key.

    Attributes that are translated give their text in the current language.

    Off: the name is that of a row without one.
    """

    display_name_config: ClassVar[DisplayNameConfig] = DisplayNameConfig()

    @property
    def display_name(self) -> str:
        """The name of the row for people."""
        for field in self.display_name_config.fields if has_on(self, HasDisplayName) else ():
            value = getattr(self, field, None)
            text = "" if value is None else str(value).strip()
            if text:
                return text
        key = identify(self)
        text = self.display_name_config.fallback.format(model=type(self).__name__, key="" if key is None else key)
        return text.strip()

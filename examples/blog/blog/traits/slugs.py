"""Readable addresses."""

from __future__ import annotations

import re
import unicodedata

import msgspec
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from traits_runtime import Trait, TraitConfig, TraitEvent, changed, feature, hook, option


class SlugConfig(TraitConfig):
    """How slugs are made."""

    source: str = option("title", doc="Attribute that a slug is made from.")
    max_length: int = option(80, ge=8, le=255, env="BLOG_SLUG_MAX_LENGTH", doc="Longest slug, in characters.")
    separator: str = option("-", doc="What stands between two words.")


class SlugGenerated(msgspec.Struct):
    """A row got a slug.

    Attributes:
        slug: The new slug.
        old: The slug before, None for a new row.
    """

    slug: str
    old: str | None = None


class HasSlug(Trait):
    """Gives a row a readable address, made from its title.

    The slug is made when the row is created and stays when the title changes, unless the feature
    ``follow_title`` is on: a published address should not break.
    """

    slug_config = SlugConfig()

    follow_title = feature(False, doc="Make a new slug whenever the source attribute changes.")

    slug_generated = TraitEvent(SlugGenerated, doc="After a slug was made, before the row is written.")

    slug: Mapped[str] = mapped_column(String(255), unique=True, doc="Address of the row, unique in its table.")

    @hook("creating", priority=10)
    def make_slug(self) -> None:
        """Make the slug of a new row, unless it was given one."""
        if not self.slug:
            self._generate_slug()

    @hook("updating", when=changed("title"))
    def remake_slug(self) -> None:
        """Make the slug again after the title changed, where ``follow_title`` is on."""
        if self.enabled("follow_title"):
            self._generate_slug()

    def slug_source(self) -> str:
        """The text that a slug is made from; override it to combine attributes."""
        return str(getattr(self, self.slug_config.source))

    def _generate_slug(self) -> None:
        old = self.slug
        self.slug = slugify(self.slug_source(), self.slug_config.separator)[: self.slug_config.max_length]
        self.slug_generated(slug=self.slug, old=old)


def slugify(text: str, separator: str = "-") -> str:
    """Lower-case ASCII words, joined.

    >>> slugify("Déjà vu, again!")
    'deja-vu-again'
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return separator.join(re.findall(r"[a-z0-9]+", ascii_text.lower()))

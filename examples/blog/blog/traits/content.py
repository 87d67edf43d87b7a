"""What every published text has in common."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from blog.traits.publishing import Publishable
from blog.traits.slugs import HasSlug
from blog.traits.tagging import HasTags
from traits_runtime import Trait, TraitConfig, option


class ContentConfig(TraitConfig):
    """How texts are shown."""

    words_per_minute: int = option(220, ge=50, doc="Reading speed behind the reading time.")


class HasContent(HasSlug, HasTags, Publishable, Trait):
    """A text with a title, an address, labels and a publication date: a trait made of traits."""

    content_config = ContentConfig()

    title: Mapped[str] = mapped_column(doc="Headline.")
    body: Mapped[str] = mapped_column(default="", doc="The text, in Markdown.")

    @property
    def reading_minutes(self) -> int:
        """How long a reader needs, at least one minute."""
        return max(1, round(len(self.body.split()) / self.content_config.words_per_minute))

    def publish(self) -> None:
        """Make the text public; an empty one stays a draft.

        Raises:
            ValueError: The text is empty.
        """
        if not self.body.strip():
            raise ValueError("an empty text cannot be published")
        super().publish()

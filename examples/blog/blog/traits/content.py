"""What every text has in common."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from traits_runtime import Trait, TraitConfig, option
from traits_runtime.traits import HasAdditionalFeatures, translated


class ContentConfig(TraitConfig):
    """How texts are shown."""

    words_per_minute: int = option(220, ge=50, doc="Reading speed behind the reading time.")


class HasContent(HasAdditionalFeatures, Trait):
    """A text in several languages, with all that the ready-made traits bring: a trait made of traits."""

    content_config = ContentConfig()

    title = translated(doc="Headline.")
    body: Mapped[str] = mapped_column(default="", doc="The text, in Markdown.")

    @property
    def reading_minutes(self) -> int:
        """How long a reader needs, at least one minute."""
        return max(1, round(len(self.body.split()) / self.content_config.words_per_minute))

    def publish(self, at: datetime | None = None, *, until: datetime | None = None) -> None:
        """Make the text public; an empty one stays a draft.

        Args:
            at: From when, now by default.
            until: Until when, without end by default.

        Raises:
            ValueError: The text is empty.
        """
        if not (self.body or "").strip():
            raise ValueError("an empty text cannot be published")
        super().publish(at, until=until)

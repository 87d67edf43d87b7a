"""Labels that readers browse by."""

from __future__ import annotations

import msgspec
from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from traits_runtime import Trait, TraitConfig, TraitEvent, hook, option


class TaggingConfig(TraitConfig):
    """Which tags are allowed."""

    max_tags: int = option(10, ge=1, le=100, doc="How many tags a row may have.")
    lower_case: bool = option(True, doc="Store tags in lower case.")


class TagsChanged(msgspec.Struct):
    """The tags of a row changed."""

    added: list[str]
    removed: list[str]


class HasTags(Trait):
    """Lets readers find rows by label."""

    tagging_config = TaggingConfig()

    tags_changed = TraitEvent(TagsChanged, doc="After tags were added or removed.")

    tag_names: Mapped[list[str]] = mapped_column(JSON, default=list, doc="The labels, in the order they were given.")

    @hook("initialize")
    def start_without_tags(self) -> None:
        """Give a new instance an empty list of its own."""
        if self.tag_names is None:
            self.tag_names = []

    def tag(self, *names: str) -> None:
        """Add labels; those that the row has already are ignored.

        Raises:
            ValueError: The row would have more than ``max_tags`` labels.
        """
        wanted = [name.lower() if self.tagging_config.lower_case else name for name in names]
        added = [name for name in dict.fromkeys(wanted) if name not in self.tag_names]
        if len(self.tag_names) + len(added) > self.tagging_config.max_tags:
            raise ValueError(f"at most {self.tagging_config.max_tags} tags")
        self.tag_names = [*self.tag_names, *added]
        if added:
            self.tags_changed(added=added, removed=[])

    def untag(self, *names: str) -> None:
        """Remove labels; those that the row does not have are ignored."""
        removed = [name for name in self.tag_names if name in names]
        self.tag_names = [name for name in self.tag_names if name not in names]
        if removed:
            self.tags_changed(added=[], removed=removed)

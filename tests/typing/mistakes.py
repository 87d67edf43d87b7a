"""Mistakes that both checkers must find, each on a line marked ``# wrong``; never run."""

from __future__ import annotations

import msgspec

from traits_runtime import Envelope, Trait, TraitConfig, TraitEvent, feature, hook, job, option, unscoped


class SlugConfig(TraitConfig):
    """A config class."""

    max_length: int = option("80")  # wrong
    size: int = option(1, gee=2)  # wrong
    separator: str = option("-")


class SlugGenerated(msgspec.Struct):
    """A payload."""

    slug: str


class Other(msgspec.Struct):
    """Another payload."""

    other: str


class HasSlug(Trait):
    """A trait."""

    slug_config = SlugConfig()
    follow = feature("yes")  # wrong
    slug_generated = TraitEvent(SlugGenerated)
    cleared = TraitEvent()

    @hook("creating")
    def fill(self) -> None:
        """Wrong names, types and arguments."""
        text: str = self.slug_config.max_length  # wrong
        self.slug_generated(slg="x")  # wrong
        self.slug_generated(slug=3)  # wrong
        self.slug_generated()  # wrong
        self.cleared(slug="x")  # wrong
        flag: int = self.enabled("follow")
        self.enabled(3)  # wrong
        print(text, flag)

    async def later(self) -> None:
        """The arguments of an awaited event are checked too."""
        await self.slug_generated.aemit(slug=3)  # wrong

    @job(queue=3)  # wrong
    def reindex(self, full: bool) -> None:
        """A job."""


class Article(HasSlug):
    """A model."""

    def __init__(self, title: str) -> None:
        self.title = title


Article()  # wrong
Article("a").reindex("full")  # wrong
Article("a").reindex.enqueue(level=2)  # wrong


def hear(envelope: Envelope[Other]) -> None:
    """A listener for another payload."""


HasSlug.slug_generated.listen(hear)  # wrong
unscoped()  # wrong

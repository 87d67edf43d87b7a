"""What a user writes, with the types that checkers must infer; read by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

import msgspec

from traits_runtime import (
    BoundCache,
    BoundCounter,
    BoundEvent,
    BoundLog,
    BoundTiming,
    Change,
    Decision,
    Envelope,
    Feature,
    Job,
    Resolved,
    Subscription,
    Trait,
    TraitCache,
    TraitConfig,
    TraitEvent,
    TraitLog,
    changed,
    config,
    counter,
    events,
    feature,
    hook,
    job,
    listen,
    option,
    quietly,
    registry,
    rollouts,
    run_hooks,
    subscribe,
    tenant,
    timing,
    unscoped,
    without_feature,
    without_features,
)


class SlugConfig(TraitConfig):
    """Keys of several types."""

    max_length: int = option(80, ge=8, env="SLUG_MAX", doc="Longest slug.")
    separator: str = option("-")
    user: int | None = option(None)
    words: tuple[str, ...] = option(factory=tuple)
    host: str = option(env=("SLUG_HOST", "HOST"))


class SlugGenerated(msgspec.Struct):
    """A payload that is a Struct."""

    slug: str
    old: str | None = None


@dataclass
class Moved:
    """A payload that is a dataclass."""

    to: str


class Counted(TypedDict):
    """A payload that is a dictionary."""

    rows: int


class HasSlug(Trait):
    """One declaration of each kind."""

    slug_config = SlugConfig()
    follow = feature(False)
    slug_generated = TraitEvent(SlugGenerated, doc="After a slug was made.")
    moved = TraitEvent(Moved)
    counted = TraitEvent(Counted)
    cleared = TraitEvent()
    slug_cache = TraitCache(ttl=60)
    slugs = counter(doc="Slugs made.")
    slug_time = timing()
    slug_log = TraitLog()

    @hook("creating", priority=10, when=changed("title") | changed("body"))
    def fill(self) -> None:
        """Methods keep their type under a hook."""
        assert_type(self.slug_config, SlugConfig)
        assert_type(self.slug_config.max_length, int)
        assert_type(self.slug_config.user, int | None)
        assert_type(self.slug_config.words, tuple[str, ...])
        assert_type(self.slug_config.host, str)
        assert_type(self.enabled("follow"), bool)
        assert_type(self.follow, bool)
        self.slug_generated(slug="x")
        self.slug_generated(slug="x", old=None)
        self.slug_generated("x", "y")
        self.moved(to="x")
        self.counted(rows=3)
        self.cleared()
        assert_type(self.slug_cache.remember("a", lambda: 3), int)
        assert_type(self.slug_cache, BoundCache)
        assert_type(self.slugs, BoundCounter)
        assert_type(self.slug_time, BoundTiming)
        assert_type(self.slug_log, BoundLog)
        with self.slug_time, self.without_features("follow"), self.quietly():
            self.slugs.add(2)

    @hook("boot")
    @classmethod
    def prepare(cls) -> None:
        """A class method."""
        assert_type(cls.slug_config.max_length, int)

    @job(queue="search")
    def reindex(self, full: bool, *, level: int = 0) -> str:
        """A job keeps its parameters."""
        return "done"

    async def later(self) -> None:
        """An event can be awaited."""
        await self.slug_generated.aemit(slug="x")


class HasTags(Trait):
    """A second trait: two traits of one model do not get in each other's way."""

    tags_config = SlugConfig()


class Article(HasSlug, HasTags):
    """A model."""

    __traits__ = {HasSlug: {"max_length": 60, "follow": True}, "HasTags": {"separator": "_"}}  # noqa: RUF012

    def __init__(self, title: str) -> None:
        self.title = title


article = Article("a")
assert_type(article.tags_config.separator, str)
assert_type(HasSlug.slug_config, SlugConfig)
assert_type(Article.slug_config.max_length, int)
assert_type(Article.slug_config.explain("max_length"), Resolved[Any])
assert_type(HasSlug.follow, Feature)
assert_type(Article.enabled("follow"), bool)
assert_type(article.reindex(True, level=2), str)
assert_type(article.reindex.enqueue(True), str)
assert_type(HasSlug.cleared, TraitEvent[[], None])
assert_type(article.cleared, BoundEvent[[]])


def typed(envelope: Envelope[SlugGenerated]) -> None:
    """The payload's type reaches the listener."""
    assert_type(envelope.payload.slug, str)
    assert_type(envelope.name, str)


assert_type(HasSlug.slug_generated.listen(typed, priority=3, model=Article), Subscription)


@HasSlug.slug_generated.listener
def exact(envelope: Envelope[SlugGenerated]) -> int:
    """A decorated listener keeps its type."""
    return len(envelope.payload.slug)


@listen("trait.HasSlug.*", priority=3)
def audit(envelope: Envelope[Any]) -> str:
    """A decorated listener keeps its type."""
    return envelope.name


as_function: Callable[[Envelope[Any]], str] = audit
assert_type(exact(Envelope("x", SlugGenerated("a"))), int)
assert_type(subscribe(object()), Subscription)


@without_feature("follow")
def quiet(number: int) -> str:
    """A decorated function keeps its type."""
    return str(number)


assert_type(quiet(3), str)


@job(queue="mail")
def mail(to: Article, subject: str) -> None:
    """A function can be a job."""


kept: Job[[str], None] = mail

with without_features("follow", model=Article), quietly("trait.**"), tenant("acme"), unscoped(reason="export"):
    run_hooks(article, "creating", changes={"title"})
with Article.slug_config.override(max_length=10), config.override({HasSlug: {"max_length": 9}}, model=article):
    pass

assert_type(config.set(HasSlug, "max_length", 20, model=Article, tenant="acme", by="ada"), Change)
assert_type(config.explain("HasSlug", "max_length"), Resolved[Any])
assert_type(rollouts.enabled(article, "follow", "user-1"), bool)
assert_type(rollouts.explain(Article, "follow", "user-1"), Decision)
assert_type(registry.models(), tuple[type, ...])
events.emit("blog.imported", rows=3)

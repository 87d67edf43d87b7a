"""What is a trait, what is a model, and which hooks run when."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from traits_runtime import (
    Trait,
    TraitConfig,
    TraitEvent,
    Veto,
    arun_hooks,
    boot,
    changed,
    events,
    feature,
    hook,
    option,
    register_host,
    registry,
    run_hooks,
)
from traits_runtime.errors import (
    AmbiguousNameError,
    AsyncHookError,
    AttributeClashError,
    BootError,
    DeclarationError,
    InvalidConfigValueError,
    UnknownConfigKeyError,
    UnknownFeatureError,
    UnknownModelError,
    UnknownTraitError,
)
from traits_runtime.host import PlainHost

RAN: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    RAN.clear()


class HasTime(Trait):
    """A trait with hooks of several priorities."""

    @hook("creating")
    def second(self) -> None:
        """Run in the order of definition."""
        RAN.append("time.second")

    @hook("creating", priority=5)
    def first(self) -> None:
        """Run before, though written after."""
        RAN.append("time.first")

    @hook("creating")
    def third(self) -> None:
        """Run last of this trait."""
        RAN.append("time.third")


class HasName(Trait):
    """A second trait."""

    @hook("creating", priority=100)
    def name_it(self) -> None:
        """A high priority counts within a class, not between classes."""
        RAN.append("name")

    @hook("updating", when=changed("title", "body"))
    def rename(self) -> None:
        """Run when one of two fields changed."""
        RAN.append("rename")


class HasBoth(HasTime, HasName, Trait):
    """A trait of traits."""

    @hook("creating")
    def both(self) -> None:
        """Run before the traits that it is made of."""
        RAN.append("both")


def test_direct_base_makes_a_trait() -> None:
    """The rule of ``typing.Protocol``: who names Trait is a trait, who inherits one is a model."""

    class Article(HasBoth):
        pass

    assert {HasTime, HasName, HasBoth} <= set(registry.traits())
    assert Article in registry.models()
    assert Article not in registry.traits()


def test_hooks_run_by_class_then_priority_then_definition() -> None:
    """The MRO decides first."""

    class Article(HasBoth):
        pass

    run_hooks(Article(), "creating")

    assert RAN == ["both", "time.first", "time.second", "time.third", "name"]


def test_override_without_decorator_stays_the_hook() -> None:
    """It runs once, at the place of the class that declared it."""

    class Article(HasTime, HasName):
        def name_it(self) -> None:
            RAN.append("own")
            super().name_it()

    run_hooks(Article(), "creating")

    assert RAN == ["time.first", "time.second", "time.third", "own", "name"]


def test_override_with_decorator_moves_the_hook() -> None:
    """The nearest declaration decides about place and priority."""

    class Article(HasTime, HasName):
        @hook("creating")
        def name_it(self) -> None:
            RAN.append("own")

    run_hooks(Article(), "creating")

    assert RAN == ["own", "time.first", "time.second", "time.third"]


def test_hook_that_is_set_to_none_is_gone() -> None:
    """A model can switch a hook off for good."""

    class Article(HasTime):
        first = None  # type: ignore[assignment]

    run_hooks(Article(), "creating")

    assert RAN == ["time.second", "time.third"]


@pytest.mark.parametrize(
    ("changes", "ran"), [({"title"}, ["rename"]), ({"other"}, []), (None, ["rename"]), (set(), [])]
)
def test_hook_with_a_condition(changes: set[str] | None, ran: list[str]) -> None:
    """A condition on changed fields holds where nobody can tell what changed."""

    class Article(HasName):
        pass

    run_hooks(Article(), "updating", changes=changes)

    assert ran == RAN


class ChangedHost(PlainHost):
    """Says of every row that one field has changed."""

    def changed_fields(self, row: object) -> set[str]:
        """The field."""
        return {"other"}


def test_host_tells_what_changed() -> None:
    """A host that knows is asked once the condition is to be judged."""

    class Article(HasName):
        pass

    stop = register_host(ChangedHost())
    run_hooks(Article(), "updating")
    stop()

    assert RAN == []


def test_conditions_combine() -> None:
    """``&``, ``|``, ``~`` and plain functions."""
    title, body = changed("title"), changed("body")

    class HasConditions(Trait):
        @hook("saving", when=title & ~body)
        def only_title(self) -> None:
            RAN.append("only_title")

        @hook("saving", when=title | body)
        def either(self) -> None:
            RAN.append("either")

        @hook("saving", when=lambda self: self.ready)
        def when_ready(self) -> None:
            RAN.append("ready")

    class Article(HasConditions):
        ready = False

    run_hooks(Article(), "saving", changes={"title", "body"})

    assert RAN == ["either"]
    assert repr(title & ~body) == "changed('title') & ~changed('body')"


def test_veto_of_a_hook_says_who_and_when() -> None:
    """It stops the moment and reaches the caller."""

    class HasGuard(Trait):
        @hook("deleting")
        def keep(self) -> None:
            raise Veto("it is published")

        @hook("deleting")
        def after(self) -> None:
            RAN.append("after")

    class Article(HasGuard):
        pass

    with pytest.raises(Veto) as caught:
        run_hooks(Article(), "deleting")

    assert str(caught.value) == "HasGuard.keep vetoed deleting: it is published"
    assert caught.value.reason == "it is published"
    assert RAN == []


def test_lifecycle_moment_is_heard_and_can_be_vetoed_by_a_listener() -> None:
    """After the hooks the bus hears ``model.{Model}.{moment}``."""

    class Article(HasTime):
        pass

    def refuse(_envelope: object) -> None:
        raise Veto("closed")

    events.listen("model.Article.creating", refuse)

    with pytest.raises(Veto, match=r"vetoed model.Article.creating: closed"):
        run_hooks(Article(), "creating")
    assert RAN == ["time.first", "time.second", "time.third"]


def test_trait_that_is_switched_off_runs_no_hooks() -> None:
    """In any layer: here for one model."""

    class Article(HasTime, HasName):
        __traits__: ClassVar[Any] = {HasTime: {"enabled": False}}

    run_hooks(Article(), "creating")

    assert RAN == ["name"]


async def _later() -> None:
    RAN.append("awaited")


def test_async_hook() -> None:
    """It is awaited by ``arun_hooks`` and refused by ``run_hooks``."""
    import asyncio

    class HasIndex(Trait):
        @hook("saved")
        async def index(self) -> None:
            await _later()

    class Article(HasIndex):
        pass

    asyncio.run(arun_hooks(Article(), "saved"))
    with pytest.raises(AsyncHookError, match=r"Article.index is a coroutine function.*arun_hooks"):
        run_hooks(Article(), "saved")

    assert RAN == ["awaited"]


def test_boot_that_needs_an_instance_is_an_error() -> None:
    """A model cannot boot while it boots; after the mistake is mended it can."""

    class HasSeed(Trait):
        broken = True

        @hook("boot")
        @classmethod
        def seed(cls) -> None:
            RAN.append("boot")
            if cls.broken:
                cls()

    class Article(HasSeed):
        pass

    with pytest.raises(BootError, match="already booting"):
        boot(Article)
    Article.broken = False
    Article()

    assert RAN == ["boot", "boot"]


def test_two_threads_boot_once() -> None:
    """The first instances of two threads wait for one boot."""

    class HasSlowBoot(Trait):
        @hook("boot")
        @classmethod
        def slow(cls) -> None:
            RAN.append("boot")
            threading.Event().wait(0.05)

    class Article(HasSlowBoot):
        pass

    threads = [threading.Thread(target=Article) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert RAN == ["boot"]


def test_boot_hook_must_be_a_classmethod() -> None:
    """There is no instance when a model boots."""
    with pytest.raises(DeclarationError, match="must be a classmethod"):

        class HasWrong(Trait):
            @hook("boot")
            def wrong(self) -> None: ...


class OneConfig(TraitConfig):
    """A config class."""

    size: int = option(1, ge=1, le=9)


class HasOne(Trait):
    """Holds its config under a common name."""

    config = OneConfig()


class HasTwo(Trait):
    """Holds its config under the same name."""

    config = OneConfig()


def test_two_traits_with_the_same_attribute_are_refused() -> None:
    """The second would never be seen; the error says how to name it."""
    with pytest.raises(AttributeClashError) as caught:

        class Article(HasOne, HasTwo):  # type: ignore[misc]
            pass

    assert caught.value.attribute == "config"
    assert [trait.rpartition(".")[2] for trait in caught.value.traits] == ["HasOne", "HasTwo"]
    assert "for example to 'two_config'" in str(caught.value)


def test_override_by_a_trait_of_the_trait_is_no_clash() -> None:
    """Who inherits a declaration may replace it."""

    class HasMore(HasOne, Trait):
        config = OneConfig()

    class Article(HasMore):
        pass

    assert Article.config.size == 1


def test_key_and_feature_of_one_name_are_refused() -> None:
    """They share the trait's namespace in files and in ``__traits__``."""
    with pytest.raises(DeclarationError, match="'size' is declared twice"):

        class HasTwice(Trait):
            twice_config = OneConfig()
            size = feature()


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"HasOn": {"size": 2}}, UnknownTraitError, "no trait 'HasOn'. Did you mean 'HasOne'"),
        ({"HasOne": {"siez": 2}}, UnknownConfigKeyError, "declares no config key 'siez'. Did you mean 'size'"),
        ({"HasOne": {"size": "2"}}, InvalidConfigValueError, r"HasOne.size takes int \(ge=1, le=9\), the model layer"),
        ({"HasOne": {"size": 10}}, InvalidConfigValueError, "gives 10: Expected `int` <= 9"),
    ],
)
def test_wrong_values_of_a_model_are_refused(settings: dict[str, dict[str, object]], error: type, text: str) -> None:
    """When the class is made, not when a value is read."""
    with pytest.raises(error, match=text):
        type("Article", (HasOne,), {"__traits__": settings})


def test_unknown_feature_names_the_nearest() -> None:
    """Also the trait's own name counts as one."""

    class HasFlag(Trait):
        follow_title = feature()

    class Article(HasFlag):
        pass

    assert Article.enabled("HasFlag")
    assert Article.enabled("HasFlag.follow_title")
    with pytest.raises(UnknownFeatureError, match=r"feature 'folow_title'. Did you mean 'follow_title'"):
        Article().enabled("folow_title")


def test_registry_finds_by_short_and_full_name() -> None:
    """And says what it knows when it finds nothing."""

    class Article(HasTime):
        pass

    assert registry.find_trait("HasTime").cls is HasTime
    assert registry.find_model(f"{__name__}.{Article.__qualname__}").cls is Article
    with pytest.raises(UnknownTraitError, match="Did you mean 'HasTime'"):
        registry.find_trait("HasTimes")
    with pytest.raises(UnknownModelError, match="no model 'Nobody'"):
        registry.find_model("Nobody")


def test_short_name_of_two_classes_is_ambiguous() -> None:
    """The full names are offered."""
    item = type("HasDouble", (Trait,), {"__module__": "a"})
    two = type("HasDouble", (Trait,), {"__module__": "b"})

    with pytest.raises(AmbiguousNameError, match=r"may be a.HasDouble or b.HasDouble"):
        registry.find_trait("HasDouble")
    assert (item.__name__, two.__name__) == ("HasDouble", "HasDouble")


def test_model_with_a_field_called_enabled_keeps_it() -> None:
    """A field wins over the method; the feature can still be read by its own name."""

    class HasFlag(Trait):
        flag = feature(True)

    class Account(HasFlag):
        enabled = "a field"  # type: ignore[assignment]

    assert Account.enabled == "a field"
    assert Account().flag is True


def test_unusual_moment_must_be_a_name() -> None:
    """A moment is part of an event's name."""
    with pytest.raises(ValueError, match="is no moment"):
        hook("before save")
    with pytest.raises(ValueError, match="call boot"):
        run_hooks(type("Article", (HasTime,), {})(), "boot")


def test_events_of_models_belong_to_the_model() -> None:
    """A model may declare events and hooks too."""

    class Article(HasTime):
        archived = TraitEvent()

        @hook("creating")
        def own(self) -> None:
            RAN.append("own")

    run_hooks(Article(), "creating")

    assert Article.archived.wire == "trait.Article.archived"
    assert RAN[0] == "own"


def test_feature_of_a_model_itself() -> None:
    """A model may declare one too; it has no toggle of its own as a trait has."""

    class Article(HasTime):
        drafts = feature(True)

    assert Article().drafts is True
    assert Article.enabled("drafts")


def test_trait_itself_has_no_instances() -> None:
    """It is there to be inherited."""
    with pytest.raises(DeclarationError, match="has no instances; inherit it"):
        Trait()


def test_foreign_base_in_front_of_trait_itself() -> None:
    """A direct use of Trait behind a base that keeps subclass creation to itself is adopted late too."""

    class Selfish:
        def __init_subclass__(cls) -> None:
            pass

    class HasLate(Selfish, Trait):
        late = feature(True)

    assert HasLate() is not None
    assert HasLate.enabled("late")

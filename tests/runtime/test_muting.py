"""Muting covers the block and what it starts while open: no more, no less."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from traits_runtime import (
    Trait,
    TraitEvent,
    feature,
    hook,
    job,
    quietly,
    run_hooks,
    without_feature,
    without_features,
)
from traits_runtime.errors import UnknownFeatureError
from traits_runtime.testing import capture_events, capture_jobs


class HasSlug(Trait):
    """A trait with two features, a hook, an event and a job."""

    follow = feature(True)
    shorten = feature(True)
    made = TraitEvent()

    @hook("creating")
    def make(self) -> None:
        """Note that the hook ran."""
        self.ran = True

    @job()
    def ask(self) -> None:
        """Note what a job sees."""
        SEEN.append(self.enabled("follow"))


class HasTags(Trait):
    """Another trait."""

    lower = feature(True)


class Article(HasSlug, HasTags):
    """A model."""

    id = 1


class Page(HasSlug):
    """Another model."""


SEEN: list[bool] = []


def test_block_switches_a_feature_off_and_on_again() -> None:
    """Inside the block the feature is off, after it on."""
    article = Article()

    with without_feature("follow"):
        inside = (article.follow, article.enabled("follow"), Article.enabled("follow"), article.shorten)

    assert inside == (False, False, False, True)
    assert article.follow


def test_block_without_names_switches_everything_off() -> None:
    """No feature is on and no lifecycle hook runs."""
    article = Article()

    with without_features():
        run_hooks(article, "creating")
        inside = (article.follow, article.lower)

    assert inside == (False, False)
    assert not hasattr(article, "ran")


def test_inner_block_of_the_same_feature_leaves_the_outer_in_force() -> None:
    """The end of the inner block does not switch the feature on."""
    article = Article()

    with without_feature("follow"):
        with without_feature("follow"):
            pass
        between = article.follow

    assert between is False
    assert article.follow


def test_nested_blocks_of_two_features_end_one_by_one() -> None:
    """Each block answers for its own feature."""
    article = Article()

    with without_feature("follow"):
        with without_feature("shorten"):
            both = (article.follow, article.shorten)
        item = (article.follow, article.shorten)

    assert both == (False, False)
    assert item == (False, True)


def test_misspelt_feature_is_refused_when_the_block_opens() -> None:
    """The nearest known name is suggested, of all traits or of those of the model."""
    with pytest.raises(UnknownFeatureError, match=r"No trait declares a feature 'HasSlug\.folow'\. Did you mean"):
        without_features("HasSlug.folow").__enter__()
    with pytest.raises(UnknownFeatureError, match=r"of '.*Page' declares a feature 'lower'"):
        Page().without_features("lower").__enter__()
    with pytest.raises(UnknownFeatureError, match="Did you mean 'follow'"):
        Article.without_feature("folow").__enter__()

    assert Article.enabled("follow")


def test_hook_of_a_feature_does_not_run_without_it() -> None:
    """The hook asks whether its feature is on; a feature that does not exist is refused with the class."""

    class HasGreeting(Trait):
        greet = feature(True)

        @hook("creating", feature="greet")
        def say_hello(self) -> None:
            SEEN.append(True)

    class Letter(HasGreeting):
        """A model."""

    SEEN.clear()
    run_hooks(Letter(), "creating")
    with without_feature("greet"):
        run_hooks(Letter(), "creating")

    assert SEEN == [True]
    with pytest.raises(UnknownFeatureError, match="Did you mean 'greet'"):

        class Misspelt(HasGreeting):
            @hook("creating", feature="great")
            def greet_again(self) -> None: ...


def test_exception_restores() -> None:
    """A block that is left by an exception is closed."""
    article = Article()

    with pytest.raises(ValueError, match="no"), without_feature("follow"):
        raise ValueError("no")

    assert article.follow


def test_model_block_spares_other_models() -> None:
    """Muting one model is not muting the process."""
    with without_features("follow", model=Article):
        inside = (Article().follow, Page().follow, Article.enabled("follow"), Page.enabled("follow"))

    assert inside == (False, True, False, True)


def test_method_of_a_model_mutes_that_model() -> None:
    """``Article.without_features`` is the same, and so is ``HasSlug.without_features`` for the trait."""
    with Article.without_features("follow"):
        by_model = (Article().follow, Page().follow)
    with HasSlug.without_features():
        by_trait = (Article().follow, Article().lower, Page().shorten)

    assert by_model == (False, True)
    assert by_trait == (False, True, False)


def test_instance_block_spares_other_instances() -> None:
    """Muting one instance leaves its siblings and the class alone."""
    first, second = Article(), Article()

    with first.without_features("follow"):
        inside = (first.follow, first.enabled("follow"), second.follow, Article.enabled("follow"))

    assert inside == (False, False, True, True)


def test_trait_block_spares_other_traits() -> None:
    """A trait can be named by class or by name, a feature with its trait."""
    article = Article()

    with without_features(HasSlug):
        by_class = (article.follow, article.shorten, article.lower)
    with without_features("HasSlug.follow"):
        by_name = (article.follow, article.shorten, article.lower)

    assert by_class == (False, False, True)
    assert by_name == (False, True, True)


def test_one_block_object_is_entered_twice() -> None:
    """A block object may be kept and entered again, also inside itself."""
    block, article = without_feature("follow"), Article()

    with block:
        with block:
            pass
        between = article.follow
    with block:
        again = article.follow

    assert (between, again) == (False, False)
    assert article.follow


def test_one_block_object_serves_eight_threads() -> None:
    """Threads that share a block object end their own entering and nobody else's."""
    block, article = without_feature("follow"), Article()
    barrier = threading.Barrier(8)
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(200):
            with block:
                if turn == 0:
                    barrier.wait(timeout=60)
                if article.follow:
                    wrong.append(f"{number}: on inside")
            if not article.follow:
                wrong.append(f"{number}: off outside")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_other_thread_is_not_muted() -> None:
    """A thread that was running before, or comes from a pool, sees nothing of the block."""
    article = Article()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: None).result()
        with without_feature("follow"):
            elsewhere = pool.submit(lambda: article.follow).result()

    assert elsewhere is True


def test_thread_with_a_copied_context_is_muted_while_the_block_is_open() -> None:
    """A thread that inherits the context is covered, and no longer once the block has ended."""
    article = Article()
    with without_feature("follow"):
        context = contextvars.copy_context()
        during = _in_thread(context, lambda: article.follow)
    after = _in_thread(context, lambda: article.follow)

    assert (during, after) == (False, True)


def test_child_task_is_muted_while_the_block_is_open() -> None:
    """A task that is started inside the block, and awaited there, is covered."""
    article = Article()

    async def main() -> bool:
        async with without_feature("follow"):
            return await asyncio.create_task(_follow(article))

    assert asyncio.run(main()) is False


def test_sibling_task_is_not_muted() -> None:
    """Two tasks with blocks of their own do not see each other's."""
    article, other = Article(), Article()

    async def muted(entered: asyncio.Event, leave: asyncio.Event) -> bool:
        with without_feature("follow"):
            entered.set()
            await leave.wait()
            return article.follow

    async def main() -> tuple[bool, bool]:
        entered, leave = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(muted(entered, leave))
        await entered.wait()
        seen = other.follow
        leave.set()
        return seen, await task

    assert asyncio.run(main()) == (True, False)


def test_task_that_outlives_the_block_is_no_longer_muted() -> None:
    """A task that was started inside and goes on afterwards has its features again."""
    article = Article()

    async def late(go: asyncio.Event) -> bool:
        await go.wait()
        return article.follow

    async def main() -> bool:
        go = asyncio.Event()
        with without_feature("follow"):
            task = asyncio.create_task(late(go))
            await asyncio.sleep(0)
        go.set()
        return await task

    assert asyncio.run(main()) is True


def test_abandoned_async_generator_leaves_nothing_muted() -> None:
    """A generator that is dropped in the middle is closed in another context; its block ends all the same."""
    article = Article()

    async def stream() -> AsyncIterator[int]:
        with without_feature("follow"):
            yield 1
            yield 2

    async def main() -> tuple[bool, bool]:
        numbers = stream()
        async for _number in numbers:
            break
        inside = article.follow
        del numbers
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return inside, article.follow

    assert asyncio.run(main()) == (False, True)


def test_generator_that_is_closed_in_another_context_leaves_nothing_muted() -> None:
    """The same for a generator of which another context disposes."""
    article = Article()

    def stream() -> Iterator[int]:
        with without_feature("follow"):
            yield 1

    numbers = stream()
    next(numbers)
    inside = article.follow
    contextvars.copy_context().run(numbers.close)  # type: ignore[attr-defined]

    assert inside is False
    assert article.follow


def test_decorated_functions_are_muted_while_they_run() -> None:
    """A block is a decorator for functions, coroutine functions and generators."""
    article = Article()
    block = without_feature("follow")

    @block
    def plain() -> bool:
        return article.follow

    @block
    async def coroutine() -> bool:
        await asyncio.sleep(0)
        return article.follow

    @block
    def generator() -> Iterator[bool]:
        yield article.follow

    assert (plain(), asyncio.run(coroutine()), list(generator())) == (False, False, [False])
    assert article.follow


def test_suspended_generator_leaves_its_caller_alone() -> None:
    """The block covers the steps of a decorated generator and not the loop that reads it."""
    article = Article()

    @without_feature("follow")
    def steps() -> Generator[bool, str, str]:
        try:
            sent = yield article.follow
        except ValueError:
            sent = "thrown"
        try:
            yield article.follow
        finally:
            SEEN.append(article.follow)
        return sent

    SEEN.clear()
    inside, outside = [], []
    for step in steps():
        inside.append(step)
        outside.append(article.follow)
    half_read = steps()
    next(half_read)
    after_a_step = article.follow
    after_a_throw = half_read.throw(ValueError("no"))
    half_read.close()

    assert (inside, outside) == ([False, False], [True, True])
    assert (after_a_step, after_a_throw, article.follow) == (True, False, True)
    assert SEEN == [False, False]


def test_decorated_generator_returns_and_receives_values() -> None:
    """``send`` and the return value pass through the block."""

    @without_feature("follow")
    def echo() -> Generator[str, str, str]:
        received = yield "ready"
        return received.upper()

    echoing = echo()
    ready = next(echoing)
    with pytest.raises(StopIteration) as stopped:
        echoing.send("done")

    assert (ready, stopped.value.value) == ("ready", "DONE")


def test_decorating_an_async_generator_is_refused() -> None:
    """It may be dropped half-way, so the block belongs inside."""
    with pytest.raises(TypeError, match="open the block inside"):

        @without_feature("follow")
        async def stream() -> AsyncIterator[int]:
            yield 1


def test_job_is_not_muted() -> None:
    """A job that is queued inside a block runs with its features on, also where it runs at once."""
    SEEN.clear()
    with capture_jobs() as jobs, without_feature("follow"):
        Article().ask.enqueue()
    jobs.run()
    with without_feature("follow"):
        Article().ask.enqueue()
        inside = Article().follow

    assert SEEN == [True, True]
    assert inside is False


def test_quietly_drops_events_of_its_block_alone() -> None:
    """Events can be held back for all, by pattern, for a model or for an instance."""
    article, page = Article(), Page()
    with capture_events("trait.**") as captured:
        with quietly():
            article.made()
        with quietly("trait.HasTags.*"):
            article.made()
        with Article.quietly():
            article.made()
            page.made()
        with article.quietly():
            article.made()
            Article().made()
        with HasSlug.quietly("made"), HasTags.quietly():
            article.made()
        with HasSlug.quietly():
            article.made()

    assert [type(envelope.sender) for envelope in captured.envelopes] == [Article, Page, Article]


async def _follow(article: Article) -> bool:
    return article.follow


def _in_thread(context: contextvars.Context, ask: object) -> bool:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, ask).result()  # type: ignore[arg-type]

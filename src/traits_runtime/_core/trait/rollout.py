"""`rollouts`: giving a feature to some subjects first, and growing the share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from traits_runtime._core import runtime
from traits_runtime._core.config.store import Change
from traits_runtime._core.metadata import TraitMetadata, metadata_of
from traits_runtime._core.rollouts import Decision, Hashing, Rollout, SubjectOverride
from traits_runtime._core.runtime import SCOPED
from traits_runtime._core.trait.configuration import Name, config, find
from traits_runtime._core.trait.features import Feature, is_muted, is_on_for, plan_of, subject_of
from traits_runtime.errors import ConfigConflictError

DAY = 86_400


class Rollouts:
    """Who has a feature while it is rolled out: an override of the subject first, then the share, then the toggle.

    A layer that switches the feature, its trait or everything off does so for everybody, whatever the rollout.
    ``enabled`` of a model and the ready-made traits ask the same question for the subject in scope.

    Shares and overrides are stored as config is, with history, and may differ by model and tenant. A feature is
    given as ``"HasSlug.follow_title"``.

    >>> from traits_runtime import Trait, feature, rollouts
    >>> class HasEditor(Trait):
    ...     new_editor = feature(False, doc="The new editor.")
    >>> class Post(HasEditor):
    ...     pass
    >>> change = rollouts.set_share("HasEditor.new_editor", 50, by="ada")
    >>> rollouts.enabled(Post, "new_editor", "user-7"), rollouts.enabled(Post, "new_editor", "user-9")
    (True, False)
    >>> change = rollouts.set_subject("HasEditor.new_editor", "user-9", on=True, days=30)
    >>> rollouts.enabled(Post, "new_editor", "user-9")
    True
    """

    def __init__(self) -> None:
        self._guards: dict[tuple[str, Name | None, str], tuple[float, float, int, tuple[int, int, int, float]]] = {}

    def enabled(self, target: Any, feature: str, subject: object) -> bool:
        """Whether a subject has a feature.

        Args:
            target: A model, an instance, or a trait.
            feature: The feature, ``follow_title``.
            subject: A stable key of whom it is dealt to: a user, a session; an `Actor` counts by its key. Keys of
                different types are different subjects: ``7`` is not ``"7"``. Empty or None gives the toggle.
        """
        if not SCOPED.get() and type(subject) is str:
            try:
                return target.__trait_metadata__.plans[feature, None].includes(subject)  # type: ignore[no-any-return]
            except KeyError:
                pass
        return is_on_for(target, feature, subject)

    def explain(self, target: Any, feature: str, subject: object) -> Decision:
        """As `enabled`, with the reason, the subject's bucket and the threshold."""
        cls = target if isinstance(target, type) else type(target)
        metadata = metadata_of(cls)
        plan = plan_of(metadata, feature, None if target is cls else target)
        text = subject_of(subject)
        if is_muted(target, metadata, feature):
            return Decision(plan.feature, text, on=False, reason="OFF")
        return plan.decide(text)

    def set_share(
        self, feature: str, share: float, *, salt: str = "", hashing: Hashing = "text", model: Name | None = None,
        tenant: str = "", by: str = "", why: str = "", expected: int | None = None,
    ) -> Change:  # fmt: skip
        """Roll a feature out to a share of the subjects; a larger share keeps everybody who had it.

        Args:
            feature: ``HasSlug.follow_title``.
            share: Percent, to three decimals; 0 is nobody.
            salt: What is hashed before the subject, for a flag that keeps its name of another system.
            hashing: ``cbor`` deals as flagd does since its core is at 2.0, ``text`` as before.
            model: For one model only.
            tenant: For one tenant only.
            by: Who does it.
            why: Why.
            expected: The `config.version` that was read; another one in the store refuses the change.

        Raises:
            ConfigConflictError: Somebody else was faster.
        """
        metadata, name = _named(feature)
        key = metadata.rollout_keys(name)[0]
        address = (metadata.name, key.name, _path(model), tenant)
        return config.store_key(key, address, Rollout(share, salt, hashing), by, why, expected)

    def end(
        self, feature: str, *, model: Name | None = None, tenant: str = "", by: str = "", why: str = "",
        expected: int | None = None,
    ) -> Change:  # fmt: skip
        """End a rollout: the toggle holds for everybody again; the arguments are those of `set_share`."""
        metadata, name = _named(feature)
        key = metadata.rollout_keys(name)[0]
        return config.store_key(key, (metadata.name, key.name, _path(model), tenant), None, by, why, expected)

    def guard(
        self, feature: str, *, error_rate: float = 1, latency: float = 0, at_least: int = 100,
        model: Name | None = None, tenant: str = "",
    ) -> None:  # fmt: skip
        """Take a feature back by itself when its trait does worse than it may; `check` looks, `watch` looks regularly.

        The trait's counters and timings are asked: switch telemetry on. The share becomes 0, the history says why,
        and ``trait.runtime.rolled_back`` is emitted.

        Args:
            feature: ``HasSlug.follow_title``.
            error_rate: Share of outcomes ``error`` that is still good, 0 to 1.
            latency: Mean seconds of the trait's timings that are still good, 0 for not looking at them.
            at_least: How many outcomes are needed for a judgement.
            model: The rollout for one model only.
            tenant: The rollout for one tenant only.
        """
        metadata, _name = _named(feature)
        self._guards[feature, model, tenant] = (error_rate, latency, at_least, _seen(metadata.name))

    def check(self) -> tuple[Change, ...]:
        """Look at every guarded feature, at what was recorded since the last judgement; returns what was taken back."""
        rolled_back = []
        for (feature, model, tenant), (error_rate, latency, at_least, before) in list(self._guards.items()):
            now = _seen(_named(feature)[0].name)
            count, errors, timings, seconds = (new - old for new, old in zip(now, before, strict=True))
            if count < at_least:
                continue
            why = ""
            if errors / count > error_rate:
                why = f"{errors} of {count} outcomes were errors, {error_rate:.1%} may be"
            elif latency and timings and seconds / timings > latency:
                why = f"the mean of {timings} timings was {seconds / timings:.3f} s, {latency:g} s may be"
            if not why:
                self._guards[feature, model, tenant] = (error_rate, latency, at_least, now)
                continue
            rolled_back.append(self.set_share(feature, 0, model=model, tenant=tenant, by="guard", why=why))
            self._guards.pop((feature, model, tenant), None)
            runtime.bus.emit("trait.runtime.rolled_back", None, feature=feature, why=why)
        return tuple(rolled_back)

    def watch(self, every: float = 10) -> Callable[[], None]:
        """Check regularly, in a thread; returns how to stop. A look that fails is logged, and the next one tries again.

        Args:
            every: Seconds between two looks.
        """
        import logging
        from threading import Event, Thread

        stopped = Event()

        def look() -> None:
            while not stopped.wait(every):
                try:
                    self.check()
                except Exception:
                    logging.getLogger("traits_runtime.rollouts").exception("a guard could not look, or take back")

        thread = Thread(target=look, name="traits-guards", daemon=True)
        thread.start()

        def stop() -> None:
            stopped.set()
            thread.join()

        return stop

    def set_subject(
        self, feature: str, subject: object, *, on: bool | None, days: float = 0, model: Name | None = None,
        tenant: str = "", by: str = "", why: str = "",
    ) -> Change:  # fmt: skip
        """Decide for one subject, whatever the share; what others decide for other subjects meanwhile stays.

        Overrides whose time is over are dropped on the way.

        Args:
            feature: ``HasSlug.follow_title``.
            subject: The subject's key, of the type that it has in `enabled`.
            on: Whether it has the feature; None takes the override back.
            days: How long it holds, 0 for ever.
            model: For one model only.
            tenant: For one tenant only.
            by: Who does it.
            why: Why.
        """
        metadata, name = _named(feature)
        text = subject_of(subject)
        key = metadata.rollout_keys(name)[1]
        address = (metadata.name, key.name, _path(model), tenant)
        while True:
            seen, now = config.version, time.time()
            unexpired = {
                subject_name: override
                for subject_name, override in _stored_subjects(address).items()
                if not override.until or override.until > now
            }
            if on is None:
                unexpired.pop(text, None)
            else:
                unexpired[text] = SubjectOverride(on, now + days * DAY if days else 0)
            try:
                return config.store_key(key, address, unexpired, by, why, seen)
            except ConfigConflictError:
                config.refresh()


def _seen(trait: str) -> tuple[int, int, int, float]:
    """What a trait has recorded: how often, how often with an error, how many timings, and their seconds."""
    count = errors = timings = 0
    seconds = 0.0
    for reading in runtime.telemetry.read():
        if not reading.name.startswith(f"trait.{trait}.") or reading.outcome in ("enqueued", "duplicate"):
            continue
        if reading.kind == "timing":
            timings, seconds = timings + reading.count, seconds + reading.total
        if reading.kind != "gauge":
            count += reading.count
            errors += reading.count if reading.outcome in ("error", "dead") else 0
    return count, errors, timings, seconds


def _stored_subjects(address: tuple[str, str, str, str]) -> dict[str, SubjectOverride]:
    import msgspec

    stored = runtime.resolver.stored.values.get(address)
    return msgspec.convert(stored[0], dict[str, SubjectOverride]) if stored else {}


def _named(feature: str | Feature) -> tuple[TraitMetadata, str]:
    text = f"{feature.owner}.{feature.name}" if isinstance(feature, Feature) else feature
    trait, _, name = text.rpartition(".")
    metadata = find(trait)
    metadata.feature_key(name)
    return metadata, name


def _path(model: Name | None) -> str:
    if model is None:
        return ""
    from traits_runtime._core import registry

    return registry.find_model(model).path if isinstance(model, str) else metadata_of(model).path


rollouts: Final[Rollouts] = Rollouts()

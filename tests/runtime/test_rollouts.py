"""Who has a feature while it is rolled out, and why."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytest

from traits_runtime import Trait, config, feature, rollouts, tenant, without_feature
from traits_runtime.errors import InvalidConfigValueError, UnknownFeatureError

FLAG = "HasEditor.new_editor"
SUBJECTS = [f"user-{number}" for number in range(2000)]


class HasEditor(Trait):
    """A trait with a feature that is rolled out."""

    new_editor = feature(False)


class Post(HasEditor):
    """A model."""


class Page(HasEditor):
    """A model that has it anyway."""

    __traits__: ClassVar[Any] = {HasEditor: {"new_editor": True}}


def having(thing: Any = Post) -> set[str]:
    """Who has the feature."""
    return {one for one in SUBJECTS if rollouts.enabled(thing, "new_editor", one)}


def test_without_rollout_the_toggle_holds() -> None:
    """For everybody alike."""
    assert (having(Post), having(Page)) == (set(), set(SUBJECTS))
    assert rollouts.explain(Post, "new_editor", "user-1").reason == "TOGGLE"


def test_share_grows_and_drops_nobody() -> None:
    """Zero is nobody, also where the toggle is on; a hundred is everybody."""
    seen = []
    for share in (0, 10, 50, 100):
        rollouts.set_share(FLAG, share, by="ada")
        seen.append(having())

    assert [len(one) for one in seen][::3] == [0, 2000]
    assert 150 < len(seen[1]) < 250
    assert 900 < len(seen[2]) < 1100
    assert seen[0] <= seen[1] <= seen[2] <= seen[3]
    assert [one.by for one in config.history()] == ["ada"] * 4
    rollouts.set_share(FLAG, 0)
    assert having(Page) == set()


def test_same_subject_same_answer_on_class_and_instance() -> None:
    """In this process and every other."""
    rollouts.set_share(FLAG, 50)

    assert rollouts.enabled(Post(), "new_editor", "user-1") is rollouts.enabled(Post, "new_editor", "user-1")
    assert rollouts.explain(Post, "new_editor", "user-1").bucket == 80828
    assert rollouts.explain(Post, "new_editor", "user-1").threshold == 50_000


def test_override_of_a_subject_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It beats the share, for as long as it was given."""
    rollouts.set_share(FLAG, 0)
    rollouts.set_subject(FLAG, "user-1", on=True, days=30)
    rollouts.set_subject(FLAG, "user-2", on=True)
    now = having()
    clock = time.time() + 31 * 86_400
    monkeypatch.setattr(time, "time", lambda: clock)
    later = having()
    rollouts.set_subject(FLAG, "user-2", on=None)

    assert (now, later, having()) == ({"user-1", "user-2"}, {"user-2"}, set())


def test_reasons() -> None:
    """Every answer says why."""
    rollouts.set_share(FLAG, 50)
    rollouts.set_subject(FLAG, "user-1", on=True)
    reasons = [rollouts.explain(Post, "new_editor", one).reason for one in ("user-1", "user-2", "")]
    with without_feature("new_editor"):
        reasons.append(rollouts.explain(Post, "new_editor", "user-1").reason)
        muted = rollouts.enabled(Post, "new_editor", "user-1")
    config.set(HasEditor, "enabled", False)
    reasons.append(rollouts.explain(Post, "new_editor", "user-1").reason)

    assert reasons == ["SUBJECT", "SPLIT", "TARGETING_KEY_MISSING", "OFF", "OFF"]
    assert muted is False
    assert having() == set()


def test_share_of_a_model_and_of_a_tenant() -> None:
    """In the order of the layers."""
    rollouts.set_share(FLAG, 0)
    rollouts.set_share(FLAG, 100, model=Post)
    rollouts.set_share(FLAG, 0, tenant="acme")

    assert (len(having(Post)), len(having(Page))) == (2000, 0)
    with tenant("acme"):
        assert having(Post) == set()


def test_end_of_a_rollout() -> None:
    """The toggle holds again."""
    rollouts.set_share(FLAG, 50)
    rollouts.end(FLAG)

    assert having() == set()


def test_salt_of_another_system() -> None:
    """A flag that moves here keeps its buckets."""
    rollouts.set_share(FLAG, 50, salt="legacy-editor")
    other = having()
    rollouts.set_share(FLAG, 50)

    assert other != having()


def test_wrong_share_and_unknown_feature() -> None:
    """Nothing is stored."""
    with pytest.raises(ValueError, match="0 to 100 percent, not 101"):
        rollouts.set_share(FLAG, 101)
    with pytest.raises(UnknownFeatureError, match="Did you mean 'new_editor'"):
        rollouts.set_share("HasEditor.new_edtor", 10)
    with pytest.raises(InvalidConfigValueError):
        config.set(HasEditor, "new_editor", 50)

    assert config.history() == ()

"""Who has a feature while it is rolled out, and why."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

import pytest

from traits_runtime import (
    Actor,
    Change,
    MemoryStore,
    Trait,
    acting_as,
    config,
    counter,
    events,
    feature,
    rollouts,
    telemetry,
    tenant,
    without_feature,
)
from traits_runtime.errors import ConfigConflictError, InvalidConfigValueError, UnknownFeatureError

FLAG = "HasEditor.new_editor"
SUBJECTS = [f"user-{number}" for number in range(2000)]


class HasEditor(Trait):
    """A trait with a feature that is rolled out."""

    new_editor = feature(False)
    edits = counter()


class Post(HasEditor):
    """A model."""


class Page(HasEditor):
    """A model that has it anyway."""

    __traits__: ClassVar[Any] = {HasEditor: {"new_editor": True}}


def having(owner: Any = Post) -> set[str]:
    """Who has the feature."""
    return {subject for subject in SUBJECTS if rollouts.enabled(owner, "new_editor", subject)}


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

    assert [len(subject) for subject in seen][::3] == [0, 2000]
    assert 150 < len(seen[1]) < 250
    assert 900 < len(seen[2]) < 1100
    assert seen[0] <= seen[1] <= seen[2] <= seen[3]
    assert [change.by for change in config.history()] == ["ada"] * 4
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
    reasons = [rollouts.explain(Post, "new_editor", subject).reason for subject in ("user-1", "user-2", "")]
    with without_feature("new_editor"):
        reasons.append(rollouts.explain(Post, "new_editor", "user-1").reason)
        muted = rollouts.enabled(Post, "new_editor", "user-1")
    config.set(HasEditor, "enabled", False)
    reasons.append(rollouts.explain(Post, "new_editor", "user-1").reason)

    assert reasons == ["SUBJECT", "SPLIT", "TARGETING_KEY_MISSING", "OFF", "OFF"]
    assert muted is False
    assert having() == set()


def test_toggle_that_a_layer_switches_off_is_off_for_everybody() -> None:
    """Neither a share nor an override survives it; with the default alone the rollout decides."""
    rollouts.set_share(FLAG, 50)
    rollouts.set_subject(FLAG, "user-1", on=True)
    during = len(having())
    config.set(HasEditor, "new_editor", False)

    assert 900 < during < 1100
    assert having() == set()
    assert rollouts.explain(Post, "new_editor", "user-1").reason == "OFF"


def test_enabled_asks_the_rollout_with_the_actor() -> None:
    """Models, instances and features as attributes ask for the current actor; without one the toggle decides."""
    rollouts.set_share(FLAG, 50)
    answers = set()
    for number in range(200):
        with acting_as(f"user-{number}"):
            answer = rollouts.enabled(Post, "new_editor", f"user-{number}")
            assert (Post.enabled("new_editor"), Post().enabled("new_editor"), Post().new_editor) == (answer,) * 3
            answers.add(answer)

    assert answers == {True, False}
    assert (Post.enabled("new_editor"), Page.enabled("new_editor")) == (False, True)


@pytest.mark.parametrize("share", [0, 100])
def test_share_of_nobody_or_everybody_needs_no_subject(share: int) -> None:
    """Also code without an actor is nobody or somebody."""
    rollouts.set_share(FLAG, share)

    assert (Post.enabled("new_editor"), Page.enabled("new_editor")) == (share == 100,) * 2


def test_subject_is_the_tenant_or_the_row_where_declared() -> None:
    """A rollout by tenants gives a tenant all or nothing, one by rows asks for the primary key."""

    class HasTheme(Trait):
        dark = feature(False, dealt_by="tenant")
        wide = feature(False, dealt_by="row")

    class Screen(HasTheme):
        def __init__(self, number: int) -> None:
            self.id = number

    rollouts.set_share("HasTheme.dark", 50)
    rollouts.set_share("HasTheme.wide", 50)
    dark = {}
    for number in range(40):
        with tenant(f"tenant-{number}"):
            dark[f"tenant-{number}"] = Screen(1).enabled("dark")
    wide = {number: Screen(number).wide for number in range(40)}

    assert dark == {name: rollouts.enabled(Screen, "dark", name) for name in dark}
    assert wide == {number: rollouts.enabled(Screen, "wide", number) for number in wide}
    assert set(dark.values()) == set(wide.values()) == {True, False}


def test_keys_of_any_type_are_subjects_and_types_are_apart() -> None:
    """An integer is not its text; an actor counts by its key."""
    key = uuid.uuid4()
    rollouts.set_share(FLAG, 0)
    rollouts.set_subject(FLAG, 7, on=True)
    rollouts.set_subject(FLAG, key, on=True)

    assert rollouts.enabled(Post, "new_editor", 7)
    assert rollouts.enabled(Post, "new_editor", key)
    assert rollouts.enabled(Post, "new_editor", Actor(7, "User"))
    assert not rollouts.enabled(Post, "new_editor", "7")
    assert not rollouts.enabled(Post, "new_editor", str(key))
    with acting_as(7):
        assert Post().new_editor


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


CHOOSER = """
import sys
from traits_runtime import Trait, config, feature, rollouts

class HasEditor(Trait):
    new_editor = feature(False)

config.use(store=sys.argv[1])
for number in range(15):
    rollouts.set_subject("HasEditor.new_editor", f"{sys.argv[2]}-{number}", on=True, by=sys.argv[2])
"""


def test_subjects_of_processes_at_once_are_all_kept(tmp_path: Path) -> None:
    """Each decides for subjects of its own, all are in one value; none takes back what another has written."""
    path = tmp_path / "overrides.db"
    choosers = [subprocess.Popen([sys.executable, "-c", CHOOSER, str(path), name]) for name in "abc"]
    codes = [chooser.wait(60) for chooser in choosers]
    config.use(store=path)

    assert codes == [0, 0, 0]
    assert all(rollouts.enabled(Post, "new_editor", f"{name}-{number}") for name in "abc" for number in range(15))


def test_overrides_that_are_over_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value does not grow with every subject there ever was."""
    rollouts.set_subject(FLAG, "user-1", on=True, days=1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 86_400)

    change = rollouts.set_subject(FLAG, "user-2", on=True, days=1)

    assert "user-1" in change.before
    assert "user-1" not in change.after


def test_share_of_somebody_who_has_not_seen_the_last_change_is_refused() -> None:
    """As with any override."""
    seen = config.version
    rollouts.set_share(FLAG, 10, expected=seen)

    with pytest.raises(ConfigConflictError):
        rollouts.set_share(FLAG, 20, expected=seen)
    with pytest.raises(ConfigConflictError):
        rollouts.end(FLAG, expected=seen)

    assert len(config.history()) == 1


class Away(MemoryStore):
    """A store that cannot be written for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    def write(self, *args: Any, **kwargs: Any) -> Change:
        """Fail twice."""
        if kwargs.get("by") == "guard" and self.failures < 2:
            self.failures += 1
            raise OSError("the disk is full")
        return super().write(*args, **kwargs)


def test_guard_goes_on_where_the_store_was_away(caplog: pytest.LogCaptureFixture) -> None:
    """The failed attempt is logged, the next look takes the feature back all the same."""
    telemetry.enable()
    config.use(store=Away())
    rollouts.set_share(FLAG, 100)
    rollouts.guard(FLAG, error_rate=0.1, at_least=10)
    received = threading.Event()
    events.listen("trait.runtime.rolled_back", lambda _envelope: received.set())
    for _ in range(20):
        Post().edits.add(outcome="error")

    stop = rollouts.watch(0.02)
    heard = received.wait(20)
    stop()

    assert heard
    assert having() == set()
    assert caplog.text.count("the disk is full") >= 2

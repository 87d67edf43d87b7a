"""A condition on settings or the environment: the branch that holds where nobody configured anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from sphinx_traits.extract import extract

SOURCE = """
import os
import swapper
from django.conf import settings
from traits_runtime import Trait

class Usual(Trait): ...
class Special(Trait): ...

{condition}
    Base = Special
else:
    Base = Usual

class Thing(Base): ...
"""


@pytest.mark.parametrize(
    "condition",
    [
        "if swapper.is_swapped('app', 'Base'):",
        "if os.environ.get('SPECIAL'):",
        "if os.getenv('SPECIAL', '') == 'yes':",
        "if getattr(settings, 'SPECIAL', False):",
        "if hasattr(settings, 'SPECIAL'):",
    ],
)
def test_default_is_taken_and_the_class_is_still_flagged(tmp_path: Path, condition: str) -> None:
    """What is likely is shown, and that it depends on something is said."""
    (tmp_path / "shop.py").write_text(SOURCE.format(condition=condition), encoding="utf-8")

    (thing,) = extract(["shop"], search_paths=[tmp_path], project=tmp_path).models

    assert thing.mro[:2] == ("shop.Thing", "shop.Usual")
    assert not thing.complete
    assert "condition" in thing.reason


def test_toss_up_takes_the_first_branch_and_is_flagged(tmp_path: Path) -> None:
    """Where nothing speaks for either branch, the first is shown."""
    (tmp_path / "shop.py").write_text(SOURCE.format(condition="if settings.SPECIAL:"), encoding="utf-8")

    (thing,) = extract(["shop"], search_paths=[tmp_path], project=tmp_path).models

    assert thing.mro[:2] == ("shop.Thing", "shop.Special")
    assert not thing.complete

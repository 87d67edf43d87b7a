"""Writes a project of any size: models that each use five traits out of forty."""

from __future__ import annotations

import random
from pathlib import Path

TRAITS = 40
TRAITS_PER_MODEL = 5
MODELS_PER_MODULE = 10

_TRAIT = '''"""Trait number {n}."""

from __future__ import annotations

import msgspec

from traits_runtime import Trait, TraitConfig, TraitEvent, feature, hook, job, option

DEFAULT_TTL = 60 * {n}


class Config{n}(TraitConfig):
    """How trait {n} works."""

    ttl: int = option(DEFAULT_TTL, ge=1, env="APP_TTL_{n}", doc="Seconds.")
    label: str = option("trait-{n}", doc="What it is called.")


class Changed{n}(msgspec.Struct):
    """The value changed."""

    old: int
    new: int = 0


class Trait{n}(Trait):
    """Does the {n}th thing.

    It does so carefully.
    """

    config_{n} = Config{n}()
    strict_{n} = feature(False, doc="Refuse doubtful values.")
    changed_{n} = TraitEvent(Changed{n}, doc="After the value changed.")

    @hook("creating", priority={n})
    def prepare_{n}(self) -> None:
        """Prepare a new row."""
        if self.config_{n}.ttl:
            self.changed_{n}(old=0, new=1)

    @job(queue="q{n}")
    def rebuild_{n}(self, limit: int = 10) -> None:
        """Rebuild in the background."""

    @property
    def value_{n}(self) -> int:
        """The value."""
        return {n}

    def describe(self) -> str:
        """Describe the row."""
        return super().describe() + "{n}"
'''
_MODEL = '''

class Model{n}({bases}, Base):
    """Model number {n}."""

    __traits__ = {{{first}: {{"ttl": {n} + 1}}}}

    name: str = "model-{n}"

    def title(self) -> str:
        """The title."""
        return self.name

    def describe(self) -> str:
        """Describe it, starting with the name."""
        return self.name + super().describe()
'''
_BASE = '''"""What all models share."""


class Base:
    """A thing with a description."""

    def describe(self) -> str:
        """Nothing yet."""
        return ""
'''


def write_project(folder: Path, models: int, seed: int = 0) -> Path:
    """Write a package ``app`` and return the folder that holds it.

    Args:
        folder: Where to write; made if it is missing.
        models: How many models.
        seed: Which traits each model gets.
    """
    chance = random.Random(seed)
    package = folder / "app"
    for name in ("traits", "models"):
        (package / name).mkdir(parents=True, exist_ok=True)
        (package / name / "__init__.py").write_text("", encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "base.py").write_text(_BASE, encoding="utf-8")
    for n in range(TRAITS):
        (package / "traits" / f"trait{n}.py").write_text(_TRAIT.format(n=n), encoding="utf-8")
    for start in range(0, models, MODELS_PER_MODULE):
        numbers = range(start, min(start + MODELS_PER_MODULE, models))
        chosen = {n: sorted(chance.sample(range(TRAITS), TRAITS_PER_MODEL)) for n in numbers}
        used = sorted({trait for one in chosen.values() for trait in one})
        lines = ["from app.base import Base\n"]
        lines += [f"from app.traits.trait{trait} import Trait{trait}\n" for trait in used]
        for n, traits in chosen.items():
            bases = ", ".join(f"Trait{trait}" for trait in traits)
            lines.append(_MODEL.format(n=n, bases=bases, first=f"Trait{traits[0]}"))
        (package / "models" / f"m{start // MODELS_PER_MODULE}.py").write_text("".join(lines), encoding="utf-8")
    return folder

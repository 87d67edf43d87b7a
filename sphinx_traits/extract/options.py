"""What a caller may ask of the extraction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What to read, and what to take for a trait or a model.

    Args:
        base_overrides: For bases that no reading can resolve: the expression's dotted path (``app.db.db.Model``)
            to the dotted path of the class it stands for.
        traits: Names or globs of classes to take for traits; matched with the short and the full name.
        models: The same for models.
        exclude: Globs of modules to leave out of the analysed packages (``shop.tests.*``).
        config_start: Folder in which the search for the config file begins; the project's own by default.
        cache_dir: Where to keep what was read between two runs; None keeps nothing.
    """

    base_overrides: Mapping[str, str] = field(default_factory=dict)
    traits: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    config_start: Path | None = None
    cache_dir: Path | None = None


def chosen(name: str, patterns: tuple[str, ...]) -> str:
    """The first pattern that matches a dotted name or its last part, empty for none.

    >>> chosen("shop.mixins.SlugMixin", ("*Mixin",))
    '*Mixin'
    """
    short = name.rpartition(".")[2]
    for pattern in patterns:
        if fnmatchcase(name, pattern) or fnmatchcase(short, pattern):
            return pattern
    return ""

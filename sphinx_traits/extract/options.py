"""What a caller may ask of the extraction."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


def user_cache_folder() -> Path:
    """The user's cache folder for everything that may be deleted at any time."""
    if sys.platform == "win32":
        parent = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return parent / "sphinx-traits"


def _symbol_cache_folder() -> Path | None:
    try:
        return user_cache_folder() / "symbols"
    except RuntimeError:  # the user has no home
        return None


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
        cache_dir: Folder for the manifest of this project between two runs; None writes none.
        symbol_cache_dir: Folder for symbol tables of third-party files, shared by all projects; None reads every file.
    """

    base_overrides: Mapping[str, str] = field(default_factory=dict)
    traits: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    config_start: Path | None = None
    cache_dir: Path | None = None
    symbol_cache_dir: Path | None = field(default_factory=_symbol_cache_folder)


def matching_pattern(name: str, patterns: tuple[str, ...]) -> str:
    """The first pattern that matches a dotted name or its last part, empty for none.

    >>> matching_pattern("shop.mixins.SlugMixin", ("*Mixin",))
    '*Mixin'
    """
    short = name.rpartition(".")[2]
    for pattern in patterns:
        if fnmatchcase(name, pattern) or fnmatchcase(short, pattern):
            return pattern
    return ""

"""Modules of the standard library: imported from its own folders alone, and never one that acts when it is imported."""

from __future__ import annotations

import importlib
import sys
import sysconfig
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

_ACT_ON_IMPORT = frozenset({"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "test", "lib2to3"})
_LOCK = threading.RLock()


@lru_cache(maxsize=1)
def folders() -> tuple[str, ...]:
    """The folders of the standard library and of its extension modules."""
    paths = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    library = [Path(path).resolve() for path in dict.fromkeys(paths) if path]
    return tuple(str(folder) for path in library for folder in (path, path / "lib-dynload") if folder.is_dir())


@lru_cache(maxsize=4096)
def stdlib_module(name: str) -> ModuleType | None:
    """A module of the standard library.

    Args:
        name: Dotted name, of which the first part is one of `sys.stdlib_module_names`.

    Returns:
        The module; None for one that is not in the standard library's folders (a module of the same name elsewhere is
        somebody else's), that acts when it is imported (``unittest.__main__``), or that cannot be imported.
    """
    if name.partition(".")[0] in _ACT_ON_IMPORT or name.rpartition(".")[2] == "__main__":
        return None
    module = sys.modules.get(name)
    if module is None:
        with _only_stdlib():
            module = _imported(name)
    return module if module is not None and _is_ours(module) else None


def _imported(name: str) -> ModuleType | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (Exception, SystemExit):
        return None


@contextmanager
def _only_stdlib() -> Iterator[None]:
    """While this lasts, imports look into the standard library alone, whatever `sys.path` begins with."""
    with _LOCK:
        before = sys.path[:]
        sys.path[:] = folders()
        try:
            yield
        finally:
            sys.path[:] = before


def _is_ours(module: ModuleType) -> bool:
    """Whether a module was loaded from the standard library: built in, frozen or from its folders."""
    file = getattr(module, "__file__", None)
    if file is None:
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        return origin in ("built-in", "frozen") or module.__name__ in sys.builtin_module_names
    path = Path(file).resolve()
    return any(path.is_relative_to(folder) for folder in folders()) and "site-packages" not in path.parts

"""What identifies a class or function: its dotted path. Short names are for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def path_of(subject: type | Callable[..., Any]) -> str:
    """Dotted path of a class or function.

    >>> from traits_runtime.errors import TraitsError
    >>> path_of(TraitsError)
    'traits_runtime.errors.TraitsError'
    """
    module = getattr(subject, "__module__", "")
    name: str = getattr(subject, "__qualname__", "") or type(subject).__name__
    return f"{module}.{name}" if module else name


def short_name(path: str) -> str:
    """The last part of a dotted path.

    >>> short_name("shop.models.Article")
    'Article'
    """
    return path.rpartition(".")[2]

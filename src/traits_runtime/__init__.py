"""Trait-based models: classes composed of traits that bring declared behaviour with them.

The public names stand in `_public`; they are loaded when the first of them is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traits_runtime._public import *  # noqa: F403
    from traits_runtime._public import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        """Load all public names: `traits --help` and reading sources need none of them."""
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from traits_runtime import _public

        globals().update({one: getattr(_public, one) for one in _public.__all__}, __all__=_public.__all__)
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__() -> list[str]:
        return [*__getattr__("__all__"), *globals()]

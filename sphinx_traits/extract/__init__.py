"""Reads models and traits from source, without importing any of it: packages in, manifest out.

The names stand in `run`; they are loaded when the first of them is asked for: to learn that a kept manifest still holds
takes no parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx_traits.extract.run import Adapter as Adapter
    from sphinx_traits.extract.run import Extraction as Extraction
    from sphinx_traits.extract.run import Options as Options
    from sphinx_traits.extract.run import PackageNotFoundError as PackageNotFoundError
    from sphinx_traits.extract.run import extract as extract
    from sphinx_traits.extract.run import extract_with_files as extract_with_files
    from sphinx_traits.extract.run import register as register
else:
    __all__ = ["Adapter", "Extraction", "Options", "PackageNotFoundError", "extract", "extract_with_files", "register"]

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from sphinx_traits.extract import run

        globals().update({one: getattr(run, one) for one in __all__})
        return globals()[name]

"""A package written from text, read by us and, where a test wants it, imported by Python."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sphinx_traits.extract import Options, extract
from sphinx_traits.extract.locator import Locator, interpreter_paths
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.manifest import Manifest

_numbers = itertools.count()


@dataclass(frozen=True)
class Sources:
    """A package on disk under a name of its own; ``PKG`` in its text stands for that name."""

    folder: Path
    name: str

    def read(
        self, *, overrides: Mapping[str, str] | None = None, installed: bool = False
    ) -> tuple[dict[str, list[str]], dict[str, str]]:
        """The MRO of every class of the package, and why it is not certain for those where it is not."""
        others = interpreter_paths() if installed else ()
        loader = ModuleLoader(Locator([self.folder], others, None), [self.name])
        graph = Resolver(loader, overrides or {}).graph
        mros: dict[str, list[str]] = {}
        uncertainties: dict[str, str] = {}
        locator = graph.resolver.loader.locator
        root = locator.find(self.name)
        assert root is not None
        for submodule in (root, *locator.submodules(root)):
            module = graph.resolver.loader.module(submodule.name)
            assert module is not None
            for node in module.classes():
                mro = graph.mro(node)
                name = graph.name(mro.nodes[0])
                mros[name] = [graph.name(one) for one in mro.nodes]
                uncertainties[name] = "; ".join(uncertainty.reason for uncertainty in mro.uncertainties)
        return mros, {name: why for name, why in uncertainties.items() if why}

    def real(self) -> dict[str, list[str]]:
        """The same, by importing all modules."""
        sys.path.insert(0, str(self.folder))
        try:
            importlib.invalidate_caches()
            for path in sorted((self.folder / self.name).rglob("*.py")):
                module = ".".join(path.relative_to(self.folder).with_suffix("").parts).removesuffix(".__init__")
                with contextlib.suppress(ImportError):
                    importlib.import_module(module)
            found: dict[str, list[str]] = {}
            for name, module in list(sys.modules.items()):
                if name == self.name or name.startswith(f"{self.name}."):
                    for value in vars(module).values():
                        _collect(value, self.name, found)
            return found
        finally:
            sys.path.remove(str(self.folder))
            for name in [one for one in sys.modules if one == self.name or one.startswith(f"{self.name}.")]:
                del sys.modules[name]

    def manifest(self, **options: object) -> Manifest:
        """The manifest of the package."""
        return extract([self.name], search_paths=[self.folder], options=Options(**options))  # type: ignore[arg-type]


def _collect(value: object, package: str, found: dict[str, list[str]]) -> None:
    if not isinstance(value, type) or not str(value.__module__).startswith(package):
        return
    name = f"{value.__module__}.{value.__qualname__}"
    if name in found:
        return
    found[name] = [f"{one.__module__}.{one.__qualname__}" for one in value.__mro__]
    for inner in vars(value).values():
        _collect(inner, package, found)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Sources]:
    """Write a package: ``write({"models": "class A: ..."})``; a plain text is its ``__init__``."""

    def make(files: Mapping[str, str] | str, name: str = "") -> Sources:
        package = name or f"pkg{next(_numbers)}"
        texts = {"__init__": files} if isinstance(files, str) else {"__init__": "", **files}
        for module, text in texts.items():
            path = tmp_path / package / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).replace("PKG", package), encoding="utf-8")
        return Sources(tmp_path, package)

    return make

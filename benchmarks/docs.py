"""What documenting models costs, beside the same pages written by hand and beside the known extensions.

All costs are CPU seconds of a whole `sphinx-build`, the least of the rounds; every candidate runs in every round. The
floor is our own pages turned into plain reStructuredText: the same tables, descriptions and links, nothing to compute.
`TRAITS_DOCS_SIZES` (50 by default, as `50,200,1000`), `TRAITS_DOCS_ROUNDS`,
`TRAITS_DOCS_PEERS` and `TRAITS_DOCS_THEMES` choose more.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from benchmarks.docs_corpus import as_rst, write_package
from benchmarks.harness import Cost, Figure, process, ratio

SIZES = tuple(int(one) for one in os.environ.get("TRAITS_DOCS_SIZES", "50").split(","))
ROUNDS = int(os.environ.get("TRAITS_DOCS_ROUNDS", "2"))
THEMES = tuple(os.environ.get("TRAITS_DOCS_THEMES", "alabaster,furo").split(","))
PEERS = {"autodoc": "sphinx.ext.autodoc", "autoapi": "autoapi", "autodoc2": "autodoc2"}
CHOSEN = os.environ.get("TRAITS_DOCS_PEERS", ",".join(PEERS)).split(",")
PEERS_UP_TO = 50
"""Above this number of models the other extensions are left out: they take minutes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to document the corpus: its folder, and the source file to change for a rebuild."""

    name: str
    root: Path
    edited: Path

    def build(self) -> Cost:
        """Build once, on top of what is there."""
        command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-d", "build/doctrees", "docs", "build/html"]
        path = os.pathsep.join([str(self.root), os.environ.get("PYTHONPATH", "")])
        return process(command, cwd=self.root, env={**os.environ, "PYTHONPATH": path})

    def forget(self) -> None:
        """Remove what was built."""
        shutil.rmtree(self.root / "build", ignore_errors=True)

    def edit(self, turn: int) -> None:
        """Change one sentence about one model."""
        text = self.edited.read_text()
        head, _, tail = text.partition("of the shop")
        self.edited.write_text(f"{head}of the shop{'!' * (turn % 2)} {tail.lstrip(' !')}")

    def weigh(self) -> float:
        """MiB of HTML."""
        return sum(file.stat().st_size for file in (self.root / "build/html").rglob("*.html")) / 2**20

    def inventory(self) -> float:
        """KiB of the inventory."""
        return (self.root / "build/html/objects.inv").stat().st_size / 1024


@dataclass(frozen=True, slots=True)
class Costs:
    """The least costs of a candidate over all rounds."""

    cold: float
    nothing: float
    edited: float
    peak: float


def run() -> list[Figure]:
    """All rows of the comparison."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="traits-docs-") as folder:
        for theme in THEMES:
            colds: dict[int, float] = {}
            for size in SIZES:
                rows, cold = _compare(Path(folder) / theme / str(size), size, theme)
                figures += rows
                colds[size] = cold
            figures += _growth(theme, colds)
    return figures


def _compare(root: Path, size: int, theme: str) -> tuple[list[Figure], float]:
    candidates = _candidates(root, size, theme)
    costs = _measure(candidates)
    ours, floor = costs["ours"], costs["floor"]
    label = f"{theme}, {size} models"
    figures = [
        ratio(f"{label}: cold build, ours / by hand (s)", ours.cold, floor.cold, 0.55),
        ratio(f"{label}: nothing changed, ours / by hand (s)", ours.nothing, floor.nothing, 1.15),
        ratio(f"{label}: one model edited, ours / by hand (s)", ours.edited, floor.edited, 1.3),
        ratio(f"{label}: peak memory, ours / by hand (MiB)", ours.peak, floor.peak, 1.1),
    ]
    for name in PEERS:
        if name in costs:
            goal = 0.15 if name == "autodoc" else None
            figures.append(ratio(f"{label}: cold build, ours / {name} (s)", ours.cold, costs[name].cold, goal))
            figures.append(
                ratio(f"{label}: one model edited, ours / {name} (s)", ours.edited, costs[name].edited, None)
            )
    by_name = {one.name: one for one in candidates}
    for name in [one for one in by_name if one != "ours"]:
        mine, other = by_name["ours"], by_name[name]
        figures.append(ratio(f"{label}: HTML, ours / {name} (MiB)", mine.weigh(), other.weigh(), None))
        figures.append(ratio(f"{label}: inventory, ours / {name} (KiB)", mine.inventory(), other.inventory(), None))
    return figures, ours.cold


def _measure(candidates: list[Candidate]) -> dict[str, Costs]:
    found: dict[str, list[Costs]] = {one.name: [] for one in candidates}
    for turn in range(ROUNDS):
        for one in candidates:
            one.forget()
            cold = one.build()
            nothing = one.build()
            one.edit(turn + 1)
            edited = one.build()
            found[one.name].append(Costs(cold.cpu, nothing.cpu, edited.cpu, cold.peak_mib))
    return {name: _least(all_) for name, all_ in found.items()}


def _least(costs: list[Costs]) -> Costs:
    return Costs(*(min(getattr(one, name) for one in costs) for name in Costs.__dataclass_fields__))


def _growth(theme: str, colds: dict[int, float]) -> list[Figure]:
    """The exponent with which the cold build grows between the smallest and the largest corpus."""
    if len(colds) < 2:
        return []
    small, large = min(colds), max(colds)
    value = math.log(colds[large] / colds[small]) / math.log(large / small)
    name = f"{theme}: growth of the cold build from {small} to {large} models, exponent"
    return [Figure(name, colds[large], colds[small], value, 1.15)]


def _candidates(root: Path, size: int, theme: str) -> list[Candidate]:
    traits = max(20, size // 5)
    ours = _project(
        root / "ours",
        size,
        traits,
        theme,
        ["sphinx_traits"],
        'traits_packages = ["shop"]\ntraits_search_paths = [".."]\n',
    )
    (ours / "docs/index.rst").write_text("Shop\n====\n\n.. toctree::\n\n   traits/index\n")
    found = [Candidate("ours", ours, ours / "shop/model3.py")]
    found.append(_floor(root / "floor", ours, theme))
    if size <= PEERS_UP_TO and theme == THEMES[0]:
        found += [
            _peer(root, name, size, traits, theme)
            for name, module in PEERS.items()
            if name in CHOSEN and importlib.util.find_spec(module)
        ]
    return found


def _project(root: Path, size: int, traits: int, theme: str, extensions: list[str], more: str) -> Path:
    write_package(root, size, traits)
    _docs(root, theme, extensions, more)
    return root


def _docs(root: Path, theme: str, extensions: list[str], more: str) -> None:
    (root / "docs").mkdir(parents=True)
    conf = f"project = 'Shop'\nextensions = {extensions!r}\nhtml_theme = {theme!r}\nhtml_copy_source = False\n"
    (root / "docs/conf.py").write_text(conf + more)


def _floor(root: Path, ours: Path, theme: str) -> Candidate:
    """The pages of ours as plain reStructuredText."""
    _docs(root, theme, [], "")
    with patch_docutils(str(ours / "docs")), docutils_namespace():
        app = Sphinx(
            ours / "docs", ours / "docs", root / "tmp", root / "tmp/doctrees", "dummy", status=None, freshenv=True
        )
        app.build()
        for docname in sorted(app.env.all_docs):
            text = as_rst(_resolved(app, docname), docname)
            file = root / "docs" / f"{docname}.rst"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((":orphan:\n\n" if docname != "index" else "") + text)
    shutil.rmtree(root / "tmp")
    return Candidate("floor", root, root / "docs/traits/models/shop.model3.Model3.rst")


def _resolved(app: Sphinx, docname: str) -> nodes.document:
    doctree = app.env.get_doctree(docname)
    app.env.apply_post_transforms(doctree, docname)
    return doctree


def _peer(root: Path, name: str, size: int, traits: int, theme: str) -> Candidate:
    settings: dict[str, tuple[list[str], str]] = {
        "autodoc": (["sphinx.ext.autodoc", "sphinx.ext.napoleon"], ""),
        "autoapi": (
            ["autoapi.extension", "sphinx.ext.napoleon"],
            (
                "autoapi_dirs = ['../shop']\nautoapi_keep_files = True\n"
                "autoapi_options = ['members', 'inherited-members', 'undoc-members', 'show-inheritance']\n"
            ),
        ),
        "autodoc2": (["autodoc2"], "autodoc2_packages = ['../shop']\nautodoc2_render_plugin = 'rst'\n"),
    }
    extensions, more = settings[name]
    project = _project(root / name, size, traits, theme, extensions, more)
    entries: dict[str, Callable[[], str]] = {
        "autodoc": lambda: _autodoc_pages(project),
        "autoapi": lambda: "autoapi/index",
        "autodoc2": lambda: "apidocs/index",
    }
    (project / "docs/index.rst").write_text(f"Shop\n====\n\n.. toctree::\n\n   {entries[name]()}\n")
    return Candidate(name, project, project / "shop/model3.py")


def _autodoc_pages(project: Path) -> str:
    """One page for each module, with inherited members."""
    names = sorted(file.stem for file in (project / "shop").glob("*[0-9].py"))
    for name in names:
        title = f"shop.{name}"
        (project / "docs" / f"{name}.rst").write_text(
            f"{title}\n{'=' * len(title)}\n\n.. automodule:: {title}\n   :members:\n   :inherited-members:\n"
            "   :undoc-members:\n   :show-inheritance:\n"
        )
    return "\n   ".join(names)

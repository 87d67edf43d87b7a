"""What documenting models costs, beside the same pages written by hand and beside the known extensions.

All costs are CPU seconds of a whole `sphinx-build`, the least of the rounds; every candidate runs in every round. The
floor is our own pages turned into plain reStructuredText: the same tables, descriptions and links, nothing to compute;
two rows say how much of our words and links it has.

`TRAITS_DOCS_SIZES` (`50`; numbers of models, as `50,200,1000`), `TRAITS_DOCS_THEMES` (`alabaster,furo`),
`TRAITS_DOCS_PEERS` (`autodoc,autoapi,autodoc2`), `TRAITS_DOCS_PEERS_UP_TO` (`200` models) and `TRAITS_DOCS_ROUNDS`
choose what is run.
"""

from __future__ import annotations

import compileall
import importlib.util
import itertools
import math
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from benchmarks.docs_content import shared
from benchmarks.docs_corpus import as_rst, write_package
from benchmarks.harness import Cost, Figure, process, ratio

SIZES = tuple(int(one) for one in os.environ.get("TRAITS_DOCS_SIZES", "50").split(","))
ROUNDS = int(os.environ.get("TRAITS_DOCS_ROUNDS", "2"))
THEMES = tuple(os.environ.get("TRAITS_DOCS_THEMES", "alabaster,furo").split(","))
PEERS = {"autodoc": "sphinx.ext.autodoc", "autoapi": "autoapi", "autodoc2": "autodoc2"}
CHOSEN = os.environ.get("TRAITS_DOCS_PEERS", ",".join(PEERS)).split(",")
PEERS_UP_TO = int(os.environ.get("TRAITS_DOCS_PEERS_UP_TO", "200"))
"""Above this number of models the other extensions are left out: they take a quarter of an hour for one build."""
REBUILDS = 10
"""How often the pages by hand and ours are built again: what takes less than a second needs several looks."""


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
    _compile()
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


def _compile() -> None:
    """Compile our modules, as installers and every first import do: the others' are compiled."""
    for name in ("sphinx_traits", "traits_runtime"):
        spec = importlib.util.find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            compileall.compile_dir(folder, quiet=2)


def _compare(root: Path, size: int, theme: str) -> tuple[list[Figure], float]:
    candidates = _candidates(root, size, theme)
    costs = _measure(list(candidates.values()), ROUNDS if size <= 50 else 1)
    ours, floor = costs["ours"], costs["floor"]
    label = f"{theme}, {size} models"
    figures = [
        ratio(f"{label}: cold build, ours / by hand (s)", ours.cold, floor.cold, 0.55),
        ratio(f"{label}: nothing changed, ours / by hand (s)", ours.nothing, floor.nothing, 1.15),
        ratio(f"{label}: one model edited, ours / by hand (s)", ours.edited, floor.edited, 1.3),
        ratio(f"{label}: peak memory, ours / by hand (MiB)", ours.peak, floor.peak, 1.1),
        *_same_content(label, candidates["ours"], candidates["floor"]),
    ]
    for name in PEERS:
        if name in costs:
            peer = costs[name]
            goal = 0.15 if name == "autodoc" else None
            figures.append(ratio(f"{label}: cold build, ours / {name} (s)", ours.cold, peer.cold, goal))
            figures.append(ratio(f"{label}: nothing changed, ours / {name} (s)", ours.nothing, peer.nothing, None))
            figures.append(ratio(f"{label}: one model edited, ours / {name} (s)", ours.edited, peer.edited, None))
            figures.append(ratio(f"{label}: peak memory, ours / {name} (MiB)", ours.peak, peer.peak, None))
    mine = candidates["ours"]
    for name, other in candidates.items():
        if other is not mine:
            figures.append(ratio(f"{label}: HTML, ours / {name} (MiB)", mine.weigh(), other.weigh(), None))
            figures.append(ratio(f"{label}: inventory, ours / {name} (KiB)", mine.inventory(), other.inventory(), None))
    return figures, ours.cold


def _same_content(label: str, ours: Candidate, floor: Candidate) -> list[Figure]:
    """How much of our words and links the pages by hand have: the comparison stands and falls with it."""
    words, links = shared(ours.root / "build/html", floor.root / "build/html")
    return [
        Figure(f"{label}: words of ours that the pages by hand have too", words, None, words, 0.99, ">="),
        Figure(f"{label}: links of ours that the pages by hand have too", links, None, links, 0.99, ">="),
    ]


def _measure(candidates: list[Candidate], rounds: int) -> dict[str, Costs]:
    colds: dict[str, list[Cost]] = defaultdict(list)
    nothings: dict[str, list[float]] = defaultdict(list)
    edits: dict[str, list[float]] = defaultdict(list)
    for _turn in range(rounds):
        for one in candidates:
            one.forget()
            colds[one.name].append(one.build())
    for turn in range(REBUILDS):
        for one in candidates:
            if turn and one.name in PEERS:
                continue
            nothings[one.name].append(one.build().cpu)
            one.edit(turn + 1)
            edits[one.name].append(one.build().cpu)
    return {
        name: Costs(
            cold=min(one.cpu for one in found),
            nothing=min(nothings[name]),
            edited=min(edits[name]),
            peak=min(one.peak_mib for one in found),
        )
        for name, found in colds.items()
    }


def _growth(theme: str, colds: dict[int, float]) -> list[Figure]:
    """The exponent with which the cold build grows from each corpus to the next larger one."""
    sizes = sorted(colds)
    found = []
    for small, large in itertools.pairwise(sizes):
        value = math.log(colds[large] / colds[small]) / math.log(large / small)
        name = f"{theme}: growth of the cold build from {small} to {large} models, exponent"
        found.append(Figure(name, colds[large], colds[small], value, 1.15))
    return found


def _candidates(root: Path, size: int, theme: str) -> dict[str, Candidate]:
    """By name: ours, the pages by hand, and the other extensions unless the corpus is too large for them."""
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
    if size <= PEERS_UP_TO:
        found += [
            _peer(root, name, size, traits, theme)
            for name, module in PEERS.items()
            if name in CHOSEN and importlib.util.find_spec(module)
        ]
    return {one.name: one for one in found}


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

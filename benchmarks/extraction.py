"""The extraction: how often it is right, beside the running program and other static readers, and what it costs.

The scoreboard needs the code bases of `extraction_corpora`, in the folder that ``TRAITS_CORPORA`` names (by default
``build/corpora``), where ``nox -s extraction`` installs them; without any of them only the cost is measured.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.extraction_corpora import CORPORA, Corpus, MissingError, site_packages, truth
from benchmarks.extraction_corpora import run as run_peer
from benchmarks.extraction_project import write_project
from benchmarks.extraction_score import Reading, Score, read_truth, score
from benchmarks.harness import Figure, ratio

_OURS = """
import json, resource, sys, time
from pathlib import Path
from sphinx_traits.extract import Options, extract_with_files
folder, cache = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
began = time.process_time()
done = extract_with_files(["app"], search_paths=[folder], options=Options(cache_dir=cache))
spent = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([spent, peak, len(done.manifest.models), len(done.visited), done.manifest.models[0].mro[-1]]))
"""
_VISITED = """
import json, sys
from pathlib import Path
from sphinx_traits.extract import Options, extract_with_files
done = extract_with_files(["app"], search_paths=[Path(sys.argv[1])], options=Options(cache_dir=Path(sys.argv[2])))
print(json.dumps(done.visited))
"""
_GRIFFE = """
import json, logging, sys, time
logging.disable(logging.CRITICAL)
import griffe
began = time.process_time()
loader = griffe.GriffeLoader(search_paths=[sys.argv[1], *sys.path], allow_inspection=False)
app = loader.load("app"); loader.load("traits_runtime"); loader.resolve_aliases(implicit=True)
for module in app["models"].modules.values():
    for one in module.classes.values():
        one.mro(); one.all_members
print(json.dumps([time.process_time() - began]))
"""
_IMPORT = """
import json, pkgutil, importlib, sys, time
sys.path.insert(0, sys.argv[1])
began = time.process_time()
import app.models
for one in pkgutil.iter_modules(app.models.__path__, "app.models."):
    importlib.import_module(one.name)
print(json.dumps([time.process_time() - began]))
"""
_ASTROID = """
import json, sys, time
sys.path[:0] = [sys.argv[1], *sys.argv[2:]]
import astroid, pathlib
began = time.process_time()
for path in sorted((pathlib.Path(sys.argv[1]) / "app" / "models").glob("m*.py")):
    module = astroid.MANAGER.ast_from_module_name(f"app.models.{path.stem}")
    for one in module.body:
        if isinstance(one, astroid.nodes.ClassDef):
            one.mro(); list(one.methods())
print(json.dumps([time.process_time() - began]))
"""


def run() -> list[Figure]:
    """All figures: the cost, and the scoreboard where the code bases are installed."""
    folder = Path(os.environ.get("TRAITS_CORPORA", "build/corpora")).resolve()
    return [*cost(folder), *scoreboard(folder)]


# Cost.


def _printed(code: str, *arguments: object, python: Path | None = None) -> Any:
    """What a program prints last, as JSON."""
    command = [str(python or sys.executable), "-W", "ignore", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measured(code: str, *arguments: object, python: Path | None = None) -> list[float]:
    values: list[float] = _printed(code, *arguments, python=python)
    return values


def cost(folder: Path) -> Iterable[Figure]:
    """CPU, memory, growth and the warm run on a written project of 1,000 models that use five of forty traits."""
    with tempfile.TemporaryDirectory() as scratch:
        projects = {count: write_project(Path(scratch) / str(count), count) for count in (200, 1000, 4000)}
        cold = {count: min(_measured(_OURS, one) for _ in range(3)) for count, one in projects.items()}
        spent, peak, models = cold[1000][:3]
        assert models == 1000
        yield Figure("1,000 models: CPU seconds", spent, None, spent, 2.5)
        yield Figure("1,000 models: peak MiB", peak, None, peak, 120)
        exponent = math.log(cold[4000][0] / cold[200][0]) / math.log(4000 / 200)
        yield Figure("growth from 200 to 4,000 models: exponent", exponent, None, exponent, 1.1)
        cache = Path(scratch) / "cache"
        for _ in range(2):
            _measured(_OURS, projects[1000], cache)
        warm = min(_measured(_OURS, projects[1000], cache) for _ in range(3))
        yield ratio("nothing changed: CPU seconds, over a cold run", warm[0], spent, 0.1)
        yield Figure("nothing changed: modules read", warm[3], None, warm[3], 0)
        wrong = _wrongly_read(projects[1000], cache)
        yield Figure("one file changed: modules read for nothing, or missed", wrong, None, wrong, 0)
        griffe = min(_measured(_GRIFFE, projects[1000]) for _ in range(3))[0]
        yield ratio("1,000 models: CPU seconds, over plain griffe (no facts)", spent, griffe, None)
        imported = min(_measured(_IMPORT, projects[1000]) for _ in range(3))[0]
        yield ratio("1,000 models: CPU seconds, over importing them", spent, imported, None)
        python = folder / "astroid" / "bin" / "python"
        if python.exists():
            paths = [one for one in sys.path if one]
            astroid = min(_measured(_ASTROID, projects[1000], *paths, python=python) for _ in range(2))[0]
            yield ratio("1,000 models: CPU seconds, over astroid (no facts)", spent, astroid, None)


def _wrongly_read(project: Path, cache: Path) -> int:
    """How many modules are read without need, or are not, after one trait's module has changed."""
    changed = project / "app" / "traits" / "trait7.py"
    changed.write_text(changed.read_text(encoding="utf-8").replace("The value.", "What it is worth."), encoding="utf-8")
    needed = {"app.traits.trait7"} | {
        f"app.models.{one.stem}"
        for one in (project / "app" / "models").glob("*.py")
        if "import Trait7\n" in one.read_text(encoding="utf-8")
    }
    return len(needed ^ set(_printed(_VISITED, project, cache)))


# Scoreboard.


@dataclass
class Peer:
    """How a peer did on all code bases; silent is wrong without any sign, as neither gives one."""

    classes: int = 0
    exact: int = 0
    models: int = 0
    models_exact: int = 0
    cpu: float = 0.0


@dataclass
class Sum:
    """All code bases together."""

    ours: list[Score] = field(default_factory=list)
    griffe: Peer = field(default_factory=Peer)
    astroid: Peer = field(default_factory=Peer)

    def of(self, name: str) -> int:
        """One number over all code bases."""
        values = (getattr(one, name) for one in self.ours)
        return sum(len(value) if isinstance(value, list | dict) else value for value in values)


def scoreboard(folder: Path) -> list[Figure]:
    """Exact, flagged and silently wrong, per code base and in sum, with the goals on the sum."""
    figures: list[Figure] = []
    total = Sum()
    for corpus in CORPORA:
        try:
            site = site_packages(folder, corpus)
            real = read_truth(truth(folder, corpus))
            mine = score(Reading(site, corpus.packages, {}), real)
            for tool, peer in (("griffe", total.griffe), ("astroid", total.astroid)):
                _add_peer(peer, tool, folder, corpus, site, real)
        except MissingError as error:
            print(f"{corpus.name} is left out: {error}", file=sys.stderr)
            continue
        total.ours.append(mine)
        notes = [f"classes {mine.exact}/{mine.classes}, flagged {mine.flagged}, silent {len(mine.silent)}", corpus.note]
        share = mine.models_exact / mine.models if mine.models else 1.0
        name, note = f"{corpus.name}: models exact", "; ".join(one for one in notes if one)
        figures.append(Figure(name, mine.models_exact, mine.models, share, None, ">=", note))
    return figures + (_goals(total) if total.ours else [])


def _add_peer(peer: Peer, tool: str, folder: Path, corpus: Corpus, site: Path, real: Mapping[str, object]) -> None:
    python = folder / "astroid" / "bin" / "python" if tool == "astroid" else Path(sys.executable)
    script = Path(__file__).with_name("extraction_peers.py")
    output = folder / f"{corpus.slug}-{tool}.json"
    if not output.is_file():
        packages = (*corpus.packages, *corpus.frameworks)
        run_peer([python, "-P", "-W", "ignore", script, tool, site, output, truth(folder, corpus), *packages])
    found = json.loads(output.read_text(encoding="utf-8"))
    peer.cpu += found["cpu"]
    classes: Mapping[str, Mapping[str, object]] = real["classes"]  # type: ignore[assignment]
    for name, one in classes.items():
        mro = one["mro"]
        right = name in found["classes"] and _without_std(found["classes"][name]) == _without_std(mro)  # type: ignore[arg-type]
        model = bool(one.get("model"))
        peer.classes, peer.exact = peer.classes + 1, peer.exact + right
        peer.models, peer.models_exact = peer.models + model, peer.models_exact + (right and model)


def _without_std(mro: Iterable[str]) -> list[str]:
    """What peers are asked for: they leave out builtins and classes that a call makes."""
    made = "sqlalchemy.orm.decl_api.Base"
    return [one for one in mro if one.partition(".")[0] not in sys.stdlib_module_names and one != made and "." in one]


def _goals(total: Sum) -> list[Figure]:
    of = total.of
    classes, models = of("classes"), of("models")

    def share(name: str, right: int, whole: int, goal: float | None, note: str = "") -> Figure:
        value = right / whole if whole else 1.0
        return Figure(name, right, whole, value, goal, ">=", note)

    silent = of("silent")
    return [
        Figure("code bases scored", len(total.ours), len(CORPORA), len(total.ours), len(CORPORA), ">="),
        share("all models exact", of("models_exact"), models, 0.995, f"flagged {of('models_flagged')}"),
        Figure("models silently wrong", of("models_silent"), None, of("models_silent"), 0),
        share(
            "all classes exact",
            of("exact"),
            classes,
            None,
            f"flagged {of('flagged')}; {of('missing')} more are made by calls",
        ),
        Figure("classes silently wrong, of 8,000", silent, None, silent / classes * 8000, 1),
        share("owners of source-defined members", of("owners_right"), of("owners"), 0.998),
        share("lines of source-defined members", of("lines_right"), of("owners"), None),
        share("Django columns", of("django_found"), of("django"), 0.997),
        share("SQLAlchemy columns", of("sqlalchemy_found"), of("sqlalchemy"), 0.99),
        share("validators and lifecycle hooks", of("hooks_found"), of("hooks"), None),
        share("signal receivers", of("receivers_found"), of("receivers"), None),
        share("plain griffe: models", total.griffe.models_exact, total.griffe.models, None, "normalised"),
        share("plain griffe: classes", total.griffe.exact, total.griffe.classes, None, "normalised"),
        share("astroid: models", total.astroid.models_exact, total.astroid.models, None, "normalised"),
        share("astroid: classes", total.astroid.exact, total.astroid.classes, None, "normalised"),
        ratio("CPU seconds, over plain griffe", sum(one.cpu for one in total.ours), total.griffe.cpu, None),
        ratio("CPU seconds, over astroid", sum(one.cpu for one in total.ours), total.astroid.cpu, None),
    ]

# /// script
# dependencies = ["nox[uv]>=2025.2.9"]
# ///
"""The project's chores. `uv run nox` or, without uv, `pip install nox && nox -s demo tests-3.11`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests", "typing", "lint", "docs"]

PYTHONS = ["3.11", "3.12", "3.13"]
PROJECT = nox.project.load_toml("pyproject.toml")
HERE = Path(__file__).parent


def groups(*names: str) -> list[str]:
    """The requirements of dependency groups, the project itself left out: it is installed as a wheel."""
    requirements = nox.project.dependency_groups(PROJECT, *names)
    return [requirement for requirement in requirements if not requirement.startswith("sphinx-traits")]


def build_wheel(session: nox.Session) -> Path:
    """Build the wheel of the tree; `TRAITS_WHEEL` names one that is built already."""
    folder = Path(session.create_tmp()) / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    session.install("build", "hatchling")
    session.run("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), silent=True)
    return next(folder.glob("*.whl"))


def install_wheel(session: nox.Session, *names: str, extras: str = "site", constrained: bool = True) -> None:
    """Install the wheel with the groups, at the versions the project was tested with."""
    wheel = Path(os.environ.get("TRAITS_WHEEL") or build_wheel(session))
    file = HERE / "constraints" / f"python-{session.python or PYTHONS[0]}.txt"
    constraint = ["--constraint", str(file)] if constrained and file.exists() else []
    session.install(f"sphinx-traits[{extras}] @ {wheel.resolve().as_uri()}", *groups(*names), *constraint)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, against the built wheel, on every interpreter: 3.11 has Sphinx 9.0, 3.12 has 9.1, 3.13 has 9.2."""
    install_wheel(session, "tests")
    session.run("pytest", "-m", "not corpora", *session.posargs)


@nox.session(name="tests-lowest", python="3.11")
def tests_lowest(session: nox.Session) -> None:
    """The documentation tests on the oldest Sphinx that is supported."""
    install_wheel(session, "tests", constrained=False)
    session.install(
        "--constraint", str(HERE / "constraints" / "lowest.txt"), "sphinx", "docutils", "myst-parser", "furo"
    )
    session.run("pytest", "-m", "", "tests/sphinx", "tests/test_cli.py", "tests/test_example.py", *session.posargs)


@nox.session(python="3.11")
def demo(session: nox.Session) -> None:
    """The main job: trait pages of the example application."""
    install_wheel(session, "run")
    session.run("traits", "docs", "--all", "--project", "examples/blog", "--output", "build/site")


@nox.session(python="3.11")
def typing(session: nox.Session) -> None:
    """Types: mypy, pyright, and whether the public API is typed whole."""
    install_wheel(session, "typing")
    session.run("mypy")
    session.run("mypy", "--strict", "examples/blog/blog")
    session.run("pyright")
    for package in ("sphinx_traits", "traits_runtime"):
        session.run("pyright", "--ignoreexternal", "--verifytypes", package)
    session.run("pytest", "-m", "", "tests/typing")


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Style, and who may import whom."""
    session.install(*groups("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "pyproject.toml", env={"PYTHONPATH": "src"})


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Our documentation and the example's, with every warning an error."""
    install_wheel(session, "docs")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-b", "html", "docs", "build/docs")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-b", "html", "examples/blog/docs", "build/blog-docs")


@nox.session(python="3.11", default=False)
def browser(session: nox.Session) -> None:
    """The pages of the example as a reader meets them, in the system's Chromium: accessible, whole on a telephone."""
    install_wheel(session, "browser")
    session.run("pytest", "-m", "", "--numprocesses=1", "tests/browser", *session.posargs)


@nox.session(python="3.11", default=False)
def bench(session: nox.Session) -> None:
    """One comparison: `nox -s bench -- runtime --json build/runtime.json`."""
    install_wheel(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python="3.11", default=False)
def gallery(session: nox.Session) -> None:
    """Four real projects, built from the outside without a warning, and the pictures of `docs/gallery.md`."""
    install_wheel(session, "browser")
    session.run("python", "-m", "benchmarks.gallery", str(HERE / "build" / "corpora"))


@nox.session(python="3.11", default=False)
def extraction(session: nox.Session) -> None:
    """The scoreboard of the extraction: installs ten code bases (gigabytes), and compares them with what is read."""
    install_wheel(session, "bench")
    corpora = str(HERE / "build" / "corpora")
    session.run("python", "-m", "benchmarks.extraction_corpora", corpora)
    session.run("python", "-m", "benchmarks", "extraction", *session.posargs, env={"TRAITS_CORPORA": corpora})


@nox.session(python=PYTHONS, default=False)
def constraints(session: nox.Session) -> None:
    """Write down the versions that resolve today, as `name==version` lines."""
    install_wheel(session, "tests", constrained=False)
    frozen = session.run(
        "uv", "pip", "freeze", silent=True, external=True, env={"VIRTUAL_ENV": session.virtualenv.location}
    )
    lines = [line for line in str(frozen).splitlines() if "==" in line and not line.startswith("sphinx-traits")]
    (HERE / "constraints" / f"python-{session.python}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.chdir(HERE)
    nox.main()


@nox.session(name="coverage-of-peers", python="3.11")
@nox.parametrize("peer", ["advanced-alchemy", "sqlalchemy-continuum", "sqlalchemy-easy-softdelete"])
def coverage_of_peers(session: nox.Session, peer: str) -> None:
    """What other libraries do on the probes of the coverage table; the documentation keeps it."""
    session.install(peer)
    results = session.run("python", "tests/coverage_probes.py", peer, silent=True)
    folder = HERE / "docs" / "reference" / "traits" / "coverage"
    (folder / f"{peer}.json").write_text(str(results).strip() + "\n", encoding="utf-8")

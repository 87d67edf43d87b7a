"""What starting the command costs, beside click's own start.

Processor time of whole processes, children and all, the least of the rounds; every candidate runs in every round. The
peer is a program with two commands on the same click. What `list --json` may cost on top is its work: what a script
costs that reads the same sources with the library and prints JSON, an empty Python left out. How much of the work is
importing the reader is a row of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness import Figure, process, ratio

ROUNDS = int(os.environ.get("TRAITS_CLI_ROUNDS", "15"))
BLOG = Path(__file__).resolve().parent.parent / "examples" / "blog"

PEER = """
import click

@click.group()
@click.version_option(package_name="click")
def main():
    "Do something."

@main.command()
def one():
    "Do the one."

@main.command()
@click.option("--json", "as_json", is_flag=True)
def two(as_json):
    "Do the other."

main(prog_name="peer")
"""

OURS = "from traits_cli import launch; launch()"

READ = """
import sys
from pathlib import Path
from sphinx_traits.extract import Options, extract
"""

WORK = (
    READ
    + """
import msgspec
from sphinx_traits.project import read_project
from sphinx_traits.resolve import Index

project = read_project(Path(sys.argv[1]))
options = Options(cache_dir=Path(sys.argv[2]) / "sphinx-traits")
manifest = extract(project.packages, search_paths=project.search_paths, project=project.root, options=options)
index = Index(manifest)
rows = [(one.name, one.host, one.doc, str(one.location), index.users.get(one.name)) for one in manifest.classes()]
sys.stdout.buffer.write(msgspec.json.encode(rows))
"""
)


def run() -> list[Figure]:
    """Every figure."""
    with tempfile.TemporaryDirectory() as cache:
        environ = {**os.environ, "XDG_CACHE_HOME": cache}
        listing = [sys.executable, "-P", "-c", OURS, "list", "--json", "--project", str(BLOG)]
        process(listing, env=environ)
        least = _least(
            {
                "bare": [sys.executable, "-P", "-c", "pass"],
                "click --help": [sys.executable, "-P", "-c", PEER, "--help"],
                "click --version": [sys.executable, "-P", "-c", PEER, "--version"],
                "click command": [sys.executable, "-P", "-c", PEER, "two", "--json"],
                "help": [sys.executable, "-P", "-c", OURS, "--help"],
                "version": [sys.executable, "-P", "-c", OURS, "--version"],
                "config help": [sys.executable, "-P", "-c", OURS, "config", "--help"],
                "list": listing,
                "config get": [*listing[:4], "config", "get", "HasSlug.max_length", "--project", str(BLOG)],
                "show": [*listing[:4], "show", "Article", "--project", str(BLOG)],
                "complete": [sys.executable, "-P", "-c", OURS],
                "read": [sys.executable, "-P", "-c", READ],
                "work": [sys.executable, "-P", "-c", WORK, str(BLOG), cache],
            },
            environ,
            {"complete": {"_TRAITS_COMPLETE": "bash_complete", "COMP_WORDS": "traits co", "COMP_CWORD": "1"}},
        )
    work, read = (least[name] - least["bare"] for name in ("work", "read"))
    beyond = least["list"] - work
    note = f"whole command {least['list']:.0f} ms, work {work:.0f} ms"
    return [
        ratio("traits --help, CPU ms", least["help"], least["click --help"], 1.4),
        ratio("traits --version, CPU ms", least["version"], least["click --version"], 1.4),
        ratio("traits config --help, CPU ms", least["config help"], least["click --help"], None),
        ratio("completing a command, CPU ms", least["complete"], least["click command"], None),
        ratio("traits list --json without its work, CPU ms", beyond, least["click command"], 1.4, note),
        Figure("of that work importing the reader, CPU ms", read, None, read, None),
        Figure("traits show Article, CPU ms", least["show"], None, least["show"], None),
        Figure("traits config get, CPU ms", least["config get"], None, least["config get"], None),
        Figure("an empty Python, CPU ms", least["bare"], None, least["bare"], None),
    ]


def _least(
    commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], more: Mapping[str, Mapping[str, str]]
) -> dict[str, float]:
    """Milliseconds of processor time of each command, the least of the rounds."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            found[name].append(process(command, env={**environ, **more.get(name, {})}).cpu * 1000)
    return {name: min(values) for name, values in found.items()}

"""What the tests of commands share: running one in this process or its own, and a small application to run it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from forked import can_fork, run_forked
from traits_cli.commands import main

ROOT = Path(__file__).resolve().parents[2]
BLOG = ROOT / "examples" / "blog"

SHOP = '''
"""An application with one key of each kind."""

from traits_runtime import Envelope, Trait, TraitConfig, TraitEvent, counter, feature, listen, option


class StockConfig(TraitConfig):
    """How stock is counted."""

    low: int = option(3, ge=0, le=99, env="SHOP_LOW", doc="When to order.")
    token: str = option("s3cret-default", env="SHOP_TOKEN", secret=True, doc="Key of the supplier.")
    region: str = option("eu", env="SHOP_REGION", locked=True, doc="Where the stock lies.")
    colours: tuple[str, ...] = option(("red",), doc="What there is.")
    contact: str = option(doc="Whom to ask.")


class HasStock(Trait):
    """Counts what is there."""

    stock_config = StockConfig()
    reorder = feature(False, doc="Order by itself.")
    counted = TraitEvent(doc="After counting.")
    counts = counter(doc="How often it was counted.")

    def count(self) -> None:
        """Count."""
        self.counted()


class HasPrice(Trait):
    """Costs something."""


class Product(HasStock, HasPrice):
    """What is sold."""

    __traits__ = {HasStock: {"low": 5}}


class Service(HasPrice):
    """What is done."""


@listen("trait.HasStock.*")
def note(envelope: Envelope) -> None:
    """Write it down."""


def start() -> None:
    """Nothing else to do."""
'''


def run(*arguments: str, project: Path | None = BLOG, env: dict[str, str] | None = None, text: str = "") -> Result:
    """Run a command in this process, on a project."""
    where = ["--project", str(project)] if project is not None else []
    return CliRunner(env=env).invoke(main, [*arguments, *where], prog_name="traits", input=text)


def data(done: Result) -> Any:
    """What a command printed with `--json`."""
    return json.loads(done.stdout)["data"]


def process(
    *arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None, code: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command, or some code, in a process of its own."""
    if not code and can_fork(env):
        return run_forked(arguments, cwd, {**os.environ, **(env or {})})
    script = code or "from traits_cli import launch; launch()"
    command = [sys.executable, "-P", "-c", script, *arguments]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )


def write_shop(folder: Path, *, extra: str = "") -> Path:
    """A project with the package `shop` that names its application; returns the folder."""
    package = folder / "shop"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "app.py").write_text(SHOP + extra, encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[tool.traits]\npackages = ["shop"]\napp = "shop.app:start()"\nstore = "overrides.db"\n\n'
        "[tool.traits.config.HasStock]\nlow = 4\n",
        encoding="utf-8",
    )
    return folder

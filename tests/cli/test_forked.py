"""A fork, in which most tests run a command, does what a new process does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forked import run_forked
from programs import process

LAUNCH = "from traits_cli import launch; launch()"
BREAKS = "raise RuntimeError('on purpose')\n"


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["list"], {}),
        (["list", "--json"], {}),
        (["shwo"], {}),
        (["list"], {"TRAITS_TRACEBACK": "1", "TRAITS_CONFIG": "missing.toml"}),
        (["config", "list", "--app", "shop.app"], {"SHOP_LOW": "7"}),
        (["config", "list", "--app", "shop.broken"], {"TRAITS_TRACEBACK": "1"}),
    ],
)
def test_fork_does_what_a_new_process_does(arguments: list[str], env: dict[str, str], shop: Path) -> None:
    """Output, errors and exit code are the same, in the same folder with the same variables."""
    (shop / "shop" / "broken.py").write_text(BREAKS, encoding="utf-8")
    process(*arguments, cwd=shop, env=env, code=LAUNCH)
    new = process(*arguments, cwd=shop, env=env, code=LAUNCH)
    fork = run_forked(tuple(arguments), shop, {**os.environ, **env})

    assert (fork.returncode, fork.stdout) == (new.returncode, new.stdout)
    assert fork.stderr.splitlines()[-1:] == new.stderr.splitlines()[-1:]
    assert new.stdout or new.stderr


def test_fork_starts_without_anything_of_ours(shop: Path) -> None:
    """Forks share no state: what one has imported and registered is not in the next."""
    config = ("config", "list", "--json", "--app", "shop.app")
    first = run_forked(config, shop, {**os.environ, "SHOP_LOW": "8"})
    second = run_forked(config, shop, {**os.environ, "SHOP_LOW": "9"})

    assert first.stdout != second.stdout
    assert first.stdout.replace('"8"', '"9"').replace(": 8", ": 9") == second.stdout

"""What the documentation reads from sources and what the running program has collected are the same inventory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("griffe")
pytest.importorskip("sqlalchemy")

from sphinx_traits.extract import extract
from sphinx_traits.manifest import Class, Listener, Manifest

ROOT = Path(__file__).resolve().parent.parent.parent
BLOG = ROOT / "examples" / "blog"
SHOP = '''"""A package with one declaration of every kind."""

import msgspec

from traits_runtime import (
    Envelope, Trait, TraitConfig, TraitEvent, counter, feature, gauge, hook, job, listen, option, timing,
)


class Sold(msgspec.Struct):
    """A payload."""

    count: int


class StockConfig(TraitConfig):
    """How stock is counted."""

    low: int = option(3, ge=0, le=99, env=("STOCK_LOW", "LOW"), doc="When to order.")
    token: str = option("", secret=True, locked=True, env="STOCK_TOKEN")


class HasStock(Trait):
    """Counts."""

    stock_config = StockConfig()
    reorder = feature(False)
    sold = TraitEvent(Sold)
    selling = TraitEvent(Sold, before=True)
    emptied = TraitEvent()
    orders = counter()
    level = gauge()
    count_time = timing()

    @hook("boot")
    @classmethod
    def prepare(cls) -> None:
        """Prepare."""

    @hook("creating")
    def second(self) -> None:
        """Second."""

    @hook("creating", priority=5)
    async def first(self) -> None:
        """First."""

    @job(queue="stock")
    def order(self, count: int) -> None:
        """Order."""

    @job()
    def recount(self) -> None:
        """Count again."""


class HasShelf(HasStock, Trait):
    """Stands on a shelf."""


class Product(HasShelf):
    """A model."""

    __traits__ = {HasStock: {"low": 5, "reorder": True}}


class Book(Product):
    """A model of a model."""

    @hook("creating")
    def own(self) -> None:
        """Own."""


@listen("trait.HasStock.*", priority=4, model=Product)
def audit(envelope: Envelope) -> None:
    """Write it down."""


@HasStock.sold.listener
def restock(envelope: Envelope) -> None:
    """Order more."""
'''


def running(package: str, folder: Path, modules: str) -> dict[str, Any]:
    """The inventory of a process that has imported a package."""
    script = (
        f"import {modules}, msgspec; from traits_runtime import registry; "
        f"print(msgspec.json.encode(registry.inventory({package!r})).decode())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src")])}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = msgspec.json.decode(ran.stdout)
    return found


def declared(manifest: Manifest) -> dict[str, Any]:
    """The manifest's facts about our own API, in the form of the inventory."""
    classes = list(manifest.classes())
    return {
        "traits": sorted((one.name, one.mro) for one in manifest.traits),
        "models": sorted((one.name, one.mro, one.traits) for one in manifest.models),
        "hooks": sorted((h.owner, h.name, h.moment, h.priority, h.is_async) for c in classes for h in ours(c.hooks)),
        "keys": sorted(
            (k.owner, k.group, k.name, k.env, k.constraints, k.secret, k.locked) for c in classes for k in c.config
        ),
        "features": sorted((f.owner, f.name, f.default.text) for c in classes for f in c.features),
        "events": sorted((e.owner, e.name, e.wire, e.payload, e.before) for c in classes for e in ours(c.events)),
        "jobs": sorted((j.owner, j.name, j.queue) for c in classes for j in ours(c.jobs)),
        "metrics": sorted((m.owner, m.name, m.kind) for c in classes for m in ours(c.metrics)),
        "settings": sorted(given(classes)),
        "listeners": sorted((one.pattern, one.target, one.priority, one.model) for one in heard(manifest)),
    }


def ours(facts: Any) -> list[Any]:
    """Facts that are declared, not inferred from ordinary code."""
    return [one for one in facts if one.via == "declared"]


def heard(manifest: Manifest) -> list[Listener]:
    """Listeners of events of our bus, not of the host's."""
    every = [*manifest.listeners, *(one for c in manifest.classes() for one in c.listeners)]
    return [one for one in ours(every) if one.pattern.startswith(("trait.", "model.", "*"))]


def given(classes: list[Class]) -> list[tuple[str, str, str, str]]:
    """The values in ``__traits__``."""
    return [(c.name, s.trait, s.key, s.value.text) for c in classes for s in c.settings if s.layer == "model"]


def collected(found: dict[str, Any]) -> dict[str, Any]:
    """The inventory in the same form."""

    def rows(name: str, *fields: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(tuple(v) if isinstance(v := one[f], list) else v for f in fields) for one in found[name])

    return {
        "traits": rows("traits", "name", "mro"),
        "models": rows("models", "name", "mro", "traits"),
        "hooks": rows("hooks", "owner", "name", "moment", "priority", "is_async"),
        "keys": rows("keys", "owner", "group", "name", "env", "constraints", "secret", "locked"),
        "features": [
            (owner, name, str(default)) for owner, name, default in rows("features", "owner", "name", "default")
        ],
        "events": rows("events", "owner", "name", "wire", "payload", "before"),
        "jobs": rows("jobs", "owner", "name", "queue"),
        "metrics": rows("metrics", "owner", "name", "kind"),
        "settings": rows("settings", "model", "trait", "key", "value"),
        "listeners": rows("listeners", "pattern", "target", "priority", "model"),
    }


PARTS = ("traits", "models", "hooks", "keys", "features", "events", "jobs", "metrics", "settings", "listeners")


@pytest.fixture(scope="module")
def blog() -> tuple[dict[str, Any], dict[str, Any]]:
    """Both inventories of the example."""
    static = declared(extract(["blog"], search_paths=[BLOG], project=BLOG))
    return static, collected(running("blog", BLOG, "blog.models, blog.listeners"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both inventories of a package with one declaration of every kind."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    return declared(extract(["shop"], search_paths=[folder], project=folder)), collected(
        running("shop", folder, "shop")
    )


@pytest.mark.parametrize("part", PARTS)
def test_example_is_the_same_read_and_running(blog: tuple[dict[str, Any], dict[str, Any]], part: str) -> None:
    """`examples/blog`: traits, models, hooks, keys, events, jobs and what models give."""
    static, live = blog

    assert static[part] == live[part]
    assert live[part] or part == "metrics"


@pytest.mark.parametrize("part", PARTS)
def test_every_kind_of_declaration_is_the_same(shop: tuple[dict[str, Any], dict[str, Any]], part: str) -> None:
    """Also those that the example does not use."""
    static, live = shop

    assert static[part] == live[part]
    assert live[part]

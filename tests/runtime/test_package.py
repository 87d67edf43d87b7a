"""The package as a whole: what importing it costs, what it exports, what its plugin brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import traits_runtime
from traits_runtime import Trait, TraitConfig, TraitEvent, counter, feature, hook, inventory, job, option, registry
from traits_runtime.rules.naming import event_name
from traits_runtime.testing import capture_events, isolated

HEAVY = ("asyncio", "sqlite3", "sqlalchemy", "django", "logging", "tomllib", "dataclasses", "pathlib", "random", "uuid")


def test_import_is_light() -> None:
    """It brings msgspec and what msgspec brings, and none of the heavy modules of the standard library."""
    script = (
        "import sys, msgspec; before = set(sys.modules); from traits_runtime import Trait; "
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('traits_runtime')))"
    )
    added = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert not set(added) & set(HEAVY), added
    assert len(added) < 15, added


def test_package_alone_loads_nothing() -> None:
    """The command line and readers of sources need none of the public names, and do not pay for them."""
    script = (
        "import sys, traits_runtime, traits_runtime.rules.naming; "
        "print('Trait' not in vars(traits_runtime), *sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert output[0] == "True"
    assert "msgspec" not in output


def test_name_that_does_not_exist_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="module 'traits_runtime' has no attribute 'Trayt'"):
        traits_runtime.Trayt  # type: ignore[attr-defined]  # noqa: B018

    assert set(traits_runtime.__all__) <= set(dir(traits_runtime))


def test_exported_names_are_sorted_and_exist() -> None:
    """One list, and nothing in it is missing."""
    assert traits_runtime.__all__ == sorted(traits_runtime.__all__)
    assert [name for name in traits_runtime.__all__ if not hasattr(traits_runtime, name)] == []


def test_everything_public_is_documented() -> None:
    """A docstring on every exported name."""
    bare = [name for name in traits_runtime.__all__ if not (getattr(traits_runtime, name).__doc__ or "").strip()]

    assert bare == []


class StockConfig(TraitConfig):
    """How stock is counted."""

    low: int = option(3, ge=0, env="STOCK_LOW", doc="When to order.")


class Counted(dict[str, Any]):
    """A payload."""


class HasStock(Trait):
    """One declaration of each kind."""

    stock_config = StockConfig()
    reorder = feature(False)
    counted = TraitEvent(Counted)
    counts = counter()

    @hook("saved", priority=2)
    def count(self) -> None:
        """Count."""

    @job(queue="stock")
    def order(self) -> None:
        """Order."""


class Product(HasStock):
    """A model."""

    __traits__ = {HasStock: {"low": 5}}  # noqa: RUF012


def test_inventory_is_plain_data() -> None:
    """What is declared, once, in words that compare with the manifest."""
    result = inventory(f"{__name__}.HasStock", f"{__name__}.Product")
    trait, model = f"{__name__}.HasStock", f"{__name__}.Product"

    assert [one.name for one in result.traits] == [trait]
    assert [(one.name, one.traits) for one in result.models] == [(model, (trait,))]
    assert result.models[0].mro == (model, trait, "traits_runtime._core.trait.base.Trait", "builtins.object")
    assert [(one.owner, one.name, one.moment, one.priority) for one in result.hooks] == [(trait, "count", "saved", 2)]
    assert [(key.name, key.group, key.env, key.constraints) for key in result.keys] == [
        ("low", "stock_config", ("STOCK_LOW",), ("ge=0",))
    ]
    assert [(one.name, one.default) for one in result.features] == [("reorder", False)]
    assert [(event.wire, event.payload) for event in result.events] == [
        (event_name("HasStock", "counted"), f"{__name__}.Counted")
    ]
    assert [(one.name, one.queue) for one in result.jobs] == [("order", "stock")]
    assert [(metric.name, metric.kind) for metric in result.metrics] == [("counts", "counter")]
    assert [(setting.model, setting.trait, setting.key, setting.value) for setting in result.settings] == [
        (model, trait, "low", "5")
    ]


def test_isolated_block_undoes_what_it_does() -> None:
    """Listeners, overrides, jobs and numbers are as before."""
    before = inventory().listeners
    with isolated():
        HasStock.counted.listen(print)
        traits_runtime.config.set(HasStock, "low", 9)
        inside = Product().stock_config.low, HasStock.stock_config.low
    with capture_events() as captured:
        Product().counted(rows=1)

    assert inside == (5, 9)
    assert HasStock.stock_config.low == 3
    assert inventory().listeners == before
    assert captured.payloads == [{"rows": 1}]


PLUGIN_TEST = """
from traits_runtime import Trait, TraitConfig, TraitEvent, counter, job, option

class StockConfig(TraitConfig):
    low: int = option(3)

class HasStock(Trait):
    stock_config = StockConfig()
    counted = TraitEvent()
    counts = counter()
    @job()
    def order(self) -> None: ...

class Product(HasStock):
    id = 1

def test_fixtures(traits_isolated, traits_events, traits_jobs, traits_metrics, traits_config):
    traits_config({HasStock: {"low": 9}})
    Product().counted()
    Product().order.enqueue()
    Product().counts.add()
    assert Product().stock_config.low == 9
    assert traits_events.names == ["trait.runtime.config_changed", "trait.HasStock.counted"]
    assert traits_jobs.names == ["trait.HasStock.order"]
    assert traits_metrics.total("trait.HasStock.counts") == 1
"""


@pytest.mark.slow
def test_plugin_for_pytest(tmp_path: Path) -> None:
    """Its fixtures work in a project of their own."""
    (tmp_path / "test_stock.py").write_text(PLUGIN_TEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    if not _is_registered():
        command += ["-p", "traits_runtime.pytest_plugin"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def _is_registered() -> bool:
    from importlib.metadata import entry_points

    return any(entry_point.value == "traits_runtime.pytest_plugin" for entry_point in entry_points(group="pytest11"))


@pytest.mark.parametrize("name", ["HasStock", "Product"])
def test_records_are_shown_by_name(name: str) -> None:
    """A record says what it is the record of."""
    result = registry.find_trait(name) if name == "HasStock" else registry.find_model(name)

    assert repr(result) == f"<TraitMetadata of {'trait' if name == 'HasStock' else 'model'} {__name__}.{name}>"

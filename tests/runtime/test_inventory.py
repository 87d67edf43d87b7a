"""What the documentation reads from sources and what the running program has collected are the same inventory."""

from __future__ import annotations

import ast
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
from sphinx_traits.resolve import Index, compose

ROOT = Path(__file__).resolve().parent.parent.parent
BLOG = ROOT / "examples" / "blog"
SHOP = '''"""A package with one declaration of every kind."""

import msgspec

from traits_runtime import (
    Envelope, Trait, TraitConfig, TraitEvent, changed, counter, feature, gauge, hook, job, listen, option, scope,
    timing,
)


class Sold(msgspec.Struct):
    """A payload."""

    count: int


class StockConfig(TraitConfig):
    """How stock is counted."""

    low: int = option(3, ge=0, le=99, env=("STOCK_LOW", "LOW"), doc="When to order.")
    token: str = option("", secret=True, locked=True, env="STOCK_TOKEN", since="1.2", deprecated="Use a file.")
    shelf: str = option(doc="Must be given.", pattern="^[a-z]+$", min_length=2)
    names: tuple[str, ...] = option(factory=tuple)
    plain: float = 60 * 1.5
    """Told below."""


class HasStock(Trait):
    """Counts."""

    stock_config = StockConfig()
    reorder = feature(False, doc="Order by itself.")
    sold = TraitEvent(Sold)
    selling = TraitEvent(Sold, before=True)
    emptied = TraitEvent(doc="Nothing is left.")
    orders = counter(doc="How many.")
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

    @hook("saving", when=changed("count", "shelf") & ~changed("name"))
    def switched_off(self) -> None:
        """Does not run for books."""

    @scope(name="empty", always=True, lifted_by=("with_empty", "raw"))
    def is_empty(cls, limit: int = 0, *, strict: bool = True) -> bool:
        """Those with nothing left."""
        return bool(limit)

    @job(queue="stock", key="order:{pk}", delay=1.5, max_attempts=3, when_missing="fail")
    def order(self, count: int, *, urgent: bool = False) -> None:
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

    switched_off = None

    @hook("creating")
    def own(self) -> None:
        """Own."""

    async def second(self) -> None:
        """Second of a book."""


@listen("trait.HasStock.*", priority=4, model=Product)
def audit(envelope: Envelope) -> None:
    """Write it down."""


@HasStock.sold.listener
def restock(envelope: Envelope) -> None:
    """Order more."""
'''


OBSERVER = """
import inspect, msgspec
from traits_runtime import inventory
from traits_runtime.rules.keys import REQUIRED
from traits_runtime._core.registry import records
from traits_runtime._core.trait.jobs import Job, job
from traits_runtime._core.trait.scopes import TraitScope


def text(annotation):
    return annotation.__name__ if type(annotation) is type else str(annotation)


def parameters(function):
    given = list(inspect.signature(function).parameters.values())[1:]
    empty = inspect.Parameter.empty
    types = ["" if one.annotation is empty else text(one.annotation) for one in given]
    defaults = ["" if one.default is empty else repr(one.default) for one in given]
    return list(zip([one.name for one in given], types, defaults))


def default(option):
    if option.factory is not None:
        return "factory", option.factory.__name__
    return ("required", "") if option.default is REQUIRED else ("literal", repr(option.default))


def written(key, record):
    config = type(vars(record.cls)[key.group])
    owner = next(one for one in config.__mro__ if key.name in vars(one).get("__annotations__", {}))
    return text(vars(owner)["__annotations__"][key.name])


def options(one):
    usual = inspect.signature(job).parameters
    return [f"{name}={value!r}" for name, value in vars(one).items() if name in usual and name != "queue"
            and value != usual[name].default]


def fields(payload):
    names = getattr(payload, "__struct_fields__", ())
    return [(name, text(payload.__annotations__[name])) for name in names]


packages = inventory(PACKAGE)
chosen = {one.name for one in (*packages.traits, *packages.models)}
mine = [one for path, one in records().items() if path in chosen]
held = [(one, name, value) for one in mine for name, value in vars(one.cls).items()]
doc = inspect.cleandoc
of = lambda value: doc(value or "")
kind = lambda value: type(value).__name__
details = {
    "hook details": [
        (o.path, e.name, e.mark.when.text if e.mark.when else "", of(vars(o.cls)[e.name].__doc__))
        for o in mine for e in o.hooks
    ],
    "key details": [
        (o.path, k.name, written(k, o), *default(k.option), k.option.doc, k.option.since, k.option.deprecated)
        for o in mine for k in o.keys.values() if k.kind == "option"
    ],
    "feature details": [(o.path, n, v.doc) for o, n, v in held if kind(v) == "Feature"],
    "event details": [(o.path, n, v.doc, fields(v.payload)) for o, n, v in held if kind(v) == "TraitEvent"],
    "job details": [
        (o.path, n, of(v.function.__doc__), parameters(v.function), options(v))
        for o, n, v in held if isinstance(v, Job)
    ],
    "metric details": [(o.path, n, v.doc) for o, n, v in held if kind(v) in ("Counter", "Gauge", "Timing")],
    "scopes": [
        (o.path, v.name, of(v.__doc__), v.always, v.lifted_by, [one[0] for one in parameters(v.function)])
        for o, n, v in held if isinstance(v, TraitScope)
    ],
    "order": [
        (o.path, moment, [e.name for e in o.hooks_at(moment)])
        for o in mine if o.kind == "model"
        for moment in {e.mark.moment for each in o.all for e in each.hooks} if o.hooks_at(moment)
    ],
}
found = msgspec.to_builtins(inventory(PACKAGE)) | {"details": msgspec.to_builtins(details)}
print(msgspec.json.encode(found).decode())
"""


def running(package: str, folder: Path, modules: str) -> dict[str, Any]:
    """The inventory of a process that has imported a package."""
    script = f"import {modules}\nPACKAGE = {package!r}\n{OBSERVER}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src")])}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = msgspec.json.decode(ran.stdout)
    return result


def declared(manifest: Manifest) -> dict[str, Any]:
    """The manifest's facts about our own API, in the form of the inventory."""
    classes = list(manifest.classes())
    return {
        "traits": sorted((trait.name, trait.mro) for trait in manifest.traits),
        "models": sorted((model.name, model.mro, model.traits) for model in manifest.models),
        "hooks": sorted((h.owner, h.name, h.moment, h.priority, h.is_async) for c in classes for h in ours(c.hooks)),
        "keys": sorted(
            (k.owner, k.group, k.name, k.env, k.constraints, k.secret, k.locked) for c in classes for k in c.config
        ),
        "features": sorted((f.owner, f.name, f.default.text) for c in classes for f in c.features),
        "events": sorted((e.owner, e.name, e.wire, e.payload, e.before) for c in classes for e in ours(c.events)),
        "jobs": sorted((j.owner, j.name, j.queue) for c in classes for j in ours(c.jobs)),
        "metrics": sorted((m.owner, m.name, m.kind) for c in classes for m in ours(c.metrics)),
        "settings": sorted(given(classes)),
        "listeners": sorted(
            (listener.pattern, listener.target, listener.priority, listener.model) for listener in heard(manifest)
        ),
    }


def detailed(manifest: Manifest) -> dict[str, Any]:
    """Everything else that a declaration says, in the form of the observer's."""
    classes = list(manifest.classes())
    index = Index(manifest)
    return {
        "hook details": [(h.owner, h.name, h.when, h.doc) for c in classes for h in ours(c.hooks)],
        "key details": [
            (k.owner, k.name, k.type, k.default.kind, k.default.text, k.doc, k.since, k.deprecated)
            for c in classes
            for k in c.config
        ],
        "feature details": [(f.owner, f.name, f.doc) for c in classes for f in c.features],
        "event details": [
            (e.owner, e.name, e.doc, [(field.name, field.type) for field in e.fields])
            for c in classes
            for e in ours(c.events)
        ],
        "job details": [
            (
                j.owner,
                j.name,
                j.doc,
                [(parameter.name, parameter.type, parameter.default) for parameter in j.parameters],
                j.options,
            )
            for c in classes
            for j in ours(c.jobs)
        ],
        "metric details": [(m.owner, m.name, m.doc) for c in classes for m in ours(c.metrics)],
        "scopes": [
            (s.owner, s.name, s.doc, s.always, s.lifted_by, parameter_names(s.signature))
            for c in classes
            for s in ours(c.scopes)
        ],
        "order": [
            (model.name, moment, [hook.name for hook in hooks if hook.moment == moment])
            for model in manifest.models
            for hooks in [ours(compose(index, model.name).hooks)]
            for moment in {hook.moment for hook in hooks}
        ],
    }


def parameter_names(signature: str) -> list[str]:
    """The names in a signature."""
    function = ast.parse(f"def f{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    settings = function.args
    targets = (*settings.posonlyargs, *settings.args, settings.vararg, *settings.kwonlyargs, settings.kwarg)
    return [parameter.arg for parameter in targets if parameter is not None]


def plain(part: Any) -> Any:
    """Rows in one order, as JSON has them."""
    return sorted(msgspec.json.decode(msgspec.json.encode(part)), key=repr)


def ours(facts: Any) -> list[Any]:
    """Facts that are declared, not inferred from ordinary code."""
    return [fact for fact in facts if fact.via == "declared"]


def heard(manifest: Manifest) -> list[Listener]:
    """Listeners of events of our bus, not of the host's."""
    targets = [*manifest.listeners, *(listener for c in manifest.classes() for listener in c.listeners)]
    return [our for our in ours(targets) if our.pattern.startswith(("trait.", "model.", "*"))]


def given(classes: list[Class]) -> list[tuple[str, str, str, str]]:
    """The values in ``__traits__``."""
    return [(c.name, s.trait, s.key, s.value.text) for c in classes for s in c.settings if s.layer == "model"]


def collected(result: dict[str, Any]) -> dict[str, Any]:
    """The inventory in the same form."""

    def rows(name: str, *fields: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(tuple(v) if isinstance(v := item[f], list) else v for f in fields) for item in result[name])

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


DETAILS = (
    "hook details", "key details", "feature details", "event details", "job details", "metric details", "scopes",
    "order",
)  # fmt: skip
PARTS = ("traits", "models", "hooks", "keys", "features", "events", "jobs", "metrics", "settings", "listeners")


Both = tuple[Manifest, dict[str, Any]]


@pytest.fixture(scope="module")
def blog() -> Both:
    """Both inventories of the example."""
    return extract(["blog"], search_paths=[BLOG], project=BLOG), running("blog", BLOG, "blog.models, blog.listeners")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Both inventories of a package with one declaration of every kind."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    return extract(["shop"], search_paths=[folder], project=folder), running("shop", folder, "shop")


@pytest.mark.parametrize("part", PARTS)
def test_example_is_the_same_read_and_running(blog: Both, part: str) -> None:
    """`examples/blog`: traits, models, hooks, keys, events, jobs and what models give."""
    static, live = declared(blog[0]), collected(blog[1])

    assert static[part] == live[part]
    assert live[part]


@pytest.mark.parametrize("part", DETAILS)
def test_example_is_the_same_in_every_detail(blog: Both, part: str) -> None:
    """Types, defaults, docs, conditions, payloads, parameters, and the order in which the hooks of a model run."""
    live = plain(blog[1]["details"][part])

    assert plain(detailed(blog[0])[part]) == live
    assert live


@pytest.mark.parametrize("part", PARTS)
def test_every_kind_of_declaration_is_the_same(shop: Both, part: str) -> None:
    """Also those that the example does not use."""
    static, live = declared(shop[0]), collected(shop[1])

    assert static[part] == live[part]
    assert live[part]


@pytest.mark.parametrize("part", DETAILS)
def test_every_kind_of_declaration_is_the_same_in_every_detail(shop: Both, part: str) -> None:
    """Also what the example does not say."""
    live = plain(shop[1]["details"][part])

    assert plain(detailed(shop[0])[part]) == live
    assert live

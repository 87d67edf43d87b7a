"""The runtime beside the libraries it replaces for this use: one process, interleaved, 10th percentiles."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections import ChainMap
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec

from benchmarks.harness import Figure, interleaved, percentile, ratio
from traits_runtime import (
    MemoryCache,
    Trait,
    TraitCache,
    TraitConfig,
    TraitEvent,
    counter,
    events,
    feature,
    hook,
    option,
    rollouts,
    tenant,
    without_features,
)
from traits_runtime._core import rollouts as buckets
from traits_runtime.testing import isolated

HEAVY = ("asyncio", "sqlite3", "sqlalchemy", "django")
ROUNDS = 121


def run() -> list[Figure]:
    """All comparisons; one whose peer is not installed is left out."""
    found: list[Figure] = []
    groups = (
        emits,
        typed_events,
        async_emits,
        other_buses,
        features,
        configs,
        flags,
        caches,
        instances,
        telemetry,
        imports,
    )
    for group in groups:
        with isolated():  # what one group listens to, the next must not pay for
            found += group()
    return found


class Changed(msgspec.Struct):
    """A payload of two fields."""

    old: str
    new: str


class SizeConfig(TraitConfig):
    """A config class."""

    ttl: int = option(60, ge=0, env="BENCH_TTL")


class HasSize(Trait):
    """One declaration of each kind."""

    size_config = SizeConfig()
    follow = feature(True)
    silent = TraitEvent(Changed)
    heard = TraitEvent(Changed)
    toc_cache = TraitCache()
    sized = counter()


class Article(HasSize):
    """A model with a value of its own."""

    __traits__ = {HasSize: {"ttl": 30}}  # noqa: RUF012
    plain = 3

    def __init__(self) -> None:
        self.id = 7


def nobody(_envelope: object) -> None:
    """A listener."""


async def anobody(_envelope: object) -> None:
    """A coroutine listener."""


def _peer(name: str) -> Any | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _receivers(count: int, *, awaited: bool = False) -> list[Callable[..., Any]]:
    def made() -> Callable[..., Any]:
        def receive(sender: object, **_payload: object) -> None: ...

        async def areceive(sender: object, **_payload: object) -> None: ...

        return areceive if awaited else receive

    return [made() for _ in range(count)]


def _signal(blinker: Any, receivers: list[Callable[..., Any]]) -> Any:
    signal = blinker.Signal()
    for one in receivers:
        signal.connect(one, weak=False)
    return signal


def emits() -> Iterator[Figure]:
    """Emitting a name, to no, one and ten listeners, a wildcard among them."""
    blinker = _peer("blinker")
    if blinker is None:
        return
    emit = events.emit
    candidates: dict[str, Callable[[], object]] = {}
    for count in (0, 1, 10):
        for number in range(count):
            events.listen(f"bench.l{count}" if number % 2 else f"*.l{count}", lambda _envelope: None)
        candidates[f"ours {count}"] = _emitting(emit, f"bench.l{count}")
        candidates[f"blinker {count}"] = _sending(_signal(blinker, _receivers(count)))
    events.listen("wild.*", nobody)
    candidates["wildcard"] = _emitting(emit, "wild.event")
    times = interleaved(candidates, rounds=ROUNDS)
    for count, goal in ((0, 0.5), (1, 0.35), (10, 0.15)):
        yield ratio(f"emit to {count} listeners / blinker", times[f"ours {count}"], times[f"blinker {count}"], goal)
    yield ratio("emit to 1 wildcard listener / blinker", times["wildcard"], times["blinker 1"], 0.35)


def _emitting(emit: Callable[..., None], name: str) -> Callable[[], object]:
    return lambda: emit(name)


def _sending(signal: Any) -> Callable[[], object]:
    send = signal.send
    return lambda: send(None)


def typed_events() -> Iterator[Figure]:
    """A declared event with a payload of two fields, against blinker with the same keywords."""
    blinker = _peer("blinker")
    if blinker is None:
        return
    article = Article()
    HasSize.heard.listen(nobody)
    none, one = _signal(blinker, []), _signal(blinker, _receivers(1))

    def guarded() -> None:
        if article.silent:
            article.silent(old="a", new="b")

    times = interleaved(
        {
            "keywords": lambda: article.silent(old="a", new="b"),
            "positional": lambda: article.silent("a", "b"),
            "guarded": guarded,
            "heard": lambda: article.heard(old="a", new="b"),
            "none": lambda: none.send(article, old="a", new="b"),
            "one": lambda: one.send(article, old="a", new="b"),
        },
        rounds=ROUNDS,
    )
    yield ratio("typed event, 0 listeners, keywords / blinker", times["keywords"], times["none"], 1.7)
    yield ratio("typed event, 0 listeners, positional / blinker", times["positional"], times["none"], 1.0)
    yield ratio("typed event, 0 listeners, behind its guard / blinker", times["guarded"], times["none"], 0.6)
    yield ratio("typed event, 1 listener, keywords / blinker", times["heard"], times["one"], 0.8)


def _drive(twenty: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], object]:
    """Run a coroutine that never waits, without an event loop between."""

    def call() -> None:
        try:
            twenty().send(None)
        except StopIteration:
            return
        raise RuntimeError("the coroutine waits")

    return call


def async_emits() -> Iterator[Figure]:
    """Awaiting one and ten coroutine listeners, twenty times in one coroutine."""
    blinker = _peer("blinker")
    if blinker is None:
        return
    candidates: dict[str, Callable[[], object]] = {}
    for count in (1, 10):
        for _ in range(count):
            events.listen(f"abench.l{count}", anobody)
        candidates[f"ours {count}"] = _drive(_awaiting(f"abench.l{count}"))
        candidates[f"blinker {count}"] = _drive(_asending(_signal(blinker, _receivers(count, awaited=True))))
    times = interleaved(candidates, rounds=ROUNDS)
    for count in (1, 10):
        name = f"aemit to {count} coroutine listeners / blinker send_async"
        yield ratio(name, times[f"ours {count}"], times[f"blinker {count}"], 0.4)


def _awaiting(name: str) -> Callable[[], Coroutine[Any, Any, object]]:
    aemit = events.aemit

    async def twenty() -> None:
        for _ in range(20):
            await aemit(name)

    return twenty


def _asending(signal: Any) -> Callable[[], Coroutine[Any, Any, object]]:
    send = signal.send_async

    async def twenty() -> None:
        for _ in range(20):
            await send(None)

    return twenty


def other_buses() -> Iterator[Figure]:
    """One listener, against the other libraries with events; without goals."""
    events.listen("other.l1", nobody)
    emit = events.emit
    candidates: dict[str, Callable[[], object]] = {"ours": lambda: emit("other.l1")}
    for name, make in (
        ("Django signal", _django), ("psygnal", _psygnal), ("pluggy", _pluggy), ("SQLAlchemy event", _sqlalchemy),
        ("traitlets observe", _traitlets),
    ):  # fmt: skip
        made = make()
        if made is not None:
            candidates[name] = made
    times = interleaved(candidates, rounds=41)
    for name in list(candidates)[1:]:
        yield ratio(f"emit to 1 listener / {name}", times["ours"], times[name], None)


def _django() -> Callable[[], object] | None:
    dispatch = _peer("django.dispatch")
    if dispatch is None:
        return None
    signal = dispatch.Signal()
    signal.connect(lambda **_payload: None, weak=False)
    return lambda: signal.send(None)


def _psygnal() -> Callable[[], object] | None:
    psygnal = _peer("psygnal")
    if psygnal is None:
        return None
    signal = psygnal.SignalInstance()
    signal.connect(lambda: None)
    return lambda: signal.emit()


def _pluggy() -> Callable[[], object] | None:
    pluggy = _peer("pluggy")
    if pluggy is None:
        return None
    spec, implementation = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Specs:
        @spec
        def happened(self) -> None: ...

    class Plugin:
        @implementation
        def happened(self) -> None: ...

    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Specs)
    manager.register(Plugin())
    happened = manager.hook.happened
    return lambda: happened()


def _sqlalchemy() -> Callable[[], object] | None:
    event = _peer("sqlalchemy.event")
    if event is None:
        return None

    class Target:
        dispatch: Any

    class TargetEvents(event.Events):
        _dispatch_target = Target

        def happened(self, target: Any) -> None: ...

    target = Target()
    event.listen(target, "happened", lambda _target: None)
    return lambda: target.dispatch.happened(target)


def _traitlets() -> Callable[[], object] | None:
    traitlets = _peer("traitlets")
    if traitlets is None:
        return None

    class Holder(traitlets.HasTraits):
        value = traitlets.Int()

    holder = Holder()
    holder.observe(lambda _change: None, "value")
    numbers = iter(range(10**9))

    def change() -> None:
        holder.value = next(numbers)

    return change


def features() -> Iterator[Figure]:
    """Asking whether a feature is on, against reading an attribute of the class through an instance."""
    article = Article()
    article.enabled("follow")
    times = interleaved(
        {
            "attribute": lambda: article.plain,
            "property": lambda: article.follow,
            "enabled": lambda: article.enabled("follow"),
        },
        rounds=ROUNDS,
    )
    note = "both in one function call"
    yield ratio("feature check, article.follow / attribute", times["property"], times["attribute"], 8, note)
    yield ratio("feature check, article.enabled(...) / attribute", times["enabled"], times["attribute"], 8, note)
    with without_features("other"):
        inside = interleaved({"attribute": lambda: article.plain, "enabled": lambda: article.enabled("follow")})
    yield ratio("feature check inside a block / attribute", inside["enabled"], inside["attribute"], None)
    with tenant("acme"):
        inside = interleaved({"attribute": lambda: article.plain, "enabled": lambda: article.enabled("follow")})
    yield ratio("feature check inside a tenant / attribute", inside["enabled"], inside["attribute"], None)
    blinker = _peer("blinker")
    if blinker is not None:
        yield _block(blinker)


def _block(blinker: Any) -> Figure:
    signal, block = blinker.Signal(), without_features("follow")

    def ours() -> None:
        with block:
            pass

    def muted() -> None:
        with signal.muted():
            pass

    times = interleaved({"ours": ours, "blinker": muted})
    note = "blinker's mutes the whole process"
    return ratio("without_features block / blinker muted()", times["ours"], times["blinker"], 2.5, note)


def configs() -> Iterator[Figure]:
    """Reading a value of eight layers, against a ChainMap of four."""
    article = Article()
    chain = ChainMap[str, int]({}, {}, {}, {"ttl": 60})
    candidates: dict[str, Callable[[], object]] = {
        "ours": lambda: article.size_config.ttl,
        "chain": lambda: chain["ttl"],
    }
    dynaconf = _peer("dynaconf")
    if dynaconf is not None:
        settings = dynaconf.Dynaconf(environments=False)
        settings.set("cache", {"ttl": 60})
        candidates["dynaconf"] = lambda: settings.cache.ttl
    assert article.size_config.ttl == 30
    times = interleaved(candidates, rounds=ROUNDS)
    yield ratio("config read / ChainMap of 4 layers", times["ours"], times["chain"], 0.45)
    if dynaconf is not None:
        yield ratio("config read / dynaconf settings.cache.ttl", times["ours"], times["dynaconf"], None)
    with tenant("acme"):
        assert article.size_config.ttl == 30
        times = interleaved(candidates, rounds=ROUNDS)
        yield ratio("config read inside a tenant / ChainMap of 4 layers", times["ours"], times["chain"], None)


def flags() -> Iterator[Figure]:
    """Whether a subject is in a rollout of 50 percent, against OpenFeature's provider in memory."""
    api = _peer("openfeature.api")
    if api is None:
        return
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    api.set_provider(InMemoryProvider({"follow": InMemoryFlag("on", {"on": True, "off": False})}))
    client, context = api.get_client(), EvaluationContext(targeting_key="user-1")
    rollouts.set_share("HasSize.follow", 50)
    article = Article()
    rollouts.enabled(article, "follow", "user-1")
    chosen = buckets.murmur3
    for name, hashing, goal in (("pure Python", buckets.murmur3_python, 0.8), ("mmh3", buckets.native(), 0.25)):
        if hashing is None:
            continue
        buckets.murmur3 = hashing
        times = interleaved(
            {
                "ours": lambda: rollouts.enabled(article, "follow", "user-1"),
                "peer": lambda: client.get_boolean_value("follow", False, context),
            },
            rounds=ROUNDS,
        )
        yield ratio(f"flag evaluation, {name} / OpenFeature in memory", times["ours"], times["peer"], goal)
    buckets.murmur3 = chosen


def caches() -> Iterator[Figure]:
    """A hit, with the key worked out, and through `remember`."""
    article = Article()
    article.toc_cache.set("toc", {"a": 1})
    backend = MemoryCache()
    backend.set("key", 1, 1000)
    candidates: dict[str, Callable[[], object]] = {
        "get": lambda: article.toc_cache.get("toc"),
        "remember": lambda: article.toc_cache.remember("toc", dict),
        "backend": lambda: backend.get("key"),
    }
    cachetools, dogpile = _peer("cachetools"), _peer("dogpile.cache")
    if cachetools is not None:
        candidates["cachetools"] = _cachetools(cachetools, article)
    if dogpile is not None:
        region = dogpile.make_region().configure("dogpile.cache.memory", expiration_time=600)
        region.set("trait:HasSize:Article:7:toc", {"a": 1})
        candidates["dogpile"] = lambda: region.get_or_create("trait:HasSize:Article:7:toc", dict)
    times = interleaved(candidates, rounds=ROUNDS)
    if cachetools is not None:
        yield ratio("cache hit with its key / cachetools @cached", times["get"], times["cachetools"], 0.6)
    if dogpile is not None:
        yield ratio("remember hit / dogpile get_or_create", times["remember"], times["dogpile"], 0.35)


def _cachetools(cachetools: Any, article: Article) -> Callable[[], object]:
    """The decorator as its documentation shows it, safe for threads, called with what names the value."""
    from threading import RLock

    @cachetools.cached(cache=cachetools.TTLCache(maxsize=1000, ttl=600), lock=RLock())
    def value(_model: str, _key: int, _name: str) -> dict[str, int]:
        return {"a": 1}

    return lambda: value("Article", article.id, "toc")


def instances() -> Iterator[Figure]:
    """Making an instance with five traits, against five mixins that call ``super().__init__``; and the classes."""
    Made(title="a")
    times = interleaved(
        {"ours": lambda: Made(title="a"), "mixins": lambda: Mixed(title="a")},
        rounds=ROUNDS,
    )
    yield ratio("instance with 5 traits / 5 cooperative mixins", times["ours"], times["mixins"], 0.75)
    traits, mixins = Made.__bases__, Mixed.__bases__
    made = interleaved({"ours": lambda: type("M", traits, {}), "mixins": lambda: type("M", mixins, {})})
    yield ratio("class with 5 traits / with 5 plain mixins", made["ours"], made["mixins"], None)


class HasPart0(Trait):
    """A trait that sets one attribute."""

    @hook("initialize")
    def start0(self) -> None:
        """Set it."""
        self.value0 = 0


class HasPart1(Trait):
    """A trait that sets one attribute."""

    @hook("initialize")
    def start1(self) -> None:
        """Set it."""
        self.value1 = 1


class HasPart2(Trait):
    """A trait that sets one attribute."""

    @hook("initialize")
    def start2(self) -> None:
        """Set it."""
        self.value2 = 2


class HasPart3(Trait):
    """A trait that sets one attribute."""

    @hook("initialize")
    def start3(self) -> None:
        """Set it."""
        self.value3 = 3


class HasPart4(Trait):
    """A trait that sets one attribute."""

    @hook("initialize")
    def start4(self) -> None:
        """Set it."""
        self.value4 = 4


class Made(HasPart0, HasPart1, HasPart2, HasPart3, HasPart4):
    """A model of five traits."""

    def __init__(self, title: str) -> None:
        self.title = title


class Mixin0:
    """A mixin that sets one attribute and passes the rest on."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.value0 = 0


class Mixin1:
    """A mixin that sets one attribute and passes the rest on."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.value1 = 1


class Mixin2:
    """A mixin that sets one attribute and passes the rest on."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.value2 = 2


class Mixin3:
    """A mixin that sets one attribute and passes the rest on."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.value3 = 3


class Mixin4:
    """A mixin that sets one attribute and passes the rest on."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.value4 = 4


class Titled:
    """The base behind the mixins."""

    def __init__(self, title: str) -> None:
        self.title = title


class Mixed(Mixin0, Mixin1, Mixin2, Mixin3, Mixin4, Titled):
    """The same with mixins."""


def telemetry() -> Iterator[Figure]:
    """Counting while telemetry is off."""
    article = Article()
    times = interleaved(
        {"attribute": lambda: article.plain, "ours": lambda: article.sized.add()},
        rounds=ROUNDS,
    )
    yield ratio("disabled counter / attribute", times["ours"], times["attribute"], 6, "both in one function call")


def imports() -> Iterator[Figure]:
    """CPU time of importing, from compiled files, each in a process of its own."""
    if _peer("blinker") is None:
        return
    with tempfile.TemporaryDirectory() as cache:
        # The public names are loaded when the first is asked for, so one is.
        cases = {
            "blinker": ("sys", "import blinker"),
            "msgspec": ("sys", "import msgspec"),
            "ours": ("msgspec", "from traits_runtime import Trait"),
        }
        spent: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(15):
            for name, (first, second) in cases.items():
                spent[name].append(_import_cost(first, second, cache))
        low = {name: percentile(values[1:], 10) for name, values in spent.items()}
    note = f"msgspec, which it needs, counted apart: {low['msgspec'] / low['blinker']:.2f} of blinker"
    yield ratio("import traits_runtime / import blinker", low["ours"], low["blinker"], 1.5, note)
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys; from traits_runtime import Trait; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    found = len(set(HEAVY) & set(loaded))
    yield Figure("heavy modules in sys.modules after the import", found, None, found, 0, note=", ".join(HEAVY))


def _import_cost(first: str, statement: str, cache: str) -> float:
    code = f"import time, {first}; began = time.process_time(); {statement}; print(time.process_time() - began)"
    environment = {"PYTHONPYCACHEPREFIX": cache, "PYTHONPATH": ":".join(one for one in sys.path if one)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(ran.stdout)


if __name__ == "__main__":
    from benchmarks.harness import report

    report(run(), None)

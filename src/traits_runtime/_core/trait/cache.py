"""`TraitCache`: values that a trait keeps for its instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from traits_runtime._core import runtime
from traits_runtime._core.cache import MISSING, escape
from traits_runtime._core.metadata import metadata_of
from traits_runtime._core.runtime import SCOPED, cache, hosts, identify

D = TypeVar("D")

is_scoped = SCOPED.get


class TraitCache:
    """A trait's cache, under a name of its own: ``toc_cache = TraitCache(ttl=600)``.

    Keys are ``trait:{Trait}:{Model}:{pk}:{key}``, with the tenant in front where there is one. An instance
    without a key of its own shares nothing: it computes every time.

    Args:
        ttl: Seconds that a value is kept, more or less a tenth.
        doc: What is kept.

    >>> from traits_runtime import Trait
    >>> class HasToc(Trait):
    ...     toc_cache = TraitCache(ttl=600)
    >>> class Page(HasToc):
    ...     id = 7
    >>> Page().toc_cache.remember("toc", lambda: "computed"), Page().toc_cache.remember("toc", lambda: "again")
    ('computed', 'computed')
    >>> Page().toc_cache.key("toc")
    'trait:HasToc:Page:7:toc'
    """

    __slots__ = ("doc", "lead", "name", "owner", "ttl")

    name: str
    owner: str
    lead: str

    def __init__(self, *, ttl: float = 3600, doc: str = "") -> None:
        self.ttl: float = ttl
        self.doc: str = doc
        self.name = ""
        self.owner = ""
        self.lead = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__
        self.lead = f"trait:{owner.__name__}:"

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type[Any]) -> BoundCache:
            """The cache of an instance, or asked on a class, that of all its instances."""
            ...


class BoundCache(msgspec.Struct):
    """The cache of one instance; asked on a trait or a model, that of all its instances, which can only forget."""

    declared: Any
    _instance: Any
    _owner: Any

    def _prefix(self) -> str:
        """What all keys of the instance begin with, empty for an unsaved one."""
        instance = self._instance
        identity = identify(instance) if instance is not None else None
        if identity is None:
            return ""
        prefix = f"{self.declared.lead}{type(instance).__name__}:{escape(str(identity))}:"
        tenant = runtime.current_tenant_id()
        return prefix if tenant is None else f"t:{escape(tenant)}:{prefix}"

    def key(self, key: str) -> str:
        """The whole key, empty for an unsaved instance."""
        prefix = self._prefix()
        return prefix and prefix + escape(key)

    def get(self, key: str, default: D | None = None) -> Any | D | None:
        """The kept value; None is a value, so give a default that is none to tell the two apart."""
        instance = self._instance
        identity = identify(instance) if hosts.registered else getattr(instance, "id", None)
        if type(identity) is int and not is_scoped() and key.isidentifier():
            # The same key as below, spelled out: a hit costs little more than finding its key.
            whole = f"{self.declared.lead}{instance.__trait_metadata__.name}:{identity}:{key}"
        else:
            whole = self.key(key)
        value = cache.backend.get(whole) if whole else MISSING
        return default if value is MISSING else value

    def set(self, key: str, value: object, *, ttl: float | None = None, tags: tuple[str, ...] = ()) -> None:
        """Keep a value; does nothing for an unsaved instance."""
        whole = self.key(key)
        if whole:
            cache.put(whole, value, self._ttl(ttl), self._scopes(tags))

    def remember(
        self, key: str, compute: Callable[[], D], *, ttl: float | None = None, tags: tuple[str, ...] = ()
    ) -> D:
        """The kept value, or the computed one, which is kept then; computed once, however many ask.

        Args:
            key: Names the value among those of the instance.
            compute: Makes it.
            ttl: Seconds to keep it, the cache's own by default.
            tags: What it can be forgotten by, besides the key.
        """
        value: Any = self.get(key, MISSING)
        if value is not MISSING:
            cached: D = value
            return cached
        whole = self.key(key)
        if not whole:
            return compute()
        return cache.remember(whole, compute, self._ttl(ttl), self._scopes(tags))

    async def aremember(
        self, key: str, compute: Callable[[], Awaitable[D]], *, ttl: float | None = None, tags: tuple[str, ...] = ()
    ) -> D:
        """As `remember`, with a coroutine function."""
        whole = self.key(key)
        if not whole:
            return await compute()
        return await cache.aremember(whole, compute, self._ttl(ttl), self._scopes(tags))

    async def aget(self, key: str, default: D | None = None) -> Any | D | None:
        """As `get`, without blocking the event loop where the cache is on another machine."""
        shared, whole = cache.shared(), self.key(key)
        if shared is None or not whole:
            return self.get(key, default)
        value = await shared.aget(whole)
        return default if value is MISSING else value

    async def aset(self, key: str, value: object, *, ttl: float | None = None, tags: tuple[str, ...] = ()) -> None:
        """As `set`, without blocking."""
        whole = self.key(key)
        if whole:
            await cache.aput(whole, value, self._ttl(ttl), self._scopes(tags))

    def forget(self, key: str | None = None) -> None:
        """Forget one value, or without a key all values of the instance, the model or the trait it is asked on."""
        scope, whole = self._forgettable(key)
        if scope:
            cache.forget_scope(scope)
        elif whole:
            cache.forget(whole)

    async def aforget(self, key: str | None = None) -> None:
        """As `forget`, without blocking."""
        scope, whole = self._forgettable(key)
        if scope:
            await cache.aforget_scope(scope)
        elif whole:
            await cache.aforget(whole)

    def _forgettable(self, key: str | None) -> tuple[str, str]:
        """The scope to forget, or the one key."""
        if self._instance is None:
            return self._scope_of_class(), ""
        return (self._prefix(), "") if key is None else ("", self.key(key))

    def forget_tag(self, tag: str) -> None:
        """Forget all values with a tag, of every instance."""
        cache.forget_scope(f"{self.declared.owner}#{tag}")

    async def aforget_tag(self, tag: str) -> None:
        """As `forget_tag`, without blocking."""
        await cache.aforget_scope(f"{self.declared.owner}#{tag}")

    def _scope_of_class(self) -> str:
        trait: str = self.declared.owner
        metadata = metadata_of(self._owner)
        return f"{trait}:{metadata.name}" if metadata.kind == "model" else trait

    def _ttl(self, ttl: float | None) -> float:
        declared: float = self.declared.ttl
        return declared if ttl is None else ttl

    def _scopes(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """What a value is forgotten with: trait, model, instance, tags."""
        owner = self.declared.owner
        return (owner, f"{owner}:{type(self._instance).__name__}", self._prefix(), *(f"{owner}#{tag}" for tag in tags))


if not TYPE_CHECKING:
    TraitCache.__get__ = BoundCache  # a struct is made by C code: a function here would cost a frame for each look

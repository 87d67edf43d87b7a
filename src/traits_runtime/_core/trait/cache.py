"""`TraitCache`: values that a trait keeps for its instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, overload

import msgspec

from traits_runtime._core import runtime
from traits_runtime._core.cache import MISSING, escape
from traits_runtime._core.runtime import SCOPED, cache, identify, identity_readers
from traits_runtime._core.trait.record import Record, record_of

T = TypeVar("T")
D = TypeVar("D")


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

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> ClassCache: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundCache[Any]: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> ClassCache | BoundCache[Any]:
        if instance is None:
            return ClassCache(self, record_of(owner) if owner is not None else None)
        return BoundCache(self, instance)


class ClassCache:
    """The cache as a trait or model sees it: it can forget."""

    __slots__ = ("declared", "record")

    def __init__(self, declared: TraitCache, record: Record | None) -> None:
        self.declared: TraitCache = declared
        self.record: Record | None = record

    def forget(self) -> None:
        """Forget all values of the trait, or asked on a model, of the trait's instances of that model."""
        record = self.record
        trait = self.declared.owner
        model = record.name if record is not None and record.kind == "model" else ""
        cache.backend.bump(f"{trait}:{model}" if model else trait)

    def forget_tag(self, tag: str) -> None:
        """Forget all values with a tag, of every instance."""
        cache.backend.bump(f"{self.declared.owner}#{tag}")


class BoundCache(msgspec.Struct, Generic[T]):
    """The cache of one instance; a struct because one is made for every look."""

    declared: Any
    _instance: Any

    def _prefix(self) -> str:
        """What all keys of the instance begin with, empty for an unsaved one."""
        identity = identify(self._instance)
        if identity is None:
            return ""
        prefix = f"{self.declared.lead}{type(self._instance).__name__}:{escape(str(identity))}:"
        tenant = runtime.current_tenant_id()
        return prefix if tenant is None else f"t:{escape(tenant)}:{prefix}"

    def key(self, key: str) -> str:
        """The whole key, empty for an unsaved instance."""
        instance = self._instance
        if not identity_readers and not SCOPED.get() and key.isidentifier():
            try:
                identity = instance.id
            except AttributeError:
                identity = None
            if type(identity) is int:
                return f"{self.declared.lead}{instance.__trait_record__.name}:{identity}:{key}"
        prefix = self._prefix()
        return prefix and prefix + escape(key)

    def get(self, key: str, default: D | None = None) -> Any | D | None:
        """The kept value; None is a value, so give a default that is none to tell the two apart."""
        whole = self.key(key)
        found = cache.backend.get(whole) if whole else MISSING
        return default if found is MISSING else found

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
        whole = self.key(key)
        if not whole:
            return compute()
        found: Any = cache.backend.get(whole)
        if found is not MISSING:
            kept: D = found
            return kept
        return cache.remember(whole, compute, self._ttl(ttl), self._scopes(tags))

    async def aremember(
        self, key: str, compute: Callable[[], Awaitable[D]], *, ttl: float | None = None, tags: tuple[str, ...] = ()
    ) -> D:
        """As `remember`, with a coroutine function."""
        whole = self.key(key)
        if not whole:
            return await compute()
        return await cache.aremember(whole, compute, self._ttl(ttl), self._scopes(tags))

    def forget(self, key: str | None = None) -> None:
        """Forget one value, or without a key all values of the instance."""
        whole = self._prefix() if key is None else self.key(key)
        if not whole:
            return
        if key is None:
            cache.backend.bump(whole)
        else:
            cache.backend.delete(whole)

    def _ttl(self, ttl: float | None) -> float:
        own: float = self.declared.ttl
        return own if ttl is None else ttl

    def _scopes(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """What a value is forgotten with: trait, model, instance, tags."""
        owner = self.declared.owner
        return (owner, f"{owner}:{type(self._instance).__name__}", self._prefix(), *(f"{owner}#{tag}" for tag in tags))

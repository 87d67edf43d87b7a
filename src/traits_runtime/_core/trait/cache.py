"""`TraitCache`: values that a trait keeps for its instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, overload

from traits_runtime._core import runtime
from traits_runtime._core.cache import MISSING, escape
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

    __slots__ = ("doc", "name", "owner", "ttl")

    name: str
    owner: str

    def __init__(self, *, ttl: float = 3600, doc: str = "") -> None:
        self.ttl: float = ttl
        self.doc: str = doc
        self.name = ""
        self.owner = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__

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
        runtime.cache.backend.bump(f"{trait}:{model}" if model else trait)

    def forget_tag(self, tag: str) -> None:
        """Forget all values with a tag, of every instance."""
        runtime.cache.backend.bump(f"{self.declared.owner}#{tag}")


class BoundCache(Generic[T]):
    """The cache of one instance."""

    __slots__ = ("_prefix", "_scopes", "declared")

    def __init__(self, declared: TraitCache, instance: object) -> None:
        self.declared: TraitCache = declared
        model = type(instance).__name__
        identity = runtime.identify(instance)
        if identity is None:
            self._prefix = ""
            self._scopes: tuple[str, ...] = ()
            return
        prefix = f"trait:{declared.owner}:{model}:{escape(str(identity))}:"
        tenant = runtime.current_tenant_id() if runtime.SCOPED.get() else None
        self._prefix = prefix if tenant is None else f"t:{escape(tenant)}:{prefix}"
        self._scopes = (declared.owner, f"{declared.owner}:{model}", self._prefix)

    def key(self, key: str) -> str:
        """The whole key, empty for an unsaved instance."""
        return self._prefix and self._prefix + escape(key)

    def get(self, key: str, default: D | None = None) -> Any | D | None:
        """The kept value; None is a value, so give a default that is none to tell the two apart."""
        if not self._prefix:
            return default
        found = runtime.cache.backend.get(self.key(key), self._scopes)
        return default if found is MISSING else found

    def set(self, key: str, value: object, *, ttl: float | None = None, tags: tuple[str, ...] = ()) -> None:
        """Keep a value; does nothing for an unsaved instance."""
        if self._prefix:
            runtime.cache.put(self.key(key), value, self._ttl(ttl), self._within(tags))

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
        if not self._prefix:
            return compute()
        return runtime.cache.remember(self.key(key), compute, self._ttl(ttl), self._within(tags))

    async def aremember(
        self, key: str, compute: Callable[[], Awaitable[D]], *, ttl: float | None = None, tags: tuple[str, ...] = ()
    ) -> D:
        """As `remember`, with a coroutine function."""
        if not self._prefix:
            return await compute()
        return await runtime.cache.aremember(self.key(key), compute, self._ttl(ttl), self._within(tags))

    def forget(self, key: str | None = None) -> None:
        """Forget one value, or without a key all values of the instance."""
        if not self._prefix:
            return
        if key is None:
            runtime.cache.backend.bump(self._prefix)
        else:
            runtime.cache.backend.delete(self.key(key))

    def _ttl(self, ttl: float | None) -> float:
        return self.declared.ttl if ttl is None else ttl

    def _within(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        return self._scopes + tuple(f"{self.declared.owner}#{tag}" for tag in tags) if tags else self._scopes

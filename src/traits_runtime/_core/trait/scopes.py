"""`scope`: a named restriction of queries that a trait offers, or puts on every query by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from traits_runtime._core import runtime
from traits_runtime._core.metadata import TraitMetadata, has_metadata, metadata_of
from traits_runtime.errors import UnknownScopeError

P = ParamSpec("P")
R = TypeVar("R")


class TraitScope(Generic[P, R]):
    """A declared scope; made by `scope`. On a model it is a function of the remaining arguments.

    Args:
        function: Called with the model (or an alias of it), returns what the host takes as a condition.
        name: Its name among ``Model.scopes``; that of the function without one.
        always: Whether it holds for every query.
        lifted_by: Execution options that lift it.
        asked_by: The execution option without which an ``always`` scope does not hold; empty for none.
        lifts: The execution option that its use in a query stands for; empty for none.
    """

    def __init__(
        self,
        function: Callable[..., R],
        *,
        name: str = "",
        always: bool = False,
        lifted_by: tuple[str, ...] = (),
        asked_by: str = "",
        lifts: str = "",
    ) -> None:
        self.function: Callable[..., R] = function
        self.name: str = name or function.__name__
        self.always: bool = always
        self.lifted_by: tuple[str, ...] = lifted_by
        self.asked_by: str = asked_by
        self.lifts: str = lifts
        self.attribute: str = function.__name__
        self.owner: str = ""
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.__name__: str = function.__name__
        self.__module__ = function.__module__
        self.__qualname__ = function.__qualname__

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name
        self.owner = owner.__name__

    def __get__(self, instance: object, owner: type[Any]) -> Callable[P, R]:
        function, lifts = self.function, self.lifts

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            condition = function(owner, *args, **kwargs)
            return runtime.hosts.mark_condition(condition, lifts) if lifts else condition

        return call

    def __repr__(self) -> str:
        return f"<TraitScope {self.owner}.{self.name}>"


def scope(
    *,
    name: str = "",
    always: bool = False,
    lifted_by: str | tuple[str, ...] = (),
    asked_by: str = "",
    lifts: str = "",
) -> Callable[[Callable[Concatenate[Any, P], R] | classmethod[Any, P, R]], TraitScope[P, R]]:
    """Declare a class method as a scope: a condition for queries, asked as ``Article.scopes.published()``.

    Args:
        name: Its name among the scopes, where the method needs another, to keep clear of a column for example.
        always: Whether the host puts it on every query of the model by itself.
        lifted_by: Execution options with which a query is free of it.
        asked_by: An execution option without which an ``always`` scope does not hold.
        lifts: An execution option that a query with this scope need not set itself: asking for rows in the trash finds
            them.

    >>> from traits_runtime import Trait
    >>> class HasPrice(Trait):
    ...     price = 5
    ...     @scope()
    ...     @classmethod
    ...     def cheaper_than(cls, limit: int) -> bool:
    ...         return cls.price < limit
    >>> class Book(HasPrice):
    ...     pass
    >>> Book.scopes.cheaper_than(9), Book.cheaper_than(3)
    (True, False)
    """
    lifting = (lifted_by,) if isinstance(lifted_by, str) else tuple(lifted_by)

    def decorate(function: Callable[Concatenate[Any, P], R] | classmethod[Any, P, R]) -> TraitScope[P, R]:
        inner: Any = getattr(function, "__func__", function)
        return TraitScope(inner, name=name, always=always, lifted_by=lifting, asked_by=asked_by, lifts=lifts)

    return decorate


class Scopes:
    """The scopes of a model, by name: ``Article.scopes.published()``."""

    __slots__ = ("_model",)

    def __init__(self, model: type) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Callable[..., Any]:
        for declared in () if name.startswith("__") else _scopes_of(self._model):
            if declared.name == name:
                return declared.__get__(None, self._model)
        raise UnknownScopeError(self._model.__name__, name, dir(self))

    def __dir__(self) -> list[str]:
        return sorted(declared.name for declared in _scopes_of(self._model))


class ScopesMethod:
    """``scopes`` of a model."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type[Any]) -> Scopes:
        return Scopes(owner)


def _scopes_of(model: type) -> Iterator[TraitScope[..., Any]]:
    return scopes_of(metadata_of(model)) if has_metadata(model) else iter(())


def scopes_of(metadata: TraitMetadata) -> Iterator[TraitScope[..., Any]]:
    """The scopes that a class and its bases declare, in MRO order; an override hides what it overrides."""
    seen: set[str] = set()
    for base in metadata.all:
        for name, value in vars(base.cls).items():
            if name not in seen and isinstance(value, TraitScope):
                seen.add(name)
                yield value

"""`job`: a method that can be called now, or queued to run later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")


class Job(Generic[P, R]):
    """A declared job; made by `job`.

    Args:
        function: The method.
        queue: Name of the queue, empty for the default one.
        options: Further settings, for the engine.
    """

    def __init__(self, function: Callable[..., R], queue: str, options: dict[str, Any]) -> None:
        self.function = function
        self.queue = queue
        self.options = options
        self.name = function.__name__
        self.owner = ""
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Job[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundJob[P, R]: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Job[P, R] | BoundJob[P, R]:
        return self if instance is None else BoundJob(self, instance)

    def __repr__(self) -> str:
        return f"<Job {self.owner}.{self.name}>"


class BoundJob(Generic[P, R]):
    """A job of one instance: call it to run it now."""

    __slots__ = ("job", "sender")

    def __init__(self, job: Job[P, R], sender: object) -> None:
        self.job = job
        self.sender = sender

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the method now."""
        return self.job.function(self.sender, *args, **kwargs)


def job(*, queue: str = "", **options: Any) -> Callable[[Callable[Concatenate[Any, P], R]], Job[P, R]]:
    """Declare a method as a job.

    Args:
        queue: Name of the queue, empty for the default one.
        options: Further settings, for the engine that runs it.
    """

    def decorate(function: Callable[Concatenate[Any, P], R]) -> Job[P, R]:
        return Job(function, queue, options)

    return decorate

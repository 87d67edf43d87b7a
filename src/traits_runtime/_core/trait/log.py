"""`TraitLog`: a trait's logger, which says whose trait, model, key and tenant a line is about."""

from __future__ import annotations

from typing import Any, overload

from traits_runtime._core import runtime


class TraitLog:
    """A logger of the standard library, ``traits_runtime.{Trait}``, under a name of the trait's own.

    Lines carry ``trait``, ``model``, ``key`` and ``tenant`` as extras; nothing is worked out for a level that
    is off.

    >>> from traits_runtime import Trait
    >>> class HasSlug(Trait):
    ...     slug_log = TraitLog()
    >>> class Article(HasSlug):
    ...     pass
    >>> Article().slug_log.info("made %s", "a-slug", seconds=0.1)
    """

    __slots__ = ("_logger", "name", "owner")

    name: str
    owner: str

    def __init__(self) -> None:
        self.name = ""
        self.owner = ""
        self._logger: Any = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.owner = owner.__name__

    @property
    def logger(self) -> Any:
        """The logger behind it."""
        if self._logger is None:
            import logging

            self._logger = logging.getLogger(f"traits_runtime.{self.owner}")
        return self._logger

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> TraitLog: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> BoundLog: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> TraitLog | BoundLog:
        return self if instance is None else BoundLog(self, instance)


class BoundLog:
    """The logger as one instance uses it; keyword arguments become extras."""

    __slots__ = ("_declared", "_instance")

    def __init__(self, declared: TraitLog, instance: object) -> None:
        self._declared = declared
        self._instance = instance

    def debug(self, text: str, *args: object, **extra: object) -> None:
        """Log for whoever looks for a fault."""
        self.log(10, text, *args, **extra)

    def info(self, text: str, *args: object, **extra: object) -> None:
        """Log what happens in a normal run."""
        self.log(20, text, *args, **extra)

    def warning(self, text: str, *args: object, **extra: object) -> None:
        """Log what somebody should look at."""
        self.log(30, text, *args, **extra)

    def error(self, text: str, *args: object, **extra: object) -> None:
        """Log what failed; inside an ``except`` block with the exception."""
        self.log(40, text, *args, **extra)

    def log(self, level: int, text: str, *args: object, **extra: object) -> None:
        """Log at a level of ``logging``."""
        logger = self._declared.logger
        if not logger.isEnabledFor(level):
            return
        about = {
            "trait": self._declared.owner,
            "model": type(self._instance).__name__,
            "key": runtime.identify(self._instance),
            "tenant": runtime.current_tenant_id(),
        }
        import sys

        error = sys.exc_info() if level >= 40 and sys.exc_info()[0] is not None else None
        logger.log(level, text, *args, extra={**extra, **about}, exc_info=error, stacklevel=3)

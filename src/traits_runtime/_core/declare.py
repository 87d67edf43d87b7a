"""The inert records: what a class body declares, and what a ``with`` block puts in force."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextvars import ContextVar
from typing import Any, Self, TypeVar, overload

from traits_runtime.rules.keys import CONSTRAINTS, REQUIRED, Option

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@overload
def option(
    default: T,
    *,
    doc: str = "",
    env: str | tuple[str, ...] = (),
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    multiple_of: float | None = None,
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    secret: bool = False,
    locked: bool = False,
    since: str = "",
    deprecated: str = "",
) -> T: ...
@overload
def option(
    *,
    factory: Callable[[], T],
    doc: str = "",
    env: str | tuple[str, ...] = (),
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    multiple_of: float | None = None,
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    secret: bool = False,
    locked: bool = False,
    since: str = "",
    deprecated: str = "",
) -> T: ...
@overload
def option(
    *,
    doc: str = "",
    env: str | tuple[str, ...] = (),
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    multiple_of: float | None = None,
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    secret: bool = False,
    locked: bool = False,
    since: str = "",
    deprecated: str = "",
) -> Any: ...
def option(
    default: Any = REQUIRED,
    *,
    factory: Callable[[], Any] | None = None,
    doc: str = "",
    env: str | tuple[str, ...] = (),
    secret: bool = False,
    locked: bool = False,
    since: str = "",
    deprecated: str = "",
    **constraints: Any,
) -> Any:
    """Declare a config key of a config class: its default, what it demands and where it can be set.

    Args:
        default: The value while no layer gives another; without it and without ``factory`` the key is required.
        factory: Makes the default, for one that is costly or differs by machine.
        doc: What the key does.
        env: Environment variables that set it; the first that is set wins.
        gt: The value must be greater.
        ge: The value must be greater or equal.
        lt: The value must be less.
        le: The value must be less or equal.
        multiple_of: The value must be a multiple of this.
        pattern: A regular expression that must be found in the text.
        min_length: Shortest text or collection.
        max_length: Longest text or collection.
        secret: Mask the value wherever it is shown.
        locked: Where the environment sets the key, nothing else may change it.
        since: Version that introduced the key.
        deprecated: Version or sentence, empty while current.
        **constraints: The constraints above.
    """
    names = (env,) if isinstance(env, str) else tuple(env)
    unknown = set(constraints) - set(CONSTRAINTS)
    if unknown:
        raise TypeError(f"option() takes no argument {sorted(unknown)[0]!r}. Constraints: {', '.join(CONSTRAINTS)}.")
    limits = {name: value for name, value in constraints.items() if value is not None}
    return Option(default, factory, doc, names, limits, (secret, locked), (since, deprecated))


class Condition:
    """Whether a hook runs; combine with ``&``, ``|`` and ``~``.

    Args:
        check: Called with the instance and the names of its changed fields (None: not known).
        text: The condition as one would write it.
    """

    __slots__ = ("check", "text")

    def __init__(self, check: Callable[[Any, Collection[str] | None], bool], text: str) -> None:
        self.check: Callable[[Any, Collection[str] | None], bool] = check
        self.text: str = text

    def __call__(self, instance: object, changes: Collection[str] | None) -> bool:
        """Whether the condition holds for an instance."""
        return self.check(instance, changes)

    def __and__(self, other: Condition) -> Condition:
        """Both hold."""
        return Condition(lambda row, names: self(row, names) and other(row, names), f"{self.text} & {other.text}")

    def __or__(self, other: Condition) -> Condition:
        """At least one holds."""
        return Condition(lambda row, names: self(row, names) or other(row, names), f"({self.text} | {other.text})")

    def __invert__(self) -> Condition:
        """It does not hold."""
        return Condition(lambda instance, names: not self(instance, names), f"~{self.text}")

    def __repr__(self) -> str:
        return self.text


def changed(*fields: str) -> Condition:
    """The condition that one of the fields has changed; where a host cannot tell, it holds.

    >>> changed("title", "body")(object(), {"title"}), changed("title")(object(), {"body"})
    (True, False)
    """
    names = frozenset(fields)

    def check(_instance: object, changes: Collection[str] | None) -> bool:
        return changes is None or not names.isdisjoint(changes)

    return Condition(check, f"changed({', '.join(map(repr, fields))})")


class HookMark:
    """A declared hook; made by `hook`, kept on the function as ``__trait_hooks__``."""

    __slots__ = ("feature", "moment", "priority", "when")

    def __init__(self, moment: str, priority: int, when: Condition | None, feature: str) -> None:
        self.feature = feature
        self.moment = moment
        self.priority = priority
        self.when = when

    def __repr__(self) -> str:
        return f"hook({self.moment!r}, priority={self.priority})"


def hook(
    moment: str, *, priority: int = 0, when: Condition | Callable[[Any], bool] | None = None, feature: str = ""
) -> Callable[[F], F]:
    """Declare a method as a hook: it is called at a fixed moment.

    The order in a model is that of the classes in its MRO, then the priority, then the definition. An override
    without the decorator stays the hook and runs once, at the place of the class that declared it.

    Args:
        moment: ``boot`` (a classmethod, once per model), ``initialize`` (once per instance, after its
            constructor) or a lifecycle moment (``creating``, ``saved``, ...). In one that ends in ``ing`` the
            hook may `raise Veto(...)`.
        priority: Higher runs first among the hooks of one class.
        when: A condition, `changed` for example, or a function of the instance.
        feature: A feature of the class or of its traits without which the hook of a lifecycle moment does not run.
    """
    if not moment.isidentifier():
        raise ValueError(f"{moment!r} is no moment: it must be a name such as 'creating'.")
    condition = when if when is None or isinstance(when, Condition) else _from_function(when)
    mark = HookMark(moment, priority, condition, feature)

    def decorate(function: F) -> F:
        target: Any = getattr(function, "__func__", function)
        target.__trait_hooks__ = (*getattr(target, "__trait_hooks__", ()), mark)
        return function

    return decorate


def _from_function(function: Callable[[Any], bool]) -> Condition:
    return Condition(lambda instance, _changes: function(instance), getattr(function, "__name__", "when"))


def is_coroutine_function(function: object) -> bool:
    """Whether calling it makes a coroutine, told from its code's flags (`inspect` is slow to import)."""
    inner: Any = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    if code is None and callable(inner):
        code = getattr(type(inner).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & 0x80)


def place_of(function: object) -> str:
    """Where a callable is written, ``path:line``; its name where that is not known."""
    inner: Any = getattr(function, "__func__", function)
    inner = getattr(inner, "__wrapped__", inner)
    code = getattr(inner, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(type(inner).__name__)


class Frame:
    """One entered ``with`` block, as its context sees it.

    A context variable alone is not enough: a task that outlives the block, and a generator that is closed
    in another context, would keep the value for ever. So each frame knows whether its block is still open.
    """

    __slots__ = ("active", "block")

    def __init__(self, block: object) -> None:
        self.block = block
        self.active = True


class Gate:
    """Whether any of several context variables holds something: one look instead of one for each.

    Args:
        name: Of the context variable behind it.
    """

    __slots__ = ("_watched", "is_open")

    def __init__(self, name: str) -> None:
        self.is_open: ContextVar[bool] = ContextVar(name, default=False)
        self._watched: list[ContextVar[Any]] = []

    def watch(self, variable: ContextVar[T]) -> ContextVar[T]:
        """Open the gate while a variable holds something."""
        self._watched.append(variable)
        return variable

    def refresh(self) -> None:
        """Look again; called after a watched variable was set."""
        for variable in self._watched:
            if variable.get():
                self.is_open.set(True)
                return
        self.is_open.set(False)


class Block:
    """A ``with`` block whose effect is bound to what it encloses; subclasses say what a frame holds.

    Covers the code inside, and tasks and threads started inside with a copy of the context while it is open.
    One object may be entered again, by several threads and tasks at once. Also an async context manager and
    a decorator for functions, coroutine functions and generators, closed while a decorated generator is suspended.

    Args:
        frames: The context variable that holds the open frames, outermost first.
        gate: Is told when frames come and go.
        entered: The frames of these blocks that are open anywhere in the process; empty means that no context
            need be asked.
    """

    __slots__ = ("__weakref__", "_entered", "_frames", "_gate")

    def __init__(self, frames: ContextVar[tuple[Any, ...]], gate: Gate, entered: list[Any] | None = None) -> None:
        self._frames = frames
        self._gate = gate
        self._entered: list[Any] = [] if entered is None else entered

    def _frame(self) -> Frame:
        """A new frame for one entering."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        frame = self._frame()
        self._entered.append(frame)
        self._frames.set((*self._frames.get(), frame))
        self._gate.is_open.set(True)
        return self

    def __exit__(self, *_error: object) -> None:
        frames = self._frames.get()
        frame = frames[-1] if frames and frames[-1].block is self and frames[-1].active else self._find(frames)
        if frame is None:
            return
        frame.active = False
        self._entered.remove(frame)
        remaining = tuple([entered for entered in frames if entered.active])
        self._frames.set(remaining)
        if not remaining:
            self._gate.refresh()

    def _find(self, frames: tuple[Any, ...]) -> Any:
        """The frame to close: this context's innermost of this block, else one that another context has left open."""
        innermost = next(filter(self._is_open, reversed(frames)), None)
        return innermost or next(filter(self._is_open, reversed(self._entered)), None)

    def _is_open(self, frame: Any) -> bool:
        return bool(frame.block is self and frame.active)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.__exit__()

    def __call__(self, function: F) -> F:
        """The function with the block around every call."""
        wrapped: F = _around(self, function)
        return wrapped


def _around(block: Block, function: Any) -> Any:
    from functools import wraps

    flags = function.__code__.co_flags
    if flags & 0x200:
        raise TypeError(f"{function.__qualname__} is an async generator; open the block inside it.")

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with block:
            return function(*args, **kwargs)

    @wraps(function)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        with block:
            return await function(*args, **kwargs)

    @wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Any:
        return (yield from _in_steps(block, function(*args, **kwargs)))

    return acall if flags & 0x80 else generate if flags & 0x20 else call


def _in_steps(block: Block, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run each step of a generator inside a block, which is closed while the generator is suspended."""
    resume: Callable[[Any], Any] = generator.send
    value: Any = None
    while True:
        with block:
            try:
                item = resume(value)
            except StopIteration as stop:
                return stop.value
        try:
            value = yield item
            resume = generator.send
        except GeneratorExit:
            with block:
                generator.close()
            raise
        except BaseException as error:  # the generator may handle it
            resume, value = generator.throw, error


def belongs(subject: object, owner: object) -> bool:
    """Whether an instance or class is meant by a model, an instance, or (None) everything.

    >>> belongs(True, int), belongs(bool, int), belongs(3, 4), belongs(3, None)
    (True, True, False, True)
    """
    if owner is None:
        return True
    if isinstance(owner, type):
        return issubclass(subject, owner) if isinstance(subject, type) else isinstance(subject, owner)
    return subject is owner

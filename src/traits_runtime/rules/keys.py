"""Config keys: what a trait declares, and how a value of a key is checked and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import msgspec

from traits_runtime.errors import DeclarationError, InvalidConfigValueError, MissingConfigValueError
from traits_runtime.rules.coercion import MUTABLE, coerce, constrained, freeze, mutable_in, thaw, type_text

Kind: TypeAlias = Literal["option", "feature", "toggle"]

MASK: Final = "********"
"""What is shown instead of a secret."""

CONSTRAINTS: Final = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
"""What `option` may demand of a value, by the names of `msgspec.Meta`."""

ENABLED: Final = "enabled"
"""The toggle that every trait has for itself as a whole."""


class Required:
    """The type of `REQUIRED`: the default of a key that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED: Final = Required()


class Option:
    """A declared config key; made by `traits_runtime.option`."""

    __slots__ = (
        "constraints", "default", "deprecated", "doc", "env", "factory", "locked", "name", "secret", "since",
    )  # fmt: skip

    name: str

    def __init__(
        self,
        default: object,
        factory: Callable[[], object] | None,
        doc: str,
        env: tuple[str, ...],
        constraints: dict[str, Any],
        flags: tuple[bool, bool],
        history: tuple[str, str],
    ) -> None:
        self.name = ""
        self.default: object = default
        self.factory: Callable[[], object] | None = factory
        self.doc: str = doc
        self.env: tuple[str, ...] = env
        self.constraints: dict[str, Any] = constraints
        self.secret: bool = flags[0]
        self.locked: bool = flags[1]
        self.since: str = history[0]
        self.deprecated: str = history[1]

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Option:
        if instance is None:
            return self
        raise MissingConfigValueError(instance._trait, self.name, self.env)

    def declared_default(self) -> object:
        """The default, made by the factory if there is one; `REQUIRED` for none."""
        return self.factory() if self.factory else self.default


class Key:
    """One setting of one trait: a config key, a feature, or the trait's own toggle.

    Args:
        trait: Short name of the declaring trait.
        path: Its dotted path.
        name: The key.
        of: What its values are, kept as `type`.
        option: The declaration.
        kind: Which of the three it is.
        group: The attribute that holds its config class, empty for the other two.
    """

    __slots__ = ("_checked", "group", "kind", "name", "option", "path", "trait", "type")

    def __init__(self, trait: str, path: str, name: str, of: Any, option: Option, kind: Kind, group: str = "") -> None:
        self.trait: str = trait
        self.path: str = path
        self.name: str = name
        self.type: Any = of
        self.option: Option = option
        self.kind = kind
        self.group: str = group
        mutable = mutable_in(of)
        if mutable is not None:
            raise DeclarationError(
                path, f"{name!r} is a {mutable.__name__}, and config values are shared; use {MUTABLE[mutable]}."
            )
        self._checked = constrained(of, option.constraints) if option.constraints else of

    @property
    def constraint(self) -> str:
        """What a value must satisfy beside its type, ``ge=8, le=255``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.option.constraints.items())

    @property
    def expected(self) -> str:
        """The type and the constraints in words."""
        return f"{type_text(self.type)}{f' ({self.constraint})' if self.constraint else ''}"

    def default(self) -> object:
        """The declared default, immutable; `REQUIRED` for none."""
        declared = self.option.declared_default()
        return declared if declared is REQUIRED else freeze(declared)

    def check(self, value: object, layer: str, *, text: bool = False) -> object:
        """The value as the key holds it: checked, coerced and immutable.

        Args:
            value: What a layer gives.
            layer: The layer, for the error.
            text: Whether it comes from a place that only knows text (environment, command line).

        Raises:
            InvalidConfigValueError: The key does not take it.
        """
        try:
            return coerce(value, self.type, self._checked, text=text)
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            why = MASK if self.option.secret else str(error)
            raise InvalidConfigValueError(self.trait, self.name, self.show(value), self.expected, why, layer) from (
                None if self.option.secret else error
            )

    def show(self, value: object) -> str:
        """The value as text, masked for a secret."""
        return MASK if self.option.secret and value is not REQUIRED else repr(thaw(value))

    def __repr__(self) -> str:
        return f"<Key {self.trait}.{self.name}: {self.expected}>"


def toggle(trait: str, path: str) -> Key:
    """The key behind a trait's own on/off switch."""
    option = Option(True, None, "Whether the trait does anything at all.", (), {}, (False, False), ("", ""))
    option.name = ENABLED
    return Key(trait, path, ENABLED, bool, option, "toggle")


EVERYTHING: Final = toggle("*", "*")
"""The toggle of all traits at once: ``[tool.traits] enabled = false``."""

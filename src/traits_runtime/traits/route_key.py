"""`HasRouteKey`: the key of a row in URLs."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from traits_runtime import Trait, TraitConfig, option
from traits_runtime._core.runtime import identify
from traits_runtime._core.trait.features import has_on
from traits_runtime.errors import UnsavedInstanceError

_ULID_LETTERS: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Crockford's alphabet: no I, L, O and U."""


class RouteKeyConfig(TraitConfig):
    """The attributes of the key."""

    fields: tuple[str, ...] = option(
        ("slug", "ulid"),
        doc="Attributes to try, in this order; a row without any uses its primary key.",
    )
    ulid_field: str = option("ulid", doc="The one of them with a ULID; URLs may contain it in lower case.")
    self_healing: bool = option(False, doc="Keys are `slug-ulid`, so a URL with an old slug still finds its row.")


def is_ulid(text: str) -> bool:
    """Whether a text has the form of a ULID, in upper or lower case.

    >>> is_ulid("01hzy3k7m0n9v5q2x8r4t6w1bc"), is_ulid("81HZY3K7M0N9V5Q2X8R4T6W1BC"), is_ulid("hello")
    (True, False, False)
    """
    return len(text) == 26 and text[0] in "01234567" and text.isascii() and _ULID_LETTERS.issuperset(text.upper())


class HasRouteKey(Trait):
    """Adds a key for URLs: the slug, else the ULID, else the primary key.

    Hosts find the row by its key: ``resolve(session, Article, key)`` of the SQLAlchemy adapter applies the scopes of
    the model, and needs no query for a key that no row can have.

    Off: the key is the primary key, and rows are found by it alone.
    """

    route_key_config: ClassVar[RouteKeyConfig] = RouteKeyConfig()

    @property
    def route_key(self) -> str:
        """The key of the row in URLs.

        Raises:
            UnsavedInstanceError: The row is not saved and has no key.
        """
        config = self.route_key_config
        values = self._route_values()
        ulid = values.pop(config.ulid_field, "") if config.self_healing else ""
        if ulid:
            return "-".join([*list(values.values())[:1], ulid])
        for text in values.values():
            return text
        key = identify(self)
        if key is None:
            raise UnsavedInstanceError(type(self).__name__, "it has no key for URLs")
        return str(key)

    def _route_values(self) -> dict[str, str]:
        """The attributes of the key that are not empty, a ULID in lower case."""
        if not has_on(self, HasRouteKey):
            return {}
        config = self.route_key_config
        texts = {field: str(getattr(self, field, None) or "") for field in config.fields}
        if config.ulid_field in texts:
            texts[config.ulid_field] = texts[config.ulid_field].lower()
        return {field: text for field, text in texts.items() if text}

    def is_current_route_key(self, key: str) -> bool:
        """Whether a key is the current one; where it is not, redirect to `route_key`."""
        return key == self.route_key

    @classmethod
    def route_lookups(cls, key: str) -> list[tuple[str, Any]]:
        """Attributes and values to look up, in this order; the attribute ``""`` is the primary key.

        Args:
            key: A key from a URL. For a key that no row can have the list is empty.
        """
        if not has_on(cls, HasRouteKey):
            return [("", key)]
        config = cls.route_key_config
        fields = [field for field in config.fields if hasattr(cls, field)]
        if config.self_healing and config.ulid_field in fields:
            tail = key.rpartition("-")[2]
            return [(config.ulid_field, tail.upper())] if is_ulid(tail) else []
        if not fields:
            return [("", key)]
        lookups: list[tuple[str, Any]] = []
        for field in fields if key else ():
            if field != config.ulid_field:
                lookups.append((field, key))
            elif is_ulid(key):
                lookups.append((field, key.upper()))
        return lookups

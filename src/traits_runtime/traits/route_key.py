"""`HasRouteKey`: the key of a row in addresses."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from traits_runtime import Trait, TraitConfig, option
from traits_runtime._core.runtime import identify
from traits_runtime.errors import UnsavedInstanceError

_ULID_LETTERS: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Crockford's alphabet: no I, L, O and U."""


class RouteKeyConfig(TraitConfig):
    """Which attribute is the key."""

    fields: tuple[str, ...] = option(
        ("slug", "ulid"),
        doc="Attributes to try, in this order; a row without any has its primary key.",
    )
    ulid_field: str = option("ulid", doc="Which of them holds a ULID: addresses may write it in small letters.")
    self_healing: bool = option(False, doc="Keys are `slug-ulid`: an address with an old slug still leads to its row.")


def is_ulid(text: str) -> bool:
    """Whether a text can be a ULID, in either case.

    >>> is_ulid("01hzy3k7m0n9v5q2x8r4t6w1bc"), is_ulid("81HZY3K7M0N9V5Q2X8R4T6W1BC"), is_ulid("hello")
    (True, False, False)
    """
    return len(text) == 26 and text[0] in "01234567" and text.isascii() and _ULID_LETTERS.issuperset(text.upper())


class HasRouteKey(Trait):
    """Rows have a key for addresses: the slug, else the ULID, else the primary key.

    Hosts find the row again: ``resolve(session, Article, key)`` of the SQLAlchemy adapter sees what the model's queries
    see, and answers a key that cannot be one without asking the database.
    """

    route_key_config: ClassVar[RouteKeyConfig] = RouteKeyConfig()

    @property
    def route_key(self) -> str:
        """The row's key in addresses.

        Raises:
            UnsavedInstanceError: The row is not saved yet, and has none.
        """
        config = self.route_key_config
        values = {field: str(getattr(self, field, None) or "") for field in config.fields}
        ulid = values.get(config.ulid_field, "").lower()
        if config.self_healing and ulid:
            slug = next((text for field, text in values.items() if text and field != config.ulid_field), "")
            return f"{slug}-{ulid}" if slug else ulid
        for field, text in values.items():
            if text:
                return ulid if field == config.ulid_field else text
        key = identify(self)
        if key is None:
            raise UnsavedInstanceError(type(self).__name__, "it has no key for addresses")
        return str(key)

    def is_current_route_key(self, key: str) -> bool:
        """Whether a key is the row's present one; where it is not, redirect to `route_key`."""
        return key == self.route_key

    @classmethod
    def route_lookups(cls, key: str) -> list[tuple[str, Any]]:
        """Attributes and values by which to look for a row, in this order; the attribute ``""`` is the primary key.

        Args:
            key: A key from an address. For one that no row can have the list is empty.
        """
        config = cls.route_key_config
        fields = [field for field in config.fields if hasattr(cls, field)]
        if config.self_healing and config.ulid_field in fields:
            tail = key.rpartition("-")[2]
            return [(config.ulid_field, tail.upper())] if is_ulid(tail) else []
        lookups = [
            (field, key.upper() if field == config.ulid_field else key)
            for field in fields
            if key and (field != config.ulid_field or is_ulid(key))
        ]
        return lookups if fields else [("", key)]

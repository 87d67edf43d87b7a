"""Shims: the old name of a renamed member works and warns."""

from __future__ import annotations

import warnings
from typing import Any


class Renamed:
    """A member under its old name, created by `renamed`.

    Args:
        new: The new name of the member.
    """

    def __init__(self, new: str) -> None:
        self.new = new
        self.old: str = ""
        self.owner: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.old = name
        self.owner = owner.__name__
        if name == self.new:
            raise TypeError(f"{self.owner}.{name} cannot be the old name of itself.")

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The member that has the new name, of the instance or of the class."""
        self._warn()
        return getattr(owner if instance is None else instance, self.new)

    def __set__(self, instance: object, value: object) -> None:
        self._warn()
        setattr(instance, self.new, value)

    def __delete__(self, instance: object) -> None:
        self._warn()
        delattr(instance, self.new)

    def _warn(self) -> None:
        warnings.warn(
            f"{self.owner}.{self.old} is called {self.new!r} now; the old name will be removed.",
            DeprecationWarning,
            stacklevel=3,
        )


def renamed(new: str) -> Renamed:
    """Keep the old name of a member: it emits a `DeprecationWarning` and leads to the new name.

    Works for methods, class methods, properties and attributes, on instances and on the class. The old name leads to
    the override of a subclass under the new name. An override under the *old* name is called only through that name.

    Args:
        new: The name that the member has now.

    >>> from traits_runtime import Trait
    >>> class HasSlug(Trait):
    ...     def slug_url(self) -> str:
    ...         return "/a"
    ...     get_url = renamed("slug_url")
    >>> class Page(HasSlug):
    ...     pass
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     url = Page().get_url()
    >>> url, str(caught[0].message)
    ('/a', "HasSlug.get_url is called 'slug_url' now; the old name will be removed.")
    """
    return Renamed(new)

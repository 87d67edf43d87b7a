"""What we know of each library that models are made with; a third party adds its own with `register`."""

from __future__ import annotations

from typing import Protocol

from sphinx_traits.extract.adapters.core import CoreAdapter
from sphinx_traits.extract.adapters.django import DjangoAdapter
from sphinx_traits.extract.adapters.pydantic import PydanticAdapter
from sphinx_traits.extract.adapters.sqlalchemy import SQLAlchemyAdapter
from sphinx_traits.extract.context import ClassContext, FactSet


class Adapter(Protocol):
    """Reads the facts that one library gives a meaning to."""

    name: str

    def applies(self, context: ClassContext) -> bool:
        """Whether the class uses the library; called once per described class."""
        ...

    def read(self, context: ClassContext, facts: FactSet) -> None:
        """Add the facts of the class's own body; those of its bases are read with the bases."""
        ...


_ADAPTERS: list[Adapter] = [CoreAdapter(), SQLAlchemyAdapter(), DjangoAdapter(), PydanticAdapter()]


def register(adapter: Adapter) -> None:
    """Add an adapter; it runs after those that are there."""
    _ADAPTERS.append(adapter)


def read_facts(context: ClassContext) -> FactSet:
    """All facts of one class's own body."""
    facts = FactSet()
    for adapter in _ADAPTERS:
        if adapter.applies(context):
            adapter.read(context, facts)
    return facts

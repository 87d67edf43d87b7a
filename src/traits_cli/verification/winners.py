"""Compares who defines what an instance of a model sees under each public name."""

from __future__ import annotations

import inspect

from sphinx_traits.manifest import Member
from sphinx_traits.resolve import MemberChain
from traits_cli.verification.mro import doubt_of
from traits_cli.verification.records import Comparison, Pair
from traits_runtime.rules.identity import path_of

_SET_BY_HOST = (
    "django.db.models.fields.related_descriptors.",
    "django.db.models.query_utils.",
    "sqlalchemy.orm.attributes.",
)
"""Modules of the descriptors with which a host replaces, on the model, what another class defines."""


def compare_winners(pair: Pair, comparison: Comparison) -> None:
    """Compare the owner of each public member along the model's real MRO, framework classes included.

    Args:
        pair: The model.
        comparison: Takes the results.
    """
    for chain in pair.composition.members:
        if _is_public(chain.name):
            _compare_winner(pair, chain, comparison)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _compare_winner(pair: Pair, chain: MemberChain, comparison: Comparison) -> None:
    winner = chain.winner
    fact = pair.fact("winner", chain.name, winner.location, doubt_of(pair.model) or _winner_doubt(winner))
    owner = defining_class(pair.cls, chain.name)
    if chain.name == "Meta" and pair.model.host == "django":
        comparison.skip(fact, "Django takes the class off the model")
    elif owner is None and hasattr(pair.cls, chain.name):
        comparison.skip(fact, "the host puts its own descriptor in place of the definition")
    else:
        comparison.compare(fact, winner.owner, "" if owner is None else path_of(owner))


def _winner_doubt(winner: Member) -> str:
    """Why a definition may be another one in the program; empty for a certain one."""
    if winner.certainty == "certain":
        return ""
    return winner.why or "an uncertain definition"


def defining_class(cls: type, name: str) -> type | None:
    """The first class of an MRO whose body defines a name, or only annotates it; None where only the host sets it."""
    for base in cls.__mro__:
        if name in vars(base) and not _is_set_by_host(base, name):
            return base
        if name in inspect.get_annotations(base):
            return base
    return None


def _is_set_by_host(cls: type, name: str) -> bool:
    value = vars(cls)[name]
    original = getattr(value, "_sa_original_init", None)  # SQLAlchemy wraps the first __init__ of the MRO
    if original is not None:
        return bool(original.__qualname__ != f"{cls.__qualname__}.__init__")
    return f"{type(value).__module__}.".startswith(_SET_BY_HOST)

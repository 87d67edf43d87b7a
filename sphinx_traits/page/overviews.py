"""The pages about the whole manifest: title, content, and a sentence about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.section import N_

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx_traits.resolve import Index

OVERVIEW_PAGES = {
    "index": N_("Models and traits"),
    "models/index": N_("Models"),
    "traits/index": N_("Traits"),
    "matrix": N_("Who uses what"),
    "config": N_("Configuration"),
    "events": N_("Events"),
}
"""Title of each page about the whole manifest."""

CONTENT = {
    "models/index": "models",
    "traits/index": "trait-list",
    "matrix": "matrix",
    "config": "all-config",
    "events": "all-events",
}
"""The overview on each page but the first."""


def overview_sentences(index: Index, gettext: Callable[[str], str]) -> dict[str, str]:
    """What each overview shows, in a sentence."""
    models = gettext("{count} in all, each with its traits")
    traits = gettext("{count} in all, what each brings and how many models use it")
    return {
        "models/index": models.format(count=len(index.models)),
        "traits/index": traits.format(count=len(index.traits)),
        "matrix": gettext("all models and all traits in one table"),
        "config": gettext("all keys, their defaults, and who sets them"),
        "events": gettext("all events, who emits them and who hears them"),
    }

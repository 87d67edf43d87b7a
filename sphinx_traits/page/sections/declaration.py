"""The canonical description of what a trait declares: one entry for each key, event, hook, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx_traits.page.elements import Description
from sphinx_traits.page.layout import facts, paragraph, text
from sphinx_traits.page.prose import prose
from sphinx_traits.page.section import object_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx_traits.manifest import Fact
    from sphinx_traits.page.elements import Block
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context


def description(
    page: Context,
    objtype: str,
    fact: Fact,
    pairs: Sequence[tuple[str, CellSource]],
    *,
    prefix: str = "",
    suffix: str = "",
    aliases: Sequence[str] = (),
    usage: Sequence[Block] = (),
) -> Description:
    """The description of a fact: signature, docstring, reason of an inferred one, and details without empty ones."""
    content: list[Block] = []
    if fact.via == "inferred" or fact.certainty != "certain":
        label = text(page.gettext("Inferred: "), "traits-label")
        content.append(paragraph(label, *prose(fact.why or fact.certainty)))
    details = facts(pairs)
    if details.pairs:
        content.append(details)
    return Description(
        objtype=objtype,
        name=object_name(fact),
        short=f"{fact.owner.rpartition('.')[2]}.{fact.name}",
        prefix=prefix,
        suffix=suffix,
        aliases=aliases,
        doc=page.docstring(fact),
        content=content,
        usage=usage,
    )

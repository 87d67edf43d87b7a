"""The page of a model, of a trait, and of an overview: its head and its sections, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from sphinx_traits.effective import EffectiveValue
from sphinx_traits.page.elements import MODEL, PAGE, TRAIT, Block, BulletList, Content, Description, Reference, Rubric
from sphinx_traits.page.layout import DASH, facts, paragraph
from sphinx_traits.page.overviews import CONTENT, OVERVIEW_PAGES, overview_sentences
from sphinx_traits.page.prose import prose
from sphinx_traits.page.sections import HEAD, OVERVIEWS, SECTIONS
from sphinx_traits.resolve import EventUse

if TYPE_CHECKING:
    from sphinx_traits.manifest import Class, Fact
    from sphinx_traits.page.layout import CellSource
    from sphinx_traits.page.section import Context, Section
    from sphinx_traits.resolve import Composition


class PageSection(msgspec.Struct, frozen=True, gc=False):
    """A titled section of a page."""

    name: str
    title: str
    content: Content


class Page(msgspec.Struct, frozen=True, gc=False):
    """A page.

    Args:
        objtype: `model`, `trait`, or `page` for an overview.
        name: Full dotted name of the class, or name of the overview.
        title: Its title.
        kind: The word for what it describes, translated.
        description: Signature, docstring and details of a class.
        head: What stands above the docstring.
        boxes: What stands below it, in front of the sections.
        sections: The sections, in order; an overview has one without a title.
    """

    objtype: str
    name: str
    title: str
    kind: str = ""
    description: Description | None = None
    head: Content = ()
    boxes: Content = ()
    sections: Sequence[PageSection] = ()


def class_page(page: Context, name: str, title: str = "") -> Page:
    """The page of a model or a trait.

    Args:
        page: The catalogue and the options.
        name: Full dotted name.
        title: Title in place of the short name.
    """
    composition = page.catalogue.compose(name)
    objtype = page.catalogue.kind(name) or MODEL
    return Page(
        objtype=objtype,
        name=name,
        title=title or composition.subject.short,
        kind=kind_of_class(page, objtype),
        description=class_description(page, composition, objtype),
        head=HEAD["place"].build(page, composition),
        boxes=HEAD["findings"].build(page, composition),
        sections=[
            PageSection(section.name, page.gettext(section.title), list(_content(page, section, composition, objtype)))
            for section in sections_of(composition, objtype)
        ],
    )


def kind_of_class(page: Context, objtype: str) -> str:
    """The word for a model or a trait."""
    return page.gettext("trait") if objtype == TRAIT else page.gettext("model")


def class_description(page: Context, composition: Composition, objtype: str) -> Description:
    """Signature, docstring and details of a class."""
    subject = composition.subject
    bases = ", ".join(base.expression for base in subject.bases)
    details = facts(_class_facts(page, subject))
    return Description(
        objtype=objtype,
        name=subject.name,
        short=subject.short,
        prefix=f"{subject.module}.",
        suffix=f"({bases})" if bases else "",
        doc=page.docstring(subject),
        content=[details] if details.pairs else [],
    )


def _class_facts(page: Context, subject: Class) -> Iterator[tuple[str, CellSource]]:
    if subject.via == "inferred" and subject.why:
        yield page.gettext("Recognised because"), subject.why
    yield page.gettext("Since"), getattr(subject, "since", "")
    yield page.gettext("Deprecated"), getattr(subject, "deprecated", "")


def sections_of(composition: Composition, objtype: str) -> list[Section]:
    """The sections that the page of a class has, in order."""
    return [
        section
        for section in SECTIONS
        if objtype in section.pages
        and (section.filled(composition) or (objtype == TRAIT and own_facts(section, composition)))
    ]


def own_facts(section: Section, composition: Composition) -> Sequence[Fact]:
    """The facts of a section that a trait declares itself: its page describes them one by one."""
    return getattr(composition.subject, section.declared.attribute) if section.declared else ()


def _content(page: Context, section: Section, composition: Composition, objtype: str) -> Iterator[Block]:
    if objtype == TRAIT and section.declared:
        for fact in own_facts(section, composition):
            yield section.declared.describe(page, fact)
    yield from section_content(page, section, composition, objtype)


def section_content(page: Context, section: Section, composition: Composition, objtype: str) -> Content:
    """The content of a section, without the descriptions of a trait's own facts."""
    if objtype == TRAIT and section.declared:
        composition = _inherited(section.declared.attribute, composition)
        if not section.filled(composition):
            return []
    page = replace(page, ambiguous=_ambiguous(composition.subject.mro))
    content = section.build(page, composition)
    return [paragraph(page.gettext(section.lead), style="traits-lead"), *content] if section.lead else content


def _ambiguous(names: Sequence[str]) -> list[str]:
    """The short names that several classes have."""
    counts = Counter(name.rpartition(".")[2] for name in names)
    return [short for short, count in counts.items() if count > 1]


def _inherited(attribute: str, composition: Composition) -> Composition:
    """The composition without the facts of one kind that the class declares itself."""
    entries = getattr(composition, attribute)
    inherited = tuple(entry for entry in entries if _owner(entry) != composition.subject.name)
    return msgspec.structs.replace(composition, **{attribute: inherited})


def _owner(entry: Fact | EffectiveValue | EventUse) -> str:
    """The class that declares a fact, an effective value, or an event with its use."""
    if isinstance(entry, EffectiveValue):
        return entry.key.owner
    return entry.event.owner if isinstance(entry, EventUse) else entry.owner


def overview_page(page: Context, name: str) -> Page:
    """One of the pages about the whole manifest, see `OVERVIEW_PAGES`."""
    content = _index(page) if name == "index" else OVERVIEWS[CONTENT[name]].build(page)
    return Page(PAGE, name, page.gettext(OVERVIEW_PAGES[name]), sections=[PageSection(name, "", content)])


def _index(page: Context) -> Content:
    links = [
        paragraph(Reference(PAGE, name, [page.gettext(OVERVIEW_PAGES[name])]), DASH, *prose(sentence))
        for name, sentence in overview_sentences(page.catalogue.index, page.gettext).items()
    ]
    traits, models = OVERVIEWS["trait-list"].build(page), OVERVIEWS["models"].build(page)
    return [
        BulletList(links),
        Rubric([page.gettext("Traits")]),
        *traits,
        Rubric([page.gettext("Models")]),
        *models,
    ]


def page_names(page: Context) -> Iterator[tuple[str, str]]:
    """Object type and name of every page: the overviews, then the models, then the traits."""
    yield from ((PAGE, name) for name in OVERVIEW_PAGES)
    yield from ((MODEL, name) for name in page.catalogue.index.models)
    yield from ((TRAIT, name) for name in page.catalogue.index.traits)


def make_page(page: Context, objtype: str, name: str, title: str = "") -> Page:
    """The page of an overview, a model or a trait."""
    return overview_page(page, name) if objtype == PAGE else class_page(page, name, title)

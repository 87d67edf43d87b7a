"""The directives for pages: `trait-model` and `trait` show one class, the others the whole manifest.

What only a page that is read needs is imported there: a build that reads none does without.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective

from sphinx_traits._sphinx.asnodes import node_of, signature
from sphinx_traits._sphinx.build import ask, build_of
from sphinx_traits._sphinx.expand import later
from sphinx_traits._sphinx.links import object_name
from sphinx_traits._sphinx.parts import code, facts, paragraph
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.domain import domain_of
from sphinx_traits.manifest import ManifestError, loads
from sphinx_traits.resolve import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sphinx.util.typing import OptionSpec

    from sphinx_traits._sphinx.blocks.base import Block
    from sphinx_traits._sphinx.describe import Describer
    from sphinx_traits.manifest import Class, Manifest
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def words(argument: str | None) -> tuple[str, ...]:
    """Names separated by spaces or commas."""
    return tuple((argument or "").replace(",", " ").split())


def sections(argument: str | None) -> tuple[str, ...]:
    """Names of the sections of models and traits."""
    from sphinx_traits._sphinx.blocks import MODEL_SECTIONS, TRAIT_SECTIONS
    from sphinx_traits._sphinx.describe import DECLARED

    return _known(words(argument), {*(one.name for one in (*MODEL_SECTIONS, *TRAIT_SECTIONS)), *DECLARED})


def kinds_of_change(argument: str | None) -> tuple[str, ...]:
    """Names of what can change."""
    from sphinx_traits.diff import What

    return _known(words(argument), get_args(What))


def _known(names: tuple[str, ...], known: Collection[str]) -> tuple[str, ...]:
    """Names as they are, if all are known: another one is an error at the option's place."""
    for one in names:
        if one not in known:
            near = nearest(one, known)
            hint = f"Did you mean '{near}'?" if near else f"It takes {', '.join(sorted(known))}."
            raise ValueError(f"there is no '{one}'. {hint}")
    return names


def unknown(kind: str, written: str, known: Collection[str], place: tuple[str, int]) -> None:
    """Warn about a class that is not there."""
    near = nearest(written, known)
    hint = f" Did you mean {near!r}?" if near else ""
    warn("unknown_object", f"There is no {kind} {written!r} among {len(known)}.{hint}", place)


def held(directive: SphinxDirective, block: nodes.Node) -> list[nodes.Node]:
    """A block in a container, where it gets a class or a name to link to."""
    if not {"class", "name"} & directive.options.keys():
        return [block]
    holder = nodes.container("", block, classes=directive.options.get("class", []))
    directive.add_name(holder)
    return [holder]


class ClassDirective(SphinxDirective):
    """Shows one class of the manifest; its argument is the class's name or the last parts of it."""

    objtype: ClassVar[str] = ""
    required_arguments = 1
    has_content = True
    option_spec: ClassVar[OptionSpec] = {  # type: ignore[misc]  # docutils' stubs lack ClassVar
        "sections": sections,
        "exclude-sections": sections,
        "members": words,
        "exclude-members": words,
        "class": directives.class_option,
        "name": directives.unchanged_required,
        "no-index": directives.flag,
        "no-description": directives.flag,
        "diagram": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """The class's description and its sections; one warning where there is no such class."""
        written = self.arguments[0].strip()
        name = self._find(written)
        if not name:
            shown = paragraph(_("There is no {kind} ").format(kind=self.objtype), code(written), ".")
            return [nodes.warning("", node_of(shown))]
        build = build_of(self.env)
        query = "trait" if self.objtype == "trait" else "composition"
        ask(self.env, f"{query}:{name}")
        self._writer = self._describer(name)
        it = build.catalogue.compose(name)
        found: list[nodes.Node] = [] if "no-description" in self.options else [self._description(it)]
        if it.findings or not it.subject.complete:
            found.append(later("findings", name))
        if "diagram" in self.options:
            found.append(later("diagram", of=name))
        for block, title, content in self._sections(it):
            if self._wanted(block):
                found += self._section(block, title, content, it.subject)
        return found

    def _find(self, written: str) -> str:
        catalogue = build_of(self.env).catalogue
        known = catalogue.names(self.objtype)
        ask(self.env, f"find:{self.objtype}:{written}")
        found = catalogue.index.find(written, known)
        place = (self.env.docname, self.lineno)
        if len(found) > 1:
            names = ", ".join(found)
            warn("ambiguous_object", f"{written!r} may be any of {names}. Give more of the name.", place)
            return ""
        if not found:
            unknown(self.objtype, written, known, place)
            return ""
        return found[0]

    def _describer(self, name: str) -> Describer:
        from sphinx_traits._sphinx.describe import Describer
        from sphinx_traits._sphinx.docstrings import DocstringParser

        build = build_of(self.env)
        settings = build.settings
        parser = DocstringParser(
            self.env,
            self.state.document,
            settings.docstring_syntax,
            settings.docstring_style,
            settings.docstring_policy,
        )
        page = build.pages.of.get((self.objtype, name))
        primary = "no-index" not in self.options and page in (None, self.env.docname)
        return Describer(self.env, domain_of(self.env), parser, build.catalogue.sources, primary)

    def _description(self, it: Composition) -> nodes.Node:
        subject = it.subject
        ids = self._writer.anchor(self.objtype, subject.name, display=subject.short)
        bases = ", ".join(base.expression for base in subject.bases)
        desc = signature(
            self.objtype, subject.name, prefix=f"{subject.module}.", ids=ids, after=f"({bases})" if bases else ""
        )
        desc.signature["_toc_name"] = ""  # the page's title or the text around it names the class already
        desc.signature.insert(0, addnodes.desc_annotation("", "", nodes.Text(f"{self._word()} ")))
        desc.content.append(later("place", subject.name))
        desc.content.extend(self._writer.doc(subject))
        if self.content:
            desc.content.extend(self.parse_content_to_nodes())
        more = facts(self._facts(subject))
        if more.children:
            desc.content.append(node_of(more))
        desc.node["classes"] += self.options.get("class", [])
        self.add_name(desc.signature)
        return desc.node

    def _word(self) -> str:
        return _("trait") if self.objtype == "trait" else _("model")

    def _facts(self, subject: Class) -> Iterator[tuple[str, Any]]:
        if subject.via == "inferred" and subject.why:
            yield _("Recognised because"), subject.why

    def _sections(self, it: Composition) -> Iterator[tuple[str, str, list[nodes.Node]]]:
        raise NotImplementedError

    def _later(self, block: Block, it: Composition) -> nodes.Node:
        chosen = ("members", "exclude-members") if block.name == "members" else ()
        return later(block.name, it.subject.name, **{one: self.options[one] for one in chosen if one in self.options})

    def _wanted(self, block: str) -> bool:
        only = self.options.get("sections", ())
        return (not only or block in only) and block not in self.options.get("exclude-sections", ())

    def _section(self, block: str, title: str, content: Sequence[nodes.Node], subject: Class) -> list[nodes.Node]:
        """A section where one may stand, else a rubric: inside a list or an admonition there are no sections."""
        document = self.state.document
        anchor = block if block not in document.ids else f"{subject.short.lower()}-{block}"
        while anchor in document.ids:
            anchor += "-1"
        if isinstance(self.state_machine.node, nodes.section | nodes.document):
            node: nodes.Element = nodes.section("", nodes.title(title, title), *content, ids=[anchor])
            document.ids[anchor] = node
            return [node]
        node = nodes.rubric(title, title, ids=[anchor], **{"heading-level": 3})
        document.ids[anchor] = node
        return [node, *content]


class TraitDiagram(ClassDirective):
    """Draws which class brings which trait, from a model or a trait on."""

    objtype = "class"
    has_content = False
    option_spec: ClassVar[OptionSpec] = {  # type: ignore[misc]  # docutils' stubs lack ClassVar
        "class": directives.class_option,
        "name": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """The drawing alone."""
        name = self._find(self.arguments[0].strip())
        if not name:
            return []
        ask(self.env, f"composition:{name}")
        return held(self, later("diagram", of=name))


class TraitModel(ClassDirective):
    """Shows one model as it really is: its own facts and those of all its traits."""

    objtype = "model"

    def _sections(self, it: Composition) -> Iterator[tuple[str, str, list[nodes.Node]]]:
        from sphinx_traits._sphinx.blocks import MODEL_SECTIONS

        for block in MODEL_SECTIONS:
            if block.filled(it):
                self._own_targets(it.subject, block)
                yield block.name, _(block.title), [*_lead(block), self._later(block, it)]

    def _own_targets(self, subject: Class, block: Block) -> None:
        """What the model declares itself is described nowhere else: links to it lead to the section."""
        from sphinx_traits._sphinx.describe import DECLARED

        if not self._writer.primary or block.name not in DECLARED:
            return
        objtype, _title = DECLARED[block.name]
        for fact in getattr(subject, block.name):
            name, short = object_name(fact), f"{subject.short}.{fact.name}"
            domain_of(self.env).note_object(objtype, name, self.env.docname, block.name, display=short)


class TraitReference(ClassDirective):
    """Describes one trait: the place where its hooks, keys and events are explained."""

    objtype = "trait"

    def _facts(self, subject: Class) -> Iterator[tuple[str, Any]]:
        yield from super()._facts(subject)
        yield _("Since"), getattr(subject, "since", "")
        yield _("Deprecated"), getattr(subject, "deprecated", "")

    def _sections(self, it: Composition) -> Iterator[tuple[str, str, list[nodes.Node]]]:
        from sphinx_traits._sphinx.blocks import TRAIT_SECTIONS
        from sphinx_traits._sphinx.describe import DECLARED

        first, *others = TRAIT_SECTIONS
        yield from self._blocks(it, first)
        for attribute, (_objtype, title) in DECLARED.items():
            entries = self._writer.entries(it.subject, attribute)
            if entries:
                yield attribute, _(title), entries
        for block in others:
            yield from self._blocks(it, block)

    def _blocks(self, it: Composition, block: Block) -> Iterator[tuple[str, str, list[nodes.Node]]]:
        if block.filled(it):
            yield block.name, _(block.title), [*_lead(block), self._later(block, it)]


def _lead(block: Block) -> list[nodes.Node]:
    return [node_of(paragraph(_(block.lead), classes="traits-lead"))] if block.lead else []


NAMES = ("traits", "exclude-traits", "models", "exclude-models")
"""Options that choose what an overview shows."""


def choosing(*kinds: str) -> OptionSpec:
    """The options of an overview that can be of some traits, or of some models."""
    names = {name: words for kind in kinds for name in (kind, f"exclude-{kind}")}
    return {**names, "class": directives.class_option, "name": directives.unchanged_required}


class AggregateDirective(SphinxDirective):
    """Shows something of the whole manifest."""

    block: ClassVar[str] = ""
    query: ClassVar[str] = ""
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[OptionSpec] = choosing("traits")  # type: ignore[misc]  # docutils' stubs lack ClassVar

    def run(self) -> list[nodes.Node]:
        """One block, filled in when the page is written."""
        ask(self.env, self.query)
        ask(self.env, "names")
        options = self._names()
        if self.arguments:
            options["traits"] = words(self.arguments[0])
        self._warn(options)
        return held(self, later(self.block, **options))

    def _names(self) -> dict[str, Any]:
        return {key: self.options[key] for key in NAMES if key in self.options}

    def _warn(self, options: Mapping[str, Sequence[str]]) -> None:
        """Warn about each name and pattern that means no class."""
        from sphinx_traits._sphinx.blocks.overview import chosen

        index = build_of(self.env).catalogue.index
        for option, names in options.items():
            kind = option.removeprefix("exclude-").removesuffix("s")
            known = index.models if kind == "model" else index.traits | index.models
            for one in names:
                if not chosen(known, [one]):
                    unknown(kind, one, known, (self.env.docname, self.lineno))


class TraitConfig(AggregateDirective):
    """All config keys, or those of the traits that are named."""

    block = "all-config"
    query = "config"


class TraitEvents(AggregateDirective):
    """All events, or those of the traits that are named."""

    block = "all-events"
    query = "events"


class TraitHooks(AggregateDirective):
    """All hooks, or those of the traits that are named."""

    block = "all-hooks"
    query = "work"


class TraitJobs(AggregateDirective):
    """All jobs, or those of the traits that are named."""

    block = "all-jobs"
    query = "work"


class TraitMetrics(AggregateDirective):
    """All metrics, or those of the traits that are named."""

    block = "all-metrics"
    query = "work"


class TraitMatrix(AggregateDirective):
    """Which model has which trait."""

    block = "matrix"
    query = "matrix"
    optional_arguments = 0
    option_spec: ClassVar[OptionSpec] = choosing("traits", "models")  # type: ignore[misc]  # docutils' stubs lack ClassVar


class TraitList(AggregateDirective):
    """A table of the traits or of the models."""

    option_spec: ClassVar[OptionSpec] = choosing("traits", "models")  # type: ignore[misc]  # docutils' stubs lack ClassVar

    def run(self) -> list[nodes.Node]:
        """The table that the argument names."""
        what = self.arguments[0].strip() if self.arguments else "traits"
        if what not in ("traits", "models"):
            place = (self.env.docname, self.lineno)
            warn("unknown_object", f"trait-list shows 'traits' or 'models', not {what!r}.", place)
            return []
        ask(self.env, what)
        ask(self.env, "names")
        self._warn(self._names())
        return held(self, later("models" if what == "models" else "trait-list", **self._names()))


class TraitChanges(SphinxDirective):
    """What changed between two manifests: the second one is what this build documents, where only one is named."""

    required_arguments = 1
    optional_arguments = 1
    option_spec: ClassVar[OptionSpec] = {"breaking": directives.flag, "what": kinds_of_change}  # type: ignore[misc]  # docutils' stubs lack ClassVar

    def run(self) -> list[nodes.Node]:
        """One block, filled in when the page is written; nothing where a file cannot be read."""
        from sphinx_traits.diff import diff

        ask(self.env, "names")
        manifests = [self._read(one) for one in self.arguments]
        if len(manifests) == 1:
            ask(self.env, "manifest")
            manifests.append(build_of(self.env).catalogue.manifest)
        old, new = manifests
        if old is None or new is None:
            return []
        what = self.options.get("what", ())
        changes = [one for one in diff(old, new) if not what or one.what in what]
        return [later("changes", changes=[one for one in changes if one.breaking or "breaking" not in self.options])]

    def _read(self, argument: str) -> Manifest | None:
        relative, path = self.env.relfn2path(argument)
        self.env.note_dependency(relative)
        try:
            return loads(Path(path).read_bytes())
        except (OSError, ManifestError) as error:
            warn("manifest", f"{argument} cannot be read: {error}", (self.env.docname, self.lineno))
            return None


LISTS = ("pages", "models", "traits")
"""What a toctree can list."""


class TraitToctree(SphinxDirective):
    """A hidden toctree of generated pages: `pages`, `models` or `traits`."""

    optional_arguments = 1
    option_spec: ClassVar[OptionSpec] = {"maxdepth": directives.nonnegative_int}  # type: ignore[misc]  # docutils' stubs lack ClassVar

    def run(self) -> list[nodes.Node]:
        """The toctree; one without entries, but with its pages, where those of single classes stay out of sidebars."""
        ask(self.env, "names")
        pages = build_of(self.env).pages
        kind = self.arguments[0] if self.arguments else "pages"
        if kind not in LISTS:
            raise self.error(f"trait-toctree lists 'pages', 'models' or 'traits', not '{kind}'.")
        found = [one for one in pages.entries(kind) if one in self.env.found_docs] if pages.folder else []
        listed = kind == "pages" or pages.in_toctree
        if not listed:
            domain_of(self.env).note_unlisted(self.env.docname)
        node = addnodes.toctree(
            parent=self.env.docname,
            entries=[(None, one) for one in found if listed],
            includefiles=found,
            maxdepth=self.options.get("maxdepth", -1),
            caption=None,
            glob=False,
            hidden=True,
            includehidden=False,
            numbered=0,
            titlesonly=True,
        )
        return [nodes.compound("", node, classes=["toctree-wrapper"])]


DIRECTIVES: dict[str, type[SphinxDirective]] = {
    "trait-model": TraitModel,
    "trait": TraitReference,
    "trait-config": TraitConfig,
    "trait-events": TraitEvents,
    "trait-hooks": TraitHooks,
    "trait-jobs": TraitJobs,
    "trait-metrics": TraitMetrics,
    "trait-matrix": TraitMatrix,
    "trait-diagram": TraitDiagram,
    "trait-changes": TraitChanges,
    "trait-list": TraitList,
    "trait-toctree": TraitToctree,
}
"""The directives by name."""

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

from sphinx_traits._sphinx.build import build_of, record_dependency
from sphinx_traits._sphinx.placeholders import placeholder_for
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.domain import domain_of
from sphinx_traits.manifest import ConfigKey, Event, ManifestError, loads
from traits_runtime.rules.naming import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sphinx.util.typing import OptionSpec

    from sphinx_traits._sphinx.describe import Describer
    from sphinx_traits.manifest import Class, Fact, Manifest
    from sphinx_traits.page.section import Section
    from sphinx_traits.resolve import Composition

_ = get_translation("sphinx_traits")


def words(argument: str | None) -> tuple[str, ...]:
    """Names separated by spaces or commas."""
    return tuple((argument or "").replace(",", " ").split())


def sections(argument: str | None) -> tuple[str, ...]:
    """Names of the sections of models and traits."""
    from sphinx_traits.page.sections import SECTIONS

    return _checked(words(argument), {section.name for section in SECTIONS})


def kinds_of_change(argument: str | None) -> tuple[str, ...]:
    """Names of the kinds of facts that can change."""
    from sphinx_traits.diff import What

    return _checked(words(argument), get_args(What))


def _checked(names: tuple[str, ...], choices: Collection[str]) -> tuple[str, ...]:
    """The names, if all are among the choices: another one is an error at the option's place."""
    for name in names:
        if name not in choices:
            near = nearest(name, choices)
            hint = f"Did you mean '{near}'?" if near else f"It takes {', '.join(sorted(choices))}."
            raise ValueError(f"there is no '{name}'. {hint}")
    return names


def warn_unknown(kind: str, name: str, choices: Collection[str], place: tuple[str, int]) -> None:
    """Warn about a class that the manifest does not have."""
    near = nearest(name, choices)
    hint = f" Did you mean {near!r}?" if near else ""
    warn("unknown_object", f"There is no {kind} {name!r} among {len(choices)}.{hint}", place)


def in_container(directive: SphinxDirective, node: nodes.Node) -> list[nodes.Node]:
    """A node in a container, where the directive gives it a class or a name to link to."""
    if not {"class", "name"} & directive.options.keys():
        return [node]
    container = nodes.container("", node, classes=directive.options.get("class", []))
    directive.add_name(container)
    return [container]


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
        from sphinx_traits._sphinx.context import context_of

        argument = self.arguments[0].strip()
        name = self._full_name(argument)
        if not name:
            sentence = _("There is no {kind} ").format(kind=self.objtype)
            return [
                nodes.warning("", nodes.paragraph("", sentence, nodes.literal(argument, argument), nodes.Text(".")))
            ]
        query = "trait" if self.objtype == "trait" else "composition"
        record_dependency(self.env, f"{query}:{name}")
        self._describer = self._make_describer(name)
        self._context = context_of(self.env)
        composition = self._context.catalogue.compose(name)
        content = self._label()
        if "no-description" not in self.options:
            content.append(self._description(composition))
        if composition.findings or not composition.subject.complete:
            content.append(placeholder_for("findings", name))
        if "diagram" in self.options:
            content.append(placeholder_for("diagram", of=name))
        return [*content, *self._sections(composition)]

    def _full_name(self, argument: str) -> str:
        catalogue = build_of(self.env).catalogue
        choices = catalogue.names(self.objtype)
        record_dependency(self.env, f"find:{self.objtype}:{argument}")
        names = catalogue.index.find(argument, choices)
        place = (self.env.docname, self.lineno)
        if len(names) > 1:
            warn("ambiguous_object", f"{argument!r} may be any of {', '.join(names)}. Give more of the name.", place)
            return ""
        if not names:
            warn_unknown(self.objtype, argument, choices, place)
            return ""
        return names[0]

    def _make_describer(self, name: str) -> Describer:
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

    def _description(self, composition: Composition) -> nodes.Node:
        from sphinx_traits.page.page import class_description, kind_of_class

        description = class_description(self._context, composition, self.objtype)
        word = kind_of_class(self._context, self.objtype)
        described = self._describer.describe(description, prefix=f"{word} ")
        described.signature["_toc_name"] = ""  # the page's title or the text around it names the class already
        described.content.insert(0, placeholder_for("place", composition.subject.name))
        if self.content:
            position = len(described.content) - len(description.content)
            for node in reversed(self.parse_content_to_nodes()):
                described.content.insert(position, node)
        described.node["classes"] += self.options.get("class", [])
        return described.node

    def _label(self) -> list[nodes.Node]:
        """A target with the name of the `name` option; Sphinx takes no label from a signature."""
        if "name" not in self.options:
            return []
        target = nodes.target()
        self.add_name(target)
        return [target]

    def _sections(self, composition: Composition) -> Iterator[nodes.Node]:
        from sphinx_traits.page.page import sections_of

        for section in sections_of(composition, self.objtype):
            if self._wants(section.name):
                content = self._section_content(section, composition)
                yield from self._titled(section.name, _(section.title), content, composition.subject)

    def _wants(self, section: str) -> bool:
        only = self.options.get("sections", ())
        return (not only or section in only) and section not in self.options.get("exclude-sections", ())

    def _section_content(self, section: Section, composition: Composition) -> list[nodes.Node]:
        return [self._placeholder(section, composition)]

    def _placeholder(self, section: Section, composition: Composition) -> nodes.Node:
        names = ("members", "exclude-members") if section.name == "members" else ()
        options = {name: self.options[name] for name in names if name in self.options}
        return placeholder_for(section.name, composition.subject.name, self.objtype, **options)

    def _titled(self, section: str, title: str, content: Sequence[nodes.Node], subject: Class) -> Sequence[nodes.Node]:
        """A section where one may be, else a rubric: inside a list or an admonition there are no sections."""
        document = self.state.document
        anchor = section if section not in document.ids else f"{subject.short.lower()}-{section}"
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
        name = self._full_name(self.arguments[0].strip())
        if not name:
            return []
        record_dependency(self.env, f"composition:{name}")
        return in_container(self, placeholder_for("diagram", of=name))


class TraitModel(ClassDirective):
    """Shows one model with its own facts and those of all its traits."""

    objtype = "model"

    def _section_content(self, section: Section, composition: Composition) -> list[nodes.Node]:
        """The table; also the target of links to facts that the model declares."""
        from sphinx_traits.page.section import object_name

        if section.declared and self._describer.primary:
            subject = composition.subject
            for fact in getattr(subject, section.declared.attribute):
                name, short = object_name(fact), f"{subject.short}.{fact.name}"
                domain_of(self.env).note_object(
                    section.declared.objtype, name, self.env.docname, section.name, display=short
                )
        return super()._section_content(section, composition)


class TraitReference(ClassDirective):
    """Describes one trait: the place where its hooks, keys and events are explained."""

    objtype = "trait"

    def _section_content(self, section: Section, composition: Composition) -> list[nodes.Node]:
        """The descriptions of its own facts, and a placeholder for the table."""
        from sphinx_traits.page.page import own_facts

        facts = own_facts(section, composition)
        content = [self._fact(section, fact) for fact in facts]
        if not section.declared or len(facts) < len(getattr(composition, section.declared.attribute)):
            content.append(self._placeholder(section, composition))
        return content

    def _fact(self, section: Section, fact: Fact) -> nodes.Node:
        assert section.declared is not None  # noqa: S101 - it has facts
        described = self._describer.describe(section.declared.describe(self._context, fact))
        if isinstance(fact, Event):
            described.content.append(placeholder_for("event-wiring", event=fact.wire))
        if isinstance(fact, ConfigKey):
            self._describer.note_standard_names(fact, described)
        return described.node


NAMES = ("traits", "exclude-traits", "models", "exclude-models")
"""Options that choose what an overview shows."""


def choosing(*kinds: str) -> OptionSpec:
    """The options of an overview that can be of some traits, or of some models."""
    names = {name: words for kind in kinds for name in (kind, f"exclude-{kind}")}
    return {**names, "class": directives.class_option, "name": directives.unchanged_required}


class AggregateDirective(SphinxDirective):
    """Shows something of the whole manifest."""

    overview: ClassVar[str] = ""
    query: ClassVar[str] = ""
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[OptionSpec] = choosing("traits")  # type: ignore[misc]  # docutils' stubs lack ClassVar

    def run(self) -> list[nodes.Node]:
        """A placeholder."""
        record_dependency(self.env, self.query)
        record_dependency(self.env, "names")
        options = self._names()
        if self.arguments:
            options["traits"] = words(self.arguments[0])
        self._warn(options)
        return in_container(self, placeholder_for(self.overview, **options))

    def _names(self) -> dict[str, Any]:
        return {key: self.options[key] for key in NAMES if key in self.options}

    def _warn(self, options: Mapping[str, Sequence[str]]) -> None:
        """Warn about each name and pattern that means no class."""
        from sphinx_traits.page.sections.selection import matching

        index = build_of(self.env).catalogue.index
        for option, names in options.items():
            kind = option.removeprefix("exclude-").removesuffix("s")
            choices = index.models if kind == "model" else index.traits | index.models
            for name in names:
                if not matching(choices, [name]):
                    warn_unknown(kind, name, choices, (self.env.docname, self.lineno))


class TraitConfig(AggregateDirective):
    """All config keys, or those of the traits that are named."""

    overview = "all-config"
    query = "config"


class TraitEvents(AggregateDirective):
    """All events, or those of the traits that are named."""

    overview = "all-events"
    query = "events"


class TraitHooks(AggregateDirective):
    """All hooks, or those of the traits that are named."""

    overview = "all-hooks"
    query = "work"


class TraitJobs(AggregateDirective):
    """All jobs, or those of the traits that are named."""

    overview = "all-jobs"
    query = "work"


class TraitMetrics(AggregateDirective):
    """All metrics, or those of the traits that are named."""

    overview = "all-metrics"
    query = "work"


class TraitMatrix(AggregateDirective):
    """Which model has which trait."""

    overview = "matrix"
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
        record_dependency(self.env, what)
        record_dependency(self.env, "names")
        self._warn(self._names())
        return in_container(self, placeholder_for("models" if what == "models" else "trait-list", **self._names()))


class TraitChanges(SphinxDirective):
    """What changed between two manifests: the second one is what this build documents, where only one is named."""

    required_arguments = 1
    optional_arguments = 1
    option_spec: ClassVar[OptionSpec] = {  # type: ignore[misc]  # docutils' stubs lack ClassVar
        "breaking": directives.flag,
        "what": kinds_of_change,
        "class": directives.class_option,
        "name": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """A placeholder; nothing where a file cannot be read."""
        from sphinx_traits.diff import diff

        record_dependency(self.env, "names")
        manifests = [self._read(argument) for argument in self.arguments]
        if len(manifests) == 1:
            record_dependency(self.env, "manifest")
            manifests.append(build_of(self.env).catalogue.manifest)
        old, new = manifests
        if old is None or new is None:
            return []
        what = self.options.get("what", ())
        breaking_only = "breaking" in self.options
        changes = [
            change
            for change in diff(old, new)
            if (not what or change.what in what) and (change.breaking or not breaking_only)
        ]
        return in_container(self, placeholder_for("changes", changes=changes))

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
        record_dependency(self.env, "names")
        pages = build_of(self.env).pages
        kind = self.arguments[0] if self.arguments else "pages"
        if kind not in LISTS:
            raise self.error(f"trait-toctree lists 'pages', 'models' or 'traits', not '{kind}'.")
        entries = pages.entries(kind) if pages.folder else []
        included = [docname for docname in entries if docname in self.env.found_docs]
        listed = kind == "pages" or pages.in_toctree
        if not listed:
            domain_of(self.env).note_unlisted(self.env.docname)
        node = addnodes.toctree(
            parent=self.env.docname,
            entries=[(None, docname) for docname in included if listed],
            includefiles=included,
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

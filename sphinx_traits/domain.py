"""The Sphinx domain `trait`: names, roles, indices and inventory; all that a project needs that only links to us."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.directives import ObjectDescription
from sphinx.domains import Domain, Index, IndexEntry, ObjType
from sphinx.locale import get_translation
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.logging import SphinxLoggerAdapter
from sphinx.util.nodes import make_id, make_refnode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Set

    from docutils.nodes import Element, Node, reference
    from sphinx.addnodes import desc_signature, pending_xref
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata, OptionSpec

_: Callable[[str], str] = get_translation("sphinx_traits")
logger: SphinxLoggerAdapter = logging.getLogger(__name__)

OBJECT_TYPES = ("model", "trait", "config", "event", "hook", "job", "feature", "metric")
"""What the domain names; each is an object type, a role and a directive to describe one by hand."""

LOCALE = Path(__file__).parent / "locale"
"""Folder of the translations."""

DATA_VERSION = 2
"""Version of what the domain keeps in the environment."""


_PER_PAGE = ("queries", "references", "unlisted")
"""What the domain notes by page."""


class Target(NamedTuple):
    """Where an object is described."""

    docname: str
    anchor: str
    display: str


class TraitXRefRole(XRefRole):
    """A reference that also notes, while reading, what the page refers to."""

    def process_link(
        self, env: BuildEnvironment, refnode: Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        """Shorten `~a.b.Name` to `Name`, and note the reference."""
        target = target.strip()
        if not has_explicit_title and title.startswith("~"):
            title = title[1:].rpartition(".")[2]
        target = target.lstrip("~")
        domain_of(env).note_reference(env.docname, refnode["reftype"], target)
        return title, target


class HandDirective(ObjectDescription[str]):
    """Describe one object by hand: its dotted name is the argument, its details are options."""

    option_spec: ClassVar[OptionSpec] = {  # type: ignore[misc]  # docutils' stubs lack ClassVar
        **ObjectDescription.option_spec,
        "type": directives.unchanged_required,
        "default": directives.unchanged_required,
        "env": directives.unchanged_required,
        "payload": directives.unchanged_required,
        "moment": directives.unchanged_required,
        "queue": directives.unchanged_required,
        "since": directives.unchanged_required,
        "deprecated": directives.unchanged_required,
    }

    def handle_signature(self, sig: str, signode: desc_signature) -> str:
        """Show the name with its owner in front, then type and default."""
        owner, dot, short = sig.strip().rpartition(".")
        signode += addnodes.desc_annotation("", f"{_TYPE_NAMES[self.objtype]} ")
        if owner:
            signode += addnodes.desc_addname(owner + dot, owner + dot)
        signode += addnodes.desc_name(short, short)
        if "type" in self.options:
            signode += addnodes.desc_annotation("", f": {self.options['type']}")
        if "default" in self.options:
            signode += addnodes.desc_annotation("", f" = {self.options['default']}")
        return sig.strip()

    def add_target_and_index(self, name: str, sig: str, signode: desc_signature) -> None:
        """Make the object a target, unless `no-index` stands there."""
        anchor = make_id(self.env, self.state.document, self.objtype, name)
        signode["ids"].append(anchor)
        self.state.document.note_explicit_target(signode)
        domain_of(self.env).note_object(self.objtype, name, self.env.docname, anchor, location=signode)

    def transform_content(self, content_node: addnodes.desc_content) -> None:
        """Put the remaining options in front of the content as fields."""
        from docutils import nodes

        fields = nodes.field_list()
        for name in ("env", "payload", "moment", "queue", "since", "deprecated"):
            if name in self.options:
                value = nodes.literal("", self.options[name])
                body = nodes.field_body("", nodes.paragraph("", "", value))
                fields += nodes.field("", nodes.field_name("", str(_FIELD_NAMES[name])), body)
        if len(fields):
            content_node.insert(0, fields)

    def _object_hierarchy_parts(self, sig_node: desc_signature) -> tuple[str, ...]:
        return (sig_node.astext(),)

    def _toc_entry_name(self, sig_node: desc_signature) -> str:
        names = [node.astext() for node in sig_node.findall(addnodes.desc_name)]
        return names[0] if names else ""


_FIELD_NAMES = {
    "env": _("Environment"),
    "payload": _("Payload"),
    "moment": _("Moment"),
    "queue": _("Queue"),
    "since": _("Since"),
    "deprecated": _("Deprecated"),
}

_TYPE_NAMES = {
    "model": _("model"),
    "trait": _("trait"),
    "config": _("config key"),
    "event": _("event"),
    "hook": _("hook"),
    "job": _("job"),
    "feature": _("feature"),
    "metric": _("metric"),
}


class _ObjectIndex(Index):
    """All objects of one type, by first letter."""

    objtype: ClassVar[str] = ""

    def generate(self, docnames: Iterable[str] | None = None) -> tuple[list[tuple[str, list[IndexEntry]]], bool]:
        """The entries, grouped by the first letter of their short name."""
        documents = None if docnames is None else set(docnames)
        groups: dict[str, list[IndexEntry]] = {}
        entries = [
            (name.rpartition(".")[2], name, target)
            for (objtype, name), target in self.domain.data["objects"].items()
            if objtype == self.objtype and (documents is None or target[0] in documents)
        ]
        for short, name, target in sorted(entries, key=lambda entry: (entry[0].lower(), entry[1])):
            owner = name.rpartition(".")[0]
            entry = IndexEntry(short, 0, target[0], target[1], owner, "", "")
            groups.setdefault(short[:1].upper(), []).append(entry)
        return sorted(groups.items()), False


def _index(objtype: str, name: str, title: str) -> type[Index]:
    return type(
        f"{objtype.title()}Index",
        (_ObjectIndex,),
        {"objtype": objtype, "name": name, "localname": title, "shortname": name, "__doc__": title},
    )


class TraitDomain(Domain):
    """Models, traits and what traits declare."""

    name = "trait"
    label = "Trait"
    data_version = DATA_VERSION
    object_types: ClassVar[dict[str, ObjType]] = {name: ObjType(name, name, "obj") for name in OBJECT_TYPES}
    roles: ClassVar[dict[str, Any]] = {name: TraitXRefRole(warn_dangling=True) for name in (*OBJECT_TYPES, "obj")}
    directives: ClassVar[dict[str, Any]] = dict.fromkeys(OBJECT_TYPES, HandDirective)
    indices: ClassVar[list[type[Index]]] = [
        _index("model", "models", "Model index"),
        _index("trait", "traits", "Trait index"),
        _index("config", "config", "Config key index"),
        _index("event", "events", "Event index"),
        _index("hook", "hooks", "Hook index"),
        _index("job", "jobs", "Job index"),
    ]
    initial_data: ClassVar[dict[str, Any]] = {
        "objects": {},  # (type, full name) -> (docname, anchor, display)
        "aliases": {},  # (type, other name) -> full name
        "queries": {},  # docname -> {question to the manifest: digest of its answer}
        "references": {},  # docname -> {(role, target): where it led}
        "unlisted": {},  # docname with a toctree that sidebars leave out -> True
        "state": {},  # what the last build knew, for the next one
    }

    def __init__(self, env: BuildEnvironment) -> None:
        super().__init__(env)
        self.build: object | None = None
        self._suffixes: dict[str, list[tuple[str, str]]] | None = None

    def setup(self) -> None:
        """Give the indices titles in the project's language; as plain strings, which the JSON builder needs."""
        self.indices = [  # type: ignore[misc]  # as Sphinx's own constructor does
            type(
                index.__name__,
                (index,),
                {"localname": str(_(index.localname)), "shortname": str(_(index.shortname or ""))},
            )
            for index in self.indices
        ]
        super().setup()

    # -- writing down

    @property
    def objects(self) -> dict[tuple[str, str], Target]:
        """Where each object is described, by type and full name."""
        return self.data["objects"]  # type: ignore[no-any-return]

    def note_object(
        self,
        objtype: str,
        name: str,
        docname: str,
        anchor: str,
        *,
        display: str = "",
        aliases: Iterable[str] = (),
        location: Any = None,
    ) -> None:
        """Note where an object is described.

        Args:
            objtype: One of `OBJECT_TYPES`.
            name: Full dotted name.
            docname: The page.
            anchor: The id on that page.
            display: How search and links name it; the full name by default.
            aliases: Other names that lead to it.
            location: Where to point when the object was described before.
        """
        other = self.objects.get((objtype, name))
        if other is not None and (other[0], other[1]) != (docname, anchor):
            logger.warning(
                "%s %s is described twice; the other description is in %s. Give one of them :no-index:.",
                objtype,
                name,
                other[0],
                type="traits",
                subtype="duplicate",
                location=location,
            )
            if other[0] < docname:
                return
        self.objects[objtype, name] = Target(docname, anchor, display or name)
        for alias in aliases:
            self.data["aliases"].setdefault((objtype, alias), name)
        self._suffixes = None

    def note_query(self, docname: str, query: str, digest: str) -> None:
        """Note that a page shows the answer to a question, and the digest of that answer."""
        self.data["queries"].setdefault(docname, {})[query] = digest

    def note_reference(self, docname: str, role: str, target: str) -> None:
        """Note that a page refers to an object; where it leads is filled in after reading."""
        self.data["references"].setdefault(docname, {}).setdefault((role, target), None)

    def note_unlisted(self, docname: str) -> None:
        """Note that sidebars leave out what stands in a page's toctree."""
        self.data["unlisted"][docname] = True

    def clear_doc(self, docname: str) -> None:
        """Forget what a page told us."""
        removed = {key for key, target in self.objects.items() if target[0] == docname}
        for key in removed:
            del self.objects[key]
        aliases = self.data["aliases"]
        for key in [key for key, name in aliases.items() if (key[0], name) in removed]:
            del aliases[key]
        for table in _PER_PAGE:
            self.data[table].pop(docname, None)
        self._suffixes = None

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process read."""
        for (objtype, name), target in otherdata["objects"].items():
            if target[0] in docnames:
                aliases = [a for (kind, a), full in otherdata["aliases"].items() if (kind, full) == (objtype, name)]
                self.note_object(objtype, name, target[0], target[1], display=target[2], aliases=aliases)
        for key in _PER_PAGE:
            self.data[key].update({doc: value for doc, value in otherdata[key].items() if doc in docnames})

    # -- looking up

    def find(self, typ: str, target: str) -> list[tuple[str, str]]:
        """The objects that a name may mean: by full name, by alias, by its last parts, else by a shorter path.

        A package that exports `shop.traits.slug.HasSlug` makes it known as `shop.HasSlug`.

        Args:
            typ: A role, `obj` for any type.
            target: The name as written.
        """
        types = OBJECT_TYPES if typ == "obj" else (typ,)
        by_name = self._by_full_name(types, target) or self._by_alias(types, target)
        if by_name:
            return by_name
        namesakes = [key for key in self._by_last_part().get(target.rpartition(".")[2], []) if key[0] in types]
        by_end = [key for key in namesakes if key[1].endswith("." + target)]
        return by_end or [key for key in namesakes if _exports(target, key[1])]

    def _by_full_name(self, types: Iterable[str], target: str) -> list[tuple[str, str]]:
        return [(objtype, target) for objtype in types if (objtype, target) in self.objects]

    def _by_alias(self, types: Iterable[str], target: str) -> list[tuple[str, str]]:
        aliases = self.data["aliases"]
        return [(objtype, aliases[objtype, target]) for objtype in types if (objtype, target) in aliases]

    def _by_last_part(self) -> dict[str, list[tuple[str, str]]]:
        if self._suffixes is None:
            self._suffixes = {}
            for objtype, name in sorted(self.objects):
                self._suffixes.setdefault(name.rpartition(".")[2], []).append((objtype, name))
        return self._suffixes

    def locate(self, typ: str, target: str) -> Target | None:
        """Where the only object of that name is described; None if there is none or several."""
        candidates = self.find(typ, target)
        return self.objects[candidates[0]] if len(candidates) == 1 else None

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: Element,
    ) -> reference | None:
        """Link to the object; an ambiguous name is a warning that lists what it may mean."""
        candidates = self.find(typ, target)
        if not candidates:
            return None
        if len(candidates) > 1:
            names = ", ".join(sorted({name for _type, name in candidates}))
            logger.warning(
                "more than one object is called %r: %s. Give more of the name.",
                target,
                names,
                type="ref",
                subtype="trait",
                location=node,
            )
        return self._link(builder, fromdocname, candidates[0], contnode)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: Element,
    ) -> list[tuple[str, reference]]:
        """All objects that `:any:` may mean."""
        return [
            (f"trait:{key[0]}", self._link(builder, fromdocname, key, contnode)) for key in self.find("obj", target)
        ]

    def _link(self, builder: Builder, fromdocname: str, key: tuple[str, str], contnode: Node) -> reference:
        target = self.objects[key]
        return make_refnode(builder, fromdocname, target[0], target[1], contnode, key[1])

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Everything for the inventory and the search, sorted; other names of an object stay out of the search."""
        for (objtype, name), target in sorted(self.objects.items()):
            priority = 0 if objtype in ("model", "trait") else 1
            yield name, target[2], objtype, target[0], target[1], priority
        for (objtype, alias), name in sorted(self.data["aliases"].items()):
            target = self.objects[objtype, name]
            yield alias, target[2], objtype, target[0], target[1], -1

    def get_type_name(self, type: ObjType, primary: bool = False) -> str:  # noqa: A002 - Sphinx's name
        """What the search calls a type: `config key`, where Sphinx would say `Trait config`."""
        return str(_TYPE_NAMES[type.lname])

    def get_full_qualified_name(self, node: Element) -> str | None:
        """The target of a reference."""
        target = node.get("reftarget")
        return str(target) if target else None


def _exports(short: str, name: str) -> bool:
    """Whether a name is another one with parts left out in its middle."""
    parts, rest = short.split("."), iter(name.split("."))
    return len(parts) > 1 and name.startswith(parts[0] + ".") and all(part in rest for part in parts)


def domain_of(env: BuildEnvironment) -> TraitDomain:
    """The domain of an environment."""
    domain = env.get_domain("trait")
    assert isinstance(domain, TraitDomain)  # noqa: S101 - one of that name is ours
    return domain


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the domain alone."""
    app.add_message_catalog("sphinx_traits", str(LOCALE))
    if "trait" not in app.registry.domains:
        app.add_domain(TraitDomain)
    return {
        "version": "0.1.0",
        "env_version": DATA_VERSION,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }

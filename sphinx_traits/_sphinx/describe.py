"""The canonical description of what a class declares: one entry with an anchor for each key, event, hook, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.asnodes import Described, node_of, signature
from sphinx_traits._sphinx.blocks.base import marked
from sphinx_traits._sphinx.blocks.config import state
from sphinx_traits._sphinx.blocks.events import field_code, field_text
from sphinx_traits._sphinx.build import ask, build_of
from sphinx_traits._sphinx.expand import later
from sphinx_traits._sphinx.extend import processed
from sphinx_traits._sphinx.links import object_name
from sphinx_traits._sphinx.parts import DASH, Cell, Part, code, facts, lines, paragraph, prose, text
from sphinx_traits.manifest import MASK, Class, ConfigKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from docutils import nodes
    from sphinx.environment import BuildEnvironment

    from sphinx_traits._sphinx.docstrings import DocstringParser
    from sphinx_traits._sphinx.sources import Sources
    from sphinx_traits.domain import TraitDomain
    from sphinx_traits.manifest import Event, Fact, Feature, Hook, Job, Metric

_ = get_translation("sphinx_traits")

DECLARED = {
    "config": ("config", marked("Configuration")),
    "features": ("feature", marked("Features")),
    "events": ("event", marked("Events")),
    "hooks": ("hook", marked("Hooks")),
    "jobs": ("job", marked("Jobs")),
    "metrics": ("metric", marked("Metrics")),
}
"""What a trait declares: the attribute of `Class`, the object type, and the section's title."""


class Describer:
    """Describes the facts of one class on the page being read.

    Args:
        env: The environment.
        domain: Learns where each fact is described.
        parser: Reads docstrings.
        sources: Knows where they stand.
        primary: Whether this page is the place that links lead to.
    """

    def __init__(
        self,
        env: BuildEnvironment,
        domain: TraitDomain,
        parser: DocstringParser,
        sources: Sources,
        primary: bool,
    ) -> None:
        self.env = env
        self.domain = domain
        self.parser = parser
        self.sources = sources
        self.primary = primary

    def entries(self, cls: Class, attribute: str) -> list[nodes.Node]:
        """One entry for each fact of a kind, in the order in which the class declares them."""
        objtype, _title = DECLARED[attribute]
        describe: dict[str, Callable[..., nodes.Node]] = {
            "config": self._config,
            "feature": self._feature,
            "event": self._event,
            "hook": self._hook,
            "job": self._job,
            "metric": self._metric,
        }
        return [describe[objtype](fact) for fact in getattr(cls, attribute)]

    def doc(self, fact: Fact | Class) -> list[nodes.Node]:
        """A docstring as nodes."""
        if not fact.doc:
            return []
        what = "config" if isinstance(fact, ConfigKey) else type(fact).__name__.lower()
        doc = processed(self.env.events, what, fact.name, fact.doc)
        owner = fact.name if isinstance(fact, Class) else fact.owner
        return self.parser.parse(doc, self.sources.origin(fact.doc, fact.location), owner)

    def anchor(self, objtype: str, name: str, aliases: Sequence[str] = (), display: str = "") -> list[str]:
        """The ids of an object that is described here: none where another page is its place."""
        if not self.primary:
            return []
        # Not `type-name`: Sphinx's search would rebuild such an anchor from the name it shows, which is shorter.
        anchor = f"{objtype}.{name}"
        self.domain.note_object(objtype, name, self.env.docname, anchor, display=display, aliases=aliases)
        return [anchor]

    def _entry(
        self,
        objtype: str,
        fact: Fact,
        pairs: Sequence[tuple[str, Cell]],
        *,
        prefix: str = "",
        after: str = "",
        aliases: Sequence[str] = (),
    ) -> Described:
        name = object_name(fact)
        short = f"{fact.owner.rpartition('.')[2]}.{fact.name}"
        ids = self.anchor(objtype, name, aliases, short)
        desc = signature(objtype, name, prefix=prefix, ids=ids, after=after)
        content = desc.content
        content += self.doc(fact)
        if fact.via == "inferred" or fact.certainty != "certain":
            content += node_of(paragraph(text(_("Inferred: "), "traits-label"), *prose(fact.why or fact.certainty)))
        details = facts(pairs)
        if details.children:
            content += node_of(details)
        return desc

    def _config(self, key: ConfigKey) -> nodes.Node:
        default = MASK if key.secret else key.default.text
        after = f": {key.type}" if key.type else ""
        after += f" = {default}" if default and key.default.kind != "required" else ""
        group = f"{key.group}." if key.group else ""
        pairs: list[tuple[str, Cell]] = [
            (_("Environment"), lines([code(name)] for name in key.env)),
            (_("Constraints"), lines([code(one)] for one in key.constraints)),
            (_("Required"), _("yes, it has no default") if key.default.kind == "required" else ""),
            (_("Secret"), _("yes, its value is never shown") if key.secret else ""),
            (_("Locked"), _("yes, the environment's value cannot be overridden") if key.locked else ""),
            *_ages(key.since, key.deprecated),
        ]
        aliases = [f"{key.owner}.{key.group}.{key.name}"] if key.group else []
        desc = self._entry("config", key, pairs, prefix=group, after=after, aliases=aliases)
        if self.primary and build_of(self.env).settings.std_objects:
            self._mirror(key, desc.signature["ids"][0])
        return desc.node

    def _mirror(self, key: ConfigKey, anchor: str) -> None:
        """Let Sphinx's own roles, and those who link from outside, know a key and its variables too."""
        ask(self.env, f"standard:{key.owner}")
        for one in build_of(self.env).catalogue.standard_names.get(key.owner, ()):
            if one.key == key.name:
                self.env.domains.standard_domain.note_object(one.objtype, one.name, anchor)

    def _feature(self, feature: Feature) -> nodes.Node:
        return self._entry("feature", feature, [(_("Default"), state(feature.default.text))]).node

    def _event(self, event: Event) -> nodes.Node:
        pairs: list[tuple[str, Cell]] = [
            (_("Name"), code(event.wire)),
            (_("Payload"), _payload(event)),
            (_("Veto"), _("a listener may veto it") if event.before else ""),
        ]
        desc = self._entry("event", event, pairs, aliases=[event.wire])
        desc.content.append(later("event-wiring", event=event.wire))
        return desc.node

    def _hook(self, hook: Hook) -> nodes.Node:
        pairs: list[tuple[str, Cell]] = [
            (_("Runs at"), code(hook.moment)),
            (_("Only when"), code(hook.when) if hook.when else ""),
            (_("Priority"), str(hook.priority) if hook.priority else ""),
        ]
        return self._entry("hook", hook, pairs, after="()", prefix="async " if hook.is_async else "").node

    def _job(self, job: Job) -> nodes.Node:
        parameters = ", ".join(field_text(one) for one in job.parameters)
        pairs: list[tuple[str, Cell]] = [
            (_("Queue"), code(job.queue) if job.queue else ""),
            (_("Options"), lines([code(one)] for one in job.options)),
        ]
        return self._entry("job", job, pairs, after=f"({parameters})").node

    def _metric(self, metric: Metric) -> nodes.Node:
        return self._entry("metric", metric, [(_("Kind"), metric.kind)]).node


def _payload(event: Event) -> Cell:
    shown: list[Cell] = [code(event.payload)] if event.payload else []
    for one in event.fields:
        doc: list[Part] = [DASH, *prose(one.doc)] if one.doc else []
        shown.append([field_code(one), *doc])
    return lines(shown)


def _ages(since: str, deprecated: str) -> list[tuple[str, Cell]]:
    return [(_("Since"), since), (_("Deprecated"), prose(deprecated))]

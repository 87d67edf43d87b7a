"""Tables over many classes: lists, the matrix, and the catalogues of keys, events, hooks and jobs."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sphinx.locale import get_translation

from sphinx_traits._sphinx.blocks.base import Page, value_code
from sphinx_traits._sphinx.blocks.config import environment, marks, of_tenant
from sphinx_traits._sphinx.blocks.events import emit_line, emitted, event_cell, heard
from sphinx_traits._sphinx.blocks.work import job_cell
from sphinx_traits._sphinx.parts import (
    Cell,
    Content,
    Drawing,
    Part,
    Piece,
    Table,
    by_short_name,
    code,
    joined,
    lines,
    named,
    paragraph,
    table,
    text,
)
from sphinx_traits.resolve import is_about, is_trait_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sphinx_traits.manifest import Class, ConfigKey, Hook, Job, Metric, Model
    from sphinx_traits.resolve import EventUse

    Options = Mapping[str, Any]

_ = get_translation("sphinx_traits")


def chosen(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that a list of names and patterns means; all of them where the list is empty."""
    return [name for name in names if not patterns or any(_means(one, name) for one in patterns)]


def named_by(options: Options, kind: str, names: Iterable[str]) -> list[str]:
    """The names that a directive shows: those of its option, without those that it excludes, as a reader sorts them."""
    excluded = options.get(f"exclude-{kind}", ())
    shown = chosen(names, options.get(kind, ()))
    return sorted((name for name in shown if not any(_means(one, name) for one in excluded)), key=by_short_name)


def _means(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def _declaring(page: Page, options: Options) -> list[Class]:
    """The classes whose own facts a catalogue shows: traits, then models with facts of their own."""
    index = page.catalogue.index
    names = (*named_by(options, "traits", index.traits), *named_by(options, "traits", index.models))
    return [index.by_name[name] for name in names]


def models_table(page: Page, options: Options) -> Content:
    """The models with their direct traits."""
    index = page.catalogue.index
    names = named_by(options, "models", index.models)
    rows: list[list[Cell]] = []
    for name in names:
        uses = _direct(index.models[name])
        direct = [trait for trait, directly in uses.items() if directly]
        more = len(uses) - len(direct)
        shown = joined(map(page.linker.cls, direct))
        if more:
            words = _(" and {count} more") if direct else _("{count} through another class")
            shown.append(text(words.format(count=more), "traits-muted"))
        rows.append([named([page.linker.cls(name)], index.by_name[name].doc), shown])
    return _or_none(rows, "models", [_("Model"), _("Traits")])


def _direct(model: Model) -> dict[str, bool]:
    """The traits of a model in MRO order, each with whether its class statement names it."""
    named = {base.name for base in model.bases}
    return {trait: trait in named for trait in model.traits}


def traits_table(page: Page, options: Options) -> Content:
    """The traits with what they bring and how many models use them."""
    index = page.catalogue.index
    rows: list[list[Cell]] = [
        [
            named([page.linker.cls(name)], index.by_name[name].doc),
            str(len(index.users.get(name, ()))),
            _brings(index.by_name[name]),
        ]
        for name in named_by(options, "traits", index.traits)
    ]
    return _or_none(rows, "traits", [_("Trait"), _("Models"), _("Brings")])


def _brings(cls: Class) -> str:
    counted = (
        (cls.hooks, _("{count} hooks"), _("1 hook")),
        (cls.config, _("{count} keys"), _("1 key")),
        (cls.features, _("{count} features"), _("1 feature")),
        (cls.events, _("{count} events"), _("1 event")),
        (cls.jobs, _("{count} jobs"), _("1 job")),
        (cls.columns, _("{count} columns"), _("1 column")),
    )
    words = [one if len(facts) == 1 else many.format(count=len(facts)) for facts, many, one in counted if facts]
    return ", ".join(words)


def matrix_table(page: Page, options: Options) -> Content:
    """Models in rows, traits in columns: a filled circle for direct, an open one for through another trait."""
    index = page.catalogue.index
    traits = [one for one in named_by(options, "traits", index.traits) if index.users.get(one)]
    rows: list[list[Cell]] = []
    for name in named_by(options, "models", index.models):
        uses = _direct(index.models[name])
        if uses.keys().isdisjoint(traits):
            continue
        rows.append([page.linker.cls(name), *(_mark(uses.get(trait)) for trait in traits)])
    if not rows or not traits:
        return _none()
    made = _matrix([_("Model"), *map(page.linker.cls, traits)], rows)
    key = paragraph("● ", _("direct"), ", ○ ", _("through another class"), classes="traits-key")
    return [made, key]


def _mark(direct: bool | None) -> Cell:
    if direct is None:
        return ""
    return text("●", "traits-direct") if direct else text("○", "traits-through")


def _matrix(heads: Sequence[Part], rows: Sequence[Sequence[Cell]]) -> Table:
    turned: list[Cell] = [heads[0], *(Piece("span", [one], "traits-turned") for one in heads[1:])]
    return table("matrix", turned, rows, stub=True)


def config_tables(page: Page, options: Options) -> Content:
    """All config keys, trait by trait."""
    heads = [_("Key"), _("Type"), _("Default"), _("Instead of the default")]
    return _per_class(page, options, "config", heads, lambda cls: [_config_row(page, key) for key in cls.config])


def _config_row(page: Page, key: ConfigKey) -> list[Cell]:
    return [
        named([page.name("config", key), *marks(key)], key.doc, environment(key)),
        code(key.type) if key.type else "",
        value_code(key.default.text, key.secret) if key.default.text else _("required"),
        lines(_given(page, key)),
    ]


def _given(page: Page, key: ConfigKey) -> Iterator[list[Part]]:
    """The values that take the place of a default: for all models once, then for single models, then for tenants."""
    mine = [one for one in page.catalogue.manifest.settings if is_about(one, key) and not one.model]
    for everywhere in [one for one in mine if not one.tenant][:1]:
        yield [_("all models"), ": ", value_code(everywhere.value.text, key.secret)]
    for use in sorted(page.catalogue.usages(key.owner), key=lambda one: by_short_name(one.model)):
        for one in use.settings:
            if one.key == key.name and one.layer != "file":
                yield [page.linker.cls(use.model), ": ", value_code(one.value.text, key.secret)]
    for one in mine:
        if one.tenant:
            yield of_tenant(one, key.secret)


def events_tables(page: Page, options: Options) -> Content:
    """All events, trait by trait, with who emits and who hears them."""
    heads = [_("Event"), _("Emitted by"), _("Heard by")]
    uses = page.catalogue.index.event_use
    found = [
        *_rows_of_classes(
            page, options, "events", heads, lambda cls: [_event_row(page, uses(event)) for event in cls.events]
        ),
        *_others(page, options),
        *_deaf(page, options),
    ]
    return found or _none()


def _event_row(page: Page, use: EventUse) -> list[Cell]:
    return [event_cell(page, use.event), emitted(page, use), heard(page, use)]


def _others(page: Page, options: Options) -> list[Piece | Table | Drawing]:
    """Signals and events of the host, which no trait declares: who emits and who hears them."""
    if options.get("traits"):
        return []
    rows: list[list[Cell]] = [
        [code(one.name), lines(emit_line(page, call) for call in one.emits), heard(page, one)]  # the host may send it
        for one in page.catalogue.index.signals.values()
    ]
    if not rows:
        return []
    heads = [_("Event"), _("Emitted by"), _("Heard by")]
    return [Piece("rubric", [_("Signals and events of the host")]), table("events", heads, rows)]


def _deaf(page: Page, options: Options) -> list[Piece | Table | Drawing]:
    """Listeners that no event reaches."""
    from traits_runtime.rules.naming import matches

    if options.get("traits"):
        return []
    index = page.catalogue.index
    names = [*index.events, *(one.name for one in index.emits)]
    ours = [one for one in index.listeners if is_trait_pattern(one.pattern)]
    lost = [one for one in ours if not any(matches(one.pattern, name) for name in names)]
    if not lost:
        return []
    rows: list[list[Cell]] = [
        [code(f"{one.name}()"), code(one.pattern), page.linker.place(one.location)] for one in lost
    ]
    return [
        Piece("rubric", [_("Listeners that no event reaches")]),
        table("deaf", [_("Listener"), _("Pattern"), _("Place")], rows),
    ]


def hooks_tables(page: Page, options: Options) -> Content:
    """All hooks, trait by trait."""
    heads = [_("Hook"), _("Moment"), _("Priority"), _("Only when")]
    return _per_class(page, options, "hooks", heads, lambda cls: [_hook_row(page, one) for one in cls.hooks])


def _hook_row(page: Page, hook: Hook) -> list[Cell]:
    return [
        named([page.name("hook", hook)], hook.doc),
        hook.moment,
        str(hook.priority) if hook.priority else "",
        code(hook.when) if hook.when else "",
    ]


def jobs_tables(page: Page, options: Options) -> Content:
    """All jobs, trait by trait."""
    heads = [_("Job"), _("Queue"), _("Options")]
    return _per_class(page, options, "jobs", heads, lambda cls: [_job_row(page, one) for one in cls.jobs])


def _job_row(page: Page, job: Job) -> list[Cell]:
    return [job_cell(page, job), code(job.queue) if job.queue else "", lines([code(one)] for one in job.options)]


def metrics_tables(page: Page, options: Options) -> Content:
    """All metrics, trait by trait."""
    heads = [_("Metric"), _("Kind")]
    return _per_class(page, options, "metrics", heads, lambda cls: [_metric_row(page, one) for one in cls.metrics])


def _metric_row(page: Page, one: Metric) -> list[Cell]:
    return [named([page.name("metric", one)], one.doc), one.kind]


def _per_class(
    page: Page, options: Options, kind: str, heads: list[str], rows_of: Callable[[Class], list[list[Cell]]]
) -> Content:
    return _rows_of_classes(page, options, kind, heads, rows_of) or _none()


def _rows_of_classes(
    page: Page, options: Options, kind: str, heads: list[str], rows_of: Callable[[Class], list[list[Cell]]]
) -> list[Piece | Table | Drawing]:
    """A heading and a table for each class that has rows."""
    found: list[Piece | Table | Drawing] = []
    for cls in _declaring(page, options):
        rows = rows_of(cls)
        if rows:
            found += [Piece("rubric", [page.linker.cls(cls.name)]), table(kind, heads, rows)]
    return found


def _or_none(rows: Sequence[Sequence[Cell]], kind: str, heads: Sequence[str]) -> Content:
    return [table(kind, heads, rows)] if rows else _none()


def _none() -> Content:
    return [paragraph(Piece("em", [_("There are none.")]))]

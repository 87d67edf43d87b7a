"""What the sources say about models and traits: frozen facts, and their JSON form.

A fact stands once, on the class that declares it; what a model gets from its traits is composed from the
facts by :mod:`sphinx_traits.resolve`. Everything here is immutable, ordered and free of absolute paths, so
that two extractions of the same sources give the same bytes.

Annotations are evaluated as they are written, not kept as text: for every reader of a manifest msgspec would compile
each of the 150 texts, which takes three times as long as reading a small manifest.
"""

import inspect
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec

SCHEMA_VERSION = 1
"""Version of the JSON form. Raised when a reader of the old form would misread the new one."""

Via: TypeAlias = Literal["declared", "inferred"]
Certainty: TypeAlias = Literal["certain", "pattern", "conditional", "dynamic", "incomplete"]
Level: TypeAlias = Literal["error", "warning", "info"]


class Location(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place in the sources.

    Args:
        path: POSIX path relative to the project, or to the search path that holds the file; never absolute.
        line: Line number, from 1. Of a decorated function or class: the line of ``def`` or ``class``.
        end_line: Last line of the definition, 0 where it is not known.
    """

    path: str = ""
    line: int = 0
    end_line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that a class declares, or that we read out of its code.

    Args:
        name: The name under which the class knows it.
        owner: Dotted path of the class that holds it (for a listener outside any class: of the module).
        location: Where it is written.
        doc: Its documentation, as written, dedented; empty where there is none.
        via: ``declared`` through our API or the host's own, or ``inferred`` from ordinary code.
        certainty: How sure the name and the values are.
        why: One sentence: why we believe an inferred or uncertain fact.
    """

    name: str
    owner: str
    location: Location = Location()
    doc: str = ""
    via: Via = "declared"
    certainty: Certainty = "certain"
    why: str = ""


class Value(msgspec.Struct, frozen=True, gc=False):
    """A value as the sources give it.

    Args:
        text: What to show: the folded literal as Python writes it, else the expression as written.
        kind: ``literal`` (folded), ``expression``, ``factory`` (a callable makes it) or ``required`` (none).
        source: The expression as written, where folding changed it.
    """

    text: str = ""
    kind: Literal["literal", "expression", "factory", "required"] = "literal"
    source: str = ""


class Field(msgspec.Struct, frozen=True, gc=False):
    """A field of an event's payload, or a parameter of a job."""

    name: str
    type: str = ""
    default: str = ""
    doc: str = ""


class Hook(Fact, frozen=True, kw_only=True):
    """A method called at a fixed moment.

    Args:
        moment: ``boot``, ``initialize`` or a lifecycle moment (``creating``, ``saved``, ...).
        priority: Higher runs first among the hooks of one class.
        when: The condition as written, empty for always.
        is_async: Whether the method is a coroutine function.
    """

    moment: str
    priority: int = 0
    when: str = ""
    is_async: bool = False


class ConfigKey(Fact, frozen=True, kw_only=True):
    """A declared setting of a trait.

    Args:
        group: Attribute of the trait that reads it (``slug_config``), empty where there is none.
        type: The type as written.
        default: The declared default.
        env: Environment variables that set it, the first that is set wins.
        constraints: What a value must satisfy, as ``name=value`` (``ge=8``), in the order written.
        choices: The values that the key takes if its type is an enum, as Python writes them.
        secret: Whether the value is masked in every output.
        locked: Whether the environment's value cannot be overridden.
        since: Version that introduced it.
        deprecated: Version or sentence, empty while current.
    """

    group: str = ""
    type: str = ""
    default: Value = Value()
    env: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    secret: bool = False
    locked: bool = False
    since: str = ""
    deprecated: str = ""


class Feature(Fact, frozen=True, kw_only=True):
    """A part of a trait that can be switched.

    Args:
        default: Its toggle when nobody says otherwise.
        env: Environment variables that switch it, the first that is set wins.
    """

    default: Value = Value("True")
    env: tuple[str, ...] = ()


class Event(Fact, frozen=True, kw_only=True):
    """A named fact that a trait emits.

    Args:
        wire: The name on the bus, ``trait.{Trait}.{event}``.
        payload: Dotted path of the payload's class, empty for none.
        fields: The payload's fields, in order.
        before: Whether a listener may veto.
    """

    wire: str
    payload: str = ""
    fields: tuple[Field, ...] = ()
    before: bool = False


class Emit(Fact, frozen=True, kw_only=True):
    """A call that emits an event; ``name`` is the wire name or a pattern with ``{placeholders}``.

    Args:
        function: Dotted path of the function that calls.
    """

    function: str = ""


class Listener(Fact, frozen=True, kw_only=True):
    """A callable registered for events; ``name`` is the callable's own name.

    Args:
        pattern: The event's wire name, or a pattern (``*`` one segment, ``**`` the rest).
        target: Dotted path of the callable.
        priority: Higher is called first.
        model: Dotted path of the only model it hears, empty for all.
    """

    pattern: str
    target: str = ""
    priority: int = 0
    model: str = ""
    is_async: bool = False


class Job(Fact, frozen=True, kw_only=True):
    """A unit of work that can be queued.

    Args:
        queue: Name of the queue, empty for the default one.
        parameters: What it takes, without ``self``.
        options: Further settings as written, ``name=value``.
    """

    queue: str = ""
    parameters: tuple[Field, ...] = ()
    options: tuple[str, ...] = ()


class Metric(Fact, frozen=True, kw_only=True):
    """A number that a trait records (``kind`` is ``counter``, ``timing`` or ``gauge``)."""

    kind: str = "counter"


class CacheKey(Fact, frozen=True, kw_only=True):
    """A cached value; ``name`` is the key, or a pattern with ``{placeholders}``.

    Args:
        operation: ``get``, ``set``, ``forget`` or ``remember``.
    """

    operation: str = "remember"


class Column(Fact, frozen=True, kw_only=True):
    """A column, relation or other mapped attribute.

    Args:
        kind: ``column``, ``relation``, or ``virtual`` (computed, generic, synonym).
        type: The type as written.
        nullable: ``yes``, ``no``, or empty where the code does not say.
        default: The default as written.
        target: What a relation points to, as written or resolved.
        named_by: Config key of the trait whose value in code names the column; a model without a name has no column.
    """

    kind: Literal["column", "relation", "virtual"] = "column"
    type: str = ""
    nullable: Literal["yes", "no", ""] = ""
    default: str = ""
    target: str = ""
    named_by: str = ""


class Member(Fact, frozen=True, kw_only=True):
    """A method, property or attribute of a class.

    Args:
        kind: What it is.
        signature: Parameters and result as written, ``(self, at=None) -> str``; empty for attributes.
        type: The annotation of an attribute, or what a property returns.
        calls_super: Whether a method calls its namesake further down the MRO.
        decorators: Dotted paths or text of the decorators, outermost first.
        removed: Whether the class switches the member off (``name = None`` on Django, ``del``).
    """

    kind: Literal["method", "classmethod", "staticmethod", "property", "attribute", "class"] = "method"
    signature: str = ""
    type: str = ""
    calls_super: Literal["yes", "no", "conditional"] = "no"
    decorators: tuple[str, ...] = ()
    is_async: bool = False
    removed: bool = False


class Scope(Fact, frozen=True, kw_only=True):
    """A named query restriction that a trait offers.

    The name is what stands behind the model: ``live``, or ``objects.live`` of a manager; a manager that is restricted
    as a whole goes by its own name.

    Args:
        signature: What it takes and gives, without ``self`` or ``cls``; empty for what is not called.
        always: Whether the host puts it on every query by itself.
        lifted_by: Execution options with which a query is free of it.
    """

    signature: str = ""
    always: bool = False
    lifted_by: tuple[str, ...] = ()


class Setting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A value given to a config key or a feature.

    Args:
        trait: Dotted path of the trait, or its name as a file gives it; ``*`` for all traits.
        key: The key or feature.
        value: The value as the sources give it.
        layer: ``file``, ``model``, ``tenant`` or ``tenant+model``.
        model: Dotted path of the model it holds for, empty for all.
        tenant: The tenant it holds for, empty for all.
    """

    trait: str
    key: str
    value: Value
    layer: str
    model: str = ""
    tenant: str = ""
    location: Location = Location()


class Base(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A base class as a class statement names it.

    Args:
        expression: The text of the base.
        name: Dotted path of the class it stands for; for an unresolved one the best name we have.
        arguments: Type arguments, as written.
        resolved: Whether the class behind it is known.
    """

    expression: str
    name: str
    arguments: tuple[str, ...] = ()
    resolved: bool = True


class Class(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A class with its own facts; facts of its bases stand on the bases.

    Args:
        name: Dotted path: ``__module__`` and ``__qualname__`` as Python would give them.
        bases: The class statement's bases, in order.
        type_parameters: Names that the arguments of a base fill, in order (``("T",)`` of ``class HasTags[T]``); one
            that takes any number carries its stars.
        mro: Dotted paths in Python's order, the class itself first, ``builtins.object`` last. A base that is
            not known stands in its place by the best name we have.
        complete: False where a base could not be resolved: more may follow than the MRO shows.
        reason: Why it is not complete.
        via: ``declared`` (uses our API) or ``inferred``.
        why: Why we take it for a trait or a model.
        abstract: Whether it is never instantiated or mapped itself.
        host: ``sqlalchemy``, ``django``, ``pydantic``, ``dataclass`` or ``plain``.
    """

    name: str
    doc: str = ""
    location: Location = Location()
    bases: tuple[Base, ...] = ()
    type_parameters: tuple[str, ...] = ()
    mro: tuple[str, ...] = ()
    complete: bool = True
    reason: str = ""
    via: Via = "declared"
    why: str = ""
    abstract: bool = False
    host: str = "plain"
    meta: dict[str, str] = {}
    hooks: tuple[Hook, ...] = ()
    config: tuple[ConfigKey, ...] = ()
    features: tuple[Feature, ...] = ()
    events: tuple[Event, ...] = ()
    emits: tuple[Emit, ...] = ()
    listeners: tuple[Listener, ...] = ()
    jobs: tuple[Job, ...] = ()
    metrics: tuple[Metric, ...] = ()
    cache_keys: tuple[CacheKey, ...] = ()
    columns: tuple[Column, ...] = ()
    scopes: tuple[Scope, ...] = ()
    members: tuple[Member, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def short(self) -> str:
        """The last part of the name: ``Article`` of ``blog.models.Article``."""
        return self.name.rpartition(".")[2]

    @property
    def module(self) -> str:
        """All but the last part of the name."""
        return self.name.rpartition(".")[0]


class Trait(Class, frozen=True, kw_only=True):
    """A class that adds declared behaviour to models; an undeclared one is a mixin we recognised.

    Args:
        since: Version that introduced it.
        deprecated: Version or sentence, empty while current.
    """

    since: str = ""
    deprecated: str = ""


class Model(Class, frozen=True, kw_only=True):
    """A class that uses traits.

    Args:
        traits: Dotted paths of its traits, in MRO order.
        table: Name of the table it is mapped to, where the code says it.
    """

    traits: tuple[str, ...] = ()
    table: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True, gc=False):
    """Something the sources get wrong, or that we could not read.

    Args:
        location: Where.
        code: A stable name, ``unresolved_base``.
        message: What is wrong.
        hint: The way out.
        subject: Dotted path of what it is about, empty for a file.
        level: How bad it is.
    """

    location: Location = Location()
    code: str
    message: str
    hint: str = ""
    subject: str = ""
    level: Level = "warning"


class Generator(msgspec.Struct, frozen=True, gc=False):
    """What made the manifest."""

    name: str = "sphinx-traits"
    version: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All facts of the analysed packages.

    Args:
        schema_version: See `SCHEMA_VERSION`.
        packages: The packages that were analysed whole.
        models: Sorted by name.
        traits: Sorted by name; also those outside the analysed packages that a model uses.
        bases: Other classes of the analysed packages that stand in the MRO of a model or a trait, sorted by name.
        listeners: Listeners outside any class.
        emits: Emitting calls outside any class.
        jobs: Jobs outside any class.
        settings: Values given in configuration files.
        findings: Sorted by place.
    """

    schema_version: int = SCHEMA_VERSION
    generator: Generator = Generator()
    packages: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    traits: tuple[Trait, ...] = ()
    bases: tuple[Class, ...] = ()
    listeners: tuple[Listener, ...] = ()
    emits: tuple[Emit, ...] = ()
    jobs: tuple[Job, ...] = ()
    settings: tuple[Setting, ...] = ()
    findings: tuple[Finding, ...] = ()

    def classes(self) -> Iterator[Class]:
        """All classes: models, then traits, then bases."""
        yield from self.models
        yield from self.traits
        yield from self.bases

    def owns(self, name: str) -> bool:
        """Whether a class or function lies in the packages, rather than in a library that they use.

        >>> shop = Manifest(packages=("shop",))
        >>> shop.owns("shop.traits.HasSlug"), shop.owns("shopping.HasSlug")
        (True, False)
        """
        return name.startswith(tuple(f"{package}." for package in self.packages))


MASK = "••••••"
"""In the place of a secret value."""


def masked(manifest: Manifest) -> Manifest:
    """The manifest with the defaults of secret keys, and the values given to them, out of sight.

    Args:
        manifest: Facts as the sources have them.
    """
    secret_keys = {cls.name: {key.name for key in cls.config if key.secret} for cls in manifest.classes()}
    if not any(secret_keys.values()):
        return manifest
    secrets = {
        trait.name: {key for name in (trait.name, *trait.mro) for key in secret_keys.get(name, ())}
        for trait in manifest.traits
    }
    all_secrets = {
        key for keys in secret_keys.values() for key in keys
    }  # of a trait that is not known, any of them may be meant

    def is_secret(setting: Setting) -> bool:
        named = [keys for name, keys in secrets.items() if setting.trait in (name, name.rpartition(".")[2])]
        return any(setting.key in keys for keys in named or [all_secrets])

    def given(settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
        return tuple(
            msgspec.structs.replace(setting, value=hidden(setting.value)) if is_secret(setting) else setting
            for setting in settings
        )

    def of(cls: Any) -> Any:
        keys = (msgspec.structs.replace(key, default=hidden(key.default)) if key.secret else key for key in cls.config)
        return msgspec.structs.replace(cls, config=tuple(keys), settings=given(cls.settings))

    return msgspec.structs.replace(
        manifest,
        models=tuple(map(of, manifest.models)),
        traits=tuple(map(of, manifest.traits)),
        bases=tuple(map(of, manifest.bases)),
        settings=given(manifest.settings),
    )


def hidden(value: Value) -> Value:
    """The mask in the place of a value; no value stays none."""
    return Value(MASK, value.kind) if value.text else value


class ManifestError(ValueError):
    """A file is not a manifest that this version can read."""


def dumps(manifest: Manifest, *, indent: int = 2) -> bytes:
    """The canonical JSON form: same facts, same bytes; secret values are masked; ends with a newline.

    Args:
        manifest: What to write.
        indent: Spaces per level; 0 puts it all on one line.

    >>> dumps(Manifest(packages=("shop",)), indent=0)[:25]
    b'{"schema_version":1,"gene'
    """
    encoded = msgspec.json.encode(masked(manifest))
    return (msgspec.json.format(encoded, indent=indent) if indent else encoded) + b"\n"


def loads(data: bytes | str) -> Manifest:
    """Read the JSON form back.

    Raises:
        ManifestError: It is no manifest, or one of another schema version.
    """
    try:
        version = msgspec.json.decode(data, type=_Envelope).schema_version
        if version != SCHEMA_VERSION:
            raise ManifestError(
                f"The manifest has schema version {version}; this version of sphinx-traits reads {SCHEMA_VERSION}. "
                "Write it again with `traits manifest`."
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ManifestError(f"Not a manifest: {error}") from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the JSON form, as published in the documentation."""
    schema = msgspec.json.schema(Manifest)
    for definition in schema["$defs"].values():
        definition["description"] = inspect.cleandoc(definition["description"])  # Python 3.13 does so itself
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"sphinx-traits manifest, version {SCHEMA_VERSION}",
        **schema,
    }


class _Envelope(msgspec.Struct, gc=False):
    schema_version: int

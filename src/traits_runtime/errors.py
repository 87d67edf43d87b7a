"""Every exception of the package; each keeps its data, names the thing and says the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def hint(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known one, else what is known.

    >>> hint("separater", ["max_length", "separator"])
    " Did you mean 'separator'?"
    >>> hint("zzz", ["max_length", "separator"])
    " Known: 'max_length', 'separator'."
    """
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" Known: {', '.join(map(repr, names))}." if names else ""


class TraitsError(Exception):
    """Base of all exceptions of this package."""


class DeclarationError(TraitsError, TypeError):
    """A class declares something that cannot work.

    Args:
        owner: Dotted path of the class.
        message: What is wrong and the way out.
    """

    def __init__(self, owner: str, message: str) -> None:
        super().__init__(f"{owner}: {message}")
        self.owner = owner


class AttributeClashError(DeclarationError):
    """Two traits of one model hold different declarations under the same attribute.

    Args:
        owner: Dotted path of the model.
        attribute: The attribute that both use.
        traits: The two traits, the one that would win first.
    """

    def __init__(self, owner: str, attribute: str, traits: tuple[str, str]) -> None:
        super().__init__(
            owner,
            f"both {traits[0]} and {traits[1]} declare {attribute!r}; the second would never be seen. "
            f"Rename one of them: {suggest_name(attribute, traits[1])!r} says whose it is.",
        )
        self.attribute = attribute
        self.traits = traits


def suggest_name(attribute: str, trait: str) -> str:
    """A name for an attribute that carries the trait's own.

    >>> suggest_name("config", "HasSlug")
    'slug_config'
    """
    stem = trait.rpartition(".")[2].removeprefix("Has") or trait
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in stem).strip("_")
    return f"{words}_{attribute}"


class UnknownNameError(TraitsError, LookupError):
    """A name that nothing declares.

    Args:
        message: What was asked, without the hint.
        name: The unknown name.
        known: The names that exist.
    """

    def __init__(self, message: str, name: str, known: Iterable[str]) -> None:
        self.known: tuple[str, ...] = tuple(sorted(known))
        self.name = name
        super().__init__(message + hint(name, self.known))


class UnknownTraitError(UnknownNameError):
    """No trait of that name has been imported."""

    def __init__(self, trait: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no trait {trait!r}.", trait, known)
        self.trait = trait


class UnknownModelError(UnknownNameError):
    """No model of that name has been imported."""

    def __init__(self, model: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no model {model!r}.", model, known)
        self.model = model


class AmbiguousNameError(TraitsError, LookupError):
    """A short name that several classes have."""

    def __init__(self, name: str, candidates: Iterable[str]) -> None:
        self.candidates: tuple[str, ...] = tuple(sorted(candidates))
        self.name = name
        super().__init__(f"{name!r} may be {' or '.join(self.candidates)}. Give the full name.")


class UnknownConfigKeyError(UnknownNameError):
    """A trait declares no config key or feature of that name."""

    def __init__(self, trait: str, key: str, known: Iterable[str]) -> None:
        super().__init__(f"Trait {trait!r} declares no config key {key!r}.", key, known)
        self.trait = trait
        self.key = key


class UnknownFeatureError(UnknownNameError):
    """No trait of a class declares a feature of that name."""

    def __init__(self, owner: str, feature: str, known: Iterable[str]) -> None:
        super().__init__(f"No trait of {owner!r} declares a feature {feature!r}.", feature, known)
        self.owner = owner
        self.feature = feature


class UnknownScopeError(TraitsError, AttributeError):
    """No trait of a model declares a scope of that name."""

    def __init__(self, model: str, scope: str, known: Iterable[str]) -> None:
        self.known: tuple[str, ...] = tuple(sorted(known))
        super().__init__(f"No trait of {model!r} declares a scope {scope!r}." + hint(scope, self.known))
        self.model = model
        self.scope = scope


class UnknownEventError(UnknownNameError):
    """A trait declares no event of that name; names below ``trait.`` belong to declared events."""

    def __init__(self, event: str, known: Iterable[str]) -> None:
        super().__init__(f"No trait declares the event {event!r}.", event, known)
        self.event = event


class InvalidConfigValueError(TraitsError, ValueError):
    """A value that a config key cannot take; it was not stored and has no effect.

    Args:
        trait: The declaring trait.
        key: The key.
        value: The value, masked for a secret.
        expected: What the key takes.
        why: What the check said.
        layer: The layer it was meant for.
    """

    def __init__(self, trait: str, key: str, value: str, expected: str, why: str, layer: str) -> None:
        super().__init__(f"{trait}.{key} takes {expected}, the {layer} layer gives {value}: {why}.")
        self.trait = trait
        self.key = key
        self.value = value
        self.expected = expected
        self.layer = layer


class LockedConfigKeyError(TraitsError):
    """A locked key is set by the environment and nothing else may change it."""

    def __init__(self, trait: str, key: str, variable: str) -> None:
        super().__init__(f"{trait}.{key} is locked to the environment variable {variable}. Change it there.")
        self.trait = trait
        self.key = key
        self.variable = variable


class MissingConfigValueError(TraitsError, AttributeError):
    """A required key was read and no layer gives it a value."""

    def __init__(self, trait: str, key: str, env: tuple[str, ...]) -> None:
        way = f"Set {' or '.join(env)}, or" if env else "Set it:"
        super().__init__(f"{trait}.{key} is required and has no value. {way} [tool.traits.config.{trait}] {key} = ...")
        self.trait = trait
        self.key = key


class ConfigConflictError(TraitsError):
    """Somebody else changed the stored overrides since they were read."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"The store is at version {actual}, you read version {expected}. Read it again and repeat.")
        self.expected = expected
        self.actual = actual


class ConfigFileError(TraitsError):
    """A config file cannot be read."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class BootError(TraitsError, RuntimeError):
    """A model is booted while it is booting.

    Args:
        model: Dotted path of the model.
    """

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} is already booting: a boot hook made an instance of it or booted it again. "
            "Do that in an initialize hook, or after boot."
        )
        self.model = model


class Veto(TraitsError):  # noqa: N818 - read at the place that raises it: `raise Veto("the slug is taken")`
    """Raised by a hook or a listener of a ``-ing`` moment to stop what is about to happen.

    Args:
        reason: Why, for the one who asked.

    Attributes:
        moment: The moment or event that was vetoed, filled in on the way out.
        source: Who raised it.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.moment = ""
        self.source = ""

    def __str__(self) -> str:
        if not self.moment:
            return self.reason
        return f"{self.source} vetoed {self.moment}" + (f": {self.reason}" if self.reason else "")


class AsyncListenerError(TraitsError, TypeError):
    """A synchronous emit reached a coroutine function."""

    def __init__(self, event: str, listener: str) -> None:
        super().__init__(
            f"{listener} is a coroutine function and {event} was emitted synchronously. "
            "Emit it with `await ....aemit(...)`, or listen with mode='task'."
        )
        self.event = event
        self.listener = listener


class AsyncHookError(TraitsError, TypeError):
    """A synchronous run of hooks reached a coroutine function."""

    def __init__(self, model: str, hook: str) -> None:
        super().__init__(f"{model}.{hook} is a coroutine function. Run its moment with `await arun_hooks(...)`.")
        self.model = model
        self.hook = hook


class EventDepthError(TraitsError, RecursionError):
    """Events emit each other without end.

    Args:
        chain: The names that were being delivered, outermost first.
    """

    def __init__(self, chain: tuple[str, ...]) -> None:
        cycle = tuple(dict.fromkeys(chain[-8:]))
        super().__init__(
            f"{len(chain)} events deep: {' -> '.join(cycle)} emit each other. "
            "Listen with collapse=True to skip re-entry, or emit inside quietly()."
        )
        self.chain = chain


class NoActorError(TraitsError, LookupError):
    """A row of a strict model was to be written and nobody acts."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} keeps who writes its rows and nobody acts. Say who with `with acting_as(...):`, "
            f"or that nobody does with `with {model}.without_user_tracking():`."
        )
        self.model = model


class RestoreConflict(TraitsError):  # noqa: N818 - as the trait's documentation calls it
    """A row cannot come back from the trash: one in use has its values where they must be unique."""

    def __init__(self, model: str, values: Mapping[str, object], taken_by: object) -> None:
        conflicts = ", ".join(f"{name}={value!r}" for name, value in values.items())
        super().__init__(
            f"{model} with {conflicts} cannot be restored: row {taken_by!r} has that now. "
            "Change or delete one of the two."
        )
        self.model = model
        self.values: dict[str, object] = dict(values)
        self.taken_by = taken_by


class NoTenantError(TraitsError, LookupError):
    """Something that belongs to a tenant was asked for and no tenant is current."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs a tenant and none is current. Open one with `with tenant(...):`, "
            "or say why you need none with `with unscoped(reason=...):`."
        )
        self.what = what


class TenantMismatchError(TraitsError):
    """Something of one tenant was touched while another is current."""

    def __init__(self, what: str, owner: str, current: str) -> None:
        super().__init__(f"{what} belongs to tenant {owner!r} and the current tenant is {current!r}.")
        self.what = what
        self.owner = owner
        self.current = current


class UnsavedInstanceError(TraitsError):
    """An instance without an identity was to be named by it."""

    def __init__(self, model: str, what: str) -> None:
        super().__init__(f"An unsaved {model} has no identity: {what}. Save it first.")
        self.model = model


class UnknownJobError(UnknownNameError):
    """No job of that name is known to this process."""

    def __init__(self, job: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no job {job!r}.", job, known)
        self.job = job


class MissingReferenceError(TraitsError, LookupError):
    """A job names an instance that cannot be found any more."""

    def __init__(self, model: str, identity: object) -> None:
        super().__init__(f"{model} {identity!r} of the job does not exist any more.")
        self.model = model
        self.identity = identity


class MissingExtraError(TraitsError, ImportError):
    """Config names an adapter whose library is not installed."""

    def __init__(self, adapter: str, extra: str, library: str) -> None:
        super().__init__(
            f"The adapter {adapter!r} needs {library!r}, which is not installed. "
            f"Install it with: pip install 'sphinx-traits[{extra}]'"
        )
        self.adapter = adapter
        self.extra = extra
        self.library = library


class InvalidUlidError(TraitsError, ValueError):
    """A text that is no ULID."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no ULID: 26 of the digits and letters without I, L, O, U, the first at most 7.")
        self.text = text


class InvalidSlugError(TraitsError, ValueError):
    """A slug that an application gave cannot be one; it was not rewritten.

    Args:
        trait: The trait that refuses it.
        slug: The slug.
        why: What is wrong.
    """

    def __init__(self, trait: str, slug: str, why: str) -> None:
        super().__init__(f"{trait}: {slug!r} cannot be a slug: {why}.")
        self.trait = trait
        self.slug = slug
        self.why = why


class InvalidLocaleError(TraitsError, ValueError):
    """A text that names no language."""

    def __init__(self, locale: str, known: Iterable[str] = ()) -> None:
        self.known: tuple[str, ...] = tuple(sorted(known))
        ending = hint(locale, self.known) or " Write it as 'de' or 'pt-BR'."
        super().__init__(f"{locale!r} is no locale here.{ending}")
        self.locale = locale


class UnknownFlagError(UnknownNameError):
    """A model has no flag of that name."""

    def __init__(self, model: str, flag: str, known: Iterable[str]) -> None:
        super().__init__(f"{model!r} has no flag {flag!r}.", flag, known)
        self.model = model
        self.flag = flag


class CommentTooDeepError(TraitsError, ValueError):
    """A reply would stand deeper in its thread than the model allows."""

    def __init__(self, model: str, depth: int) -> None:
        super().__init__(f"Comments on {model} go {depth} replies deep at most: answer one further up.")
        self.model = model
        self.depth = depth


class TooManyTagsError(TraitsError, ValueError):
    """A row would have more tags than its model allows."""

    def __init__(self, model: str, count: int, limit: int) -> None:
        super().__init__(f"{model} takes {limit} tags at most, these would be {count}: remove some first.")
        self.model = model
        self.count = count
        self.limit = limit


class NotSupportedError(TraitsError, RuntimeError):
    """Something that the framework around a model cannot do for it."""

    def __init__(self, model: str, what: str, way_out: str) -> None:
        super().__init__(f"{model}: {what} {way_out}")
        self.model = model


class EngineCannotError(TraitsError):
    """An engine cannot do what is asked of it."""

    def __init__(self, engine: str, what: str, way_out: str) -> None:
        super().__init__(f"The engine {engine!r} cannot {what}. {way_out}")
        self.engine = engine
        self.what = what


class UnknownEngineError(UnknownNameError):
    """Config names an adapter that does not exist, or that does not do what it is named for."""

    def __init__(self, role: str, adapter: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no adapter {adapter!r} for {role}.", adapter, known)
        self.role = role


class UnknownEngineSettingError(UnknownNameError):
    """Config sets an adapter up with something that it does not know."""

    def __init__(self, adapter: str, setting: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The adapter {adapter!r} has no setting {setting!r} (in [engines.{adapter}]).", setting, known
        )
        self.adapter = adapter


class NoEngineError(TraitsError):
    """A worker is to run and config names no queue."""

    def __init__(self) -> None:
        super().__init__("Config names no queue. Say which engine runs jobs: queue = 'huey' in [tool.traits].")


class MigrationError(TraitsError):
    """A migration cannot be done or taken back; nothing was changed unless the text says so."""


class NoForwardError(TraitsError):
    """Events of other processes are to be heard and config names nothing that carries them."""

    def __init__(self) -> None:
        super().__init__(
            "Config names nothing that carries events. Say what does: forward = 'redis_streams' in [tool.traits]."
        )


class NoApplicationError(TraitsError):
    """Events are to be forwarded and config does not say which application's they are."""

    def __init__(self, adapter: str) -> None:
        super().__init__(
            f"Config does not say whose events are forwarded. Name the application: application = 'shop' in "
            f"[engines.{adapter}]; each application hears an event once."
        )
        self.adapter = adapter

"""Every exception of the package; each keeps its data, names its subject and says how to correct it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate most similar to a misspelt name; for dotted names the last part counts most. Empty for none.

    >>> nearest("shop.Artcle", ["shop.Article", "shop.Author"])
    'shop.Article'
    """
    import difflib

    names = sorted(candidates)
    similar = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    if similar:
        return similar[0]
    by_last_part = {candidate.rpartition(".")[2]: candidate for candidate in reversed(names)}
    similar = difflib.get_close_matches(name.rpartition(".")[2], list(by_last_part), n=1, cutoff=0.6)
    return by_last_part[similar[0]] if similar else ""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar candidate, empty where none is similar.

    >>> did_you_mean("shwo", ["show", "docs"])
    " Did you mean 'show'?"
    """
    candidate = nearest(name, candidates)
    return f" Did you mean {candidate!r}?" if candidate else ""


def hint(name: str, candidates: Iterable[str]) -> str:
    """As `did_you_mean`; where no candidate is similar it lists all of them.

    >>> hint("separater", ["max_length", "separator"])
    " Did you mean 'separator'?"
    >>> hint("zzz", ["max_length", "separator"])
    " Known: 'max_length', 'separator'."
    """
    names = sorted(candidates)
    listing = f" Known: {', '.join(map(repr, names))}." if names else ""
    return did_you_mean(name, names) or listing


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
    """Two traits of one model declare different things under the same attribute.

    Args:
        owner: Dotted path of the model.
        attribute: The attribute that both use.
        traits: The two traits, the one that would win first.
    """

    def __init__(self, owner: str, attribute: str, traits: tuple[str, str]) -> None:
        super().__init__(
            owner,
            f"both {traits[0]} and {traits[1]} declare {attribute!r}; the first hides the second. "
            f"Rename one of them, for example to {suggest_name(attribute, traits[1])!r}.",
        )
        self.attribute = attribute
        self.traits = traits


def suggest_name(attribute: str, trait: str) -> str:
    """A name for an attribute that contains the name of the trait.

    >>> suggest_name("config", "HasSlug")
    'slug_config'
    """
    stem = trait.rpartition(".")[2].removeprefix("Has") or trait
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in stem).strip("_")
    return f"{words}_{attribute}"


class UnknownNameError(TraitsError, LookupError):
    """A name that nothing declares.

    Args:
        message: The first sentence, without the hint.
        name: The unknown name.
        candidates: The names that exist.

    Attributes:
        known: The names that exist, sorted.
    """

    def __init__(self, message: str, name: str, candidates: Iterable[str]) -> None:
        self.known: tuple[str, ...] = tuple(sorted(candidates))
        self.name = name
        super().__init__(message + hint(name, self.known))


class UnknownTraitError(UnknownNameError):
    """No trait of that name has been imported."""

    def __init__(self, trait: str, candidates: Iterable[str]) -> None:
        super().__init__(f"There is no trait {trait!r}.", trait, candidates)
        self.trait = trait


class UnknownModelError(UnknownNameError):
    """No model of that name has been imported."""

    def __init__(self, model: str, candidates: Iterable[str]) -> None:
        super().__init__(f"There is no model {model!r}.", model, candidates)
        self.model = model


class AmbiguousNameError(TraitsError, LookupError):
    """A short name that several classes have."""

    def __init__(self, name: str, candidates: Iterable[str]) -> None:
        self.candidates: tuple[str, ...] = tuple(sorted(candidates))
        self.name = name
        super().__init__(f"{name!r} may be {' or '.join(self.candidates)}. Give the full name.")


class UnknownConfigKeyError(UnknownNameError):
    """A trait declares no config key or feature of that name."""

    def __init__(self, trait: str, key: str, candidates: Iterable[str]) -> None:
        super().__init__(f"Trait {trait!r} declares no config key {key!r}.", key, candidates)
        self.trait = trait
        self.key = key


class UnknownFeatureError(UnknownNameError):
    """No trait of a class, or where none is named no trait at all, declares a feature of that name."""

    def __init__(self, owner: str, feature: str, candidates: Iterable[str]) -> None:
        subject = f"No trait of {owner!r}" if owner else "No trait"
        super().__init__(f"{subject} declares a feature {feature!r}.", feature, candidates)
        self.owner = owner
        self.feature = feature


class FeatureDisabledError(TraitsError):
    """A method that writes was called while its trait is switched off.

    Args:
        model: Name of the model.
        operation: The method.
        key: The key that is off, ``HasTags.enabled``.
        place: The layer and place that switch it off.
    """

    def __init__(self, model: str, operation: str, key: str, place: str) -> None:
        super().__init__(f"{model}.{operation}() writes nothing: {key!r} is off ({place}). Switch it on first.")
        self.model = model
        self.operation = operation
        self.key = key
        self.place = place


class UnknownScopeError(TraitsError, AttributeError):
    """No trait of a model declares a scope of that name."""

    def __init__(self, model: str, scope: str, candidates: Iterable[str]) -> None:
        self.known: tuple[str, ...] = tuple(sorted(candidates))
        super().__init__(f"No trait of {model!r} declares a scope {scope!r}." + hint(scope, self.known))
        self.model = model
        self.scope = scope


class UnknownEventError(UnknownNameError):
    """A trait declares no event of that name; names below ``trait.`` belong to declared events."""

    def __init__(self, event: str, candidates: Iterable[str]) -> None:
        super().__init__(f"No trait declares the event {event!r}.", event, candidates)
        self.event = event


class InvalidConfigValueError(TraitsError, ValueError):
    """A value that a config key does not accept; it was not stored and has no effect.

    Args:
        trait: The declaring trait.
        key: The key.
        value: The value, masked for a secret.
        expected: What the key accepts.
        why: The message of the check.
        layer: The layer of the value.
    """

    def __init__(self, trait: str, key: str, value: str, expected: str, why: str, layer: str) -> None:
        super().__init__(f"{trait}.{key} takes {expected}, the {layer} layer gives {value}: {why}.")
        self.trait = trait
        self.key = key
        self.value = value
        self.expected = expected
        self.layer = layer


class LockedConfigKeyError(TraitsError):
    """A key that is locked to its environment variable was to be changed."""

    def __init__(self, trait: str, key: str, variable: str) -> None:
        super().__init__(f"{trait}.{key} is locked to the environment variable {variable}. Change it there.")
        self.trait = trait
        self.key = key
        self.variable = variable


class MissingConfigValueError(TraitsError, AttributeError):
    """A required key was read and no layer gives it a value."""

    def __init__(self, trait: str, key: str, env: tuple[str, ...]) -> None:
        advice = f"Set {' or '.join(env)}, or" if env else "Set it:"
        super().__init__(
            f"{trait}.{key} is required and has no value. {advice} [tool.traits.config.{trait}] {key} = ..."
        )
        self.trait = trait
        self.key = key


class ConfigConflictError(TraitsError):
    """The stored overrides changed since they were read."""

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
        reason: Why, for the caller.

    Attributes:
        moment: The moment or event that was vetoed; set while the exception propagates.
        source: The hook or listener that raised it.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.moment = ""
        self.source = ""

    def __str__(self) -> str:
        if not self.moment:
            return self.reason
        ending = f": {self.reason}" if self.reason else ""
        return f"{self.source} vetoed {self.moment}{ending}"


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
    """Events emit each other in an endless loop.

    Args:
        chain: Names of the nested events, outermost first.
    """

    def __init__(self, chain: tuple[str, ...]) -> None:
        cycle = tuple(dict.fromkeys(chain[-8:]))
        super().__init__(
            f"{len(chain)} events deep: {' -> '.join(cycle)} emit each other. "
            "Listen with collapse=True to skip re-entry, or emit inside quietly()."
        )
        self.chain = chain


class NoActorError(TraitsError, LookupError):
    """A row of a model with strict tracking was to be written without an actor."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} records who writes its rows and there is no current actor. Set one with `with acting_as(...):`, "
            f"or write without one in `with {model}.without_user_tracking():`."
        )
        self.model = model


class RestoreConflict(TraitsError):  # noqa: N818 - as the trait's documentation calls it
    """A row cannot be restored from the trash: another row has its unique values."""

    def __init__(self, model: str, values: Mapping[str, object], taken_by: object) -> None:
        conflicts = ", ".join(f"{name}={value!r}" for name, value in values.items())
        super().__init__(
            f"{model} with {conflicts} cannot be restored: row {taken_by!r} has the same values. "
            "Change or delete one of the two."
        )
        self.model = model
        self.values: dict[str, object] = dict(values)
        self.taken_by = taken_by


class NoTenantError(TraitsError, LookupError):
    """An operation needs a tenant and no tenant is current."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs a tenant and none is current. Open one with `with tenant(...):`, "
            "or work across tenants in `with unscoped(reason=...):`."
        )
        self.what = what


class TenantMismatchError(TraitsError):
    """An operation on a row of one tenant while another tenant is current."""

    def __init__(self, what: str, owner: str, current: str) -> None:
        super().__init__(f"{what} belongs to tenant {owner!r} and the current tenant is {current!r}.")
        self.what = what
        self.owner = owner
        self.current = current


class UnsavedInstanceError(TraitsError):
    """An operation needs the identity of an instance that is not saved."""

    def __init__(self, model: str, what: str) -> None:
        super().__init__(f"An unsaved {model} has no identity: {what}. Save it first.")
        self.model = model


class UnknownJobError(UnknownNameError):
    """No job of that name is registered in this process."""

    def __init__(self, job: str, candidates: Iterable[str]) -> None:
        super().__init__(f"There is no job {job!r}.", job, candidates)
        self.job = job


class MissingReferenceError(TraitsError, LookupError):
    """A job refers to an instance that no longer exists, or that its scopes hide."""

    def __init__(self, model: str, identity: object, why: str = "") -> None:
        reason = f"cannot be loaded here: {why}" if why else "no longer exists, or is hidden by a scope"
        super().__init__(f"{model} {identity!r} of the job {reason}.")
        self.model = model
        self.identity = identity


class UnloadableReferenceError(MissingReferenceError):
    """A worker cannot load any instance of a model; whether the instance of the job exists is unknown.

    Args:
        model: Dotted path of the model.
        identity: The key.
        why: The reason, and the way out.
    """


class UnsupportedArgumentError(TraitsError, TypeError):
    """An argument of a job that does not travel."""

    def __init__(self, job: str, argument: str, kind: str) -> None:
        super().__init__(
            f"The argument {argument!r} of the job {job!r} does not travel: it is or contains a value of type {kind}. "
            "Pass a model's instance, numbers, text, bytes, dates, UUIDs, enums, or collections of them."
        )
        self.job = job
        self.argument = argument


class MissingExtraError(TraitsError, ImportError):
    """An adapter or trait needs a library that is not installed."""

    def __init__(self, adapter: str, extra: str, library: str) -> None:
        super().__init__(
            f"The adapter {adapter!r} needs {library!r}, which is not installed. "
            f"Install it with: pip install 'sphinx-traits[{extra}]'"
        )
        self.adapter = adapter
        self.extra = extra
        self.library = library


class InvalidUlidError(TraitsError, ValueError):
    """A text that is not a ULID."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a ULID: 26 digits or letters without I, L, O, U, the first at most 7.")
        self.text = text


class InvalidSlugError(TraitsError, ValueError):
    """A slug from the application is not valid; it was not changed.

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
    """A text that is not a locale, or not one of the allowed locales."""

    def __init__(self, locale: str, candidates: Iterable[str] = ()) -> None:
        self.known: tuple[str, ...] = tuple(sorted(candidates))
        ending = hint(locale, self.known) or " Write it as 'de' or 'pt-BR'."
        super().__init__(f"{locale!r} is not a locale here.{ending}")
        self.locale = locale


class UnknownFlagError(UnknownNameError):
    """A model has no flag of that name."""

    def __init__(self, model: str, flag: str, candidates: Iterable[str]) -> None:
        super().__init__(f"{model!r} has no flag {flag!r}.", flag, candidates)
        self.model = model
        self.flag = flag


class CommentTooDeepError(TraitsError, ValueError):
    """A reply would be nested deeper in its thread than the model allows."""

    def __init__(self, model: str, depth: int) -> None:
        super().__init__(f"Comments on {model} nest at most {depth} replies deep: reply to a comment further up.")
        self.model = model
        self.depth = depth


class TooManyTagsError(TraitsError, ValueError):
    """A row would have more tags than its model allows."""

    def __init__(self, model: str, count: int, limit: int) -> None:
        super().__init__(f"{model} allows at most {limit} tags and would have {count}: remove some first.")
        self.model = model
        self.count = count
        self.limit = limit


class NotSupportedError(TraitsError, RuntimeError):
    """The host of a model does not support an operation."""

    def __init__(self, model: str, what: str, way_out: str) -> None:
        super().__init__(f"{model}: {what} {way_out}")
        self.model = model


class UnloadableModelError(NotSupportedError):
    """A job names an instance of a class that no host loads, and would run in another process."""

    def __init__(self, model: str) -> None:
        super().__init__(
            model,
            "its instances cannot be loaded where the job runs: no host keeps rows of this class.",
            "Pass the job what it needs as plain values, map the class with SQLAlchemy, "
            "or register a host that has `load` with `traits_runtime.register_host`.",
        )


class EngineCannotError(TraitsError):
    """An engine does not support an operation."""

    def __init__(self, engine: str, what: str, way_out: str) -> None:
        super().__init__(f"The engine {engine!r} cannot {what}. {way_out}")
        self.engine = engine
        self.what = what


class UnknownEngineError(UnknownNameError):
    """Config names an adapter that does not exist, or that does not support its role."""

    def __init__(self, role: str, adapter: str, candidates: Iterable[str]) -> None:
        super().__init__(f"There is no adapter {adapter!r} for {role}.", adapter, candidates)
        self.role = role


class UnknownEngineSettingError(UnknownNameError):
    """Config has a setting that its adapter does not have."""

    def __init__(self, adapter: str, setting: str, candidates: Iterable[str]) -> None:
        super().__init__(
            f"The adapter {adapter!r} has no setting {setting!r} (in [engines.{adapter}]).", setting, candidates
        )
        self.adapter = adapter


class NoEngineError(TraitsError):
    """A worker was started and config names no queue."""

    def __init__(self) -> None:
        super().__init__("Config names no queue. Name the engine that runs jobs: queue = 'huey' in [tool.traits].")


class MigrationError(TraitsError):
    """A migration cannot be applied or rolled back; nothing was changed unless the message says so."""


class NoForwardError(TraitsError):
    """A process was to receive events of other applications and config names no event broker."""

    def __init__(self) -> None:
        super().__init__("Config names no event broker. Name one: forward = 'redis_streams' in [tool.traits].")


class NoApplicationError(TraitsError):
    """Events are to be forwarded and config does not name the application."""

    def __init__(self, adapter: str) -> None:
        super().__init__(
            f"Config does not name the application whose events are forwarded: application = 'shop' in "
            f"[engines.{adapter}]. Each application receives an event once."
        )
        self.adapter = adapter

"""`HasTranslations`: attributes with a value for each language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, Protocol, TypeVar, overload

import msgspec

from traits_runtime import Trait, TraitColumn, TraitConfig, TraitEvent, column, hook, option, scope
from traits_runtime._core import runtime
from traits_runtime._core.locales import chain, normal
from traits_runtime._core.trait.features import has_on, refuse_if_off
from traits_runtime.errors import InvalidLocaleError
from traits_runtime.rules.naming import TRANSLATIONS_SUFFIX
from traits_runtime.traits._backends import Backends

T = TypeVar("T")


class Translations(dict[str, Any]):
    """The values of one attribute by language; keys are normalised locales.

    On a mapped row a change in place marks the row as changed, and the old values stay available.
    """

    def _edit(self, edit: Callable[[], T]) -> T:
        """Apply a change; hosts override it to track changes."""
        return edit()

    def __setitem__(self, locale: str, value: Any) -> None:
        self._edit(lambda: dict.__setitem__(self, normal(locale), value))

    def __delitem__(self, locale: str) -> None:
        self._edit(lambda: dict.__delitem__(self, normal(locale)))

    def update(self, *values: Any, **more: Any) -> None:
        """Set several languages."""
        fresh = {normal(key): value for key, value in dict(*values, **more).items()}
        self._edit(lambda: dict.update(self, fresh))

    def pop(self, locale: str, *default: Any) -> Any:
        """Remove a language and return its value."""
        return self._edit(lambda: dict.pop(self, normal(locale), *default))

    def popitem(self) -> tuple[str, Any]:
        """Remove the last language."""
        return self._edit(lambda: dict.popitem(self))

    def clear(self) -> None:
        """Remove all languages."""
        self._edit(lambda: dict.clear(self))

    def setdefault(self, locale: str, default: Any = None) -> Any:
        """The value of a language, which is set if it has none."""
        if normal(locale) not in self:
            self[locale] = default
        return self[normal(locale)]

    def __ior__(self, other: Any) -> Translations:  # type: ignore[override,misc]
        self.update(other)
        return self


class TranslationBackend(Protocol):
    """Operations of a host on translated attributes."""

    def value_of(self, model: Any, attribute: str, locales: tuple[str, ...]) -> Any:
        """The SQL expression for the value of the first language that has one."""
        ...

    def has(self, model: Any, attribute: str, locale: str) -> Any:
        """The SQL condition that a row has a value in a language."""
        ...

    def equals(self, model: Any, attribute: str, locale: str, value: Any) -> Any:
        """The SQL condition that a row has a given value in a language."""
        ...


BACKENDS: Final[Backends[TranslationBackend]] = Backends()


class Translated(Generic[T]):
    """A translated attribute; created by `translated`.

    On an instance it is the value in the current language or in a fallback; on a model an expression for queries. The
    attribute ``<name>_translations`` has the values of all languages.
    """

    __slots__ = ("doc", "name")

    def __init__(self, doc: str) -> None:
        self.doc: str = doc
        self.name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        translations_column: TraitColumn[Any] = column(dict, nullable=True, doc=self.doc)
        type.__setattr__(owner, name + TRANSLATIONS_SUFFIX, translations_column)
        translations_column.__set_name__(owner, name + TRANSLATIONS_SUFFIX)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> Any: ...
        @overload
        def __get__(self, instance: object, owner: type[Any] | None = None) -> T | None: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is not None:
            return instance.translation(self.name)
        return owner.translated_expression(self.name)  # type: ignore[union-attr]

    def __set__(self, instance: Any, value: T | Mapping[str, T] | None) -> None:
        if isinstance(value, Mapping):
            fresh = Translations({normal(key): translation for key, translation in value.items()})
            for locale in fresh:
                refuse_other_language(instance, locale, "translate")
            setattr(instance, self.name + TRANSLATIONS_SUFFIX, fresh)
        else:
            instance.translate(self.name, value)

    def __repr__(self) -> str:
        return f"<Translated {self.name}>"


def translated(*, doc: str = "") -> Translated[str]:
    """Declare an attribute that has a value in each language, in the body of a model or of a trait.

    Args:
        doc: Its description.

    >>> from traits_runtime import locale
    >>> class Page(HasTranslations):
    ...     title = translated(doc="The headline.")
    >>> page = Page()
    >>> page.title = {"en": "Garden", "de": "Garten"}
    >>> with locale("de-AT"):
    ...     page.title
    'Garten'
    """
    return Translated(doc)


class TranslationConfig(TraitConfig):
    """Default language, allowed languages and fallbacks."""

    default_locale: str = option("en", doc="The language where no `locale` block is open.")
    locales: tuple[str, ...] = option((), doc="The allowed languages; empty for all.")
    fallbacks: tuple[str, ...] = option((), doc="Languages to try after the requested one and its parents.")
    any_language: bool = option(False, doc="Whether any language with a value is used where all others have none.")
    skip: Literal["missing", "none", "empty"] = option(
        "none",
        doc="Which values are skipped, so that the next language is tried: only missing languages; also None; also "
        "empty text.",
    )


class TranslationMissing(msgspec.Struct, frozen=True):
    """A language had no value.

    Attributes:
        attribute: The attribute.
        locale: The requested language.
        used: The fallback that was used, empty for none.
    """

    attribute: str
    locale: str
    used: str = ""


class TranslationChanged(msgspec.Struct, frozen=True):
    """A value in one language was set.

    Attributes:
        attribute: The attribute.
        locale: The language.
        old: The value before, None for none.
        new: The value now.
    """

    attribute: str
    locale: str
    old: Any
    new: Any


class HasTranslations(Trait):
    """Adds values in several languages to attributes that the model declares with `translated`.

    In a `locale` block an attribute returns the value of that language, else of its parent languages, else of the
    configured fallbacks. Reading a fallback does not store it.

    Off: attributes have one language, the default one: it is read and written whatever the current language is,
    without fallbacks and events, and writing another language is refused. Values in other languages stay.
    """

    translation_config: ClassVar[TranslationConfig] = TranslationConfig()

    translation_missing: Final = TraitEvent(
        TranslationMissing, doc="When an attribute without a value in the language was read."
    )
    translation_changed: Final = TraitEvent(TranslationChanged, doc="After a value was set through the attribute.")

    def translation(self, attribute: str, locale: str = "", *, fallback: bool = True) -> Any:
        """The value of an attribute in a language.

        Args:
            attribute: The translated attribute.
            locale: The language, by default the current one.
            fallback: Whether other languages are tried.
        """
        values = self._values(attribute)
        requested = self._locale(locale)
        if not has_on(self, HasTranslations):
            return values.get(requested)
        candidates = self._candidates(requested, values, fallback)
        used = next((candidate for candidate in candidates if self._has_value(values, candidate)), "")
        if used != requested:
            self.translation_missing(attribute=attribute, locale=requested, used=used)
        if used:
            return values[used]
        return "" if values.get(requested) == "" else None

    def translate(self, attribute: str, value: Any, locale: str = "") -> None:
        """Set the value in one language; the others stay.

        Raises:
            FeatureDisabledError: The trait is off, and it is not the default language.
            InvalidLocaleError: The model does not allow the language.
        """
        requested = self._locale(locale)
        refuse_other_language(self, requested, "translate")
        allowed = [normal(allowed_locale) for allowed_locale in self.translation_config.locales]
        if allowed and requested not in allowed:
            raise InvalidLocaleError(requested, allowed)
        values = self._values(attribute)
        old = values.get(requested)
        if requested not in values or old != value:
            setattr(self, attribute + TRANSLATIONS_SUFFIX, Translations({**values, requested: value}))
            if has_on(self, HasTranslations):
                self.translation_changed(attribute=attribute, locale=requested, old=old, new=value)

    def forget_translation(self, attribute: str, locale: str) -> None:
        """Remove a language from an attribute.

        Raises:
            FeatureDisabledError: The trait is off.
        """
        refuse_if_off(self, HasTranslations, "forget_translation")
        values = self._values(attribute)
        requested = self._locale(locale)
        if requested in values:
            rest = {other: value for other, value in values.items() if other != requested}
            setattr(self, attribute + TRANSLATIONS_SUFFIX, Translations(rest))
            self.translation_changed(attribute=attribute, locale=requested, old=values[requested], new=None)

    def has_translation(self, attribute: str, locale: str = "") -> bool:
        """Whether an attribute has a value in a language, without fallbacks."""
        return self._has_value(self._values(attribute), self._locale(locale))

    def translation_locales(self, attribute: str) -> tuple[str, ...]:
        """The languages in which an attribute has a value."""
        values = self._values(attribute)
        return tuple(candidate for candidate in values if self._has_value(values, candidate))

    @classmethod
    def translated_expression(cls, attribute: str) -> Any:
        """The SQL expression of an attribute: its value in the current language or a fallback."""
        backend = BACKENDS.of(cls)
        if backend is None:
            return vars(next(base for base in cls.__mro__ if attribute in vars(base)))[attribute]
        requested = language_of(cls)
        if not has_on(cls, HasTranslations):
            return backend.value_of(cls, attribute, (requested,))
        return backend.value_of(cls, attribute, tuple(chain(requested, cls.translation_config.fallbacks)))

    @scope()
    @classmethod
    def where_locale(cls, attribute: str, locale: str) -> Any:
        """Rows with a value in a language, without fallbacks."""
        return BACKENDS.needed(cls).has(cls, attribute, normal(locale))

    @scope()
    @classmethod
    def where_translation(cls, attribute: str, value: Any, locale: str = "") -> Any:
        """Rows with a given value in a language, by default the current one."""
        requested = normal(locale) if locale else language_of(cls)
        return BACKENDS.needed(cls).equals(cls, attribute, requested, value)

    @hook("saving")
    def check_locales(self) -> None:
        """Refuse languages that the model does not allow, however they were set.

        Raises:
            InvalidLocaleError: A value has such a language.
        """
        allowed = {normal(allowed_locale) for allowed_locale in self.translation_config.locales}
        if not allowed:
            return
        for locale in self._changed_locales():
            if locale not in allowed:
                raise InvalidLocaleError(locale, allowed)

    def _changed_locales(self) -> Iterator[str]:
        """The languages of all changed translations."""
        for name in runtime.host_of(type(self)).changed_fields(self) or ():
            values = getattr(self, name) if name.endswith(TRANSLATIONS_SUFFIX) else None
            if isinstance(values, Mapping):
                yield from values

    def _values(self, attribute: str) -> Mapping[str, Any]:
        values: Mapping[str, Any] | None = getattr(self, attribute + TRANSLATIONS_SUFFIX)
        return {} if values is None else values

    def _locale(self, locale: str) -> str:
        return normal(locale) if locale else language_of(self)

    def _candidates(self, requested: str, values: Mapping[str, Any], fallback: bool) -> Iterator[str]:
        if not fallback:
            yield requested
            return
        yield from chain(requested, self.translation_config.fallbacks)
        if self.translation_config.any_language:
            yield from values

    def _has_value(self, values: Mapping[str, Any], locale: str) -> bool:
        if locale not in values:
            return False
        skip, value = self.translation_config.skip, values[locale]
        return skip == "missing" or (value is not None and (skip == "none" or value != ""))


def language_of(target: Any) -> str:
    """The language that attributes have: the current one, or the default one where the trait is off.

    Args:
        target: A row or a model.
    """
    current = runtime.current_locale() if has_on(target, HasTranslations) else None
    return normal(current or target.translation_config.default_locale)


def refuse_other_language(row: Any, locale: str, operation: str) -> None:
    """Refuse to write another language than the default one where the trait is off.

    Raises:
        FeatureDisabledError: The trait is off, and it is another language.
    """
    if locale != normal(row.translation_config.default_locale):
        refuse_if_off(row, HasTranslations, operation)

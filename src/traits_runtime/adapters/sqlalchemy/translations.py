"""Texts in several languages as JSON: tracks changes in place, reads and writes single languages in statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import JSON, event, func, inspect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.ext.mutable import Mutable
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from traits_runtime._core.locales import normal
from traits_runtime.adapters.sqlalchemy.host import HOST
from traits_runtime.adapters.sqlalchemy.mapper_info import uses
from traits_runtime.rules.naming import TRANSLATIONS_SUFFIX
from traits_runtime.traits.translations import BACKENDS, HasTranslations, Translated, Translations

T = TypeVar("T")


class TrackedTranslations(Mutable, Translations):
    """`Translations` that report changes in place to their row, with the previous values as history."""

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:  # noqa: ARG003 - as SQLAlchemy calls it
        """Convert an assigned value."""
        return value if value is None or isinstance(value, cls) else cls(value)

    def _edit(self, edit: Callable[[], T]) -> T:
        before = dict(self)
        result = edit()
        for state, key in list(self._parents.items()):
            row = state.obj()
            if row is not None and not inspect(row).attrs[key].history.has_changes():
                set_committed_value(row, key, before)
                setattr(row, key, self)
        return result


class SqlTranslations:
    """Expressions on the JSON of a translated attribute."""

    def value_of(self, model: Any, attribute: str, locales: tuple[str, ...]) -> Any:
        """The first of some languages that has a value."""
        values = [_held(model, attribute)[language].as_string() for language in locales]
        return values[0] if len(values) == 1 else func.coalesce(*values)

    def has(self, model: Any, attribute: str, locale: str) -> Any:
        """The condition that a row has a value in a language."""
        return _held(model, attribute)[locale].as_string().is_not(None)

    def equals(self, model: Any, attribute: str, locale: str, value: Any) -> Any:
        """The condition that a row has this value in a language."""
        return _held(model, attribute)[locale].as_string() == value


def _held(model: Any, attribute: str) -> Any:
    return getattr(model, attribute + TRANSLATIONS_SUFFIX)


class _WithLocale(FunctionElement[Any]):
    """The JSON of an attribute with the value of one language in it."""

    type = JSON()
    inherit_cache = True
    name = "with_locale"


@compiles(_WithLocale, "postgresql")
def _postgresql(element: _WithLocale, compiler: SQLCompiler, **options: Any) -> str:
    element_text, locale, value = (compiler.process(clause, **options) for clause in element.clauses)
    return f"coalesce({element_text}::jsonb, '{{}}'::jsonb) || jsonb_build_object({locale}::text, {value}::text)"


@compiles(_WithLocale, "sqlite")
def _sqlite(element: _WithLocale, compiler: SQLCompiler, **options: Any) -> str:
    element_text, locale, value = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_set(coalesce({element_text}, '{{}}'), '$.\"' || {locale} || '\"', {value})"


def set_translation(model: type[HasTranslations], attribute: str, value: str | None, locale: str) -> dict[Any, Any]:
    """The value that sets one language in a statement for many rows, and leaves the others unchanged.

    ``session.execute(update(Page).where(...).values(set_translation(Page, "title", "Garten", "de")))``

    Args:
        model: The model.
        attribute: The translated attribute.
        value: The text.
        locale: The language.
    """
    translations = _held(model, attribute)
    return {translations: _WithLocale(translations, normal(locale), value)}


def _mapped(_mapper: Mapper[Any], cls: type) -> None:
    if uses(cls, HasTranslations):
        for name in {
            name for base in cls.__mro__ for name, value in vars(base).items() if isinstance(value, Translated)
        }:
            attribute = getattr(cls, name + TRANSLATIONS_SUFFIX)
            if attribute.class_ is cls:
                TrackedTranslations.associate_with_attribute(attribute)


def watch() -> None:
    """Register the listeners for models that are mapped later."""
    BACKENDS.add(HOST, SqlTranslations())
    event.listen(Mapper, "after_mapper_constructed", _mapped)

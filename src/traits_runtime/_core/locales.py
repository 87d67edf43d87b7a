"""Languages: how one is written, and which stand in for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from traits_runtime.errors import InvalidLocaleError

FORM: Final = re.compile(r"[a-z]{2,3}([-_][a-z]{4})?([-_]([a-z]{2}|[0-9]{3}))?([-_][a-z0-9]{5,8})?", re.I | re.ASCII)


@lru_cache(maxsize=1024)
def normal(locale: str) -> str:
    """A locale as it is stored: ``pt-BR``, with today's name of a renamed language.

    Raises:
        InvalidLocaleError: It is none; with Babel installed also one that no language has.

    >>> normal("PT_br"), normal("zh-hant-tw")
    ('pt-BR', 'zh-Hant-TW')
    """
    if not FORM.fullmatch(locale):
        raise InvalidLocaleError(locale)
    language, *rest = locale.replace("_", "-").split("-")
    language = _check(language.lower(), locale)
    return "-".join([language, *(_subtag(part) for part in rest)])


def _subtag(text: str) -> str:
    return text.upper() if len(text) < 4 else text.title() if len(text) == 4 else text.lower()


def _check(language: str, locale: str) -> str:
    try:
        from babel import Locale, UnknownLocaleError
        from babel.core import get_global
    except ImportError:
        return language
    current = str(get_global("language_aliases").get(language, language))
    try:
        Locale.parse(current)
    except (UnknownLocaleError, ValueError) as error:
        raise InvalidLocaleError(locale) from error
    return current


@lru_cache(maxsize=1024)
def parents(locale: str) -> tuple[str, ...]:
    """A locale and those that stand in for it by the rules of CLDR; without Babel by leaving off its last part.

    >>> parents("pt-BR")
    ('pt-BR', 'pt')
    """
    try:
        from babel.core import get_global

        exceptions, likely = get_global("parent_exceptions"), get_global("likely_subtags")
    except ImportError:
        exceptions, likely = {}, {}
    chain = [locale]
    while (parent := _parent(chain[-1], exceptions, likely)) and parent not in chain:
        chain.append(parent)
    return tuple(chain)


def _parent(locale: str, exceptions: Mapping[str, str], likely: Mapping[str, str]) -> str:
    exception = exceptions.get(locale.replace("-", "_"))
    if exception is not None:
        return "" if exception == "root" else exception.replace("_", "-")
    rest, _, last = locale.rpartition("-")
    usual = likely.get(rest, "").split("_")
    is_foreign_script = len(last) == 4 and last.isalpha() and bool(usual[0]) and last not in usual
    return "" if is_foreign_script else rest


def chain(locale: str, fallbacks: Iterable[str] = ()) -> Iterator[str]:
    """The languages to look in, one after the other, each once: the one asked for, its parents, the fallbacks.

    >>> list(chain("pt-BR", ["en-GB", "pt"]))[:3]
    ['pt-BR', 'pt', 'en-GB']
    """
    seen: set[str] = set()
    for start in (locale, *fallbacks):
        for parent in parents(normal(start)):
            if parent not in seen:
                seen.add(parent)
                yield parent

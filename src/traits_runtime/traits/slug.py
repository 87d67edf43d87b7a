"""`HasSlug` and `HasLocalizedSlugs`: readable addresses, unique also when several writers choose the same."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, NamedTuple, Protocol

import msgspec

from traits_runtime import Counter, Trait, TraitColumn, TraitConfig, TraitEvent, column, counter, hook, option, scope
from traits_runtime._core import runtime
from traits_runtime._core.locales import normal
from traits_runtime._core.trait.features import has_on, refuse_if_off
from traits_runtime.errors import DeclarationError, InvalidSlugError
from traits_runtime.traits._backends import Backends, scope_of

LETTERS: Final[Mapping[str, Mapping[int, str]]] = {
    "": str.maketrans({"İ": "i"}),
    "de": str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue", "ß": "ss", "ẞ": "ss"}),
    "da": str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "Æ": "ae", "Ø": "oe", "Å": "aa"}),
    "nb": str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "Æ": "ae", "Ø": "oe", "Å": "aa"}),
    "sv": str.maketrans({"ä": "a", "ö": "o", "å": "a", "Ä": "a", "Ö": "o", "Å": "a"}),
    "tr": str.maketrans({"İ": "i", "I": "ı"}),  # noqa: RUF001 - the dotless letter is meant
}
"""Transliteration of letters by language, applied before the general one."""

BLOCKS: Final = (8, 32, 128, 512)
"""Numbered candidates per query; after the last block a random suffix is used."""

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def slugify(text: str, separator: str = "-", *, mode: str = "ascii", language: str = "") -> str:
    """The words of a text in lower case, joined by a separator; empty where it has none.

    Args:
        text: Any text.
        separator: Joins the words.
        mode: ``ascii`` transliterates (with python-slugify where it is installed, else accents are dropped);
            ``unicode`` keeps the letters, digits and vowel signs of every script.
        language: Language whose transliteration is used: ``de`` writes ``ue`` for ``ü``.

    >>> slugify("Déjà vu, again!"), slugify("Über uns", language="de")
    ('deja-vu-again', 'ueber-uns')
    >>> slugify("हिन्दी İstanbul", mode="unicode")
    'हिन्दी-istanbul'
    """
    base_language = language.replace("_", "-").partition("-")[0].lower()
    composed = unicodedata.normalize("NFC", text)
    transliterated = composed.translate(LETTERS.get(base_language, {})).translate(LETTERS[""])
    if mode == "unicode":
        return separator.join(_words(unicodedata.normalize("NFC", transliterated.lower()), "LNM"))
    return separator.join(_words(_to_ascii(transliterated).lower(), "LN"))


def _to_ascii(text: str) -> str:
    try:
        from slugify import slugify as transliterate
    except ImportError:
        return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return transliterate(text, entities=False, decimal=False, hexadecimal=False)


def _words(text: str, categories: str) -> Iterator[str]:
    word = ""
    for letter in text:
        category = unicodedata.category(letter)
        if category[0] in categories and (word or category[0] != "M"):
            word += letter
        elif category != "Cf" and word:
            yield word
            word = ""
    if word:
        yield word


def shorten(slug: str, length: int, separator: str, suffix: str = "") -> str:
    """A slug with a suffix, cut so that both fit.

    >>> shorten("a-long-title", 10, "-", "2")
    'a-long-t-2'
    """
    tail = f"{separator}{suffix}" if suffix else ""
    cut = slug[: length - len(tail)]
    while cut and unicodedata.category(cut[-1])[0] == "M" and len(cut) < len(slug):
        cut = cut[:-1]
    return cut.rstrip(separator) + tail if separator else cut + tail


def random_tail(size: int = 8) -> str:
    """Random characters of the ULID alphabet; the first is a digit, so that they do not form a word."""
    return secrets.choice(ALPHABET[:10]) + "".join(secrets.choice(ALPHABET) for _ in range(size - 1))


class Place(NamedTuple):
    """The rows among which a slug is unique.

    Args:
        attribute: The attribute that holds slugs.
        locale: The language of the slugs, empty for slugs without one.
        scope: Other attributes that must be equal for two slugs to collide, with the values of the row.
    """

    attribute: str
    locale: str = ""
    scope: tuple[tuple[str, Any], ...] = ()


class SlugBackend(Protocol):
    """Slug operations of a host."""

    def claim(self, row: Any, place: Place, base: str, wait: float) -> bool:
        """Lock a slug against other writers until the transaction ends; False where the lock was not free in time.

        Args:
            row: The row that gets the slug.
            place: The rows among which it is unique.
            base: The slug without a number.
            wait: Maximum seconds to wait.
        """
        ...

    def taken(self, row: Any, place: Place, candidates: Sequence[str]) -> Collection[str]:
        """The candidates that other rows have, in the database or in the session."""
        ...

    def before(self, row: Any, attribute: str) -> Any:
        """The value of an attribute in the database."""
        ...

    def changed(self, row: Any, place: Place, slug: str, old: str | None, *, history: bool) -> None:
        """Record that a row will be written with a slug; with ``history`` store the old one."""
        ...

    def named(self, model: Any, place: Place, slug: str, *, history: bool) -> Any:
        """The condition that a row has a slug, or had it."""
        ...


BACKENDS: Final[Backends[SlugBackend]] = Backends()


class FreeSlug(NamedTuple):
    """A slug that no other row has.

    Args:
        slug: The slug.
        questions: The number of attempts.
    """

    slug: str
    questions: int


def allocate(backend: SlugBackend, row: Any, place: Place, base: str, rules: SlugConfig) -> FreeSlug:
    """The slug or its first free numbered form; with a random suffix where many are taken or the lock is not free."""

    def with_suffix(suffix: str) -> str:
        return shorten(base, rules.max_length, rules.separator, suffix)

    plain = with_suffix("")
    if rules.collision == "number" and not backend.claim(row, place, plain, rules.wait):
        return FreeSlug(with_suffix(random_tail()), 1)
    if plain not in rules.reserved and not backend.taken(row, place, [plain]):
        return FreeSlug(plain, 1)
    start = 2
    for attempt, size in enumerate(BLOCKS if rules.collision == "number" else (), 2):
        candidates = [with_suffix(str(number)) for number in range(start, start + size)]
        unavailable = {*backend.taken(row, place, candidates), *rules.reserved}
        for candidate in candidates:
            if candidate not in unavailable:
                return FreeSlug(candidate, attempt)
        start += size
    return FreeSlug(with_suffix(random_tail()), len(BLOCKS) + 2)


def requested_slug(row: HasSlug) -> tuple[Place, str] | None:
    """The slug that a new row will request; None where it has one already or will not request one."""
    rules = row.slug_config
    if row.slug or not has_on(row, HasSlug) or rules.policy == "manual" or rules.collision != "number":
        return None
    base = slugify(row.slug_source(), rules.separator, mode=rules.mode, language=rules.language)
    slug = shorten(base, rules.max_length, rules.separator)
    return (_place(row), slug) if slug else None


class _MemoryBackend:
    """Backend of rows without a database: every slug is free."""

    def claim(self, row: Any, place: Place, base: str, wait: float) -> bool:
        return True

    def taken(self, row: Any, place: Place, candidates: Sequence[str]) -> Collection[str]:
        return ()

    def before(self, row: Any, attribute: str) -> Any:
        return getattr(row, attribute)

    def changed(self, row: Any, place: Place, slug: str, old: str | None, *, history: bool) -> None:
        pass

    def named(self, model: Any, place: Place, slug: str, *, history: bool) -> Any:
        return getattr(model, place.attribute) == slug


MEMORY: Final = _MemoryBackend()


class SlugConfig(TraitConfig):
    """How slugs are made."""

    source: str = option("title", doc="Attribute or method that a slug is made from.")
    slug_column: str = option("slug", doc="Name of the column.")
    max_length: int = option(
        80, ge=8, le=255, doc="Maximum length of a slug in characters, including a number at its end."
    )
    separator: str = option("-", max_length=3, doc="Joins the words.")
    mode: Literal["ascii", "unicode"] = option("ascii", doc="Whether other scripts are transliterated or kept.")
    language: str = option("", doc="Language whose transliteration is used: `de` writes `ue` for `ü`.")
    reserved: tuple[str, ...] = option(("admin", "api", "edit", "new"), doc="Slugs that no row gets.")
    scope: tuple[str, ...] = option(
        (), doc="Attributes that must be equal for two slugs to collide; the tenant is always one."
    )
    policy: Literal["create", "if_empty", "always", "manual"] = option(
        "create",
        doc="When a slug is made: with the row; also later if it is empty; always when the source changes; never.",
    )
    collision: Literal["number", "random"] = option(
        "number", doc="Suffix of a slug that another row has: the first free number, or random characters."
    )
    wait: float = option(
        0.5, ge=0, le=60, doc="Seconds to wait for another writer of the same slug before a random suffix is used."
    )
    history: bool = option(False, doc="Whether rows are found by their earlier slugs too.")


class SlugGenerated(msgspec.Struct, frozen=True):
    """A row got a slug.

    Attributes:
        slug: The new slug.
        old: The slug before, None for a new row.
        locale: Its language, empty where slugs have none.
    """

    slug: str
    old: str | None = None
    locale: str = ""


class SlugCollided(msgspec.Struct, frozen=True):
    """Another row had the slug of the source.

    Attributes:
        wanted: The slug of the source.
        slug: The slug that the row got.
        questions: The number of attempts.
    """

    wanted: str
    slug: str
    questions: int


def _any_slug(model: type) -> Any:
    return random_tail(12) if has_on(model, HasSlug) else None


class HasSlug(Trait):
    """Gives a row a readable address, made from its title and unique in its table or scope.

    Concurrent writers of the same slug do not fail: they wait for each other, and one that waits too long uses a
    random suffix. A slug from the application is validated and never changed.

    Off: no slug is made or checked, new rows have none, and `regenerate_slug` is refused. Stored slugs stay, and
    `by_slug` finds them.
    """

    slug_config: ClassVar[SlugConfig] = SlugConfig()

    slug_generated: Final = TraitEvent(SlugGenerated, doc="After a slug was made, before the row is written.")
    slug_collided: Final = TraitEvent(
        SlugCollided, doc="After another row had the slug of the source and a free one was chosen."
    )

    slug_collisions: ClassVar[Counter] = counter(doc="Slugs that another row had already.")

    slug: TraitColumn[Any] = column(
        str,
        length=255,
        nullable=True,
        on_insert=_any_slug,
        named_by="slug_column",
        doc="Address of the row, unique in its table or scope; random where a statement makes rows without instances.",
    )

    @hook("creating", priority=-10)
    def make_slug(self) -> None:
        """Make the slug of a new row, unless the application set one.

        Raises:
            InvalidSlugError: Its slug is too long, reserved, or has characters that are not allowed.
        """
        if self.slug:
            _check(self.slug, self.slug_config)
            _record_change(self, _place(self), self.slug, None)
        elif self.slug_config.policy != "manual":
            self.regenerate_slug()
        else:
            raise InvalidSlugError(type(self).__name__, "", "it is empty, and the policy is `manual`")

    @hook("updating", priority=-10)
    def remake_slug(self) -> None:
        """Make the slug again where the policy says so, and check one that was changed by hand."""
        rules = self.slug_config
        changes = runtime.host_of(type(self)).changed_fields(self) or ()
        if self.slug and _slug_attribute(self) in changes:
            _check(self.slug, rules)
            _record_change(self, _place(self), self.slug, _stored_value(self, _slug_attribute(self)))
        elif self._needs_slug(changes):
            self.regenerate_slug()

    def _needs_slug(self, changes: Collection[str]) -> bool:
        """Whether the policy requires a new slug."""
        rules = self.slug_config
        if rules.policy == "if_empty":
            return not self.slug
        if rules.policy != "always":
            return False
        if rules.source in changes:
            return True
        base = slugify(self.slug_source(), rules.separator, mode=rules.mode, language=rules.language)
        return bool(base) and not _is_form_of(self.slug or "", base, rules)

    @scope()
    @classmethod
    def by_slug(cls, slug: str) -> Any:
        """Rows with a slug; with ``history`` also rows that had it earlier."""
        rules = cls.slug_config
        return BACKENDS.needed(cls).named(cls, Place(rules.slug_column), slug, history=rules.history)

    def slug_source(self) -> str:
        """The text that a slug is made from; override it to combine attributes."""
        return _source_text(self, self.slug_config.source, "HasSlug")

    def regenerate_slug(self) -> None:
        """Make the slug from the source again.

        Raises:
            FeatureDisabledError: The trait is off.
        """
        refuse_if_off(self, HasSlug, "regenerate_slug")
        rules = self.slug_config
        place = _place(self)
        old = self.slug or None
        base, free = _generate(self, place, self.slug_source(), old, rules, rules.language)
        if free.slug != base:
            self.slug_collisions.add()
            self.slug_collided(wanted=base, slug=free.slug, questions=free.questions)
        if free.slug != old:
            self.slug_generated(slug=free.slug, old=old)
        self.slug = free.slug


class LocalizedSlugConfig(SlugConfig):
    """How slugs in several languages are made."""

    slug_column: str = option("slugs", doc="Name of the column.")
    locales: tuple[str, ...] = option((), doc="The languages that have slugs.")


class HasLocalizedSlugs(Trait):
    """Gives a row a readable address in each language, unique among the addresses of that language.

    A slug is made from the text of the source in its language, and made again only when that text changes.

    Off: no slug is made or checked. Stored slugs stay, and `by_localized_slug` finds them.
    """

    localized_slug_config: ClassVar[LocalizedSlugConfig] = LocalizedSlugConfig()

    localized_slug_generated: Final = TraitEvent(SlugGenerated, doc="After a slug was made, before the row is written.")

    slugs: TraitColumn[dict[str, str] | None] = column(
        dict, default=None, nullable=True, named_by="slug_column", doc="The addresses, by language."
    )

    @hook("creating", priority=-10)
    def make_slugs(self) -> None:
        """Make the slugs of a new row, except those that the application set."""
        self._make_slugs({})

    @hook("updating", priority=-10)
    def remake_slugs(self) -> None:
        """Make missing slugs, and with the policy `always` those whose text changed."""
        self._make_slugs(_stored_value(self, self.localized_slug_config.slug_column) or {})

    @scope()
    @classmethod
    def by_localized_slug(cls, slug: str, locale: str) -> Any:
        """Rows with a slug in a language; with ``history`` also rows that had it earlier."""
        rules = cls.localized_slug_config
        return BACKENDS.needed(cls).named(cls, Place(rules.slug_column, normal(locale)), slug, history=rules.history)

    def slug_source_in(self, locale: str) -> str:
        """The text that the slug of a language is made from; empty where the row has none in that language."""
        name = self.localized_slug_config.source
        translations = getattr(self, f"{name}_translations", None)
        if isinstance(translations, Mapping):
            return str(translations.get(locale) or "")
        return _source_text(self, name, "HasLocalizedSlugs")

    def _make_slugs(self, before: Mapping[str, str]) -> None:
        rules = self.localized_slug_config
        slugs: dict[str, str] = dict(self.slugs or {})
        for locale in map(normal, rules.locales):
            place = Place(rules.slug_column, locale, _scope_values(self, rules))
            slug, old = slugs.get(locale), before.get(locale)
            if slug and slug != old:
                _check(slug, rules)
                _record_change(self, place, slug, old)
            elif rules.policy != "manual" and self._needs_slug(locale, slug, rules):
                slugs[locale] = self._make_slug_in(place, slug, rules)
        if slugs != (self.slugs or {}):
            self.slugs = slugs

    def _make_slug_in(self, place: Place, slug: str | None, rules: LocalizedSlugConfig) -> str:
        locale = place.locale
        _, free = _generate(self, place, self.slug_source_in(locale), slug, rules, rules.language or locale)
        if free.slug != slug:
            self.localized_slug_generated(slug=free.slug, old=slug, locale=locale)
        return free.slug

    def _needs_slug(self, locale: str, slug: str | None, rules: LocalizedSlugConfig) -> bool:
        text = self.slug_source_in(locale)
        if not text or not slug:
            return bool(text)
        base = slugify(text, rules.separator, mode=rules.mode, language=rules.language or locale)
        return rules.policy == "always" and not _is_form_of(slug, base, rules)


def _source_text(row: Any, source: str, trait: str) -> str:
    if not hasattr(row, source):
        raise DeclarationError(
            type(row).__name__,
            f"{trait} makes slugs from {source!r}, an attribute that the model does not have. Name another one: "
            f"`__traits__ = {{{trait}: {{'source': ...}}}}`.",
        )
    value = getattr(row, source)
    if callable(value):
        return str(value())
    return str(value or "")


def _is_form_of(slug: str, base: str, rules: SlugConfig) -> bool:
    """Whether a slug is the base, or the base with a number or a random suffix."""
    tail = slug.rpartition(rules.separator)[2] if rules.separator else ""
    suffix = tail if tail[:1].isdigit() else ""
    forms = [shorten(base, rules.max_length, rules.separator, ending) for ending in ("", suffix)]
    return slug in forms


def _place(row: Any) -> Place:
    """The rows among which the slug of a row is unique."""
    return Place(_slug_attribute(row), "", _scope_values(row, row.slug_config))


def _slug_attribute(row: Any) -> str:
    return str(row.slug_config.slug_column)


def _stored_value(row: Any, attribute: str) -> Any:
    return (BACKENDS.of(row) or MEMORY).before(row, attribute)


def _scope_values(row: Any, rules: SlugConfig) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(row, name)) for name in scope_of(type(row), rules.scope))


def _generate(
    row: Any, place: Place, text: str, old: str | None, rules: SlugConfig, language: str
) -> tuple[str, FreeSlug]:
    """The slug of a text, and the free slug that the row gets; a text without words gives a random one."""
    base = slugify(text, rules.separator, mode=rules.mode, language=language)
    if not base:
        base = (getattr(row, "ulid", None) or random_tail())[-8:].lower()
    backend = BACKENDS.of(row) or MEMORY
    free = allocate(backend, row, place, base, rules)
    backend.changed(row, place, free.slug, old, history=rules.history)
    return shorten(base, rules.max_length, rules.separator), free


def _record_change(row: Any, place: Place, slug: str, old: str | None) -> None:
    rules = row.localized_slug_config if place.locale else row.slug_config
    (BACKENDS.of(row) or MEMORY).changed(row, place, slug, old, history=rules.history)


def _check(slug: str, rules: SlugConfig) -> None:
    normalized = slugify(slug, rules.separator, mode=rules.mode)
    if len(slug) > rules.max_length:
        reason = f"it has {len(slug)} characters, {rules.max_length} are allowed"
    elif slug in rules.reserved:
        reason = "it is reserved"
    elif normalized != slug:
        reason = f"it has characters that a slug cannot have; {normalized!r} is possible"
    else:
        return
    raise InvalidSlugError(rules._trait, slug, reason)

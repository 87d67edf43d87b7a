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
"""What a language writes for its own letters, before anything else is done."""

BLOCKS: Final = (8, 32, 128, 512)
"""How many numbered forms are looked at in one question; after the last a random tail is taken."""

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def slugify(text: str, separator: str = "-", *, mode: str = "ascii", language: str = "") -> str:
    """The words of a text in lower case, joined; empty where it has none.

    Args:
        text: Any text.
        separator: What stands between two words.
        mode: ``ascii`` transliterates (with python-slugify where it is installed, else accents are dropped);
            ``unicode`` keeps the letters, digits and vowel signs of every script.
        language: Whose rules hold for its own letters, ``de`` writes ``ue`` for ``ü``.

    >>> slugify("Déjà vu, again!"), slugify("Über uns", language="de")
    ('deja-vu-again', 'ueber-uns')
    >>> slugify("हिन्दी İstanbul", mode="unicode")
    'हिन्दी-istanbul'
    """
    short = language.replace("_", "-").partition("-")[0].lower()
    transliterated = unicodedata.normalize("NFC", text).translate(LETTERS.get(short, {})).translate(LETTERS[""])
    if mode == "unicode":
        return separator.join(_words(unicodedata.normalize("NFC", transliterated.lower()), "LNM"))
    return separator.join(_words(_to_ascii(transliterated).lower(), "LN"))


def _to_ascii(text: str) -> str:
    try:
        from slugify import slugify as transliterated
    except ImportError:
        return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return transliterated(text, entities=False, decimal=False, hexadecimal=False)


def _words(text: str, categories: str) -> Iterator[str]:
    word = ""
    for letter in text:
        kind = unicodedata.category(letter)
        if kind[0] in categories and (word or kind[0] != "M"):
            word += letter
        elif kind != "Cf" and word:
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
    """Random characters, as the end of a ULID has them; the first is a digit, so that it reads as no word."""
    return secrets.choice(ALPHABET[:10]) + "".join(secrets.choice(ALPHABET) for _ in range(size - 1))


class Place(NamedTuple):
    """Where a slug must be the only one.

    Args:
        attribute: The attribute that holds slugs.
        locale: The language's slugs that are meant, empty for all.
        scope: Other attributes that must be equal for two slugs to collide, with this row's values.
    """

    attribute: str
    locale: str = ""
    scope: tuple[tuple[str, Any], ...] = ()


class SlugBackend(Protocol):
    """What a host does for slugs."""

    def claim(self, row: Any, place: Place, base: str, wait: float) -> bool:
        """Keep others from numbering this slug until the transaction ends; False where another did not let go in time.

        Args:
            row: The row that wants it.
            place: Where it must be the only one.
            base: The slug without a number.
            wait: Seconds to wait at most.
        """
        ...

    def taken(self, row: Any, place: Place, candidates: Sequence[str]) -> Collection[str]:
        """Those that other rows have, in the database or waiting to be written."""
        ...

    def before(self, row: Any, attribute: str) -> Any:
        """The value that an attribute has in the database."""
        ...

    def changed(self, row: Any, place: Place, slug: str, old: str | None, *, history: bool) -> None:
        """A row will be written with a slug; keep the old one where addresses are remembered."""
        ...

    def named(self, model: Any, place: Place, slug: str, *, history: bool) -> Any:
        """The condition that a row has a slug, or had it."""
        ...


BACKENDS: Final[Backends[SlugBackend]] = Backends()


class Found(NamedTuple):
    """A free slug, and how many questions and random tails it took."""

    slug: str
    questions: int


def allocate(backend: SlugBackend, row: Any, place: Place, base: str, rules: SlugConfig) -> Found:
    """The slug, or its first free numbered form; a random tail where many are taken or another writer is at it."""

    def form(suffix: str) -> str:
        return shorten(base, rules.max_length, rules.separator, suffix)

    first = form("")
    if rules.collision == "number" and not backend.claim(row, place, first, rules.wait):
        return Found(form(random_tail()), 1)
    if first not in rules.reserved and not backend.taken(row, place, [first]):
        return Found(first, 1)
    start = 2
    for attempt, size in enumerate(BLOCKS if rules.collision == "number" else (), 2):
        candidates = [form(str(number)) for number in range(start, start + size)]
        busy = {*backend.taken(row, place, candidates), *rules.reserved}
        free = next((candidate for candidate in candidates if candidate not in busy), None)
        if free is not None:
            return Found(free, attempt)
        start += size
    return Found(form(random_tail()), len(BLOCKS) + 2)


def wanted(row: HasSlug) -> tuple[Place, str] | None:
    """Where a new row will ask for which slug; None where it has one, or will ask for none."""
    rules = row.slug_config
    if row.slug or rules.policy == "manual" or rules.collision != "number":
        return None
    base = slugify(row.slug_source(), rules.separator, mode=rules.mode, language=rules.language)
    slug = shorten(base, rules.max_length, rules.separator)
    return (Place(_name(row), "", _scope(row, rules)), slug) if slug else None


class _Alone:
    """Stands where no host is: nothing is taken."""

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


ALONE: Final = _Alone()


class SlugConfig(TraitConfig):
    """How slugs are made."""

    source: str = option("title", doc="Attribute or method that a slug is made from.")
    slug_column: str = option("slug", doc="Name of the column.")
    max_length: int = option(80, ge=8, le=255, doc="Longest slug in characters, a number at its end included.")
    separator: str = option("-", max_length=3, doc="What stands between two words.")
    mode: Literal["ascii", "unicode"] = option("ascii", doc="Whether other scripts are transliterated or kept.")
    language: str = option("", doc="Whose rules hold for its own letters: `de` writes `ue` for `ü`.")
    reserved: tuple[str, ...] = option(("admin", "api", "edit", "new"), doc="Slugs that no row gets.")
    scope: tuple[str, ...] = option(
        (), doc="Attributes that must be equal for two slugs to collide; the tenant is one without saying."
    )
    policy: Literal["create", "if_empty", "always", "manual"] = option(
        "create",
        doc="When a slug is made: with the row; also later if it is empty; always when the source changes; never.",
    )
    collision: Literal["number", "random"] = option(
        "number", doc="What is put behind a slug that is taken: the first free number, or random characters."
    )
    wait: float = option(
        0.5, ge=0, le=60, doc="Seconds to wait for another writer of the same slug before a random tail is taken."
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
    """The wanted slug was taken.

    Attributes:
        wanted: The slug that the source gave.
        slug: The one that was free.
        questions: How often the database was asked.
    """

    wanted: str
    slug: str
    questions: int


def _any_slug(_model: type) -> str:
    return random_tail(12)


class HasSlug(Trait):
    """Gives a row a readable address, made from its title and unique in its table or scope.

    Writers that choose the same slug at the same time do not fail: they are put in a row, and one that waits too long
    takes a random tail. A slug that the application gives is checked and never rewritten.
    """

    slug_config: ClassVar[SlugConfig] = SlugConfig()

    slug_generated: Final = TraitEvent(SlugGenerated, doc="After a slug was made, before the row is written.")
    slug_collided: Final = TraitEvent(SlugCollided, doc="After a wanted slug was taken and another was found.")

    slug_collisions: ClassVar[Counter] = counter(doc="Slugs that were taken when they were wanted.")

    slug: TraitColumn[str] = column(
        str,
        length=255,
        on_insert=_any_slug,
        named_by="slug_column",
        doc="Address of the row, unique in its table or scope; random where a statement makes rows without instances.",
    )

    @hook("creating", priority=-10)
    def make_slug(self) -> None:
        """Make the slug of a new row, unless it was given one.

        Raises:
            InvalidSlugError: The given one is too long, reserved, or has characters that no slug has.
        """
        if self.slug:
            _check(self.slug, self.slug_config)
            _written(self, Place(_name(self), "", _scope(self, self.slug_config)), self.slug, None)
        elif self.slug_config.policy != "manual":
            self.regenerate_slug()
        else:
            raise InvalidSlugError(type(self).__name__, "", "none was given, and the policy is `manual`")

    @hook("updating", priority=-10)
    def remake_slug(self) -> None:
        """Make the slug again where the policy says so, and check one that was changed by hand."""
        rules = self.slug_config
        changes = runtime.host_of(type(self)).changed_fields(self) or ()
        by_hand = _name(self) in changes
        if by_hand and self.slug:
            _check(self.slug, rules)
            place = Place(_name(self), "", _scope(self, rules))
            _written(self, place, self.slug, _before(self, _name(self)))
        elif (rules.policy == "if_empty" and not self.slug) or (rules.policy == "always" and self._moved(changes)):
            self.regenerate_slug()

    def _moved(self, changes: Collection[str]) -> bool:
        """Whether the source gives another slug than the row has."""
        rules = self.slug_config
        if rules.source in changes:
            return True
        base = slugify(self.slug_source(), rules.separator, mode=rules.mode, language=rules.language)
        return bool(base) and not _is_form_of(self.slug or "", base, rules)

    @scope()
    @classmethod
    def by_slug(cls, slug: str) -> Any:
        """Rows that have a slug; with ``history`` also those that had it, whose address has moved."""
        rules = cls.slug_config
        return BACKENDS.needed(cls).named(cls, Place(rules.slug_column), slug, history=rules.history)

    def slug_source(self) -> str:
        """The text that a slug is made from; override it to combine attributes."""
        return _source_text(self, self.slug_config.source, "HasSlug")

    def regenerate_slug(self) -> None:
        """Make the slug from the source again."""
        rules = self.slug_config
        place = Place(_name(self), "", _scope(self, rules))
        old = self.slug or None
        base, slug = _generate(self, place, self.slug_source(), old, rules, rules.language)
        if slug.slug != base:
            self.slug_collisions.add()
            self.slug_collided(wanted=base, slug=slug.slug, questions=slug.questions)
        if slug.slug != old:
            self.slug_generated(slug=slug.slug, old=old)
        self.slug = slug.slug


class LocalizedSlugConfig(SlugConfig):
    """How slugs in several languages are made."""

    slug_column: str = option("slugs", doc="Name of the column.")
    locales: tuple[str, ...] = option((), doc="The languages that have slugs.")


class HasLocalizedSlugs(Trait):
    """Gives a row a readable address in each language, unique among the addresses of that language.

    A slug is made from the source as it reads in its language; only those whose text changed are made again.
    """

    localized_slug_config: ClassVar[LocalizedSlugConfig] = LocalizedSlugConfig()

    localized_slug_generated: Final = TraitEvent(SlugGenerated, doc="After a slug was made, before the row is written.")

    slugs: TraitColumn[dict[str, str] | None] = column(
        dict, default=None, nullable=True, named_by="slug_column", doc="The addresses, by language."
    )

    @hook("creating", priority=-10)
    def make_slugs(self) -> None:
        """Make the slugs of a new row, except those it was given."""
        self._make_slugs({})

    @hook("updating", priority=-10)
    def remake_slugs(self) -> None:
        """Make the slugs again whose text changed where the policy is `always`, and those that are missing."""
        self._make_slugs(_before(self, self.localized_slug_config.slug_column) or {})

    @scope()
    @classmethod
    def by_localized_slug(cls, slug: str, locale: str) -> Any:
        """Rows that have a slug in a language; with ``history`` also those that had it."""
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
            place = Place(rules.slug_column, locale, _scope(self, rules))
            slug, old = slugs.get(locale), before.get(locale)
            if slug and slug != old:
                _check(slug, rules)
                _written(self, place, slug, old)
            elif rules.policy != "manual" and self._wants(locale, slug, rules):
                language = rules.language or locale
                _wanted, new_slug = _generate(self, place, self.slug_source_in(locale), slug, rules, language)
                if new_slug.slug != slug:
                    self.localized_slug_generated(slug=new_slug.slug, old=slug, locale=locale)
                slugs[locale] = new_slug.slug
        if slugs != (self.slugs or {}):
            self.slugs = slugs

    def _wants(self, locale: str, slug: str | None, rules: LocalizedSlugConfig) -> bool:
        text = self.slug_source_in(locale)
        if not text or not slug:
            return bool(text)
        base = slugify(text, rules.separator, mode=rules.mode, language=rules.language or locale)
        return rules.policy == "always" and not _is_form_of(slug, base, rules)


def _source_text(row: Any, source: str, trait: str) -> str:
    if not hasattr(row, source):
        raise DeclarationError(
            type(row).__name__,
            f"{trait} makes slugs from {source!r}, which it does not have. Name another attribute: "
            f"`__traits__ = {{{trait}: {{'source': ...}}}}`.",
        )
    value = getattr(row, source)
    return str(value() if callable(value) else value or "")


def _is_form_of(slug: str, base: str, rules: SlugConfig) -> bool:
    """Whether a slug is the base, or the base with a number or a random tail."""
    tail = slug.rpartition(rules.separator)[2] if rules.separator else ""
    suffix = tail if tail[:1].isdigit() else ""
    return slug in (shorten(base, rules.max_length, rules.separator, ending) for ending in ("", suffix))


def _name(row: Any) -> str:
    return str(row.slug_config.slug_column)


def _before(row: Any, attribute: str) -> Any:
    return (BACKENDS.of(row) or ALONE).before(row, attribute)


def _scope(row: Any, rules: SlugConfig) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(row, name)) for name in scope_of(type(row), rules.scope))


def _generate(
    row: Any, place: Place, text: str, old: str | None, rules: SlugConfig, language: str
) -> tuple[str, Found]:
    """The slug that a text gives, and the one that is free for it."""
    base = slugify(text, rules.separator, mode=rules.mode, language=language)
    base = base or (getattr(row, "ulid", None) or random_tail())[-8:].lower()
    backend = BACKENDS.of(row) or ALONE
    slug = allocate(backend, row, place, base, rules)
    backend.changed(row, place, slug.slug, old, history=rules.history)
    return shorten(base, rules.max_length, rules.separator), slug


def _written(row: Any, place: Place, slug: str, old: str | None) -> None:
    rules = row.localized_slug_config if place.locale else row.slug_config
    (BACKENDS.of(row) or ALONE).changed(row, place, slug, old, history=rules.history)


def _check(slug: str, rules: SlugConfig) -> None:
    normalized = slugify(slug, rules.separator, mode=rules.mode)
    why = (
        f"it has {len(slug)} characters, {rules.max_length} are allowed" if len(slug) > rules.max_length
        else "it is reserved" if slug in rules.reserved
        else f"it has other characters than a slug; {normalized!r} would do" if normalized != slug
        else ""
    )  # fmt: skip
    if why:
        raise InvalidSlugError(rules._trait, slug, why)

"""Which value holds, who gave it, and what can never take effect."""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from traits_runtime import Trait, TraitConfig, config, events, feature, option, tenant
from traits_runtime.errors import (
    ConfigConflictError,
    ConfigFileError,
    DeclarationError,
    InvalidConfigValueError,
    LockedConfigKeyError,
    MissingConfigValueError,
    UnknownConfigKeyError,
    UnknownModelError,
    UnknownTraitError,
)
from traits_runtime.testing import freeze_config


class Mode(enum.Enum):
    """A choice."""

    FAST = "fast"
    SAFE = "safe"


class SlugConfig(TraitConfig):
    """How slugs are made."""

    max_length: int = option(80, ge=8, le=255, env=("SLUG_MAX", "OLD_SLUG_MAX"), doc="Longest slug.")
    separator: str = option("-", min_length=1, pattern="^[^a-z]+$")
    words: tuple[str, ...] = option(("a", "the"), env="SLUG_WORDS")
    mode: Mode = option(Mode.SAFE, env="SLUG_MODE")
    style: Literal["plain", "fancy"] = option("plain")
    wait: timedelta = option(timedelta(seconds=1))
    folder: Path | None = option(None, env="SLUG_FOLDER")
    on: bool = option(False, env="SLUG_ON")
    token: str = option("", env="SLUG_TOKEN", secret=True)
    fixed: int = option(1, env="SLUG_FIXED", locked=True)
    host: str = option(env="SLUG_HOST")
    made: int = option(factory=lambda: 7)
    sizes: Mapping[str, int] = option(factory=lambda: {"a": 1}, env="SLUG_SIZES")


class HasAddress(Trait):
    """A trait with every kind of key."""

    address_config = SlugConfig()
    follow = feature(False, env="SLUG_FOLLOW")


class Article(HasAddress):
    """A model with a value of its own."""

    __traits__: ClassVar[Any] = {HasAddress: {"max_length": 60}}


class News(Article):
    """A model of a model."""


class Page(HasAddress):
    """A model with the defaults."""


def write(folder: Path, text: str, name: str = "traits.toml") -> Path:
    """A config file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_default_model_and_subclass() -> None:
    """A model's value holds for its subclasses and not for others."""
    assert (Article().address_config.max_length, News().address_config.max_length) == (60, 60)
    assert (Page().address_config.max_length, HasAddress.address_config.max_length) == (80, 80)
    assert Page().address_config.made == 7


def test_all_layers_and_what_each_hides(tmp_path: Path) -> None:
    """Weakest first: default, file, environment, stored, model, tenant, tenant and model, block."""
    name = f"{__name__}.News"
    path = write(tmp_path, f'[config.HasAddress]\nmax_length = 71\n[models."{name}".HasAddress]\nmax_length = 72\n')
    config.use(path=path)
    seen = [(News.address_config.explain("max_length").layer, News.address_config.max_length)]
    config.use(environ={"OLD_SLUG_MAX": "73"})
    seen += [(HasAddress.address_config.explain("max_length").layer, HasAddress.address_config.max_length)]
    config.set("HasAddress", "max_length", 74)
    seen += [(HasAddress.address_config.explain("max_length").layer, HasAddress.address_config.max_length)]
    config.set("HasAddress", "max_length", 75, model=News)
    seen += [(News.address_config.explain("max_length").layer, News.address_config.max_length)]
    config.set("HasAddress", "max_length", 76, tenant="acme")
    with tenant("acme"):
        seen += [(News.address_config.explain("max_length").layer, News().address_config.max_length)]
        config.set("HasAddress", "max_length", 77, tenant="acme", model=News)
        seen += [(News.address_config.explain("max_length").layer, News().address_config.max_length)]
        with News.address_config.override(max_length=78):
            last = News.address_config.explain("max_length")
            seen += [(last.layer, News().address_config.max_length)]

    assert seen == [
        ("model", 72), ("environment", 73), ("stored", 74), ("model", 75), ("tenant", 76), ("tenant+model", 77),
        ("block", 78),
    ]  # fmt: skip
    assert [(layer, value) for layer, _place, value in last.hides] == [
        ("tenant+model", "77"), ("tenant", "76"), ("model", "75"), ("model", "72"), ("model", "60"), ("stored", "74"),
        ("environment", "'73'"), ("file", "71"), ("default", "80"),
    ]  # fmt: skip
    assert "test_config.py:" in last.place
    assert last.constraint == "ge=8, le=255"


def test_places_say_where_a_value_was_given(tmp_path: Path) -> None:
    """File and table, variable, class, change of the store."""
    config.use(path=write(tmp_path, "[tool.traits.config.HasAddress]\nmax_length = 71\n", "pyproject.toml"))
    by_file = HasAddress.address_config.explain("max_length")
    by_class = Article.address_config.explain("max_length")
    config.set(HasAddress, "max_length", 90, by="ada")
    by_store = HasAddress.address_config.explain("max_length")

    assert by_file.place == "pyproject.toml:2"
    assert by_class.place == f"{__name__}.Article.__traits__"
    assert by_store.place == "change 1 by ada"
    assert str(by_store).splitlines() == [
        "HasAddress.max_length = 90  [stored: change 1 by ada]",
        "  hides 71  [file: pyproject.toml:2]",
        f"  hides 80  [default: {__name__}.HasAddress]",
    ]


def test_value_in_a_table_on_one_line_has_the_line_of_the_table(tmp_path: Path) -> None:
    """The place of a value is a file and a line, however the value is written."""
    trait = f"{__name__}.HasAddress"
    config.use(path=write(tmp_path, f'[tool.traits.config]\n"{trait}" = {{ max_length = 71 }}\n', "pyproject.toml"))

    assert HasAddress.address_config.explain("max_length").place == "pyproject.toml:2"


def test_key_of_another_tool_is_not_taken_for_ours(tmp_path: Path) -> None:
    """The same name in a table above."""
    text = "[tool.other.config.HasAddress]\nmax_length = 1\n[tool.traits.config.HasAddress]\nmax_length = 71\n"
    config.use(path=write(tmp_path, text, "pyproject.toml"))

    assert HasAddress.address_config.explain("max_length").place == "pyproject.toml:4"


def test_tenants_in_a_file(tmp_path: Path) -> None:
    """For a tenant, and for a tenant's model."""
    model = f'tenants.acme.models."{__name__}.Page".HasAddress'
    text = f"[tenants.acme.HasAddress]\nmax_length = 20\n[{model}]\nmax_length = 30\n"
    config.use(path=write(tmp_path, text))

    with tenant("acme"):
        inside = (Article().address_config.max_length, Page().address_config.max_length)
    with tenant("other"):
        other = Page().address_config.max_length

    assert (inside, other, Page().address_config.max_length) == ((20, 30), 80, 80)


@pytest.mark.parametrize(
    ("variables", "key", "value"),
    [
        ({"SLUG_MAX": "9"}, "max_length", 9),
        ({"OLD_SLUG_MAX": "9", "SLUG_MAX": "10"}, "max_length", 10),
        ({"SLUG_WORDS": "an, of"}, "words", ("an", "of")),
        ({"SLUG_WORDS": '["x"]'}, "words", ("x",)),
        ({"SLUG_MODE": "fast"}, "mode", Mode.FAST),
        ({"SLUG_FOLDER": "/tmp/x"}, "folder", Path("/tmp/x")),  # noqa: S108
        ({"SLUG_FOLDER": ""}, "folder", None),
        ({"SLUG_ON": "yes"}, "on", True),
        ({"SLUG_ON": "0"}, "on", False),
        ({"SLUG_SIZES": '{"b": 2}'}, "sizes", {"b": 2}),
    ],
)
def test_environment_is_read_as_the_type_of_the_key(variables: dict[str, str], key: str, value: object) -> None:
    """Text becomes what the key holds."""
    config.use(environ=variables)

    assert getattr(Page.address_config, key) == value


def test_override_that_does_not_pass_has_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    """The weaker layer holds, the log and `explain` say why, once."""
    with caplog.at_level(logging.WARNING, logger="traits_runtime.config"):
        config.use(environ={"SLUG_MAX": "9000", "SLUG_FOLLOW": "maybe"})
        values = (Page().address_config.max_length, Page.enabled("follow"), Page().address_config.max_length)

    assert values == (80, False, 80)
    assert len([one for one in caplog.messages if "max_length" in one]) == 1
    assert "HasAddress.max_length takes int (ge=8, le=255), the environment layer gives '9000'" in caplog.text
    assert "Expected `int` <= 255" in Page.address_config.explain("max_length").rejected[0]
    assert {error.key for error, _place in config.problems} >= {"max_length", "follow"}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("max_length", 7, "Expected `int` >= 8"),
        ("max_length", "12", "Expected `int`, got `str`"),
        ("separator", "", "Expected `str` of length >= 1"),
        ("separator", "x", "matching regex"),
        ("style", "bold", "Invalid enum value 'bold'"),
        ("mode", "slow", "Invalid enum value 'slow'"),
        ("on", "yes", "Expected `bool`"),
        ("words", [1], "Expected `str`, got `int`"),
        ("follow", 1, "Expected `bool`"),
    ],
)
def test_wrong_value_is_refused_and_not_stored(key: str, value: object, text: str) -> None:
    """With the key, what it takes, the layer and what is wrong."""
    with pytest.raises(InvalidConfigValueError, match=text) as caught:
        config.set("HasAddress", key, value)

    assert (caught.value.trait, caught.value.key, caught.value.layer) == ("HasAddress", key, "stored")
    assert config.history() == ()


def test_text_is_read_where_it_is_said_to_be_text() -> None:
    """A command line gives text."""
    config.set("HasAddress", "max_length", "12", text=True)
    config.set("HasAddress", "mode", "fast", text=True)

    assert (Page().address_config.max_length, Page().address_config.mode) == (12, Mode.FAST)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: config.set("HasAdress", "x", 1), UnknownTraitError, "no trait 'HasAdress'. Did you mean 'HasAddress'"),
        (
            lambda: config.set("HasAddress", "seperator", 1),
            UnknownConfigKeyError,
            "'seperator'. Did you mean 'separator'",
        ),
        (lambda: config.get("HasAddress", "follw"), UnknownConfigKeyError, "Did you mean 'follow'"),
        (lambda: Page.address_config.explain("max_lenght"), UnknownConfigKeyError, "Did you mean 'max_length'"),
        (lambda: Page.address_config.max_lenght, UnknownConfigKeyError, "Trait 'HasAddress' declares no config key"),  # type: ignore[attr-defined]
        (lambda: Page.address_config.override(x=1), UnknownConfigKeyError, "no config key 'x'"),
        (lambda: config.set("HasAddress", "on", True, model=Other), UnknownTraitError, "no trait 'HasAddress'"),
    ],
)
def test_unknown_names(call: Any, error: type[Exception], text: str) -> None:
    """Each names the nearest known one."""
    with pytest.raises(error, match=text):
        call()


class HasOther(Trait):
    """Another trait."""


class Other(HasOther):
    """A model without slugs."""


def test_locked_key_is_the_environments() -> None:
    """Where the variable is set nothing else counts, and setting it is refused."""
    config.set("HasAddress", "fixed", 2)
    free = Page().address_config.fixed
    config.use(environ={"SLUG_FIXED": "3"})

    assert (free, Page().address_config.fixed) == (2, 3)
    with pytest.raises(LockedConfigKeyError, match="locked to the environment variable SLUG_FIXED"):
        config.set("HasAddress", "fixed", 4)
    with pytest.raises(LockedConfigKeyError):
        Page.address_config.override(fixed=4)


def test_required_key_without_value() -> None:
    """Reading it says where to give one."""
    with pytest.raises(MissingConfigValueError, match=r"HasAddress.host is required .* Set SLUG_HOST, or"):
        _ = Page().address_config.host
    config.use(environ={"SLUG_HOST": "db"})

    assert Page().address_config.host == "db"


def test_secret_is_masked_everywhere() -> None:
    """In explanations, errors, history, events and what objects print."""
    config.use(environ={"SLUG_TOKEN": "hush1"})
    config.set("HasAddress", "token", "hush2", model=Page)
    printed: list[str] = []
    with events.listen("trait.runtime.config_changed", lambda envelope: printed.append(repr(envelope.payload))):
        change = config.set("HasAddress", "token", "hush3", model=Page)
    with pytest.raises(InvalidConfigValueError) as caught:
        config.set("HasAddress", "token", ["hush4"])
    printed += [str(Page.address_config.explain("token")), repr(Page.address_config), repr(config.history())]
    printed += [str(caught.value), repr(caught.value.value), repr(change)]

    assert Page().address_config.token == "hush3"  # noqa: S105
    assert "hush" not in "".join(printed)
    assert caught.value.__cause__ is None


def test_snapshot_is_immutable() -> None:
    """Values are shared; a change makes a new snapshot and leaves the one in hand."""
    before = Page().address_config
    config.set("HasAddress", "max_length", 33)

    assert (before.max_length, Page().address_config.max_length) == (80, 33)
    with pytest.raises(AttributeError, match="cannot be assigned"):
        before.max_length = 5
    with pytest.raises(TypeError):
        before.sizes["b"] = 2  # type: ignore[index]


def test_same_snapshot_while_nothing_changes() -> None:
    """Reading is a look-up."""
    assert Page().address_config is Page().address_config
    assert Page().address_config is not Article().address_config


def test_override_blocks() -> None:
    """For a trait, a model, an instance; nested; restored on error."""
    first, second = Page(), Page()
    with HasAddress.address_config.override(max_length=20):
        wide = (first.address_config.max_length, Article().address_config.max_length)
        with Page.address_config.override(max_length=30):
            model = (first.address_config.max_length, Article().address_config.max_length)
            with first.address_config.override(max_length=40):
                own = (first.address_config.max_length, second.address_config.max_length)
    with config.override({"HasAddress": {"follow": True}}, model=Page):
        inside = (Page.enabled("follow"), Article.enabled("follow"))
    with pytest.raises(ValueError, match="x"), Page.address_config.override(max_length=9):
        raise ValueError("x")

    assert (wide, model, own) == ((20, 20), (30, 20), (40, 30))
    assert inside == (True, False)
    assert (first.address_config.max_length, Page.enabled("follow")) == (80, False)


def test_toggles_of_feature_trait_and_everything() -> None:
    """False when everything, the trait or the feature is off, at any layer."""
    config.set("HasAddress", "follow", True)
    seen = [Page.enabled("follow")]
    config.set("HasAddress", "enabled", False, model=Page)
    seen += [Page.enabled("follow"), Article.enabled("follow")]
    config.set("*", "enabled", False)
    seen += [Article.enabled("follow")]
    config.unset("*", "enabled")
    with tenant("acme"):
        config.set("HasAddress", "follow", False, tenant="acme")
        seen += [Article.enabled("follow")]

    assert seen == [True, False, True, False, False]


def test_history_and_conflict() -> None:
    """Who, when, from, to, why; a writer who has not seen the last change is refused."""
    config.set("HasAddress", "max_length", 20, by="ada", why="short")
    seen = config.version
    config.set("HasAddress", "max_length", 30, by="bob", why="longer")

    last, first = config.history()
    assert (first.before, first.after, first.by, first.why) == ("", "20", "ada", "short")
    assert (last.before, last.after, last.number) == ("20", "30", 2)
    assert last.at >= first.at
    with pytest.raises(ConfigConflictError, match="at version 2, you read version 1") as caught:
        config.set("HasAddress", "max_length", 40, expected=seen)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert Page().address_config.max_length == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config = 1", "config must be a table"),
        ("[config]\nHasAddress = 1", "config.HasAddress must be"),
        ("[", "is no TOML"),
    ],
)
def test_broken_file(tmp_path: Path, text: str, message: str) -> None:
    """A file that cannot be read says so."""
    with pytest.raises(ConfigFileError, match=message):
        config.use(path=write(tmp_path, text))


def test_file_is_found_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first read: the nearest ``traits.toml``, or the file that ``TRAITS_CONFIG`` names."""
    write(tmp_path, "[config.HasAddress]\nmax_length = 44\n")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    config.reload()
    found = Page().address_config.max_length
    other = write(tmp_path, "[config.HasAddress]\nmax_length = 45\n", "other.toml")
    config.use(environ={"TRAITS_CONFIG": str(other)})
    config.reload()

    assert (found, Page().address_config.max_length) == (44, 45)
    monkeypatch.chdir("/")
    config.use(environ={})
    config.reload()


def test_file_that_was_named_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`reload` keeps to the file of `use`, whatever the working folder holds, also after a look at a broken one."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "[config.HasAddress]\nmax_length = 44\n")
    named = write(tmp_path, "[config.HasAddress]\nmax_length = 45\n", "named.toml")
    config.use(path=named)
    write(tmp_path, "[config.HasAddress]\nmax_length = 46\n", "named.toml")
    with pytest.raises(ConfigFileError):
        config.use(path=write(tmp_path, "[", "broken.toml"))
    config.reload()

    assert Page().address_config.max_length == 46


def test_file_that_was_named_in_a_frozen_block_is_forgotten_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`reload` then reads what it would have read before."""
    (tmp_path / "named").mkdir()
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "[config.HasAddress]\nmax_length = 44\n")
    with freeze_config():
        config.use(path=write(tmp_path / "named", "[config.HasAddress]\nmax_length = 45\n"))
    config.reload()

    assert Page().address_config.max_length == 44


def test_project_folder(tmp_path: Path) -> None:
    """``traits.toml`` first, ``pyproject.toml`` else."""
    write(tmp_path, "[tool.traits.config.HasAddress]\nmax_length = 44\n", "pyproject.toml")
    config.use(project=tmp_path)
    by_project = Page().address_config.max_length
    write(tmp_path, "[config.HasAddress]\nmax_length = 45\n")
    config.use(project=tmp_path)

    assert (by_project, Page().address_config.max_length) == (44, 45)


def test_declarations_that_cannot_work() -> None:
    """A shared list, a key without a type, a name that the class uses."""

    class ListConfig(TraitConfig):
        words: list[str] = option(factory=list)

    with pytest.raises(DeclarationError, match=r"'words' is a list, and config values are shared; use tuple"):

        class HasList(Trait):
            list_config = ListConfig()

    with pytest.raises(DeclarationError, match="needs a type"):

        class BareConfig(TraitConfig):
            size = option(1)

    with pytest.raises(DeclarationError, match="cannot be called 'explain'"):

        class TakenConfig(TraitConfig):
            explain: int = option(1)  # type: ignore[assignment]

    with pytest.raises(TypeError, match="takes no argument 'max'"):
        option(1, max=2)  # type: ignore[call-overload]


def test_config_classes_inherit() -> None:
    """A config class may extend another."""

    class LongConfig(SlugConfig):
        suffix: str = option("")

    class HasLong(Trait):
        long_config = LongConfig()

    assert (HasLong.long_config.suffix, HasLong.long_config.max_length) == ("", 80)
    assert HasLong.long_config.explain_all()[0].key == "max_length"
    assert LongConfig().max_length == 80


def test_frozen_config() -> None:
    """Tests can say what holds, and nothing else does."""
    config.set("HasAddress", "max_length", 20)
    with freeze_config({"HasAddress": {"separator": "_"}}, environ={"SLUG_ON": "1"}):
        inside = (Page().address_config.max_length, Page().address_config.separator, Page().address_config.on)

    assert inside == (80, "_", True)
    assert (Page().address_config.max_length, Page().address_config.on) == (20, False)


def test_names_that_nothing_declares(tmp_path: Path) -> None:
    """A file is read before the traits are imported; asked afterwards, it is checked as a whole."""
    text = f"""
    [config.HasAddress]
    max_lenght = 20
    [config.HasAdress]
    max_length = 20
    [models."{__name__}.Pag".HasAddress]
    max_length = 20
    [models."{__name__}.Page".HasAddress]
    max_length = 20
    follow = true
    """
    config.use(path=write(tmp_path, text))
    found = [(type(error), error.name, place) for error, place in config.unknown()]

    assert found == [
        (UnknownConfigKeyError, "max_lenght", "traits.toml:3"),
        (UnknownTraitError, "HasAdress", "traits.toml:5"),
        (UnknownModelError, f"{__name__}.Pag", "traits.toml:7"),
    ]


class LooseConfig(TraitConfig):
    """Keys of loose types."""

    anything: Any = option(1)
    bound: int | None = option(None, ge=8)


class HasLoose(Trait):
    """Holds them."""

    loose_config = LooseConfig()


def test_key_of_any_type_takes_any_value() -> None:
    """A value needs no class to be of type `Any`."""
    config.set(HasLoose, "anything", "text")

    assert HasLoose.loose_config.anything == "text"


def test_constraint_of_an_optional_key_holds_for_its_values() -> None:
    """None is taken, a number within the bound is taken, one outside is refused."""
    config.set(HasLoose, "bound", 9)

    assert HasLoose.loose_config.bound == 9
    config.set(HasLoose, "bound", None)
    assert HasLoose.loose_config.bound is None
    with pytest.raises(InvalidConfigValueError, match=">= 8"):
        config.set(HasLoose, "bound", 7)

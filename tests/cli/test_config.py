"""`traits config` and `traits features`: what holds and why, overrides that nobody loses, secrets that nobody sees."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from programs import BLOG, data, process, run
from traits_cli.override_writer import _user
from traits_runtime.rules.keys import MASK

HELD = {
    "override": "SELECT trait, key, model, tenant, value FROM override",
    "history": "SELECT trait, key, model, tenant FROM history",
}
SECRETS = ("s3cret-default", "tok-12345", "tok-67890")


def live(shop: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that writes, in a process of its own."""
    return process(*arguments, "--project", str(shop), cwd=shop, env=env)


def rows(shop: Path, table: str = "override") -> list[tuple[object, ...]]:
    """What the store holds."""
    file = shop / "overrides.db"
    if not file.exists():
        return []
    base = sqlite3.connect(file)
    try:
        return base.execute(HELD[table]).fetchall()
    finally:
        base.close()


# -- reading


def test_explain_names_file_and_line_and_what_is_hidden() -> None:
    """Class, file and default, the strongest first."""
    done = run("config", "get", "HasSlug.max_length", "--model", "Article", "--explain")

    assert done.stdout.splitlines() == [
        "HasSlug.max_length = 120  [model: blog/models/content.py:44]",
        "  hides 60  [file: pyproject.toml:12]",
        "  hides 80  [default: traits_runtime.traits.slug.HasSlug]",
    ]
    assert run("config", "explain", "HasSlug.max_length", "--model", "Article").stdout == done.stdout


def test_explain_names_the_variable_the_change_and_the_tenant(shop: Path) -> None:
    """Each layer says where its value is given."""
    live(shop, "config", "set", "HasStock.low", "7", "--by", "ada", "--reason", "x")
    live(shop, "config", "set", "HasStock.low", "8", "--tenant", "acme", "--model", "Product", "--by", "eve")
    words = ("config", "explain", "HasStock.low")
    variable = run(*words, project=shop, env={"SHOP_LOW": "9"}).stdout.splitlines()
    tenant = run(*words, "--tenant", "acme", "--model", "Product", project=shop).stdout.splitlines()

    assert variable[:2] == ["HasStock.low = 7  [stored: change 1 by ada]", "  hides '9'  [environment: $SHOP_LOW]"]
    assert tenant[0] == "HasStock.low = 8  [tenant+model: change 2 by eve]"
    assert any("shop/app.py:" in line for line in tenant)


def test_get_prints_the_value_alone_for_scripts() -> None:
    """A text without quotes, everything else as Python writes it."""
    assert run("config", "get", "HasSlug.separator").stdout == "-\n"
    assert run("config", "get", "HasSlug.max_length").stdout == "60\n"


@pytest.mark.slow
def test_what_is_read_is_what_the_application_says(shop: Path) -> None:
    """Every value of every model, statically and with `--app`, in a file, a variable and the store."""
    live(shop, "config", "set", "HasStock.low", "7", "--tenant", "acme")
    live(shop, "config", "set", "HasStock.colours", "red, blue", "--model", "Product")
    for view in ((), ("--model", "Product"), ("--tenant", "acme"), ("--model", "Product", "--tenant", "acme")):
        words = ("config", "list", "--json", *view, "--project", str(shop))
        said = json.loads(process(*words, cwd=shop, env={"SHOP_LOW": "9"}).stdout)["data"]
        asked = json.loads(process(*words, "--app", "shop.app", cwd=shop, env={"SHOP_LOW": "9"}).stdout)["data"]

        known = {one["key"]: (one["value"], one["layer"], one["type"]) for one in said}
        assert known == {one["key"]: (one["value"], one["layer"], one["type"]) for one in asked}
        assert known["HasStock.contact"][0] is None


def test_list_of_changed_values_leaves_out_defaults(shop: Path) -> None:
    """The file's value is the only one that is no default."""
    assert [(one["key"], one["layer"]) for one in data(run("config", "list", "--changed", "--json", project=shop))] == [
        ("HasStock.low", "file")
    ]


def test_required_key_without_value_says_how_to_give_one(shop: Path) -> None:
    """Exit code 2 and nothing on standard output."""
    done = run("config", "get", "HasStock.contact", project=shop)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "[tool.traits.config.HasStock] contact = ..." in done.stderr


def test_default_none_is_no_missing_value(tmp_path: Path) -> None:
    """Values are written as Python and the pages write them, also where the sources alone know the type."""
    (tmp_path / "shop.py").write_text(
        "from decimal import Decimal\n"
        "from shop_types import Mode\n"
        "from traits_runtime import Trait, TraitConfig, option\n"
        "class Keys(TraitConfig):\n"
        "    limit: int | None = option(None)\n"
        "    mode: Mode | None = option(None)\n"
        "    ratio: Decimal = option(Decimal('0.5'))\n"
        "    owner: str = option()\n"
        "class HasKeys(Trait):\n"
        "    keys = Keys()\n",
        encoding="utf-8",
    )
    done = run("config", "list", "--package", "shop", "--search-path", str(tmp_path), project=None)

    assert [line.split()[:2] for line in done.stdout.splitlines()[2:]] == [
        ["HasKeys.limit", "None"],
        ["HasKeys.mode", "None"],
        ["HasKeys.ratio", "Decimal('0.5')"],
        ["HasKeys.owner", "(required)"],
    ]


# -- writing


@pytest.mark.slow
def test_override_is_stored_with_who_and_why(shop: Path) -> None:
    """Text becomes the key's type; the other process sees it; `unset` takes it back."""
    done = live(shop, "config", "set", "HasStock.low", "7", "--by", "ada", "--reason", "long nights", "--json")
    seen = run("config", "get", "HasStock.low", project=shop).stdout
    back = live(shop, "config", "unset", "HasStock.low", "--by", "eve", "--json")
    history = data(run("config", "history", "--json", project=shop))

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["data"]
    assert (said["before"], said["after"], said["layer"], said["number"]) == ("4", "7", "stored", 1)
    assert seen == "7\n"
    assert json.loads(back.stdout)["data"]["after"] == "4"
    assert [(one["by"], one["why"], one["before"], one["after"]) for one in history] == [
        ("eve", "", "7", ""),
        ("ada", "long nights", "", "7"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("set", "HasStock.lo", "7"), "Trait 'HasStock' declares no config key 'lo'. Did you mean 'low'?"),
        (("set", "HasStck.low", "7"), "There is no trait 'HasStck' among 2. Did you mean 'HasStock'?"),
        (("set", "HasStock.low", "many"), "HasStock.low takes int (ge=0, le=99), the stored layer gives 'many'"),
        (("set", "HasStock.low", "100"), "Expected `int` <= 99"),
        (("set", "HasStock.low", "7", "--model", "Prodct"), "Did you mean 'Product'?"),
        (("set", "HasStock.low", "7", "--model", "Service"), "Model 'Service' does not use trait 'HasStock'. Models"),
        (("set", "HasStock.region", "us"), "locked to the environment variable SHOP_REGION. Change it there."),
        (("set", "HasStock.low", "7", "--expect", "3"), "The store is at version 0, you read version 3."),
        (("enable", "HasStock.reordr"), "Did you mean 'reorder'?"),
        (("disable", "*"), "--yes"),
    ],
)
def test_wrong_write_stores_nothing_and_says_why(words: tuple[str, ...], text: str, shop: Path) -> None:
    """Exit code 2, no line in the history, and no traceback."""
    done = live(shop, "config", *words, env={"SHOP_REGION": "eu"})

    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(shop) == rows(shop, "history") == []


@pytest.mark.slow
def test_secret_is_leaked_by_no_command(shop: Path) -> None:
    """Set, refused, read, explained, listed, in the history and as JSON: masked everywhere."""
    said = [
        live(shop, "config", "set", "HasStock.token", "tok-12345", "--reason", "new"),
        live(shop, "config", "set", "HasStock.token", "tok-67890", "--dry-run"),
        live(shop, "config", "set", "HasStock.token", "tok-67890", "--json"),
        live(shop, "config", "list", "--app", "shop.app"),
        live(shop, "config", "list"),
        *(live(shop, "config", verb, "HasStock.token", *form) for verb in ("get", "explain", "show") for form in ((), ("--json",))),  # noqa: E501
        live(shop, "config", "history"),
        live(shop, "config", "history", "--json", "--app", "shop.app"),
        live(shop, "show", "HasStock"),
        live(shop, "diagnose"),
    ]  # fmt: skip
    everything = "".join(one.stdout + one.stderr for one in said)

    assert [one.returncode for one in said[:-1]] == [0] * (len(said) - 1)
    assert [secret for secret in SECRETS if secret in everything] == []
    assert MASK in everything
    assert ("HasStock", "token", "", "", '"tok-67890"') in rows(shop)


@pytest.mark.slow
def test_two_processes_at_once_lose_nothing(shop: Path) -> None:
    """Twelve writers at the same time: every change has its line, its number and its effect."""
    script = "from traits_cli import launch; launch()"
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", script, "config", "set", "HasStock.low", str(number), "--tenant", f"t{number}",
             "--by", f"writer-{number}", "--project", str(shop)],
            cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(12)
    ]  # fmt: skip
    ended = [(one.communicate(timeout=120), one.returncode) for one in started]
    history = data(run("config", "history", "--json", project=shop))

    assert [code for _, code in ended] == [0] * 12, ended
    assert sorted(one["number"] for one in history) == list(range(1, 13))
    assert {one["by"] for one in history} == {f"writer-{number}" for number in range(12)}
    assert {(row[3], row[4]) for row in rows(shop)} == {(f"t{number}", str(number)) for number in range(12)}


@pytest.mark.slow
def test_the_slower_of_two_that_read_the_same_version_is_refused(shop: Path) -> None:
    """`--expect` says which version was seen."""
    first = live(shop, "config", "set", "HasStock.low", "7", "--expect", "0")
    second = live(shop, "config", "set", "HasStock.low", "8", "--expect", "0")

    assert (first.returncode, second.returncode) == (0, 2)
    assert "The store is at version 1, you read version 0. Read it again and repeat." in second.stderr
    assert rows(shop) == [("HasStock", "low", "", "", "7")]


def test_short_name_of_two_traits_is_the_one_that_models_use(shop: Path) -> None:
    """A trait of a library that nobody uses does not stand in the way."""
    (shop / "shop" / "other.py").write_text(
        "from traits_runtime import Trait\nclass HasStock(Trait): ...\n", encoding="utf-8"
    )
    done = run("config", "get", "HasStock.low", project=shop)

    assert (done.exit_code, done.stdout) == (0, "4\n")
    assert json.loads(run("diagnose", "--select", "TRT201", "--json", project=shop).stdout)["data"] == []


@pytest.mark.slow
def test_dry_run_shows_the_difference_and_writes_nothing(shop: Path) -> None:
    """What holds now and what would hold; the store does not even exist afterwards."""
    done = live(shop, "config", "set", "HasStock.low", "7", "--dry-run")

    assert done.stdout.splitlines() == [
        "- HasStock.low = 4  [file: pyproject.toml:7]",
        done.stdout.splitlines()[1],
    ]
    assert done.stdout.splitlines()[1].startswith("+ HasStock.low = 7  [stored: a change by ")
    assert "nothing was written" in done.stderr
    assert rows(shop) == []


@pytest.mark.slow
def test_models_that_keep_a_value_of_their_own_are_named(shop: Path) -> None:
    """A value for all does not reach a model whose class gives one; a value for the model does."""
    every = live(shop, "config", "set", "HasStock.low", "7")
    one = live(shop, "config", "set", "HasStock.low", "8", "--model", "Product")
    other = live(shop, "config", "set", "HasStock.colours", "red, blue")

    assert "shop.app.Product keeps 5  [model: shop.app.Product.__traits__]" in every.stderr
    assert "keeps" not in one.stderr + other.stderr


@pytest.mark.slow
def test_application_without_a_store_loses_no_override_silently(tmp_path: Path) -> None:
    """The write is refused, with both ways out."""
    done = process("config", "set", "HasSlug.max_length", "90", "--project", str(BLOG), cwd=tmp_path)

    assert done.returncode == 2
    assert "--store FILE" in done.stderr
    assert "config.use(store=...)" in done.stderr


@pytest.mark.slow
def test_taking_back_what_is_not_there_writes_nothing(shop: Path) -> None:
    """A misspelt tenant takes nothing back; what holds is said, and no line stands in the history."""
    live(shop, "config", "set", "HasStock.low", "7", "--tenant", "acme")
    done = live(shop, "config", "unset", "HasStock.low", "--tenant", "akme")

    assert (done.returncode, done.stdout) == (0, "HasStock.low = 4  [file: pyproject.toml:7]\n")
    assert "Nothing is stored for it" in done.stderr
    assert len(rows(shop, "history")) == 1


@pytest.mark.slow
def test_history_names_what_is_unknown_and_says_when_there_is_nothing(shop: Path) -> None:
    """A rollout is a share; a misspelt trait is answered with the nearest."""
    empty = run("config", "history", project=shop)
    live(shop, "features", "rollout", "HasStock.reorder", "10")
    live(shop, "features", "rollout", "HasStock.reorder", "end")
    shown = [
        line.split()[-2:] for line in run("features", "history", "HasStock.reorder", project=shop).stdout.splitlines()
    ]
    unknown = run("config", "history", "HasStok", project=shop)
    none = run("features", "history", "HasPrice", project=shop)

    assert (empty.stdout, empty.stderr) == ("", "No change is stored.\n")
    assert shown[1:] == [["%", "(ended)"], ["10", "%"]]
    assert (unknown.exit_code, "Did you mean 'HasStock'?" in unknown.stderr) == (2, True)
    assert (none.exit_code, none.stdout) == (0, "")


@pytest.mark.slow
def test_everything_is_switched_off_with_yes_and_on_again(shop: Path) -> None:
    """`'*'` is every trait at once."""
    off = live(shop, "config", "disable", "*", "--yes", "--reason", "incident")
    on = live(shop, "config", "enable", "*")

    assert (off.returncode, on.returncode) == (0, 0)
    assert "*.enabled = False" in off.stdout
    assert run("config", "explain", "*", project=shop).stdout.startswith("*.enabled = True  [stored: change 2 by")
    assert rows(shop) == [("*", "enabled", "", "", "true")]


# -- the application


@pytest.mark.parametrize(
    ("app", "text"),
    [
        ("shp.app", "there is no module 'shp'"),
        ("shop.app:strt()", "Did you mean 'start'?"),
        ("json:loads", "has imported no trait"),
        ("shop.broken", "broken.py:2: ZeroDivisionError"),
    ],
)
def test_application_that_cannot_be_loaded_says_why(app: str, text: str, shop: Path) -> None:
    """A sentence, no traceback, exit code 2."""
    (shop / "shop" / "broken.py").write_text("import json\n1 / 0\n", encoding="utf-8")
    done = live(shop, "config", "list", "--app", app)

    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["config list", "config get HasStock.low", "config set HasStock.low 7", "list", "diagnose", "make trait HasViews",
     "features list", "jobs list", "jobs list --events", "health", "metrics", "work"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["[tool.traits\npackages =", "[tool.traits]\nname = '\xe9'\n", "[tool]\ntraits = 3\n"])
def test_config_file_that_cannot_be_read_is_named(command: str, text: str, shop: Path) -> None:
    """Broken TOML, another encoding, no table: a sentence with the file, no traceback, exit code 2."""
    (shop / "pyproject.toml").write_bytes(f"# [tool.traits]\n{text}".encode("latin-1"))
    where = () if command == "work" else ("--project", str(shop))
    done = process(*command.split(), *where, cwd=shop)

    assert (done.returncode, done.stdout) == (2, "")
    assert "pyproject.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_file_that_the_environment_names_counts_for_everything(shop: Path, tmp_path: Path) -> None:
    """Its application and its store as well as its values."""
    named = tmp_path / "deployed" / "traits.toml"
    named.parent.mkdir()
    named.write_text('app = "shop.app"\nstore = "there.db"\n[config.HasStock]\nlow = 11\n', encoding="utf-8")
    env = {"TRAITS_CONFIG": str(named)}
    text = (shop / "pyproject.toml").read_text(encoding="utf-8").replace('app = "shop.app:start()"\n', "")
    (shop / "pyproject.toml").write_text(text, encoding="utf-8")
    done = live(shop, "config", "set", "HasStock.low", "7", env=env)

    assert done.returncode == 0, done.stderr
    assert "- HasStock.low = 11" in done.stdout
    assert (named.parent / "there.db").is_file()
    assert not (shop / "overrides.db").exists()
    assert run("config", "get", "HasStock.low", project=shop, env=env).stdout == "7\n"


def test_application_opens_the_store_that_the_command_writes_to(shop: Path) -> None:
    """Where its config names it: by `config.use(project=...)`, and by starting its engines."""
    live(shop, "config", "set", "HasStock.low", "7", "--by", "ada")
    using = f"from traits_runtime import config; config.use(project={str(shop)!r}); "
    starting = "from traits_runtime import config, engines; engines.start(); "
    asking = "import shop.app; print(config.get('HasStock', 'low'))"
    said = [process(cwd=shop, code=f"import sys; sys.path.insert(0, '.'); {way}{asking}") for way in (using, starting)]

    assert [(one.stdout, one.stderr) for one in said] == [("7\n", "")] * 2


def test_whoever_has_no_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user may have none."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert _user() == f"uid {os.getuid()}"


# -- features


@pytest.mark.slow
def test_feature_is_switched_rolled_out_and_ended(shop: Path) -> None:
    """Each step is seen by the next process, and stands in the history."""
    live(shop, "features", "enable", "HasStock.reorder", "--model", "Product", "--reason", "asked for")
    live(shop, "features", "rollout", "HasStock.reorder", "12.5%", "--reason", "first users")
    listed = {one["feature"]: one for one in data(run("features", "list", "--json", project=shop))}
    product = data(run("features", "list", "--model", "Product", "--json", project=shop))
    ended = live(shop, "features", "rollout", "HasStock.reorder", "end", "--json")
    history = data(run("features", "history", "HasStock.reorder", "--json", project=shop))

    assert (listed["HasStock.reorder"]["on"], listed["HasStock.reorder"]["share"]) == (False, 12.5)
    assert [one["on"] for one in product if one["feature"] == "HasStock.reorder"] == [True]
    assert json.loads(ended.stdout)["data"]["before"] == "12.5 %"
    assert [one["key"] for one in history] == ["reorder.rollout", "reorder.rollout", "reorder"]


@pytest.mark.slow
def test_feature_of_a_trait_that_is_off_is_listed_as_off(shop: Path) -> None:
    """The layer and the place are those of the switch above it."""
    live(shop, "features", "enable", "HasStock.reorder")
    live(shop, "features", "disable", "HasStock.enabled", "--by", "ada")
    listed = {row["feature"]: row for row in data(run("features", "list", "--json", project=shop))}

    assert listed["HasStock.reorder"]["on"] is False
    assert listed["HasStock.reorder"]["layer"] == "stored"
    assert "by ada" in listed["HasStock.reorder"]["place"]


@pytest.mark.slow
@pytest.mark.parametrize("share", ["101", "nan", "half", ""])
def test_share_that_is_none_is_refused(share: str, shop: Path) -> None:
    """Nothing is stored."""
    done = live(shop, "features", "rollout", "HasStock.reorder", share)

    assert done.returncode == 2
    assert "0 to 100" in done.stderr
    assert rows(shop) == []


@pytest.mark.slow
def test_dry_run_of_a_rollout_writes_nothing(shop: Path) -> None:
    """It says what would change."""
    done = live(shop, "features", "rollout", "HasStock.reorder", "50", "--dry-run")

    assert done.stdout.splitlines() == ["- HasStock.reorder: no rollout", "+ HasStock.reorder: 50 %"]
    assert rows(shop) == []

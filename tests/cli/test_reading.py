"""The commands that list, make and complete, and those that compare two versions."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from programs import BLOG, data, process, run, write_shop

# -- list and events


def test_list_has_every_model_and_trait_with_its_place() -> None:
    """A line each; as JSON with traits and users."""
    rows = {one["name"]: one for one in data(run("list", "--json"))}
    article, slug = rows["blog.models.content.Article"], rows["traits_runtime.traits.slug.HasSlug"]

    assert len(rows) == 28
    assert (article["kind"], article["host"], article["location"]) == (
        "model",
        "sqlalchemy",
        "blog/models/content.py:35",
    )
    assert "traits_runtime.traits.slug.HasSlug" in article["traits"]
    assert "blog.models.content.Article" in slug["used_by"]
    assert slug["doc"].startswith("Gives a row a readable address,")


SECRETS = """

class HasMore(HasStock):
    "A trait on top of it."

class Offer(HasMore):
    __traits__ = {HasMore: {"token": "s3cret of the offer"}, HasStock: {"low": 9}}
"""


@pytest.mark.parametrize("form", ["", "--json"])
@pytest.mark.parametrize("command", ["list", "events", "inventory", "show Offer", "show HasStock"])
def test_secrets_of_the_sources_are_not_printed(command: str, form: str, tmp_path: Path) -> None:
    """Neither the default nor what a model or a file gives; what is no secret is."""
    shop = write_shop(tmp_path, extra=SECRETS)
    with (shop / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('token = "s3cret of all"\n')
    done = run(*command.split(), *form.split(), project=shop)

    assert done.exit_code == 0, done.stderr
    assert "s3cret" not in done.stdout
    assert ("show" not in command) or "SHOP_TOKEN" in done.stdout


@pytest.mark.parametrize("what", ["--all", "--model=Offer", "--trait=HasStock"])
@pytest.mark.parametrize("form", ["json", "md"])
def test_secrets_of_the_sources_are_not_written(form: str, what: str, tmp_path: Path) -> None:
    """The manifest is published as it is, and compositions and Markdown are too."""
    shop = write_shop(tmp_path / "shop", extra=SECRETS)
    done = run("docs", what, "--format", form, "--output", str(tmp_path / "out"), project=shop)
    written = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "out").rglob("*") if file.is_file())

    assert done.exit_code == 0, done.stderr
    assert "SHOP_TOKEN" in written
    assert "s3cret" not in written


def test_list_takes_a_pattern_and_a_kind() -> None:
    """The last part of the name is enough; nothing at all is an answer with code 2."""
    assert [one["name"] for one in data(run("list", "Has?l*", "--traits", "--json"))] == [
        "traits_runtime.traits.flags.HasFlags",
        "traits_runtime.traits.slug.HasSlug",
        "traits_runtime.traits.ulid.HasUlid",
    ]
    assert {one["kind"] for one in data(run("list", "--models", "--json"))} == {"model"}
    assert run("list", "Nothing*").exit_code == 2


def test_events_say_who_emits_and_who_hears_by_which_pattern() -> None:
    """The listener of every event, of a pattern, and of one model alone."""
    (row,) = data(run("events", "trait.Announced.followers_told", "--json"))

    assert [field["name"] for field in row["fields"]] == ["at", "channel"]
    assert [place["location"] for place in row["emitted"]] == ["blog/traits/announcing.py:65"]
    assert [(place["pattern"], place["model"]) for place in row["heard"]] == [
        ("trait.**", ""),
        ("trait.Announced.followers_told", ""),
    ]
    (row,) = data(run("events", "trait.Publishable.published", "--json"))
    assert ("trait.*.published", "blog.models.content.Article") in [
        (place["pattern"], place["model"]) for place in row["heard"]
    ]


def test_events_of_a_pattern() -> None:
    """`*` is one part of the name."""
    names = [one["event"] for one in data(run("events", "trait.SoftDeletes.*", "--json"))]

    assert names == [f"trait.SoftDeletes.{one}" for one in ("force_deleted", "restored", "trashed")]


def test_about_says_what_a_report_needs() -> None:
    """Versions, the project's folder, and libraries that are absent as such."""
    facts = {one["name"]: one["value"] for one in data(run("about", "--json"))}

    assert facts["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert facts["folder"] == str(BLOG)
    assert re.match(r"\d", facts["sqlalchemy"])


@pytest.mark.slow
def test_health_uses_each_part(tmp_path: Path) -> None:
    """All pass; a cache that loses writes fails, with code 1; one check can be left out."""
    shop = write_shop(tmp_path)
    well = process("health", "--json", "--project", str(shop), cwd=shop)
    broken = (
        "\nfrom traits_runtime import cache\nfrom traits_runtime._core.cache import MemoryCache\n"
        "class Lossy(MemoryCache):\n    def set(self, *a, **k): ...\ncache.backend = Lossy()\n"
    )
    write_shop(tmp_path, extra=broken)
    ill = process("health", "--json", "--project", str(shop), cwd=shop)
    spared = process("health", "--exclude", "cache", "--project", str(shop), cwd=shop)

    assert well.returncode == 0, well.stderr
    assert {one["name"]: one["status"] for one in json.loads(well.stdout)["data"]} == dict.fromkeys(
        ("config", "events", "cache", "jobs", "telemetry"), "pass"
    )
    assert (ill.returncode, json.loads(ill.stdout)["ok"]) == (1, False)
    assert [one["name"] for one in json.loads(ill.stdout)["data"] if one["status"] == "fail"] == ["cache"]
    assert spared.returncode == 0


HANGING = """
import threading
from traits_runtime import health

def never() -> tuple[str, str]:
    threading.Event().wait()
    return "pass", ""

health.register("mail", never)
"""


@pytest.mark.slow
def test_health_does_not_wait_for_a_check_that_never_answers(shop: Path) -> None:
    """It has failed after its time, and the process ends."""
    write_shop(shop, extra=HANGING)
    done = process("health", "--timeout", "0.3", "--json", "--project", str(shop), cwd=shop)
    (mail,) = [one for one in json.loads(done.stdout)["data"] if one["name"] == "mail"]

    assert done.returncode == 1
    assert (mail["status"], mail["output"]) == ("fail", "no answer in 0.3 seconds")
    assert 0.3 <= mail["seconds"] < 60


@pytest.mark.slow
def test_metrics_lists_declared_ones_that_were_not_recorded(tmp_path: Path) -> None:
    """What starting the application has recorded, and zero for the rest."""
    extra = "\nfrom traits_runtime import telemetry\ntelemetry.enable()\nProduct().counts.add(3)\n"
    shop = write_shop(tmp_path, extra=extra)
    done = process("metrics", "--json", "--project", str(shop), cwd=shop)

    assert done.returncode == 0, done.stderr
    assert [(one["name"], one["total"]) for one in json.loads(done.stdout)["data"]] == [("trait.HasStock.counts", 3.0)]


# -- make


def test_made_trait_is_read_and_runs(shop: Path) -> None:
    """The reader finds config, feature, event and hook; the class works; style and types are in order."""
    done = run("make", "trait", "HasPageViews", project=shop)
    made = data(run("show", "HasPageViews", "--json", project=shop))
    script = (
        "from shop.page_views import HasPageViews\nclass Page(HasPageViews): ...\n"
        "from traits_runtime import run_hooks\nfrom traits_runtime.testing import capture_events\n"
        "with capture_events() as seen: run_hooks(Page(), 'created')\nprint(*seen.names)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=shop, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.strip() == str(shop / "shop" / "page_views.py")
    assert [one["key"]["name"] for one in made["config"]] == ["limit"]
    assert [one["key"]["name"] for one in made["features"]] == ["page_views_automatic"]
    assert [one["moment"] for one in made["hooks"]] == ["created"]
    assert "trait.HasPageViews.page_views_changed" in ran.stdout.split()


@pytest.mark.parametrize(
    "words", [("trait", "HasViews"), ("listener", "send_mail", "--event", "trait.*.published"), ("job", "send_digest")]
)
def test_made_file_is_well_formed(words: tuple[str, ...], shop: Path) -> None:
    """It compiles, keeps within the width of a line, and stands in the folder for its kind where there is one."""
    kind, name = words[0], words[1]
    (shop / "shop" / f"{kind}s").mkdir()
    (shop / "shop" / f"{kind}s" / "__init__.py").write_text("", encoding="utf-8")
    done = run("make", *words, project=shop)
    text = Path(done.stdout.strip()).read_text(encoding="utf-8")

    assert done.exit_code == 0, done.stderr
    assert Path(done.stdout.strip()).parent == shop / "shop" / f"{kind}s"
    assert name in text
    compile(text, name, "exec")
    assert max(len(line) for line in text.splitlines()) <= 88


def test_make_replaces_nothing_unless_told_to(shop: Path) -> None:
    """A dry run prints the difference; a file that is there stays."""
    dry = run("make", "job", "tidy", "--dry-run", project=shop)
    first = run("make", "job", "tidy", project=shop)
    second = run("make", "job", "tidy", project=shop)
    forced = run("make", "job", "tidy", "--force", project=shop)

    assert dry.stdout.startswith("--- /dev/null\n+++ ")
    assert "+def tidy(limit: int = 100) -> None:" in dry.stdout
    assert (first.exit_code, second.exit_code, forced.exit_code) == (0, 2, 0)
    assert "--force" in second.stderr


@pytest.mark.parametrize(
    ("kind", "name"), [("trait", "has_views"), ("trait", "9"), ("job", "Send"), ("listener", "a-b")]
)
def test_name_that_python_would_not_take_is_refused(kind: str, name: str, shop: Path) -> None:
    """With one that it would."""
    done = run("make", kind, name, project=shop)

    assert done.exit_code == 2
    assert "write it like" in done.stderr


# -- completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_script_asks_the_command(shell: str) -> None:
    """It is on standard output alone; where it goes is said beside it."""
    done = run("completion", shell, project=None)

    assert done.exit_code == 0
    assert f"{shell}_complete" in done.stdout
    assert "_TRAITS_COMPLETE" in done.stdout
    assert "Add" in done.stderr or "Write" in done.stderr


def test_bash_takes_the_script() -> None:
    """Bash itself finds no fault in it."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    script = run("completion", "bash", project=None).stdout
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def completed(*words: str) -> set[str]:
    """What the shell is offered for the last word."""
    line = " ".join(("traits", *words))
    env = {"_TRAITS_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    done = process(cwd=BLOG, env={**os.environ, **env})
    return {row.partition(",")[2] for row in done.stdout.splitlines()}


def test_commands_models_traits_and_keys_are_completed() -> None:
    """Each where it belongs, by the last part of the name too."""
    assert {"config", "completion"} == completed("co")
    assert "explain" in completed("config", "e")
    assert {"Article", "blog.models.content.Article"} & completed("show", "Art") == {"Article"}
    assert "HasSlug.max_length" in completed("config", "get", "HasSlug.m")
    assert completed("config", "list", "--model", "Sub") == {"Subscriber"}
    assert completed("features", "enable", "Announced.a") == {"Announced.announce"}


def test_powershell_gets_value_and_help() -> None:
    """A line each, with a tab between."""
    env = {"_TRAITS_COMPLETE": "powershell_complete", "COMP_WORDS": "traits con", "COMP_CWORD": "con"}
    done = process(env={**os.environ, **env})

    assert done.stdout.splitlines() == ["config\tRead, explain and override config values."]


def test_completion_outside_a_project_offers_nothing_and_says_nothing(tmp_path: Path) -> None:
    """A shell that completes has no room for errors."""
    env = {"_TRAITS_COMPLETE": "bash_complete", "COMP_WORDS": "traits show Art", "COMP_CWORD": "2"}
    done = process(cwd=tmp_path, env={**os.environ, **env})

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


# -- diff and check


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    """Two versions of the shop: in the second a key is renamed and a feature is new."""
    old, new = write_shop(tmp_path / "old"), write_shop(tmp_path / "new")
    file = new / "shop" / "app.py"
    text = (
        file.read_text(encoding="utf-8").replace("    low: int", "    lowest: int").replace('"low": 5', '"lowest": 5')
    )
    text = text.replace("    counts = counter", "    fast = feature(False)\n    counts = counter")
    file.write_text(text, encoding="utf-8")
    return old, new


def test_diff_of_two_folders_says_what_breaks(versions: tuple[Path, Path]) -> None:
    """Breaking ones first, with their place; exit code 1. The same from manifests, and as JSON."""
    old, new = versions
    for name, folder in (("old.json", old), ("new.json", new)):
        run("manifest", "--output", str(folder / name), project=folder)
    folders = run("diff", str(old), str(new), "--package", "shop", project=None)
    files = run("diff", str(old / "old.json"), str(new / "new.json"), project=None)
    said = run("diff", str(old), str(new), "--package", "shop", "--json", project=None)

    assert folders.exit_code == 1
    assert folders.stdout == files.stdout
    assert "! config shop.app.HasStock.low renamed to lowest  (shop/app.py:" in folders.stdout
    assert "  feature shop.app.HasStock.fast added" in folders.stdout
    assert (json.loads(said.stdout)["ok"], said.exit_code) == (False, 1)


def test_diff_can_leave_out_what_is_harmless(versions: tuple[Path, Path]) -> None:
    """`--breaking`; and nothing that breaks is exit code 0."""
    old, new = versions
    done = run("diff", str(old), str(new), "--package", "shop", "--breaking", project=None)
    same = run("diff", str(old), str(old), "--package", "shop", project=None)

    assert "fast" not in done.stdout
    assert (same.exit_code, same.stdout) == (0, "No change.\n")


def test_file_that_is_no_manifest_is_answered_with_its_name(tmp_path: Path) -> None:
    """Exit code 2."""
    file = tmp_path / "x.json"
    file.write_text("{}", encoding="utf-8")
    done = run("diff", str(file), str(file), project=None)

    assert done.exit_code == 2
    assert str(file) in done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The shop under git, released as v1."""
    root = write_shop(tmp_path / "repo" / "services")
    top = root.parent
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=top, check=True)
    return root


def test_check_compares_with_a_revision_and_leaves_the_tree_alone(repository: Path) -> None:
    """Also where the project is not the top of the repository and has changes of its own."""
    unchanged = run("check", "--against", "v1", project=repository)
    file = repository / "shop" / "app.py"
    file.write_text(file.read_text(encoding="utf-8").replace("option(3,", "option(6,"), encoding="utf-8")
    changed = run("check", "--against", "v1", "--json", project=repository)
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout

    assert (unchanged.exit_code, unchanged.stdout) == (0, "No change.\n")
    assert changed.exit_code == 1
    assert [(one["name"], one["part"], one["before"], one["after"]) for one in data(changed)] == [
        ("shop.app.HasStock.low", "default", "3", "6")
    ]
    assert status.split() == ["M", "services/shop/app.py"]


@pytest.mark.parametrize(("against", "text"), [("v9", "v9"), ("--output=x", "--output=x")])
def test_revision_that_does_not_exist_is_exit_code_2(against: str, text: str, repository: Path) -> None:
    """As git says it; what looks like an option is none."""
    done = run("check", f"--against={against}", project=repository)

    assert (done.exit_code, done.stdout) == (2, "")
    assert text in done.stderr
    assert not (repository / "x").exists()


def test_check_outside_git_says_so(shop: Path) -> None:
    """Exit code 2, with git's own words."""
    done = process(
        "check", "--against", "v1", "--project", str(shop), cwd=shop, env={"GIT_CEILING_DIRECTORIES": str(shop.parent)}
    )

    assert done.returncode == 2
    assert "not a git repository" in done.stderr

"""The main job on the example application, as a newcomer runs it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sphinx_traits.manifest import Manifest, loads
from traits_cli.commands import main

ROOT = Path(__file__).resolve().parent.parent
BLOG = ROOT / "examples" / "blog"


def traits(*arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-P", "-c", "from traits_cli import launch; launch()", *arguments]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments, prog_name="traits")


def snapshot(folder: Path) -> dict[str, str]:
    """Every file of a folder with its digest, what Python and the test runner cache left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """The facts of the example."""
    done = traits("manifest", "--project", str(BLOG))
    assert done.returncode == 0, done.stderr
    return loads(done.stdout)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bool]:
    """The example's site, what the command printed, and whether the sources stayed as they were."""
    output = tmp_path_factory.mktemp("site")
    before = snapshot(BLOG)
    done = traits("docs", "--all", "--project", str(BLOG), "--output", str(output))
    assert done.returncode == 0, done.stderr
    return output, done.stdout, snapshot(BLOG) == before


def test_example_has_ten_models_and_eighteen_traits(manifest: Manifest) -> None:
    """All of them are found, two of its own and sixteen that are ready-made, and nothing is wrong with any."""
    assert [one.short for one in manifest.models] == [
        "Article",
        "Category",
        "Page",
        "Series",
        "Comment",
        "Tag",
        "Image",
        "MediaFile",
        "Subscriber",
        "User",
    ]
    assert [one.name for one in manifest.traits if one.name.startswith("blog.")] == [
        "blog.traits.announcing.Announced",
        "blog.traits.content.HasContent",
    ]
    assert len(manifest.traits) == 18
    assert [one for one in manifest.findings if one.level != "info"] == []
    assert all(one.complete for one in manifest.classes())


def test_mro_is_pythons_own(manifest: Manifest) -> None:
    """For every class of the example, bases and all."""
    script = (
        "import json, sys, importlib; sys.path.insert(0, sys.argv[1]); names = json.load(sys.stdin); out = {}\n"
        "for name in names:\n"
        "    module, _, cls = name.rpartition('.')\n"
        "    mro = getattr(importlib.import_module(module), cls).__mro__\n"
        "    out[name] = [f'{one.__module__}.{one.__qualname__}' for one in mro]\n"
        "print(json.dumps(out))"
    )
    ours = {one.name: list(one.mro) for one in manifest.classes() if one.name.startswith("blog.")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(BLOG)],
        input=json.dumps(list(ours)),
        capture_output=True,
        text=True,
        check=True,
    )

    assert ours == json.loads(done.stdout)


def test_command_ends_with_the_index_and_three_lines(site: tuple[Path, str, bool]) -> None:
    """The path is absolute and exists; models, traits and findings are counted."""
    path, models, traits_, findings = site[1].splitlines()

    assert Path(path).is_absolute()
    assert Path(path).name == "index.html"
    assert Path(path).exists()
    assert [models.split(), traits_.split(), findings.split()[:2]] == [
        ["10", "models"],
        ["18", "traits"],
        ["0", "findings"],
    ]


def test_every_model_page_names_every_trait_of_that_model(site: tuple[Path, str, bool], manifest: Manifest) -> None:
    """In the page's text, each with a link to the trait's own page."""
    for model in manifest.models:
        pages = [one for one in site[0].rglob(f"*{model.name}*.html") if "_modules" not in one.parts]
        assert len(pages) == 1, f"{model.name}: {pages}"
        text = pages[0].read_text(encoding="utf-8")
        for trait in model.traits:
            assert f"{trait}.html" in text, f"{model.name} does not link {trait}"
            assert trait.rpartition(".")[2] in text


def test_page_of_a_ready_made_trait_says_what_emits_its_events(site: tuple[Path, str, bool]) -> None:
    """Also where the host decides when: the emitting call stands in the trait."""
    for trait, function in (("tags.HasTags", "HasTags.tell_tags()"), ("activity.LogsActivity", "tell_activity()")):
        (page,) = site[0].rglob(f"*traits_runtime.traits.{trait}.html")
        text = page.read_text(encoding="utf-8")

        assert function in text
        assert "nobody" not in text


def test_sources_are_as_they_were(site: tuple[Path, str, bool]) -> None:
    """Nothing is written into the project."""
    assert site[2]


def test_one_model_is_enough(tmp_path: Path) -> None:
    """`--model` takes the last part of the name and brings the model's traits along."""
    done = run("docs", "--model", "Comment", "--project", str(BLOG), "--output", str(tmp_path), "--format", "md")

    assert done.exit_code == 0, done.stderr
    assert sorted(one.name for one in tmp_path.rglob("*.md")) == [
        "blog.models.discussion.Comment.md",
        "traits_runtime.traits.comments.IsComment.md",
        "traits_runtime.traits.soft_deletes.SoftDeletes.md",
        "traits_runtime.traits.tracking.HasUserTracking.md",
    ]


@pytest.mark.slow
def test_one_model_as_html(tmp_path: Path) -> None:
    """The same as a site on one page."""
    done = run("docs", "--model", "Comment", "--project", str(BLOG), "--output", str(tmp_path))

    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("WARNING") == 0
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "SoftDeletes" in text
    assert "HasUserTracking" in text


def test_misspelt_model_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """Exit code 2, and the name that was probably meant."""
    done = run("docs", "--model", "Artcle", "--project", str(BLOG), "--output", str(tmp_path / "x"))

    assert done.exit_code == 2
    assert "There is no model 'Artcle' among 10. Did you mean 'blog.models.content.Article'?" in done.stderr
    assert not (tmp_path / "x").exists()


def test_unknown_package_is_answered_with_the_searched_paths(tmp_path: Path) -> None:
    """Exit code 2, and every folder that was looked into."""
    done = run("manifest", "nosuchpackage", "--search-path", str(tmp_path))

    assert done.exit_code == 2
    assert "nosuchpackage" in done.stderr
    assert str(tmp_path) in done.stderr
    assert done.stdout == ""


def test_nothing_to_read_is_answered_with_what_to_write(tmp_path: Path) -> None:
    """A newcomer outside any project learns what to do."""
    done = traits("docs", cwd=tmp_path)

    assert done.returncode == 2
    assert "[tool.traits]" in done.stderr
    assert "--package" in done.stderr


def test_misspelt_command_is_answered_with_the_nearest() -> None:
    """`traits doc` means `traits docs`."""
    done = run("doc")

    assert done.exit_code == 2
    assert "Did you mean 'docs'?" in done.stderr


def test_what_is_read_is_what_runs() -> None:
    """The manifest of the example and the registry after importing it hold the same, field by field."""
    done = traits("verify", "--project", str(BLOG))

    assert done.returncode == 0, done.stdout
    assert done.stderr.endswith("facts compared, 0 differences.\n")


def test_help_imports_no_command() -> None:
    """`traits --help` is quick because it loads nothing."""
    script = (
        "import sys; from traits_cli.commands import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('griffe', 'sphinx', 'jinja2', 'sphinx_traits') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
    assert "docs" in done.stdout
    assert "manifest" in done.stdout


def test_package_that_raises_on_import_documents_without_complaint(tmp_path: Path) -> None:
    """The code is read, not run."""
    package = tmp_path / "angry"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    (package / "models.py").write_text(
        "from traits_runtime import Trait\nopen('/dev/full', 'w').write('imported')\n"
        "class HasName(Trait):\n    '''Has a name.'''\n"
        "class Thing(HasName):\n    '''A thing.'''\nraise SystemExit(3)\n",
        encoding="utf-8",
    )
    done = run("docs", "--package", "angry", "--search-path", str(tmp_path), "--output", str(tmp_path / "out"))

    assert done.exit_code == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert done.stdout.splitlines()[1:] == ["    1 models", "    1 traits", "    0 findings"]


def test_syntax_error_in_one_module_is_a_finding_and_the_rest_is_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With file and line."""
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "half"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "bad.py").write_text("x = 1\ndef broken(:\n", encoding="utf-8")
    (package / "good.py").write_text(
        "from traits_runtime import Trait\nclass HasName(Trait): ...\nclass Thing(HasName): ...\n", encoding="utf-8"
    )
    done = run("manifest", "half", "--search-path", str(tmp_path))

    assert done.exit_code == 0, done.stderr
    found = loads(done.stdout)
    assert [one.name for one in found.models] == ["half.good.Thing"]
    assert [(one.code, str(one.location)) for one in found.findings] == [("syntax_error", "half/bad.py:2")]

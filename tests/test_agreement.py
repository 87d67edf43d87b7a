"""Pages, commands and the program say the same about config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sphinx_traits.effective import EffectiveValue
from sphinx_traits.extract import Options, extract
from sphinx_traits.extract.settings import file_settings
from sphinx_traits.manifest import Manifest
from sphinx_traits.resolve import Composition, Index, compose
from traits_cli.commands import main
from traits_runtime.rules.files import read_file
from traits_runtime.rules.keys import REQUIRED
from traits_runtime.rules.layers import Resolver

MODELS = '''
"""Models with keys of many types."""
import datetime as dt
import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from traits_runtime import Trait, TraitConfig, feature, option


class Mode(enum.Enum):
    """How fast."""

    SLOW = "slow"
    FAST = "fast"


class SlugConfig(TraitConfig):
    """Slugs."""

    max_length: int = option(80, ge=8, env="SHOP_SLUG_MAX", doc="Longest slug.")
    limit: int | None = option(None, ge=8, doc="An optional number with a bound.")
    sep: str = option("-", max_length=2, doc="Separator.")
    ratio: float = option(0.5, doc="A share.")
    words: tuple[str, ...] = option(("a",), doc="Several words.")
    style: Literal["plain", "title"] = option("plain", doc="A choice.")
    names: Mapping[str, int] = option(factory=dict, doc="Numbers by name.")
    folder: Path = option(Path("slugs"), doc="A folder.")
    pause: dt.timedelta = option(dt.timedelta(seconds=1), doc="A pause.")
    mode: Mode = option(Mode.SLOW, doc="An enumeration.")
    owner: str = option(doc="Required.")
    token: str = option("secret", secret=True, min_length=4, doc="Masked.")
    host: str = option("localhost", env="SHOP_HOST", locked=True, doc="Locked to the environment.")


class HasSlug(Trait):
    """Slug."""

    slug_config = SlugConfig()
    follow = feature(True, env="SHOP_FOLLOW", doc="Follow the title.")


class Article(HasSlug):
    """An article."""


class News(Article):
    """An article that is new."""

    __traits__ = {HasSlug: {"max_length": 30}}
'''
OTHER = '''
"""A second trait of the same short name."""
from traits_runtime import Trait, TraitConfig, option


class OtherConfig(TraitConfig):
    """Of the other trait."""

    max_length: int = option(5, doc="A number.")


class HasSlug(Trait):
    """Another slug."""

    slug_config = OtherConfig()


class Remark(HasSlug):
    """Has the other trait."""
'''
SUBJECTS = ("shop.models.Article", "shop.models.News", "shop.other.Remark")
TENANTS = ("", "acme")
PROGRAM = """
import json, sys
import shop.models, shop.other
from traits_runtime import config
from traits_runtime._core import registry, runtime
from traits_runtime.rules.keys import REQUIRED

answers = {}
runtime.ensure_files()
for path, metadata in registry.records().items():
    if metadata.kind != "model":
        continue
    for owner in metadata.all:
        for key in owner.keys.values():
            for tenant in ("", "acme"):
                resolved = runtime.resolver.resolve(key, metadata.subject_of(), tenant or None)
                shown = "REQUIRED" if resolved.value is REQUIRED else key.show(resolved.value)
                answers[f"{path} {key.path}.{key.name} {tenant}"] = [shown, resolved.layer, len(resolved.rejected)]
unknown = sorted(str(error) for error, _place in config.unknown())
print(json.dumps({"answers": answers, "unknown": unknown}))
"""


class Shop(NamedTuple):
    """A project in a folder.

    Args:
        root: Its folder.
    """

    root: Path

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def program(self, start: Path | None = None, **environ: str) -> dict[str, Any]:
        """What the program says about each key, run in a folder."""
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=start or self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), **environ},
            capture_output=True,
            text=True,
            check=True,
        )
        answers: dict[str, Any] = json.loads(run.stdout)
        return answers

    def manifest(self, start: Path | None = None) -> Manifest:
        """What the sources say, with the config file that is found from a folder."""
        options = Options(config_start=start or self.root)
        return extract(["shop"], search_paths=[self.root], project=self.root, options=options)

    def composition(self, model: str = "shop.models.Article", start: Path | None = None) -> Composition:
        """A model as its page shows it."""
        return compose(Index(self.manifest(start)), model)

    def traits(self, *arguments: str, start: Path | None = None) -> str:
        """The output of a command, run in a folder."""
        run = CliRunner()
        before = Path.cwd()
        os.chdir(start or self.root)
        try:
            result = run.invoke(main, list(arguments))
        finally:
            os.chdir(before)
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the shop, without any config."""
    shop = Shop(tmp_path_factory.mktemp("sources"))
    shop.write("shop/__init__.py", '"""A shop."""\n')
    shop.write("shop/models.py", MODELS)
    shop.write("shop/other.py", OTHER)
    return shop.root


@pytest.fixture
def shop(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A project with the shop's sources."""
    monkeypatch.delenv("TRAITS_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Shop(tmp_path / "project")
    for path in (sources / "shop").glob("*.py"):
        project.write(f"shop/{path.name}", path.read_text(encoding="utf-8"))
    return project


def value_of(composition: Composition, name: str) -> EffectiveValue:
    """A key or feature of a composition."""
    return next(value for value in (*composition.config, *composition.features) if value.key.name == name)


def said_by_page(manifest: Manifest) -> dict[str, list[Any]]:
    """What the page of each model says about each key, in the form of `PROGRAM`."""
    index = Index(manifest)
    answers = {}
    for model in SUBJECTS:
        composition = compose(index, model)
        for value in (*composition.config, *composition.features):
            path = f"{value.key.owner}.{value.key.name}"
            for tenant in TENANTS:
                answers[f"{model} {path} {tenant}"] = _answer(value, tenant)
    return answers


def _answer(value: EffectiveValue, tenant: str) -> list[Any]:
    of_tenant = next((setting for setting in value.tenants if setting.tenant == tenant), None) if tenant else None
    if of_tenant is not None:
        return [of_tenant.value.text, of_tenant.layer]
    return ["REQUIRED" if value.value.kind == "required" else value.value.text, value.layer]


UNCHECKED = ("token", "names", "folder", "pause")
"""Keys whose text differs: expressions are shown as they are written, a secret is masked."""


def disagreements(program: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    """The keys about which page and program differ: in value and layer, of `UNCHECKED` in the layer alone."""
    different = {}
    for name, said in page.items():
        answer = program[name][:2]
        is_same = answer[1] == said[1] if name.split()[1].endswith(UNCHECKED) else answer == said
        if not is_same:
            different[name] = (answer, said)
    return different


PROJECT = '[tool.traits]\npackages = ["shop"]\n'
FILES = {
    "nothing": "",
    "file": "[tool.traits.config.HasSlug]\nmax_length = 60\nsep = '_'\n",
    "refused": "[tool.traits.config.HasSlug]\nmax_length = 3\nsep = '---'\nratio = 'x'\nwords = [1]\nstyle = 'bold'\n",
    "optional": "[tool.traits.config.HasSlug]\nlimit = 9\n[tool.traits.tenants.acme.HasSlug]\nlimit = 2\n",
    "features table": "[tool.traits.features.HasSlug]\nfollow = false\n",
    "both tables": "[tool.traits.config.HasSlug]\nfollow = true\n[tool.traits.features.HasSlug]\nfollow = false\n",
    "toggle": "[tool.traits.config.HasSlug]\nenabled = false\n",
    "everything": "[tool.traits]\npackages = ['shop']\nenabled = false\n",
    "model": '[tool.traits.models."shop.models.Article".HasSlug]\nmax_length = 50\n',
    "model in code": '[tool.traits.models."shop.models.News".HasSlug]\nmax_length = 50\n',
    "short name of a model": "[tool.traits.models.Article.HasSlug]\nmax_length = 50\n",
    "tenant": "[tool.traits.tenants.acme.HasSlug]\nmax_length = 40\n",
    "tenant's model": '[tool.traits.tenants.acme.models."shop.models.Article".HasSlug]\nmax_length = 41\n',
    "refused of a tenant": "[tool.traits.tenants.acme.HasSlug]\nmax_length = 4\n",
    "dotted keys": "[tool.traits]\nconfig.HasSlug.max_length = 61\n",
    "inline table": '[tool.traits.config]\n"HasSlug" = { max_length = 62, sep = "+" }\n',
    "quoted path": '[tool.traits.config."shop.other.HasSlug"]\nmax_length = 7\n',
    "short name of two traits": "[tool.traits.config.HasSlug]\nmax_length = 9\n",
    "both names": "[tool.traits.config]\n'shop.models.HasSlug'.max_length = 10\nHasSlug.max_length = 11\n",
    "other types": "[tool.traits.config.HasSlug]\nratio = 2\nwords = ['b', 'c']\nstyle = 'title'\nmode = 'fast'\n",
    "refused enum": "[tool.traits.config.HasSlug]\nmode = 'wild'\n[tool.traits.tenants.acme.HasSlug]\nmode = 'fast'\n",
    "required": "[tool.traits.config.HasSlug]\nowner = 'me'\n",
    "types of the library": "[tool.traits.config.HasSlug]\nfolder = 'x'\npause = 'PT5S'\nnames = { a = 1 }\n",
    "refused types of the library": "[tool.traits.config.HasSlug]\nfolder = 1\npause = 'soon'\nnames = { a = 'b' }\n",
    "secret": "[tool.traits.config.HasSlug]\ntoken = 'hidden'\n",
    "refused secret": "[tool.traits.config.HasSlug]\ntoken = 'abc'\n",
    "locked": "[tool.traits.config.HasSlug]\nhost = 'example.org'\n",
}


@pytest.mark.parametrize("case", FILES)
def test_page_and_program_resolve_the_same_values(shop: Shop, case: str) -> None:
    """For every way to write a value: same value, same layer, for every model, with and without a tenant."""
    text = FILES[case]
    shop.write("pyproject.toml", text if "packages" in text else PROJECT + text.removeprefix("[tool.traits]\n"))

    program = shop.program()
    page = said_by_page(shop.manifest())

    assert disagreements(program["answers"], page) == {}


@pytest.mark.parametrize(
    "text",
    ["[config.HasSlug]\nmax_length = 60\n", "\ufeff[config.HasSlug]\nmax_length = 60\n"],
    ids=["plain", "byte order mark"],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_encoding_of_the_file_changes_nothing(shop: Shop, text: str, ending: str) -> None:
    """A byte order mark and line ends of Windows are no part of a value, and lines are counted as an editor does."""
    shop.root.joinpath("traits.toml").write_bytes(text.replace("\n", ending).encode())

    effective = value_of(shop.composition(), "max_length")

    assert shop.program()["answers"]["shop.models.Article shop.models.HasSlug.max_length "][:2] == ["60", "file"]
    assert (effective.value.text, str(effective.setting and effective.setting.location)) == ("60", "traits.toml:2")


def test_refused_value_is_shown_with_the_reason(shop: Shop) -> None:
    """Page, Markdown, terminal and program show the default, and that the file's value is refused."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\nmax_length = 3\n")
    effective = value_of(shop.composition(), "max_length")
    shown = shop.traits("show", "Article")
    listed = shop.traits("config", "list", "--model", "Article", "--json")
    shop.traits("docs", "--format", "md", "--output", "md")
    shop.traits("docs", "--output", "html")
    markdown = (shop.root / "md/models/shop.models.Article.md").read_text(encoding="utf-8")
    html = (shop.root / "html/traits/models/shop.models.Article.html").read_text(encoding="utf-8")

    assert shop.program()["answers"]["shop.models.Article shop.models.HasSlug.max_length "] == ["80", "default", 1]
    assert (effective.value.text, effective.layer, len(effective.refused)) == ("80", "default", 1)
    assert "takes int (ge=8), the file layer gives 3" in effective.refused[0].reason
    assert "refused" in shown
    assert {"key": "HasSlug.max_length", "value": 80, "layer": "default"}.items() <= json.loads(listed)["data"][
        1
    ].items()
    assert "refused" in markdown
    assert "refused" in html


def test_refused_secret_is_checked_before_it_is_masked(shop: Shop) -> None:
    """Every output says that a secret's value is refused and that the default is effective; none prints the value."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\ntoken = 987654\n")
    as_json = shop.traits("show", "Article", "--json")
    shop.traits("docs", "--format", "md", "--output", "md")
    shop.traits("docs", "--output", "html")
    outputs = {
        "terminal": shop.traits("show", "Article"),
        "Markdown": (shop.root / "md/models/shop.models.Article.md").read_text(encoding="utf-8"),
        "HTML": (shop.root / "html/traits/models/shop.models.Article.html").read_text(encoding="utf-8"),
    }
    token = next(value for value in json.loads(as_json)["data"]["config"] if value["key"]["name"] == "token")

    assert shop.program()["answers"]["shop.models.Article shop.models.HasSlug.token "][1:] == ["default", 1]
    assert (token.get("layer", "default"), len(token["refused"])) == ("default", 1)
    assert [name for name, text in outputs.items() if "refused" not in text] == []
    assert [name for name, text in outputs.items() if "987654" in text] == []
    assert "987654" not in as_json


def test_nearest_file_alone_counts(shop: Shop) -> None:
    """In one folder `traits.toml` hides the tables of `pyproject.toml`."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\nmax_length = 60\n")
    shop.write("traits.toml", '[config.HasSlug]\nsep = "_"\n')

    composition = shop.composition()

    assert disagreements(shop.program()["answers"], said_by_page(shop.manifest())) == {}
    assert value_of(composition, "max_length").value.text == "80"
    assert value_of(composition, "sep").value.text == "'_'"


def test_search_begins_in_the_working_folder(shop: Shop) -> None:
    """A file nearer to the working folder counts for program and commands; from the project's folder the other does."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\nmax_length = 60\n")
    inner = shop.write("deep/er/traits.toml", "[config.HasSlug]\nmax_length = 20\n").parent
    listed = json.loads(shop.traits("config", "list", "--model", "Article", "--json", start=inner))["data"]
    shown = json.loads(shop.traits("show", "Article", "--json", start=inner))["data"]["config"]

    assert shop.program(inner)["answers"]["shop.models.Article shop.models.HasSlug.max_length "][0] == "20"
    assert next(one["value"] for one in listed if one["key"] == "HasSlug.max_length") == 20
    assert next(one["value"]["text"] for one in shown if one["key"]["name"] == "max_length") == "20"
    assert value_of(shop.composition(), "max_length").value.text == "60"


def test_file_that_the_variable_names_counts_everywhere(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """`TRAITS_CONFIG` is stronger than any search."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\nmax_length = 60\n")
    other = shop.write("elsewhere/special.toml", "[config.HasSlug]\nmax_length = 33\n")
    monkeypatch.setenv("TRAITS_CONFIG", str(other))

    assert shop.program()["answers"]["shop.models.Article shop.models.HasSlug.max_length "][0] == "33"
    assert value_of(shop.composition(), "max_length").value.text == "33"
    assert '"value": 33' in shop.traits("config", "list", "--model", "Article", "--json")


def test_misspelt_names_are_the_same_findings(shop: Shop) -> None:
    """Trait, key, model and table: the program and the pages say the same sentences."""
    shop.write(
        "traits.toml",
        'confg = {}\n[config.HasSlgu]\na = 1\n[config.HasSlug]\nmax_lenght = 1\n[models.Article.HasSlug]\nsep = "+"\n'
        '[tenants.acme.models."shop.models.Article".HasSlug]\nmax_length = 40\n',
    )

    findings = sorted(
        finding.message for finding in shop.manifest().findings if finding.code in ("unknown_key", "unknown_trait")
    )

    assert findings == shop.program()["unknown"]
    assert len(findings) == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[config\n", "is no TOML"),
        ("config = 3\n", "config must be a table"),
        ("[config]\nHasSlug = 1\n", "HasSlug must be"),
    ],
)
def test_file_that_cannot_be_read_is_a_finding(shop: Shop, text: str, sentence: str) -> None:
    """The program raises; a page says so and shows defaults, without a path of this machine."""
    shop.write("traits.toml", text)
    manifest = shop.manifest()

    with pytest.raises(subprocess.CalledProcessError) as raised:
        shop.program()

    assert sentence in raised.value.stderr
    (finding,) = [finding for finding in manifest.findings if finding.code == "syntax_error"]
    assert sentence in finding.message
    assert str(shop.root) not in finding.message


def test_variables_that_may_override_are_named(shop: Shop) -> None:
    """Of a default and of the file's value; not of a model's, unless the key is locked to its variable."""
    article, news = shop.composition(), shop.composition("shop.models.News")

    assert value_of(article, "max_length").variables == ("SHOP_SLUG_MAX",)
    assert value_of(news, "max_length").variables == ()
    assert value_of(article, "host").variables == ("SHOP_HOST",)
    assert value_of(article, "follow").variables == ("SHOP_FOLLOW",)
    program = shop.program(SHOP_SLUG_MAX="90", SHOP_FOLLOW="no")["answers"]
    assert program["shop.models.Article shop.models.HasSlug.max_length "][:2] == ["90", "environment"]
    assert program["shop.models.News shop.models.HasSlug.max_length "][:2] == ["30", "model"]
    assert program["shop.models.Article shop.models.HasSlug.follow "][:2] == ["False", "environment"]


def test_toggle_of_a_trait_switches_its_features_off(shop: Shop) -> None:
    """The feature keeps its own value; what switches it off is named, and the toggle is a row of its own."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\nenabled = false\n")
    composition = shop.composition()
    follow, toggle = value_of(composition, "follow"), value_of(composition, "enabled")

    assert follow.value.text == "True"
    assert [setting.key for setting in follow.switched_off_by] == ["enabled"]
    assert (toggle.value.text, toggle.layer) == ("False", "file")
    assert "off by HasSlug.enabled" in shop.traits("show", "Article")


def test_everything_off_is_said_of_every_feature(shop: Shop) -> None:
    """`enabled = false` without a trait switches all traits off."""
    shop.write("pyproject.toml", PROJECT + "enabled = false\n")

    (setting,) = value_of(shop.composition(), "follow").switched_off_by

    assert (setting.trait, setting.key, setting.value.text) == ("*", "enabled", "False")


def test_secret_values_stay_out_of_reasons(shop: Shop) -> None:
    """A refused secret is reported without its value."""
    shop.write("pyproject.toml", PROJECT + "[tool.traits.config.HasSlug]\ntoken = 'abc'\n")

    effective = value_of(shop.composition(), "token")

    assert len(effective.refused) == 1
    assert "abc" not in effective.refused[0].reason


NAMES = st.sampled_from(["HasSlug", "shop.models.HasSlug", "shop.other.HasSlug", "HasNothing"])
KEYS = st.sampled_from(
    ["max_length", "limit", "sep", "ratio", "words", "style", "follow", "enabled", "owner", "unknown"]
)
VALUES = st.one_of(
    st.integers(-5, 100), st.booleans(), st.sampled_from(["a", "abc", "title", "1", ""]), st.floats(0, 2),
    st.lists(st.sampled_from(["a", "b"]), max_size=2), st.just([1]),
)  # fmt: skip
TRAITS = st.dictionaries(NAMES, st.dictionaries(KEYS, VALUES, max_size=4), max_size=3)
BY_MODEL = st.dictionaries(st.sampled_from([*SUBJECTS, "shop.models.HasSlug", "Article"]), TRAITS, max_size=2)


def toml_of(config: Any, features: Any, models: Any, tenants: Any) -> str:
    """A config file with all of its tables inline."""
    tables = {"config": config, "features": features, "models": models, "tenants": tenants}
    return "\n".join(f"{name} = {_inline(value)}" for name, value in tables.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture(scope="module")
def facts(sources: Path) -> Manifest:
    """The facts of the shop without a config file."""
    return extract(["shop"], search_paths=[sources], options=Options())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=TRAITS, features=TRAITS, models=BY_MODEL, of_tenant=TRAITS, of_tenants_models=BY_MODEL
)  # fmt: skip
def test_random_files_resolve_the_same(
    program_models: dict[str, type], facts: Manifest, tmp_path: Path,
    config: Any, features: Any, models: Any, of_tenant: Any, of_tenants_models: Any,
) -> None:  # fmt: skip
    """Whatever a file gives to whom: the page's effective value is the program's."""
    path = tmp_path / "traits.toml"
    tenants = {"acme": {**of_tenant, "models": of_tenants_models}}
    path.write_text(toml_of(config, features, models, tenants), encoding="utf-8")

    found, _findings = file_settings(tmp_path, tmp_path)
    page = said_by_page(msgspec.structs.replace(facts, settings=tuple(found)))
    program = said_by_program(program_models, path)

    assert disagreements(program, page) == {}


@pytest.fixture(scope="module")
def program_models(sources: Path) -> dict[str, type]:
    """The models of the shop, imported."""
    sys.path.insert(0, str(sources))
    try:
        import shop.models
        import shop.other
    finally:
        sys.path.remove(str(sources))
    modules = {"shop.models": shop.models, "shop.other": shop.other}
    return {path: getattr(modules[path.rpartition(".")[0]], path.rpartition(".")[2]) for path in SUBJECTS}


def said_by_program(models: Mapping[str, Any], path: Path) -> dict[str, list[Any]]:
    """What the program's records and resolver say, with the values of a file and no environment."""
    resolver = Resolver({}, lambda _error, _place: None)
    resolver.files = read_file(path).table
    answers = {}
    for name, model in models.items():
        metadata = model.__trait_record__ if hasattr(model, "__trait_record__") else model.__trait_metadata__
        for owner in metadata.all:
            for key in owner.keys.values():
                for tenant in TENANTS:
                    resolved = resolver.resolve(key, metadata.subject_of(), tenant or None)
                    shown = "REQUIRED" if resolved.value is REQUIRED else key.show(resolved.value)
                    answers[f"{name} {key.path}.{key.name} {tenant}"] = [shown, resolved.layer]
    return answers

"""What users complain about most in other extensions; stale pages stand in `test_rebuild_from_sources`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outputs import tree
from sphinx.util.inventory import InventoryFile

from sphinx_traits.testing import Built, SphinxBuilder

pytestmark = pytest.mark.slow

TRAITS = ("HasA", "HasB", "HasC", "HasD")
MEMBERS = ("alpha", "beta", "gamma")


def package(project: SphinxBuilder, files: dict[str, str], **config: Any) -> SphinxBuilder:
    """A project about a package on disk."""
    folder = project.root / "shop"
    for name, text in {"__init__.py": '"""A shop."""\n', **files}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    project.config.update(traits_packages=["shop"], traits_search_paths=[".."], **config)
    return project.write({"index.rst": "Shop\n====\n\n.. toctree::\n\n   traits/index\n"})


def cells(built: Built, docname: str, kind: str) -> dict[str, str]:
    """The first line of each row of a table, and the first line of its last cell."""
    tables = [table for table in built.doctree(docname).findall(nodes.table) if f"traits-{kind}" in table["classes"]]
    rows = [row for table in tables for row in next(iter(table.findall(nodes.tbody))).children]
    first_lines = [[cell.astext().split("\n")[0] for cell in row.children] for row in rows]
    return {row[0].split("(")[0]: row[-1] for row in first_lines}


# 1: whose member is it?

OWN = st.lists(st.sampled_from(MEMBERS), unique=True)
BASES = st.permutations(TRAITS).flatmap(lambda some: st.integers(2, 4).map(lambda count: some[:count]))


def sources(own: dict[str, list[str]], models: list[tuple[list[str], list[str]]]) -> str:
    """Four traits, the third made of the first, and models with bases and members."""
    lines = ["from traits_runtime import Trait", ""]
    for name in TRAITS:
        lines.append(f"class {name}({'HasA, Trait' if name == 'HasC' else 'Trait'}):\n    'A trait.'")
        lines += [f"    def {one}(self): 'Of {name}.'" for one in own[name]]
    for at, (bases, members) in enumerate(models):
        lines.append(f"class Model{at}({', '.join(bases)}):\n    'A model.'")
        lines += [f"    def {one}(self): 'Of the model.'" for one in members]
    return "\n".join(lines) + "\n"


def consistent(bases: list[str]) -> bool:
    """Whether Python finds an order for these bases: what is made of another must stand before it."""
    return "HasA" not in bases or "HasC" not in bases or bases.index("HasC") < bases.index("HasA")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    own=st.fixed_dictionaries(dict.fromkeys(TRAITS, OWN)),
    models=st.lists(st.tuples(BASES.filter(consistent), OWN), min_size=4, max_size=6),
)
def test_every_row_names_the_class_that_python_would_call(
    tmp_path_factory: pytest.TempPathFactory, own: dict[str, list[str]], models: list[tuple[list[str], list[str]]]
) -> None:
    """Over random bases and overrides, *From* is the first class of the real lookup order that defines the member."""
    text = sources(own, models)
    project = package(SphinxBuilder(tmp_path_factory.mktemp("whose")), {"things.py": text})
    built = project.build("dummy")
    real: dict[str, Any] = {"__name__": "things"}
    exec(text, real)  # noqa: S102

    for at in range(len(models)):
        mro = real[f"Model{at}"].__mro__
        expected = {name: next((c.__name__ for c in mro if name in vars(c)), "") for name in MEMBERS}
        shown = cells(built, f"traits/models/shop.things.Model{at}", "members")
        assert shown == {name: owner for name, owner in expected.items() if owner}


# 2: duplicates

KEYS = """from traits_runtime import Trait, TraitConfig, TraitEvent, hook, option

class OneConfig(TraitConfig):
    size: int = option(1, env=("SHOP_SIZE",), doc="A size.")

class HasOne(Trait):
    "One."
    one_config = OneConfig()
    made = TraitEvent(doc="Made.")
    @hook("creating")
    def make(self): "Make it."

class OtherConfig(TraitConfig):
    size: int = option(2, env=("SHOP_SIZE",), doc="Another size, from the same variable.")

class HasOther(Trait):
    "Another."
    other_config = OtherConfig()
"""


def many(count: int) -> str:
    """Models that share two traits."""
    return "from shop.keys import HasOne, HasOther\n" + "".join(
        f"class Model{at}(HasOne, HasOther):\n    'A model.'\n" for at in range(count)
    )


@pytest.mark.parametrize("count", [2, 20])
def test_what_models_share_is_described_once(project: SphinxBuilder, count: int) -> None:
    """With 2 models or with 20 the inventory has the same keys, events and hooks, and nothing is described twice."""
    package(project, {"keys.py": KEYS, "models.py": many(count)}, nitpicky=True, traits_std_objects=True)
    project.config["suppress_warnings"] = ["traits.shared_environment_variable"]
    built = project.build()
    with (built.out / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "https://shop", lambda base, path: f"{base}/{path}")

    assert built.warnings == []
    assert sorted(found["trait:config"]) == [
        "shop.keys.HasOne.one_config.size",
        "shop.keys.HasOne.size",
        "shop.keys.HasOther.other_config.size",
        "shop.keys.HasOther.size",
    ]
    assert sorted(found["trait:hook"]) == ["shop.keys.HasOne.make"]
    assert len(found["trait:event"]) == 2
    assert len(found["trait:model"]) == count
    assert list(found["std:envvar"]) == ["SHOP_SIZE"]


# 4: everything is rebuilt


def test_a_second_build_has_nothing_to_do(project: SphinxBuilder) -> None:
    """Sphinx finds nothing added, changed or removed; every value of the configuration can be kept."""
    package(project, {"keys.py": KEYS, "models.py": many(3)}).write({"conf.py": "extensions = ['sphinx_traits']\n"})
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-d", "tree", "docs", "out"]
    command += ["-D", "traits_packages=shop", "-D", "traits_search_paths=.."]
    runs = [subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True) for _ in range(2)]

    assert "config.cache" not in runs[0].stderr + runs[1].stderr
    assert "0 added, 0 changed, 0 removed" in runs[1].stdout
    assert "has changed" not in runs[1].stdout


# 5: slow


def hooked(traits: int, hooks: int, models: int, *, used: bool) -> dict[str, str]:
    """Traits with many hooks, and models that use all of them or none."""
    files = {
        f"t{at}.py": f"from traits_runtime import Trait, hook\nclass Has{at}(Trait):\n    'Trait {at}.'\n"
        + "".join(
            f"    @hook('creating')\n    def hook_{at}_{n}(self):\n        'Do part {n} of {at}, in some words.'\n"
            for n in range(hooks)
        )
        for at in range(traits)
    }
    names = ", ".join(f"Has{at}" for at in range(traits))
    imports = "".join(f"from shop.t{at} import Has{at}\n" for at in range(traits))
    own = "".join(f"    def own_{n}(self):\n        'Do {n}, in some words.'\n" for n in range(8))
    for at in range(models):
        files[f"m{at}.py"] = f"{imports}class Model{at}({names if used else 'Has0'}):\n    'A model.'\n{own}"
    return files


def test_inherited_facts_cost_little(tmp_path: Path) -> None:
    """40 models with 8 traits of 8 hooks: at most half more than with one of the traits, whose members are few.

    The pages are the same in number; other extensions describe each inherited member on each page again, for seven
    to nine times the cost.
    """
    package(SphinxBuilder(tmp_path / "first"), hooked(1, 1, 1, used=True)).build()
    calls = dict.fromkeys((True, False), 0)
    for used in calls:
        project = package(SphinxBuilder(tmp_path / str(used)), hooked(8, 8, 40, used=used))

        def note(_frame: object, event: str, _arg: object, used: bool = used) -> None:
            calls[used] += event == "call"

        sys.setprofile(note)
        try:
            project.build()
        finally:
            sys.setprofile(None)

    assert calls[True] <= 1.5 * calls[False]


def test_a_package_is_read_once_for_a_build(project: SphinxBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each page, and not at all where nothing has changed."""
    import sphinx_traits.extract as extraction

    calls: list[object] = []
    real = extraction.extract_with_files
    monkeypatch.setattr(
        extraction, "extract_with_files", lambda *args, **options: calls.append(args) or real(*args, **options)
    )
    package(project, {"keys.py": KEYS, "models.py": many(8)})

    assert len(project.build().read) > 8
    assert len(calls) == 1
    project.build()
    assert len(calls) == 1


def test_a_build_without_changes_loads_no_parser(project: SphinxBuilder) -> None:
    """To learn that nothing has changed takes a look at the times of files."""
    package(project, {"keys.py": KEYS, "models.py": many(8)})
    script = "import sys; from sphinx.cmd.build import main; main(sys.argv[1:]); print('griffe' in sys.modules)"
    command = [sys.executable, "-c", script, "-q", "-C", "-D", "extensions=sphinx_traits", "-D", "traits_packages=shop"]
    command += ["-D", "traits_search_paths=..", "docs", "build"]
    loaded = [subprocess.run(command, cwd=project.root, check=True, capture_output=True).stdout for _turn in range(2)]

    assert [one.decode().strip() for one in loaded] == ["True", "False"]


# 6: files in the source tree


def test_a_build_leaves_sources_and_pages_as_they_are(project: SphinxBuilder) -> None:
    """Also with the output below the source folder, where most projects have it."""
    package(project, hooked(2, 1, 2, used=True))
    before = tree(project.root / "shop") | tree(project.source)
    command = [sys.executable, "-B", "-m", "sphinx", "-q", "-W", "-b", "html", "docs", "docs/_build"]
    command += ["-C", "-D", "extensions=sphinx_traits", "-D", "traits_packages=shop", "-D", "traits_search_paths=.."]
    for _turn in range(2):
        subprocess.run(command, cwd=project.root, check=True)

    after = tree(project.root / "shop") | tree(project.source)
    assert {path: data for path, data in after.items() if not path.startswith("_build/")} == before


# 7: import side effects, mocks

LOUD = """import missing_third_party
from missing_third_party.base import Something
from traits_runtime import Trait

class Getter:
    def __get__(self, instance, owner):
        raise SystemExit("a getter ran")

class HasLoud(Trait):
    "Loud."
    objects = Getter()
    def shout(self): "Shout."

class Model(HasLoud):
    "A model."

from pathlib import Path
Path(__file__).with_name("was_imported").write_text("!")
raise SystemExit("imported")
"""


@pytest.mark.parametrize(
    "extensions",
    [
        ["sphinx.ext.viewcode", "sphinx_traits"],
        ["sphinx_traits", "sphinx.ext.viewcode"],
        ["sphinx_traits", "sphinx.ext.coverage"],
    ],
)
@pytest.mark.parametrize("builder", ["html", "coverage"])
def test_user_code_is_never_run(project: SphinxBuilder, extensions: list[str], builder: str) -> None:
    """Whatever stands in front or behind: nothing is imported, no getter called, a missing library changes nothing."""
    if builder == "coverage" and "sphinx.ext.coverage" not in extensions:
        extensions = [*extensions, "sphinx.ext.coverage"]
    built = package(project, {"loud.py": LOUD}, extensions=extensions).build(builder)

    assert not (project.root / "shop" / "was_imported").exists()
    assert "shop.loud" not in sys.modules
    assert [one for one in built.warnings if "[traits." in one] == []
    if builder == "html":
        assert "shout" in built.text("traits/models/shop.loud.Model.html")


# 8: silent gaps

GAPS = """from elsewhere import Foreign
from traits_runtime import Trait

class HasOne(Trait):
    "One."

class HasTwo(HasOne, Trait):
    "Two."

class Gone(HasOne, Foreign):
    "With a base that is nowhere."

class Torn(HasOne, HasTwo):
    "Python finds no order for these."
"""


def test_a_gap_is_a_warning_with_its_place_and_the_way_out(project: SphinxBuilder) -> None:
    """Once for each base, at its line; the page says that it may be incomplete."""
    built = package(project, {"gaps.py": GAPS}).build()
    file = project.root / "shop" / "gaps.py"
    unresolved = [one for one in built.warnings if "[traits.unresolved_base]" in one]
    torn = [one for one in built.warnings if "[traits.impossible_mro]" in one]

    assert len(unresolved) == 1
    assert unresolved[0].startswith(f"{file}:10: WARNING:")
    assert "base-overrides" in unresolved[0]
    assert len(torn) == 1
    assert torn[0].startswith(f"{file}:13: WARNING:")
    for name in ("Gone", "Torn"):
        assert "This page may be incomplete" in built.text(f"traits/models/shop.gaps.{name}.html")


# 9: references, nitpicky builds

ODD = """from typing import Generic, TypeVar
from elsewhere import Foreign
from traits_runtime import Trait, hook

T = TypeVar("T")

class HasOdd(Trait, Generic[T]):
    "Odd."
    @hook("creating")
    def make(self, other: Foreign[T]) -> T: "Make it."

class Model(HasOdd[int]):
    "A model."
"""


def test_names_that_lead_nowhere_are_text(project: SphinxBuilder) -> None:
    """Foreign classes and type variables are no broken references, also with `nitpicky`."""
    built = package(project, {"odd.py": ODD}, nitpicky=True).build()

    assert built.warnings == []
    assert "HasOdd" in built.text("traits/models/shop.odd.Model.html")


def test_a_reference_to_nothing_is_a_warning_and_no_exception(project: SphinxBuilder) -> None:
    """In every role, each at its line."""
    package(project, {"odd.py": ODD})
    roles = ("trait", "model", "config", "event", "hook", "job", "feature", "metric", "obj")
    project.write({"index.rst": "Shop\n====\n\n" + "".join(f":trait:{one}:`nowhere`\n\n" for one in roles)})

    built = project.build()

    assert [int(one.split(":")[1]) for one in built.warnings] == [4 + 2 * at for at in range(len(roles))]


# 10: warnings without a place

BROKEN = '''from traits_runtime import Trait, TraitConfig, hook, option
from elsewhere import Foreign


class BrokenConfig(TraitConfig):
    size: int = option(1, doc="An *open one.")


class HasBroken(Trait):
    """Broken.

    First line is good.

    Then `an open
    in a paragraph of two lines.
    """

    broken_config = BrokenConfig()

    @hook("creating")
    def make(self) -> None:
        """Make it.

        A **bold word.
        """


class Model(HasBroken, Foreign):
    """A model.

    And |nothing| to replace.
    """
'''


def test_every_warning_names_the_true_line_of_its_file(project: SphinxBuilder) -> None:
    """Mistakes in docstrings and gaps in bases: `file:line: WARNING: ... [traits.subtype]`, and the line is right.

    Inside a paragraph docutils counts from the paragraph's first line.
    """
    built = package(project, {"broken.py": BROKEN}).build()
    file = project.root / "shop" / "broken.py"
    rows = BROKEN.splitlines()
    places = []
    for one in built.warnings:
        match = re.match(rf"{re.escape(os.fspath(file))}:(\d+): (?:WARNING|ERROR): .* \[traits\.\w+\]$", one)
        assert match, one
        places.append(rows[int(match[1]) - 1].strip())

    assert sorted(set(places)) == sorted(
        [
            'size: int = option(1, doc="An *open one.")',
            "Then `an open",
            "A **bold word.",
            "And |nothing| to replace.",
            "class Model(HasBroken, Foreign):",
        ]
    )

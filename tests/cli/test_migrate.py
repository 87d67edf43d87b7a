"""`traits migrate`: what is planned, done and taken back, and that no byte is lost on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from programs import data, process, run
from traits_cli.schemas import schemas
from traits_runtime.errors import MigrationError
from traits_runtime.migrate import rewriting
from traits_runtime.migrate.codemods import Codemod
from traits_runtime.migrate.journal import Journal
from traits_runtime.migrate.records import Hunk, Kind, Rewrite, Step, Target
from traits_runtime.migrate.rewriting import rewrite
from traits_runtime.migrate.source_text import BOM

MIXINS = '''"""What rows share."""

from sqlalchemy.orm import Mapped, mapped_column


class Marked:
    """A row with a mark."""

    mark: Mapped[str] = mapped_column(default="")

    def get_mark(self) -> str:
        return self.mark.upper()

    def label(self) -> str:
        return f"<{self.get_mark()}>"
'''

MODELS = """from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from stall.mixins import Marked


class Base(DeclarativeBase):
    pass


class Crate(Marked, Base):
    __tablename__ = "crate"
    id: Mapped[int] = mapped_column(primary_key=True)

    def get_mark(self) -> str:
        return super().get_mark() + "!"


def report(crate):
    return crate.get_mark()
"""


def write(folder: Path, **files: str) -> Path:
    """A project with the package `stall`; returns its folder."""
    package = folder / "stall"
    package.mkdir(parents=True, exist_ok=True)
    for name, text in {"__init__": "", **files}.items():
        (package / f"{name}.py").write_bytes(text.encode())
    (folder / "pyproject.toml").write_text('[tool.traits]\npackages = ["stall"]\n', encoding="utf-8")
    return folder


@pytest.fixture
def stall(tmp_path: Path) -> Path:
    """A project with a mixin and a model."""
    return write(tmp_path, mixins=MIXINS, models=MODELS)


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and permissions of everything but the journal."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".traits" not in path.parts)
    return {str(file): (file.read_bytes(), file.stat().st_mode) for file in files if file.suffix != ".pyc"}


def migrate(folder: Path, *arguments: str) -> Result:
    """Run a sub-command on a project."""
    return run("migrate", *arguments, project=folder)


def kinds(folder: Path, *arguments: str) -> dict[str, tuple[str, str]]:
    """Kind and message of each hunk, by the last part of its subject."""
    hunks = data(migrate(folder, "plan", "--json", *arguments))["hunks"]
    return {hunk["subject"].rpartition(".")[2]: (hunk["kind"], hunk["message"]) for hunk in hunks}


def test_a_plan_is_a_patch_and_writes_nothing(stall: Path) -> None:
    """The diff is standard output, the verdicts are standard error, and there is no journal."""
    before = tree(stall)
    planned = migrate(stall, "plan")
    untouched = tree(stall) == before and not (stall / ".traits").exists()
    subprocess.run(["git", "apply", "-p1"], cwd=stall, input=planned.stdout.encode(), check=True)

    assert planned.exit_code == 1
    assert planned.stderr == "stall/mixins.py:6: safe: stall.mixins.Marked becomes a trait. [adopt]\n1 safe.\n"
    assert untouched
    assert "class Marked(Trait):" in (stall / "stall" / "mixins.py").read_text(encoding="utf-8")
    assert migrate(stall, "plan").exit_code == 0


def test_an_adopted_mixin_is_a_trait(stall: Path) -> None:
    """Python, the runtime and the reading of sources agree; a second run has nothing to do."""
    result = migrate(stall, "apply", "--yes")
    again = migrate(stall, "apply", "--yes")
    code = (
        "import sys; sys.path.insert(0, '.'); from stall.models import Crate; from traits_runtime import registry; "
        "print(*(one.__name__ for one in (*registry.traits(), *registry.models())), Crate().enabled)"
    )
    output = process(code=code, cwd=stall)
    listed = {entry["name"]: entry["via"] for entry in data(run("list", "--traits", "--json", project=stall))}

    assert (result.exit_code, result.stdout) == (0, "stall/mixins.py\n")
    assert "1 file changed. To undo: traits migrate rollback 0001" in result.stderr
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "Nothing to change.\n")
    assert output.stdout.startswith("Marked Crate"), output.stderr
    assert listed == {"stall.mixins.Marked": "declared"}


def test_rollback_gives_bytes_and_permissions_back(stall: Path) -> None:
    """Also those of the file's mode; afterwards there is nothing to roll back."""
    (stall / "stall" / "mixins.py").chmod(0o754)
    before = tree(stall)
    migrate(stall, "apply", "--yes")
    mode = (stall / "stall" / "mixins.py").stat().st_mode & 0o777
    (stall / "stall" / "mixins.py").chmod(0o600)
    dry = migrate(stall, "rollback", "--dry-run")
    standing = migrate(stall, "status").stdout
    back = migrate(stall, "rollback", "--yes")

    assert mode == 0o754
    assert dry.stdout == back.stdout == "stall/mixins.py\n"
    assert "applied" in standing
    assert tree(stall) == before
    assert "rolled back" in migrate(stall, "status").stdout
    assert "There is no migration to roll back." in migrate(stall, "rollback", "--yes").stderr


@pytest.mark.parametrize(
    "arguments",
    [("plan",), ("plan", "--rename", "Marked.get_mark=shown"), ("apply", "--dry-run"), ("apply", "--yes"), ("status",)],
)
def test_json_holds_to_its_published_schema(stall: Path, arguments: tuple[str, ...]) -> None:
    """Also of a rollback."""
    output = [json.loads(migrate(stall, *arguments, "--json").stdout)]
    if arguments == ("apply", "--yes"):
        output += [
            json.loads(migrate(stall, *document, "--json").stdout) for document in (("status",), ("rollback", "--yes"))
        ]

    for document in output:
        jsonschema.validate(document, schemas()[document["schema"]])


# What is safe.

TYPED = "from typing import Generic, Protocol, TypeVar\nT = TypeVar('T')\n"
TAKING = "class Taking:\n    def __init_subclass__(cls, size=0): pass\n"

CASES: dict[str, tuple[str, str, str]] = {
    "a plain mixin": ("class Plain:\n    pass\n", "safe", ""),
    "an abstract class": ("import abc\nclass Plain(abc.ABC):\n    pass\n", "safe", ""),
    "a metaclass of abstract classes": ("import abc\nclass Plain(metaclass=abc.ABCMeta):\n    pass\n", "safe", ""),
    "a dataclass": ("@dataclass\nclass Plain:\n    x: int = 1\n", "safe", ""),
    "a generic class": (f"{TYPED}class Plain(Generic[T]):\n    pass\n", "safe", ""),
    "a metaclass": (
        "class Meta(type):\n    pass\nclass Plain(metaclass=Meta):\n    pass\n", "unsafe", "its metaclass Meta"
    ),
    "an argument of the class": (f"{TAKING}class Plain(Taking, size=3):\n    pass\n", "unsafe", "it takes size="),
    "a base of another package": (
        "import threading\nclass Plain(threading.Thread):\n    pass\n", "unsafe", "belongs to another package"
    ),
    "its own way to be made": ("class Plain:\n    def __new__(cls): return object.__new__(cls)\n", "unsafe", "__new__"),
    "making that asks on": ("class Plain:\n    def __new__(cls): return super().__new__(cls)\n", "safe", ""),
    "an unknown base": ("import nowhere\nclass Plain(nowhere.Base):\n    pass\n", "manual", "is not certain"),
    "computed bases": ("bases = (object,)\nclass Plain(*bases):\n    pass\n", "manual", ""),
    "a protocol": (f"{TYPED}class Plain(Protocol):\n    pass\n", "manual", "protocols only"),
    "a name of every trait": ("class Plain:\n    enabled = True\n", "manual", "every trait uses"),
    "two definitions": ("if x:\n    class Plain: pass\nelse:\n    class Plain: pass\n", "manual", "2 times"),
    "an enumeration": (
        "import enum\nclass Plain: pass\nclass Colour(Plain, enum.Enum):\n    RED = 1\n", "manual", "enumeration"
    ),
    "other things of these names": (
        "Trait = traits_runtime = 1\nclass Plain:\n    pass\n", "manual", "for something else"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_mixin_is_judged(tmp_path: Path, name: str) -> None:
    """Safe, or not, and why; what is left to people is never changed."""
    source, kind, reason = CASES[name]
    head = "from dataclasses import dataclass\nx = 1\n"
    write(tmp_path, app=f"{head}{source}@dataclass\nclass Row(Plain):\n    y: int = 2\n")
    before = tree(tmp_path)
    result = kinds(tmp_path, "--mixin", "Plain")["Plain"]
    migrate(tmp_path, "apply", "--yes", "--mixin", "Plain")

    assert result[0] == kind, result
    assert reason in result[1]
    assert (tree(tmp_path) != before) is (kind == "safe")
    assert migrate(tmp_path, "apply", "--yes", "--unsafe", "--mixin", "Plain").exit_code == 0
    assert (tree(tmp_path) != before) is (kind != "manual")


def test_mixins_of_every_verdict_but_manual_can_be_made() -> None:
    """What the verdicts rest on: the real base, mixed with what they are about."""
    head = "from dataclasses import dataclass\nfrom traits_runtime import Trait\n"
    for name in ("an abstract class", "a dataclass", "a metaclass", "an argument of the class", "making that asks on"):
        source = (
            CASES[name][0]
            .replace("class Plain:", "class Plain(Trait):")
            .replace("class Plain(", "class Plain(Trait, ", 1)
        )
        source = source.replace("(Trait, Trait)", "(Trait)")
        namespace: dict[str, Any] = {"__name__": __name__}
        exec(f"{head}{source}\nmade = type('Row', (Plain,), {{}})()", namespace)  # noqa: S102 - our own source

        assert namespace["made"].enabled is not None


def test_a_django_model_that_is_abstract_is_unsafe_and_works(tmp_path: Path) -> None:
    """Its models are traited; the reason names migrations, in which the base is then seen."""
    source = (
        "from django.db import models\n\n\nclass Stamped(models.Model):\n    at = models.DateTimeField(null=True)\n\n"
        "    class Meta:\n        abstract = True\n\n\n"
        "class Letter(Stamped):\n    class Meta:\n        app_label = 'stall'\n"
    )
    write(tmp_path, models=source)
    result = kinds(tmp_path)["Stamped"]
    migrate(tmp_path, "apply", "--yes", "--unsafe")
    code = (
        "import sys; sys.path.insert(0, '.'); import django; from django.conf import settings; settings.configure(); "
        "django.setup(); from stall.models import Letter; from django.db.migrations.state import ModelState; "
        "print(Letter().enabled is not None, ModelState.from_model(Letter).bases)"
    )
    output = process(code=code, cwd=tmp_path)

    assert result[0] == "unsafe"
    assert "migrations" in result[1]
    assert output.stdout.startswith("True ("), output.stderr
    assert "Trait" in output.stdout


def test_what_has_no_order_of_bases_any_more_is_left_alone(tmp_path: Path) -> None:
    """Found by reading the outcome back: one class has `Trait` before its base, another would have it behind."""
    source = (
        "from traits_runtime import Trait\n\n\nclass Root:\n    pass\n\n\nclass HasEarly(Trait, Root):\n    pass\n\n\n"
        "class Late(Root):\n    pass\n\n\nclass Row(HasEarly, Late):\n    pass\n"
    )
    write(tmp_path, app=source)
    result = kinds(tmp_path, "--mixin", "Late")
    before = tree(tmp_path)
    migrate(tmp_path, "apply", "--yes", "--unsafe", "--mixin", "Late")

    assert result["Late"][0] == "manual"
    assert "Row cannot be created" in result["Late"][1]
    assert tree(tmp_path) == before


def test_a_mixin_brings_those_that_inherit_it_along(tmp_path: Path) -> None:
    """They would be taken for models; where one of them cannot be adopted, that is said of the first."""
    models = "from dataclasses import dataclass\nfrom stall.mixins import *\n\n\n"
    row = "@dataclass\nclass Row(Second):\n    x: int = 1\n"
    write(tmp_path, mixins="class First:\n    pass\n\n\nclass Second(First):\n    pass\n", models=models + row)
    both = kinds(tmp_path, "--mixin", "First")
    write(tmp_path, mixins="class First:\n    pass\n\n\nclass Second(First):\n    scopes = ()\n", models=models + row)
    stuck = kinds(tmp_path, "--mixin", "stall.mixins.First")

    assert {name: kind for name, (kind, _) in both.items()} == {"First": "safe", "Second": "safe"}
    assert stuck["Second"][0] == "manual"
    assert stuck["First"][0] != "safe"


def test_a_class_that_no_model_uses_can_be_named(tmp_path: Path) -> None:
    """By its short or its full name; a model cannot."""
    write(
        tmp_path,
        mixins="class Lonely:\n    pass\n",
        models=MODELS.replace("from stall.mixins import Marked", "class Marked: pass"),
    )
    nothing = kinds(tmp_path, "--mixin", "Marked")
    short = kinds(tmp_path, "--mixin", "Lonely")
    full = kinds(tmp_path, "--mixin", "stall.mixins.Lonely")

    assert nothing["Marked"][0] == "safe"
    assert short == full == {"Lonely": ("safe", "stall.mixins.Lonely becomes a trait.")}
    assert "is a model, not a mixin" in migrate(tmp_path, "plan", "--mixin", "Crate").stderr


def test_a_pattern_of_the_project_does_not_hide_that_a_trait_is_declared(tmp_path: Path) -> None:
    """`trait-names` found the mixin; once it says so itself, that counts."""
    write(tmp_path, app="class NoteMixin:\n    pass\n\n\nclass Note(NoteMixin):\n    pass\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.traits]\npackages = ["stall"]\ntrait-names = ["*Mixin"]\n', encoding="utf-8"
    )
    result = migrate(tmp_path, "apply", "--yes")
    listed = {entry["name"]: entry["via"] for entry in data(run("list", "--traits", "--json", project=tmp_path))}

    assert result.exit_code == 0, result.stderr
    assert listed == {"stall.app.NoteMixin": "declared"}


# How it looks.


def adopted(text: str, name: str = "A") -> str:
    """A file with one class adopted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.py"
        path.write_bytes(text.encode())
        step = Step("adopt", (Target(name, name, "safe"),))
        return rewrite(path, "a.py", [step], frozenset({"safe"})).after.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("class A: ...", "class A(Trait): ..."),
        ("class A(): ...", "class A(Trait): ..."),
        ("class A(object): ...", "class A(Trait): ..."),
        ("class A(B): ...", "class A(B, Trait): ..."),
        ("class A(B,): ...", "class A(B, Trait,): ..."),
        ("class A(B, metaclass=M): ...", None),
        ("class A(*B): ...", None),
        ("class A(metaclass=ABCMeta): ...", "class A(Trait, metaclass=ABCMeta): ..."),
        ("class A(B, Generic[T]): ...", "class A(B, Trait, Generic[T]): ..."),
        ("class A(Generic[T]): ...", "class A(Trait, Generic[T]): ..."),
        ("class A(Generic[T], B): ...", "class A(Generic[T], B, Trait): ..."),
        ("class A(\n    B,\n    C,\n): ...", "class A(\n    B,\n    C,\n    Trait,\n): ..."),
        ("class A(\n    B,\n    C\n): ...", "class A(\n    B,\n    C,\n    Trait\n): ..."),
        ("class A(\n    B,\n): ...", "class A(\n    B,\n    Trait,\n): ..."),
        ("class A(\n    B,  # b\n    C,  # c\n): ...", "class A(\n    B,  # b\n    C,  # c\n    Trait,\n): ..."),
        ("class A(  # why\n    B,\n): ...", "class A(  # why\n    B,\n    Trait,\n): ..."),
        ("class A(Trait): ...", "class A(Trait): ..."),
    ],
)
def test_the_base_is_added_as_the_list_is_laid_out(before: str, after: str | None) -> None:
    """On one line or several, with commas and comments as they are; `Generic` stays last."""
    head = "from traits_runtime import Trait\n"

    assert adopted(head + before) == head + (before if after is None else after)


IMPORT = "from traits_runtime import Trait\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", IMPORT + "\n\n"),
        ('"""Doc."""\n\n\n', f'"""Doc."""\n\n{IMPORT}\n\n'),
        ("#!/usr/bin/python\n# Licence\n\n# About A.\n", f"#!/usr/bin/python\n# Licence\n\n{IMPORT}\n\n# About A.\n"),
        ("# Licence\n", f"# Licence\n{IMPORT}\n\n"),
        ("from __future__ import annotations\n\n\n", f"from __future__ import annotations\n{IMPORT}\n\n"),
        ('"""Doc."""\n\nimport os\n\nX = 1\n\n\n', f'"""Doc."""\n\nimport os\n{IMPORT}\nX = 1\n\n\n'),
        ("import os\ntry:\n    import a\nexcept E: ...\n", f"import os\n{IMPORT}\ntry:\n    import a\nexcept E: ...\n"),
        ("from traits_runtime import Trait\n", IMPORT),
        ("from traits_runtime import Envelope, feature\n", "from traits_runtime import Envelope, Trait, feature\n"),
        ("from traits_runtime import Envelope\n", "from traits_runtime import Envelope, Trait\n"),
        ("from traits_runtime import (\n    Envelope,\n    hook,\n)\n",
         "from traits_runtime import (\n    Envelope,\n    Trait,\n    hook,\n)\n"),
    ],
)  # fmt: skip
def test_the_import_is_where_one_would_write_it(before: str, after: str) -> None:
    """Below what a file begins with, in a statement that is there, and only once."""
    assert adopted(before + "class A: ...\n") == after + "class A(Trait): ...\n"


@pytest.mark.parametrize(
    ("head", "base"),
    [
        ("from traits_runtime import Trait as T\n", "T"),
        ("import traits_runtime\n", "traits_runtime.Trait"),
        ("import traits_runtime as tr\n", "tr.Trait"),
        ("from traits.api import Trait\n", "traits_runtime.Trait"),
    ],
)
def test_the_name_that_the_file_has_is_used(head: str, base: str) -> None:
    """Another `Trait` is left in peace."""
    created = adopted(head + "class A: ...\n")

    assert f"class A({base}): ..." in created
    assert created.count("import traits_runtime") == (1 if base.startswith(("traits_runtime", "tr.")) else 0)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax of 3.12")
def test_a_class_with_type_parameters_is_adopted() -> None:
    """A parameter may even be called as we are."""
    assert adopted(IMPORT + "class A[T](B): ...\n") == IMPORT + "class A[T](B, Trait): ...\n"
    assert "class A[Trait](traits_runtime.Trait): ..." in adopted("class A[Trait]: ...\n")


def test_a_class_within_another_is_meant_by_its_whole_name() -> None:
    """The other class of that name stays, as does one in a function."""
    text = IMPORT + "class A: ...\nclass B:\n    class A: ...\ndef f():\n    class A: ...\n"

    assert adopted(text, "B.A") == text.replace("    class A: ...\ndef", "    class A(Trait): ...\ndef")


# Renaming.


def test_a_renamed_member_keeps_its_old_name_for_others(stall: Path) -> None:
    """Definition, override and uses are renamed; the trait answers to the old name, and warns."""
    result = migrate(stall, "apply", "--yes", "--rename", "stall.mixins.Marked.get_mark=shown_mark")
    again = migrate(stall, "plan", "--rename", "Marked.get_mark=shown_mark")
    code = (
        "import sys, warnings; sys.path.insert(0, '.'); from stall.models import Crate; crate = Crate(mark='a')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    print(crate.label(), len(caught), crate.get_mark(), caught[0].category.__name__)"
    )
    output = process(code=code, cwd=stall)
    mixins = (stall / "stall" / "mixins.py").read_text(encoding="utf-8")

    assert result.exit_code == 0, result.stderr
    assert output.stdout == "<A!> 0 A! DeprecationWarning\n", output.stderr
    assert '        return self.mark.upper()\n\n    get_mark = renamed("shown_mark")\n\n    def label' in mixins
    assert "crate.get_mark()" in (stall / "stall" / "models.py").read_text(encoding="utf-8")
    assert "stall/models.py:19: manual: `crate.get_mark` may be the renamed member" in result.stderr
    assert (again.exit_code, again.stdout) == (0, "")


def test_uses_beside_the_packages_are_listed_and_left_alone(stall: Path) -> None:
    """Tests, scripts: a call, an override of the old name; not what is installed, made, or no Python at all."""
    beside = {
        "tests/test_crate.py": "def test(crate):\n    assert crate.get_mark()\n",
        "scripts/big.py": "from stall.models import Crate\n\n\nclass Big(Crate):\n    def get_mark(self): ...\n",
        "old.py": "print 'get_mark'\n",
        "env/pyvenv.cfg": "",
        "env/lib.py": "x.get_mark()\n",
        ".hidden/a.py": "x.get_mark()\n",
    }
    for name, text in beside.items():
        (stall / name).parent.mkdir(exist_ok=True)
        (stall / name).write_text(text, encoding="utf-8")
    result = migrate(stall, "apply", "--yes", "--rename", "Marked.get_mark=shown_mark")
    listed = [line for line in result.stderr.splitlines() if ": manual:" in line and "stall/" not in line]

    assert result.exit_code == 0, result.stderr
    assert [line.split(" [")[0] for line in listed] == [
        (
            "scripts/big.py:4: manual: `Big.get_mark` may be the renamed member: "
            "the file is not among the packages that were read."
        ),
        (
            "tests/test_crate.py:2: manual: `crate.get_mark` may be the renamed member: "
            "the type of the expression before the dot is not known."
        ),
    ]
    assert all((stall / name).read_text(encoding="utf-8") == text for name, text in beside.items())


RENAMED = """
class Shape:
    def {0}(self): return 1
    @property
    def area(self): return self.{0}() + sum(self.{0}() for _ in "a")
    @classmethod
    def make(cls): return cls.{0}
    @staticmethod
    def other(self): return self.size()
    def inner(self):
        def first(): return self.{0}()
        def second(self): return self.size()
        return lambda: self.{0}(), lambda self: self.size()
    def taken(self):
        self = other()
        return self.size()
    alias = {0}
    call = dict(size=1)
    def deeper(self):
        class size:
            def f(self): return self.size
        return other.size(size=self.{0})
"""


def test_only_what_is_known_to_be_the_member_is_renamed(tmp_path: Path) -> None:
    """Another `self`, another object and a keyword of the same name stay; the former are listed."""
    path = tmp_path / "a.py"
    path.write_text(RENAMED.format("size"), encoding="utf-8")
    target = {"old": "size", "new": "extent"}
    step = Step("rename", (Target("", "Shape.size", "manual", **target), Target("Shape", "Shape", "safe", **target)))
    result = rewrite(path, "a.py", [step], frozenset({"safe"}))

    assert result.after.decode() == RENAMED.format("extent")
    assert [hunk.line for hunk in result.hunks if hunk.kind == "manual"] == [9, 12, 13, 16, 21, 22]


def test_a_property_is_renamed_with_its_setter(tmp_path: Path) -> None:
    """Decorators that name it too; the old name stands behind the last part."""
    source = (
        "class Sized:\n    @property\n    def size(self): return self._size\n    @size.setter\n"
        "    def size(self, value): self._size = value\n\n\nclass Box(Sized):\n    def f(self): self.size = 3\n"
    )
    write(tmp_path, app=source)
    result = migrate(tmp_path, "apply", "--yes", "adopt", "rename", "--mixin", "Sized")
    assert "rename needs --rename" in result.stderr
    migrate(tmp_path, "apply", "--yes", "--mixin", "Sized")
    result = migrate(tmp_path, "apply", "--yes", "--rename", "Sized.size=extent")
    code = (
        "import sys, warnings; sys.path.insert(0, '.'); warnings.simplefilter('ignore'); from stall.app import Box\n"
        "box = Box(); box.f(); print(box.extent, box.size); box.size = 5; print(box.extent)"
    )

    assert result.exit_code == 0, result.stderr
    assert process(code=code, cwd=tmp_path).stdout == "3 3\n5\n"


def test_a_member_that_a_neighbour_has_too_is_unsafe(tmp_path: Path) -> None:
    """Which of the two is meant depends on the model."""
    write(
        tmp_path,
        mixins=MIXINS,
        models=MODELS.replace(
            "class Crate(Marked,", "class Other:\n    def get_mark(self): ...\n\n\nclass Crate(Marked, Other,"
        ),
    )
    result = kinds(tmp_path, "--rename", "Marked.get_mark=shown")

    assert result["Marked"][0] == "unsafe"
    assert (
        "stall.models.Other defines it too (stall/models.py:11), and stall.models.Crate inherits both"
        in result["Marked"][1]
    )


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("adpt", "There is no codemod 'adpt'. Did you mean 'adopt'?"),
        ("--mixin Markd", "There is no class 'Markd' in stall. Did you mean 'Marked'?"),
        ("--mixin stall.mixin.Marked", "Did you mean 'stall.mixins.Marked'?"),
        ("--rename Marked.get_mrk=x", "stall.mixins.Marked has no member 'get_mrk'. Did you mean 'get_mark'?"),
        ("--rename Markd.get_mark=x", "There is no trait 'Markd'"),
        ("--rename Marked.get_mark", "--rename takes module.Trait.old=new"),
        ("--rename Marked.get_mark=class", "'class' cannot be the new name"),
        ("--rename Marked.get_mark=label", "already has a member 'label' (stall/mixins.py:14)"),
        ("--rename Marked.mark=x", "it is a column of tables"),
        ("--rename Marked.get_mark=__x", "two underscores"),
        ("rename", "rename needs --rename"),
    ],
)
def test_what_makes_no_sense_is_answered(stall: Path, arguments: str, answer: str) -> None:
    """With exit code 2 and the way out."""
    result = migrate(stall, "plan", *arguments.split())

    assert (result.exit_code, result.stdout) == (2, "")
    assert answer in result.stderr


def test_a_syntax_error_is_told_with_its_place(stall: Path) -> None:
    """In whatever file: who knows what it would inherit."""
    (stall / "stall" / "broken.py").write_text("x = 1\ndef f(:\n", encoding="utf-8")
    result = migrate(stall, "apply", "--yes")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "stall/broken.py:2: Invalid syntax: invalid syntax. Correct it first" in result.stderr


def test_nobody_to_ask_is_told_what_to_say(stall: Path) -> None:
    """Neither doing nor taking back happens unasked."""
    before = tree(stall)
    result = migrate(stall, "apply")
    unchanged = tree(stall) == before
    migrate(stall, "apply", "--yes")
    back = migrate(stall, "rollback")

    assert (result.exit_code, back.exit_code) == (2, 2)
    assert unchanged
    assert "This changes 1 file. Not a terminal; pass --yes." in result.stderr
    assert "pass --yes" in back.stderr
    assert tree(stall) != before


def git(folder: Path, *arguments: str) -> None:
    """Run git without anybody's settings."""
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    names = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(
        ["git", *names, *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **environment}
    )


def test_what_is_not_committed_is_not_changed(stall: Path) -> None:
    """Neither a new file nor a changed one; others do not matter, and the journal is nothing to commit."""
    git(stall, "init", "-q")
    untracked = migrate(stall, "apply", "--yes")
    git(stall, "add", ".")
    git(stall, "commit", "-qm", "all")
    mixins = stall / "stall" / "mixins.py"
    mixins.write_text(mixins.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    changed = migrate(stall, "apply", "--yes")
    allowed = migrate(stall, "apply", "--yes", "--allow-dirty")
    migrate(stall, "rollback", "--yes")
    git(stall, "commit", "-qam", "more")
    (stall / "stall" / "models.py").write_text(MODELS + "# more\n", encoding="utf-8")
    clean = migrate(stall, "apply", "--yes")
    remaining = subprocess.run(
        ["git", "status", "--porcelain"], cwd=stall, capture_output=True, text=True, check=True
    ).stdout

    assert [untracked.exit_code, changed.exit_code] == [2, 2]
    assert "Uncommitted changes in stall/mixins.py. Commit them first" in changed.stderr
    assert [allowed.exit_code, clean.exit_code] == [0, 0]
    assert ".traits" not in remaining


# What goes wrong.


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A project whose migration touches four files."""
    names = [f"part{number}" for number in range(4)]
    parts = {name: f"class {name.title()}:\n    pass\n" for name in names}
    models = "".join(f"from stall.{name} import {name.title()}\n" for name in names)
    bases = ", ".join(name.title() for name in names)
    head = "from dataclasses import dataclass\n\n\n@dataclass\n"
    return write(tmp_path, **parts, models=f"{models}{head}class Row({bases}):\n    x: int = 1\n")


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "part"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_everything_as_it_was(
    wide: Path, monkeypatch: pytest.MonkeyPatch, nth: int, error: BaseException
) -> None:
    """A full disk or Ctrl-C between any two files; no journal and no temporary file is left."""
    before = tree(wide)
    real, replaced = os.replace, []

    def replace(source: Any, target: Any) -> None:
        if str(target).endswith(".py"):
            replaced.append(target)
            if len(replaced) == nth + 1:
                raise error
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    output = migrate(wide, "apply", "--yes")

    assert output.exit_code == (2 if isinstance(error, OSError) else 130)
    assert len(replaced) == nth + 1 + nth
    assert tree(wide) == before
    assert [path.name for path in (wide / ".traits" / "migrations").iterdir()] == [".gitignore"]


def test_a_process_that_is_killed_is_cleaned_up_after(wide: Path) -> None:
    """The journal was written first: nothing else is done before it is rolled back, and that gives all back."""
    before = tree(wide)
    code = (
        "import os\nreal, done = os.replace, []\n"
        "def replace(source, target):\n"
        "    done.append(target) if str(target).endswith('.py') else None\n"
        "    os._exit(9) if len(done) == 3 else real(source, target)\n"
        "os.replace = replace\n"
        "from traits_cli.commands import main; main(['migrate', 'apply', '--yes'])"
    )
    killed = process(code=code, cwd=wide)
    half = {name for name, stored in tree(wide).items() if before.get(name) != stored and name.endswith(".py")}
    refused = migrate(wide, "apply", "--yes")
    standing = migrate(wide, "status").stdout
    back = migrate(wide, "rollback", "--yes")

    assert killed.returncode == 9
    assert len(half) == 2
    assert "was interrupted: run `traits migrate rollback 0001" in refused.stderr
    assert "interrupted" in standing
    assert back.exit_code == 0, back.stderr
    assert tree(wide) == before


def test_a_file_that_changed_since_is_named_and_nothing_is_rolled_back(wide: Path) -> None:
    """Not even the files that did not change; a later migration is named, which can be rolled back first."""
    start = tree(wide)
    migrate(wide, "apply", "--yes", "--mixin", "Part1")
    first = Journal(wide).migrations()[0].id
    part = wide / "stall" / "part1.py"
    part.write_text(part.read_text(encoding="utf-8") + "\n\nclass Extra(Part1):\n    pass\n", encoding="utf-8")
    before = tree(wide)
    refused = migrate(wide, "rollback", "--yes")
    dry = migrate(wide, "rollback", "--dry-run")
    stored = tree(wide) == before
    part.write_text(
        part.read_text(encoding="utf-8").replace("\n\nclass Extra(Part1):\n    pass\n", ""), encoding="utf-8"
    )
    migrate(wide, "apply", "--yes")

    assert (refused.exit_code, dry.exit_code, stored) == (2, 2, True)
    assert f"stall/part1.py changed since migration {first}; nothing was rolled back." in refused.stderr
    assert migrate(wide, "rollback", "--yes").exit_code == 0
    assert migrate(wide, "rollback", "1", "--yes").exit_code == 0
    assert tree(wide) == start
    assert "There is no migration '7'. Known: '0001', '0002'." in migrate(wide, "rollback", "7").stderr
    assert "is rolled back already" in migrate(wide, "rollback", first, "--yes").stderr


def test_a_copy_in_the_journal_that_was_changed_is_not_written_back(stall: Path) -> None:
    """The journal keeps the digest of every original."""
    migrate(stall, "apply", "--yes")
    before = tree(stall)
    copy = next((stall / ".traits").rglob("*.orig"))
    copy.write_bytes(b"x = 1\n")
    result = migrate(stall, "rollback", "--yes")

    assert result.exit_code == 2
    assert "is no longer the original of stall/mixins.py; nothing was rolled back." in result.stderr
    assert tree(stall) == before


def test_a_codemod_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doing it twice must be doing it once."""

    def more(text: str, path: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> tuple[str, list[Hunk]]:
        return text + "# more\n", []

    def broken(text: str, path: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> tuple[str, list[Hunk]]:
        return "def f(:\n", []

    path = tmp_path / "a.py"
    path.write_text("x = 1\n", encoding="utf-8")
    created = {"more": Codemod("more", "", more), "broken": Codemod("broken", "", broken)}
    monkeypatch.setattr(rewriting, "CODEMODS", created)

    for name, answer in (("more", "a second run changes it again"), ("broken", "a.py:1: invalid syntax")):
        with pytest.raises(MigrationError, match=answer):
            rewrite(path, "a.py", [Step(name, ())], frozenset({"safe"}))


def test_a_file_that_may_not_be_written_is_named(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first one is touched."""
    before = tree(wide)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "part2.py")
    result = migrate(wide, "apply", "--yes")

    assert result.exit_code == 2
    assert "Error: stall/part2.py cannot be written: check the permissions. Nothing was changed.\n" in result.stderr
    assert tree(wide) == before


def test_a_package_below_src_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are the project's, so that the diff can be applied; an installed package is nobody's to change."""
    write(tmp_path, mixins=MIXINS, models=MODELS)
    (tmp_path / "src").mkdir()
    (tmp_path / "stall").rename(tmp_path / "src" / "stall")
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    result = run("migrate", "apply", "--yes", project=None)
    foreign = run("migrate", "plan", "--rename", "SlugKey.slug=x", "--package", "advanced_alchemy", project=None)
    other_result = run("migrate", "plan", "--package", "advanced_alchemy", project=None)

    assert (result.exit_code, result.stdout) == (0, "src/stall/mixins.py\n")
    assert "(Trait)" in (tmp_path / "src" / "stall" / "mixins.py").read_text(encoding="utf-8")
    assert "is in another package, whose sources are not changed." in foreign.stderr
    assert (other_result.exit_code, other_result.stdout, other_result.stderr) == (0, "", "Nothing to change.\n")


def test_an_encoding_that_has_two_ways_to_write_a_letter_is_left_alone(tmp_path: Path) -> None:
    """Encoding the text again would give other bytes; a letter that an encoding has not is no way to end either."""
    path = tmp_path / "a.py"
    path.write_bytes(b"# -*- coding: utf-7 -*-\nclass A: x = '+AGE-'\n")
    latin = tmp_path / "b.py"
    latin.write_bytes(b"# -*- coding: latin-1 -*-\nclass A:\n    def old(self): pass\n")
    options = {"old": "old", "new": "\u6f22"}
    rename = Step("rename", (Target("", "A", "manual", **options), Target("A", "A", "safe", **options)))

    for file, step, answer in (
        (path, Step("adopt", (Target("A", "A", "safe"),)), "its utf-7 does not round-trip byte for byte"),
        (latin, rename, "is written in iso-8859-1, which has no '\u6f22'"),
    ):
        with pytest.raises(MigrationError, match=answer):
            rewrite(file, "a.py", [step], frozenset({"safe"}))


def test_a_link_stays_a_link(stall: Path) -> None:
    """What it points to is changed."""
    real = stall / "real.py"
    (stall / "stall" / "mixins.py").rename(real)
    (stall / "stall" / "mixins.py").symlink_to(real)
    migrate(stall, "apply", "--yes")

    assert (stall / "stall" / "mixins.py").is_symlink()
    assert "(Trait)" in real.read_text(encoding="utf-8")


# No byte is lost.

ENDS = st.sampled_from(["\n", "\r\n", "\n", "\r\n", "\r"])


@st.composite
def sources(draw: st.DrawFn, name: str) -> bytes:
    """A module with the mixin of that name: line ends of any kind, tabs, form feeds, a mark or an encoding in front."""
    coding = draw(st.sampled_from(["", "bom", "latin-1", "cp1252"]))
    indent = draw(st.sampled_from(["    ", "\t", "  "]))
    word = "é" if coding else draw(st.sampled_from(["é", "漢"]))
    lines = [f"# -*- coding: {coding} -*-"] if coding not in ("", "bom") else []
    lines += draw(st.lists(st.sampled_from(["# licence", "", '"""Doc', 'of it."""', "import os", "\x0c"]), max_size=2))
    if '"""Doc' in lines or 'of it."""' in lines:
        lines = [one for one in lines if '"""' not in one] + [f'"""Doc {word}', 'of it."""']
    lines += draw(
        st.lists(
            st.sampled_from(["", "import sys", "\x0c", "x = 1  # \x0c", "\x0cy = (1,", "import re as _r"]), max_size=4
        )
    )
    lines = [one + " 2)" if one.endswith(",") else one for one in lines]
    bases = draw(st.sampled_from(["", "()", "(object)", "(Other)", "(\\n{0}Other,  # a\\n)", "(Other,)"])).replace(
        "\\n", "\n"
    )
    lines += ["class Other:", f"{indent}z = '{word}\x0c'", "", f"class {name}{bases.format(indent)}:"]
    lines += draw(st.lists(st.sampled_from([f"{indent}# {word}", "", "\x0c", f"{indent}a = 1"]), max_size=3))
    lines += [f"{indent}def old(self):", f"{indent}{indent}return '''{word}", "b''' + str(self.old)"]
    text = "".join(line + draw(ENDS) for line in "\n".join(lines).split("\n"))
    text = text if draw(st.booleans()) else text.rstrip("\r\n")
    encoding = "utf-8" if coding in ("", "bom") else coding
    return (BOM if coding == "bom" else b"") + text.encode(encoding)


NAMES = ("Alpha", "Beta", "Gamma")


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """Up to three modules, each with a mixin of its own."""
    return {name: draw(sources(name)) for name in NAMES[: draw(st.integers(1, 3))]}


def steps_of(name: str) -> list[Step]:
    """Everything that can be done to a module."""
    target = {"old": "old", "new": "fresh"}
    targets = Target("", name, "manual", **target)
    return [
        Step("rename", (targets, Target(name, name, "safe", shim=True, **target))),
        Step("adopt", (Target(name, name, "safe"),)),
    ]


def plan_of(folder: Path, files: dict[str, bytes]) -> list[Rewrite]:
    """The plan for a tree as it is on disk."""
    return [rewrite(folder / f"{name}.py", f"{name}.py", steps_of(name), frozenset({"safe"})) for name in files]


@settings(max_examples=20, deadline=None)
@given(files=trees())
def test_there_and_back_is_the_same_tree(files: dict[str, bytes]) -> None:
    """Also the second time nothing changes, and lines that nobody meant are the same bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for name, data_ in files.items():
            (folder / f"{name}.py").write_bytes(data_)
        before = tree(folder)
        journal = Journal(folder)
        planned = plan_of(folder, files)
        result = journal.apply(planned, ["adopt"])
        changed = all(one.changes for one in planned)
        again = [file.display_path for file in plan_of(folder, files) if file.changes]
        stored = list(_lost(planned))
        journal.roll_back(result)

        assert changed
        assert again == []
        assert stored == []
        assert tree(folder) == before


def _lost(planned: list[Rewrite]) -> Iterator[bytes]:
    """Lines of the originals that are gone and have nothing to do with what was done."""
    for file in planned:
        before, after = (re.split(rb"\r\n|\n|\r", data.removeprefix(BOM)) for data in (file.before, file.after))
        for line in before:
            if line not in after and not any(word in line for word in (b"class ", b"old", b"Other")):
                yield line
        if file.before.startswith(BOM) != file.after.startswith(BOM):
            yield b"mark"
        if file.before.endswith((b"\n", b"\r")) != file.after.endswith((b"\n", b"\r")):
            yield b"last line end"


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=trees())
def test_the_commands_go_there_and_back(files: dict[str, bytes]) -> None:
    """The same by the commands, which read the sources and read them back."""
    models = "".join(f"from stall.{name} import {name}\n" for name in files) + (
        "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n"
        f"class Row({', '.join(files)}, Base):\n    __tablename__ = 'row'\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), models=models)
        for name, data_ in files.items():
            (folder / "stall" / f"{name}.py").write_bytes(data_)
        before = tree(folder)
        first = migrate(folder, "apply", "--yes")
        changed = tree(folder)
        second = migrate(folder, "apply", "--yes")
        same = tree(folder) == changed
        listed = {
            row["name"] for row in data(run("list", "--traits", "--json", project=folder)) if row["via"] == "declared"
        }
        back = migrate(folder, "rollback", "--yes")

        assert (first.exit_code, second.exit_code, back.exit_code) == (0, 0, 0), first.stderr
        assert same
        assert listed >= {f"stall.{file}.{file}" for file in files}
        assert tree(folder) == before != changed


USE = """
import sys; sys.path.insert(0, '.')
import advanced_alchemy.base as base
from advanced_alchemy.mixins import SlugKey
from sqlalchemy import create_engine
from sqlalchemy.orm import Mapped, Session
from traits_runtime import registry
class Article(SlugKey, base.UUIDAuditBase):
    name: Mapped[str]
class Order(base.BigIntBase):
    name: Mapped[str]
engine = create_engine("sqlite://")
base.orm_registry.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all([Article(name="x", slug="x"), Order(name="y")])
    session.commit()
    print(base.__file__, session.query(Article).one().slug, session.query(Order).one().id)
engine.dispose()
print(*sorted(one.__name__ for one in registry.traits()))
"""


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--unsafe",)])
def test_a_real_package_goes_there_and_back(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The mixins of Advanced Alchemy become traits, its models work with them, and every byte comes back."""
    spec = importlib.util.find_spec("advanced_alchemy")
    assert spec is not None
    assert spec.origin is not None
    leaving_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(spec.origin).parent, tmp_path / "advanced_alchemy", ignore=leaving_out)
    before = tree(tmp_path)
    options = ("--package", "advanced_alchemy", "--search-path", str(tmp_path))
    result = migrate(tmp_path, "apply", "--yes", *flags, *options)
    used = process(code=USE, cwd=tmp_path, env={"PYTHONDONTWRITEBYTECODE": "1"})
    again = migrate(tmp_path, "apply", "--yes", *flags, *options)
    back = migrate(tmp_path, "rollback", "--yes", *options)

    assert result.exit_code == 0, result.stderr
    assert used.stdout.startswith(f"{tmp_path}/advanced_alchemy/base.py x 1"), used.stderr
    assert {"AuditColumns", "SlugKey", "UUIDPrimaryKey"} <= set(used.stdout.split())
    assert ("UUIDBase" in used.stdout.split()) is bool(flags)
    assert again.stdout == ""
    assert back.exit_code == 0
    assert tree(tmp_path) == before

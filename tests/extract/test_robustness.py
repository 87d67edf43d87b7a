"""Damaged, odd and endless sources: each is a finding with file and line, never a traceback, never a hang."""

from __future__ import annotations

import ast
import importlib.util
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources import TRAIT
from sphinx_traits.extract import Options, extract, time_limit
from sphinx_traits.extract import source as source_module
from sphinx_traits.extract.adapters import _ADAPTERS
from sphinx_traits.extract.time_limit import TimeLimit, TooLongError
from sphinx_traits.manifest import Finding, Manifest, dumps

if TYPE_CHECKING:
    from tests.extract.conftest import Sources

GOOD = "from traits_runtime import Trait\nclass HasSlug(Trait): ...\n"
EXAMPLE = Path(__file__).parents[2] / "examples" / "blog" / "blog" / "traits" / "announcing.py"
HOSTS = """
from django.db import models
from django.dispatch import receiver
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship, validates
from pydantic import BaseModel

class Timed(models.Model):
    at = models.DateTimeField(null=True, help_text="When.")
    class Meta:
        abstract = True

class Article(Timed):
    parent = models.ForeignKey("self", on_delete=models.CASCADE)
    at = None
    def save(self, *args, **kwargs):
        if self.at: return super().save(*args, **kwargs)

class Base(DeclarativeBase): ...
class HasName:
    name: Mapped[str | None] = mapped_column(sa.String(50), default=f"{HOSTS}x")
    @declared_attr
    def owner(cls): return relationship("User")
    @validates("name")
    def check(self, key, value): return value
class User(HasName, Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
class Form(BaseModel, HasName):
    x: int = 3
try:
    from nowhere import Thing
except ImportError:
    Thing = object
if sys.version_info > (3, 9): Other = Thing
else: Other = HasName
@receiver(post_save, sender=Article)
def heard(sender, **kwargs): ...
"""
TOKENS = [
    *("class ", "def ", ":", "(", ")", "[", "{", "=", ",", ".", "*", "@", "if ", "try:", "import ", "\\", '"""', "f'{"),
    *("\t", "\0", "\n", "\n    ", "async ", "lambda: ", "match x:", ":=", "->", "await ", ";", "\x0c", "\r"),
    *("\ud7ff", "0x" + "f" * 4000, "'\\ud800'", "f'{x!r:>{y}}'"),
]


def read(folder: Path, **files: bytes) -> tuple[Manifest, float]:
    """The manifest of a package ``shop`` of these modules, and the CPU seconds it took."""
    package = folder / "shop"
    package.mkdir(exist_ok=True)
    for name, data in {"__init__": b"", **files}.items():
        (package / f"{name}.py").write_bytes(data)
    began = time.thread_time()
    manifest = extract(["shop"], search_paths=[folder])
    return manifest, time.thread_time() - began


def mangled(chance: random.Random) -> bytes:
    """A source after some accidents."""
    text = chance.choice([TRAIT, HOSTS, EXAMPLE.read_text(encoding="utf-8")])
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        length = chance.randrange(40)
        accident = chance.randrange(5)
        if accident == 0:
            text = text[:at] + chance.choice(TOKENS) + text[at:]
        elif accident == 1:
            text = text[:at] + text[at + length :]
        elif accident == 2:
            text = text[:at] + text[at : at + length] * chance.randint(2, 30) + text[at:]
        elif accident == 3:
            lines = text.split("\n")
            chance.shuffle(lines[at % len(lines) :])
            text = "\n".join(lines)
        else:
            text = text[:at]
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    if data and chance.random() < 0.2:
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def survives(data: bytes) -> None:
    """A module of these bytes gives facts, or findings with their place."""
    with tempfile.TemporaryDirectory() as folder:
        manifest, spent = read(Path(folder), mangled=data)

    assert dumps(manifest)
    assert spent < 60
    assert all(finding.location.path and finding.location.line >= 1 for finding in manifest.findings)
    assert "unreadable_class" not in {finding.code for finding in manifest.findings}
    told = [finding.location.path for finding in manifest.findings if finding.code == "syntax_error"]
    assert told == ([] if parses(data) else ["shop/mangled.py"])


def parses(data: bytes) -> bool:
    """Whether Python itself, importing them, reads the bytes."""
    try:
        with warnings.catch_warnings():  # an odd escape warns, and a warning that is an error would be a SyntaxError
            warnings.simplefilter("ignore")
            ast.parse(importlib.util.decode_source(data))
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError):
        return False
    return True


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_mangled_source_is_a_finding_never_a_crash(chance: random.Random) -> None:
    """A truncated or mangled file ends in facts or in a finding with its place."""
    survives(mangled(chance))


@pytest.mark.once
@pytest.mark.slow
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=2_000, deadline=None)
def test_two_thousand_mangled_sources(chance: random.Random) -> None:
    """The same for two thousand files."""
    survives(mangled(chance))


BROKEN = {
    "syntax": (b"class A(:\n", 1),
    "encoding": (b"x = 1\ny = '\xff\xfe'\n", 2),
    "unknown_encoding": (b"# -*- coding: no-such -*-\n", 1),
    "no_text_encoding": (b"# -*- coding: hex -*-\n6162\n", 1),
    "refusing_encoding": (b"# -*- coding: undefined -*-\nx = 1\n", 1),
    "contradicting_encoding": (b"\xef\xbb\xbf# -*- coding: latin-1 -*-\n", 1),
    "utf_16": ("x = 1\n".encode("utf-16"), 1),
    "null": (b"x = 1\n\0\n", 1),
    "parentheses": (b"x = " + b"(" * 5000 + b")" * 5000, 1),
    "attributes": (b"x = a" + b".b" * 20_000, 1),
    "indent": (b"def f():\nreturn 1\n", 2),
    "blocks": (b"".join(b" " * n + b"if x:\n" for n in range(120)) + b" " * 120 + b"pass\n", 101),
    "endless_number": (b"x = " + b"1" * 5000 + b"\n", 1),
    "syntax_of_tomorrow": (b"x = 1\nlazy from a import b\n", 2),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_one_finding(name: str, tmp_path: Path) -> None:
    """Each kind of damage is one finding with file and line, and the rest of the package is read."""
    data, line = BROKEN[name]
    manifest, _ = read(tmp_path, **{name: data, "good": GOOD.encode()})

    (found,) = manifest.findings
    assert (found.code, found.location.path) == ("syntax_error", f"shop/{name}.py")
    assert 1 <= found.location.line <= line
    assert found.location.line == line or name in ("null", "blocks")
    assert [trait.name for trait in manifest.traits] == ["shop.good.HasSlug"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-7", "cp1252", "koi8-r", "shift_jis", "euc_jp"])
def test_declared_encodings_are_read(encoding: str, end: str, tmp_path: Path) -> None:
    """Any encoding that Python reads is read, with any line ends, and the docs come out as they were meant."""
    word = {"koi8-r": "Слово", "shift_jis": "言葉", "euc_jp": "言葉"}.get(encoding, "Übung")
    cookie = "" if encoding == "utf-8-sig" else f"# -*- coding: {encoding} -*-\n"
    text = (
        f'{cookie}from traits_runtime import Trait\nclass HasSlug(Trait):\n    """{word}"""\n    x = f("{word}", 1)\n'
    )
    manifest, _ = read(tmp_path, text=text.replace("\n", end).encode(encoding))

    assert [trait.doc for trait in manifest.traits] == [word]
    assert manifest.findings == ()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the syntax is known")
def test_newer_syntax_says_what_to_do(tmp_path: Path) -> None:
    """Syntax that this interpreter does not know is a finding that names the way out."""
    (found,) = read(tmp_path, new=b"x = 1\nclass A[T]: ...\n")[0].findings

    assert str(found.location) == "shop/new.py:2"
    assert "at least as new" in found.hint


def test_base_in_a_broken_module_is_flagged(tmp_path: Path) -> None:
    """Who inherits from a class of an unreadable module is marked, at the line of its base."""
    manifest, _ = read(
        tmp_path, broken=b"class (:\n", good=GOOD.encode() + b"from .broken import B\nclass M(HasSlug, B): ...\n"
    )

    (model,) = manifest.models
    assert not model.complete
    assert "could not be read" in model.reason
    assert {(finding.code, str(finding.location)) for finding in manifest.findings} == {
        ("syntax_error", "shop/broken.py:1"),
        ("unresolved_base", "shop/good.py:4"),
    }


def _as_pipe(path: Path) -> None:
    os.mkfifo(path)


NO_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": _as_pipe,
    "a link to nothing": lambda path: path.symlink_to("nothing.py"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.skipif(os.name == "nt", reason="no pipes, and links ask for rights")
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_a_finding(kind: str, tmp_path: Path) -> None:
    """A name in the folder that cannot be opened, or would never end, is said and passed over."""
    (tmp_path / "shop").mkdir()
    NO_FILES[kind](tmp_path / "shop" / "odd.py")
    manifest, _ = read(tmp_path, good=GOOD.encode())

    assert [(finding.code, str(finding.location)) for finding in manifest.findings] == [
        ("unreadable_file", "shop/odd.py:1")
    ]
    assert [trait.name for trait in manifest.traits] == ["shop.good.HasSlug"]


@pytest.mark.skipif(os.name == "nt", reason="no pipes")
def test_package_whose_init_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    """Also where only the head of the file is looked at."""
    (tmp_path / "shop" / "sub").mkdir(parents=True)
    _as_pipe(tmp_path / "shop" / "sub" / "__init__.py")
    manifest, _ = read(tmp_path, good=GOOD.encode())

    assert [(finding.code, str(finding.location)) for finding in manifest.findings] == [
        ("unreadable_file", "shop/sub/__init__.py:1")
    ]


def test_folder_named_like_a_module_is_no_module(tmp_path: Path) -> None:
    """As for Python, a folder ``odd.py`` is nothing."""
    (tmp_path / "shop" / "odd.py").mkdir(parents=True)
    manifest, _ = read(tmp_path, good=GOOD.encode() + b"from .odd import B\nclass M(HasSlug, B): ...\n")

    assert [finding.code for finding in manifest.findings] == ["unresolved_base"]


def test_file_that_may_not_be_opened_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without read permission is named with the system's reason."""

    def refuse(path: str, mode: str) -> object:
        if path.endswith("secret.py"):
            raise PermissionError(13, "Permission denied", path)
        return open(path, mode)

    monkeypatch.setattr(source_module, "open", refuse, raising=False)
    manifest, _ = read(tmp_path, secret=b"x = 1\n", good=GOOD.encode())

    (found,) = manifest.findings
    assert (found.code, str(found.location)) == ("unreadable_file", "shop/secret.py:1")
    assert "Permission denied" in found.message
    assert [trait.name for trait in manifest.traits] == ["shop.good.HasSlug"]


def test_file_that_is_too_large_is_a_finding(tmp_path: Path) -> None:
    """A table of data behind the bound is left out, with the way out."""
    manifest, spent = read(tmp_path, table=b"x = 1\n" * 700_000, good=GOOD.encode())

    (found,) = manifest.findings
    assert (found.code, str(found.location)) == ("unreadable_file", "shop/table.py:1")
    assert "exclude" in found.hint
    assert spent < 60


def test_link_loops_end(tmp_path: Path) -> None:
    """Links to a folder above, and two that lead to each other, do not make the walk endless."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "again").symlink_to(package, target_is_directory=True)
    (package / "left").symlink_to("right")
    (package / "right").symlink_to("left")
    manifest, _ = read(tmp_path, good=GOOD.encode())

    assert [trait.name for trait in manifest.traits] == ["shop.good.HasSlug"]
    assert manifest.findings == ()


def test_work_that_takes_too_long_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has a bound in time; behind it the next one is read."""
    looks = count()  # each takes a millisecond
    monkeypatch.setattr("sphinx_traits.extract.module_loader.TimeLimit", lambda: TimeLimit(0.05))
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(thread_time=lambda: next(looks) / 1000))
    endless = "import os\n" + "".join(f"if os.getenv({n}):\n    x{n} = 1\n" for n in range(6_000))
    manifest, spent = read(tmp_path, endless=endless.encode(), good=GOOD.encode())

    (found,) = manifest.findings
    assert (found.code, str(found.location)) == ("unreadable_file", "shop/endless.py:1")
    assert "longer than 0.05 seconds" in found.message
    assert "exclude" in found.hint
    assert [trait.name for trait in manifest.traits] == ["shop.good.HasSlug"]
    assert spent < 60


def test_bound_in_time_counts_the_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is spent on another file in between is not laid to the first one's account."""
    now = [100.0]
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(thread_time=lambda: now[0]))
    limit = TimeLimit(0.1)
    with limit.for_file():
        for _ in range(3):
            with limit.for_file():
                now[0] += 0.06
        check(limit)
        now[0] += 0.11
        with pytest.raises(TooLongError):
            check(limit)


def check(limit: TimeLimit) -> None:
    """Check often enough for the clock to be looked at."""
    for _ in range(1_000):
        limit.check()


def test_failing_adapter_is_a_finding(write: Callable[..., Sources], monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter of somebody else that raises costs the facts of that class, not the run."""

    class Failing:
        name = "failing"

        def applies(self, subject: object) -> bool:
            return True

        def read(self, subject: object, facts: object) -> None:
            raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("sphinx_traits.extract.adapters._ADAPTERS", [*_ADAPTERS, Failing()])
    sources = write(GOOD)
    manifest = sources.manifest()

    (found,) = manifest.findings
    assert (found.code, found.location.line) == ("unreadable_class", 2)
    assert "ZeroDivisionError: division by zero" in found.message
    assert [trait.mro[0] for trait in manifest.traits] == [f"{sources.name}.HasSlug"]


HEAD = "from traits_runtime import Trait, hook\nfrom sqlalchemy.orm import DeclarativeBase, Mapped\nimport os\n"
DEEP = {
    "aliases": "T0 = Trait\n" + "".join(f"T{n} = T{n - 1}\n" for n in range(1, 1_000)) + "class X(Trait, T999): ...\n",
    "calls": "class X(Trait, a" + ".b()" * 1_000 + "): ...\n",
    "elifs": "class X(Trait):\n    def save(self):\n        if a: pass\n"
    + "".join(f"        elif a == {n}: super().save()\n" for n in range(1_000)),
    "default": "class X(Trait):\n    x = hook(a" + ".b" * 1_000 + ")\n",
    "union": "class B(DeclarativeBase): ...\nclass X(B):\n    __tablename__ = 'x'\n    x: Mapped["
    + "|".join(["int"] * 1_000)
    + "]\n",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_is_a_finding(name: str, tmp_path: Path) -> None:
    """What no stack is deep enough for is said at its class, and the others are read."""
    manifest, _ = read(tmp_path, deep=(HEAD + DEEP[name]).encode(), good=GOOD.encode())

    places = {(finding.location.path, finding.subject) for finding in manifest.findings}
    assert places <= {("shop/deep.py", "shop.deep.X")}
    assert places or name == "default"
    assert "shop.good.HasSlug" in {trait.name for trait in manifest.traits}


@pytest.mark.parametrize("text", ["'\\ud800'", "0x" + "f" * 10_000, "'\\U0000DFFF'", "-0b" + "1" * 20_000])
def test_literals_that_cannot_be_written_down(text: str, write: Callable[..., Sources]) -> None:
    """Half a surrogate pair and a number without end are shown in some way, in a manifest that can be read back."""
    sources = write(
        f"from traits_runtime import Trait, TraitConfig, option, feature\nclass C(TraitConfig):\n"
        f"    x: str = option({text}, doc={text})\nclass A(Trait):\n    c = C()\n    f = feature({text})\n"
    )
    manifest = sources.manifest()

    assert dumps(manifest)
    assert [key.name for trait in manifest.traits for key in trait.config] == ["x"]
    assert [finding for finding in manifest.findings if finding.code == "unreadable_class"] == []


def _lines(count: int, line: Callable[[int], str]) -> str:
    return "".join(line(n) for n in range(count))


LONG = {
    "100,000 lines": GOOD + _lines(100_000, lambda n: f"x{n} = {n}\n"),
    "50,000 attributes": GOOD.replace("...", "") + _lines(50_000, lambda n: f"    x{n} = {n}\n"),
    "10,000 commented attributes": GOOD.replace("...", "") + _lines(10_000, lambda n: f"    #: d\n    x{n} = {n}\n"),
    "20,000 methods": GOOD.replace("...", "") + _lines(20_000, lambda n: f"    def x{n}(self): ...\n"),
    "5,000 classes": GOOD + _lines(5_000, lambda n: f"class T{n}(HasSlug, Trait): ...\n"),
    "800 generations": GOOD + "class M0(HasSlug): ...\n" + _lines(800, lambda n: f"class M{n + 1}(M{n}): ...\n"),
    "one line": GOOD + ";".join(f"x{n} = 'ü'" for n in range(30_000)) + "\n",
    "a long list": GOOD + "x = [" + "1," * 500_000 + "]\n",
    "5,000 conditions": GOOD + "import os\n" + _lines(5_000, lambda n: f"if os.getenv('{n}'): x{n} = 1\n"),
    "1,000 bases": GOOD
    + _lines(1_000, lambda n: f"class B{n}: ...\n")
    + f"class M(HasSlug, {', '.join(f'B{n}' for n in range(1_000))}): ...\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_long_module(name: str, tmp_path: Path) -> None:
    """A module of unusual length is read like any other, at a cost that does not grow with its square."""
    manifest, spent = read(tmp_path, long=LONG[name].encode())

    assert "shop.long.HasSlug" in {trait.name for trait in manifest.traits}
    assert [finding for finding in manifest.findings if finding.code.startswith("unreadable")] == []
    assert spent < 60


def test_excluded_module_is_not_read(tmp_path: Path) -> None:
    """The way out that findings name works."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "shop" / "broken.py").write_text("class (:", encoding="utf-8")
    manifest = extract(["shop"], search_paths=[tmp_path], options=Options(exclude=("shop.broken",)))

    assert manifest.findings == tuple[Finding, ...]()

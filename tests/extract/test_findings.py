"""What the facts say together: each finding has a place, a cause and a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sphinx_traits.extract import PackageNotFoundError, extract
from sphinx_traits.extract.cross_checks import _KEEPS_ROWS

if TYPE_CHECKING:
    from tests.extract.conftest import Sources

HEAD = "from traits_runtime import Trait, TraitConfig, TraitEvent, events, job, listen, option\n"
CASES = {
    "event_never_emitted": ("class A(Trait):\n    made = TraitEvent()\n", 3),
    "undeclared_event": ("class A(Trait):\n    def f(self): self.emit('made')\n", 3),
    "listener_hears_nothing": ("@listen('trait.Nobody.*')\ndef hear(envelope): ...\n", 3),
    "shared_environment_variable": (
        (
            "class C(TraitConfig):\n    x: int = option(1, env='X')\n"
            "class D(TraitConfig):\n    y: int = option(1, env='X')\n"
            "class A(Trait):\n    c = C()\nclass B(Trait):\n    d = D()\n"
        ),
        5,
    ),
    "shared_name": (
        (
            "class A(Trait):\n    @job()\n    def f(self): ...\nclass Out:\n    class A(Trait):\n        @job()\n"
            "        def f(self): ...\n"
        ),
        8,
    ),
    "shared_rows": (
        (
            "from traits_runtime.traits import HasTags\nclass M(HasTags): ...\nclass Child(M): ...\nclass Out:\n"
            "    class M(HasTags): ...\n"
        ),
        6,
    ),
    "broken_super_chain": (
        "class A(Trait):\n    def save(self): ...\nclass B(Trait):\n    def save(self): ...\nclass M(A, B): ...\n",
        3,
    ),
    "unresolved_base": ("class A(Trait): ...\nclass M(\n    A,\n    events.Model,\n): ...\n", 5),
    "unknown_key": ("class A(Trait): ...\nclass M(A):\n    __traits__ = {A: {'nothing': 1}}\n", 4),
    "dynamic_settings": ("class A(Trait): ...\nclass M(A):\n    __traits__ = dict([(A, {})])\n", 4),
    "impossible_mro": ("class A(Trait): ...\nclass B(A, Trait): ...\nclass M(A, B): ...\n", 4),
}


@pytest.mark.parametrize("code", CASES)
def test_finding_has_place_cause_and_way_out(code: str, write: Callable[..., Sources]) -> None:
    """Each kind of mistake is found once, on its line, with a hint."""
    text, line = CASES[code]
    manifest = write(HEAD + text).manifest()

    found = [finding for finding in manifest.findings if finding.code == code]
    assert [one.location.line for one in found] == [line]
    assert found[0].message.endswith(".")
    assert found[0].hint
    assert [finding.code for finding in manifest.findings if finding.code not in (code, "event_never_emitted")] == []


@pytest.mark.parametrize("path", sorted(_KEEPS_ROWS))
def test_each_trait_that_keeps_rows_is_found(path: str, write: Callable[..., Sources]) -> None:
    """By the name it has in the library; two models that inherit from one have its name, and are none."""
    trait = path.rpartition(".")[2]
    text = f"from traits_runtime.traits import {trait}\nclass M({trait}): ...\nclass N(M): ...\nclass Out:\n"
    found = write(f"{text}    class N(M): ...\n    class M({trait}): ...\n").manifest().findings

    assert [(one.code, one.location.line) for one in found] == [("shared_rows", 6)]


def test_events_of_a_librarys_traits_are_not_found_unemitted(write: Callable[..., Sources]) -> None:
    """What emits them lies in modules of the library that nobody asked to read."""
    manifest = write(HEAD + "from traits_runtime.traits import HasSlug\nclass M(HasSlug): ...\n").manifest()

    assert "trait.HasSlug.slug_generated" in {event.wire for trait in manifest.traits for event in trait.events}
    assert manifest.findings == ()


def test_column_clash(write: Callable[..., Sources]) -> None:
    """Two traits that declare one column are told apart, with the one that holds."""
    manifest = write(
        "from sqlalchemy.orm import Mapped\nfrom traits_runtime import Trait\n"
        "class A(Trait):\n    at: Mapped[int]\nclass B(Trait):\n    at: Mapped[str]\nclass M(A, B): ...\n"
    ).manifest()

    (found,) = [finding for finding in manifest.findings if finding.code == "column_clash"]
    assert "the one of A holds" in found.message


def test_hint_names_the_override(write: Callable[..., Sources]) -> None:
    """The hint of an unresolved base is the line that resolves it."""
    sources = write(HEAD + "def make(): ...\nmade = make()\nclass A(Trait): ...\nclass M(A, made.Base): ...\n")
    manifest = sources.manifest()

    (model,) = manifest.models
    assert not model.complete
    assert model.mro[-2:] == (f"{sources.name}.made.Base", "builtins.object")
    assert "made.Base" in model.reason
    (finding,) = manifest.findings
    assert f'"{sources.name}.made.Base" = ' in finding.hint

    known = sources.manifest(base_overrides={f"{sources.name}.made.Base": "builtins.dict"})
    assert known.models[0].complete
    assert "builtins.dict" in known.models[0].mro


@pytest.mark.parametrize("said", ["A", "B"])
def test_an_override_decides_a_conditional_base(said: str, write: Callable[..., Sources]) -> None:
    """The hint's line does what it says: it names the branch that was taken, or the other one."""
    text = (
        HEAD + "class A(Trait): ...\nclass B(Trait): ...\nif input():\n    C = A\nelse:\n    C = B\nclass M(C): ...\n"
    )
    sources = write(HEAD + text)
    (finding,) = [one for one in sources.manifest().findings if one.code == "conditional_base"]
    path = finding.hint.split('"')[1]

    known = sources.manifest(base_overrides={path: f"{sources.name}.{said}"})

    assert path == f"{sources.name}.A"
    assert [one.code for one in known.findings] == []
    assert (known.models[0].complete, known.models[0].traits) == (True, (f"{sources.name}.{said}",))


def test_missing_package_names_the_search_paths(tmp_path: Path) -> None:
    """A package that is nowhere is an error that lists where it was looked for."""
    with pytest.raises(PackageNotFoundError) as caught:
        extract(["no_such_package_here"], search_paths=[tmp_path])

    assert caught.value.name == "no_such_package_here"
    assert tmp_path in caught.value.searched
    assert str(tmp_path) in str(caught.value)

"""What is kept between two runs: nothing is read twice, and nothing stale is ever shown."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from sphinx_traits.extract import Extraction, Options, extract_with_files
from sphinx_traits.manifest import dumps

if TYPE_CHECKING:
    from tests.extract.conftest import Sources

FILES = {
    "traits": """
        from traits_runtime import Trait, TraitEvent, hook
        class HasSlug(Trait):
            made = TraitEvent()
            @hook("creating")
            def fill(self): self.made()
        class HasTags(Trait):
            def tag(self): ...
    """,
    "articles": "from PKG.traits import HasSlug\nclass Article(HasSlug):\n    def title(self): ...",
    "pages": "from PKG import traits\nclass Page(traits.HasTags): ...",
    "other": "from traits_runtime import Trait\nclass Alone(Trait): ...\nclass Single(Alone): ...",
    "listeners": "from traits_runtime import listen\nfrom PKG.articles import Article\n"
    "@listen('trait.HasSlug.made', model=Article)\ndef hear(envelope): ...",
}


def read(sources: Sources, cache: Path | None) -> Extraction:
    """Read a package, with or without a cache."""
    return extract_with_files([sources.name], search_paths=[sources.folder], options=Options(cache_dir=cache))


def edit(sources: Sources, module: str, old: str, new: str) -> None:
    """Change a module's text."""
    path = sources.folder / sources.name / f"{module}.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def within(sources: Sources, done: Extraction) -> set[str]:
    """The package's own modules among those visited, without the package's name."""
    prefix = f"{sources.name}."
    return {one.removeprefix(prefix) for one in done.visited if one.startswith(prefix)}


def test_nothing_changed_reads_nothing(write: Callable[..., Sources], tmp_path: Path) -> None:
    """The second run gives the same bytes and opens no module."""
    sources = write(FILES)
    first = read(sources, tmp_path / "cache")
    second = read(sources, tmp_path / "cache")

    assert dumps(first.manifest) == dumps(second.manifest)
    assert (second.visited, second.parsed) == ((), ())
    assert second.files == first.files


@pytest.mark.parametrize(
    ("module", "old", "new", "visited"),
    [
        ("articles", "def title", "def headline", {"articles", "listeners"}),
        ("pages", "class Page", "class Sheet", {"pages"}),
        ("traits", "def tag", "def label", {"traits", "articles", "pages", "listeners"}),
        ("other", "class Single(Alone)", "class Single", {"other"}),
        ("listeners", "def hear", "def listen_to", {"listeners"}),
    ],
)
def test_one_change_visits_what_depends_on_it(
    module: str, old: str, new: str, visited: set[str], write: Callable[..., Sources], tmp_path: Path
) -> None:
    """After an edit exactly the modules that depend on it are visited, and the bytes are those of a clean run."""
    sources = write(FILES)
    read(sources, tmp_path / "cache")
    edit(sources, module, old, new)
    done = read(sources, tmp_path / "cache")

    assert within(sources, done) == visited
    assert dumps(done.manifest) == dumps(read(sources, None).manifest)


@pytest.mark.parametrize("aged", [True, False], ids=["old files", "new files"])
def test_change_that_keeps_the_size_is_seen(aged: bool, write: Callable[..., Sources], tmp_path: Path) -> None:
    """A file is the same by its time where that can tell; one that has only just been written is compared itself."""
    sources = write(FILES)
    path = sources.folder / sources.name / "traits.py"
    if aged:
        os.utime(path, (path.stat().st_atime - 60, path.stat().st_mtime - 60))
    time_ns = path.stat().st_mtime_ns
    read(sources, tmp_path / "cache")
    edit(sources, "traits", "def tag", "def tug")
    if not aged:
        os.utime(path, ns=(time_ns, time_ns))
    done = read(sources, tmp_path / "cache")

    assert within(sources, done) == {"traits", "articles", "pages", "listeners"}
    assert dumps(done.manifest) == dumps(read(sources, None).manifest)


def test_change_made_while_sources_are_read_is_seen(
    write: Callable[..., Sources], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is saved after it was read, in a run that takes long: the next run shows what was saved."""
    sources = write(FILES)
    clock, seconds = time.time, 0
    monkeypatch.setattr(time, "time", lambda: clock() + seconds)

    def save(module: str, _number: int, _count: int) -> None:
        nonlocal seconds
        if module.endswith(".traits"):  # by now `articles` has been read
            edit(sources, "articles", "def title", "def label")
            seconds = 60

    options = Options(cache_dir=tmp_path / "cache")
    extract_with_files([sources.name], search_paths=[sources.folder], options=options, progress=save)

    done = read(sources, tmp_path / "cache")
    assert dumps(done.manifest) == dumps(read(sources, None).manifest)
    assert within(sources, done) == {"articles", "listeners"}


def test_class_that_no_model_uses_any_more_is_gone(write: Callable[..., Sources], tmp_path: Path) -> None:
    """It stood in a module that nothing has changed, for the sake of a model that has."""
    files = {**FILES, "plain": "class Helper: ...\nclass More(Helper): ..."}
    files["pages"] = "from PKG import plain, traits\nclass Page(traits.HasTags, plain.More): ..."
    sources = write(files)
    before = read(sources, tmp_path / "cache")
    edit(sources, "pages", ", plain.More", "")
    after = read(sources, tmp_path / "cache")

    assert {f"{sources.name}.plain.Helper", f"{sources.name}.plain.More"} == (
        {trait.name for trait in before.manifest.traits} - {trait.name for trait in after.manifest.traits}
    )
    assert dumps(after.manifest) == dumps(read(sources, None).manifest)


def test_new_and_removed_modules(write: Callable[..., Sources], tmp_path: Path) -> None:
    """A module that appears or goes changes what imported it, or looked for it in vain."""
    sources = write({**FILES, "late": "try:\n    from PKG.extra import Base\nexcept ImportError:\n    class Base: ...\n"
                     "from PKG.traits import HasTags\nclass Late(HasTags, Base): ..."})  # fmt: skip
    cache = tmp_path / "cache"
    before = read(sources, cache)
    extra = sources.folder / sources.name / "extra.py"
    extra.write_text("class Base: ...\n", encoding="utf-8")
    with_extra = read(sources, cache)
    assert dumps(with_extra.manifest) == dumps(read(sources, None).manifest) != dumps(before.manifest)

    extra.unlink()
    assert dumps(read(sources, cache).manifest) == dumps(before.manifest)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'[1, 2, "x"]'])
def test_damaged_cache_is_no_cache(damage: bytes, write: Callable[..., Sources], tmp_path: Path) -> None:
    """Whatever stands in the cache's file, the result is right, and the file is good again afterwards."""
    sources = write(FILES)
    first = read(sources, tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(damage)

    assert dumps(read(sources, tmp_path / "cache").manifest) == dumps(first.manifest)
    assert read(sources, tmp_path / "cache").visited == ()


def test_cache_leaves_two_whole_files(write: Callable[..., Sources], tmp_path: Path) -> None:
    """They are written beside and moved into place: no half-written file is ever under their names."""
    sources = write(FILES)
    read(sources, tmp_path / "cache")

    files = sorted((tmp_path / "cache").iterdir())
    assert [file.name.partition("-")[0] for file in files] == ["manifest", "modules"]
    assert all(msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines())


def test_module_summaries_may_be_lost(write: Callable[..., Sources], tmp_path: Path) -> None:
    """Without them the next change reads everything, and the result is right."""
    sources = write(FILES)
    read(sources, tmp_path / "cache")
    next((tmp_path / "cache").glob("modules-*")).write_bytes(b"{")
    edit(sources, "pages", "class Page", "class Sheet")

    assert dumps(read(sources, tmp_path / "cache").manifest) == dumps(read(sources, None).manifest)

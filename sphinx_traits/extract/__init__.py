"""Reads models and traits from source, without importing any of it: packages in, manifest out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from sphinx_traits.extract.adapters import Adapter, register
from sphinx_traits.extract.cache import Cache
from sphinx_traits.extract.cross_checks import cross_check, unique
from sphinx_traits.extract.factories import ClassFactories
from sphinx_traits.extract.locator import Locator, ModuleSpec, interpreter_paths
from sphinx_traits.extract.manifest_builder import ManifestBuilder, assemble
from sphinx_traits.extract.module_loader import Module, ModuleLoader
from sphinx_traits.extract.mro import ClassGraph
from sphinx_traits.extract.options import Options
from sphinx_traits.extract.previous_run import PreviousRun, reached
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.extract.settings import file_settings, settings_files
from sphinx_traits.manifest import Finding, Generator, Location, Manifest
from sphinx_traits.manifest_cache import CacheEntry, digest, without_garbage_collection
from sphinx_traits.version import __version__

__all__ = ["Adapter", "Extraction", "Options", "PackageNotFoundError", "extract", "extract_with_files", "register"]


class PackageNotFoundError(LookupError):
    """A package to analyse is on none of the search paths.

    Args:
        name: The package.
        searched: The directories that were looked in.
    """

    def __init__(self, name: str, searched: tuple[Path, ...]) -> None:
        self.name = name
        self.searched = searched
        directories = "".join(f"\n  {path}" for path in searched)
        super().__init__(
            f"There is no package {name!r} in any of these directories:{directories}\n"
            f"Name the directory that holds it with --search-path DIR, or with search-paths in [tool.traits]."
        )


@dataclass(frozen=True, slots=True)
class Extraction:
    """A manifest and where it comes from.

    Args:
        manifest: The facts.
        files: Absolute paths of all files that were read: when none of them changes, neither does the manifest,
            unless a file appears that was looked for in vain.
        visited: Names of the modules whose facts were read in this run; none where the cache had it all.
        parsed: Names of the modules that were parsed in this run, for their facts or because others build on them.
        kept: The file that keeps the manifest for the next run; None where nothing is kept.
        fingerprint: Digest of the manifest, where it is kept.
    """

    manifest: Manifest
    files: tuple[Path, ...]
    visited: tuple[str, ...]
    parsed: tuple[str, ...]
    kept: Path | None = None
    fingerprint: str = ""


def extract(
    packages: Sequence[str],
    *,
    search_paths: Sequence[Path] = (),
    project: Path | None = None,
    options: Options = Options(),
    progress: Callable[[str, int, int], None] | None = None,
) -> Manifest:
    """The manifest of some packages.

    Args:
        packages: Packages to analyse whole; others are only read where a base class or a name leads into them.
        search_paths: Directories that hold them; the running interpreter's own come after these.
        project: The project's folder: paths in the manifest are relative to it, and its files are read for settings.
        options: What to take for traits and models, and what to leave out.
        progress: Called with each module's name, its number and the number of modules.

    Raises:
        PackageNotFoundError: A package is on none of the search paths.
    """
    return extract_with_files(
        packages, search_paths=search_paths, project=project, options=options, progress=progress
    ).manifest


def extract_with_files(
    packages: Sequence[str],
    *,
    search_paths: Sequence[Path] = (),
    project: Path | None = None,
    options: Options = Options(),
    progress: Callable[[str, int, int], None] | None = None,
) -> Extraction:
    """As `extract`, with the files that were read."""
    locator = Locator(search_paths, interpreter_paths(), project)
    if options.cache_dir is None:
        return _extract(ModuleLoader(locator, packages), packages, project, options, progress, None)[0]
    began = time.time()
    cache = Cache(options.cache_dir, packages, locator.paths, project, options)
    before = cache.load()
    if before is not None and before.current:
        files = _paths(before.unchanged)
        return Extraction(before.manifest, files, (), (), kept=cache.path, fingerprint=before.fingerprint)
    loader = (
        ModuleLoader(locator, packages, cache.symbol_tables(), before.unchanged)
        if before
        else ModuleLoader(locator, packages)
    )
    found, digests = _extract(loader, packages, project, options, progress, before)
    good = (one for one in loader.modules.values() if one is not None and one.name not in loader.problems)
    symbol_tables = {one.name: (one.digest, one.symbols) for one in good if one.has_source}
    data = msgspec.json.encode(found.manifest)
    fingerprint = digest(data)
    cache.save(data, fingerprint, began, digests, locator.listings, symbol_tables)
    return replace(found, kept=cache.path, fingerprint=fingerprint)


def _extract(
    loader: ModuleLoader,
    packages: Sequence[str],
    project: Path | None,
    options: Options,
    progress: Callable[[str, int, int], None] | None,
    before: CacheEntry | None,
) -> tuple[Extraction, dict[str, str]]:
    """Read everything that is new; also the digests of all files that were read, or looked for in vain."""
    settled = settings_files(project)  # before they are read: what is saved in between is another content
    with without_garbage_collection():
        modules = list(_load(loader, packages, options, progress))
        graph = ClassGraph(Resolver(loader, options.base_overrides))
        ClassFactories(graph)
        builder = ManifestBuilder(graph, options)
        if before is not None:
            builder.remember(_earlier(loader, before))
        builder.choose(modules)
        settings, findings = file_settings(project)
        findings += _file_findings(loader, modules)
        manifest = assemble(builder, modules, tuple(packages), settings, findings)
    manifest = msgspec.structs.replace(
        manifest,
        generator=Generator(version=__version__),
        findings=unique([*manifest.findings, *cross_check(manifest)]),
    )
    loaded = [one for one in loader.modules.values() if one is not None and one.has_source]
    digests = {one.spec.path or "": one.digest for one in loaded} | settled
    extraction = Extraction(
        manifest=manifest,
        files=_paths(digests),
        visited=tuple(sorted(builder.described)),
        parsed=tuple(sorted(set(loader.parsed))),
    )
    return extraction, digests


def _paths(digests: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that are there, sorted."""
    return tuple(Path(path) for path, known in sorted(digests.items()) if known)


def _earlier(loader: ModuleLoader, before: CacheEntry) -> PreviousRun:
    """What still holds of an earlier run: the facts of the modules that no change has reached."""
    gone = {name for name in loader.known if loader.module(name) is None}
    now = {one.name: one for one in loader.modules.values() if one is not None and one.has_source}
    new = {name for name in now if name in loader.renewed or name not in loader.known}
    stale = reached(new | gone, {name: one.symbols for name, one in now.items()})
    fresh = (one for name, one in now.items() if name not in stale and name not in loader.problems)
    return PreviousRun(before.manifest, frozenset(loader.locator.display_path(one.spec.path or "") for one in fresh))


def _load(
    loader: ModuleLoader, packages: Sequence[str], options: Options, progress: Callable[[str, int, int], None] | None
) -> Iterator[Module]:
    found = [one for package in packages for one in _modules(loader, package, options)]
    for number, one in enumerate(found, 1):
        if progress is not None:
            progress(one.name, number, len(found))
        module = loader.module(one.name)
        if module is not None:
            yield module


def _modules(loader: ModuleLoader, package: str, options: Options) -> Iterator[ModuleSpec]:
    root = loader.locator.find(package)
    if root is None:
        raise PackageNotFoundError(package, tuple(Path(one) for one in loader.locator.paths))
    for found in (root, *loader.locator.submodules(root)):
        if found.has_source and not any(fnmatchcase(found.name, one) for one in options.exclude):
            yield found


def _file_findings(loader: ModuleLoader, modules: list[Module]) -> list[Finding]:
    """What is wrong with the files of the analysed packages."""
    own = {one.name for one in modules}
    return [
        Finding(
            location=Location(loader.locator.display_path(path), problem.line),
            code=problem.code,
            message=problem.message,
            hint=problem.hint,
            subject=name,
            level="error",
        )
        for name, (path, problem) in loader.problems.items()
        if name in own
    ]

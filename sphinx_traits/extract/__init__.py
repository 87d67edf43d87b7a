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
from sphinx_traits.extract.locator import Locator, ModuleSpec, interpreter_paths
from sphinx_traits.extract.manifest_builder import ManifestBuilder, assemble
from sphinx_traits.extract.module_loader import ModuleLoader
from sphinx_traits.extract.modules import Module
from sphinx_traits.extract.options import Options
from sphinx_traits.extract.previous_run import PreviousRun, affected
from sphinx_traits.extract.resolver import Resolver
from sphinx_traits.extract.settings import file_settings, settings_files
from sphinx_traits.extract.symbol_cache import SymbolCache
from sphinx_traits.extract.symbols import SymbolTable
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
        cache_path: The file that keeps the manifest for the next run; None where nothing is kept.
        fingerprint: Digest of the manifest, where it is kept.
    """

    manifest: Manifest
    files: tuple[Path, ...]
    visited: tuple[str, ...]
    parsed: tuple[str, ...]
    cache_path: Path | None = None
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
    symbol_cache = SymbolCache(options.symbol_cache_dir) if options.symbol_cache_dir is not None else None
    if options.cache_dir is None:
        loader = ModuleLoader(locator, packages, symbol_cache=symbol_cache)
        return _extract(loader, packages, project, options, progress, None)[0]
    began = time.time()
    cache = Cache(options.cache_dir, packages, locator.paths, project, options)
    before = cache.load()
    if before is not None and before.current:
        files = _paths(before.unchanged)
        return Extraction(before.manifest, files, (), (), cache_path=cache.path, fingerprint=before.fingerprint)
    previous = cache.symbol_tables() if before is not None else {}
    unchanged = before.unchanged if before is not None else {}
    loader = ModuleLoader(locator, packages, previous, unchanged, symbol_cache)
    extraction, digests = _extract(loader, packages, project, options, progress, before)
    data = msgspec.json.encode(extraction.manifest)
    fingerprint = digest(data)
    cache.save(data, fingerprint, began, digests, locator.listings, _symbol_tables(loader))
    return replace(extraction, cache_path=cache.path, fingerprint=fingerprint)


def _symbol_tables(loader: ModuleLoader) -> dict[str, tuple[str, SymbolTable]]:
    """The symbol tables of all modules that could be read, each with the digest of its file."""
    readable = [module for module in loader.sources() if module.name not in loader.problems]
    return {module.name: (module.digest, module.symbols) for module in readable}


def _extract(
    loader: ModuleLoader,
    packages: Sequence[str],
    project: Path | None,
    options: Options,
    progress: Callable[[str, int, int], None] | None,
    before: CacheEntry | None,
) -> tuple[Extraction, dict[str, str]]:
    """Read everything that is new; also the digests of all files that were read, or looked for and not found."""
    config_start = options.config_start or project
    file_digests = settings_files(config_start)  # before the files are read: a later change is another content
    with without_garbage_collection():
        modules = list(_load(loader, packages, options, progress))
        builder = ManifestBuilder(Resolver(loader, options.base_overrides), options)
        if before is not None:
            builder.remember(_previous_run(loader, before))
        builder.choose(modules)
        settings, findings = file_settings(config_start, project)
        findings += _file_findings(loader, modules)
        manifest = assemble(builder, modules, tuple(packages), settings, findings)
    manifest = msgspec.structs.replace(
        manifest,
        generator=Generator(version=__version__),
        findings=unique([*manifest.findings, *cross_check(manifest)]),
    )
    if loader.symbol_cache is not None:
        loader.symbol_cache.shrink()
    digests = {module.spec.path or "": module.digest for module in loader.sources()} | file_digests
    extraction = Extraction(
        manifest=manifest,
        files=_paths(digests),
        visited=tuple(sorted(builder.described)),
        parsed=tuple(sorted(set(loader.parsed))),
    )
    return extraction, digests


def _paths(digests: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that are there, sorted."""
    return tuple(Path(path) for path, content_digest in sorted(digests.items()) if content_digest)


def _previous_run(loader: ModuleLoader, before: CacheEntry) -> PreviousRun:
    """The facts of an earlier run in the modules that no change affects."""
    missing = {name for name in loader.previous if loader.module(name) is None}
    symbol_tables = {module.name: module.symbols for module in loader.sources()}
    new = {name for name in symbol_tables if name in loader.renewed or name not in loader.previous}
    stale = affected(new | missing, symbol_tables) | loader.problems.keys()
    fresh = [module for module in loader.sources() if module.name not in stale]
    paths = (loader.locator.display_path(module.spec.path or "") for module in fresh)
    return PreviousRun(before.manifest, frozenset(paths))


def _load(
    loader: ModuleLoader, packages: Sequence[str], options: Options, progress: Callable[[str, int, int], None] | None
) -> Iterator[Module]:
    specs = [spec for package in packages for spec in _modules(loader, package, options)]
    for number, spec in enumerate(specs, 1):
        if progress is not None:
            progress(spec.name, number, len(specs))
        module = loader.module(spec.name)
        if module is not None:
            yield module


def _modules(loader: ModuleLoader, package: str, options: Options) -> Iterator[ModuleSpec]:
    root = loader.locator.find(package)
    if root is None:
        raise PackageNotFoundError(package, tuple(Path(path) for path in loader.locator.paths))
    for spec in (root, *loader.locator.submodules(root)):
        if spec.has_source and not any(fnmatchcase(spec.name, pattern) for pattern in options.exclude):
            yield spec


def _file_findings(loader: ModuleLoader, modules: list[Module]) -> list[Finding]:
    """What is wrong with the files of the analysed packages."""
    analysed = {module.name for module in modules}
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
        if name in analysed
    ]

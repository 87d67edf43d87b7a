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
    if options.cache_dir is None:
        return _extract(ModuleLoader(locator, packages), packages, project, options, progress, None)[0]
    began = time.time()
    cache = Cache(options.cache_dir, packages, locator.paths, project, options)
    before = cache.load()
    if before is not None and before.current:
        files = _paths(before.unchanged)
        return Extraction(before.manifest, files, (), (), cache_path=cache.path, fingerprint=before.fingerprint)
    loader = (
        ModuleLoader(locator, packages, cache.symbol_tables(), before.unchanged)
        if before
        else ModuleLoader(locator, packages)
    )
    extraction, digests = _extract(loader, packages, project, options, progress, before)
    good = (module for module in loader.modules.values() if module is not None and module.name not in loader.problems)
    symbol_tables = {module.name: (module.digest, module.symbols) for module in good if module.has_source}
    data = msgspec.json.encode(extraction.manifest)
    fingerprint = digest(data)
    cache.save(data, fingerprint, began, digests, locator.listings, symbol_tables)
    return replace(extraction, cache_path=cache.path, fingerprint=fingerprint)


def _extract(
    loader: ModuleLoader,
    packages: Sequence[str],
    project: Path | None,
    options: Options,
    progress: Callable[[str, int, int], None] | None,
    before: CacheEntry | None,
) -> tuple[Extraction, dict[str, str]]:
    """Read everything that is new; also the digests of all files that were read, or looked for in vain."""
    config_start = options.config_start or project
    settings_digests = settings_files(config_start)  # before they are read: what is saved in between is another content
    with without_garbage_collection():
        modules = list(_load(loader, packages, options, progress))
        builder = ManifestBuilder(Resolver(loader, options.base_overrides), options)
        if before is not None:
            builder.remember(_earlier(loader, before))
        builder.choose(modules)
        settings, findings = file_settings(config_start, project)
        findings += _file_findings(loader, modules)
        manifest = assemble(builder, modules, tuple(packages), settings, findings)
    manifest = msgspec.structs.replace(
        manifest,
        generator=Generator(version=__version__),
        findings=unique([*manifest.findings, *cross_check(manifest)]),
    )
    loaded = [module for module in loader.modules.values() if module is not None and module.has_source]
    digests = {module.spec.path or "": module.digest for module in loaded} | settings_digests
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


def _earlier(loader: ModuleLoader, before: CacheEntry) -> PreviousRun:
    """What still holds of an earlier run: the facts of the modules that no change has reached."""
    missing = {name for name in loader.known if loader.module(name) is None}
    now = {module.name: module for module in loader.modules.values() if module is not None and module.has_source}
    new = {name for name in now if name in loader.renewed or name not in loader.known}
    stale = reached(new | missing, {name: module.symbols for name, module in now.items()})
    fresh = (module for name, module in now.items() if name not in stale and name not in loader.problems)
    return PreviousRun(
        before.manifest, frozenset(loader.locator.display_path(module.spec.path or "") for module in fresh)
    )


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

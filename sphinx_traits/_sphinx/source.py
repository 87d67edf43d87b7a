"""Source of a build's manifest: extraction, the cache, or a manifest file."""

from __future__ import annotations

import os
import sys
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sphinx.util.display import SkipProgressMessage, progress_message

from sphinx_traits import manifest_cache
from sphinx_traits._sphinx.config import place
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.manifest import Finding, Manifest, ManifestError, loads
from sphinx_traits.version import __version__
from traits_runtime.rules.files import VARIABLE
from traits_runtime.rules.output import write_file

if TYPE_CHECKING:
    from sphinx_traits._sphinx.config import Settings
    from sphinx_traits._sphinx.sources import Sources
    from sphinx_traits.project import Project

LAST = "last.json"
"""File in the cache folder that names the manifest of the last build."""


class _Last(msgspec.Struct, frozen=True):
    """The manifest of the last build.

    Args:
        key: Digest of the project's settings, of our version and of Python's.
        name: The file that keeps it.
    """

    key: str
    name: str


def load_manifest(settings: Settings, project: Project, confdir: Path, cache: Path) -> tuple[Manifest, str]:
    """The manifest to document and its digest; warns and returns an empty manifest where it cannot be read.

    Args:
        settings: The values of `conf.py`.
        project: Which sources to read.
        confdir: The folder of `conf.py`.
        cache: A folder that keeps the manifest for the next build.
    """
    if settings.manifest:
        return _read(confdir / settings.manifest, place(confdir, "manifest"))
    if not project.packages:
        return Manifest(), ""
    cached = _unchanged(cache, project)
    if cached is not None:
        return cached.manifest, cached.fingerprint
    extracted: tuple[Manifest, str] = (Manifest(), "")
    with progress_message(f"reading models and traits of {', '.join(project.packages)}"):
        extracted = _extract(project, cache, place(confdir, "packages"))
    return extracted  # noqa: RET504 - a skipped block leaves the empty manifest


def _read(file: Path, where: str) -> tuple[Manifest, str]:
    try:
        data = file.read_bytes()
        return loads(data), manifest_cache.digest(data)
    except (OSError, ManifestError) as error:
        warn("manifest", f"traits_manifest cannot be read: {error}", where)
        return Manifest(), ""


def _unchanged(cache: Path, project: Project) -> manifest_cache.CacheEntry | None:
    """The manifest of the last build, if none of its input files has changed; checked without a parser."""
    try:
        last = manifest_cache.decoded((cache / LAST).read_bytes(), _Last)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return manifest_cache.load(cache / last.name, only_current=True) if last.key == _key(project) else None


def _extract(project: Project, cache: Path, where: str) -> tuple[Manifest, str]:
    from sphinx_traits.extract import Options, PackageNotFoundError, extract_with_files

    options = Options(
        base_overrides=project.base_overrides,
        traits=project.trait_names,
        models=project.model_names,
        exclude=project.exclude,
        config_start=project.config_start,
        cache_dir=cache,
    )
    try:
        found = extract_with_files(
            project.packages, search_paths=project.search_paths, project=project.root, options=options
        )
    except PackageNotFoundError as error:
        warn("package_not_found", str(error), where)
        raise SkipProgressMessage(str(error)) from error
    if found.cache_path is not None:
        write_file(cache / LAST, msgspec.json.encode(_Last(_key(project), found.cache_path.name)))
    return found.manifest, found.fingerprint


def _key(project: Project) -> str:
    return manifest_cache.digest(repr((__version__, sys.version, astuple(project), os.environ.get(VARIABLE))).encode())


def report(findings: tuple[Finding, ...], sources: Sources) -> None:
    """Warn about each finding of the manifest at its place."""
    for finding in findings:
        if finding.level == "info":
            continue
        hint = f" {finding.hint}" if finding.hint else ""
        place = sources.absolute(finding.location.path)
        warn(finding.code, f"{finding.message}{hint}", f"{place}:{finding.location.line or 1}" if place else None)

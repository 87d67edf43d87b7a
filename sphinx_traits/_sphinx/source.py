"""Where the manifest of a build comes from: sources, the same sources unchanged, or a file made elsewhere."""

from __future__ import annotations

import hashlib
import os
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sphinx.util.display import SkipProgressMessage, progress_message

from sphinx_traits import __version__
from sphinx_traits._sphinx.config import place
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.files import write_atomic
from sphinx_traits.manifest import Finding, Manifest, ManifestError, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx_traits._sphinx.config import Settings
    from sphinx_traits._sphinx.sources import Sources
    from sphinx_traits.project import Project


class _Stamp(msgspec.Struct, frozen=True):
    """What a manifest was made from: when none of it changes, neither does the manifest.

    Args:
        key: Digest of the project's settings and of our version.
        digest: Digest of the manifest.
        files: Time and size of each file that was read, and of each folder that was looked in.
    """

    key: str
    digest: str
    files: dict[str, tuple[int, int]]


def load_manifest(settings: Settings, project: Project, confdir: Path, cache: Path) -> tuple[Manifest, str]:
    """The manifest to document, and its digest; what cannot be read is a warning, and the manifest is empty then.

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
    known = _unchanged(cache, project)
    if known is not None:
        return known
    found: tuple[Manifest, str] = (Manifest(), "")
    with progress_message(f"reading models and traits of {', '.join(project.packages)}"):
        found = _extract(project, cache, place(confdir, "packages"))
    return found  # noqa: RET504 - a block that is skipped leaves the empty one


def _read(file: Path, where: str) -> tuple[Manifest, str]:
    try:
        data = file.read_bytes()
        return loads(data), _digest(data)
    except (OSError, ManifestError) as error:
        warn("manifest", f"traits_manifest cannot be read: {error}", where)
        return Manifest(), ""


def _unchanged(cache: Path, project: Project) -> tuple[Manifest, str] | None:
    """The manifest of the last build, if nothing that it was made from has changed."""
    try:
        stamp = msgspec.json.decode((cache / "stamp.json").read_bytes(), type=_Stamp)
        if stamp.key != _key(project) or _stats(stamp.files) != stamp.files:
            return None
        return msgspec.json.decode((cache / "manifest.json").read_bytes(), type=Manifest), stamp.digest
    except (OSError, msgspec.MsgspecError):
        return None


def _extract(project: Project, cache: Path, where: str) -> tuple[Manifest, str]:
    from sphinx_traits.extract import Options, PackageNotFoundError, extract_with_files

    options = Options(
        base_overrides=project.base_overrides,
        traits=project.trait_names,
        models=project.model_names,
        exclude=project.exclude,
        cache_dir=cache,
    )
    try:
        found = extract_with_files(
            project.packages, search_paths=project.search_paths, project=project.root, options=options
        )
    except PackageNotFoundError as error:
        warn("package_not_found", str(error), where)
        raise SkipProgressMessage(str(error)) from error
    files = [str(one) for one in found.files]
    around = (project.root / "pyproject.toml", *project.search_paths)
    folders = {os.path.dirname(one) for one in files}
    data = dumps(found.manifest, indent=0)
    stamp = _Stamp(_key(project), _digest(data), _stats((*map(str, around), *files, *sorted(folders))))
    write_atomic(cache / "manifest.json", data)
    write_atomic(cache / "stamp.json", msgspec.json.encode(stamp))
    return found.manifest, stamp.digest


def _stats(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Time and size of files and folders; (0, 0) for one that is not there."""
    found: dict[str, tuple[int, int]] = {}
    for path in paths:
        try:
            stat = os.stat(path)  # thousands of them, and a Path costs as much again
            found[path] = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            found[path] = (0, 0)
    return found


def _key(project: Project) -> str:
    return _digest(repr((__version__, astuple(project))).encode())


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def report(findings: tuple[Finding, ...], sources: Sources) -> None:
    """Warn about what the sources get wrong, each at its own place."""
    for finding in findings:
        if finding.level == "info":
            continue
        hint = f" {finding.hint}" if finding.hint else ""
        place = sources.absolute(finding.location.path)
        warn(finding.code, f"{finding.message}{hint}", f"{place}:{finding.location.line or 1}" if place else None)

"""Where the manifest of a build comes from: sources, or a file made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.util.display import SkipProgressMessage, progress_message

from sphinx_traits._sphinx.warn import warn
from sphinx_traits.manifest import Finding, Manifest, ManifestError, loads

if TYPE_CHECKING:
    from pathlib import Path

    from sphinx_traits._sphinx.config import Settings
    from sphinx_traits._sphinx.sources import Sources
    from sphinx_traits.project import Project


def load_manifest(settings: Settings, project: Project, confdir: Path) -> Manifest:
    """The manifest to document; what cannot be read is a warning, and the manifest is empty then."""
    if settings.manifest:
        return _read(confdir / settings.manifest)
    if not project.packages:
        return Manifest()
    found = Manifest()
    with progress_message(f"reading models and traits of {', '.join(project.packages)}"):
        found = _extract(project)
    return found  # noqa: RET504 - a block that is skipped leaves the empty one


def _read(file: Path) -> Manifest:
    try:
        return loads(file.read_bytes())
    except (OSError, ManifestError) as error:
        warn("manifest", f"traits_manifest cannot be read: {error}", "conf.py")
        return Manifest()


def _extract(project: Project) -> Manifest:
    from sphinx_traits.extract import Options, PackageNotFoundError, extract

    options = Options(
        base_overrides=project.base_overrides,
        traits=project.trait_names,
        models=project.model_names,
        exclude=project.exclude,
    )
    try:
        return extract(project.packages, search_paths=project.search_paths, project=project.root, options=options)
    except PackageNotFoundError as error:
        warn("package_not_found", str(error), "conf.py")
        raise SkipProgressMessage(str(error)) from error


def report(findings: tuple[Finding, ...], sources: Sources) -> None:
    """Warn about what the sources get wrong, each at its own place."""
    for finding in findings:
        if finding.level == "info":
            continue
        hint = f" {finding.hint}" if finding.hint else ""
        place = sources.absolute(finding.location.path)
        warn(finding.code, f"{finding.message}{hint}", f"{place}:{finding.location.line or 1}" if place else None)

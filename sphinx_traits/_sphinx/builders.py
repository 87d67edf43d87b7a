"""Builders without pages: the manifest as JSON, and a count of missing docstrings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sphinx.builders import Builder
from sphinx.locale import get_translation
from sphinx.util import logging

from sphinx_traits._sphinx.build import build_of
from sphinx_traits._sphinx.config import place
from sphinx_traits._sphinx.warn import warn
from sphinx_traits.manifest import dumps
from traits_runtime.rules.output import write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from docutils import nodes

    from sphinx_traits._sphinx.catalogue import BuildCatalogue
    from sphinx_traits.manifest import Class, Fact

_ = get_translation("sphinx_traits")
logger = logging.getLogger(__name__)


class _ManifestBuilder(Builder):
    """A builder that needs the manifest and no page."""

    allow_parallel: ClassVar[bool] = True

    def get_outdated_docs(self) -> str:
        """No single document is outdated."""
        return _("the manifest")

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Pages have no address here."""
        return ""

    def prepare_writing(self, docnames: Set[str]) -> None:
        """Nothing to prepare."""

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """No page is written."""

    def write_documents(self, docnames: Set[str]) -> None:
        """No page is written, and none is resolved for it."""


class JsonBuilder(_ManifestBuilder):
    """`traits-json`: all facts, in the form of the published JSON Schema."""

    name = "traits-json"
    epilog = _("The facts are in %(outdir)s/traits.json.")

    def finish(self) -> None:
        """Write the manifest."""
        write_if_changed(Path(self.outdir) / "traits.json", dumps(build_of(self.env).catalogue.manifest))


class CoverageBuilder(_ManifestBuilder):
    """`traits-coverage`: which traits, models, hooks, keys, features, events and jobs have no docstring."""

    name = "traits-coverage"
    epilog = _("What has no docstring is listed in %(outdir)s/undocumented.txt.")
    failed = False

    def finish(self) -> None:
        """Count, list, and fail where the share is below `traits_coverage`."""
        build = build_of(self.env)
        facts = list(documentable(build.catalogue))
        missing = [fact for fact in facts if not fact[2]]
        percent = 100 * (len(facts) - len(missing)) // len(facts) if facts else 100
        lines = [f"{where}: {kind} {name}" for kind, name, _doc, where in missing]
        total = f"{len(facts) - len(missing)} of {len(facts)} documented ({percent}%)"
        write_if_changed(Path(self.outdir) / "undocumented.txt", "\n".join([*lines, total, ""]).encode())
        logger.info(total)
        if percent < build.settings.coverage:
            self.failed = True
            location = place(Path(self.confdir), "coverage")
            warn(
                "undocumented",
                f"{total}; traits_coverage asks for {build.settings.coverage}%. See {self.outdir}/undocumented.txt.",
                location,
            )


def documentable(catalogue: BuildCatalogue) -> Iterator[tuple[str, str, str, str]]:
    """Everything that may have a docstring: kind, full name, docstring and place."""
    for kind, classes in (("trait", catalogue.manifest.traits), ("model", catalogue.manifest.models)):
        for cls in classes:
            yield kind, cls.name, cls.doc, str(cls.location)
            for part, fact in _facts(cls):
                yield part, f"{fact.owner}.{fact.name}", fact.doc, str(fact.location)


def _facts(cls: Class) -> Iterator[tuple[str, Fact]]:
    for kind, facts in (
        ("hook", cls.hooks),
        ("config", cls.config),
        ("feature", cls.features),
        ("event", cls.events),
        ("job", cls.jobs),
        ("metric", cls.metrics),
    ):
        for fact in facts:
            yield kind, fact

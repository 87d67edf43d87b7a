"""Collects the findings about sources, config, running program and databases."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from traits_cli.app import Application
from traits_cli.base import fail
from traits_cli.extras import import_problem
from traits_cli.key_catalog import Known, from_manifest, live
from traits_runtime.diagnose.config_checks import DeclaredConfig, check_config
from traits_runtime.diagnose.finding import Finding, Selection
from traits_runtime.errors import TraitsError
from traits_runtime.rules.layers import Address

if TYPE_CHECKING:
    from sphinx_traits.manifest import Manifest
    from sphinx_traits.project import Project

SCHEMA_ADAPTERS = ("traits_runtime.adapters.sqlalchemy_schema",)
"""Modules that compare models with a database; each is imported when a database is checked."""


class Database(NamedTuple):
    """A database and the adapter that checks it."""

    adapter: Any
    engine: Any


class Inspection:
    """Sources, program and databases of one run: read, imported and connected once, checked as often as needed.

    Args:
        app: The application and its sources.
        database: URL of the database; empty for the engine of the application.
    """

    def __init__(self, app: Application, database: str) -> None:
        self.app = app
        self.is_live = bool(app.name or database)
        self.databases: list[Database] = []
        if self.is_live:
            root_object = app.load()
            app.start_engines()
            self.databases = _open_databases(database, root_object)
        self.sources = self._read_sources()

    def findings(self, selection: Selection, name: str = "") -> list[Finding]:
        """Run the checks.

        Args:
            selection: The checks that are asked for.
            name: A model or trait; only findings about it are returned.
        """
        catalog = self._catalog()
        results = [*self._source_findings(), *self._program_findings()]
        results += check_config(_declared_config(self.app, catalog))
        results = [finding for finding in results if selection.includes(finding.id)]
        if name:
            path = catalog.find("model or trait", name, catalog.classes).path
            results = [finding for finding in results if _is_about(finding, path)]
        return sorted(results, key=lambda finding: finding.sort_key)

    def reload_config(self) -> None:
        """Read config files and the store again after a fix has changed them."""
        from traits_runtime import config
        from traits_runtime._core import runtime

        if runtime.files_are_read():
            runtime.problems.clear()
            runtime.resolver.forget()
            runtime.read_files(self.app.file)
            config.refresh()

    def _read_sources(self) -> tuple[Project, Manifest] | None:
        """The project and its manifest; None for a running application whose sources cannot be read."""
        try:
            from traits_cli.sources import project_of, read_sources
        except ImportError as error:
            sentence = import_problem(error)
            if not self.is_live or not sentence:
                raise
            click.echo(f"Sources are not checked. {sentence}", err=True)
            return None
        project = project_of(self.app.sources)
        if self.is_live and not project.packages:
            return None
        return project, read_sources(project)

    def _catalog(self) -> Known:
        if self.is_live or self.sources is None:
            return live()
        return from_manifest(*self.sources, self.app)

    def _source_findings(self) -> Iterator[Finding]:
        if self.sources is not None:
            from traits_cli.diagnose.source_checks import check_sources

            yield from check_sources(self.sources[1])

    def _program_findings(self) -> Iterator[Finding]:
        if not self.is_live:
            return
        from traits_runtime._core import registry
        from traits_runtime.diagnose.program_checks import check_program

        root = self.app.folder
        yield from check_program(root)
        models = [record for record in registry.records().values() if record.kind == "model"]
        for adapter, engine in self.databases:
            yield from adapter.check_schema(engine, models, root)


def _is_about(finding: Finding, path: str) -> bool:
    short = path.rpartition(".")[2]
    return bool(re.search(rf"\b{re.escape(short)}\b", f"{finding.subject} {finding.message}"))


def _open_databases(url: str, root_object: object) -> list[Database]:
    """Open the database at a URL, else those behind an object of the application."""
    databases = []
    for name in SCHEMA_ADAPTERS:
        if not url and "sqlalchemy" not in sys.modules:
            continue
        adapter: Any = importlib.import_module(name)
        engine = _open(adapter, url) if url else adapter.engine_of(root_object)
        if engine is not None:
            databases.append(Database(adapter, engine))
    if not databases:
        click.echo("No database is checked. Name one with --database URL or --app module:engine.", err=True)
    return databases


def _open(adapter: Any, url: str) -> Any:
    try:
        return adapter.open_engine(url)
    except (TraitsError, ImportError):
        raise
    except Exception as error:
        fail(f"--database: {type(error).__name__}: {str(error).splitlines()[0]}")


def _declared_config(app: Application, catalog: Known) -> DeclaredConfig:
    users: dict[str, list[str]] = {}
    for model in catalog.models.values():
        for trait in model.traits:
            users.setdefault(trait, []).append(model.path)
    return DeclaredConfig(
        keys={path: trait.keys for path, trait in catalog.traits.items()},
        models={path: model.subject for path, model in catalog.models.items()},
        users={trait: tuple(models) for trait, models in users.items()},
        subjects={path: trait.subject for path, trait in catalog.traits.items()},
        resolver=catalog.resolver,
        file=app.file,
        root=app.folder,
        forget=_override_remover(app, catalog),
    )


def _override_remover(app: Application, catalog: Known) -> Callable[[Address], None] | None:
    """A function that removes an override from the store; None where there is no store."""
    from traits_runtime import MemoryStore, config

    if catalog.how == "imported" and not isinstance(config.store, MemoryStore):
        return _remove_live
    path = app.open_store()
    if path is None or not path.is_file():
        return None

    def remove_from_file(address: Address) -> None:
        from traits_runtime._core.config.sqlite import SQLiteStore

        store = SQLiteStore(path)
        try:
            store.write(address, "", **_REASON)
        finally:
            store.close()

    return remove_from_file


def _remove_live(address: Address) -> None:
    from traits_runtime import config

    config.store.write(address, "", **_REASON)
    config.refresh()


_REASON: Any = {"by": "traits diagnose", "why": "it has no effect", "expected": None}
"""The entry in the store's history."""

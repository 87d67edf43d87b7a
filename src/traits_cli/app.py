"""The application that a command runs: importing it, its config files and its store."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from traits_cli.base import Sources, did_you_mean, fail, sources_options
from traits_cli.extras import missing_extra
from traits_runtime.rules.files import find_config, find_file, named_store, setting

C = TypeVar("C", bound=Callable[..., Any])


class Application(NamedTuple):
    """The application that the options name.

    Args:
        sources: Its project.
        name: ``module:object``, empty for none.
        store: The SQLite file with overrides; None for the store that the application uses.
    """

    sources: Sources
    name: str = ""
    store: Path | None = None

    def load(self) -> object:
        """Import the application, read its config files and open its store; returns the named object, else the module.

        Ends the process with code 2 where it cannot be imported, or where there is none.
        """
        name = self.named
        if not name:
            fail(
                "This command needs the running application. Pass --app module:object; object() is called. "
                "Or configure it once:\n\n"
                '  [tool.traits]\n  app = "shop.app"'
            )
        make_importable(self.folder)
        root_object = import_application(name)
        self.configure()
        return root_object

    def start_engines(self) -> None:
        """Connect the cache, queue and outbox that config names, unless the application has done so."""
        from traits_runtime import engines
        from traits_runtime._core import runtime

        if runtime.outbox is None and runtime.job_backend is None and engines.started() is None:
            settings = engines.read_settings(self.file)
            if settings.cache or settings.queue or settings.outbox:
                engines.start(settings)

    def open_store(self) -> Path | None:
        """The file of the store by option or project; None where neither names one."""
        if self.store is not None:
            return self.store
        variable = os.environ.get("TRAITS_STORE")
        if variable:
            return Path(variable)
        return named_store(self.file) if self.file is not None else None

    @property
    def file(self) -> Path | None:
        """The config file: the one that ``TRAITS_CONFIG`` names, else the nearest above."""
        return find_config(self.sources.root.resolve(), os.environ)

    @property
    def folder(self) -> Path:
        """The project's folder."""
        root = self.sources.root.resolve()
        config_file = find_file(root)
        return root if config_file is None else config_file.parent

    @property
    def named(self) -> str:
        """The application by option or by the `app` of the project, empty for none."""
        name = self.name or (setting(self.file, "app") if self.file is not None else "")
        return name if isinstance(name, str) else ""

    def configure(self) -> None:
        """Read the config files, unless the application did, and open the store."""
        from traits_runtime import config
        from traits_runtime._core import runtime

        if not runtime.files_are_read():
            runtime.read_files(self.file)
        store = self.open_store()
        if store is not None:
            with using_store(store):
                config.use(store=store)


@contextmanager
def using_store(path: Path | None) -> Iterator[None]:
    """Report errors of SQLite with the path of the store; ends the process with code 2."""
    import sqlite3

    try:
        yield
    except (sqlite3.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        fail(f"The store {path} cannot be used: {why}.")


def app_options(command: C) -> C:
    """`--app`, `--store` and the options for sources; they reach the command as one `Application` named ``app``."""

    @functools.wraps(command)
    def call(*args: Any, sources: Sources, app_name: str, store: Path | None, **kwargs: Any) -> Any:
        return command(*args, app=Application(sources, app_name, store), **kwargs)

    wrapped: C = sources_options(call)  # type: ignore[assignment]  # the same command, with options made into one
    click.option(
        "--store",
        type=click.Path(dir_okay=False, path_type=Path),
        help="SQLite file with the overrides. Default: what the application or [tool.traits] store says.",
    )(wrapped)
    click.option(
        "--app",
        "app_name",
        default="",
        metavar="MODULE[:OBJECT]",
        help="The application to import; OBJECT() is called. Default: [tool.traits] app.",
    )(wrapped)
    return wrapped


def make_importable(root: Path) -> None:
    """Let the packages of a project's folder be imported."""
    for folder in (root, root / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def import_application(name: str) -> object:
    """Import the object that ``module:object`` names; ends the process with code 2 on an error."""
    module, _, attribute = name.partition(":")
    try:
        if os.environ.get("DJANGO_SETTINGS_MODULE"):
            importlib.import_module("django").setup()
        return _attribute(importlib.import_module(module), name, attribute)
    except ModuleNotFoundError as error:
        way = missing_extra(error.name or "") or f"Searched: {', '.join(_search_folders())}"
        fail(f"--app {name}: there is no module {error.name!r}. {way}")
    except _MissingAttributeError as error:
        fail(str(error))
    except (Exception, SystemExit) as error:
        fail(f"--app {name}: starting it failed{_place_of(error)}: {type(error).__name__}: {error}")


def _place_of(error: BaseException) -> str:
    """The innermost frame of an error outside of our packages."""
    import traceback

    ours = str(Path(__file__).resolve().parents[1])
    lines = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((ours, "<")) and "importlib" not in frame.filename
    ]  # fmt: skip
    return f" at {lines[-1].filename}:{lines[-1].lineno}" if lines else ""


class _MissingAttributeError(LookupError):
    """The module has no such object."""


def _attribute(module: object, name: str, attribute: str) -> object:
    """The object that ``module:a.b`` names; ``module:start()`` is the result of the function."""
    value = module
    for part in filter(None, attribute.removesuffix("()").split(".")):
        if not hasattr(value, part):
            raise _MissingAttributeError(f"--app {name}: there is no {part!r}.{did_you_mean(part, dir(value))}")
        value = getattr(value, part)
    return value() if attribute.endswith("()") and callable(value) else value


def _search_folders() -> Iterator[str]:
    return (path for path in sys.path[:4] if path)

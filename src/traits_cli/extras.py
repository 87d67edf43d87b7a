"""Which extra installs a module that a command imports, and what a failed import means. Imports no third party."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

OURS: Final = ("traits_cli", "traits_runtime", "sphinx_traits")

PURPOSES: Final[Mapping[str, str]] = {
    "cli": "The command line",
    "sphinx": "Reading sources and writing documentation",
    "site": "The documentation theme",
    "migrate": "Rewriting sources",
    "diagnose": "Comparing a database with its migrations",
    "sqlalchemy": "SQLAlchemy",
    "sqlalchemy-asyncio": "SQLAlchemy with asyncio",
    "django": "Django",
    "redis": "Redis",
    "dogpile": "The dogpile cache",
    "huey": "The Huey queue",
    "celery": "The Celery queue",
    "rq": "The RQ queue",
    "dramatiq": "The Dramatiq queue",
    "taskiq": "The Taskiq queue",
    "procrastinate": "The Procrastinate queue",
    "rabbitmq": "The RabbitMQ broker",
    "otel": "OpenTelemetry",
    "prometheus": "Prometheus metrics",
    "openfeature": "OpenFeature rollouts",
    "ulid": "HasUlid",
    "slug": "Transliteration of slugs",
    "i18n": "Translation of pages",
}
"""What each extra is for, as the subject of a sentence."""

EXTRAS: Final[Mapping[str, str]] = {
    "click": "cli",
    "rich": "cli",
    "tomlkit": "cli",
    "docutils": "sphinx",
    "griffe": "sphinx",
    "jinja2": "sphinx",
    "myst_parser": "sphinx",
    "sphinx": "sphinx",
    "furo": "site",
    "libcst": "migrate",
    "alembic": "diagnose",
    "sqlalchemy": "sqlalchemy",
    "greenlet": "sqlalchemy-asyncio",
    "django": "django",
    "redis": "redis",
    "dogpile": "dogpile",
    "huey": "huey",
    "celery": "celery",
    "rq": "rq",
    "dramatiq": "dramatiq",
    "taskiq": "taskiq",
    "taskiq_redis": "taskiq",
    "procrastinate": "procrastinate",
    "pika": "rabbitmq",
    "opentelemetry": "otel",
    "prometheus_client": "prometheus",
    "openfeature": "openfeature",
    "ulid": "ulid",
    "slugify": "slug",
    "babel": "i18n",
}
"""The extra that installs each top-level module."""


class _Origin(NamedTuple):
    """The module whose code raised an error, and whether it is one of ours."""

    module: str
    is_ours: bool


def missing_extra(module: str) -> str:
    """The sentence about a module that is not installed; empty where no extra installs it.

    >>> missing_extra("libcst")
    "Rewriting sources needs libcst, which is not installed: pip install 'sphinx-traits[migrate]'"
    >>> missing_extra("griffe._internal")
    ''
    """
    extra = EXTRAS.get(module)
    if extra is None:
        return ""
    return f"{PURPOSES[extra]} needs {module}, which is not installed: pip install 'sphinx-traits[{extra}]'"


def import_problem(error: ImportError) -> str:
    """Explain a failed import: a missing extra, or a broken third-party module.

    Returns:
        One sentence; empty where the fault is ours, so that the caller shows the traceback.
    """
    name = error.name or ""
    top = name.partition(".")[0]
    is_blocked = sys.modules.get(top, error) is None
    if isinstance(error, ModuleNotFoundError) and top in EXTRAS and (name == top or is_blocked):
        return missing_extra(top)
    origin = _origin(error)
    if not origin.is_ours:
        return _broken(origin.module, error)
    if top in EXTRAS:
        return _broken(top, error)
    return ""


def _broken(module: str, error: ImportError) -> str:
    extra = EXTRAS.get(module)
    way = f": pip install --upgrade --force-reinstall 'sphinx-traits[{extra}]'" if extra else ""
    return f"{module} is installed but cannot be imported ({error}). Reinstall it{way}"


def _origin(error: ImportError) -> _Origin:
    """The module whose code raised: the first third-party one below the last frame of ours."""
    origin = _Origin("", is_ours=True)
    for frame, _line in traceback.walk_tb(error.__traceback__):
        module = _module_of(frame)
        if module in OURS:
            origin = _Origin(module, is_ours=True)
        elif module and origin.is_ours:
            origin = _Origin(module, is_ours=False)
    return origin


def _module_of(frame: FrameType) -> str:
    """The top-level module of a frame; empty for the import machinery and the standard library."""
    file = frame.f_code.co_filename
    if file.startswith("<") or (Path(file).is_relative_to(Path(os.__file__).parent) and "-packages" not in file):
        return ""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]

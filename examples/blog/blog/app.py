"""How the blog starts: its settings, then its listeners."""

from __future__ import annotations

import importlib
from pathlib import Path

from traits_runtime import config

PROJECT = Path(__file__).resolve().parent.parent
"""The folder with the `pyproject.toml` that holds the settings."""


def start() -> None:
    """Read the settings of `[tool.traits]` and register the listeners."""
    config.use(project=PROJECT)
    importlib.import_module("blog.listeners")

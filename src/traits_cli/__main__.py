"""Runs the command line by ``python -m traits_cli``."""

from __future__ import annotations

from traits_cli import launch

launch()

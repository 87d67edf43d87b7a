"""Small projects for the tests of pages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sphinx_traits.testing import SphinxBuilder

sys.path.insert(0, str(Path(__file__).parent))

import blogfacts


@pytest.fixture
def project(tmp_path: Path) -> SphinxBuilder:
    """An empty project in a folder of its own."""
    return SphinxBuilder(tmp_path)


@pytest.fixture
def blog(project: SphinxBuilder) -> SphinxBuilder:
    """A project with one page that documents the blog by its manifest."""
    project.manifest(blogfacts.manifest())
    return project.write({"index.rst": "Blog\n====\n\n.. toctree::\n\n   traits/index\n"})

"""Context of sections in a build: catalogue, language of the project, docstring listeners."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sphinx.locale import get_translation

from sphinx_traits._sphinx.build import build_of
from sphinx_traits._sphinx.events import processed
from sphinx_traits.page.section import Context

if TYPE_CHECKING:
    from sphinx.environment import BuildEnvironment

_ = get_translation("sphinx_traits")


def gettext(message: str) -> str:
    """A message in the language of the project; a plain string, where Sphinx may give a lazy one."""
    return str(_(message))


def context_of(env: BuildEnvironment) -> Context:
    """What the sections of any page of this build may use."""
    build = build_of(env)
    process = partial(processed, env.events)
    return Context(build.catalogue, gettext, process, build.settings.private_members)

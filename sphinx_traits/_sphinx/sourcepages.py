"""Links to `sphinx.ext.viewcode`'s pages and to `linkcode`'s addresses, without an import of the code they show.

Both look at descriptions of the Python domain alone. So ours are of that domain for the moment in which they look, and
what they would import the module for, we answer from its file.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from sphinx import addnodes

from sphinx_traits._sphinx.build import build_of
from sphinx_traits._sphinx.sources import module_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.config import Config

    from sphinx_traits._sphinx.catalogue import BuildCatalogue
    from sphinx_traits.manifest import Class

Tags = dict[str, tuple[str, int, int]]
"""What a module defines: kind, first and last line, by name inside of it."""

BEFORE, AFTER = 499, 501
"""Around the moment, 500, at which the other extensions look."""


class Place(NamedTuple):
    """A definition by its module and name in the file, which may differ from the class's own name."""

    module: str
    name: str


def setup(app: Sphinx) -> None:
    """Connect after all extensions are loaded, in any order."""
    app.connect("config-inited", _connect)


def _connect(app: Sphinx, _config: Config) -> None:
    viewcode = "viewcode-find-source" in app.events.events
    if viewcode:
        app.connect("viewcode-find-source", _find_source)
        app.connect("viewcode-follow-imported", _follow)
    if viewcode or "sphinx.ext.linkcode" in app.extensions:
        app.connect("doctree-read", _as_python, priority=BEFORE)
        app.connect("doctree-read", _as_ours, priority=AFTER)


def _described(doctree: nodes.document, domain: str) -> Iterator[tuple[addnodes.desc, addnodes.desc_signature]]:
    """The descriptions that are a page's own and have a full name."""
    for desc in doctree.findall(addnodes.desc):
        if desc.get("domain") == domain and desc.children:
            signature = desc[0]
            if isinstance(signature, addnodes.desc_signature) and signature.get("fullname") and signature["ids"]:
                yield desc, signature


def _as_python(app: Sphinx, doctree: nodes.document) -> None:
    catalogue = build_of(app.env).catalogue
    for desc, signature in _described(doctree, "trait"):
        place = place_of(catalogue, signature["fullname"])
        if place is None:
            continue
        desc["domain"] = "py"
        signature["traits"] = signature["fullname"]
        signature["module"], signature["fullname"] = place
        app.env.note_dependency(catalogue.sources.absolute(catalogue.module_files[place.module]))
        back = f"{place.module}.{place.name}"
        if back not in doctree.ids:
            signature["ids"].append(back)  # where viewcode's page leads back to
            doctree.ids[back] = signature


def _as_ours(_app: Sphinx, doctree: nodes.document) -> None:
    for desc, signature in _described(doctree, "py"):
        if "traits" in signature:
            desc["domain"] = "trait"
            signature["fullname"] = signature.attributes.pop("traits")
            del signature["module"]


def place_of(catalogue: BuildCatalogue, fullname: str) -> Place | None:
    """The place of a class or member in the sources; None for names without a Python definition."""
    cls = catalogue.index.by_name.get(fullname)
    if cls is not None:
        module = module_of(cls)
        return Place(module, _inner(cls, module)) if module else None
    owner, _dot, member = fullname.rpartition(".")
    cls = catalogue.index.by_name.get(owner)
    if cls is None or not any(fact.name == member for fact in (*cls.hooks, *cls.jobs)):
        return None
    module = module_of(cls)
    return Place(module, f"{_inner(cls, module)}.{member}") if module else None


def _inner(cls: Class, module: str) -> str:
    return cls.name.removeprefix(module + ".") if cls.name.startswith(module + ".") else cls.short


def _follow(app: Sphinx, module: str, _attribute: str) -> str | None:
    return module if module in build_of(app.env).catalogue.module_files else None


def _find_source(app: Sphinx, module: str) -> tuple[str, Tags] | None:
    catalogue = build_of(app.env).catalogue
    path = catalogue.module_files.get(module)
    if path is None:
        return None
    text = catalogue.sources.text(path)
    return (text, tags(text)) if text else None


def tags(text: str) -> Tags:
    """The classes and functions that a module defines, decorators included.

    >>> tags("class A:\\n    def b(self): ...\\n")
    {'A': ('class', 1, 2), 'A.b': ('def', 2, 2)}
    """
    try:
        tags = dict(_tags(ast.parse(text).body, ""))
    except SyntaxError:
        return {}
    return tags


def _tags(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, tuple[str, int, int]]]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            kind = "class" if isinstance(node, ast.ClassDef) else "def"
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield f"{prefix}{node.name}", (kind, first, node.end_lineno or node.lineno)
            if isinstance(node, ast.ClassDef):
                yield from _tags(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _tags([*node.body, *node.orelse], prefix)

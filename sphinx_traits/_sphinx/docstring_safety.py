"""Sanitizes docstrings: removes markup that may run code, read files or fetch addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
from sphinx.util.docutils import CustomReSTDispatcher

from sphinx_traits._sphinx.sources import Origin
from sphinx_traits._sphinx.warn import warn

if TYPE_CHECKING:
    from types import ModuleType

_ADMONITIONS = "admonition attention caution danger error hint important note seealso tip todo warning"
_VERSIONS = "versionadded versionchanged versionremoved deprecated"
_CODE = "code code-block sourcecode parsed-literal doctest testcode testoutput math"
_TABLES = "table list-table csv-table"
_TEXT = (
    "centered class compound container date epigraph glossary highlights hlist index line-block productionlist "
    "pull-quote replace rubric sidebar topic unicode"
)
DIRECTIVES = frozenset(f"{_ADMONITIONS} {_VERSIONS} {_CODE} {_TABLES} {_TEXT}".split())
"""Directives that only show what the docstring says."""

REFUSED_ROLES = frozenset({"raw", "download"})
"""Roles that bring in files or markup of an output format."""

SCHEMES = frozenset({"", "http", "https", "mailto", "ftp", "ftps", "irc", "news", "tel", "xmpp"})
"""Schemes of links that a reader may follow safely."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\u2060\ufeff]")
_MYST_MARKUP = re.compile(
    r"(?:<br />|\\\\|</?s>"
    r'|<input class="task-list-item-checkbox"( checked="checked")? disabled="disabled" type="checkbox">)\s*'
)
"""HTML that MyST itself writes for line breaks, deleted text and check boxes."""

_TEX = re.compile(
    r"\^\^|\\(?:write|input|include|open(?:in|out)|read|immediate|special|catcode|csname|[egx]?def|let|newcommand|usepackage"
    r"|documentclass|directlua|href|url|html\w*|require|unicode|class|cssId|style|loop|repeat)(?![a-z])",
    re.IGNORECASE,
)
"""Commands of TeX and MathJax that do more than set a formula."""


@dataclass(frozen=True, slots=True)
class DocstringPolicy:
    """Which docstrings may use all of the markup.

    Args:
        trusted: Packages whose docstrings are the project's own.
        directives: Further directives that any docstring may use.
    """

    trusted: tuple[str, ...] = ()
    directives: frozenset[str] = frozenset()

    def trusts(self, owner: str) -> bool:
        """Whether a class, by its dotted path, belongs to a trusted package."""
        return any(owner == package or owner.startswith(f"{package}.") for package in self.trusted)


@contextmanager
def restricted(policy: DocstringPolicy, document: nodes.document, origin: Origin) -> Iterator[None]:
    """While a docstring is parsed, look up only directives and roles that its text may use."""
    settings: Any = document.settings
    before = settings.raw_enabled, settings.file_insertion_enabled
    settings.raw_enabled = settings.file_insertion_enabled = False
    try:
        with _Lookup(policy, origin):
            yield
    finally:
        settings.raw_enabled, settings.file_insertion_enabled = before


class _Lookup(CustomReSTDispatcher):
    """Finds the directives and roles that are safe."""

    def __init__(self, policy: DocstringPolicy, origin: Origin) -> None:
        super().__init__()
        self._names = DIRECTIVES | policy.directives
        self._origin = origin

    def directive(
        self, directive_name: str, language_module: ModuleType, document: nodes.document
    ) -> tuple[type[Directive] | None, list[nodes.system_message]]:
        """The directive of a name, or one that shows nothing."""
        directive, messages = super().directive(directive_name, language_module, document)
        if directive is None or directive_name.lower() in self._names:
            return _content_only(directive, self._origin.path), messages
        return type("Refused", (_Refused,), {"path": self._origin.path}), []

    def role(
        self, role_name: str, language_module: ModuleType, lineno: int, reporter: Any
    ) -> tuple[Any, list[nodes.system_message]]:
        """The role of a name, or one that shows its text."""
        if role_name.lower() in REFUSED_ROLES:
            _refuse(f"the role {role_name!r}", self._origin)
            return _as_text, []
        return super().role(role_name, language_module, lineno, reporter)


class _AnyOption(dict[str, Any]):
    """Knows every option of a directive, so that an unknown one is not reported beside the refusal."""

    def __missing__(self, _name: str) -> Callable[[str | None], str]:
        return lambda value: value or ""

    def __contains__(self, _name: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


class _Refused(Directive):
    """Replaces a directive that a docstring may not use."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOption()
    path = ""
    """The file of the docstring."""

    def run(self) -> list[nodes.Node]:
        """Warn and show nothing."""
        _source, line = self.state_machine.get_source_and_line(self.lineno)
        _refuse(f"the directive {self.name!r}", Origin(self.path, line or 1))
        return []


def _content_only(directive: type[Directive] | None, path: str) -> type[Directive] | None:
    """A directive without the options that read a file or fetch an address."""
    if directive is None or not _SOURCES & (directive.option_spec or {}).keys():
        return directive

    class ContentOnly(directive):  # type: ignore[misc, valid-type]
        def run(self) -> list[nodes.Node]:
            for option in sorted(_SOURCES & self.options.keys()):
                _source, line = self.state_machine.get_source_and_line(self.lineno)
                _refuse(f"the option {option!r} of {self.name!r}", Origin(path, line or 1))
                return []
            return list(super().run())

    return ContentOnly


_SOURCES = frozenset({"file", "url"})


def _as_text(
    _role: str, rawtext: str, text: str, *_args: Any, **_options: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    return [nodes.literal(rawtext, text)], []


def _refuse(what: str, origin: Origin) -> None:
    message = (
        f"{what[0].upper()}{what[1:]} is left out of this docstring: it may read files, fetch or run something. "
        'traits_trusted_docstrings = ["PACKAGE"] allows everything in a package\'s docstrings, '
        'traits_docstring_directives = ["NAME"] one directive in all.'
    )
    warn("docstring", message, f"{origin.path}:{origin.line}")


def sanitized(children: Sequence[nodes.Node], origin: Origin) -> list[nodes.Node]:
    """Parsed nodes without raw markup, images, downloads, toctrees, unsafe links and commands of TeX."""
    holder = nodes.section("", *children)
    descendants: list[nodes.Node] = list(holder.findall())
    for node in descendants:
        for kind, replace in _REPLACEMENTS.items():
            if isinstance(node, kind):
                replace(node, origin)
                break
    return list(holder.children)


def _raw(node: Any, _origin: Origin) -> None:
    if not _MYST_MARKUP.fullmatch(node.astext()):
        _put_text(node, node.astext())


def _image(node: Any, origin: Origin) -> None:
    _refuse(f"the image {node.get('uri', '')!r}", origin)
    _put_text(node, node.get("alt", "") or node.get("uri", ""))


def _download(node: Any, origin: Origin) -> None:
    _refuse(f"the download of {node.get('reftarget', '')!r}", origin)
    _put_text(node, node.astext())


def _toctree(node: Any, origin: Origin) -> None:
    _refuse("a toctree", origin)
    node.parent.remove(node)


def _link(node: Any, origin: Origin) -> None:
    address = node.get("refuri", "")
    if not is_safe(address):
        _refuse(f"the link to {address!r}", origin)
        node["refuri"] = "#"


def _formula(node: Any, origin: Origin) -> None:
    if _TEX.search(node.astext()):
        _refuse("a formula with commands that do more than set it", origin)
        _put_text(node, node.astext())


def is_safe(address: str) -> bool:
    """Whether a link leads to a page or an address, by its scheme.

    >>> is_safe("https://example.org"), is_safe("guide.html#a:b"), is_safe("java\\tscript:alert(1)")
    (True, True, False)
    """
    scheme = _SCHEME.match(_INVISIBLE.sub("", address))
    return (scheme[1].lower() if scheme else "") in SCHEMES


def _put_text(node: Any, text: str) -> None:
    inline = isinstance(node.parent, nodes.TextElement)
    literal = nodes.literal(text, text)
    node.parent.replace(node, literal if inline else nodes.paragraph(text, "", literal))


_REPLACEMENTS: dict[type[nodes.Node], Callable[[Any, Origin], None]] = {
    nodes.raw: _raw,
    nodes.image: _image,
    addnodes.download_reference: _download,
    addnodes.toctree: _toctree,
    nodes.reference: _link,
    nodes.target: _link,
    nodes.math: _formula,
    nodes.math_block: _formula,
}

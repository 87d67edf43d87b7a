"""Made-up applications of any size, and the same documentation written by hand in plain reStructuredText."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

PER_MODEL = 5
"""Traits of each model."""


def write_package(root: Path, models: int, traits: int) -> None:
    """Write a package `shop` with one module for each model and each trait.

    A trait has 4 hooks, 6 config keys, 4 events and a method; a model has 5 traits and Google docstrings.
    """
    package = root / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""A shop."""\n')
    for at in range(traits):
        (package / f"trait{at}.py").write_text(_trait(at))
    for at in range(models):
        (package / f"model{at}.py").write_text(_model(at, traits))


def _trait(at: int) -> str:
    lines = [
        f'"""Behaviour {at}."""',
        "from traits_runtime import Trait, TraitConfig, TraitEvent, hook, option",
        "",
        f"class Config{at}(TraitConfig):",
        f'    """Settings of trait {at}."""',
    ]
    lines += [f'    key_{at}_{n}: int = option({n}, doc="Key number {n} of trait {at}.")' for n in range(6)]
    lines += [
        "",
        f"class HasThing{at}(Trait):",
        f'    """Gives a row thing {at}.',
        "",
        "    It is described in some words, so that there is a paragraph to read, with a ``literal`` in it.",
        '    """',
        "",
        f"    config_{at} = Config{at}()",
    ]
    lines += [f'    event_{at}_{n} = TraitEvent(doc="After thing {at} happened for reason {n}.")' for n in range(4)]
    for n, moment in enumerate(("creating", "updating", "deleting", "saved")):
        lines += ["", f'    @hook("{moment}")', f"    def hook_{at}_{n}(self) -> None:"]
        lines += [f'        """Do part {n} of thing {at}."""', f"        self.event_{at}_{n}()"]
    lines += ["", f"    def method_{at}(self, count: int = 1) -> int:", '        """Count things.', ""]
    lines += ["        Args:", "            count: How many to add.", "", "        Returns:"]
    lines += ["            The number of things.", '        """', "        return count", ""]
    return "\n".join(lines)


def _model(at: int, traits: int) -> str:
    used = sorted({(at * 3 + n * 7) % traits for n in range(PER_MODEL)})
    lines = [f'"""Model {at}."""', *(f"from shop.trait{one} import HasThing{one}" for one in used), ""]
    lines += [f"class Model{at}({', '.join(f'HasThing{one}' for one in used)}):"]
    lines += [f'    """Row number {at} of the shop.', "", "    A second paragraph says more about it.", '    """', ""]
    lines += [f"    def own_{at}(self) -> str:", f'        """The name of row {at}."""', '        return ""', ""]
    return "\n".join(lines)


def as_rst(document: nodes.document, docname: str) -> str:
    """A page as somebody would write it by hand: sections, list tables, definition lists, `:ref:`."""
    return "\n".join(_blocks(document.children, docname, 0)) + "\n"


_LINES = "=-~^"


def _blocks(children: Sequence[nodes.Node], docname: str, level: int) -> Iterator[str]:
    for child in children:
        yield from _block(child, docname, level)
        yield ""


def _block(node: nodes.Node, docname: str, level: int) -> Iterator[str]:
    if isinstance(node, nodes.section):
        yield from _section(node, docname, level)
    elif isinstance(node, nodes.paragraph):
        yield _inline(node)
    elif isinstance(node, nodes.rubric):
        yield from (f".. rubric:: {_inline(node)}",)
    elif isinstance(node, nodes.container):
        yield from _blocks(node.children, docname, level)
    elif isinstance(node, nodes.table):
        yield from _table(node)
    elif isinstance(node, addnodes.desc):
        yield from _desc(node, docname, level)
    elif isinstance(node, nodes.field_list):
        yield from _fields(node)
    elif isinstance(node, nodes.bullet_list):
        yield from (f"* {_inline(item)}" for item in node.children)
    elif isinstance(node, nodes.compound):
        yield from _toctree(node)


def _section(node: nodes.section, docname: str, level: int) -> Iterator[str]:
    title = node.next_node(nodes.title)
    text = title.astext() if title else ""
    yield from (text, _LINES[level] * max(len(text), 3), "")
    yield from _blocks(node.children[1:], docname, level + 1)


def _fields(node: nodes.field_list) -> Iterator[str]:
    for field in node.children:
        name, body = field.children
        yield f":{name.astext()}: {' '.join(_inline(one) for one in body.children)}"


def _toctree(node: nodes.compound) -> Iterator[str]:
    for toctree in node.findall(addnodes.toctree):
        yield from (".. toctree::", "   :hidden:", "   :titlesonly:", "")
        yield from (f"   /{entry}" for _title, entry in toctree["entries"])


def _desc(node: addnodes.desc, docname: str, level: int) -> Iterator[str]:
    signature, content = node.children
    for anchor in signature["ids"]:  # type: ignore[index]
        yield from (f".. _{anchor}:", "")
    yield f"``{signature.astext()}``"
    body = [line for block in _blocks(content.children, docname, level) for line in block.split("\n")]
    yield from (f"   {line}" if line else "" for line in (body or ["..."]))


def _table(node: nodes.table) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "")
    for row in node.findall(nodes.row):
        for at, entry in enumerate(row.children):
            lead = "   * - " if at == 0 else "     - "
            cells = [_inline(one) for one in entry.children] or [""]  # type: ignore[attr-defined]
            yield lead + cells[0]
            for more in cells[1:]:
                yield from ("", "       " + more)


def _inline(node: nodes.Node) -> str:
    if isinstance(node, nodes.Text):
        return str(node).replace("\\", "\\\\").replace("*", "\\*").replace("`", "\\`").replace("_", "\\_")
    if isinstance(node, nodes.literal):
        return f"``{node.astext()}``"
    if isinstance(node, nodes.reference):
        anchor = node.get("refid") or node.get("refuri", "").partition("#")[2]
        return f":ref:`{node.astext()} <{anchor}>`" if anchor else node.astext()
    return "".join(_inline(one) for one in node.children)

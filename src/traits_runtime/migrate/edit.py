"""What codemods share: where in a file they are, hunks, imports, and adding to a list as it is laid out."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar

import libcst as cst
from libcst import helpers
from libcst.metadata import PositionProvider, ProviderT

from traits_runtime.migrate.plan import Hunk, Kind, Target

Item = TypeVar("Item", cst.Arg, cst.ImportAlias)
Statement: TypeAlias = cst.SimpleStatementLine | cst.BaseCompoundStatement


class Edit(cst.CSTTransformer):
    """A codemod at work on one file.

    Args:
        text: The text of the file.
        shown: Its path in hunks.
        targets: What to do.
        kinds: Which kinds of hunks to do.
    """

    METADATA_DEPENDENCIES: ClassVar[Collection[ProviderT]] = (PositionProvider,)
    codemod = ""

    def __init__(self, text: str, shown: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> None:
        super().__init__()
        self.tree: ast.Module = ast.parse(text)
        self.shown = shown
        self.targets: dict[str, Target] = {one.name: one for one in targets}
        self.kinds = kinds
        self.hunks: list[Hunk] = []
        self.imports: dict[str, set[str]] = {}

    def line(self, node: cst.CSTNode) -> int:
        """The line of a node of the original tree."""
        where: Any = self.get_metadata(PositionProvider, node)
        return int(where.start.line)

    def say(self, node: cst.CSTNode, kind: Kind, subject: str, message: str) -> bool:
        """Note a hunk; returns whether it is to be done."""
        self.hunks.append(Hunk(self.shown, self.line(node), self.codemod, kind, subject, message))
        return kind in self.kinds

    def need(self, module: str, name: str) -> None:
        """Import a name at the end, unless it is imported; an empty name imports the module itself."""
        self.imports.setdefault(module, set()).add(name)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        """Add the imports that are needed."""
        for module, names in sorted(self.imports.items()):
            for name in sorted(names):
                updated_node = with_import(updated_node, module, name)
        return updated_node


def bound(tree: ast.Module, name: str) -> set[str]:
    """What a name is bound to, anywhere in a module: ``module.name`` for an import, else an empty text."""
    return {what for known, what in _bindings(tree) if known == name}


def _bindings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for one in node.names:
                    yield one.asname or one.name.partition(".")[0], one.name if one.asname else one.name.split(".")[0]
            case ast.ImportFrom():
                for one in node.names:
                    yield one.asname or one.name, f"{'.' * node.level}{node.module or ''}.{one.name}"
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, ""
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, ""
            case _ if type(node).__name__ == "TypeVar":  # of `class Box[T]`, from Python 3.12 on
                yield getattr(node, "name", ""), ""


def has_import(tree: ast.Module, module: str, name: str) -> str:
    """The name under which the head of a module imports something, empty for none."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == module and not node.level and name:
            found = next((one.asname or one.name for one in node.names if one.name == name), "")
        elif isinstance(node, ast.Import):
            found = next((one.asname or one.name for one in node.names if one.name == module), "")
            found = f"{found}.{name}" if found and name else found
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            return ""
        else:
            continue
        if found:
            return found
    return ""


def with_import(module: cst.Module, source: str, name: str) -> cst.Module:
    """A module that imports a name below its docstring and its other imports; in a statement that is there, if any."""
    body = list(module.body)
    head = _head(body)
    for at, statement in enumerate(body[:head]):
        added = _added(statement, source, name)
        if added is not None:
            return module.with_changes(body=[*body[:at], added, *body[at + 1 :]])
    path: Any = helpers.parse_template_expression(source)  # of a dotted name: names and attributes
    if name:
        small: cst.BaseSmallStatement = cst.ImportFrom(module=path, names=[cst.ImportAlias(cst.Name(name))])
    else:
        small = cst.Import(names=[cst.ImportAlias(path)])
    header, following = list(module.header), body[head:]
    if head == 0 and following:
        header, following = _divided(header, following)
    made = cst.SimpleStatementLine(
        [small], leading_lines=[cst.EmptyLine(indent=False)] if _only_a_docstring(body, head) else []
    )
    if following:
        following = [_apart(following[0]), *following[1:]]
    return module.with_changes(header=header, body=[*body[:head], made, *following])


def _head(body: Sequence[Statement]) -> int:
    """How many statements the docstring and the imports are that a module begins with."""
    for at, statement in enumerate(body):
        smalls = statement.body if isinstance(statement, cst.SimpleStatementLine) else ()
        if at == 0 and _is_docstring(statement):
            continue
        if not smalls or not all(isinstance(one, (cst.Import, cst.ImportFrom)) for one in smalls):
            return at
    return len(body)


def _is_docstring(statement: cst.CSTNode) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(statement.body[0], cst.Expr):
        return False
    return isinstance(statement.body[0].value, (cst.SimpleString, cst.ConcatenatedString))


def _only_a_docstring(body: Sequence[cst.CSTNode], head: int) -> bool:
    return head == 1 and _is_docstring(body[0])


def _added(statement: cst.CSTNode, source: str, name: str) -> cst.SimpleStatementLine | None:
    """The statement with one more name, where it imports from the same module."""
    if not name or not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return None
    found = statement.body[0]
    if not isinstance(found, cst.ImportFrom) or isinstance(found.names, cst.ImportStar) or found.relative:
        return None
    if found.module is None or helpers.get_full_name_for_node(found.module) != source:
        return None
    names = list(found.names)
    before = [one for one in names if _order(one.evaluated_name) < _order(name)]
    gap = found.lpar.whitespace_after if found.lpar else cst.SimpleWhitespace("")
    made = inserted(names, len(before), cst.ImportAlias(cst.Name(name)), gap)
    return statement.with_changes(body=[found.with_changes(names=made)])


def _order(name: str) -> tuple[int, str]:
    """Where a name stands in an import: constants, then classes, then the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def _divided(header: list[cst.EmptyLine], following: list[Statement]) -> tuple[list[cst.EmptyLine], list[Statement]]:
    """The head of a file without the comment that belongs to its first statement, and the statements with it."""
    blank = [at for at, line in enumerate(header) if line.comment is None]
    if not blank or blank[-1] == len(header) - 1:
        return header, following
    own = header[blank[-1] + 1 :]
    first = following[0].with_changes(leading_lines=[*own, *getattr(following[0], "leading_lines", ())])
    return header[: blank[-1] + 1], [first, *following[1:]]


def _apart(statement: Statement) -> Statement:
    """The statement after the imports, with empty lines before it as they are usual."""
    lines = list(getattr(statement, "leading_lines", ()))
    if lines and lines[0].comment is None:
        return statement
    wanted = 2 if isinstance(statement, (cst.ClassDef, cst.FunctionDef)) else 1
    return statement.with_changes(leading_lines=[*[cst.EmptyLine(indent=False)] * wanted, *lines])


def inserted(items: Sequence[Item], at: int, new: Item, gap: cst.BaseParenthesizableWhitespace) -> list[Item]:
    """A list with one more item, laid out like the others.

    Args:
        items: What is there.
        at: Where the new one goes.
        new: The new one.
        gap: The space before the first item, which a list of one item is laid out by.
    """
    made: list[Item] = list(items)
    between = _plain(items[0].comma) if len(items) > 1 else _comma(gap)
    if at == len(items) and items:
        made[-1] = made[-1].with_changes(comma=_kept(items[-1].comma, between))
        between = _plain(items[-1].comma)
    made.insert(at, new.with_changes(comma=between if items else cst.MaybeSentinel.DEFAULT))
    return made


def _comma(gap: cst.BaseParenthesizableWhitespace) -> cst.Comma:
    """A comma with the space after it; a line break keeps its indent and loses its comment."""
    if isinstance(gap, cst.ParenthesizedWhitespace):
        first = gap.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
        return cst.Comma(whitespace_after=gap.with_changes(first_line=first, empty_lines=[]))
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _plain(comma: cst.Comma | cst.MaybeSentinel) -> cst.Comma | cst.MaybeSentinel:
    """A comma like another, without its comment."""
    if not isinstance(comma, cst.Comma):
        return comma
    after = comma.whitespace_after
    if isinstance(after, cst.ParenthesizedWhitespace):
        return comma.with_changes(whitespace_after=_comma(after).whitespace_after)
    return comma


def _kept(last: cst.Comma | cst.MaybeSentinel, between: cst.Comma | cst.MaybeSentinel) -> cst.Comma | cst.MaybeSentinel:
    """The comma after what was the last item: its comment stays, the rest is as between the others."""
    if isinstance(last, cst.Comma) and isinstance(last.whitespace_after, cst.ParenthesizedWhitespace):
        after = between.whitespace_after if isinstance(between, cst.Comma) else None
        if isinstance(after, cst.ParenthesizedWhitespace):
            own = last.whitespace_after
            return cst.Comma(whitespace_after=own.with_changes(indent=after.indent, last_line=after.last_line))
    return between

"""Imports of a module: what a name is bound to, and adding an import."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import libcst as cst
from libcst import helpers

from traits_runtime.migrate.layout import insert_item

Statement: TypeAlias = cst.SimpleStatementLine | cst.BaseCompoundStatement


def bindings_of(tree: ast.Module, name: str) -> set[str]:
    """What a name is bound to, anywhere in a module: ``module.name`` for an import, else an empty text."""
    return {origin for bound_name, origin in _bindings(tree) if bound_name == name}


def _bindings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Every bound name with the dotted path that it is imported from, empty for other bindings."""
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from _import_bindings(node)
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, ""
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, ""
            case _ if type(node).__name__ == "TypeVar":  # of `class Box[T]`, from Python 3.12 on
                yield getattr(node, "name", ""), ""


def _import_bindings(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            package = alias.name.partition(".")[0]
            yield package, package


def imported_name(tree: ast.Module, module: str, name: str) -> str:
    """The name under which the imports at the top of a module bind something, empty for none."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            return ""
        local_name = _name_bound_by(node, module, name)
        if local_name:
            return local_name
    return ""


def _name_bound_by(node: ast.stmt, module: str, name: str) -> str:
    """The name under which one statement imports something, empty where it does not."""
    if isinstance(node, ast.ImportFrom) and node.module == module and not node.level and name:
        return _local_name(node.names, name)
    if isinstance(node, ast.Import):
        module_name = _local_name(node.names, module)
        return f"{module_name}.{name}" if module_name and name else module_name
    return ""


def _local_name(aliases: Sequence[ast.alias], name: str) -> str:
    return next((alias.asname or alias.name for alias in aliases if alias.name == name), "")


def with_import(module: cst.Module, source: str, name: str) -> cst.Module:
    """A module that imports a name: in an import of the same module if there is one, else below the other imports."""
    body = list(module.body)
    import_count = _count_leading_imports(body)
    for position, statement in enumerate(body[:import_count]):
        extended = _with_imported_name(statement, source, name)
        if extended is not None:
            return module.with_changes(body=[*body[:position], extended, *body[position + 1 :]])
    header, following = list(module.header), body[import_count:]
    if import_count == 0 and following:
        header, following = _move_comment(header, following)
    if following:
        following = [_with_empty_lines_before(following[0]), *following[1:]]
    is_below_docstring = import_count == 1 and _is_docstring(body[0])
    leading_lines = [cst.EmptyLine(indent=False)] if is_below_docstring else []
    line = cst.SimpleStatementLine([_import_statement(source, name)], leading_lines=leading_lines)
    return module.with_changes(header=header, body=[*body[:import_count], line, *following])


def _import_statement(source: str, name: str) -> cst.BaseSmallStatement:
    path: Any = helpers.parse_template_expression(source)  # of a dotted name: names and attributes
    if name:
        return cst.ImportFrom(module=path, names=[cst.ImportAlias(cst.Name(name))])
    return cst.Import(names=[cst.ImportAlias(path)])


def _count_leading_imports(body: Sequence[Statement]) -> int:
    """The number of statements at the start of a module that are its docstring or imports."""
    for position, statement in enumerate(body):
        if position == 0 and _is_docstring(statement):
            continue
        if not _is_import(statement):
            return position
    return len(body)


def _is_import(statement: Statement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine) or not statement.body:
        return False
    return all(isinstance(small, (cst.Import, cst.ImportFrom)) for small in statement.body)


def _is_docstring(statement: cst.CSTNode) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(statement.body[0], cst.Expr):
        return False
    return isinstance(statement.body[0].value, (cst.SimpleString, cst.ConcatenatedString))


def _with_imported_name(statement: cst.CSTNode, source: str, name: str) -> cst.SimpleStatementLine | None:
    """The statement with one more name, where it imports from the same module."""
    import_from = _import_from(statement, source)
    if not name or import_from is None or isinstance(import_from.names, cst.ImportStar):
        return None
    aliases = list(import_from.names)
    position = sum(_import_order(alias.evaluated_name) < _import_order(name) for alias in aliases)
    first_space = import_from.lpar.whitespace_after if import_from.lpar else cst.SimpleWhitespace("")
    extended = insert_item(aliases, position, cst.ImportAlias(cst.Name(name)), first_space)
    return cst.ensure_type(statement, cst.SimpleStatementLine).with_changes(
        body=[import_from.with_changes(names=extended)]
    )


def _import_from(statement: cst.CSTNode, source: str) -> cst.ImportFrom | None:
    """The ``from`` import of a module that is alone on its line, None for other statements."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return None
    import_from = statement.body[0]
    if not isinstance(import_from, cst.ImportFrom) or import_from.relative or import_from.module is None:
        return None
    return import_from if helpers.get_full_name_for_node(import_from.module) == source else None


def _import_order(name: str) -> tuple[int, str]:
    """Sort key of imported names: constants, then classes, then the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[:1].isupper() else 2), name


def _move_comment(
    header: list[cst.EmptyLine], following: list[Statement]
) -> tuple[list[cst.EmptyLine], list[Statement]]:
    """Move the comment that belongs to the first statement from the header of the file to that statement."""
    blank_lines = [number for number, line in enumerate(header) if line.comment is None]
    if not blank_lines or blank_lines[-1] == len(header) - 1:
        return header, following
    comment_start = blank_lines[-1] + 1
    leading_lines = [*header[comment_start:], *getattr(following[0], "leading_lines", ())]
    return header[:comment_start], [following[0].with_changes(leading_lines=leading_lines), *following[1:]]


def _with_empty_lines_before(statement: Statement) -> Statement:
    """The statement below the imports, with the usual number of empty lines before it."""
    lines = list(getattr(statement, "leading_lines", ()))
    if lines and lines[0].comment is None:
        return statement
    count = 2 if isinstance(statement, (cst.ClassDef, cst.FunctionDef)) else 1
    return statement.with_changes(leading_lines=[*[cst.EmptyLine(indent=False)] * count, *lines])

"""The codemod `rename`: a member of a trait gets a new name, and the trait keeps the old one as a shim."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst
from libcst import helpers

from traits_runtime.migrate.imports import bindings_of, imported_name
from traits_runtime.migrate.records import Kind, Target
from traits_runtime.migrate.transformer import CodemodTransformer

SOURCE = "traits_runtime.migrate"
NAME = "renamed"

BY_NAME = frozenset({"getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller"})
"""Functions that take the name of a member as text."""

FUNCTION = "()"
"""The entry of `RenameTransformer.path` for a function; classes are entered by name."""


class Scope(NamedTuple):
    """A class, function or lambda that the transformer is in.

    Args:
        target: The class that is being changed, None outside.
        receivers: Names of an instance of that class or of the class itself; None in the body of the class.
    """

    target: Target | None
    receivers: frozenset[str] | None


class RenameTransformer(CodemodTransformer):
    """Renames a member in the classes that have the trait, and lists every other use of the name."""

    codemod = "rename"

    def __init__(self, text: str, display_path: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> None:
        super().__init__(text, display_path, targets, kinds)
        self.old: str = targets[0].old
        self.new: str = targets[0].new
        self.unread_reason: str = next((target.reason for target in targets if not target.name), "")
        self.path: list[str] = []
        self.scopes: list[Scope] = [Scope(None, frozenset())]
        self.label_ids: set[int] = set()
        """Ids of the `Name` nodes that are no reference to a variable."""
        existing_import = imported_name(self.tree, SOURCE, NAME)
        is_free = bindings_of(self.tree, NAME) <= {f"{SOURCE}.{NAME}"}
        self.shim: str = existing_import or (NAME if is_free else "")

    # Classes.

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Enter a class: names in its body are members of it."""
        self.path.append(node.name.value)
        class_name = ".".join(self.path)
        target = self.targets.get(class_name)
        defines_member = self.old in _defined_names(node.body)
        if self.unread_reason and defines_member:
            self._leave_to_user(node, f"{class_name}.{self.old}", self.unread_reason)
        is_renamed_here = target is not None and defines_member
        self.scopes.append(Scope(target, None if is_renamed_here else frozenset()))

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        """Keep the old name as a shim in the trait itself."""
        target, receivers = self.scopes.pop()
        self.path.pop()
        if target is None or not target.shim or receivers is not None or target.kind not in self.kinds:
            return updated_node
        if not self.shim or not isinstance(updated_node.body, cst.IndentedBlock):
            return updated_node
        if not imported_name(self.tree, SOURCE, NAME):
            self.require_import(SOURCE, NAME)
        statements = list(updated_node.body.body)
        numbered = enumerate(original_node.body.body)
        position = max(number for number, statement in numbered if self.old in _names_defined_by(statement)) + 1
        body = [*statements[:position], self._shim_statement(), *statements[position:]]
        return updated_node.with_changes(body=updated_node.body.with_changes(body=body))

    def _shim_statement(self) -> cst.SimpleStatementLine:
        call = helpers.parse_template_expression(f'{self.shim}("{self.new}")')
        assignment = cst.Assign([cst.AssignTarget(cst.Name(self.old))], call)
        return cst.SimpleStatementLine([assignment], leading_lines=[cst.EmptyLine(indent=False)])

    # Scopes and labels.

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        """Decorators and defaults belong to the class scope; the names of parameters are labels."""
        self.label_ids |= {id(parameter.name) for parameter in _parameters(node.params)}
        return True

    def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        """Enter a function: the first parameter of a method is a receiver."""
        scope = self.scopes[-1]
        names = [parameter.name.value for parameter in _parameters(node.params)]
        receivers: frozenset[str]
        if scope.target is None:
            receivers = frozenset()
        elif scope.receivers is None or self._is_method():
            receivers = frozenset() if _is_static(node) else frozenset(names[:1])
        else:
            receivers = scope.receivers - set(names)
        self.scopes.append(Scope(scope.target, receivers - _assigned_names(node.body)))
        self.path.append(FUNCTION)

    def leave_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        """Leave it."""
        self.scopes.pop()
        self.path.pop()

    def _is_method(self) -> bool:
        return bool(self.path) and self.path[-1] != FUNCTION

    def visit_Lambda(self, node: cst.Lambda) -> None:
        """Enter a lambda: its parameters hide receivers of the same name."""
        scope = self.scopes[-1]
        names = {parameter.name.value for parameter in _parameters(node.params)}
        self.scopes.append(Scope(scope.target, (scope.receivers or frozenset()) - names))

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
        """Leave it."""
        self.scopes.pop()
        return updated_node

    def visit_Attribute(self, node: cst.Attribute) -> None:
        """Attribute names are not renamed as variables."""
        self.label_ids.add(id(node.attr))

    def visit_Arg(self, node: cst.Arg) -> None:
        """Keywords of calls are not renamed as variables."""
        if node.keyword is not None:
            self.label_ids.add(id(node.keyword))

    def visit_Assign(self, node: cst.Assign) -> None:
        """An existing shim keeps its name."""
        if isinstance(node.value, cst.Call) and helpers.get_full_name_for_node(node.value.func) in (self.shim, NAME):
            self.label_ids |= {id(assign_target.target) for assign_target in node.targets}

    # References.

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Rename a name in the body of the class."""
        target, receivers = self.scopes[-1]
        if target is None or receivers is not None or updated_node.value != self.old:
            return updated_node
        if id(original_node) in self.label_ids or not self._add_rename_hunk(original_node, target):
            return updated_node
        return updated_node.with_changes(value=self.new)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """Rename a member of a receiver; leave members of other expressions to the user."""
        if updated_node.attr.value != self.old:
            return updated_node
        target, receivers = self.scopes[-1]
        if target is None or not _is_receiver(original_node.value, receivers or frozenset()):
            text = helpers.get_full_name_for_node(original_node) or f"….{self.old}"
            self._leave_to_user(original_node, text, "the type of the expression before the dot is not known")
            return updated_node
        if not self._add_rename_hunk(original_node, target):
            return updated_node
        return updated_node.with_changes(attr=updated_node.attr.with_changes(value=self.new))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Leave a member that is named by a string to the user."""
        name = (helpers.get_full_name_for_node(original_node.func) or "").rpartition(".")[2]
        values = (argument.value for argument in original_node.args)
        texts = [value.evaluated_value for value in values if isinstance(value, cst.SimpleString)]
        if name in BY_NAME and self.old in texts:
            self._leave_to_user(original_node, f"{name}(…, {self.old!r})", "the name is a string")
        return updated_node

    # Hunks.

    def _add_rename_hunk(self, node: cst.CSTNode, target: Target) -> bool:
        kind, reason = target.kind, target.reason
        if target.shim and not self.shim:
            kind, reason = "manual", f"this file uses the name {NAME} for something else, and the old name needs it"
        ending = f": {reason}" if reason else ""
        message = f"{target.subject}.{self.old} becomes {self.new!r}{ending}."
        return self.add_hunk(node, kind, target.subject, message)

    def _leave_to_user(self, node: cst.CSTNode, text: str, reason: str) -> None:
        self.add_hunk(node, "manual", self.targets[""].subject, f"`{text}` may be the renamed member: {reason}.")


def _is_receiver(value: cst.BaseExpression, receivers: frozenset[str]) -> bool:
    """Whether an expression is an instance of the class: a receiver or ``super()``."""
    if isinstance(value, cst.Name):
        return value.value in receivers
    function = value.func if isinstance(value, cst.Call) else None
    return isinstance(function, cst.Name) and function.value == "super"


def _parameters(params: cst.Parameters) -> list[cst.Param]:
    """All parameters, positional ones first."""
    stars = [star for star in (params.star_arg, params.star_kwarg) if isinstance(star, cst.Param)]
    return [*params.posonly_params, *params.params, *params.kwonly_params, *stars]


def _is_static(node: cst.FunctionDef) -> bool:
    names = (helpers.get_full_name_for_node(decorator.decorator) for decorator in node.decorators)
    return "staticmethod" in names


def _assigned_names(body: cst.BaseSuite) -> frozenset[str]:
    """Names that a function assigns or deletes, including those of nested functions."""
    code = cst.Module([cst.FunctionDef(cst.Name("f"), cst.Parameters(), body)]).code
    names = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name))
    return frozenset(name.id for name in names if not isinstance(name.ctx, ast.Load))


def _defined_names(body: cst.BaseSuite) -> set[str]:
    """Names that the body of a class defines, shims left out."""
    names: set[str] = set()
    for statement in body.body:
        names |= _names_defined_by(statement)
    return names


def _names_defined_by(statement: cst.CSTNode) -> set[str]:
    """Names that one statement of a class body defines, also under a condition."""
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        return {statement.name.value}
    if isinstance(statement, cst.AnnAssign):
        return {statement.target.value} if isinstance(statement.target, cst.Name) else set()
    if isinstance(statement, cst.Assign):
        return set() if _is_shim(statement) else _target_names(statement)
    names: set[str] = set()
    for inner in _inner_statements(statement):
        names |= _names_defined_by(inner)
    return names


def _inner_statements(statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The parts of a line, or the statements in all branches of a compound statement."""
    if isinstance(statement, cst.SimpleStatementLine):
        yield from statement.body
        return
    for field in ("body", "orelse", "finalbody"):
        branch = getattr(statement, field, None)
        if isinstance(branch, cst.BaseSuite):
            yield from branch.body
        elif isinstance(branch, (cst.If, cst.Else)):
            yield branch


def _is_shim(statement: cst.Assign) -> bool:
    if not isinstance(statement.value, cst.Call):
        return False
    return (helpers.get_full_name_for_node(statement.value.func) or "").rpartition(".")[2] == NAME


def _target_names(statement: cst.Assign) -> set[str]:
    targets = (assign_target.target for assign_target in statement.targets)
    return {target.value for target in targets if isinstance(target, cst.Name)}

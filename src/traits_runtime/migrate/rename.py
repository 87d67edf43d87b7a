"""The codemod `rename`: a member of a trait gets a new name, and the trait keeps the old one for others."""

from __future__ import annotations

import ast
from typing import NamedTuple

import libcst as cst
from libcst import helpers

from traits_runtime.migrate.edit import Edit, bound, has_import
from traits_runtime.migrate.plan import Kind, Target

SOURCE = "traits_runtime.migrate"
NAME = "renamed"

BY_NAME = frozenset({"getattr", "hasattr", "setattr", "delattr", "attrgetter", "methodcaller"})
"""Functions that take the name of a member as text."""


class Place(NamedTuple):
    """Where we are in a file.

    Args:
        target: The class that is being changed, None outside.
        receivers: Names that stand for an instance of it, or for itself; None in the class's own body.
    """

    target: Target | None
    receivers: frozenset[str] | None


class Rename(Edit):
    """Renames a member in the classes that have the trait, and lists every other use of the name."""

    codemod = "rename"

    def __init__(self, text: str, shown: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> None:
        super().__init__(text, shown, targets, kinds)
        self.old: str = targets[0].old
        self.new: str = targets[0].new
        self.unread: str = next((one.reason for one in targets if not one.name), "")
        self.within: list[str] = []
        self.places: list[Place] = [Place(None, frozenset())]
        self.labels: set[int] = set()
        known = has_import(self.tree, SOURCE, NAME)
        self.shim: str = known or (NAME if bound(self.tree, NAME) <= {f"{SOURCE}.{NAME}"} else "")

    # Classes.

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Enter a class: names in its body are members of it."""
        self.within.append(node.name.value)
        target = self.targets.get(".".join(self.within))
        defines = target is not None and self.old in _defined(node.body)
        if self.unread and self.old in _defined(node.body):
            self._leave(node, f"{'.'.join(self.within)}.{self.old}", self.unread)
        self.places.append(Place(target, None if defines else frozenset()))

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        """Keep the old name, in the trait itself."""
        target, receivers = self.places.pop()
        self.within.pop()
        if target is None or not target.shim or receivers is not None:
            return updated_node
        problem = self._problem(target, updated_node)
        if problem or target.kind not in self.kinds or not isinstance(updated_node.body, cst.IndentedBlock):
            return updated_node
        if not has_import(self.tree, SOURCE, NAME):
            self.need(SOURCE, NAME)
        call = helpers.parse_template_expression(f'{self.shim}("{self.new}")')
        kept = cst.SimpleStatementLine(
            [cst.Assign([cst.AssignTarget(cst.Name(self.old))], call)], leading_lines=[cst.EmptyLine(indent=False)]
        )
        body = list(updated_node.body.body)
        at = max(n for n, one in enumerate(original_node.body.body) if self.old in _defined_by(one))
        return updated_node.with_changes(
            body=updated_node.body.with_changes(body=[*body[: at + 1], kept, *body[at + 1 :]])
        )

    def _problem(self, target: Target, node: cst.ClassDef) -> str:
        if target.shim and not self.shim:
            return f"this file calls something else {NAME}"
        if target.shim and not isinstance(node.body, cst.IndentedBlock):
            return f"the body of {target.subject} stands on one line"
        return ""

    # What takes names apart from the expressions that they stand in.

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        """Names in decorators and defaults are the class's, those in the body are not."""
        for one in (*node.decorators, node.params, *([node.returns] if node.returns else ())):
            self.labels |= _parameter_names(one)
        return True

    def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        """Enter a function: its first parameter may stand for the instance."""
        place = self.places[-1]
        names = _parameters(node.params)
        if place.target is None:
            receivers: frozenset[str] = frozenset()
        elif place.receivers is None or self._is_method():
            receivers = frozenset() if _is_static(node) else frozenset(names[:1])
        else:
            receivers = place.receivers - set(names)
        self.places.append(Place(place.target, receivers - _assigned(node.body)))
        self.within.append("()")

    def leave_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        """Leave it."""
        self.places.pop()
        self.within.pop()

    def _is_method(self) -> bool:
        return bool(self.within) and self.within[-1] != "()"

    def visit_Lambda(self, node: cst.Lambda) -> None:
        """A parameter hides what else has its name."""
        place = self.places[-1]
        hidden = (place.receivers or frozenset()) - set(_parameters(node.params))
        self.places.append(Place(place.target, hidden))

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
        """Leave it."""
        self.places.pop()
        return updated_node

    def visit_Attribute(self, node: cst.Attribute) -> None:
        """The name behind a dot is no name by itself."""
        self.labels.add(id(node.attr))

    def visit_Arg(self, node: cst.Arg) -> None:
        """Nor is that of an argument."""
        if node.keyword is not None:
            self.labels.add(id(node.keyword))

    def visit_Assign(self, node: cst.Assign) -> None:
        """A shim that is there stays."""
        if isinstance(node.value, cst.Call) and helpers.get_full_name_for_node(node.value.func) in (self.shim, NAME):
            self.labels |= {id(one.target) for one in node.targets}

    # Names.

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """A name in the body of the class is a member."""
        target, receivers = self.places[-1]
        if target is None or receivers is not None or updated_node.value != self.old:
            return updated_node
        if id(original_node) in self.labels:
            return updated_node
        return updated_node.with_changes(value=self.new) if self._may(original_node, target) else updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """A member of what is known to be an instance is renamed; another one is for people to judge."""
        if updated_node.attr.value != self.old:
            return updated_node
        target, receivers = self.places[-1]
        if target is None or not self._is_own(original_node.value, receivers or frozenset()):
            text = helpers.get_full_name_for_node(original_node) or f"….{self.old}"
            self._leave(original_node, text, "the type of what is before the dot is not known")
            return updated_node
        if not self._may(original_node, target):
            return updated_node
        return updated_node.with_changes(attr=updated_node.attr.with_changes(value=self.new))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """A member that is named as text."""
        name = (helpers.get_full_name_for_node(original_node.func) or "").rpartition(".")[2]
        texts = (one.value for one in original_node.args if isinstance(one.value, cst.SimpleString))
        if name in BY_NAME and any(one.evaluated_value == self.old for one in texts):
            self._leave(original_node, f"{name}(…, {self.old!r})", "the name is a text")
        return updated_node

    def _is_own(self, value: cst.BaseExpression, receivers: frozenset[str]) -> bool:
        if isinstance(value, cst.Name):
            return value.value in receivers
        called = value.func if isinstance(value, cst.Call) else None
        return isinstance(called, cst.Name) and called.value == "super"

    def _may(self, node: cst.CSTNode, target: Target) -> bool:
        kind, reason = target.kind, target.reason
        if target.shim and not self.shim:
            kind, reason = "manual", f"this file calls something else {NAME}, and the old name needs it"
        named = f"{target.subject}.{self.old} becomes {self.new!r}"
        return self.say(node, kind, target.subject, f"{named}{f': {reason}' if reason else ''}.")

    def _leave(self, node: cst.CSTNode, text: str, why: str) -> None:
        self.say(node, "manual", self.targets[""].subject, f"`{text}` may be the renamed member: {why}.")


def _parameters(params: cst.Parameters) -> list[str]:
    """Names of parameters, those by position first."""
    every = [*params.posonly_params, *params.params, *params.kwonly_params]
    stars = [one for one in (params.star_arg, params.star_kwarg) if isinstance(one, cst.Param)]
    return [one.name.value for one in (*every, *stars)]


def _parameter_names(node: cst.CSTNode) -> set[int]:
    """The ids of the names of parameters."""
    if not isinstance(node, cst.Parameters):
        return set()
    every = [*node.posonly_params, *node.params, *node.kwonly_params]
    stars = [one for one in (node.star_arg, node.star_kwarg) if isinstance(one, cst.Param)]
    return {id(one.name) for one in (*every, *stars)}


def _is_static(node: cst.FunctionDef) -> bool:
    return any(helpers.get_full_name_for_node(one.decorator) == "staticmethod" for one in node.decorators)


def _assigned(body: cst.BaseSuite) -> frozenset[str]:
    """Names that a function gives another value, those in functions within left out where they are parameters."""
    code = cst.Module([cst.FunctionDef(cst.Name("f"), cst.Parameters(), body)]).code
    tree = ast.parse(code)
    return frozenset(
        one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    )


def _defined(body: cst.BaseSuite) -> set[str]:
    """Names that the body of a class defines, shims left out."""
    return {name for statement in body.body for name in _defined_by(statement)}


def _defined_by(statement: cst.CSTNode) -> set[str]:
    """Names that one statement of a class body defines, also under a condition."""
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        return {statement.name.value}
    if isinstance(statement, cst.SimpleStatementLine):
        return {name for small in statement.body for name in _defined_by(small)}
    if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name):
        return {statement.target.value}
    if isinstance(statement, cst.Assign):
        is_shim = isinstance(statement.value, cst.Call) and (
            (helpers.get_full_name_for_node(statement.value.func) or "").rpartition(".")[2] == NAME
        )
        return set() if is_shim else {one.target.value for one in statement.targets if isinstance(one.target, cst.Name)}
    inner = [getattr(statement, one, None) for one in ("body", "orelse", "finalbody")]
    found = {name for one in inner if isinstance(one, cst.BaseSuite) for name in _defined(one)}
    return found | {name for one in inner if isinstance(one, (cst.If, cst.Else)) for name in _defined_by(one)}

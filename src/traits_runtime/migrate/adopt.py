"""The codemod `adopt`: a mixin becomes a trait."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import libcst as cst
from libcst import helpers

from traits_runtime.migrate.edit import Edit, bound, has_import, inserted
from traits_runtime.migrate.plan import Kind, Target

SOURCE = "traits_runtime"
NAME = "Trait"


class Adopt(Edit):
    """Adds `Trait` behind the bases of some classes; before a last `Generic`, as typed traits have it."""

    codemod = "adopt"

    def __init__(self, text: str, shown: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> None:
        super().__init__(text, shown, targets, kinds)
        self.within: list[str] = []
        self.seen: Counter[str] = Counter(_class_names(self.tree.body, ""))
        self.name: str = _name(self.tree)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        """What stands in functions is nobody's mixin."""
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Remember where we are."""
        self.within.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        """Add the base, unless something is in the way."""
        target = self.targets.get(".".join(self.within))
        self.within.pop()
        if target is None:
            return updated_node
        bases = [helpers.get_full_name_for_node(one.value) for one in original_node.bases]
        if any(one and one in (self.name, NAME, f"{SOURCE}.{NAME}") and self._is_ours(one) for one in bases):
            return updated_node
        kind, reason = self._verdict(target, original_node)
        told = (
            f"{reason}." if kind == "manual" else f"{target.subject} becomes a trait{f': {reason}' if reason else ''}."
        )
        if not self.say(original_node, kind, target.subject, told):
            return updated_node
        return self._adopted(updated_node)

    def _is_ours(self, name: str) -> bool:
        return name in (self.name, f"{SOURCE}.{NAME}") or bound(self.tree, NAME) == {f"{SOURCE}.{NAME}"}

    def _verdict(self, target: Target, node: cst.ClassDef) -> tuple[Kind, str]:
        if target.kind == "manual":
            return target.kind, target.reason
        if self.seen[target.name] > 1:
            return "manual", f"{target.subject} is defined {self.seen[target.name]} times in this file"
        if any(one.star for one in (*node.bases, *node.keywords)):
            return "manual", f"the bases of {target.subject} are computed"
        if not self.name:
            return "manual", f"this file calls other things {NAME} and {SOURCE}"
        for one in node.keywords:
            given = helpers.get_full_name_for_node(one.value) or "something"
            if one.keyword is not None and given.rpartition(".")[2] != "ABCMeta":
                word = one.keyword.value
                said = f"its metaclass {given} will see one more base" if word == "metaclass" else f"it takes {word}="
                return "unsafe", said
        return target.kind, target.reason

    def _adopted(self, node: cst.ClassDef) -> cst.ClassDef:
        if not has_import(self.tree, SOURCE, NAME):
            self.need(SOURCE, "" if self.name == f"{SOURCE}.{NAME}" else NAME)
        made = cst.Arg(helpers.parse_template_expression(self.name))
        names = [helpers.get_full_name_for_node(one.value) for one in node.bases]
        if names[-1:] == ["object"]:
            last = node.bases[-1].with_changes(value=made.value)
            return node.with_changes(bases=[*node.bases[:-1], last])
        at = len(node.bases) - (1 if node.bases and _is_generic(node.bases[-1]) else 0)
        gap = node.lpar.whitespace_after if isinstance(node.lpar, cst.LeftParen) else cst.SimpleWhitespace("")
        every = inserted([*node.bases, *node.keywords], at, made, gap)
        count = len(node.bases) + 1
        return node.with_changes(bases=every[:count], keywords=every[count:])


def _is_generic(base: cst.Arg) -> bool:
    inner = base.value.value if isinstance(base.value, cst.Subscript) else base.value
    return (helpers.get_full_name_for_node(inner) or "").rpartition(".")[2] == "Generic"


def _name(tree: ast.Module) -> str:
    """How the file can call `Trait`; empty where its names stand for other things."""
    known = has_import(tree, SOURCE, NAME)
    if known:
        return known
    if bound(tree, NAME) <= {f"{SOURCE}.{NAME}"}:
        return NAME
    return f"{SOURCE}.{NAME}" if bound(tree, SOURCE) <= {SOURCE} else ""


def _class_names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    """Dotted names of the classes of a module, also of those under conditions; those in functions left out."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name
            yield from _class_names(node.body, f"{prefix}{node.name}.")
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for field in ("body", "orelse", "finalbody"):
                yield from _class_names(getattr(node, field, []), prefix)
            for handler in getattr(node, "handlers", []):
                yield from _class_names(handler.body, prefix)

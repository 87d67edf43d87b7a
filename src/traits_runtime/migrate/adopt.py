"""The codemod `adopt`: a mixin becomes a trait."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import libcst as cst
from libcst import helpers

from traits_runtime.migrate.imports import bindings_of, imported_name
from traits_runtime.migrate.layout import insert_item
from traits_runtime.migrate.records import Kind, Target
from traits_runtime.migrate.transformer import CodemodTransformer

SOURCE = "traits_runtime"
NAME = "Trait"
FULL_NAME = f"{SOURCE}.{NAME}"


class AdoptTransformer(CodemodTransformer):
    """Adds `Trait` after the bases of the target classes, but before a final `Generic`, as typed traits have it."""

    codemod = "adopt"

    def __init__(self, text: str, display_path: str, targets: tuple[Target, ...], kinds: frozenset[Kind]) -> None:
        super().__init__(text, display_path, targets, kinds)
        self.class_stack: list[str] = []
        self.class_counts: Counter[str] = Counter(_class_names(self.tree.body, ""))
        self.trait_name: str = _name_of_trait(self.tree)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        """Skip classes defined in functions."""
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Enter a class."""
        self.class_stack.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        """Add the base to a target class, unless something forbids it."""
        target = self.targets.get(".".join(self.class_stack))
        self.class_stack.pop()
        if target is None or self._has_trait_base(original_node):
            return updated_node
        kind, reason = self._judge(target, original_node)
        message = f"{reason}." if kind == "manual" else f"{target.subject} becomes a trait{_after_colon(reason)}."
        if not self.add_hunk(original_node, kind, target.subject, message):
            return updated_node
        return self._with_trait_base(updated_node)

    def _has_trait_base(self, node: cst.ClassDef) -> bool:
        base_names = (helpers.get_full_name_for_node(base.value) for base in node.bases)
        return any(name and self._is_trait(name) for name in base_names)

    def _is_trait(self, name: str) -> bool:
        if name in (self.trait_name, FULL_NAME):
            return True
        return name == NAME and bindings_of(self.tree, NAME) == {FULL_NAME}

    def _judge(self, target: Target, node: cst.ClassDef) -> tuple[Kind, str]:
        """The kind of the change of a class, and the reason if it is not safe."""
        if target.kind == "manual":
            return target.kind, target.reason
        definitions = self.class_counts[target.name]
        if definitions > 1:
            return "manual", f"{target.subject} is defined {definitions} times in this file"
        if any(argument.star for argument in (*node.bases, *node.keywords)):
            return "manual", f"the bases of {target.subject} are computed"
        if not self.trait_name:
            return "manual", f"this file uses the names {NAME} and {SOURCE} for something else"
        warning = next(filter(None, map(_keyword_warning, node.keywords)), "")
        if warning:
            return "unsafe", warning
        return target.kind, target.reason

    def _with_trait_base(self, node: cst.ClassDef) -> cst.ClassDef:
        if not imported_name(self.tree, SOURCE, NAME):
            self.require_import(SOURCE, "" if self.trait_name == FULL_NAME else NAME)
        trait = cst.Arg(helpers.parse_template_expression(self.trait_name))
        bases = list(node.bases)
        if bases and helpers.get_full_name_for_node(bases[-1].value) == "object":
            return node.with_changes(bases=[*bases[:-1], bases[-1].with_changes(value=trait.value)])
        position = len(bases) - 1 if bases and _is_generic(bases[-1]) else len(bases)
        first_space = node.lpar.whitespace_after if isinstance(node.lpar, cst.LeftParen) else cst.SimpleWhitespace("")
        arguments = insert_item([*bases, *node.keywords], position, trait, first_space)
        base_count = len(bases) + 1
        return node.with_changes(bases=arguments[:base_count], keywords=arguments[base_count:])


def _after_colon(reason: str) -> str:
    return f": {reason}" if reason else ""


def _keyword_warning(keyword: cst.Arg) -> str:
    """Why a keyword of a class statement makes a new base unsafe, empty where it does not."""
    value = helpers.get_full_name_for_node(keyword.value) or "something"
    if keyword.keyword is None or value.rpartition(".")[2] == "ABCMeta":
        return ""
    if keyword.keyword.value == "metaclass":
        return f"its metaclass {value} will see one more base"
    return f"it takes {keyword.keyword.value}="


def _is_generic(base: cst.Arg) -> bool:
    value = base.value.value if isinstance(base.value, cst.Subscript) else base.value
    return (helpers.get_full_name_for_node(value) or "").rpartition(".")[2] == "Generic"


def _name_of_trait(tree: ast.Module) -> str:
    """How the file can refer to `Trait`; empty where its names are bound to something else."""
    existing_import = imported_name(tree, SOURCE, NAME)
    if existing_import:
        return existing_import
    if bindings_of(tree, NAME) <= {FULL_NAME}:
        return NAME
    return FULL_NAME if bindings_of(tree, SOURCE) <= {SOURCE} else ""


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

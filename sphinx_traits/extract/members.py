"""Members of classes as griffe's visitor sees them: kinds, signatures, docstrings, and who calls ``super()``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, TypeAlias

import griffe

from sphinx_traits.extract.context import ClassContext, FactSet
from sphinx_traits.extract.modules import Module
from sphinx_traits.extract.payload import quiet_griffe, type_text
from sphinx_traits.extract.symbol_builder import FunctionNode
from sphinx_traits.manifest import Member

Kind: TypeAlias = Literal["method", "classmethod", "staticmethod", "property", "attribute", "class"]
Super: TypeAlias = Literal["yes", "no", "conditional"]

_ACCESSORS = frozenset(
    {"setter", "deleter", "getter", "expression", "comparator", "inplace_expression", "update_expression"}
)
_PROPERTIES = frozenset(
    {"property", "cached_property", "hybrid_property", "abstractproperty", "classproperty", "memoized_property"}
)
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Match, ast.ExceptHandler, ast.IfExp, ast.BoolOp, ast.Lambda)


class _Collector(griffe.Extension):
    """Collects, for each class statement, griffe's objects for the definitions in its body."""

    def __init__(self) -> None:
        self.classes: dict[int, griffe.Class] = {}
        self.members: dict[int, list[tuple[ast.AST, griffe.Object]]] = {}

    def on_class_instance(self, *, node: Any, cls: griffe.Class, **_: Any) -> None:
        self.classes[id(node)] = cls
        self._keep(cls.parent, node, cls)

    def on_function_instance(self, *, node: Any, func: griffe.Function, **_: Any) -> None:
        self._keep(func.parent, node, func)

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, **_: Any) -> None:
        self._keep(attr.parent, node, attr)

    def _keep(self, parent: Any, node: ast.AST, member: griffe.Object) -> None:
        self.members.setdefault(id(parent), []).append((node, member))


class _Visitor(griffe.Visitor):
    """Griffe's visitor, at a cost that grows with a body and not with its square.

    To find the docstring below an attribute it walks its parent's statements from the first one on. So each statement
    of a class gets a parent that holds itself and the next one.
    """

    def generic_visit(self, node: ast.AST) -> None:
        """Visit what is below a node."""
        if not isinstance(node, ast.ClassDef):
            super().generic_visit(node)
            return
        for statement, after in zip_longest(node.body, node.body[1:]):
            pair = [statement] if after is None else [statement, after]
            vars(statement)["parent"] = ast.Module(body=pair, type_ignores=[])
            self.visit(statement)


class MemberReader:
    """Runs griffe's visitor over a module's classes, once, when one of them is described.

    It sees the pruned class statements alone: on the module's other statements it spends time that grows with
    the square of their number, and we need nothing of what it finds there.
    """

    def __init__(self) -> None:
        self._visited: dict[str, _Collector] = {}

    def visited(self, module: Module) -> _Collector:
        """What griffe found in a module."""
        collector = self._visited.get(module.name)
        if collector is None:
            collector = self._visited[module.name] = _Collector()
            source = module.source
            if source is not None and source.tree is not None:
                path = Path(module.spec.path or "")
                visitor = _Visitor(module.name, path, source.text, griffe.Extensions(collector))
                classes: list[ast.stmt] = [
                    statement for statement in source.tree.body if isinstance(statement, ast.ClassDef)
                ]
                with quiet_griffe():
                    visitor.visit(ast.Module(body=classes, type_ignores=[]))
        return collector

    def doc(self, context: ClassContext) -> str:
        """The class's docstring."""
        described = self.visited(context.module).classes.get(id(context.tree))
        return described.docstring.value if described is not None and described.docstring is not None else ""

    def members(self, context: ClassContext, facts: FactSet) -> tuple[Member, ...]:
        """The members of a class that no other fact describes, in the order of their definition."""
        collector = self.visited(context.module)
        described = collector.classes.get(id(context.tree))
        members: dict[str, Member] = {}
        direct = {id(statement) for statement in context.tree.body}
        for node, definition in collector.members.get(id(described), ()):
            name = definition.name
            if name in facts.declarations or _is_accessor(node, members) or _is_left_out(node, name, direct):
                continue
            members.pop(name, None)
            members[name] = self._member(context, node, definition, name in facts.removed)
        for name, node in _unpacked(context.tree.body):
            if name not in facts.declarations:
                location = context.location(node)
                members.setdefault(name, Member(name=name, owner=context.name, location=location, kind="attribute"))
        return tuple(members.values())

    def _member(self, context: ClassContext, node: ast.AST, described: griffe.Object, removed: bool) -> Member:
        doc = described.docstring.value if described.docstring is not None else ""
        common: dict[str, Any] = {"name": described.name, "owner": context.name, "location": context.location(node)}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return Member(**common, doc=doc, **_function_facts(node))
        if isinstance(node, ast.ClassDef):
            return Member(**common, doc=doc, kind="class")
        annotation = getattr(node, "annotation", None)
        comment = context.analysis.comments(context.module).of(node) if isinstance(node, ast.stmt) else ""
        return Member(
            **common,
            doc=doc or comment,
            kind="attribute",
            type=type_text(annotation),
            removed=removed,
        )


def _kind(node: FunctionNode) -> Kind:
    names = {_last(decorator) for decorator in node.decorator_list}
    if names & _PROPERTIES:
        return "property"
    if "staticmethod" in names:
        return "staticmethod"
    implicit = node.name in ("__init_subclass__", "__class_getitem__")
    return "classmethod" if implicit or "classmethod" in names or "declared_attr" in names else "method"


def _last(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _takes_namesake(node: ast.AST, name: str) -> bool:
    """Whether a statement takes the method of that name from another class: ``__repr__ = Readable.__repr__``."""
    value = node.value if isinstance(node, ast.Assign) else None
    return isinstance(value, ast.Attribute) and value.attr == name


def _function_facts(node: FunctionNode) -> dict[str, Any]:
    """What a member says of a method or property beyond its name, place and docstring."""
    kind = _kind(node)
    is_property = kind == "property"
    return {
        "kind": kind,
        "signature": "" if is_property else signature(node),
        "type": type_text(node.returns) if is_property else "",
        "calls_super": calls_super(node),
        "decorators": tuple(ast.unparse(decorator) for decorator in node.decorator_list),
        "is_async": isinstance(node, ast.AsyncFunctionDef),
    }


def _is_accessor(node: ast.AST, members: dict[str, Member]) -> bool:
    """Whether a function only completes a property of the same name."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name not in members:
        return False
    return any(_completes_property(decorator, node.name) for decorator in node.decorator_list)


def _completes_property(decorator: ast.expr, name: str) -> bool:
    """Whether a decorator is ``@name.setter`` or alike, or an ``inplace_expression`` of any property."""
    if not isinstance(decorator, ast.Attribute) or decorator.attr not in _ACCESSORS:
        return False
    is_same = isinstance(decorator.value, ast.Name) and decorator.value.id == name
    return is_same or decorator.attr == "inplace_expression"


def _is_left_out(node: ast.AST, name: str, direct: set[int]) -> bool:
    """Whether a definition is no member: an overload, a special attribute, an assignment inside another statement.

    Args:
        node: The definition.
        name: Its name.
        direct: Identities of the statements of the class's body.
    """
    if isinstance(node, ast.Assign | ast.AnnAssign) and id(node) not in direct:
        return True
    is_method = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _takes_namesake(node, name)
    return _is_overload(node) or (name.startswith("__") and not is_method)


def _is_overload(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        _last(decorator) == "overload" for decorator in node.decorator_list
    )


def _unpacked(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple | ast.List):
                    yield from ((element.id, node) for element in target.elts if isinstance(element, ast.Name))


def signature(node: FunctionNode) -> str:
    """Parameters and result of a function, as written.

    >>> signature(ast.parse("def f(self, at: int=1, *, ok=None) -> str: ...").body[0])
    '(self, at: int = 1, *, ok=None) -> str'
    """
    arguments = node.args
    parts: list[str] = []
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for position, (parameter, default) in enumerate(zip(positional, defaults, strict=True), 1):
        parts.append(_parameter(parameter, default))
        if position == len(arguments.posonlyargs):
            parts.append("/")
    if arguments.vararg is not None:
        parts.append("*" + _parameter(arguments.vararg, None))
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += [
        _parameter(parameter, default)
        for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg is not None:
        parts.append("**" + _parameter(arguments.kwarg, None))
    result = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"({', '.join(parts)}){result}"


def first_parameter(node: FunctionNode) -> str:
    """The name of a function's first parameter; empty where it has none."""
    parameters = [*node.args.posonlyargs, *node.args.args]
    return parameters[0].arg if parameters else ""


def bound_signature(node: FunctionNode) -> str:
    """As `signature`, without the first parameter.

    >>> bound_signature(ast.parse("def f(cls, limit: int = 1) -> str: ...").body[0])
    '(limit: int = 1) -> str'
    >>> bound_signature(ast.parse("def f(cls: Any, limit: int = 1) -> str: ...").body[0])
    '(limit: int = 1) -> str'
    """
    parameters = [*node.args.posonlyargs, *node.args.args][:1]
    text = signature(node).removeprefix("(" + "".join(_parameter(parameter, None) for parameter in parameters))
    return text if text.startswith("(") else "(" + text.removeprefix(", ").removeprefix("/, ")


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    text = f"{argument.arg}: {ast.unparse(argument.annotation)}" if argument.annotation is not None else argument.arg
    if default is None:
        return text
    return f"{text}{' = ' if argument.annotation is not None else '='}{ast.unparse(default)}"


def calls_super(node: FunctionNode) -> Super:
    """Whether a method always, never or sometimes calls the method of the same name further along the MRO."""
    if not any(isinstance(child, ast.Name) and child.id == "super" for child in ast.walk(node)):
        return "no"
    conditional: list[bool] = []
    may_return_before = False
    for statement in node.body:
        conditional += [inside or may_return_before for inside in _super_calls(statement, node.name, False)]
        may_return_before = may_return_before or _may_return(statement)
    if not conditional:
        return "no"
    return "conditional" if all(conditional) else "yes"


def _may_return(statement: ast.stmt) -> bool:
    """Whether a statement returns in some cases only."""
    if isinstance(statement, ast.Return):
        return False
    return any(isinstance(child, ast.Return) for child in ast.walk(statement))


def _either(node: ast.If | ast.IfExp, name: str) -> Iterator[bool]:
    """The calls in a conditional: one that both branches make is unconditional."""
    yield from _super_calls(node.test, name, False)
    calls = [_branch_calls(branch, name) for branch in (node.body, node.orelse)]
    always = all(branch and not all(branch) for branch in calls)
    for branch in calls:
        yield from [not always] * len(branch)


def _branch_calls(branch: ast.expr | list[ast.stmt], name: str) -> list[bool]:
    nodes: Sequence[ast.AST] = branch if isinstance(branch, list) else [branch]
    calls: list[bool] = []
    for node in nodes:
        calls += _super_calls(node, name, False)
    return calls


def _super_calls(node: ast.AST, name: str, branch: bool) -> Iterator[bool]:
    if _is_super_call(node, name):
        yield branch
    if isinstance(node, ast.If | ast.IfExp) and not branch:
        yield from _either(node, name)
        return
    inner = branch or isinstance(node, (*_BRANCHES, ast.FunctionDef, ast.AsyncFunctionDef))
    for child in ast.iter_child_nodes(node):
        yield from _super_calls(child, name, inner)


def _is_super_call(node: ast.AST, name: str) -> bool:
    """Whether a node is ``super().name``."""
    if not isinstance(node, ast.Attribute) or node.attr != name or not isinstance(node.value, ast.Call):
        return False
    function = node.value.func
    return isinstance(function, ast.Name) and function.id == "super"

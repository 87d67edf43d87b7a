"""Builds a module's symbol table, and the syntax nodes of its classes and functions, in one pass over a pruned tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sphinx_traits.extract.conditions import UNKNOWN, ConditionEvaluator, ImportEnvironment
from sphinx_traits.extract.prune import CONDITION, Pruner, absolute
from sphinx_traits.extract.source import Lines
from sphinx_traits.extract.symbols import Assumption, Binding, BindingKind, ClassSymbol, FunctionSymbol, SymbolTable

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<dots>\.*)(?P<module>[\w.]*)[ \t]+import\b"
    r"|import[ \t]+(?P<plain>[\w. ,\t]+))",
    re.MULTILINE,
)
MAX_EXPRESSION = 20_000
"""Longer expressions (tables of data) are not stored: no base class has such an expression."""


@dataclass(slots=True)
class SyntaxNodes:
    """A symbol table, and the syntax nodes in the order of its entries."""

    symbols: SymbolTable
    classes: list[ast.ClassDef]
    functions: list[FunctionNode]


def build_symbols(
    tree: ast.Module, text: str, package: str, environment: ImportEnvironment, check: Callable[[], None]
) -> SyntaxNodes:
    """Prune a module's tree in place and list what it binds.

    Args:
        tree: The module, changed in place.
        text: Its source.
        package: The package that its relative imports start from.
        environment: Answers what its conditions ask about other modules.
        check: Called for each statement; it may raise to end the work.
    """
    recorder = _AssumptionRecorder(environment)
    pruner = Pruner(ConditionEvaluator(recorder), package, check)
    tree.body = pruner.flatten(tree.body)
    scanner = _SymbolVisitor(Lines(text), package, check)
    bindings = scanner.scope(tree.body)
    exports = _ExportReader()
    exports.read(tree.body)
    symbols = SymbolTable(
        bindings=bindings,
        typing=scanner.only_imports(pruner.typing),
        classes=tuple(entry for entry in scanner.entries if entry is not None),
        functions=tuple(scanner.function_entries),
        exports=None if exports.names is None or exports.computed else tuple(exports.names),
        computed_exports=exports.computed,
        module_of=scanner.rewrites(tree.body),
        needs=_needs(tree.body, package),
        imports=_imports(text, scanner, bindings, package),
        assumptions=tuple(recorder.made.values()),
    )
    return SyntaxNodes(symbols, scanner.classes, scanner.functions)


class _AssumptionRecorder:
    """Passes questions on and records the answers, on which the symbol table depends."""

    def __init__(self, environment: ImportEnvironment) -> None:
        self.around = environment
        self.made: dict[tuple[str, str], Assumption] = {}

    def has_module(self, module: str) -> bool:
        return self._keep(module, "", self.around.has_module(module))

    def has_name(self, module: str, name: str) -> bool:
        return self._keep(module, name, self.around.has_name(module, name))

    def constant(self, module: str, name: str) -> object:
        value = self.around.constant(module, name)
        holds = self.around.has_name(module, name)
        self.made[module, name] = Assumption(module, name, holds, "" if value is UNKNOWN else repr(value))
        return value

    def _keep(self, module: str, name: str, holds: bool) -> bool:
        self.made[module, name] = Assumption(module, name, holds)
        return holds


@dataclass(slots=True)
class _SymbolVisitor:
    lines: Lines
    package: str
    check: Callable[[], None]
    entries: list[ClassSymbol | None] = field(default_factory=list)
    classes: list[ast.ClassDef] = field(default_factory=list)
    function_entries: list[FunctionSymbol] = field(default_factory=list)
    functions: list[FunctionNode] = field(default_factory=list)

    def scope(self, body: Iterable[ast.stmt], enclosing: int = -1, prefix: str = "") -> tuple[Binding, ...]:
        """The bindings of one body, in order."""
        bindings: list[Binding] = []
        for statement in body:
            self.check()
            condition = getattr(statement, CONDITION, "")
            if isinstance(statement, ast.ClassDef):
                index = self._class(statement, enclosing, prefix, len(bindings))
                bindings.append(Binding(statement.name, "class", statement.lineno, index=index, condition=condition))
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                index = self._function(statement, enclosing)
                bindings.append(Binding(statement.name, "def", statement.lineno, index=index, condition=condition))
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                bindings += self._import(statement, condition)
            else:
                bindings += self._other(statement, condition)
        return tuple(bindings)

    def _class(self, node: ast.ClassDef, enclosing: int, prefix: str, position: int) -> int:
        index = len(self.entries)
        self.entries.append(None)
        self.classes.append(node)
        qualname = f"{prefix}{node.name}"
        text = self.lines.segment
        self.entries[index] = ClassSymbol(
            name=node.name,
            qualname=qualname,
            line=node.lineno,
            end_line=node.end_lineno or node.lineno,
            scope=enclosing,
            position=position,
            bases=tuple(text(base) for base in node.bases),
            keywords=tuple((keyword.arg or "**", text(keyword.value)) for keyword in node.keywords),
            decorators=tuple(text(decorator) for decorator in node.decorator_list),
            generic=bool(getattr(node, "type_params", ())),
            body=self.scope(node.body, index, f"{qualname}."),
        )
        return index

    def _function(self, node: FunctionNode, enclosing: int) -> int:
        self.functions.append(node)
        text = self.lines.segment
        self.function_entries.append(
            FunctionSymbol(
                name=node.name,
                line=node.lineno,
                end_line=node.end_lineno or node.lineno,
                scope=enclosing,
                returns=text(node.returns) if node.returns is not None else "",
                decorators=tuple(text(decorator) for decorator in node.decorator_list),
            )
        )
        return len(self.functions) - 1

    def only_imports(self, body: Iterable[ast.stmt]) -> tuple[Binding, ...]:
        """The imports and assignments of a body that does not run."""
        bindings: list[Binding] = []
        for statement in body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                bindings += self._import(statement, "")
        return tuple(bindings)

    def _import(self, node: ast.Import | ast.ImportFrom, condition: str) -> list[Binding]:
        if isinstance(node, ast.Import):
            return [
                Binding(
                    alias.asname or alias.name.partition(".")[0],
                    "import",
                    node.lineno,
                    alias.name if alias.asname else alias.name.partition(".")[0],
                    condition=condition,
                )
                for alias in node.names
            ]
        module = absolute(self.package, node.module, node.level)
        return [
            Binding(
                alias.asname or alias.name,
                "star" if alias.name == "*" else "from",
                node.lineno,
                module,
                alias.name,
                condition=condition,
            )
            for alias in node.names
        ]

    def _other(self, node: ast.stmt, condition: str) -> list[Binding]:
        bind = _BINDERS.get(type(node), _SymbolVisitor._type_alias)
        return bind(self, node, condition)

    def _assignment(self, node: ast.Assign, condition: str) -> list[Binding]:
        bindings: list[Binding] = []
        for target in node.targets:
            bindings += self._target(target, node.value, condition)
        return bindings

    def _annotated(self, node: ast.AnnAssign, condition: str) -> list[Binding]:
        return self._target(node.target, node.value, condition) if node.value is not None else []

    def _augmented(self, node: ast.AugAssign, condition: str) -> list[Binding]:
        return self._target(node.target, None, condition)

    def _deletion(self, node: ast.Delete, condition: str) -> list[Binding]:
        return [Binding(target.id, "del", node.lineno) for target in node.targets if isinstance(target, ast.Name)]

    def _block(self, node: ast.stmt, condition: str) -> list[Binding]:
        return [Binding(name, "opaque", node.lineno, condition=condition) for name in _bound_inside(node)]

    def _expression(self, node: ast.Expr, condition: str) -> list[Binding]:
        walrus = node.value
        return self._target(walrus.target, walrus.value, condition) if isinstance(walrus, ast.NamedExpr) else []

    def _type_alias(self, node: ast.stmt, condition: str) -> list[Binding]:
        name = getattr(node, "name", None)
        if type(node).__name__ != "TypeAlias" or not isinstance(name, ast.Name):
            return []
        return [Binding(name.id, "opaque", node.lineno, condition=condition)]

    def _target(self, target: ast.expr, value: ast.expr | None, condition: str) -> list[Binding]:
        line = target.lineno
        if isinstance(target, ast.Name):
            text = self._kept(value)
            kind: BindingKind = "value" if text else "opaque"
            return [Binding(target.id, kind, line, text, condition=condition)]
        if isinstance(target, ast.Attribute):
            owner = self.lines.segment(target.value)
            return [Binding(owner, "attribute", line, self._kept(value), target.attr, condition=condition)]
        if not isinstance(target, ast.Tuple | ast.List):
            return []
        if isinstance(value, ast.Call):
            return self._items(target, value, condition)
        bindings: list[Binding] = []
        for element, part in zip(target.elts, _parts(value, len(target.elts)), strict=True):
            bindings += self._target(element, part, condition)
        return bindings

    def _items(self, target: ast.Tuple | ast.List, value: ast.Call, condition: str) -> list[Binding]:
        """``A, B = get_classes(...)``: each name is an item of what the call makes."""
        text = self._kept(value)
        return [
            Binding(element.id, "value", element.lineno, f"({text})[{position}]", condition=condition)
            for position, element in enumerate(target.elts)
            if isinstance(element, ast.Name)
        ]

    def _kept(self, value: ast.expr | None) -> str:
        if value is None:
            return ""
        text = self.lines.segment(value)
        return text if len(text) <= MAX_EXPRESSION else ""

    def rewrites(self, body: Iterable[ast.stmt]) -> tuple[tuple[str, str], ...]:
        """The ``__module__`` rewrites of a module: assignments, and loops over what it exports."""
        rewrites: list[tuple[str, str]] = []
        for node in body:
            match node:
                case ast.Assign(targets=[ast.Attribute(attr="__module__") as target]):
                    rewrites.append((self.lines.segment(target.value), self.lines.segment(node.value)))
                case ast.For():
                    value = _rewritten_in_loop(node)
                    if value is not None:
                        rewrites.append(("*", ast.unparse(value)))
                case ast.Expr(value=ast.Call() as call):
                    rewrites += _set_module_call(call)
        return tuple(rewrites)


def _set_module_call(call: ast.Call) -> list[tuple[str, str]]:
    is_setattr = isinstance(call.func, ast.Name) and call.func.id == "setattr" and len(call.args) == 3
    if is_setattr and isinstance(call.args[1], ast.Constant) and call.args[1].value == "__module__":
        return [(ast.unparse(call.args[0]), ast.unparse(call.args[2]))]
    return []


def _rewritten_in_loop(loop: ast.For) -> ast.expr | None:
    """The new ``__module__`` that a loop over a module's names gives to all of them."""
    iterable = ast.unparse(loop.iter)
    if not any(word in iterable for word in ("__all__", "locals()", "globals()", "vars()")):
        return None
    for node in ast.walk(loop):
        match node:
            case ast.Call() if _set_module_call(node):
                return node.args[2]
            case ast.Assign(targets=[ast.Attribute(attr="__module__"), *_]):
                return node.value
    return None


def _bound_inside(node: ast.stmt) -> list[str]:
    """All names that a loop, ``with`` or ``match`` binds in its own scope, in order."""
    names: dict[str, None] = {}
    pending: list[ast.AST] = [node]
    while pending:
        child = pending.pop(0)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            names[child.id] = None
        elif isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names[child.name] = None
            continue
        elif isinstance(child, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name.partition(".")[0], None) for alias in child.names)
        elif isinstance(child, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        pending += ast.iter_child_nodes(child)
    return list(names)


def _imports(text: str, visitor: _SymbolVisitor, bindings: tuple[Binding, ...], package: str) -> tuple[str, ...]:
    """All paths that a module imports; imports in functions and dead branches are found in the text alone."""
    imports: dict[str, None] = dict.fromkeys(_bound_imports(bindings))
    for symbol in visitor.entries:
        if symbol is not None:
            imports.update(dict.fromkeys(_bound_imports(symbol.body)))
    for match in _IMPORT.finditer(text):
        plain = match.group("plain")
        if plain:
            imports.update((name.strip().partition(" ")[0], None) for name in plain.split(","))
        else:
            imports[absolute(package, match.group("module") or None, len(match.group("dots") or ""))] = None
    return tuple(imports)


def _bound_imports(bindings: Iterable[Binding]) -> Iterator[str]:
    for binding in bindings:
        if binding.kind == "from":
            yield f"{binding.text}.{binding.attr}"
        elif binding.kind in ("import", "star"):
            yield binding.text


def _needs(body: Iterable[ast.stmt], package: str) -> tuple[str, ...]:
    """The modules that a module cannot be imported without."""
    modules: dict[str, None] = {}
    for node in body:
        if getattr(node, CONDITION, ""):
            continue
        if isinstance(node, ast.Import):
            modules.update((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules[absolute(package, node.module, node.level)] = None
    return tuple(modules)


def _is_all(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "__all__"


class _ExportReader:
    """Follows ``__all__`` through its assignments and extensions."""

    def __init__(self) -> None:
        self.names: list[str] | None = None
        self.computed = False

    def read(self, body: Iterable[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.Assign):
                self._assign(node.targets, node.value)
            elif isinstance(node, ast.AnnAssign):
                self._assign([node.target], node.value)
            elif isinstance(node, ast.AugAssign) and _is_all(node.target):
                self._add(node.value)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                self._call(node.value)

    def _assign(self, targets: list[ast.expr], value: ast.expr | None) -> None:
        if value is not None and any(_is_all(target) for target in targets):
            self.names, self.computed = [], False
            self._add(value)

    def _call(self, call: ast.Call) -> None:
        function = call.func
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return
        if function.value.id == "__all__" and function.attr in ("extend", "append") and len(call.args) == 1:
            argument = call.args[0]
            self._add(ast.List([argument], ast.Load()) if function.attr == "append" else argument)

    def _add(self, value: ast.expr) -> None:
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            self._add(value.left)
            self._add(value.right)
        elif isinstance(value, ast.List | ast.Tuple):
            for element in value.elts:
                if isinstance(element, ast.Constant) and isinstance(element.value, str):
                    self.names = [*(self.names or ()), element.value]
                else:
                    self.computed = True
        else:
            self.computed = True


def _parts(value: ast.expr | None, count: int) -> Sequence[ast.expr | None]:
    """The values that unpacking gives to each of some targets; None for those that are not written out."""
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == count:
        return value.elts
    return [None] * count


_BINDERS: Mapping[type[ast.stmt], Callable[[_SymbolVisitor, Any, str], list[Binding]]] = {
    ast.Assign: _SymbolVisitor._assignment,
    ast.AnnAssign: _SymbolVisitor._annotated,
    ast.AugAssign: _SymbolVisitor._augmented,
    ast.Delete: _SymbolVisitor._deletion,
    ast.Expr: _SymbolVisitor._expression,
    **dict.fromkeys((ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Match), _SymbolVisitor._block),
}
"""How each kind of statement binds names; classes, functions and imports are read by `_SymbolVisitor.scope`."""

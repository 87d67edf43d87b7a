"""Removes dead branches from a module's statements and marks undecided ones."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from sphinx_traits.extract.conditions import PRESENT, UNKNOWN, ConditionEvaluator

CONDITION = "_sphinx_traits_condition"
"""Attribute of a statement's node: the text of the undecided condition around it."""

_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError"}
_CATCH_ALL = {"Exception", "BaseException", ""}
Statement: TypeAlias = ast.stmt


class Pruner:
    """Flattens ``if`` and ``try`` of module and class bodies into the statements that run.

    Of an undecided condition both branches stay: the likely one comes last (what holds where nothing is configured,
    else the first), so that it counts wherever the last binding wins, and every statement of both carries the
    condition's text.

    Args:
        evaluator: Decides conditions; it learns the bindings as the statements pass.
        package: The package that relative imports start from.
        check: Called for each statement; it may raise to end the work.
    """

    def __init__(self, evaluator: ConditionEvaluator, package: str, check: Callable[[], None]) -> None:
        self.evaluator = evaluator
        self.package = package
        self.check = check
        self.typing: list[ast.stmt] = []

    def flatten(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        """The statements of a body that run, in order; class bodies inside are flattened in place."""
        live: list[ast.stmt] = []
        for statement in body:
            self.check()
            if isinstance(statement, ast.If):
                live += self._if(statement)
            elif isinstance(statement, ast.Try | ast.TryStar):
                live += self._try(statement)
            elif isinstance(statement, ast.With | ast.AsyncWith):
                live += self._with(statement)
            else:
                self._learn(statement)
                live.append(statement)
        return live

    def _if(self, statement: ast.If) -> list[ast.stmt]:
        truth = self.evaluator.truth(statement.test)
        if truth is not None:
            if not truth and _names_type_checking(statement.test):
                self.typing += statement.body
            return self.flatten(statement.body if truth else statement.orelse)
        text = ast.unparse(statement.test)
        likely = self.evaluator.likely(statement.test)
        before = dict(self.evaluator.values)
        otherwise = self._marked(self.flatten(statement.orelse), f"not ({text})")
        then = self._marked(self.flatten(statement.body), text)
        self._forget(before)
        return [*then, *otherwise] if likely is False else [*otherwise, *then]

    def _try(self, statement: ast.Try | ast.TryStar) -> list[ast.stmt]:
        failing = self._failing(statement.body)
        if failing is not None:
            handler = _handler_for(statement.handlers, _IMPORT_ERRORS | _CATCH_ALL)
            live = self.flatten(statement.body[:failing])
            live += self.flatten(handler.body if handler else statement.body[failing:])
            return live + self.flatten(statement.finalbody)
        handlers = [clause for clause in statement.handlers if not _only_import_errors(clause, statement.body)]
        before = dict(self.evaluator.values)
        fallback: list[ast.stmt] = []
        for handler in handlers:
            fallback += self._marked(self.flatten(handler.body), f"except {_text(handler.type)}".strip())
        body = self.flatten([*statement.body, *statement.orelse])
        if handlers:
            self._forget(before)
            body = self._marked(body, "try")
        return [*fallback, *body, *self.flatten(statement.finalbody)]

    def _with(self, statement: ast.With | ast.AsyncWith) -> list[ast.stmt]:
        failing = self._failing(statement.body) if _suppresses_import_errors(statement) else None
        body = self.flatten(statement.body if failing is None else statement.body[:failing])
        statement.body = [ast.copy_location(ast.Pass(), statement)]
        return [statement, *body]

    def _failing(self, body: Sequence[ast.stmt]) -> int | None:
        """Index of the first statement in a ``try`` body that fails to import, or raises; None where none does."""
        return next((index for index, statement in enumerate(body) if self._fails(statement)), None)

    def _fails(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            return not self.imports(statement)
        if isinstance(statement, ast.With) or (isinstance(statement, ast.If) and self.evaluator.truth(statement.test)):
            return self._failing(statement.body) is not None
        return isinstance(statement, ast.Raise)

    def imports(self, statement: ast.Import | ast.ImportFrom) -> bool:
        """Whether an import statement works."""
        environment = self.evaluator.environment
        if isinstance(statement, ast.Import):
            return all(environment.has_module(alias.name) for alias in statement.names)
        module = absolute(self.package, statement.module, statement.level)
        if not environment.has_module(module):
            return False
        return all(alias.name == "*" or environment.has_name(module, alias.name) for alias in statement.names)

    def _learn(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._learn_imports(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            self._assign(statement)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            self._bind(statement.name, PRESENT)
        elif isinstance(statement, ast.ClassDef):
            self._class(statement)

    def _learn_imports(self, statement: ast.Import | ast.ImportFrom) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                self._import(alias.asname or alias.name.partition(".")[0], alias.name if alias.asname else "")
            return
        module = absolute(self.package, statement.module, statement.level)
        for alias in statement.names:
            self._import(alias.asname or alias.name, f"{module}.{alias.name}")

    def _class(self, statement: ast.ClassDef) -> None:
        self._bind(statement.name, PRESENT)
        inner = Pruner(self.evaluator.inner(), self.package, self.check)
        statement.body = inner.flatten(statement.body) or [ast.copy_location(ast.Pass(), statement)]

    def _import(self, name: str, path: str) -> None:
        self.evaluator.imports[name] = path or name
        self.evaluator.values.pop(name, None)

    def _assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if statement.value is None:
            return
        for target in targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, self.evaluator.value(statement.value))

    def _bind(self, name: str, value: object) -> None:
        self.evaluator.imports.pop(name, None)
        self.evaluator.values[name] = value

    def _forget(self, before: dict[str, object]) -> None:
        """After undecided branches: a name that they bound anew has no known value."""
        values = self.evaluator.values
        for name, value in values.items():
            if name not in before or before[name] is not value:
                values[name] = UNKNOWN

    @staticmethod
    def _marked(statements: list[ast.stmt], condition: str) -> list[ast.stmt]:
        for statement in statements:
            previous = getattr(statement, CONDITION, "")
            setattr(statement, CONDITION, f"{condition} and {previous}" if previous else condition)
        return statements


def absolute(package: str, module: str | None, level: int) -> str:
    """The full name of the module that a ``from`` statement names.

    Args:
        package: The package of the importing module (itself, for an ``__init__``).
        module: The name as written.
        level: The number of leading dots.

    >>> absolute("shop.models", "base", 2)
    'shop.base'
    """
    if not level:
        return module or ""
    parts = package.split(".")
    start = ".".join(parts[: len(parts) - level + 1])
    return f"{start}.{module}" if module else start


def _names_type_checking(test: ast.expr) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        or (isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING")
        for node in ast.walk(test)
    )


def _text(node: ast.expr | None) -> str:
    return "" if node is None else ast.unparse(node)


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {""}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {_text(caught).rpartition(".")[2] for caught in types}


def _handler_for(handlers: Sequence[ast.ExceptHandler], names: set[str]) -> ast.ExceptHandler | None:
    return next((handler for handler in handlers if _caught(handler) & names), None)


def _only_import_errors(handler: ast.ExceptHandler, body: Sequence[ast.stmt]) -> bool:
    """Whether a handler runs only when an import fails: by its types, or as the body does nothing else."""
    if _caught(handler) <= _IMPORT_ERRORS:
        return True
    harmless = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Pass)
    return all(isinstance(statement, harmless) or _binds_a_literal(statement) for statement in body)


def _binds_a_literal(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant | ast.Name)


def _suppresses_import_errors(statement: ast.With | ast.AsyncWith) -> bool:
    calls = (item.context_expr for item in statement.items if isinstance(item.context_expr, ast.Call))
    return any(
        _text(call.func).endswith("suppress")
        and {_text(argument) for argument in call.args} & (_IMPORT_ERRORS | _CATCH_ALL)
        for call in calls
    )

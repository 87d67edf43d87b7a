"""The classes that pydantic makes of ``Model[int]``, and their names."""

from __future__ import annotations

import ast

from sphinx_traits.extract.class_names import ClassNames
from sphinx_traits.extract.expressions import parse_expression
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.name_resolver import NameResolver
from sphinx_traits.extract.references import ClassNode, Position, Subscripted, SyntheticClass, ValueReference

_TYPE_VARIABLES = ("typing.TypeVar", "typing_extensions.TypeVar")
_PLAIN_GENERICS = ("list", "dict", "set", "tuple", "Union")


class GenericModels:
    """Makes the classes of parametrised pydantic models.

    Args:
        resolver: Resolves type arguments.
        names: Names of classes.
    """

    def __init__(self, resolver: NameResolver, names: ClassNames) -> None:
        self.resolver = resolver
        self.names = names

    def parametrised(self, model: ClassNode, reference: Subscripted) -> ClassNode:
        """The class that pydantic makes of ``Model[int]``; with type variables alone it is the model itself."""
        arguments = [argument_name(argument) for argument in reference.arguments]
        if all(arguments) and all(self._is_type_variable(reference, argument) for argument in reference.arguments):
            return model
        argument_text = ", ".join(argument or "?" for argument in arguments)
        module, short = self._module_and_name(model)
        if reference.module is not None and self._named_after_caller():
            module = reference.module.name
        problem = "" if all(arguments) else "pydantic makes the class and names it at run time"
        return SyntheticClass(f"{module}.{short}[{argument_text}]", (model,), "generic model", problem)

    def _module_and_name(self, model: ClassNode) -> tuple[str, str]:
        """The module of a class and its name in it."""
        name = self.names.name(model)
        short = name.removeprefix(f"{model.module.name}.") if isinstance(model, SourceClass) else ""
        short = short or model.path.rpartition(".")[2]
        return name[: -len(short) - 1], short

    def _named_after_caller(self) -> bool:
        """Whether the installed pydantic gives the new class the module that subscripts the model."""
        module = self.resolver.loader.module("pydantic._internal._generics")
        source = module.source if module is not None else None
        return source is not None and "else origin.__module__" in source.text

    def _is_type_variable(self, reference: Subscripted, argument: str) -> bool:
        if reference.module is None:
            return False
        value = self.resolver.text(Position(reference.module), argument)
        if not isinstance(value, ValueReference) or not isinstance(value.node, ast.Call):
            return False
        return self.resolver.expression(value.position, value.node.func).path in _TYPE_VARIABLES


def argument_name(text: str) -> str:
    """A type argument as pydantic writes it in the name of a class; empty for one that is not plain.

    >>> argument_name("str | None"), argument_name("list[models.User]")
    ('Union[str, NoneType]', 'list[User]')
    """
    node = parse_expression(text)
    return _argument(node) if node is not None else ""


def _argument(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and node.value is None:
        return "NoneType"
    if isinstance(node, ast.Name | ast.Attribute):
        return ast.unparse(node).rpartition(".")[2]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _generic("Union", _alternatives(node))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in _PLAIN_GENERICS:
        return _generic(node.value.id, node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])
    return ""


def _generic(name: str, arguments: list[ast.expr]) -> str:
    names = [_argument(argument) for argument in arguments]
    return f"{name}[{', '.join(names)}]" if all(names) else ""


def _alternatives(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    return [node]

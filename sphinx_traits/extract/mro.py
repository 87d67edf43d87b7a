"""The inheritance graph: resolved bases, Python's own method resolution order, and what is not known of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sphinx_traits.extract.mro_entries import GENERIC, BaseEntry, mro_entries
from sphinx_traits.extract.references import (
    ClassNode,
    FunctionReference,
    ObjectReference,
    Position,
    Reference,
    SourceClass,
    StdlibClass,
    Subscripted,
    SyntheticClass,
    Unresolved,
    ValueReference,
)
from sphinx_traits.extract.resolver import Resolver, parse_expression

SPREAD = "its bases"
"""Mark of a made class that only stands for its bases: ``with_metaclass(Meta, A, B)``."""
OBJECT = StdlibClass(object)
DICT = StdlibClass(dict)


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A part of a lineage that is not certain.

    Args:
        owner: The class whose base it is.
        expression: The base as written.
        path: The best name for it.
        reason: Why it is not certain.
        code: ``unresolved_base``, ``conditional_base`` or ``impossible_mro``.
    """

    owner: ClassNode
    expression: str
    path: str
    reason: str
    code: str = "unresolved_base"


@dataclass(frozen=True, slots=True)
class ResolvedBase:
    """A base as a class statement names it, and the class it stands for."""

    expression: str
    node: ClassNode
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bases:
    """The bases of one class.

    Args:
        entries: As the statement names them.
        effective: As Python uses them: after ``__mro_entries__``, ``object`` where nothing is left.
        uncertainties: Those that are not known, or only under a condition.
    """

    entries: tuple[ResolvedBase, ...]
    effective: tuple[ClassNode, ...]
    uncertainties: tuple[Uncertainty, ...] = ()


@dataclass(frozen=True, slots=True)
class Mro:
    """A class with all its ancestors in order, itself first, and the gaps of all of them."""

    nodes: tuple[ClassNode, ...]
    uncertainties: tuple[Uncertainty, ...] = ()


class ClassGraph:
    """Bases and lineages of classes, computed once each."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        resolver.class_attribute = self.attribute
        self.instance_attribute: Callable[[ValueReference, ClassNode, str], Reference | None] = lambda _v, _c, _n: None
        self._bases: dict[ClassNode, Bases] = {}
        self._mros: dict[ClassNode, Mro] = {}
        self._names: dict[ClassNode, str] = {}
        self._standard: dict[str, StdlibClass | None] = {}
        self._active: set[ClassNode] = set()
        self._typed_dicts: set[ClassNode] = set()
        self._rewrites: dict[str, dict[ClassNode, str]] = {}

    # Names.

    def name(self, node: ClassNode) -> str:
        """A class's dotted name: its ``__module__`` and ``__qualname__`` as Python would give them."""
        name = self._names.get(node)
        if name is None:
            name = self._names[node] = self._source_name(node) if isinstance(node, SourceClass) else node.path
        return name

    def _source_name(self, node: SourceClass) -> str:
        module, qualname = node.module.name, node.symbol.qualname
        for binding in node.symbol.body:
            if binding.kind == "value" and binding.name in ("__module__", "__qualname__"):
                value = parse_expression(binding.text)
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    module, qualname = (
                        (value.value, qualname) if binding.name == "__module__" else (module, value.value)
                    )
        parts = node.module.name.split(".")
        for length in range(len(parts), 0, -1):
            rewritten = self._rewritten(".".join(parts[:length])).get(node)
            module = rewritten or module
        return f"{module}.{qualname}"

    def _rewritten(self, name: str) -> dict[ClassNode, str]:
        """The classes whose ``__module__`` a module rewrites, each with the new one."""
        rewritten = self._rewrites.get(name)
        if rewritten is not None:
            return rewritten
        rewritten = self._rewrites[name] = {}
        module = self.resolver.loader.module(name)
        if module is None:
            return rewritten
        position = Position(module)
        for target, value in module.symbols.module_of:
            new = self._module_value(position, value)
            names = [target] if target != "*" else self._visible(name)
            for target_name in names if new else ():
                node = self.resolver.text(position, target_name)
                if isinstance(node, SourceClass) and (target != "*" or _same_top(node.module.name, name)):
                    rewritten[node] = new
        return rewritten

    def _visible(self, name: str) -> list[str]:
        module = self.resolver.loader.module(name)
        if module is None:
            return []
        exports = module.symbols.exports
        bound = (binding.name for binding in module.symbols.bindings if binding.kind in ("from", "class", "value"))
        return [name for name in dict.fromkeys(exports if exports is not None else bound) if not name.startswith("__")]

    def _module_value(self, position: Position, text: str) -> str:
        node = parse_expression(text)
        if isinstance(node, ast.Name) and node.id == "__name__":
            return position.module.name
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""

    # Bases.

    def bases(self, node: ClassNode) -> Bases:
        """The bases of a class."""
        bases = self._bases.get(node)
        if bases is None:
            bases = self._bases[node] = self._find_bases(node)
        return bases

    def _find_bases(self, node: ClassNode) -> Bases:
        if isinstance(node, StdlibClass):
            nodes: tuple[ClassNode, ...] = tuple(StdlibClass(base) for base in node.type.__bases__)
            return Bases(tuple(ResolvedBase(base.path, base) for base in nodes), nodes)
        if isinstance(node, SyntheticClass):
            return self._assemble(node, [(base.path, base, ()) for base in node.bases])
        if isinstance(node, Unresolved):
            return Bases((), (OBJECT,))
        entry = node.symbol
        position = Position(node.module, entry.scope, entry.position)
        return self._assemble(
            node, [base for text in entry.bases for base in self._base(position, text)], entry.generic
        )

    def _base(self, position: Position, text: str) -> list[tuple[str, Reference, tuple[str, ...]]]:
        """What the text of one base gives: one target, with the conditions it hangs on; ``*BASES`` any number."""
        expression = parse_expression(text.lstrip("*").strip() if text.startswith("*") else text)
        if expression is None:
            return [(text, Unresolved(text, "it cannot be parsed"), ())]
        outer, self.resolver.conditions = self.resolver.conditions, []
        try:
            target = self.resolver.expression(position, expression)
            if text.startswith("*"):
                return self._spread(text, target)
            return [(text, target, tuple(self.resolver.conditions))]
        finally:
            self.resolver.conditions = outer

    def _spread(self, text: str, target: Reference) -> list[tuple[str, Reference, tuple[str, ...]]]:
        if isinstance(target, ValueReference) and isinstance(target.node, ast.Tuple):
            return [
                (
                    ast.unparse(element),
                    self.resolver.expression(target.position, element),
                    tuple(self.resolver.conditions),
                )
                for element in target.node.elts
            ]
        return [(text, Unresolved(target.path, "its bases are computed at run time"), ())]

    def _assemble(
        self, owner: ClassNode, references: Sequence[tuple[str, Reference, tuple[str, ...]]], generic: bool = False
    ) -> Bases:
        base_entries: list[ResolvedBase] = []
        entries: list[BaseEntry] = []
        uncertainties: list[Uncertainty] = []
        spread = ((text, reference, why) for text, target, why in references for reference in _spread(target))
        for text, target, conditions in spread:
            entry = self.base_entry(target)
            override = self.resolver.overrides.get(entry.node.path) if conditions else None
            if override:
                conditions = ()
                entry = entry if override == entry.node.path else self.base_entry(self.resolver.dotted(override))
            entries.append(entry)
            base_entries.append(ResolvedBase(text, entry.node, entry.arguments))
            if isinstance(entry.node, Unresolved):
                uncertainties.append(Uncertainty(owner, text, entry.node.path, entry.node.reason))
            elif conditions:
                reason = f"it depends on the condition `{conditions[0]}`"
                uncertainties.append(Uncertainty(owner, text, entry.node.path, reason, "conditional_base"))
        if isinstance(owner, SyntheticClass) and owner.problem:
            uncertainties.append(Uncertainty(owner, owner.path, owner.path, owner.problem))
        effective = self._effective(owner, entries, generic)
        return Bases(tuple(base_entries), tuple(effective) or (OBJECT,), tuple(uncertainties))

    def _effective(self, owner: ClassNode, entries: Sequence[BaseEntry], generic: bool) -> list[ClassNode]:
        effective = mro_entries(
            entries, generic=generic, is_generic=lambda ancestor: GENERIC in self.mro(ancestor).nodes
        )
        typed = any(entry.is_typed_dict or self._is_typed_dict(entry.node) for entry in entries)
        if not typed:
            return effective
        self._typed_dicts.add(owner)
        return [GENERIC, DICT] if GENERIC in effective or any(entry.arguments for entry in entries) else [DICT]

    def _is_typed_dict(self, node: ClassNode) -> bool:
        if isinstance(node, SourceClass) and node.symbol.bases and node not in self._active:
            self.mro(node)
        return node in self._typed_dicts

    def base_entry(self, target: Reference) -> BaseEntry:
        """What a target contributes to a class's bases."""
        if isinstance(target, Subscripted):
            return self._subscripted(target)
        if isinstance(target, ObjectReference):
            return BaseEntry.of_object(target)
        if isinstance(target, FunctionReference):
            special = BaseEntry.special(target.path)
            if special is not None:
                return special
        if isinstance(target, SourceClass | StdlibClass | SyntheticClass | Unresolved):
            special = BaseEntry.special(self.name(target) if isinstance(target, SourceClass) else target.path)
            return special or BaseEntry(target)
        kind = {FunctionReference: "a function", ValueReference: "a value made at run time"}.get(
            type(target), "a module"
        )
        unknown = self.resolver.unknown(target.path, f"it is {kind}")
        return BaseEntry(unknown) if isinstance(unknown, Unresolved) else self.base_entry(unknown)

    def _subscripted(self, target: Subscripted) -> BaseEntry:
        origin = self.base_entry(target.origin)
        if isinstance(origin.node, Unresolved | StdlibClass):
            return origin.with_arguments(target.arguments)
        mro = self.mro(origin.node)
        definer = self._definer(mro, "__class_getitem__")
        if definer is not None and self.name(definer) == "pydantic.main.BaseModel":
            return BaseEntry(self._generic_model(origin.node, target), target.arguments)
        generic = definer is None and GENERIC in mro.nodes
        return BaseEntry(origin.node, target.arguments, alias=generic)

    def _generic_model(self, origin: ClassNode, target: Subscripted) -> ClassNode:
        """The class that pydantic makes of ``Model[int]``; with type variables alone it is the model itself."""
        arguments = [argument_name(argument) for argument in target.arguments]
        if all(arguments) and all(self._is_type_variable(target, argument) for argument in target.arguments):
            return origin
        names = ", ".join(argument or "?" for argument in arguments)
        source = self.resolver.loader.module("pydantic._internal._generics")
        text = source.source.text if source is not None and source.source is not None else ""
        in_module = target.module is not None and "else origin.__module__" in text
        short = self.name(origin).removeprefix(f"{origin.module.name}.") if isinstance(origin, SourceClass) else ""
        short = short or origin.path.rpartition(".")[2]
        prefix = target.module.name if in_module and target.module is not None else self.name(origin)[: -len(short) - 1]
        problem = "" if all(arguments) else "pydantic makes the class and names it at run time"
        return SyntheticClass(f"{prefix}.{short}[{names}]", (origin,), "generic model", problem)

    def _is_type_variable(self, target: Subscripted, text: str) -> bool:
        if target.module is None:
            return False
        value = self.resolver.text(Position(target.module), text)
        if not isinstance(value, ValueReference) or not isinstance(value.node, ast.Call):
            return False
        made_by = self.resolver.expression(value.position, value.node.func)
        return made_by.path in ("typing.TypeVar", "typing_extensions.TypeVar")

    def _definer(self, mro: Mro, name: str) -> ClassNode | None:
        for node in mro.nodes:
            if isinstance(node, SourceClass) and node.module.scope(node.index).last(name) >= 0:
                return node
        return None

    # Lineages.

    def mro(self, node: ClassNode) -> Mro:
        """A class and all its ancestors, in Python's order."""
        mro = self._mros.get(node)
        if mro is not None:
            return mro
        if isinstance(node, StdlibClass):
            mro = Mro(tuple(StdlibClass(ancestor) for ancestor in node.type.__mro__))
        elif node in self._active:
            return Mro((node, OBJECT), (Uncertainty(node, node.path, node.path, "it inherits from itself"),))
        else:
            self._active.add(node)
            try:
                mro = self._linearise(node)
            finally:
                self._active.discard(node)
        self._mros[node] = mro
        return mro

    def remember(self, node: ClassNode, order: Sequence[ClassNode | None]) -> bool:
        """Take over the lineage that a class had in an earlier run; False where one of its classes is not found."""
        nodes = tuple(ancestor for ancestor in order if ancestor is not None)
        if len(nodes) < len(order) or nodes[:1] != (node,):
            return False
        self._mros[node] = Mro(nodes)
        return True

    def standard(self, name: str) -> StdlibClass | None:
        """The class of the standard library that has a name."""
        if name not in self._standard:
            self._standard[name] = self._look_up(name)
        return self._standard[name]

    def _look_up(self, name: str) -> StdlibClass | None:
        module, _, last = name.rpartition(".")
        loader = self.resolver.loader
        member = getattr(loader.stdlib(module), last, None) if loader.is_stdlib(module) else None
        return StdlibClass(member) if isinstance(member, type) and StdlibClass(member).path == name else None

    def _linearise(self, node: ClassNode) -> Mro:
        bases = self.bases(node)
        above = [self.mro(parent_mros) for parent_mros in bases.effective]
        uncertainties = dict.fromkeys(
            [*bases.uncertainties, *(uncertainty for parent in above for uncertainty in parent.uncertainties)]
        )
        check = self.resolver.loader.time_limit.check
        merged = c3([list(parent.nodes) for parent in above], list(bases.effective), check)
        if merged is None:
            reason = "Python cannot order these bases: " + ", ".join(self.name(base) for base in bases.effective)
            uncertainties[Uncertainty(node, "", self.name(node), reason, "impossible_mro")] = None
            merged = list(dict.fromkeys(ancestor for mro in above for ancestor in mro.nodes if ancestor != OBJECT))
            merged.append(OBJECT)
        return Mro((node, *merged), tuple(uncertainties))

    # Attributes of classes.

    def attribute(self, target: Reference, name: str) -> Reference | None:
        """What a class's attribute stands for; of an instance: of its class. None where it is not known."""
        receiver = target
        if isinstance(target, Subscripted):
            target = target.origin
        if isinstance(target, ValueReference):
            instance_class = self.instance_of(target)
            if instance_class is None:
                return None
            instance_reference = self.instance_attribute(target, instance_class, name)
            if instance_reference is not None:
                return instance_reference
            target = instance_class
        if not isinstance(target, SourceClass | SyntheticClass | StdlibClass):
            return None
        for node in self.mro(target).nodes:
            attribute = self._own_attribute(node, name)
            if attribute is not None:
                return (
                    FunctionReference(attribute.module, attribute.index, receiver)
                    if isinstance(attribute, FunctionReference)
                    else attribute
                )
        return None

    def _own_attribute(self, node: ClassNode, name: str) -> Reference | None:
        if isinstance(node, StdlibClass):
            return self.resolver.attribute(node, name) if name in vars(node.type) else None
        if isinstance(node, SourceClass):
            at = node.module.scope(node.index).last(name)
            return self.resolver.binding(node.module, node.index, at) if at >= 0 else None
        return Unresolved(f"{node.path}.{name}", node.reason) if isinstance(node, Unresolved) else None

    def instance_of(self, value: ValueReference) -> ClassNode | None:
        """The class of a value, where the value is a plain call of a class."""
        made_by = self.made_by(value)
        return made_by if isinstance(made_by, SourceClass | StdlibClass | SyntheticClass) else None

    def made_by(self, value: ValueReference) -> Reference | None:
        """What a value's expression calls, where it is a call."""
        if not isinstance(value.node, ast.Call):
            return None
        reference = self.resolver.expression(value.position, value.node.func)
        return reference.origin if isinstance(reference, Subscripted) else reference


def c3(
    lines: list[list[ClassNode]], bases: list[ClassNode], check: Callable[[], None] = lambda: None
) -> list[ClassNode] | None:
    """Merge lineages as Python does; None where no order satisfies all of them.

    ``check`` is called for each class merged; it may raise to end the work.

    The algorithm is C3: K. Barrett and others, "A monotonic superclass linearization for Dylan", 1996.
    """
    pending = {number: line for number, line in enumerate([*lines, bases]) if line}
    positions = dict.fromkeys(pending, 0)
    tails = Counter(node for line in pending.values() for node in line[1:])
    merged: list[ClassNode] = []
    while pending:
        check()
        heads = ((line[positions[number]], number) for number, line in pending.items())
        head = next((node for node, _ in heads if not tails[node]), None)
        if head is None:
            return None
        merged.append(head)
        for number in [index for index, line in pending.items() if line[positions[index]] == head]:
            positions[number] += 1
            if positions[number] == len(pending[number]):
                del pending[number]
            else:
                tails[pending[number][positions[number]]] -= 1
    return merged


def _spread(target: Reference) -> tuple[Reference, ...]:
    return target.bases if isinstance(target, SyntheticClass) and target.made_by == SPREAD else (target,)


def argument_name(text: str) -> str:
    """A type argument as pydantic shows it in the name of a class; empty where that is not plain.

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
        parts = [_argument(alternative) for alternative in _alternatives(node)]
        return f"Union[{', '.join(parts)}]" if all(parts) else ""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        parts = [_argument(argument) for argument in inner]
        plain = node.value.id in ("list", "dict", "set", "tuple", "Union")
        return f"{node.value.id}[{', '.join(parts)}]" if plain and all(parts) else ""
    return ""


def _alternatives(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    return [node]


def _same_top(first: str, second: str) -> bool:
    return first.partition(".")[0] == second.partition(".")[0]

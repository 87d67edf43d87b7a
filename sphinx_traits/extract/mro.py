"""The class graph: resolved bases, Python's method resolution order, and what is uncertain about them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sphinx_traits.extract.c3 import c3
from sphinx_traits.extract.class_names import ClassNames
from sphinx_traits.extract.expressions import parse_expression
from sphinx_traits.extract.generic_models import GenericModels
from sphinx_traits.extract.modules import SourceClass
from sphinx_traits.extract.mro_entries import GENERIC, BaseEntry, mro_entries
from sphinx_traits.extract.name_resolver import NameResolver
from sphinx_traits.extract.references import (
    ClassNode,
    FunctionReference,
    ObjectReference,
    Position,
    Reference,
    StdlibClass,
    Subscripted,
    SyntheticClass,
    Unresolved,
    ValueReference,
)

INLINE_BASES = "inline bases"
"""``made_by`` of a synthetic class that is replaced by its bases: ``with_metaclass(Meta, A, B)``."""
OBJECT = StdlibClass(object)
DICT = StdlibClass(dict)
_BASE_MODEL = "pydantic.main.BaseModel"
_KINDS: dict[type, str] = {FunctionReference: "a function", ValueReference: "a value made at run time"}


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A part of an MRO that is not certain.

    Args:
        owner: The class whose base it is.
        expression: The base's expression.
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
class Bases:
    """The bases of one class.

    Args:
        entries: In the order of the class statement.
        effective: As Python uses them: after ``__mro_entries__``, ``object`` where there are none.
        uncertainties: Bases that are not resolved, or resolved only under a condition.
    """

    entries: tuple[BaseEntry, ...]
    effective: tuple[ClassNode, ...]
    uncertainties: tuple[Uncertainty, ...] = ()


@dataclass(frozen=True, slots=True)
class Mro:
    """A class and its ancestors in method resolution order, with the uncertainties of all of them."""

    nodes: tuple[ClassNode, ...]
    uncertainties: tuple[Uncertainty, ...] = ()


@dataclass(frozen=True, slots=True)
class _ResolvedExpression:
    """The reference behind a base's expression, with the undecided conditions that led to it."""

    expression: str
    reference: Reference
    conditions: tuple[str, ...] = ()


class ClassGraph:
    """Bases and MROs of classes, computed once each.

    Args:
        resolver: Resolves the expressions of bases.
    """

    def __init__(self, resolver: NameResolver) -> None:
        self.resolver = resolver
        self.names: ClassNames = ClassNames(resolver)
        self._generic_models: GenericModels = GenericModels(resolver, self.names)
        self._bases: dict[ClassNode, Bases] = {}
        self._mros: dict[ClassNode, Mro] = {}
        self._standard: dict[str, StdlibClass | None] = {}
        self._active: set[ClassNode] = set()
        self._typed_dicts: set[ClassNode] = set()

    def name(self, node: ClassNode) -> str:
        """A class's dotted name, see `ClassNames`."""
        return self.names.name(node)

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
            return Bases(tuple(BaseEntry(base, expression=base.path) for base in nodes), nodes)
        if isinstance(node, Unresolved):
            return Bases((), (OBJECT,))
        if isinstance(node, SyntheticClass):
            return self._assemble(node, [_ResolvedExpression(base.path, base) for base in node.bases])
        symbol = node.symbol
        position = Position(node.module, symbol.scope, symbol.position)
        resolved: list[_ResolvedExpression] = []
        for text in symbol.bases:
            resolved += self._resolve_base(position, text)
        return self._assemble(node, resolved, symbol.generic)

    def _resolve_base(self, position: Position, text: str) -> list[_ResolvedExpression]:
        """The reference of one base; of ``*BASES`` any number."""
        expression = parse_expression(text.lstrip("*").strip() if text.startswith("*") else text)
        if expression is None:
            return [_ResolvedExpression(text, Unresolved(text, "it cannot be parsed"))]
        outer, self.resolver.conditions = self.resolver.conditions, []
        try:
            reference = self.resolver.expression(position, expression)
            if text.startswith("*"):
                return self._unpack(text, reference)
            return [_ResolvedExpression(text, reference, tuple(self.resolver.conditions))]
        finally:
            self.resolver.conditions = outer

    def _unpack(self, text: str, reference: Reference) -> list[_ResolvedExpression]:
        if not isinstance(reference, ValueReference) or not isinstance(reference.node, ast.Tuple):
            return [_ResolvedExpression(text, Unresolved(reference.path, "its bases are computed at run time"))]
        resolved: list[_ResolvedExpression] = []
        for element in reference.node.elts:
            base = self.resolver.expression(reference.position, element)
            resolved.append(_ResolvedExpression(ast.unparse(element), base, tuple(self.resolver.conditions)))
        return resolved

    def _assemble(self, owner: ClassNode, resolved: Sequence[_ResolvedExpression], generic: bool = False) -> Bases:
        entries: list[BaseEntry] = []
        uncertainties: list[Uncertainty] = []
        for base in _inlined(resolved):
            entry, conditions = self._overridden(self.base_entry(base.reference), base.conditions)
            entries.append(replace(entry, expression=base.expression))
            uncertainties += _base_uncertainties(owner, entries[-1], conditions)
        if isinstance(owner, SyntheticClass) and owner.problem:
            uncertainties.append(Uncertainty(owner, owner.path, owner.path, owner.problem))
        effective = self._effective(owner, entries, generic)
        return Bases(tuple(entries), tuple(effective) or (OBJECT,), tuple(uncertainties))

    def _overridden(self, entry: BaseEntry, conditions: tuple[str, ...]) -> tuple[BaseEntry, tuple[str, ...]]:
        """A conditional base that the user has decided is certain."""
        override = self.resolver.overrides.get(entry.node.path) if conditions else None
        if not override:
            return entry, conditions
        if override == entry.node.path:
            return entry, ()
        return self.base_entry(self.resolver.dotted(override)), ()

    def _effective(self, owner: ClassNode, entries: Sequence[BaseEntry], generic: bool) -> list[ClassNode]:
        effective = mro_entries(entries, generic=generic, is_generic=self._is_generic)
        if not any(entry.is_typed_dict or self._is_typed_dict(entry.node) for entry in entries):
            return effective
        self._typed_dicts.add(owner)
        return [GENERIC, DICT] if GENERIC in effective or any(entry.arguments for entry in entries) else [DICT]

    def _is_generic(self, node: ClassNode) -> bool:
        return GENERIC in self.mro(node).nodes

    def _is_typed_dict(self, node: ClassNode) -> bool:
        if isinstance(node, SourceClass) and node.symbol.bases and node not in self._active:
            self.mro(node)
        return node in self._typed_dicts

    def base_entry(self, reference: Reference) -> BaseEntry:
        """What a reference contributes to a class's bases."""
        if isinstance(reference, Subscripted):
            return self._subscripted(reference)
        if isinstance(reference, ObjectReference):
            return BaseEntry.of_object(reference)
        if isinstance(reference, SourceClass | StdlibClass | SyntheticClass | Unresolved):
            path = self.name(reference) if isinstance(reference, SourceClass) else reference.path
            return BaseEntry.special(path) or BaseEntry(reference)
        special = BaseEntry.special(reference.path) if isinstance(reference, FunctionReference) else None
        return special or self._not_a_class(reference)

    def _not_a_class(self, reference: Reference) -> BaseEntry:
        """The entry of a base that is no class: unresolved, unless an override names a class for it."""
        kind = _KINDS.get(type(reference), "a module")
        unresolved = self.resolver.unknown(reference.path, f"it is {kind}")
        return BaseEntry(unresolved) if isinstance(unresolved, Unresolved) else self.base_entry(unresolved)

    def _subscripted(self, reference: Subscripted) -> BaseEntry:
        origin = self.base_entry(reference.origin)
        if isinstance(origin.node, Unresolved | StdlibClass):
            return origin.with_arguments(reference.arguments)
        mro = self.mro(origin.node)
        definer = _definer(mro, "__class_getitem__")
        if definer is not None and self.name(definer) == _BASE_MODEL:
            return BaseEntry(self._generic_models.parametrised(origin.node, reference), reference.arguments)
        return BaseEntry(origin.node, reference.arguments, alias=definer is None and GENERIC in mro.nodes)

    # MROs.

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

    def _linearise(self, node: ClassNode) -> Mro:
        bases = self.bases(node)
        parents = [self.mro(base) for base in bases.effective]
        uncertainties = dict.fromkeys(bases.uncertainties)
        for parent in parents:
            uncertainties.update(dict.fromkeys(parent.uncertainties))
        check = self.resolver.loader.time_limit.check
        merged = c3([list(parent.nodes) for parent in parents], list(bases.effective), check)
        if merged is None:
            reason = "Python cannot order these bases: " + ", ".join(self.name(base) for base in bases.effective)
            uncertainties[Uncertainty(node, "", self.name(node), reason, "impossible_mro")] = None
            ancestors = dict.fromkeys(ancestor for parent in parents for ancestor in parent.nodes)
            ancestors.pop(OBJECT, None)
            merged = [*ancestors, OBJECT]
        return Mro((node, *merged), tuple(uncertainties))

    def remember(self, node: ClassNode, ancestors: Sequence[ClassNode | None]) -> bool:
        """Use the MRO of an earlier run; False where one of its classes no longer exists."""
        nodes = tuple(ancestor for ancestor in ancestors if ancestor is not None)
        if len(nodes) < len(ancestors) or nodes[:1] != (node,):
            return False
        self._mros[node] = Mro(nodes)
        return True

    def standard(self, name: str) -> StdlibClass | None:
        """The class of the standard library with a dotted name."""
        if name not in self._standard:
            self._standard[name] = self._look_up(name)
        return self._standard[name]

    def _look_up(self, name: str) -> StdlibClass | None:
        module, _, last = name.rpartition(".")
        loader = self.resolver.loader
        member = getattr(loader.stdlib(module), last, None) if loader.is_stdlib(module) else None
        return StdlibClass(member) if isinstance(member, type) and StdlibClass(member).path == name else None

    # Instances.

    def instance_of(self, value: ValueReference) -> ClassNode | None:
        """The class of a value, where the value is a plain call of a class."""
        callee = self.callee(value)
        return callee if isinstance(callee, SourceClass | StdlibClass | SyntheticClass) else None

    def callee(self, value: ValueReference) -> Reference | None:
        """What a value's expression calls, where it is a call."""
        if not isinstance(value.node, ast.Call):
            return None
        reference = self.resolver.expression(value.position, value.node.func)
        return reference.origin if isinstance(reference, Subscripted) else reference


def _inlined(resolved: Sequence[_ResolvedExpression]) -> list[_ResolvedExpression]:
    """The expressions, with the bases of a class that only carries bases in its place."""
    inlined: list[_ResolvedExpression] = []
    for base in resolved:
        reference = base.reference
        if isinstance(reference, SyntheticClass) and reference.made_by == INLINE_BASES:
            inlined += [replace(base, reference=inner) for inner in reference.bases]
        else:
            inlined.append(base)
    return inlined


def _base_uncertainties(owner: ClassNode, entry: BaseEntry, conditions: tuple[str, ...]) -> list[Uncertainty]:
    node = entry.node
    if isinstance(node, Unresolved):
        return [Uncertainty(owner, entry.expression, node.path, node.reason)]
    if not conditions:
        return []
    reason = f"it depends on the condition `{conditions[0]}`"
    return [Uncertainty(owner, entry.expression, node.path, reason, "conditional_base")]


def _definer(mro: Mro, name: str) -> ClassNode | None:
    """The first class of an MRO whose body binds a name."""
    for node in mro.nodes:
        if isinstance(node, SourceClass) and node.module.scope(node.index).last(name) >= 0:
            return node
    return None

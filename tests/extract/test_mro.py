"""The MRO of odd but legal code: as Python has it, or flagged; never silently another one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.extract.conftest import Sources

# ruff: noqa: E501
EXACT = {
    "alias_by_assignment": "class HasSlug: ...\nSlug = HasSlug\nAgain = Slug\nclass X(Again): ...",
    "chained_assignment": "class HasSlug: ...\nAgain = Slug = HasSlug\nclass X(Again): ...\nclass Y(Slug): ...",
    "renamed_export": {
        "__init__": "from PKG.impl import Base as Public\nfrom PKG import impl as inner",
        "impl": "class Base: ...",
        "use": "from PKG import Public, inner\nimport PKG as top\nclass X(Public): ...\nclass Y(inner.Base): ...\nclass Z(top.Public): ...",
    },
    "generic_decides_the_order": """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Roles: ...
        class Descriptor(Generic[T]): ...
        class Expression(Roles, Descriptor[T]): ...
        class Mapped(Expression[T], Roles, Descriptor[T]): ...
        class Base(Generic[T], Roles): ...
        class X(Mapped[T]): ...
        class Y(Base[T], Generic[T]): ...
    """,
    "generic_mixin": """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class HasSlug: ...
        class HasTags(Generic[T]): ...
        class X(HasSlug, HasTags[int]): ...
        class Y(Generic[T], HasSlug, HasTags[T]): ...
        class Z(HasTags[T], Generic[T]): ...
        class W(Z[int], HasTags[int]): ...
    """,
    "special_aliases": """
        from typing import Dict, Generic, List, Mapping, Protocol, TypeVar
        import collections.abc
        T = TypeVar("T")
        class A(List[int]): ...
        class B(Dict[str, T], Generic[T]): ...
        class C(collections.abc.Mapping[str, int]): ...
        class D(Protocol[T]): ...
        class E(D[int], A): ...
        class F(list[int]): ...
    """,
    "named_tuple_and_typed_dict": """
        from collections import namedtuple
        from typing import NamedTuple, TypedDict
        class A(NamedTuple):
            x: int
        class B(namedtuple("Point", "x y")): ...
        class C(TypedDict):
            x: int
        class D(C, total=False):
            y: int
    """,
    "star_import_with_all": {
        "a": "__all__ = ['Mixin']\nclass Mixin: ...\nclass Hidden: ...",
        "b": "from PKG.a import *\nclass X(Mixin): ...",
    },
    "star_import_with_computed_all": {
        "a": "class M1: ...\nclass M2: ...\n__all__ = [one.__name__ for one in (M1, M2)]",
        "b": "from PKG.a import *\nclass X(M1, M2): ...",
    },
    "star_import_after_class": {
        "a": "class Mixin: ...",
        "b": "class Mixin: ...\nclass Before(Mixin): ...\nfrom PKG.a import *\nclass After(Mixin): ...",
    },
    "import_that_works": {
        "a": "class D: ...",
        "b": "class D: ...",
        "c": "try:\n    from PKG.a import D\nexcept ImportError:\n    from PKG.b import D\nclass X(D): ...",
    },
    "import_that_fails": {
        "b": "class D: ...",
        "c": "try:\n    from no_such_package_here import D\nexcept ImportError:\n    from PKG.b import D\nclass X(D): ...",
    },
    "name_missing_in_a_module": {
        "a": "",
        "b": "class D: ...",
        "c": "try:\n    from PKG.a import D\nexcept ImportError:\n    from PKG.b import D\nclass X(D): ...",
    },
    "missing_further_down": {
        "a": "import no_such_package_here\nclass D: ...",
        "c": "try:\n    from PKG.d import D\nexcept ImportError:\n    class D: ...\nclass X(D): ...",
        "d": "try:\n    import PKG.a\nexcept ImportError:\n    pass\nfrom PKG.e import D",
        "e": "class D: ...",
    },
    "flag_from_import": """
        try:
            import no_such_package_here
            HAS = True
        except ImportError:
            HAS = False
        if HAS:
            class D: ...
        else:
            class E: ...
            D = E
        class X(D): ...
        class Y(D if HAS else X): ...
    """,
    "suppressed_import": """
        from contextlib import suppress
        class D: ...
        with suppress(ImportError):
            from no_such_package_here import D
        class X(D): ...
    """,
    "type_checking": """
        from typing import TYPE_CHECKING
        class Base: ...
        if TYPE_CHECKING:
            B = Base
        else:
            B = object
        class X(B): ...
    """,
    "version_branch": """
        import sys
        class A: ...
        class B: ...
        if sys.version_info >= (3, 8) and sys.platform != "no such thing":
            C = A
        else:
            C = B
        class X(C): ...
    """,
    "constant_of_another_module": {
        "a": "VERSION = (5, 2, 0, 'final', 0)",
        "b": "import PKG.a\nclass A: ...\nclass B: ...\nif PKG.a.VERSION >= (4, 2):\n    C = A\nelse:\n    C = B\nclass X(C): ...",
    },
    "submodule_with_the_same_name": {
        "__init__": "from .mixin import mixin",
        "mixin": "class mixin: ...",
        "use": "from PKG import mixin\nclass X(mixin): ...",
    },
    "nested_class_as_base": """
        class Outer:
            class Mixin: ...
            class Inner(Mixin): ...
        class X(Outer.Mixin): ...
        class Y(Outer.Inner): ...
    """,
    "class_scope_does_not_leak": """
        class Name: ...
        class Outer:
            class Name: ...
            class Middle:
                class X(Name): ...
    """,
    "with_metaclass": """
        class Meta(type): ...
        def with_metaclass(meta, *bases):
            class metaclass(type):
                def __new__(cls, name, this_bases, d):
                    return meta(name, bases, d)
                @classmethod
                def __prepare__(cls, name, this_bases):
                    return meta.__prepare__(name, bases)
            return type.__new__(metaclass, "temporary_class", (), {})
        class A: ...
        class B: ...
        class X(with_metaclass(Meta, A, B)): ...
    """,
    "type_call": "class M: ...\nB = type('B', (M,), {})\nclass X(B): ...",
    "metaclass_of": "class Meta(type): ...\nclass A(metaclass=Meta): ...\nclass B(type(A)): ...",
    "factory_with_local_class": """
        class M: ...
        def make(base):
            class Made(base): ...
            return Made
        class X(make(M)): ...
        def same(cls):
            cls.seen = True
            return cls
        class Y(same(M)): ...
    """,
    "factory_with_a_type": """
        class M: ...
        def make() -> type[M]:
            class Made(M): ...
            return Made
        class X(make()): ...
    """,
    "diamond": """
        class A: ...
        class B(A): ...
        class C(A): ...
        class D(B, C): ...
        class E(C, A): ...
        class X(D, E): ...
    """,
    "starred_literal": "class A: ...\nclass B: ...\nBASES = (A, B)\nclass X(*BASES): ...",
    "conditional_expression": "class A: ...\nclass B: ...\nFLAG = True\nclass X(A if FLAG else B): ...",
    "tuple_targets": "class A: ...\nclass B: ...\nC, D = A, B\nclass X(C): ...\nclass Y(D): ...",
    "module_rewritten": {
        "__init__": "from PKG.impl import Public",
        "impl": "class Public: ...\nPublic.__module__ = 'PKG'\nclass X(Public): ...",
    },
    "module_rewritten_in_loop": {
        "__init__": """
            from PKG.impl import Public
            __all__ = ["Public"]
            for name in __all__:
                setattr(locals()[name], "__module__", "PKG")
        """,
        "impl": "class Public: ...",
        "use": "from PKG import Public\nclass X(Public): ...",
    },
    "import_cycle": {
        "a": "from PKG import b\nclass A: ...\nclass C(b.B): ...",
        "b": "import PKG.a as a\nclass B: ...\nclass D:\n    pass",
    },
    "circular_star_imports": {
        "a": "from PKG.b import *\nclass A: ...",
        "b": "from PKG.a import *\nclass B: ...\n",
        "c": "from PKG.b import *\nclass X(B): ...",
    },
    "member_called_cls": "class A:\n    cls = None\nclass X(A):\n    cls = int",
    "same_short_name": {
        "a": "class HasSlug: ...",
        "b": "class HasSlug: ...",
        "c": "from PKG import a, b\nclass X(a.HasSlug, b.HasSlug): ...",
    },
    "deleted_name": "class A: ...\nclass B(A): ...\ndel A\nA = B\nclass X(A): ...",
    "enum_and_exceptions": "import enum\nclass Colour(str, enum.Enum):\n    RED = 'r'\nclass Bad(ValueError, KeyError): ...",
    "redefined": "class A: ...\nclass X(A): ...\nclass A: ...\nclass Y(A): ...",
    "relative_imports": {
        "sub.__init__": "",
        "sub.deep": "from ..base import Base as B\nfrom . import sibling\nclass X(B, sibling.S): ...",
        "sub.sibling": "class S: ...",
        "base": "class Base: ...",
    },
    "lazy_with_type_checking": {
        "__init__": """
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from PKG.impl import Base
            def __getattr__(name):
                from PKG import impl
                return getattr(impl, name)
        """,
        "impl": "class Base: ...",
        "use": "from PKG import Base\nclass X(Base): ...",
    },
    "dataclass_slots": "from dataclasses import dataclass\nclass M: ...\n@dataclass(slots=True)\nclass X(M):\n    a: int = 1",
    "generic_alias_value": "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass G(Generic[T]): ...\nIntG = G[int]\nclass X(IntG): ...",
}

FLAGGED = {
    "starred_computed": "class A: ...\nBASES = tuple([A])\nclass X(*BASES): ...",
    "registry_item": "class A: ...\nREG = {'a': A}\nclass X(REG['a']): ...",
    "lazy_export": {
        "__init__": "def __getattr__(name):\n    from PKG import impl\n    return getattr(impl, name)",
        "impl": "class Base: ...",
        "use": "from PKG import Base\nclass X(Base): ...",
    },
    "attribute_of_a_made_object": """
        class Model: ...
        class DB:
            def __init__(self):
                self.Model = type("Model", (Model,), {})
        db = DB()
        class X(db.Model): ...
    """,
    "undecided_condition": """
        import os
        class A: ...
        class B: ...
        if os.environ.get("NO_SUCH_VARIABLE_HERE") == "1":
            C = A
        else:
            C = B
        class X(C): ...
    """,
    "factory_that_only_says_its_type": """
        class M: ...
        def make() -> type[M]:
            return globals()["M"]
        class X(make()): ...
    """,
    "class_set_from_outside": "class A: ...\nclass B: ...\nclass N: pass\nN.Base = A\nclass X(N.Base): ...",
    "function_that_decides": """
        class A: ...
        class B: ...
        def pick(n):
            if n:
                return A
            return B
        class X(pick(1)): ...
    """,
}


@pytest.mark.parametrize("case", EXACT)
def test_mro_is_pythons(case: str, write: Callable[..., Sources]) -> None:
    """What can be read is read exactly as Python sees it, and not marked as doubtful."""
    sources = write(EXACT[case])
    mros, uncertainties = sources.read()

    real = sources.real()
    shared = {name: mro for name, mro in mros.items() if name in real}
    assert shared == {name: real[name] for name in shared}
    assert set(real) - set(mros) <= {name for name in real if "<locals>" in name or name.endswith((".B", ".Point"))}
    assert uncertainties == {}


@pytest.mark.parametrize("case", FLAGGED)
def test_what_cannot_be_read_is_flagged(case: str, write: Callable[..., Sources]) -> None:
    """A base that only the running program knows leaves a mark: the class is never silently shorter."""
    _, uncertainties = write(FLAGGED[case]).read()

    assert any(name.endswith(".X") for name in uncertainties)


def test_override_resolves_what_cannot_be_read(write: Callable[..., Sources]) -> None:
    """One line of configuration says what an unreadable base is."""
    sources = write(FLAGGED["attribute_of_a_made_object"])
    mros, uncertainties = sources.read(overrides={f"{sources.name}.db.Model": f"{sources.name}.Model"})

    assert mros[f"{sources.name}.X"] == [f"{sources.name}.X", f"{sources.name}.Model", "builtins.object"]
    assert uncertainties == {}


def test_impossible_order_is_flagged(write: Callable[..., Sources]) -> None:
    """Bases that Python cannot order are a finding with the names, not an empty MRO."""
    sources = write("class A: ...\nclass B(A): ...\nclass X(A, B): ...")
    mros, uncertainties = sources.read()

    assert "cannot order these bases" in uncertainties[f"{sources.name}.X"]
    assert mros[f"{sources.name}.X"][-1] == "builtins.object"


def test_no_name_from_the_parent_package(write: Callable[..., Sources]) -> None:
    """A module does not see its package's names."""
    sources = write({"__init__": "class Base: ...", "m": "class X(Base): ..."})
    _, uncertainties = sources.read()

    assert "not defined" in uncertainties[f"{sources.name}.m.X"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 syntax")
def test_type_parameters(write: Callable[..., Sources]) -> None:
    """``class A[T]`` has ``Generic`` at the end of its bases."""
    sources = write("class M: ...\nclass A[T](M): ...\nclass X(A[int]): ...\nclass Y[T, *Ts](A[T]): ...")
    mros, uncertainties = sources.read()

    assert mros == sources.real()
    assert uncertainties == {}

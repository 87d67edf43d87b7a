"""Compares which classes are models: by the manifest, and by their hosts in the program."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx_traits.extract.classify import FRAMEWORKS
from sphinx_traits.extract.options import matching_pattern
from sphinx_traits.manifest import Location, Model
from traits_cli.verification.program import Program, metadata_of
from traits_cli.verification.records import Comparison, Fact
from traits_runtime.rules.identity import path_of

_PARTS_OF_FRAMEWORKS = ("django.contrib.", "traits_runtime.traits.")


def compare_presence(program: Program, patterns: tuple[str, ...], comparison: Comparison) -> None:
    """Compare the models of the manifest with the imported classes that are models by their host.

    Args:
        program: The program.
        patterns: Patterns of classes that the project names models.
        comparison: Takes the results.
    """
    models = {model.name: model for model in program.manifest.models}
    for model in models.values():
        _compare_read(model, program, patterns, comparison)
    kinds = {record.name: type(record).__name__.lower() for record in program.manifest.classes()}
    for path, cls in program.own_classes().items():
        reason = model_reason(cls, patterns) if path not in models else ""
        if reason:
            comparison.compare(Fact("model", path, place=_place(cls)), kinds.get(path, ""), reason)


def _compare_read(model: Model, program: Program, patterns: tuple[str, ...], comparison: Comparison) -> None:
    """Compare a model of the manifest with the class of that name."""
    fact = Fact("model", model.name, place=model.location)
    cls = program.classes.get(model.name)
    if cls is not None:
        comparison.compare(fact, "a model", "a model" if model_reason(cls, patterns) else "")
    elif model.name in program.rebound:
        comparison.skip(fact, f"the program binds the name to {program.rebound[model.name]}")
    else:
        failure = program.failure_of(model.name)
        if failure:
            comparison.skip(fact, failure)
        else:
            comparison.compare(fact, "a model", "")


def _place(cls: type) -> Location:
    """File below its package's folder, and line, of a class."""
    try:
        path = Path(inspect.getsourcefile(cls) or "")
        line = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):  # a class that a call has made has no source
        return Location()
    depth = cls.__module__.count(".") + (2 if path.name == "__init__.py" else 1)
    return Location("/".join(path.parts[-depth:]), line)


def model_reason(cls: type, patterns: tuple[str, ...] = ()) -> str:
    """Why a class is a model by the rules in "What counts as a trait, what as a model"; empty for any other class.

    Args:
        cls: The class.
        patterns: Patterns of classes that the project names models.
    """
    if matching_pattern(path_of(cls), patterns):
        return "a class that [tool.traits] names a model"
    metadata = metadata_of(cls)
    if metadata is not None and metadata.kind == "trait":
        return ""
    if metadata is not None and metadata.traits:
        return "" if _is_abstract(cls) else "a model that uses traits"
    for reason in (_django_reason(cls), _sqlalchemy_reason(cls), _data_reason(cls)):
        if reason is not None:
            return reason
    return ""


def _is_abstract(cls: Any) -> bool:
    options = getattr(cls, "_meta", None)
    return bool(cls.__dict__.get("__abstract__")) or bool(getattr(options, "abstract", False))


def _django_reason(cls: Any) -> str | None:
    models = sys.modules.get("django.db.models")
    if models is None or not issubclass(cls, models.Model) or cls is models.Model:
        return None
    return "" if cls._meta.abstract or cls._meta.auto_created else "a concrete Django model"


def _sqlalchemy_reason(cls: type) -> str | None:
    sqlalchemy = sys.modules.get("sqlalchemy.orm")
    if sqlalchemy is None:
        return None
    mapper = cls.__dict__.get("__mapper__")
    return "a mapped class" if isinstance(mapper, sqlalchemy.Mapper) else None


def _data_reason(cls: type) -> str | None:
    """A pydantic model, dataclass or attrs class that inherits from a class that is none."""
    if not _is_pydantic(cls) and not _is_dataclass(cls):
        return None
    mixins = [base for base in cls.__mro__[1:] if not is_framework(base) and not _is_pydantic(base)]
    plain = [base for base in mixins if not _is_dataclass(base)]
    return f"a class of fields that uses {plain[0].__name__}" if plain else ""


def _is_pydantic(cls: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def _is_dataclass(cls: type) -> bool:
    namespace: Mapping[str, object] = cls.__dict__
    is_dataclass = dataclasses.is_dataclass(cls) and "__dataclass_fields__" in namespace
    return is_dataclass or "__attrs_attrs__" in namespace


def is_framework(cls: type) -> bool:
    """Whether a class belongs to the standard library, or to a library that models stand on."""
    top = cls.__module__.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    return top in FRAMEWORKS and not f"{cls.__module__}.".startswith(_PARTS_OF_FRAMEWORKS)

"""Writes down what a package really is at run time; run by the interpreter of the environment that holds it.

Usage: python extraction_truth.py OUTPUT SETUP PACKAGE... [-MODULE_GLOB...]
"""

import contextlib
import fnmatch
import importlib
import inspect
import io
import json
import os
import pkgutil
import sys
import types
import warnings


def main() -> None:
    """Import everything below some packages and dump all classes found there."""
    output, setup, *names = sys.argv[1:]
    packages = [name for name in names if not name.startswith("-")]
    excluded = [name[1:] for name in names if name.startswith("-")]
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(setup.replace(";;", "\n"), {})  # the corpus's own start, from the table of corpora
        failed = import_all(packages, excluded)
        classes = {name: describe(cls) for name, cls in collect(packages, excluded).items()}
        receivers = signal_receivers(packages)
    with open(output, "w", encoding="utf-8") as file:
        json.dump({"classes": classes, "failed": failed, "receivers": receivers}, file)


def import_all(packages: list[str], excluded: list[str]) -> dict[str, str]:
    """Import every module; those that cannot be imported, with the error."""
    failed: dict[str, str] = {}
    for package in packages:
        root = attempt(package, failed)
        paths = getattr(root, "__path__", None)
        if paths is None:
            continue
        pending = [(paths, f"{package}.")]
        while pending:
            where, prefix = pending.pop(0)
            for info in sorted(pkgutil.iter_modules(where, prefix), key=lambda one: one.name):
                if any(fnmatch.fnmatchcase(info.name, one) for one in excluded) or info.name.endswith("__main__"):
                    continue
                module = attempt(info.name, failed)
                if info.ispkg and module is not None:
                    pending.append((module.__path__, f"{info.name}."))
    return failed


def attempt(name: str, failed: dict[str, str]) -> types.ModuleType | None:
    """Import one module."""
    try:
        return importlib.import_module(name)
    except BaseException as error:  # whatever a module raises, the next one is tried
        failed[name] = f"{type(error).__name__}: {error}"[:200]
        return None


def collect(packages: list[str], excluded: list[str]) -> dict[str, type]:
    """All classes that modules of the packages define, nested ones too, by the module they are written in."""
    found: dict[str, type] = {}
    for name, module in sorted(sys.modules.items()):
        if not isinstance(module, types.ModuleType) or not any(
            name == one or name.startswith(one + ".") for one in packages
        ):
            continue
        if any(fnmatch.fnmatchcase(name, one) for one in excluded):
            continue
        for value in list(vars(module).values()):
            if isinstance(value, type):
                nested(value, packages, found)
    return found


def nested(cls: type, packages: list[str], found: dict[str, type]) -> None:
    """Add a class of the packages, and those in its body."""
    key = full_name(cls)
    ours = any(cls.__module__ == one or str(cls.__module__).startswith(one + ".") for one in packages)
    if not ours or key in found or "<locals>" in key:
        return
    found[key] = cls
    for value in list(vars(cls).values()):
        if isinstance(value, type) and value.__qualname__.startswith(cls.__qualname__ + "."):
            nested(value, packages, found)


def full_name(cls: type) -> str:
    """``__module__`` and ``__qualname__``."""
    return f"{cls.__module__}.{cls.__qualname__}"


def describe(cls: type) -> dict[str, object]:
    """What there is to know of a class."""
    try:
        file = os.path.realpath(inspect.getsourcefile(cls) or "")
    except (TypeError, OSError):
        file = ""
    result: dict[str, object] = {"mro": [full_name(one) for one in cls.__mro__], "members": members(cls), "file": file}
    with contextlib.suppress(Exception):
        result.update(django_facts(cls))
    with contextlib.suppress(Exception):
        result.update(sqlalchemy_facts(cls))
    hooked = [[hook, name] for name, value in vars(cls).items() for hook in hook_names(value)]
    if hooked:
        result["hooks"] = hooked
    return result


def hook_names(value: object) -> list[str]:
    """Moments of a method that django-lifecycle knows."""
    hooked = getattr(value, "_hooked", ())
    return [str(getattr(one, "hook", "")) for one in hooked] if isinstance(hooked, list) else []


def members(cls: type) -> dict[str, tuple[str, int]]:
    """Functions and properties written in source, by name: the class that owns them, and the line."""
    found: dict[str, tuple[str, int]] = {}
    for owner in cls.__mro__:
        for name, value in list(vars(owner).items()):
            if name in found:
                continue
            found[name] = ("", 0)
            function = source_function(value)
            code = getattr(function, "__code__", None)
            if (
                code is None
                or function.__qualname__ != f"{owner.__qualname__}.{name}"
                or function.__module__ != owner.__module__
            ):
                continue
            if code.co_filename.startswith("<") or getattr(function, "__wrapped__", None) is not None:
                continue
            found[name] = (full_name(owner), code.co_firstlineno)
    return {name: place for name, place in found.items() if place[0]}


def source_function(value: object) -> object:
    """The plain function behind a method, property or cached property."""
    for attribute in ("fget", "__func__", "func"):
        inner = getattr(value, attribute, None)
        if isinstance(inner, types.FunctionType):
            return inner
    return value if isinstance(value, types.FunctionType) else None


def django_facts(cls: type) -> dict[str, object]:
    """Fields of a Django model, without those that Django adds itself."""
    from django.db.models import Model
    from django.db.models.fields.related import OneToOneField

    if not issubclass(cls, Model) or cls is Model:
        return {}
    meta = cls._meta
    fields = [
        one.name
        for one in (*meta.local_fields, *meta.local_many_to_many)
        if not one.auto_created
        and not (isinstance(one, OneToOneField) and one.remote_field.parent_link and one.name.endswith("_ptr"))
    ]
    return {"model": not meta.abstract, "abstract": bool(meta.abstract), "django_fields": fields}


def sqlalchemy_facts(cls: type) -> dict[str, object]:
    """Columns, relations and validators of a mapped class."""
    import sqlalchemy
    from sqlalchemy.orm import Mapper

    mapper = sqlalchemy.inspect(cls, raiseerr=False)
    if not isinstance(mapper, Mapper):
        return {}
    result: dict[str, object] = {"model": True}
    table = mapper.local_table
    with contextlib.suppress(Exception):  # a mapper that cannot be configured still has its columns
        result["validators"] = {name: value[0].__name__ for name, value in mapper.validators.items()}
        result["sqlalchemy_columns"] = [
            one.key for one in mapper.column_attrs if any(getattr(c, "table", None) is table for c in one.columns)
        ]
    return result


def signal_receivers(packages: list[str]) -> list[list[str]]:
    """Receivers of Django's signals that the packages define: signal and receiver."""
    found: list[list[str]] = []
    with contextlib.suppress(Exception):
        from django.dispatch import Signal

        for name, module in sorted(sys.modules.items()):
            if not isinstance(module, types.ModuleType):
                continue
            for attribute, value in list(vars(module).items()):
                if isinstance(value, Signal) and f"{name}.{attribute}" not in {one[0] for one in found}:
                    found += receivers_of(f"{name}.{attribute}", value, packages)
    unique = {(one[0].rpartition(".")[2], one[1]): one for one in found}
    return sorted(unique.values())


def receivers_of(path: str, signal: object, packages: list[str]) -> list[list[str]]:
    """The receivers of one signal."""
    found = []
    for entry in getattr(signal, "receivers", ()):
        reference = entry[1]
        function = (
            reference()
            if not inspect.isfunction(reference)
            and callable(reference)
            and "weakref" in type(reference).__module__ + repr(type(reference))
            else reference
        )
        module = getattr(function, "__module__", "") or ""
        if inspect.isfunction(function) and any(module == one or module.startswith(one + ".") for one in packages):
            found.append([path, f"{module}.{function.__qualname__}"])
    return found


main()

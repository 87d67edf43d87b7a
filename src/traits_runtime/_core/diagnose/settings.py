"""Config that no longer matches: values of files, the environment and the store, held against the declared keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from traits_runtime._core.config.files import lines_of
from traits_runtime._core.config.keys import Key
from traits_runtime._core.config.resolver import Address, Resolver, Source, Subject, Table
from traits_runtime._core.declare import REQUIRED
from traits_runtime._core.diagnose.problem import Fix, Found, found
from traits_runtime._core.files import write_atomic
from traits_runtime.errors import InvalidConfigValueError, hint

ROLLED = (".rollout", ".subjects")
"""Ends of the keys behind a feature's rollout."""


class Settings(NamedTuple):
    """What the checks of config look at.

    Args:
        keys: The declared keys by trait's path, by name.
        models: What config resolution needs of each model, by path.
        users: The models of each trait.
        subjects: What config resolution needs of each trait.
        resolver: The layers.
        file: The config file, None for none.
        root: The folder that its name is shown relative to.
        forget: Takes an override out of the store; None where there is no store.
    """

    keys: Mapping[str, Mapping[str, Key]]
    models: Mapping[str, Subject]
    users: Mapping[str, tuple[str, ...]]
    subjects: Mapping[str, Subject]
    resolver: Resolver
    file: Path | None
    root: Path
    forget: Callable[[Address], None] | None


def check_settings(at: Settings) -> Iterator[Found]:
    """All findings about config."""
    for layer, table in (("file", at.resolver.files), ("stored", at.resolver.stored)):
        for address, (value, place) in table.values.items():
            yield from _check_value(at, layer, address, value, place)
    for keys in at.keys.values():
        for key in keys.values():
            yield from _check_key(at, key)


def _check_value(at: Settings, layer: str, address: Address, value: object, place: str) -> Iterator[Found]:
    trait, name, model, _tenant = address
    if trait == "*":
        return
    owners = [path for path in at.keys if path == trait or path.endswith("." + trait)]
    subject = f"{trait}.{name}"
    if not owners:
        near = hint(trait, [path.rpartition(".")[2] for path in at.keys])
        yield _about(at, "TRT201", layer, address, subject, f"There is no trait {trait!r}.{near}", place)
        return
    if model and model not in at.models:
        yield _about(
            at, "TRT201", layer, address, subject, f"There is no model {model!r}.{hint(model, at.models)}", place
        )
        return
    key = next((at.keys[one][name] for one in owners if name in at.keys[one]), None)
    if key is None:
        if not name.endswith(ROLLED):
            said = f"Trait {trait!r} declares no key {name!r}.{hint(name, at.keys[owners[0]])}"
            yield _about(at, "TRT201", layer, address, subject, said, place)
        return
    yield from _check_against(at, layer, address, key, value, place)


def _check_against(at: Settings, layer: str, address: Address, key: Key, value: object, place: str) -> Iterator[Found]:
    subject = f"{key.trait}.{key.name}"
    try:
        checked = key.check(value, layer)
    except InvalidConfigValueError as error:
        yield _about(at, "TRT202", layer, address, subject, f"{error} It has no effect.", place)
        return
    variable = next((one for one in key.option.env if one in at.resolver.environ), None)
    if key.option.locked and variable is not None:
        said = f"{subject} is locked to ${variable}, which is set: the value given here has no effect."
        yield _about(at, "TRT206", layer, address, subject, said, place)
        return
    if key.option.deprecated:
        said = f"{subject} is deprecated: {key.option.deprecated}."
        yield _about(at, "TRT205", layer, address, subject, said, place, fixable=False)
    if _beneath(at, layer, address, key) == checked:
        said = f"{subject} = {key.show(checked)}{_for(address)} is what holds without it."
        yield _about(at, "TRT203", layer, address, subject, said, place)


def _for(address: Address) -> str:
    model, tenant = address[2], address[3]
    return (f" for {model}" if model else "") + (f" of tenant {tenant}" if tenant else "")


def _beneath(at: Settings, layer: str, address: Address, key: Key) -> object:
    """What would hold for the one that a value is given to, without that value."""
    tables = {"file": at.resolver.files, "stored": at.resolver.stored}
    left = {one: held for one, held in tables[layer].values.items() if one != address}
    without = Resolver(at.resolver.environ, lambda _error, _place: None)
    without.files = Table(left) if layer == "file" else at.resolver.files
    without.stored = Table(left) if layer == "stored" else at.resolver.stored
    subject = at.models[address[2]] if address[2] else at.subjects[key.path]
    return without.value(key, subject, address[3] or None)


def _about(
    at: Settings, id: str, layer: str, address: Address, subject: str, message: str, place: str,  # noqa: A002
    *, fixable: bool = True,
) -> Found:  # fmt: skip
    """A finding about one value of a file or of the store."""
    if layer == "stored":
        forget = at.forget
        fix = Fix("store", f"unset {subject}{_for(address)}", lambda: forget(address)) if forget and fixable else None
        return found(id, subject, f"{message} ({place})", fix=fix)
    if at.file is None:
        return found(id, subject, f"{message} ({place})")
    file = at.file
    shown = str(file.relative_to(at.root)) if file.is_relative_to(at.root) else str(file)
    fix = Fix(shown, f"remove {subject}{_for(address)}", lambda: remove_value(file, address)) if fixable else None
    return found(id, subject, message, path=shown, line=line_of(file, address), fix=fix)


def _check_key(at: Settings, key: Key) -> Iterator[Found]:
    subject = f"{key.trait}.{key.name}"
    if key.default() is REQUIRED:
        using = at.users.get(key.path, ())
        empty = [one for one in using if at.resolver.value(key, at.models[one]) is REQUIRED]
        if empty:
            variables = " or ".join(f"${one}" for one in key.option.env)
            way = f"Set {variables}, or" if variables else "Set it:"
            yield found(
                "TRT204", subject, f"{subject} is required and has no value for {', '.join(empty)}.",
                hint=f"{way} [tool.traits.config.{key.trait}] {key.name} = ...",
            )  # fmt: skip
    for source in at.resolver.sources(key, at.subjects[key.path], "", ()):
        if source.layer == "environment":
            yield from _check_variable(key, source)


def _check_variable(key: Key, source: Source) -> Iterator[Found]:
    subject = f"{key.trait}.{key.name}"
    try:
        key.check(source.value, "environment", text=True)
    except InvalidConfigValueError as error:
        yield found("TRT202", subject, f"{source.place}: {error} It has no effect.")
    else:
        if key.option.deprecated:
            yield found(
                "TRT205", subject, f"{source.place} sets {subject}, which is deprecated: {key.option.deprecated}."
            )


def table_of(address: Address) -> tuple[str, ...]:
    """The table of a config file that holds an address, without ``tool.traits``."""
    trait, _key, model, tenant = address
    if tenant:
        return ("tenants", tenant, "models", model, trait) if model else ("tenants", tenant, trait)
    return ("models", model, trait) if model else ("config", trait)


def line_of(file: Path, address: Address) -> int:
    """The line of a value in a config file, 0 where it is written in a way that a search does not find."""
    return lines_of(file).get((*table_of(address), address[1]), 0)


def remove_value(file: Path, address: Address) -> None:
    """Take a value out of a config file; comments and everything else stay as they are."""
    import tomlkit

    document = tomlkit.parse(file.read_text(encoding="utf-8"))
    table: Any = document
    for part in (*(("tool", "traits") if file.name == "pyproject.toml" else ()), *table_of(address)):
        table = table.get(part)
        if table is None:
            return
    if address[1] in table:
        del table[address[1]]
        write_atomic(file, tomlkit.dumps(document))

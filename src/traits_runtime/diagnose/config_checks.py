"""Checks of config: values of files, environment and store that do not match the declared keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from traits_runtime.diagnose.finding import Finding, Fix, make_finding
from traits_runtime.diagnose.program_checks import relative_to
from traits_runtime.errors import ConfigFileError, InvalidConfigValueError
from traits_runtime.rules.addresses import unknown_name
from traits_runtime.rules.files import Entry, read_file, read_text, unknown_setting
from traits_runtime.rules.identity import short_name
from traits_runtime.rules.keys import REQUIRED, Key
from traits_runtime.rules.layers import Address, Resolver, Source, Subject, Table
from traits_runtime.rules.output import write_file


class DeclaredConfig(NamedTuple):
    """The declared keys and the layers that give them values.

    Args:
        keys: The declared keys by trait's path, by name.
        models: The config subject of each model, by path.
        users: The models of each trait.
        subjects: The config subject of each trait.
        resolver: The layers.
        file: The config file, None for none.
        root: The folder that its name is shown relative to.
        forget: Removes an override from the store; None where there is no store.
    """

    keys: Mapping[str, Mapping[str, Key]]
    models: Mapping[str, Subject]
    users: Mapping[str, tuple[str, ...]]
    subjects: Mapping[str, Subject]
    resolver: Resolver
    file: Path | None
    root: Path
    forget: Callable[[Address], None] | None


class GivenValue(NamedTuple):
    """A value in a file or in the store.

    Args:
        layer: ``file`` or ``stored``.
        address: Trait, key, model and tenant.
        value: The value as it is written.
        place: Where it is written.
    """

    layer: str
    address: Address
    value: object
    place: str

    @property
    def scope(self) -> str:
        """`` for Article of tenant acme``, empty for everybody."""
        _trait, _key, model, tenant = self.address
        return (f" for {model}" if model else "") + (f" of tenant {tenant}" if tenant else "")


def check_config(config: DeclaredConfig) -> Iterator[Finding]:
    """Check every value of files, store and environment, and every required key."""
    yield from _check_names(config)
    for layer, table in (("file", config.resolver.files), ("stored", config.resolver.stored)):
        for address, (value, place) in table.values.items():
            yield from _check_value(config, GivenValue(layer, address, value, place))
    for keys in config.keys.values():
        for key in keys.values():
            yield from _check_required(config, key)
            yield from _check_environment(config, key)


def _check_value(config: DeclaredConfig, entry: GivenValue) -> Iterator[Finding]:
    trait, name, _model, _tenant = entry.address
    error = unknown_name(entry.address, config.keys, config.models)
    if error is not None:
        yield _value_finding(config, entry, "TRT201", f"{trait}.{name}", str(error))
        return
    owners = [path for path in config.keys if trait in (path, short_name(path))]
    key = next((config.keys[path][name] for path in owners if name in config.keys[path]), None)
    if key is not None:
        yield from _check_against(config, entry, key)


def _check_names(config: DeclaredConfig) -> Iterator[Finding]:
    """Check the names of settings and tables in the file."""
    for name, place in config.resolver.files.unknown:
        error = unknown_setting(name)
        if config.file is None:
            yield make_finding("TRT201", name, f"{error} ({place})")
            continue
        line = int(place.rpartition(":")[2])
        yield make_finding("TRT201", name, str(error), path=relative_to(config.file, config.root), line=line)


def _check_against(config: DeclaredConfig, entry: GivenValue, key: Key) -> Iterator[Finding]:
    subject = f"{key.trait}.{key.name}"
    try:
        checked = key.check(entry.value, entry.layer)
    except InvalidConfigValueError as error:
        yield _value_finding(config, entry, "TRT202", subject, f"{error} It has no effect.")
        return
    variable = next((name for name in key.option.env if name in config.resolver.environ), None)
    if key.option.locked and variable is not None:
        message = f"{subject} is locked to ${variable}, which is set: the value given here has no effect."
        yield _value_finding(config, entry, "TRT206", subject, message)
        return
    if key.option.deprecated:
        message = f"{subject} is deprecated: {key.option.deprecated}."
        yield _value_finding(config, entry, "TRT205", subject, message, is_fixable=False)
    if _value_without(config, entry, key) == checked:
        message = f"{subject} = {key.show(checked)}{entry.scope} is the effective value without it."
        yield _value_finding(config, entry, "TRT203", subject, message)


def _value_without(config: DeclaredConfig, entry: GivenValue, key: Key) -> object:
    """The effective value if the given one were removed."""
    files, stored = config.resolver.files, config.resolver.stored
    changed = files if entry.layer == "file" else stored
    remaining = Table({address: pair for address, pair in changed.values.items() if address != entry.address})
    resolver = Resolver(config.resolver.environ, lambda _error, _place: None)
    resolver.files = remaining if entry.layer == "file" else files
    resolver.stored = remaining if entry.layer == "stored" else stored
    _trait, _key, model, tenant = entry.address
    subject = config.models[model] if model else config.subjects[key.path]
    return resolver.value(key, subject, tenant or None)


def _value_finding(
    config: DeclaredConfig, entry: GivenValue, id: str, subject: str, message: str, *, is_fixable: bool = True,  # noqa: A002
) -> Finding:  # fmt: skip
    """A finding about one value of a file or of the store, with the fix that removes the value."""
    file = config.file
    if entry.layer == "file" and file is not None:
        path = relative_to(file, config.root)
        fix = Fix(path, f"remove {subject}{entry.scope}", lambda: remove_value(file, entry.address))
        line = line_of(file, entry.address)
        return make_finding(id, subject, message, path=path, line=line, fix=fix if is_fixable else None)
    forget = config.forget
    if entry.layer != "stored" or forget is None or not is_fixable:
        return make_finding(id, subject, f"{message} ({entry.place})")
    fix = Fix("store", f"unset {subject}{entry.scope}", lambda: forget(entry.address))
    return make_finding(id, subject, f"{message} ({entry.place})", fix=fix)


def _check_required(config: DeclaredConfig, key: Key) -> Iterator[Finding]:
    if key.default() is not REQUIRED:
        return
    users = config.users.get(key.path, ())
    without = [model for model in users if config.resolver.value(key, config.models[model]) is REQUIRED]
    if without:
        subject = f"{key.trait}.{key.name}"
        variables = " or ".join(f"${name}" for name in key.option.env)
        way = f"Set {variables}, or" if variables else "Set it:"
        yield make_finding(
            "TRT204", subject, f"{subject} is required and has no value for {', '.join(without)}.",
            hint=f"{way} [tool.traits.config.{key.trait}] {key.name} = ...",
        )  # fmt: skip


def _check_environment(config: DeclaredConfig, key: Key) -> Iterator[Finding]:
    for source in config.resolver.sources(key, config.subjects[key.path], "", ()):
        if source.layer == "environment":
            yield from _check_variable(key, source)


def _check_variable(key: Key, source: Source) -> Iterator[Finding]:
    subject = f"{key.trait}.{key.name}"
    try:
        key.check(source.value, "environment", text=True)
    except InvalidConfigValueError as error:
        yield make_finding("TRT202", subject, f"{source.place}: {error} It has no effect.")
        return
    if key.option.deprecated:
        message = f"{source.place} sets {subject}, which is deprecated: {key.option.deprecated}."
        yield make_finding("TRT205", subject, message)


def line_of(file: Path, address: Address) -> int:
    """The line of a value in a config file, 0 where it is not there any more."""
    entry = _entry(file, address)
    return 0 if entry is None else entry.line


def _entry(file: Path, address: Address) -> Entry | None:
    """The strongest value of an address in a config file."""
    try:
        entries = read_file(file).entries
    except ConfigFileError:
        return None
    return next((entry for entry in reversed(entries) if entry.address == address), None)


def remove_value(file: Path, address: Address) -> None:
    """Remove a value from a config file; comments and everything else stay as they are."""
    import tomlkit

    entry = _entry(file, address)
    if entry is None:
        return
    document = tomlkit.parse(read_text(file))
    prefix = ("tool", "traits") if file.name == "pyproject.toml" else ()
    table: Any = document
    for name in (*prefix, *entry.table):
        table = table[name]
    del table[address[1]]
    write_file(file, tomlkit.dumps(document))

"""`config`: reading, explaining and overriding the config of any trait by name, and where overrides are stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from traits_runtime._core import registry, runtime
from traits_runtime._core.config.store import Change, Contents, MemoryStore, Store
from traits_runtime._core.declare import Block
from traits_runtime._core.metadata import TraitMetadata, metadata_of
from traits_runtime._core.trait.config import override_block, refuse_locked
from traits_runtime.errors import InvalidConfigValueError, UnknownNameError, UnknownTraitError
from traits_runtime.rules.addresses import unknown_name
from traits_runtime.rules.coercion import parse_json, to_json
from traits_runtime.rules.keys import EVERYTHING, MASK, Key
from traits_runtime.rules.layers import Address, Resolved, Subject, Table

if TYPE_CHECKING:
    from pathlib import Path

Name = str | type

_refreshing = RLock()


def _after_fork_in_child() -> None:
    """A thread that was reading the store is not there any more, and cannot let go."""
    global _refreshing
    _refreshing = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Configuration:
    """Config by name: for commands, pages and tests. Code of a trait reads its own config attribute instead.

    Traits are given as class or short name, models as class or dotted path.

    >>> from traits_runtime import Trait, TraitConfig, config, option
    >>> class FeedConfig(TraitConfig):
    ...     size: int = option(10, ge=1)
    >>> class HasFeed(Trait):
    ...     feed_config = FeedConfig()
    >>> change = config.set(HasFeed, "size", 20, by="ada", why="more news")
    >>> print(config.explain(HasFeed, "size"))
    HasFeed.size = 20  [stored: change 1 by ada]
      hides 10  [default: traits_runtime._core.trait.configuration.HasFeed]
    >>> config.unset(HasFeed, "size").after
    ''
    """

    def __init__(self) -> None:
        self._store: Store = MemoryStore()
        self._end: Callable[[], None] = lambda: None
        self._version = 0

    @property
    def store(self) -> Store:
        """Where overrides are kept; in memory unless `use` said otherwise."""
        return self._store

    @property
    def version(self) -> int:
        """Number of the last change that this process has seen."""
        return self._version

    @property
    def problems(self) -> tuple[tuple[InvalidConfigValueError, str], ...]:
        """Values of files, the environment and the store that have no effect, each with its place."""
        return tuple(runtime.problems)

    def unknown(self) -> tuple[tuple[UnknownNameError, str], ...]:
        """Names in files and in the store that nothing declares, with their places; import all traits before asking."""
        from traits_runtime.rules.files import unknown_setting

        records = registry.records()
        keys = {path: record.keys for path, record in records.items() if record.kind == "trait"}
        models = [path for path, record in records.items() if record.kind == "model"]
        unknown: list[tuple[UnknownNameError, str]] = [
            (unknown_setting(name), place) for name, place in runtime.resolver.files.unknown
        ]
        for table in (runtime.resolver.files, runtime.resolver.stored):
            for address, (_value, place) in table.values.items():
                error = unknown_name(address, keys, models)
                if error is not None:
                    unknown.append((error, place))
        return tuple(unknown)

    def use(
        self,
        *,
        store: Store | Path | str | None = None,
        path: Path | str | None = None,
        project: Path | str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Say where values come from.

        Args:
            store: Keeps overrides: the path of an SQLite file, made if absent and safe for several processes, or
                an object. Changes by other processes are seen within a second. By default, and where there is none
                yet, the file that ``path`` or ``project`` names: ``store = "overrides.db"``.
            path: A ``traits.toml`` or ``pyproject.toml``.
            project: A folder; its ``traits.toml`` or else its ``pyproject.toml`` is read.
            environ: Variables to read instead of the process's own.
        """
        from pathlib import Path

        from traits_runtime.rules.files import named_store

        if environ is not None:
            runtime.resolver.environ = environ
        if project is not None:
            traits_file, shared = Path(project) / "traits.toml", Path(project) / "pyproject.toml"
            path = traits_file if traits_file.is_file() else shared
        if path is not None:
            runtime.read_files(Path(path))
            if store is None and isinstance(self._store, MemoryStore):
                store = named_store(Path(path))
        if store is not None:
            opened = _opened(store)
            opened.load()  # one that cannot be read does not take the place of one that can
            self._end()
            self._store = opened
            self._end = self._store.watch(self.refresh)
        self.refresh()

    def reload(self) -> None:
        """Read the file, the environment and the store again."""
        runtime.problems.clear()
        runtime.resolver.forget()
        runtime.read_files()
        self.refresh()

    def refresh(self) -> None:
        """Read the store again; happens by itself when another process has written."""
        with _refreshing:  # one after the other: what was read earlier must not be put in place later
            self._take(self._store.load())

    def get(self, trait: Name, key: str, *, model: Name | None = None, tenant: str | None = None) -> Any:
        """The effective value of a key or feature."""
        return self.explain(trait, key, model=model, tenant=tenant).value

    def explain(self, trait: Name, key: str, *, model: Name | None = None, tenant: str | None = None) -> Resolved[Any]:
        """The effective value, the layer and place that gave it, and what it hides.

        Args:
            trait: The trait that declares the key.
            key: A config key or feature.
            model: For which model, None for the trait in general.
            tenant: For which tenant, the current one by default.

        Raises:
            UnknownTraitError: There is no such trait, or the model does not use it.
            UnknownConfigKeyError: The trait has no such key.
        """
        runtime.ensure_files()
        declared, _address, subject = self._aim(trait, key, model, "")
        current = runtime.current_tenant_id() if tenant is None else tenant
        return runtime.resolver.resolve(declared, subject, current, runtime.OVERRIDES.get())

    def set(
        self,
        trait: Name,
        key: str,
        value: object,
        *,
        model: Name | None = None,
        tenant: str = "",
        by: str = "",
        why: str = "",
        expected: int | None = None,
        text: bool = False,
    ) -> Change:
        """Store an override.

        Args:
            trait: The trait that declares the key.
            key: A config key or feature.
            value: The value.
            model: For one model only.
            tenant: For one tenant only.
            by: Who does it.
            why: Why.
            expected: The `version` that was read; another one in the store refuses the change.
            text: Whether the value is text to be read as the key's type, from a command line or a form.

        Raises:
            UnknownTraitError: There is no such trait, or the model does not use it.
            UnknownConfigKeyError: The trait has no such key.
            InvalidConfigValueError: The key does not take the value; nothing is stored.
            LockedConfigKeyError: The key is locked to the environment.
            ConfigConflictError: Somebody else was faster.
        """
        declared, address, _subject = self._aim(trait, key, model, tenant)
        refuse_locked(declared)
        checked = declared.check(value, "stored", text=text)
        return self._write(declared, address, to_json(checked).decode(), by, why, expected)

    def unset(
        self,
        trait: Name,
        key: str,
        *,
        model: Name | None = None,
        tenant: str = "",
        by: str = "",
        why: str = "",
        expected: int | None = None,
    ) -> Change:
        """Take an override back; the layers below hold again."""
        declared, address, _subject = self._aim(trait, key, model, tenant)
        return self._write(declared, address, "", by, why, expected)

    def store_key(
        self, declared: Key, address: Address, value: object, by: str, why: str, expected: int | None = None
    ) -> Change:
        """Store a value for a key that has no public name."""
        return self._write(declared, address, to_json(declared.check(value, "stored")).decode(), by, why, expected)

    def history(self, limit: int = 100) -> tuple[Change, ...]:
        """The last changes of the store, newest first; secrets are masked."""
        return tuple(self._masked(change) for change in self._store.history(limit))

    def override(self, values: Mapping[Name, Mapping[str, object]], *, model: object = None) -> Block:
        """Other values inside a ``with`` block, of any traits.

        Args:
            values: By trait, by key.
            model: Only for this model or instance.

        Raises:
            InvalidConfigValueError: A key does not take its value.
            LockedConfigKeyError: The environment sets a locked key.
        """
        keyed = {
            self._key(trait, key): value for trait, overrides in values.items() for key, value in overrides.items()
        }
        return override_block(keyed, model)

    def _key(self, trait: Name, key: str) -> Key:
        if trait == "*":
            return EVERYTHING
        metadata = find(trait)
        return metadata.key(metadata.path, key)

    def _aim(self, trait: Name, key: str, model: Name | None, tenant: str) -> tuple[Key, Address, Subject]:
        declared = self._key(trait, key)
        if model is None:
            subject = Subject(None, (), {}) if trait == "*" else find(trait).subject_of()
            return declared, (declared.trait, key, "", tenant), subject
        metadata = registry.find_model(model) if isinstance(model, str) else metadata_of(model)
        if declared is not EVERYTHING and declared.path not in [base.path for base in metadata.all]:
            raise UnknownTraitError(declared.trait, [base.name for base in metadata.traits])
        return declared, (declared.trait, key, metadata.path, tenant), metadata.subject_of()

    def _write(self, declared: Key, address: Address, after: str, by: str, why: str, expected: int | None) -> Change:
        change = self._store.write(address, after, by=by, why=why, expected=expected)
        self.refresh()
        texts = (MASK if declared.option.secret and text else text for text in (change.before, change.after))
        before, now = texts
        runtime.bus.emit(
            "trait.runtime.config_changed", None, trait=change.trait, key=change.key, model=change.model,
            tenant=change.tenant, before=before, after=now, by=by, why=why,
        )  # fmt: skip
        return self._masked(change)

    def _masked(self, change: Change) -> Change:
        try:
            secret = self._key(change.trait, change.key).option.secret
        except LookupError:
            secret = False
        if not secret:
            return change
        import msgspec

        return msgspec.structs.replace(change, before=change.before and MASK, after=change.after and MASK)

    def _take(self, contents: Contents) -> None:
        runtime.resolver.stored = as_table(contents)
        self._version = contents.version
        runtime.invalidate()


def as_table(contents: Contents) -> Table:
    """The overrides of a store as the resolver reads them."""
    return Table(
        {
            address: (parse_json(value), f"change {number}" + (f" by {by}" if by else ""))
            for address, (value, number, by) in contents.values.items()
        }
    )


def _opened(store: Store | Path | str) -> Store:
    from pathlib import Path

    if not isinstance(store, str | Path):
        return store
    from traits_runtime._core.config.sqlite import SQLiteStore

    return SQLiteStore(Path(store))


def find(trait: Name) -> TraitMetadata:
    """The record of a trait given as class or name."""
    return registry.find_trait(trait) if isinstance(trait, str) else metadata_of(trait)


config: Final[Configuration] = Configuration()

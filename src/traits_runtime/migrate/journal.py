"""Applies a migration and rolls it back: every original is in a journal before the first file is written."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from traits_runtime.errors import MigrationError, hint
from traits_runtime.migrate.records import Rewrite
from traits_runtime.rules.output import is_temporary, write_file

FOLDER: Final = Path(".traits") / "migrations"
RECORD: Final = "journal.json"

State: TypeAlias = Literal["applied", "rolled back", "interrupted"]


class TouchedFile(msgspec.Struct, frozen=True):
    """A file of a migration.

    Args:
        path: The file, relative to the project where it lies inside.
        original: Name of the copy in the journal.
        before: SHA-256 of the original.
        after: SHA-256 of what the migration wrote.
        mode: Its permissions.
    """

    path: str
    original: str
    before: str
    after: str
    mode: int


class Migration(msgspec.Struct, frozen=True):
    """The journal's record of one migration.

    Args:
        schema: ``traits/migration/1``.
        id: Its number, ``0001`` for the first.
        when: When it was applied, in UTC.
        codemods: The codemods that it ran.
        state: ``interrupted`` while files are being written; it stays so if the process dies.
        files: The files that it wrote.
    """

    schema: str
    id: str
    when: str
    codemods: tuple[str, ...]
    state: State
    files: tuple[TouchedFile, ...]


class Journal:
    """The migrations of a project.

    Args:
        root: Folder of the project; the journal is in ``.traits/migrations`` below it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder: Path = root / FOLDER

    def migrations(self) -> list[Migration]:
        """All migrations, oldest first."""
        return sorted(self._read(), key=lambda migration: migration.id)

    def _read(self) -> Iterator[Migration]:
        for file in self.folder.glob(f"*/{RECORD}"):
            try:
                yield msgspec.json.decode(file.read_bytes(), type=Migration)
            except (OSError, msgspec.MsgspecError) as error:
                raise MigrationError(f"{file} cannot be read: {error}") from error

    def find(self, id: str) -> Migration:  # noqa: A002 - the word of the command line and of the record
        """The migration of that number, with or without leading zeros; for an empty id the last to roll back.

        Raises:
            MigrationError: There is none.
        """
        migrations = self.migrations()
        if id:
            candidates = [migration for migration in migrations if migration.id == id.zfill(4)]
        else:
            candidates = [migration for migration in migrations if migration.state != "rolled back"]
        if candidates:
            return candidates[-1]
        if not id:
            raise MigrationError("There is no migration to roll back.")
        ids = [migration.id for migration in migrations]
        raise MigrationError(f"There is no migration {id!r}.{hint(id, ids)}")

    def apply(self, rewrites: Sequence[Rewrite], codemods: Sequence[str]) -> Migration:
        """Write all files or none.

        Args:
            rewrites: The files to write.
            codemods: Ids of the codemods, for the journal.

        Raises:
            MigrationError: A file has changed since it was planned, or an earlier migration was interrupted.
            OSError: A file cannot be written; every file has its original content.
        """
        self._refuse_interrupted()
        changed = [rewrite.display_path for rewrite in rewrites if rewrite.path.read_bytes() != rewrite.before]
        if changed:
            raise MigrationError(f"{', '.join(changed)} changed while it was read: try again.")
        read_only = [rewrite.display_path for rewrite in rewrites if not _is_writable(rewrite.path)]
        if read_only:
            raise MigrationError(
                f"{', '.join(read_only)} cannot be written: check the permissions. Nothing was changed."
            )
        migration = self._begin(rewrites, codemods)
        try:
            for rewrite in rewrites:
                write_file(rewrite.path, rewrite.after)
        except BaseException:
            self._restore(migration)
            shutil.rmtree(self.folder / migration.id)
            raise
        return self._save(migration, "applied")

    def _refuse_interrupted(self) -> None:
        for migration in self.migrations():
            if migration.state == "interrupted":
                command = f"traits migrate rollback {migration.id}"
                raise MigrationError(f"Migration {migration.id} was interrupted: run `{command}` first.")

    def _begin(self, rewrites: Sequence[Rewrite], codemods: Sequence[str]) -> Migration:
        """Copy the originals and write the record of a new migration."""
        id_ = self._next_id()
        folder = self.folder / id_
        folder.mkdir(parents=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        files = tuple(self._copy_original(folder, number, rewrite) for number, rewrite in enumerate(rewrites, 1))
        when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        return self._save(
            Migration("traits/migration/1", id_, when, tuple(codemods), "interrupted", files), "interrupted"
        )

    def _next_id(self) -> str:
        numbers = [int(folder.name) for folder in self.folder.glob("[0-9]*") if folder.name.isdecimal()]
        return f"{max(numbers, default=0) + 1:04}"

    def _copy_original(self, folder: Path, number: int, rewrite: Rewrite) -> TouchedFile:
        name = f"{number:04}.orig"
        (folder / name).write_bytes(rewrite.before)
        mode = stat.S_IMODE(rewrite.path.stat().st_mode)
        path = self._relative_path(rewrite.path)
        return TouchedFile(path, name, _sha256(rewrite.before), _sha256(rewrite.after), mode)

    def _save(self, migration: Migration, state: State) -> Migration:
        """Write the record of a migration with a new state."""
        record = msgspec.structs.replace(migration, state=state)
        write_file(self.folder / migration.id / RECORD, msgspec.json.format(msgspec.json.encode(record)))
        return record

    def _relative_path(self, path: Path) -> str:
        root = self.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def drifted(self, migration: Migration) -> list[str]:
        """The files of a migration that equal neither its result nor the original."""
        return [file.path for file in migration.files if self._current_digest(file) not in (file.before, file.after)]

    def _current_digest(self, file: TouchedFile) -> str:
        try:
            return _sha256((self.root / file.path).read_bytes())
        except OSError:
            return ""

    def refuse_rollback(self, migration: Migration) -> None:
        """Raise where a migration cannot be rolled back.

        Raises:
            MigrationError: A file has changed since, or its copy in the journal has.
        """
        if migration.state == "rolled back":
            raise MigrationError(f"Migration {migration.id} is rolled back already.")
        drifted = self.drifted(migration)
        if drifted:
            raise MigrationError(
                f"{', '.join(drifted)} changed since migration {migration.id}; nothing was rolled back."
                f"{self._way_out(migration)} undo those changes; the originals are in {self.folder / migration.id}."
            )
        for file in migration.files:
            self._read_original(migration, file)

    def _way_out(self, migration: Migration) -> str:
        """The start of the advice after a drift: later migrations are rolled back first."""
        applied = [later for later in self.migrations() if later.id > migration.id and later.state == "applied"]
        return f" Roll back {applied[-1].id} first, or" if applied else " To roll back,"

    def roll_back(self, migration: Migration) -> Migration:
        """Restore the original bytes and permissions of every file of a migration, or of none.

        Raises:
            MigrationError: A file has changed since, or its copy in the journal has.
        """
        self.refuse_rollback(migration)
        self._restore(migration)
        if migration.state == "interrupted":
            self._remove_temporary_files(migration)
        return self._save(migration, "rolled back")

    def _restore(self, migration: Migration) -> None:
        """Write the originals back; all are read before the first is written."""
        originals = [(file, self._read_original(migration, file)) for file in migration.files]
        for file, data in originals:
            path = self.root / file.path
            if self._current_digest(file) != file.before:
                write_file(path, data)
            path.chmod(file.mode)

    def _remove_temporary_files(self, migration: Migration) -> None:
        """Remove the files that were being written when the process was killed."""
        for folder in {(self.root / file.path).parent for file in migration.files}:
            for path in folder.iterdir():
                if is_temporary(path.name):
                    path.unlink()

    def _read_original(self, migration: Migration, file: TouchedFile) -> bytes:
        copy = self.folder / migration.id / file.original
        data = copy.read_bytes()
        if _sha256(data) != file.before:
            raise MigrationError(f"{copy} is no longer the original of {file.path}; nothing was rolled back.")
        return data


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Doing a migration and taking it back: a journal with every original is written before the first file is touched."""

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

from traits_runtime._core.diagnose.settings import write_atomic
from traits_runtime.errors import MigrationError, hint
from traits_runtime.migrate.plan import Rewrite

FOLDER: Final = Path(".traits") / "migrations"
RECORD: Final = "journal.json"

State: TypeAlias = Literal["applied", "rolled back", "interrupted"]


class Touched(msgspec.Struct, frozen=True):
    """A file of a migration.

    Args:
        path: Where it is, relative to the project where it lies in there.
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
    """What the journal says about one migration.

    Args:
        schema: ``traits/migration/1``.
        id: Its number, ``0001`` of the first one.
        when: When it was done, in UTC.
        codemods: What it did.
        state: ``interrupted`` while files are being written, and for ever if that was cut short.
        files: The files that it touched.
    """

    schema: str
    id: str
    when: str
    codemods: tuple[str, ...]
    state: State
    files: tuple[Touched, ...]


class Journal:
    """The migrations of a project.

    Args:
        root: Its folder; the journal is in ``.traits/migrations`` below.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder: Path = root / FOLDER

    def migrations(self) -> list[Migration]:
        """All migrations, the first one first."""
        return sorted(self._read(), key=lambda one: one.id)

    def _read(self) -> Iterator[Migration]:
        for file in self.folder.glob(f"*/{RECORD}"):
            try:
                yield msgspec.json.decode(file.read_bytes(), type=Migration)
            except (OSError, msgspec.MsgspecError) as error:
                raise MigrationError(f"{file} cannot be read: {error}") from error

    def find(self, id: str) -> Migration:  # noqa: A002 - what it is called everywhere
        """The migration of that number, zeros left out or not; without one the last that can be taken back.

        Raises:
            MigrationError: There is none.
        """
        every = self.migrations()
        found = [one for one in every if (one.id == id.zfill(4) if id else one.state != "rolled back")]
        if found:
            return found[-1]
        if not id:
            raise MigrationError("There is no migration to roll back.")
        known = [one.id for one in every]
        raise MigrationError(f"There is no migration {id!r}.{hint(id, known)}")

    def apply(self, files: Sequence[Rewrite], codemods: Sequence[str]) -> Migration:
        """Write all files or none.

        Args:
            files: What to write.
            codemods: What does it, for the journal.

        Raises:
            MigrationError: A file has changed since it was planned, or an earlier migration was cut short.
            OSError: A file cannot be written; everything is as it was.
        """
        self._refuse_unfinished()
        changed = [one.shown for one in files if one.path.read_bytes() != one.before]
        if changed:
            raise MigrationError(f"{', '.join(changed)} changed while it was read: try again.")
        closed = [
            one.shown for one in files if not os.access(one.path, os.W_OK) or not os.access(one.path.parent, os.W_OK)
        ]
        if closed:
            raise MigrationError(f"{', '.join(closed)} cannot be written: check the permissions. Nothing was changed.")
        begun = self._begin(files, codemods)
        try:
            for one in files:
                write_atomic(one.path, one.after)
        except BaseException:
            self._restore(begun)
            shutil.rmtree(self.folder / begun.id)
            raise
        return self._note(begun, "applied")

    def _refuse_unfinished(self) -> None:
        for one in self.migrations():
            if one.state == "interrupted":
                raise MigrationError(f"Migration {one.id} was cut short: `traits migrate rollback {one.id}` first.")

    def _begin(self, files: Sequence[Rewrite], codemods: Sequence[str]) -> Migration:
        last = max((int(one.name) for one in self.folder.glob("[0-9]*") if one.name.isdecimal()), default=0)
        id_ = f"{last + 1:04}"
        here = self.folder / id_
        here.mkdir(parents=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        touched = []
        for number, one in enumerate(files, 1):
            name = f"{number:04}.orig"
            (here / name).write_bytes(one.before)
            mode = stat.S_IMODE(one.path.stat().st_mode)
            touched.append(Touched(self._shown(one.path), name, _digest(one.before), _digest(one.after), mode))
        when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        begun = Migration("traits/migration/1", id_, when, tuple(codemods), "interrupted", tuple(touched))
        return self._note(begun, "interrupted")

    def _note(self, one: Migration, state: State) -> Migration:
        noted = msgspec.structs.replace(one, state=state)
        write_atomic(self.folder / one.id / RECORD, msgspec.json.format(msgspec.json.encode(noted)))
        return noted

    def _shown(self, path: Path) -> str:
        root = self.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def drifted(self, one: Migration) -> list[str]:
        """The files of a migration that are neither as it left them nor as they were before."""
        return [file.path for file in one.files if self._now(file) not in (file.before, file.after)]

    def _now(self, file: Touched) -> str:
        try:
            return _digest((self.root / file.path).read_bytes())
        except OSError:
            return ""

    def refuse_rollback(self, one: Migration) -> None:
        """Raise where a migration cannot be rolled back.

        Raises:
            MigrationError: A file has changed since, or the copy in the journal has.
        """
        if one.state == "rolled back":
            raise MigrationError(f"Migration {one.id} is rolled back already.")
        drifted = self.drifted(one)
        if drifted:
            later = [m.id for m in self.migrations() if m.id > one.id and m.state == "applied"]
            way_out = f" Roll back {later[-1]} first, or" if later else " To roll back,"
            raise MigrationError(
                f"{', '.join(drifted)} changed since migration {one.id}; nothing was rolled back."
                f"{way_out} undo those changes; the originals are in {self.folder / one.id}."
            )
        for file in one.files:
            self._original(one, file)

    def roll_back(self, one: Migration) -> Migration:
        """Give every file of a migration its original bytes and permissions back, or touch none.

        Raises:
            MigrationError: A file has changed since, or the copy in the journal has.
        """
        self.refuse_rollback(one)
        self._restore(one)
        if one.state == "interrupted":
            self._sweep(one)
        return self._note(one, "rolled back")

    def _restore(self, one: Migration) -> None:
        originals = [(self.root / file.path, file, self._original(one, file)) for file in one.files]
        for path, file, data in originals:
            if self._now(file) != file.before:
                write_atomic(path, data)
            path.chmod(file.mode)

    def _sweep(self, one: Migration) -> None:
        """Remove the file that was being written when the process was killed: `.mixins.py.4711`."""
        for path in (self.root / file.path for file in one.files):
            for left in path.parent.iterdir():
                start, _, number = left.name.rpartition(".")
                if start == f".{path.name}" and number.isdecimal():
                    left.unlink()

    def _original(self, one: Migration, file: Touched) -> bytes:
        copy = self.folder / one.id / file.original
        data = copy.read_bytes()
        if _digest(data) != file.before:
            raise MigrationError(f"{copy} is no longer the original of {file.path}; nothing was rolled back.")
        return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

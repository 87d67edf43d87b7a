"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sphinx_traits.files import write_atomic, write_if_changed


def test_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or an interrupt costs nothing."""
    target = tmp_path / "out.json"
    target.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(target, b"new")

    assert target.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.json"]


def test_missing_folders_are_made_and_others_may_read(tmp_path: Path) -> None:
    """The file gets the permissions that any other new file gets."""
    target = tmp_path / "a" / "b.txt"
    plain = tmp_path / "plain.txt"
    plain.write_bytes(b"")

    write_atomic(target, b"x")

    assert target.read_bytes() == b"x"
    assert target.stat().st_mode == plain.stat().st_mode


def test_same_content_is_not_written_again(tmp_path: Path) -> None:
    """A build that changes nothing touches nothing."""
    target = tmp_path / "page.md"

    assert write_if_changed(target, b"x")
    before = target.stat().st_mtime_ns

    assert not write_if_changed(target, b"x")
    assert target.stat().st_mtime_ns == before
    assert write_if_changed(target, b"y")

"""Files are written whole or not at all, through links, and into devices and pipes."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from traits_runtime.rules.output import write_file, write_if_changed


def test_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or an interrupt costs nothing."""
    target = tmp_path / "out.json"
    target.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_file(target, b"new")

    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_missing_folders_are_made_and_others_may_read(tmp_path: Path) -> None:
    """The file gets the permissions that any other new file gets."""
    target = tmp_path / "a" / "b.txt"
    plain = tmp_path / "plain.txt"
    plain.write_bytes(b"")

    write_file(target, b"x")

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


@pytest.fixture
def null(tmp_path: Path) -> Path:
    """A device of the test's own that swallows what is written to it."""
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("making a device needs CAP_MKNOD; run the tests as root")
    return device


def test_device_stays_a_device(null: Path) -> None:
    """Writing to a device does not put a file in its place."""
    write_file(null, b"x")

    assert stat.S_ISCHR(null.stat().st_mode)
    assert [path.name for path in null.parent.iterdir()] == ["null"]


@pytest.mark.parametrize("steps", [1, 3])
def test_link_stays_a_link_and_its_target_is_written(tmp_path: Path, steps: int) -> None:
    """A symbolic link, also a link to a link, leads to the file that is written."""
    target = tmp_path / "real.json"
    target.write_bytes(b"old")
    link = target
    for step in range(steps):
        link, before = tmp_path / f"link{step}", link
        link.symlink_to(before.name)

    write_file(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()


def test_link_to_a_device_writes_to_the_device(null: Path) -> None:
    """A link to a device keeps both."""
    link = null.parent / "link"
    link.symlink_to("null")

    write_file(link, b"x")

    assert link.is_symlink()
    assert stat.S_ISCHR(null.stat().st_mode)


def test_dangling_link_makes_its_target(tmp_path: Path) -> None:
    """A link to nothing creates the file it names."""
    link = tmp_path / "link"
    link.symlink_to("later.txt")

    write_file(link, b"x")

    assert link.is_symlink()
    assert (tmp_path / "later.txt").read_bytes() == b"x"


def test_fifo_hands_the_content_to_its_reader(tmp_path: Path) -> None:
    """A named pipe stays a pipe, and its reader gets everything."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content: list[bytes] = []
    reader = threading.Thread(target=lambda: content.append(pipe.read_bytes()), daemon=True)
    reader.start()

    write_file(pipe, b"x" * 100_000)

    reader.join(60)
    assert content == [b"x" * 100_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    """A script stays executable, a private file private."""
    script = tmp_path / "script"
    script.write_bytes(b"old")
    script.chmod(0o750)

    write_file(script, b"new")

    assert stat.S_IMODE(script.stat().st_mode) == 0o750


def test_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """A private file and the folders made for it are closed to others, also where an open file was there."""
    path = tmp_path / "secret" / "file"

    write_file(path, b"x", private=True)
    path.chmod(0o644)
    write_file(path, b"y", private=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["a folder", "a socket", "a loop"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, kind: str) -> None:
    """A folder, a socket and a loop of links stay as they are, and the error names the path."""
    path = tmp_path / "target"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to("target")
    before = path.lstat().st_mode

    with pytest.raises(OSError, match="target"):
        write_file(path, b"x")

    assert path.lstat().st_mode == before
    assert [remaining.name for remaining in tmp_path.iterdir()] == ["target"]


def test_longest_name_of_a_file_system_can_be_written(tmp_path: Path) -> None:
    """The temporary file does not need a longer name than the file."""
    path = tmp_path / ("n" * 255)

    write_file(path, "text")

    assert path.read_text() == "text"


def test_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    """An error while the temporary file is written names the file, not the temporary one."""
    blocked = tmp_path / "file" / "out.json"
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(OSError, match=r"out\.json") as caught:
        write_file(blocked, b"x")

    assert caught.value.filename == str(blocked)

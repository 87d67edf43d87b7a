"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace a file in one step, also where the process is interrupted; its permissions stay.

    Args:
        path: The file; its folder exists.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        OSError: The file cannot be written; it has its old content.
    """
    import os
    from contextlib import suppress

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        if path.exists():
            temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
        raise

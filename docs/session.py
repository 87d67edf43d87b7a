"""Record the session of the command line that the documentation shows: as a picture, and as text.

The commands run for real, on a copy of the example application; `python docs/session.py` writes both files.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BLOG = HERE.parent / "examples" / "blog"
PICTURE, TEXT = HERE / "_static" / "session.svg", HERE / "_static" / "session.txt"
WIDTH = 146

SESSION = (
    "traits list --models",
    "traits show Announced",
    "traits events 'trait.Publishable.*'",
    "traits config explain HasSlug.max_length --model Article",
    'traits config set HasSlug.max_length 90 --by ada --reason "long titles"',
    "traits features rollout HasUserTracking.fill_editor 10 --by ada",
    "traits features list --model Subscriber",
    "traits manifest --output released.json",
    "sed -i 's/option(220,/option(200,/' blog/traits/content.py",
    "traits check --against released.json",
    "traits diagnose --database sqlite:///blog.db --fix",
    "traits diagnose --explain TRT306",
)
"""What is typed."""

OURS = "from traits_cli import launch; launch()"


def record() -> str:
    """What the terminal shows, with its colours as escape sequences."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve() / "blog"
        shutil.copytree(BLOG, project, ignore=shutil.ignore_patterns("__pycache__"))
        settings = project / "pyproject.toml"
        named = settings.read_text(encoding="utf-8").replace(
            "[tool.traits]\n", '[tool.traits]\nstore = "overrides.db"\n', 1
        )
        settings.write_text(named, encoding="utf-8")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("TRAITS_", "BLOG_"))}
        environ |= {"FORCE_COLOR": "1", "NO_COLOR": "", "TERM": "xterm", "XDG_CACHE_HOME": folder}
        return "\n".join(_run(command, project, environ) for command in SESSION)


def _run(command: str, project: Path, environ: dict[str, str]) -> str:
    """A prompt with the command, and what it says."""
    script = f'traits() {{ {sys.executable} -P -c "{OURS}" "$@"; }}; {command}'
    done = subprocess.run(  # noqa: S603 - the commands of this file
        ["bash", "-c", script], cwd=project, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,  # noqa: S607
        check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return f"\x1b[1;32m$\x1b[0m \x1b[1m{command}\x1b[0m\n{done.stdout}"


def plain(session: str) -> str:
    """The session without colours."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", session)
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"


def picture(session: str) -> str:
    """The session as SVG, with no font from elsewhere."""
    from rich.console import Console
    from rich.terminal_theme import SVG_EXPORT_THEME
    from rich.text import Text

    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(session.rstrip()))
    drawn = console.export_svg(title="traits", theme=SVG_EXPORT_THEME, unique_id="session")
    drawn = re.sub(r"\s*@font-face\s*\{[^}]*\}", "", drawn)
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def main() -> None:
    """Write both files."""
    session = record()
    PICTURE.write_text(picture(session), encoding="utf-8")
    TEXT.write_text(plain(session), encoding="utf-8")


if __name__ == "__main__":
    main()

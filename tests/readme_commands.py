"""The commands that the README promises: prints those of its first console block, one a line."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def readme_commands(text: str) -> list[str]:
    """The lines that start with a prompt in the first console block, without their comments."""
    block = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    if block is None:
        raise ValueError("the README has no console block")
    return [line[2:].split("  #")[0].strip() for line in block[1].splitlines() if line.startswith("$ ")]


if __name__ == "__main__":
    print("\n".join(readme_commands(Path(sys.argv[1]).read_text(encoding="utf-8"))))

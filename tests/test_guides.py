"""The code in the guides runs, block after block, as a reader would type it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from traits_runtime.testing import isolated

GUIDES = sorted((Path(__file__).resolve().parent.parent / "docs" / "guides").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=[one.stem for one in GUIDES])
def test_code_of_the_guide_runs(guide: Path) -> None:
    """Every Python block of a page, in one namespace; their assertions hold."""
    text = guide.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": f"guide_{guide.stem.replace('-', '_')}"}
    with isolated():
        for block in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
            line = text[: block.start()].count("\n") + 1
            code = compile("\n" * line + block[1], str(guide), "exec", dont_inherit=True)
            exec(code, namespace)  # noqa: S102 - the pages are our own
    for session in [one for one in namespace.values() if isinstance(one, Session)]:
        session.close()
    for engine in [one for one in namespace.values() if isinstance(one, Engine)]:
        engine.dispose()

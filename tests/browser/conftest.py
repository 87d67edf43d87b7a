"""The example's documentation in four themes, served on this machine, and a browser that looks at it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each of these tests takes seconds."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, the system's own."""
    driver = pytest.importorskip("playwright.sync_api", reason="uv sync --group browser")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser: apt-get install chromium")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found, args=[f"--{one}" for one in QUIET], timeout=120_000
        )
        yield chromium
        chromium.close()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The address of the example's documentation in a theme; built when it is first asked for."""
    folder = tmp_path_factory.mktemp("sites")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def site(theme: str) -> str:
        if not (folder / theme).exists():
            command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "-D", f"html_theme={theme}"]
            doctrees = str(folder / "doctrees" / theme)
            docs = ROOT / "examples" / "blog" / "docs"
            subprocess.run([*command, "-d", doctrees, str(docs), str(folder / theme)], check=True)
        return f"http://127.0.0.1:{server.server_address[1]}/{theme}"

    yield site
    server.shutdown()
    server.server_close()

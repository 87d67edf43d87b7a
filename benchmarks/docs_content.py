"""Whether two sites say the same: the words and the links of their pages, navigation left out."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

_EMPTY = frozenset({"br", "img", "input", "meta", "link", "hr", "col", "wbr", "path", "use", "circle", "line", "rect"})


class _Main(HTMLParser):
    """Collects the text and counts the links of the element that a theme calls the main one."""

    def __init__(self) -> None:
        super().__init__()
        self.links = 0
        self._text: list[str] = []
        self._depth = self._main = self._skipped = 0

    @property
    def words(self) -> Counter[str]:
        """How often each word stands there."""
        return Counter(re.findall(r"\w+", "".join(self._text)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _EMPTY:  # `wbr` among them, which stands inside words
            return
        self._text.append(" ")
        self._depth += 1
        found = dict(attrs)
        if found.get("role") == "main":
            self._main = self._depth
        if tag in ("script", "style") or "headerlink" in (found.get("class") or ""):
            self._skipped = self._skipped or self._depth
        elif self._main and tag == "a":
            self.links += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _EMPTY:
            return
        self._text.append(" ")
        if self._depth == self._skipped:
            self._skipped = 0
        if self._depth == self._main:
            self._main = 0
        self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._main and not self._skipped:
            self._text.append(data)


def shared(site: Path, other: Path) -> tuple[float, float]:
    """How much of the words and of the links of one site the other has, 1.0 for all of them.

    Args:
        site: Folder of HTML.
        other: Folder with pages of the same names.
    """
    words: Counter[str] = Counter()
    theirs: Counter[str] = Counter()
    links = found = 0
    for file in sorted(site.rglob("*.html")):
        twin = other / file.relative_to(site)
        if not twin.is_file() or file.name in ("genindex.html", "search.html"):
            continue
        mine, its = _read(file), _read(twin)
        words += mine.words
        theirs += its.words
        links += mine.links
        found += min(its.links, mine.links)
    return (words & theirs).total() / words.total(), found / links


def _read(file: Path) -> _Main:
    page = _Main()
    page.feed(file.read_text(encoding="utf-8"))
    return page

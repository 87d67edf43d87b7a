"""Source files as text: encodings, line ends, and changes that leave all other lines byte for byte."""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Iterator

from traits_runtime.errors import MigrationError

BOM = b"\xef\xbb\xbf"


def decode(data: bytes) -> tuple[str, str]:
    """The text of a source file, without its byte order mark, and the encoding that it declares."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(lines).readline)
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    return data.removeprefix(BOM).decode(encoding), encoding


def check_syntax(data: bytes, display_path: str) -> ast.Module:
    """The syntax tree of a source file.

    Raises:
        MigrationError: The file is not valid Python; the message names the line.
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        raise MigrationError(f"{display_path}:{error.lineno or 1}: {error.msg}. Correct it first.") from None
    except ValueError as error:
        raise MigrationError(f"{display_path}: it cannot be read: {error}.") from None


def lines_of(text: str) -> list[str]:
    """Lines with their line ends; splits only where the Python tokenizer does.

    >>> lines_of("a\\r\\nb\\rc\\x0cd")
    ['a\\r\\n', 'b\\r', 'c\\x0cd']
    """
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)


def graft(text: str, before: str, after: str) -> str:
    """Apply the difference between two normalised copies of a text to the text itself.

    A parser may drop a form feed or the last line end; lines that are equal in both copies keep their bytes.

    Args:
        text: The original text.
        before: The copy that the parser gives back unchanged.
        after: The changed copy.

    Raises:
        ValueError: The copy has another number of lines than the text.
    """
    if text == before:
        return after
    text_lines, before_lines, after_lines = lines_of(text), lines_of(before), lines_of(after)
    if len(text_lines) != len(before_lines):
        raise ValueError
    merged = "".join(_merge(text_lines, before_lines, after_lines))
    final_line_end = text[len(text.rstrip("\r\n")) :]
    return merged if not final_line_end or merged.endswith(("\n", "\r")) else merged + final_line_end


def _merge(text: list[str], before: list[str], after: list[str]) -> Iterator[str]:
    """Original lines where the copies are equal, changed lines elsewhere."""
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        yield from text[start:end] if tag == "equal" else after[new_start:new_end]

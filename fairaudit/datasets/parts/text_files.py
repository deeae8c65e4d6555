"""Text, JSON and JSON lines from files of other people, with limits and the line of every defect."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairaudit.core import open_file
from fairaudit.core.errors import DataError
from fairaudit.core.open_file import TABLE, parse_json, read_at

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def encoding_of(path: Path) -> str:
    """Return UTF-16 if the file begins with its mark, else UTF-8; the encoding is never guessed from contents."""
    start = read_at(path, "file", start=0, size=3)
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")


def read_text(path: Path) -> str:
    r"""Return the file as text, with ``\n`` for every line end.

    Raises
    ------
    DataError
        If the file cannot be read, is larger than 500 MB, or is neither UTF-8 nor UTF-16 with its mark.
    """
    try:
        return open_file.read_text(path, "file", limit=TABLE, encoding=encoding_of(path))
    except UnicodeError as error:
        where = ""
        if isinstance(error, UnicodeDecodeError) and isinstance(error.object, bytes):
            line = error.object.count(b"\n", 0, error.start) + 1
            where = f", the first 0x{error.object[error.start]:02x} in line {line:,}"
        raise DataError(
            f"file {path} must be text in UTF-8; got other bytes{where}. Save it again as UTF-8."
        ) from error


def read_json(path: Path, *, kind: type[Any] | tuple[type[Any], ...], what: str) -> Any:
    """Return the value of a JSON file.

    Parameters
    ----------
    path : Path
    kind : type
        ``dict`` or ``list``, or both.
    what : str
        Name of the required value in the error: ``"a list of videos"``.

    Raises
    ------
    DataError
        If the file is no JSON, or its value has another type.
    """
    text = read_text(path)
    try:
        value = _loaded(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"file {path} must be JSON; got '{error.msg}' in line {error.lineno:,}, column {error.colno:,}. Get the "
            "whole file again."
        ) from error
    except ValueError as error:
        raise DataError(f"file {path} must be JSON; got {error}. Get the file again.") from error
    if not isinstance(value, kind):
        raise DataError(f"file {path} must hold {what}; got {_kind(value)}. Check that it is the right file.")
    return value


def read_json_lines(path: Path, *, what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each non-empty line.

    Raises
    ------
    DataError
        If a line is no JSON object; the error has its number.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _loaded(line)
        except ValueError as error:
            raise wrong_line(path, number, what, "a line that is no JSON") from error
        if not isinstance(value, dict):
            raise wrong_line(path, number, what, _kind(value))
        yield number, value


def _loaded(text: str) -> Any:
    """Return the value of a JSON text, with ``?`` for half a letter, with which a truncated text may end."""
    value = parse_json(text)
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def wrong_line(path: Path, number: int, what: str, got: str) -> DataError:
    """Return the error for a line of JSON lines that is not ``what``."""
    return DataError(f"line {number} of {path} must be {what}; got {got}. Correct or remove the line.")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")

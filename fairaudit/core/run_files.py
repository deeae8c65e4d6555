"""Files of a training run.

A run may be killed at any moment, and read while it goes on. A missing file was not written yet and reads as empty. A
last line of a ``.jsonl`` without a line end that is no JSON is half written and is dropped. JSON and TOML are written
whole or not at all. All else that no run writes is damage: ``DataError`` names file, line and fix.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import DOCUMENT, SETTINGS, is_there, parse_json, parse_toml, read_bytes, read_text

Row = dict[str, Any]
#: Files that a run writes to its folder; ``model/`` has a marker of its own, and the page its own digest.
FILES = (
    "recipe.toml", "data.json", "machine.json", "datasheet.json", "profile.json", "metrics.jsonl", "watch.jsonl",
    "checkpoint.pt", "checkpoint.previous.pt", "finished.json",
)  # fmt: skip


def read_run_file(path: Path, *keys: str) -> Row:
    """Return the object of a JSON or TOML file, with all ``keys``; empty without a file, DataError if damaged."""
    if not is_there(path):
        return {}
    limit = SETTINGS if path.suffix == ".toml" else DOCUMENT
    try:
        text = read_text(path, "file of a run", limit=limit)
        values = parse_toml(text) if path.suffix == ".toml" else parse_json(text)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    if not isinstance(values, dict):
        raise damaged(path, f"a JSON {type(values).__name__}")
    for key in keys:
        if key not in values:
            raise damaged(path, f"no '{key}'")
    return values


def read_steps(path: Path) -> list[Row]:
    """Return the rows of ``metrics.jsonl``: numbers, None for NaN, with ``step`` and ``loss``; DataError if damaged."""
    number = (int, float)
    return _read_lines(path, lambda row: type(row.get("step")) is int and type(row.get("loss")) in number
                       and all(value is None or type(value) in number for value in row.values()))  # fmt: skip


def read_watched(path: Path) -> list[Row]:
    """Return the rows of ``watch.jsonl``, each with ``images`` (int) and ``watcher`` (str); DataError if damaged."""
    return _read_lines(path, lambda row: type(row.get("images")) is int and isinstance(row.get("watcher"), str))


def _read_lines(path: Path, fits: Callable[[Row], bool]) -> list[Row]:
    lines = read_bytes(path, "file of a run", limit=DOCUMENT).split(b"\n") if is_there(path) else []
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = parse_json(line.decode("utf-8"))
        except ValueError as error:
            if number == len(lines):  # half a line, or nothing behind the last line end
                break
            raise damaged(path, f"'{line[:40].decode('utf-8', 'replace')}'", line=number) from error
        if not isinstance(row, dict) or not fits(row):
            raise damaged(path, f"'{line[:40].decode('utf-8')}'", line=number)
        rows.append(row)
    return rows


def damaged(path: Path, got: str, *, line: int = 0) -> DataError:
    """Return the error for a file, or one line of it, that no run writes."""
    place, part = (f"line {line} of '{path}'", "the line") if line else (f"'{path}'", "the file")
    delete = "" if path.suffix == ".toml" else f", or delete {part}"  # without its recipe a folder is no run
    return DataError(f"{place} must be what a run wrote; got {got}. Restore the file from a copy of the run{delete}.")

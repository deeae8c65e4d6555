"""Folders and files that a reader expects: checked once, with one sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError


def existing_folder(root: str | Path, *, reader: str) -> Path:
    """Return ``root`` as a path.

    Raises
    ------
    DataError
        If it is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        got = "a file" if root.is_file() else "no such folder"
        raise DataError(f"data folder {root} must be a folder for the reader '{reader}'; got {got}. Check its path.")
    return root


def file_problem(root: Path, relative: str) -> str:
    """Return why the file that a table names cannot be used, or an empty string.

    A name that leads out of ``root`` is refused: a table from elsewhere must not choose files of this computer.
    """
    if not relative.strip():
        return "the row names no file"
    if "\0" in relative or Path(relative).is_absolute() or ".." in Path(relative).parts:
        return "the name leads out of the data folder"
    if not (root / relative).is_file():
        return "the file is missing"
    return ""


def skipped_table(rows: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return the table ``skipped`` of ``Samples`` from pairs of file and reason."""
    listed = list(rows)
    return pd.DataFrame({"file": [f for f, _ in listed], "reason": [r for _, r in listed]}, dtype=str)

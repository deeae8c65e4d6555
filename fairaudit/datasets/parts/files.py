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


def skipped_table(rows: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Return the table ``skipped`` of ``Samples`` from pairs of file and reason."""
    listed = list(rows)
    return pd.DataFrame({"file": [f for f, _ in listed], "reason": [r for _, r in listed]}, dtype=str)

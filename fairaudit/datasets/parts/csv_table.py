"""A table in a CSV file: every cell is text, and nothing in it is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError, did_you_mean


def read_csv(path: Path, *, required: Sequence[str]) -> pd.DataFrame:
    """Return the table as text, cells stripped, empty cells as ``""``.

    Raises
    ------
    DataError
        If the file is missing or is no CSV in UTF-8, or a column of ``required`` is missing.
    """
    if not path.is_file():
        raise DataError(
            f"data folder {path.parent} must contain the table {path.name}; got none. "
            "Check the folder against the layout of the reader."
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:  # pandas' parser errors and undecodable bytes are ValueErrors
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"table {path} must be a CSV file in UTF-8 with a header; got: {reason}. Save it again as CSV."
        ) from error
    table.columns = [str(column).strip() for column in table.columns]
    for column in required:
        if column not in table.columns:
            hint = did_you_mean(column, table.columns) or f"It has {', '.join(table.columns)}. "
            raise DataError(
                f"table {path} must have the columns {', '.join(required)}; '{column}' is missing. "
                f"{hint}Add or rename the column."
            )
    for column in table.columns:
        table[column] = table[column].fillna("").astype(str).str.strip()
    return table


def positive_numbers(cells: pd.Series) -> pd.Series:
    """Return the cells as float; NaN where there is no positive finite number."""
    numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
    return numbers.where((numbers > 0) & (numbers < float("inf")))

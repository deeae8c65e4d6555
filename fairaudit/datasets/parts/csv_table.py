"""A table in a CSV file: every cell is text, and nothing in it is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.datasets.parts.text_files import encoding_of, read_text


def read_csv(
    path: Path, *, required: Sequence[str], optional: Sequence[str] | None = None, separator: str = ","
) -> pd.DataFrame:
    """Return the table as text, cells stripped, empty cells as ``""``; names of columns without spaces around them.

    Parameters
    ----------
    path : Path
        UTF-8, or UTF-16 with its mark; any line ends.
    required : sequence of str
        Columns that must be there.
    optional : sequence of str, optional
        Columns that are read besides those, where they are there. Default: all.
    separator : str
        Between cells.

    Raises
    ------
    DataError
        If the file is missing or is no such table, or a column of ``required`` is missing.
    """
    if not path.is_file():
        raise DataError(
            f"data folder {path.parent} must contain the table {path.name}; got none. "
            "Check the folder against the layout of the reader."
        )
    wanted = None if optional is None else {*required, *optional}
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, na_filter=False, encoding=encoding_of(path),
            usecols=None if wanted is None else lambda column: column.strip().lstrip("\ufeff") in wanted,
        )  # fmt: skip
        header = table.columns if wanted is None else _header(path, separator)
    except (ValueError, OSError) as error:  # pandas' parser errors and undecodable bytes are ValueErrors
        if isinstance(error, UnicodeError):
            read_text(path)  # says in which line
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"table {path} must be a CSV file in UTF-8 with a header; got: {reason}. Save it again as CSV."
        ) from error
    if not isinstance(table.index, pd.RangeIndex):
        raise DataError(
            f"table {path} must have as many cells in each row as in its header; got more. Put cells that hold a "
            f"{separator!r} into quotation marks."
        )
    table.columns = [str(column).strip().lstrip("\ufeff") for column in table.columns]
    names = [str(column).strip().lstrip("\ufeff") for column in header]
    for column in required:
        if column not in names:
            hint = did_you_mean(column, [n for n in names if n not in required]) or f"It has {', '.join(names)}. "
            other = next((sign for sign in ";\t," if sign != separator and sign in names[0]), "")
            if other and len(names) == 1:
                hint += f"Its cells seem to be separated by {other!r}: save it with {separator!r}. "
            raise DataError(
                f"table {path} must have the columns {', '.join(required)}; '{column}' is missing. "
                f"{hint}Add or rename the column."
            )
    for column in table.columns:
        table[column] = table[column].fillna("").astype(str).str.strip()
    return table


def renamed(table: pd.DataFrame, path: Path, **columns: Sequence[str]) -> pd.DataFrame:
    """Return the table with columns under new names, each the first that is there of the names it had over time.

    Raises
    ------
    DataError
        If none of them is there.
    """
    names = {}
    for new, old in columns.items():
        found = next((column for column in old if column in table), None)
        if found is None:
            hint = did_you_mean(old[0], table.columns) or f"It has {', '.join(table.columns)}. "
            raise DataError(
                f"table {path} must have the column '{old[0]}'; it is missing. {hint}Add or rename the column."
            )
        names[found] = new
    return table.rename(columns=names)


def positive_numbers(cells: pd.Series) -> pd.Series:
    """Return the cells as float; NaN where there is no positive finite number."""
    numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
    return numbers.where((numbers > 0) & (numbers < float("inf")))


def _header(path: Path, separator: str) -> list[str]:
    return list(pd.read_csv(path, sep=separator, nrows=0, dtype=str, encoding=encoding_of(path)).columns)

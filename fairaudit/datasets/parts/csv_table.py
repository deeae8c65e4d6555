"""A table in a CSV file: every cell is text, and nothing in it is evaluated."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from fairaudit.core.errors import DataError, InputError, did_you_mean
from fairaudit.core.open_file import TABLE, is_there, open_text
from fairaudit.datasets.parts.text_files import encoding_of, read_text


def read_csv(
    path: Path, *, required: Sequence[str], optional: Sequence[str] | None = None, separator: str = ","
) -> pd.DataFrame:
    """Return the table as text; cells and names of columns are stripped, empty cells are ``""``.

    Parameters
    ----------
    path : Path
        Table in UTF-8, or in UTF-16 with its mark; any line ends.
    required : sequence of str
        Columns that the table must have.
    optional : sequence of str, optional
        Further columns to read if they exist. Default: all.
    separator : str
        Letter between cells.

    Raises
    ------
    DataError
        If the file is missing or no such table, a column of ``required`` is missing or ends before the last row, two
        columns share a name, or a row has more cells than the header.
    """
    if not is_there(path):
        raise DataError(
            f"data folder {path.parent} must contain the table {path.name}; got none. "
            "Check the folder against the layout of the reader."
        )
    names = _check_rows(path, separator, required)
    wanted = None if optional is None else {*required, *optional}
    try:
        with open_text(path, "table", limit=TABLE, encoding=encoding_of(path)) as file:
            table = pd.read_csv(
                file, sep=separator, dtype=str, keep_default_na=False, na_filter=False, header=0, names=names,
                index_col=False, quoting=_quoting(separator),
                usecols=None if wanted is None else [name for name in names if name in wanted],
            )  # fmt: skip
    except InputError:
        raise
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise _no_table(path, error) from error
    for column in required:
        if column not in names:
            raise _missing(path, column, required, names, separator)
    for column in table.columns:
        table[column] = table[column].fillna("").astype(str).str.strip()
    return table


def _check_rows(path: Path, separator: str, required: Sequence[str]) -> list[str]:
    """Return the names of the columns; refuse rows with more cells, or without a cell for a required column."""
    limit = csv.field_size_limit(2**31 - 1)  # outlines of persons are long cells
    try:
        with open_text(path, "table", limit=TABLE, encoding=encoding_of(path)) as file:
            rows = csv.reader(
                (line.replace("\0", "") for line in file), delimiter=separator, quoting=_quoting(separator)
            )
            names = [name.strip().lstrip("\ufeff") for name in next(rows, [])]
            needed = max((names.index(column) + 1 for column in required if column in names), default=0)
            for row in rows:
                if row and not needed <= len(row) <= len(names):
                    raise _wrong_row(path, rows.line_num, len(row), names, separator)
    except UnicodeError as error:
        read_text(path)  # raises an error with the line
        raise _no_table(path, error) from error
    except (csv.Error, OSError) as error:
        raise _no_table(path, error) from error
    finally:
        csv.field_size_limit(limit)
    if not any(names):
        raise _no_table(path, ValueError("no names of columns"))
    twice = next((name for at, name in enumerate(names) if name and name in names[:at]), None)
    if twice is not None:
        raise DataError(f"columns of table {path} must have different names; got '{twice}' twice. Rename one of them.")
    return [name or f"column {at}" for at, name in enumerate(names, 1)]


def _wrong_row(path: Path, line: int, n: int, names: Sequence[str], separator: str) -> DataError:
    if n > len(names):
        return DataError(
            f"table {path} must have as many cells in each row as in its header, {len(names):,}; got {n:,} in line "
            f"{line:,}. Put cells with a {separator!r} into quotation marks."
        )
    return DataError(
        f"table {path} must have a cell for '{names[n]}' in every row; line {line:,} ends before it. Get the whole "
        "table again, or fill the row in."
    )


def _quoting(separator: str) -> Literal[0, 3]:
    """Return how cells are quoted: in a table with tabs, a quotation mark is a letter."""
    return csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL


def _no_table(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()).rstrip(".")
    return DataError(f"table {path} must be a CSV file in UTF-8 with a header; got: {reason}. Save it again as CSV.")


def _missing(path: Path, column: str, required: Sequence[str], names: Sequence[str], separator: str) -> DataError:
    hint = did_you_mean(column, [n for n in names if n not in required]) or f"It has {', '.join(names)}. "
    likely = next((sign for sign in ";\t," if sign != separator and sign in names[0]), "")
    if likely and len(names) == 1:
        hint += f"Its cells seem to be separated by {likely!r}: save it with {separator!r}. "
    return DataError(
        f"table {path} must have the columns {', '.join(required)}; '{column}' is missing. {hint}Add or rename the "
        "column."
    )


def renamed(table: pd.DataFrame, path: Path, **columns: Sequence[str]) -> pd.DataFrame:
    """Rename columns, each from the first existing of its old names.

    Raises
    ------
    DataError
        If no column has one of the old names.
    """
    names = {}
    for new, old in columns.items():
        column = next((column for column in old if column in table), None)
        if column is None:
            raise _missing(path, old[0], old[:1], list(table.columns), "\t")
        names[column] = new
    return table.rename(columns=names)


def positive_numbers(cells: pd.Series) -> pd.Series:
    """Return the cells as float, NaN for all but positive finite numbers."""
    numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
    return numbers.where((numbers > 0) & (numbers < float("inf")))

"""Read the named columns of a Parquet or CSV file, up to a limit of size, or of a DataFrame."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import REGULAR, check_file, kind_of, open_file, open_text

#: A larger CSV is refused before it is opened: its text takes several times its size of memory.
MAX_CSV_BYTES = 500_000_000
MAX_ROWS = 20_000_000
_PARQUET = "a Parquet file"
_CSV = "a CSV file in UTF-8 with a header"


def column_names(source: str | Path | pd.DataFrame, label: str) -> list[str]:
    """Return the names of the columns; refuse a file that is no table or too large before reading it.

    Parameters
    ----------
    source : str, Path or DataFrame
        The name of a file ends in ``.parquet`` or ``.csv``.
    label : str
        Name of the table in errors.

    Raises
    ------
    DataError
        If the file is missing, unreadable or too large, or a name is no text.
    """
    if isinstance(source, pd.DataFrame):
        names: list[Any] = list(source.columns)
    else:
        path = Path(source)
        kind = kind_of(path)
        if path.suffix.lower() not in (".parquet", ".csv") or kind != REGULAR:
            got = kind if kind != REGULAR else f"the ending '{path.suffix}'"
            raise DataError(f"outcomes {source} must be a .parquet or .csv file; got {got}. Check the path.")
        names = _parquet_names(path) if path.suffix.lower() == ".parquet" else _csv_names(path)
    stray = next((n for n in names if not isinstance(n, str)), None)
    if stray is not None:
        raise DataError(f"columns of {label} must have text for a name; got {stray!r}. Rename the column.")
    return names


def _csv_names(path: Path) -> list[str]:
    size = path.stat().st_size
    if size > MAX_CSV_BYTES:
        raise DataError(
            f"outcomes {path.name} must be at most {MAX_CSV_BYTES / 1e6:,.0f} MB as CSV; got {size / 1e6:,.0f} MB. "
            "Save it as Parquet."
        )
    return [name.strip() for name in _header(path)]


def _header(path: Path) -> list[str]:
    with open_text(path, "outcomes") as file:
        try:
            header = next(csv.reader(file, strict=True), [])
        except (ValueError, OSError, csv.Error) as error:
            raise _unreadable(path, _CSV, error) from error
    if not header:
        raise _unreadable(path, _CSV, ValueError("an empty file"))
    return header


def _parquet_names(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path, "outcomes")
    try:
        with pq.ParquetFile(path) as file:
            rows, names = int(file.metadata.num_rows), [str(name) for name in file.schema_arrow.names]
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _unreadable(path, _PARQUET, error) from error
    if rows > MAX_ROWS:
        raise DataError(f"outcomes {path.name} must have at most {MAX_ROWS:,} rows; got {rows:,}. Take a sample.")
    return names


def read_columns(source: str | Path | pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the columns ``names``; those of a CSV as stripped text, None for an empty cell.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        return source[names].reset_index(drop=True)
    import pyarrow as pa

    path = Path(source)
    is_csv = path.suffix.lower() == ".csv"
    raw = [name for name in _header(path) if name.strip() in names] if is_csv else names
    try:
        # The metadata of pandas would turn a column into the index.
        read: pd.DataFrame = (_csv if is_csv else _parquet)(path, raw).to_pandas(ignore_metadata=True)
    except DataError:
        raise
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _unreadable(path, _CSV if is_csv else _PARQUET, error) from error
    if is_csv:
        read.columns = pd.Index([str(name).strip() for name in read.columns])
        read = read.apply(lambda cells: cells.str.strip()).replace("", None)
    return read


def _parquet(path: Path, names: list[str]) -> Any:
    import pyarrow.parquet as pq

    check_file(path, "outcomes")
    return pq.read_table(path, columns=names)


def _csv(path: Path, names: list[str]) -> Any:
    """Return the table as text; pandas would silently drop surplus cells of a row."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with open_file(path, "outcomes", limit=MAX_CSV_BYTES) as file:
        if sum(block.count(b'"') for block in iter(lambda: file.read(2**20), b"")) % 2:
            raise ValueError("a quotation mark that is not closed, which may hold rows")
        file.seek(0)
        return arrow_csv.read_csv(
            file,
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )


def _unreadable(path: Path, form: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return DataError(f"outcomes {path.name} must be {form}; got: {reason[:200]}. Save it again.")

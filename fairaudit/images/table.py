"""``ImageTable``: a CSV or Parquet file with one row an image, read in batches of text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fairaudit.core.errors import DataError, unknown_name
from fairaudit.core.open_file import REGULAR, check_file, is_there, kind_of, open_file, open_text

SUFFIXES = (".csv", ".parquet")
#: Possible names of the table in a folder of images.
TABLE_NAMES = ("images.csv", "images.parquet", "metadata.csv", "metadata.parquet")
#: Columns that may name the image of a row, the first that is there.
FILE_COLUMNS = ("file", "file_name", "path")
_BLOCK_BYTES = 1024 * 1024
_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class ImageTable:
    """A table whose rows can be read repeatedly, never all at once.

    Parameters
    ----------
    path : Path
        Ends in ``.csv`` (UTF-8, with a header) or ``.parquet``.
    columns : tuple of str
        Names in their order, without spaces around them.
    """

    path: Path
    columns: tuple[str, ...]

    @property
    def file_column(self) -> str:
        """Column that names the image of a row; empty if there is none."""
        return next((name for name in FILE_COLUMNS if name in self.columns), "")

    def check_columns(self, names: Sequence[str], role: str) -> None:
        """Raise ConfigError, with the nearest name, if the table lacks a column."""
        for name in names:
            if name not in self.columns:
                raise unknown_name(f"{role} of table {self.path.name}", name, self.columns)

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """Yield a ``pyarrow.Table`` with the columns ``names``: stripped text, "" for no value.

        Raises
        ------
        DataError
            If the file cannot be read, or a column holds lists or bytes.
        """
        reader = self._csv_batches if self.path.suffix.lower() == ".csv" else self._parquet_batches
        try:
            for batch in reader(list(dict.fromkeys(names))):
                yield pa.table({name: self._text(name, batch.column(name)) for name in batch.schema.names})
        except (ValueError, OSError, pa.ArrowException) as error:
            raise error if isinstance(error, DataError) else _unreadable(self.path, error) from error

    def _csv_batches(self, names: list[str]) -> Iterator[Any]:
        from pyarrow import csv as arrow_csv

        _check_quotes(self.path)
        header = _csv_header(self.path)
        raw = {header[self.columns.index(name)]: name for name in names}
        options = {
            # One thread, which reads no blocks ahead.
            "read_options": arrow_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
            "parse_options": arrow_csv.ParseOptions(newlines_in_values=True),
            "convert_options": arrow_csv.ConvertOptions(
                include_columns=list(raw), column_types=dict.fromkeys(raw, pa.string()), strings_can_be_null=False
            ),
        }
        with open_file(self.path, "table") as file, arrow_csv.open_csv(file, **options) as reader:
            for batch in reader:
                yield batch.rename_columns([raw[name] for name in batch.schema.names])

    def _parquet_batches(self, names: list[str]) -> Iterator[Any]:
        import pyarrow.parquet as pq

        check_file(self.path, "table")
        with pq.ParquetFile(self.path) as file:
            raw = {name.strip(): name for name in file.schema_arrow.names}
            for batch in file.iter_batches(_BATCH_ROWS, columns=[raw[n] for n in names], use_threads=False):
                yield batch.rename_columns([name.strip() for name in batch.schema.names])

    def _text(self, name: str, cells: Any) -> Any:
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        kind = cells.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise DataError(
                f"column '{name}' of table {self.path.name} must hold text, numbers or dates; got {kind}. "
                "Name another column or write it as text."
            )
        if pa.types.is_floating(kind):
            cells = pc.if_else(pc.is_nan(cells), None, cells)
        return pc.utf8_trim_whitespace(pc.fill_null(cells.cast(pa.string()), ""))


def open_table(path: str | Path) -> ImageTable:
    """Return the table in a file after reading only its header.

    Raises
    ------
    DataError
        If there is no such file, it is neither CSV nor Parquet, or two columns have one name.
    """
    path = Path(path)
    kind = kind_of(path)
    if path.suffix.lower() not in SUFFIXES or kind != REGULAR:
        kind = kind if kind != REGULAR else f"the ending '{path.suffix}'"
        raise DataError(f"table {path} must be a .csv or .parquet file; got {kind}. Check the path.")
    if path.suffix.lower() == ".csv":
        names = _csv_header(path)
    else:
        import pyarrow.parquet as pq

        check_file(path, "table")
        try:
            names = list(pq.read_schema(path).names)
        except (ValueError, OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
    stripped = [str(name).strip() for name in names]
    repeated = next((name for i, name in enumerate(stripped) if name in stripped[:i]), None)
    if repeated is not None:
        raise DataError(
            f"columns of table {path.name} must have different names; got '{repeated}' twice. Rename one of them."
        )
    return ImageTable(path, tuple(stripped))


def find_table(folder: Path) -> ImageTable | None:
    """Return the table in a folder of images, or None; DataError if there are several, or it cannot be opened."""
    names = [name for name in TABLE_NAMES if is_there(folder / name)]
    if len(names) > 1:
        raise DataError(f"folder {folder} must hold one table of its images; got {' and '.join(names)}. Remove one.")
    return open_table(folder / names[0]) if names else None


def _csv_header(path: Path) -> list[str]:
    with open_text(path, "table") as file:
        try:
            # The file may have no line end: only a block of it is read, which no header fills.
            header = next(csv.reader(iter(lambda: file.readline(_BLOCK_BYTES), ""), strict=True), [])
        except (ValueError, OSError, csv.Error) as error:
            raise _unreadable(path, error) from error
    if not header:
        raise _unreadable(path, ValueError("an empty file"))
    return header


def _check_quotes(path: Path) -> None:
    """Refuse a file with an unclosed quotation mark: the rows behind it would be read as one cell."""
    with open_file(path, "table") as file:
        if sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK_BYTES), b"")) % 2:
            raise ValueError("a quotation mark that is not closed, which may hold rows")


def _unreadable(path: Path, error: Exception) -> DataError:
    form = "a Parquet file" if path.suffix.lower() == ".parquet" else "a CSV file in UTF-8 with a header"
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, UnicodeError) or "invalid utf8" in reason.casefold():
        reason = "bytes that are not UTF-8"
    return DataError(f"table {path.name} must be {form}; got: {reason[:200]}. Save it again.")

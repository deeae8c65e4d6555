"""Files: listed in a fixed order, and written whole or not at all (to a sibling, which is then renamed)."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.open_file import FOLDER, NOTHING, REGULAR, check_file, kind_of

MISSING = "the file is missing"
_BLOCK = 2**21  # rows of Parquet that are converted at once
#: Parts of a name that could lead out of its folder, on any system.
_UNUSUAL = re.compile(r"\.\.|[\0:\\]")


@contextmanager
def temporary_sibling(path: str | Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, and rename it to ``path`` if the block ends without an error.

    The folder of ``path`` is made if it is missing. If the block raises, ``path`` stays as it was.

    Examples
    --------
    >>> with temporary_sibling("figure.svg") as path:  # doctest: +SKIP
    ...     figure.savefig(path)
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"file {path} must be a file; got a folder of that name. Choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile, which ignores the umask. The suffix stays last because some writers choose the format by it.
    temporary = path.with_name(f".{secrets.token_hex(6)}.{path.name[-60:]}")  # a name may have 255 bytes
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in (None, os.fspath(temporary)):  # an error of a full disk has no file name
            error.filename = os.fspath(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def visible_files(folder: str | Path) -> list[Path]:
    """Return all files below ``folder``, sorted by path, without hidden ones (a leading dot) and ``__MACOSX``.

    Linked folders are followed, each folder once.
    """
    files: list[Path] = []
    visited: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:  # a link back
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        files += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(files, key=lambda path: path.as_posix())


def file_problem(root: Path, relative: str) -> str:
    """Return why a file named in a table cannot be used, or an empty string.

    A name that leads out of ``root`` is refused: a foreign table must not choose files of this computer.
    """
    if problem := name_problem(relative):
        return problem
    kind = kind_of(root / relative)
    return "" if kind == REGULAR else MISSING if kind in (NOTHING, FOLDER) else f"the file cannot be read: {kind}"


def file_problems(root: Path, names: Sequence[str]) -> list[str]:
    """Return ``file_problem`` of each name; folders are listed once, so that millions of names take seconds."""

    @cache
    def entries(folder: str) -> dict[str, bool] | None:
        return _files_in(root / folder)

    @cache
    def normalized(folder: str) -> frozenset[str]:
        return frozenset(map(_normalized, entries(folder) or ()))

    def problem(name: str) -> str:
        folder, _, file = name.rpartition("/")
        if reason := name_problem(name):
            return reason
        files = entries(folder)
        if files is not None and (files.get(file) or _normalized(file) not in normalized(folder)):
            return "" if files.get(file) else MISSING
        # No list, a name that is no file, or other letters, which some disks take for the same name.
        return file_problem(root, name)

    return [problem(name) for name in names]


def _files_in(folder: Path) -> dict[str, bool] | None:
    """Return the names in a folder and whether each is a file; None if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _is_file(entry) for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError:
        return None


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def name_problem(relative: str) -> str:
    """Return why a name in a table cannot be that of a file below its folder, or an empty string."""
    if not relative.strip():
        return "the row names no file"
    if relative[0].isalnum() and not _UNUSUAL.search(relative):  # nearly all names; ``Path`` takes ten times as long
        return ""
    if "\0" in relative or Path(relative).is_absolute() or ".." in Path(relative).parts:
        return "the name leads out of the data folder"
    return ""


def atomic_write(path: str | Path, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8, to ``path``: all of it or nothing."""
    with temporary_sibling(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write ``frame`` without its index as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    # Texts that repeat, such as names of clusters, are written once a block: a third of the bytes, in half of the time.
    with (
        temporary_sibling(path) as temporary,
        pq.ParquetWriter(temporary, schema, dictionary_pagesize_limit=2**26) as writer,
    ):
        for start in range(0, max(len(frame), 1), _BLOCK):
            block = frame.iloc[start : start + _BLOCK]
            writer.write_table(pa.Table.from_pandas(block, schema, preserve_index=False), row_group_size=_BLOCK)


def read_parquet(
    path: str | Path, role: str, columns: Sequence[str], *, numbers: Container[str] = (), fix: str
) -> pd.DataFrame:
    """Return columns of a Parquet file.

    Parameters
    ----------
    path : path
    role : str
        Role of the file, before its path in errors: ``"table"``.
    columns : sequence of str
    numbers : container of str
        Names of the columns that hold numbers.
    fix : str
        Sentence that ends the error.

    Raises
    ------
    DataError
        If there is no such file, or a column is missing or of another type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path, role)
    try:
        schema = pq.read_schema(path)
        for name in columns:
            kind = schema.field(name).type
            is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
            if pa.types.is_nested(kind) or (name in numbers and not is_number):
                raise ValueError(f"'{name}' of type {kind}")
        return pd.read_parquet(path, columns=list(columns))[list(columns)]
    except (ValueError, OSError, KeyError, pa.ArrowException) as error:
        reason = " ".join(str(error.args[0] if error.args else error).split())[:200].rstrip(".")
        raise DataError(
            f"{role} {path} must be a Parquet file with the columns {', '.join(columns)}; got: {reason}. {fix}"
        ) from error


def write_npy(path: str | Path, array: npt.NDArray[Any]) -> None:
    """Write ``array`` as ``.npy``; ValueError if it holds Python objects, which only pickle could store."""
    with temporary_sibling(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_json(path: str | Path, value: object) -> None:
    """Write ``json_value`` of ``value``, with sorted keys and two spaces; TypeError if JSON has no such value."""
    atomic_write(path, json_text(value))


def json_text(value: object) -> str:
    """Return the text that ``write_json`` writes."""
    return json.dumps(json_value(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def json_value(value: object) -> object:
    """Return ``value`` as dict, list, str, int, finite float, bool and None, which also stands for NaN.

    Raises
    ------
    ValueError
        If a number is infinite: JSON has no infinity, and ``null`` would hide it.
    """
    if isinstance(value, Mapping):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return [json_value(inner) for inner in value.tolist()]
    if isinstance(value, np.generic):
        return json_value(value.item())
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        raise ValueError("a number in JSON must be finite; got infinity. Write NaN and say why beside it.")
    return value


def json_line(row: object) -> str:
    """Return ``json_value`` of ``row`` as a line, keys in their order."""
    return json.dumps(json_value(row), allow_nan=False) + "\n"

"""Files: listed in one order, written whole or not at all (a sibling first, then a rename)."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import ConfigError
from fairaudit.core.open_file import FOLDER, NOTHING, REGULAR, kind_of

#: What is said of a file that is not there.
MISSING = "the file is missing"
#: What could lead a name out of its folder, on any system.
_UNUSUAL = re.compile(r"\.\.|[\0:\\]")


@contextmanager
def temporary_sibling(path: str | Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; it takes the place of ``path`` when the block ends well.

    The folder of ``path`` is made if it is not there. If the block raises, ``path`` stays as it was.

    Examples
    --------
    >>> with temporary_sibling("figure.svg") as path:  # doctest: +SKIP
    ...     figure.savefig(path)
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"file {path} must be a file; got a folder of that name. Choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile: it gives rights to the owner alone, whatever the umask says. The suffix stays the last part
    # because some writers choose the format by it.
    temporary = path.with_name(f".{secrets.token_hex(6)}.{path.name[-60:]}")  # a name may have 255 bytes
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in (None, os.fspath(temporary)):  # a full disk is told without the file's name
            error.filename = os.fspath(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def visible_files(folder: str | Path) -> list[Path]:
    """Return all files below ``folder``, sorted by path, without hidden ones (a leading dot) and ``__MACOSX``.

    Linked folders are followed, each folder once.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(where)
        if (status.st_dev, status.st_ino) in seen:  # a link back to a folder that was read already
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        found += [Path(where, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: path.as_posix())


def file_problem(root: Path, relative: str) -> str:
    """Return why the file that a table names cannot be used, or an empty string.

    A name that leads out of ``root`` is refused: a table from elsewhere must not choose files of this computer.
    """
    if problem := name_problem(relative):
        return problem
    kind = kind_of(root / relative)
    return "" if kind == REGULAR else MISSING if kind in (NOTHING, FOLDER) else f"the file cannot be read: {kind}"


def file_problems(root: Path, names: Sequence[str]) -> list[str]:
    """Return for each of the files that a table names what ``file_problem`` says of it.

    Folders are listed once, so that millions of names take seconds and not a look at the disk each.
    """
    listed: dict[str, dict[str, bool] | None] = {}
    alike: dict[str, frozenset[str]] = {}

    def problem(name: str) -> str:
        if wrong := name_problem(name):
            return wrong
        folder, _, file = name.rpartition("/")
        if folder not in listed:
            listed[folder] = _files_in(root / folder)
        files = listed[folder]
        if files is None:
            return file_problem(root, name)
        if files.get(file):
            return ""
        if folder not in alike:
            alike[folder] = frozenset(map(_alike, files))
        # Worth a look: other letters, which some disks take for the same name, and a name that is there but no file.
        return file_problem(root, name) if _alike(file) in alike[folder] else MISSING

    return [problem(name) for name in names]


def _files_in(folder: Path) -> dict[str, bool] | None:
    """Return the names in a folder and whether each is a file; None where it cannot be listed."""
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


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def name_problem(relative: str) -> str:
    """Return why the name that a table gives a file cannot be one below its folder, or an empty string."""
    if not relative.strip():
        return "the row names no file"
    if relative[0].isalnum() and not _UNUSUAL.search(relative):  # nearly all: Path takes ten times as long
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
    with temporary_sibling(path) as temporary:
        frame.to_parquet(temporary, index=False)


def write_npy(path: str | Path, array: npt.NDArray[Any]) -> None:
    """Write ``array`` as ``.npy``.

    Raises
    ------
    ValueError
        If it holds Python objects, which only pickle could store.
    """
    with temporary_sibling(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` as JSON: keys sorted, two spaces, NaN as ``null``, numpy numbers and paths as JSON values.

    Raises
    ------
    ValueError
        If a number is infinite: JSON cannot say so, and ``null`` would hide it.
    TypeError
        If there is something that JSON cannot say.
    """
    text = json.dumps(json_value(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    atomic_write(path, text + "\n")


def json_value(value: object) -> object:
    """Return ``value`` with nothing in it but dict, list, str, int, finite float, bool and None; NaN becomes None.

    Raises
    ------
    ValueError
        If a number is infinite.
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
    """Return ``row`` as a line: NaN as ``null``, numpy numbers as JSON numbers, keys in their order.

    Raises
    ------
    ValueError
        If a number is infinite.
    """
    return json.dumps(json_value(row), allow_nan=False) + "\n"

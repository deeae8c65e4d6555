"""Files of the world: tables and settings, written at once or not at all, and a folder that is new or empty."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import read_toml
from fairaudit.core.progress import Advance
from fairaudit.datasets.world.size import Size, check_bias

#: Name of the file that says what a folder of the world is; written last.
SETTINGS = "synthetic.toml"


class Counter:
    """Counts pictures and tells ``progress`` after each how many of how many are done."""

    def __init__(self, total: int, progress: Advance | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def tick(self) -> None:
        """Count one more picture."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def new_folder(folder: Path, *, bias: float) -> Path:
    """Make the folder, which may exist if nothing is in it, and return it; ``bias`` is checked first."""
    check_bias(bias)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"folder '{folder}' must be new or empty, so that pictures of two worlds never mix; it is not empty. "
            "Choose another folder or remove it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_text(path: Path, text: str) -> None:
    """Write the file completely or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, out.getvalue())


def write_settings(folder: Path, *, kind: str, seed: int, bias: float, size: Size) -> None:
    """Write what the folder is and how it was made."""
    settings: Mapping[str, object] = {"kind": kind, "seed": seed, "bias": float(bias), **asdict(size)}
    lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in settings.items()]
    write_text(folder / SETTINGS, "\n".join(["# Drawn pictures: nobody and no home in them is real.", *lines, ""]))


def read_settings(folder: Path) -> dict[str, object]:
    """Return the settings of a folder; empty if it has none that can be read."""
    try:
        return read_toml(folder / SETTINGS, "settings")
    except DataError:
        return {}

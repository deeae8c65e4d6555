"""Files of the world: tables, settings, and a new or empty folder for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.files import atomic_write
from fairaudit.core.open_file import read_toml
from fairaudit.core.progress import Advance
from fairaudit.datasets.world.size import Size, check_bias

#: Name of the file that describes a folder of the world; written last.
SETTINGS = "synthetic.toml"


class Counter:
    """Counts pictures and calls ``progress`` after each with the number of drawn and of all pictures."""

    def __init__(self, total: int, progress: Advance | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def tick(self) -> None:
        """Count one more picture."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def new_folder(folder: Path, *, bias: float) -> Path:
    """Check ``bias``, then make and return the folder, which must be new or empty."""
    check_bias(bias)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"folder '{folder}' must be new or empty, so that pictures of two worlds never mix; got files in it. "
            "Choose another folder, or remove this one."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    atomic_write(path, out.getvalue())


def write_settings(folder: Path, *, kind: str, seed: int, bias: float, size: Size) -> None:
    """Write the kind of the folder and the arguments that it was drawn from."""
    settings: Mapping[str, object] = {"kind": kind, "seed": seed, "bias": float(bias), **asdict(size)}
    lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in settings.items()]
    atomic_write(folder / SETTINGS, "\n".join(["# Drawn pictures: nobody and no home in them is real.", *lines, ""]))


def read_settings(folder: Path) -> dict[str, object]:
    """Return the settings of a folder; empty if they are missing or malformed."""
    try:
        return read_toml(folder / SETTINGS, "settings")
    except DataError:
        return {}

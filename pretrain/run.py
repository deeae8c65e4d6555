"""``Run``: the folder of a training run, which says what it was made from and refuses to become another run.

::

    recipe.toml      the recipe with every key
    data.json        method, number of images, digest, what was skipped
    machine.json     threads, torch, device and precision that it began with
    datasheet.json   what datasheet.toml declares of each folder of images, null where it is silent
    profile.json     what the table of each folder declares of its images, with intervals
    metrics.jsonl    one line per step
    watch.jsonl      what was measured while it trained (``runs.looks``)
    checkpoint.pt    from which an unfinished run goes on; the one before is kept beside it
    model/           the result, for transformers, with its model card
    finished.json    time, throughput and warnings; there when the run is complete
    training.html    all of this as a page, where the command line made the run or ``fairaudit report RUN`` was given
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fairaudit.core.errors import ConfigError
from fairaudit.core.files import atomic_write, json_line, read_json_lines, write_json
from fairaudit.core.open_file import DOCUMENT, is_there, read_bytes, read_text
from fairaudit.describe.training_data import TrainingData, documents
from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.recipe import Recipe

ANOTHER = "Choose another output folder, or delete this one."
LISTED = 100


@dataclass(frozen=True)
class Run:
    """A run folder that belongs to this recipe, this method and these images."""

    folder: Path
    recipe: Recipe
    method: str
    files: ImageFiles

    @property
    def model(self) -> Path:
        """Folder of the trained network."""
        return self.folder / "model"

    @property
    def checkpoint(self) -> Path:
        """File from which the run goes on."""
        return self.folder / "checkpoint.pt"

    @property
    def machine(self) -> Path:
        """File that says with how many threads, which torch and on what device the run began."""
        return self.folder / "machine.json"

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / "finished.json").is_file() and self.model.is_dir()

    def record_data(self, store: ImageStore) -> None:
        """Write ``data.json``."""
        value = {
            "method": self.method,
            "images": store.readable,
            "digest": self.files.digest,
            "n_skipped": len(store.skipped),
            "skipped": [{"file": name, "reason": reason} for name, reason in store.skipped[:LISTED]],
        }
        write_json(self.folder / "data.json", value)

    def record_declared(self, data: Sequence[TrainingData]) -> None:
        """Write ``datasheet.json`` and ``profile.json``."""
        datasheets, profiles = documents(data)
        write_json(self.folder / "datasheet.json", {"folders": datasheets})
        write_json(self.folder / "profile.json", {"folders": profiles})

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Mark the run as complete."""
        write_json(self.folder / "finished.json", dict(summary))

    @contextmanager
    def metrics(self, *, done: int) -> Iterator[JsonLines]:
        """Open ``metrics.jsonl`` behind the lines of the ``done`` first steps; later ones are dropped."""
        with JsonLines.open(self.folder / "metrics.jsonl", keep=lambda row: row["step"] <= done) as lines:
            yield lines

    @contextmanager
    def watched(self, *, images: int) -> Iterator[JsonLines]:
        """Open ``watch.jsonl`` behind what was measured up to ``images`` seen; later lines are dropped."""
        with JsonLines.open(self.folder / "watch.jsonl", keep=lambda row: row["images"] <= images) as lines:
            yield lines


class JsonLines:
    """A file of JSON objects, one a line, each at once on disk.

    Attributes
    ----------
    rows : list of dict
        What the file holds.
    """

    def __init__(self, path: Path, file: IO[str], rows: list[dict[str, Any]]) -> None:
        self._path, self._file, self.rows = path, file, rows

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, keep: Callable[[Mapping[str, Any]], bool]) -> Iterator[JsonLines]:
        """Open ``path`` behind the lines that ``keep`` wants; half a line, where a process ended, is dropped."""
        rows = []
        for row in read_json_lines(path):
            try:
                if keep(row):
                    rows.append(row)
            except (KeyError, TypeError):
                continue
        atomic_write(path, "".join(map(json_line, rows)))
        with path.open("a", encoding="utf-8") as file:
            yield cls(path, file, rows)

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a line; NaN is written as ``null``.

        Raises
        ------
        ConfigError
            If the disk has no room for it.
        """
        line = json_line(row)
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise ConfigError(
                f"'{self._path}' must be written to; got '{error.strerror}'. Free space on its disk and give the same "
                "command: the run goes on from its last checkpoint."
            ) from error
        self.rows.append(json.loads(line))


def open_run(output: Path, *, recipe: Recipe, method: str, files: ImageFiles) -> Run:
    """Return the run folder at ``output``: a new one, or one to go on with.

    Raises
    ------
    ConfigError
        If the folder holds something else, or a run of another recipe, method or data.
    """
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise ConfigError(f"output '{output}' must be a folder; got a file. Choose another name.")
    written = output / "recipe.toml"
    text = recipe.to_toml()
    if is_there(written):
        _check_same_recipe(output, read_text(written, "recipe", error=ConfigError), text)
        _check_same_data(output, method, files)
    elif output.is_dir() and any(output.iterdir()):
        raise ConfigError(
            f"output folder '{output}' must be empty or hold a run; got other files. Choose another folder."
        )
    else:
        output.mkdir(parents=True, exist_ok=True)
        atomic_write(written, text)
    return Run(folder=output, recipe=recipe, method=method, files=files)


def _check_same_recipe(output: Path, before: str, now: str) -> None:
    if before == now:
        return
    old, new = before.splitlines(), now.splitlines()
    differing = next(((a, b) for a, b in zip(old, new, strict=False) if a != b), ("", ""))
    raise ConfigError(
        f"run folder '{output}' must hold the same recipe; got '{differing[0]}' there and '{differing[1]}' now. "
        f"{ANOTHER}"
    )


def _check_same_data(output: Path, method: str, files: ImageFiles) -> None:
    path = output / "data.json"
    if not is_there(path):
        return
    content = read_bytes(path, "file", limit=DOCUMENT)
    try:
        written = json.loads(content)
        before = (written["method"], written["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"'{path}' must be what a run wrote; got other content. {ANOTHER}") from error
    if before[0] != method:
        raise ConfigError(f"run folder '{output}' must hold a run of '{method}'; got one of '{before[0]}'. {ANOTHER}")
    if before[1] != files.digest:
        raise ConfigError(
            f"run folder '{output}' must hold a run on the same images; got one on {written.get('images')} images "
            f"with another digest. {ANOTHER}"
        )

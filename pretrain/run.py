"""``Run``: the folder of a training run, which records its origin and never becomes another run.

::

    recipe.toml      the recipe with every key
    data.json        method, number of images, digest, skipped images
    machine.json     threads, torch, device and precision of the run's beginning
    datasheet.json   declarations of datasheet.toml for each folder of images, null for missing ones
    profile.json     profile of the table of each folder, with intervals
    metrics.jsonl    one line per step
    watch.jsonl      measurements during the training (``runs.watch_records``)
    checkpoint.pt    state from which an unfinished run resumes; the previous one is kept beside it
    model/           the result, for transformers, with its model card
    finished.json    time, throughput and warnings of a complete run
    .fairaudit.json  list of the files that fairaudit wrote, with their digests when the run is complete
    training.html    page of the run, written by the command line or by ``fairaudit report RUN``
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

from fairaudit.core.errors import ConfigError
from fairaudit.core.files import atomic_write, json_line, write_json
from fairaudit.core.marker import is_complete, settle
from fairaudit.core.open_file import is_there, read_text
from fairaudit.core.output_folder import OutputFolder, begun
from fairaudit.core.run_files import FILES, read_run_file, read_steps, read_watched
from fairaudit.describe.training_data import TrainingData, documents
from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.export import model_folder
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
        """Checkpoint from which the run resumes."""
        return self.folder / "checkpoint.pt"

    @property
    def machine(self) -> Path:
        """File with the threads, torch, device and precision of the run's beginning."""
        return self.folder / "machine.json"

    @property
    def finished(self) -> bool:
        """Whether the run is complete."""
        return bool(read_run_file(self.folder / "finished.json")) and self.model.is_dir()

    def record_data(self, store: ImageStore) -> None:
        """Write ``data.json``."""
        value = {
            "method": self.method,
            "images": store.readable,
            "digest": self.files.digest,
            "n_skipped": len(store.skipped),
            "skipped": [{"file": name, "reason": reason} for name, reason in store.skipped[:LISTED]],
        }
        write_json(begun(self.folder, "data.json"), value)

    def record_declared(self, data: Sequence[TrainingData]) -> None:
        """Write ``datasheet.json`` and ``profile.json``."""
        datasheets, profiles = documents(data)
        write_json(begun(self.folder, "datasheet.json"), {"folders": datasheets})
        write_json(begun(self.folder, "profile.json"), {"folders": profiles})

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Mark the run as complete."""
        write_json(begun(self.folder, "finished.json"), dict(summary))
        settle(self.folder)

    def metrics(self, *, done: int) -> AbstractContextManager[JsonLines]:
        """Open ``metrics.jsonl`` to append after the first ``done`` steps; drop the lines of later steps."""
        path = begun(self.folder, "metrics.jsonl")
        return JsonLines.open(path, [row for row in read_steps(path) if row["step"] <= done])

    def watched(self, *, images: int) -> AbstractContextManager[JsonLines]:
        """Open ``watch.jsonl`` to append after the measurements up to ``images`` seen; drop later lines."""
        path = begun(self.folder, "watch.jsonl")
        return JsonLines.open(path, [row for row in read_watched(path) if row["images"] <= images])


class JsonLines:
    """A file of JSON objects, one per line, flushed after each line; ``rows`` is its content."""

    def __init__(self, path: Path, file: IO[str], rows: list[dict[str, Any]]) -> None:
        self._path, self._file, self.rows = path, file, rows

    @classmethod
    @contextmanager
    def open(cls, path: Path, rows: list[dict[str, Any]]) -> Iterator[JsonLines]:
        """Write ``rows`` as the content of ``path`` and open it to append."""
        atomic_write(path, "".join(map(json_line, rows)))
        with path.open("a", encoding="utf-8") as file:
            yield cls(path, file, rows)

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a line; NaN is written as ``null``.

        Raises
        ------
        ConfigError
            If the disk is full.
        """
        line = json_line(row)
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            with suppress(OSError):
                self._file.close()  # otherwise the end of the block flushes again and replaces this error
            raise ConfigError(
                f"file '{self._path}' must be writable; got '{error.strerror}'. Free space on its disk and repeat the "
                "command: the run resumes from its last checkpoint."
            ) from error
        self.rows.append(json.loads(line))


def open_run(output: Path, *, recipe: Recipe, method: str, files: ImageFiles) -> Run:
    """Return the run folder at ``output``, new or to be resumed.

    Raises
    ------
    ConfigError
        If the folder holds other files, or a run of another recipe, method or data.
    DataError
        If a file of the run is damaged (``core.run_files``).
    """
    run = Run(folder=Path(output), recipe=recipe, method=method, files=files)
    finished = is_complete(run.folder) and run.finished
    folder = OutputFolder(output, "run", () if finished else FILES, overwrite=None)
    folder.check()
    written, text = run.folder / "recipe.toml", recipe.to_toml()
    if is_there(written):
        read_run_file(written, "schedule")  # raise for a damaged file before comparing recipes
        _check_same_recipe(run.folder, read_text(written, "recipe", error=ConfigError), text)
        _check_same_data(run.folder, method, files)
    if not finished:
        model_folder(run.model).check()
        folder.claim()
        atomic_write(begun(run.folder, "recipe.toml"), text)
    return run


def _check_same_recipe(output: Path, before: str, now: str) -> None:
    lines = zip_longest(before.splitlines(), now.splitlines(), fillvalue="")
    differing = next((pair for pair in lines if pair[0] != pair[1]), None)
    if differing is not None:
        raise ConfigError(
            f"run folder '{output}' must hold the same recipe; got '{differing[0]}' there and '{differing[1]}' now. "
            f"{ANOTHER}"
        )


def _check_same_data(output: Path, method: str, files: ImageFiles) -> None:
    written = read_run_file(output / "data.json", "method", "digest")
    if not written:
        return
    if written["method"] != method:
        raise ConfigError(
            f"run folder '{output}' must hold a run of '{method}'; got one of '{written['method']}'. {ANOTHER}"
        )
    if written["digest"] != files.digest:
        raise ConfigError(
            f"run folder '{output}' must hold a run on the same images; got one on {written.get('images')} images "
            f"with another digest. {ANOTHER}"
        )

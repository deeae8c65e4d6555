"""``RunRecord``: a training run, finished or not, read from its files without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import is_there
from fairaudit.core.run_files import damaged, read_run_file, read_steps, read_watched
from fairaudit.describe.training_data import read_documents
from fairaudit.runs.watch_records import WatchRecord

RECIPE = "recipe.toml"
PAGE = "training.html"


@dataclass(frozen=True)
class RunRecord:
    """A run of ``fairaudit pretrain``.

    Parameters
    ----------
    name : str
        Name of the folder.
    method : str
        ``"swav"``, ``"supervised"``, ``"random weights"``; empty if the run has not read its images yet.
    images : int or None
        Number of readable training images.
    recipe : mapping
        ``recipe.toml``, with every key.
    machine : mapping
        Threads, torch and device at the start; empty for an early run, which did not record them.
    steps : DataFrame
        ``metrics.jsonl``: a row per step, columns ``step``, ``loss`` and others of the method, as float, and
        ``images``, the images seen after it. Empty before the first step.
    watch_records : tuple of WatchRecord
        ``watch.jsonl``, in the order of images seen.
    finished : mapping
        ``finished.json``; empty for a run that is not finished.
    training : mapping
        Declared facts on its images (``describe.training_data.documents``); empty if nothing can be read.
    """

    name: str
    method: str
    images: int | None
    recipe: Mapping[str, Any]
    machine: Mapping[str, Any]
    steps: pd.DataFrame
    watch_records: tuple[WatchRecord, ...]
    finished: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def images_seen(self) -> int:
        """Images seen so far, once per pass."""
        return int(self.steps["images"].iloc[-1]) if len(self.steps) else 0

    @property
    def images_planned(self) -> int:
        """Images of the whole run, a multiple of the batch."""
        schedule = self.recipe["schedule"]
        return int(schedule["samples"] // schedule["batch"] * schedule["batch"])

    @property
    def chance(self) -> float:
        """Loss at chance: ln K of prototypes or labels; NaN while K is unknown."""
        loss = self.finished.get("loss_of_chance")
        if isinstance(loss, int | float) and not isinstance(loss, bool):
            return float(loss)
        prototypes = self.recipe.get("swav", {}).get("prototypes")
        known = self.method in ("swav", "") and isinstance(prototypes, int) and prototypes > 0
        return math.log(prototypes) if known else math.nan


def is_run(folder: Path) -> bool:
    """Return whether the folder is that of a training run."""
    return is_there(folder / RECIPE)


def read_run(folder: Path) -> RunRecord:
    """Read a run that is finished, stopped or going on; DataError if it is no run, or a file is damaged."""
    folder = Path(folder)
    if not is_run(folder):
        raise DataError(
            f"run {folder} must be a folder with {RECIPE}; got none there. Run `fairaudit pretrain ... -o {folder}`."
        )
    recipe, description = _recipe(folder / RECIPE), read_run_file(folder / "data.json")
    images = description.get("images")
    return RunRecord(
        name=folder.resolve().name,
        method=str(description.get("method", "")),
        images=images if isinstance(images, int) else None,
        recipe=recipe,
        machine=read_run_file(folder / "machine.json"),
        steps=_steps(folder / "metrics.jsonl", batch=recipe["schedule"]["batch"]),
        watch_records=_watch_records(folder / "watch.jsonl"),
        finished=read_run_file(folder / "finished.json"),
        training=read_documents(folder),
    )


def _recipe(path: Path) -> dict[str, Any]:
    recipe = read_run_file(path)
    schedule = recipe.get("schedule")
    for key in ("samples", "batch"):
        value = schedule.get(key) if isinstance(schedule, dict) else None
        if type(value) is not int or value < 1:
            raise damaged(path, f"schedule.{key} = {value!r}")
    return recipe


def _steps(path: Path, *, batch: int) -> pd.DataFrame:
    steps = pd.DataFrame(read_steps(path) or {"step": [], "loss": []}).astype("float64")
    steps.insert(0, "images", steps["step"] * batch)
    return steps


def _watch_records(path: Path) -> tuple[WatchRecord, ...]:
    watch_records = [WatchRecord(row.pop("images"), row.pop("watcher"), row) for row in read_watched(path)]
    return tuple(sorted(watch_records, key=lambda record: record.images))

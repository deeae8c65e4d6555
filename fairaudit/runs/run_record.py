"""``RunRecord``: what the files of a training run say of it, finished or not; read without torch."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.errors import DataError, InputError
from fairaudit.core.files import read_json_lines
from fairaudit.core.open_file import DOCUMENT, SETTINGS, is_there, read_bytes
from fairaudit.describe.training_data import read_documents
from fairaudit.runs.looks import Look

RECIPE = "recipe.toml"
PAGE = "training.html"


@dataclass(frozen=True)
class RunRecord:
    """A run of ``fairaudit pretrain``, as its folder tells it.

    Parameters
    ----------
    name : str
        Of the folder.
    method : str
        ``"swav"``, ``"supervised"``, ``"random weights"``; empty where the run has not read its images yet.
    images : int or None
        Training images that could be read.
    recipe : mapping
        ``recipe.toml``, with every key.
    machine : mapping
        Threads, torch and device that the run began with; empty for one that was made before runs said so.
    steps : DataFrame
        ``metrics.jsonl``: a row per step, columns ``step``, ``loss`` and whatever else the method records, as float,
        and ``images``, the images seen after it. Empty before the first step.
    looks : tuple of Look
        ``watch.jsonl``, in the order of images seen.
    finished : mapping
        ``finished.json``; empty for a run that is not finished.
    training : mapping
        What is declared of its images (``describe.training_data.documents``); empty where nothing can be read.
    """

    name: str
    method: str
    images: int | None
    recipe: Mapping[str, Any]
    machine: Mapping[str, Any]
    steps: pd.DataFrame
    looks: tuple[Look, ...]
    finished: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def images_seen(self) -> int:
        """Images seen so far, once per pass."""
        return int(self.steps["images"].iloc[-1]) if len(self.steps) else 0

    @property
    def images_planned(self) -> int:
        """Images to be seen in all, a multiple of the batch."""
        schedule = self.recipe["schedule"]
        return int(schedule["samples"] // schedule["batch"] * schedule["batch"])

    @property
    def chance(self) -> float:
        """Loss of a blind guess: ln K of prototypes or labels; NaN where the run does not say K yet."""
        told = self.finished.get("loss_of_chance")
        if isinstance(told, int | float) and not isinstance(told, bool):
            return float(told)
        prototypes = self.recipe.get("swav", {}).get("prototypes")
        known = self.method in ("swav", "") and isinstance(prototypes, int) and prototypes > 0
        return math.log(prototypes) if known else math.nan


def is_run(folder: Path) -> bool:
    """Whether the folder is that of a training run."""
    return is_there(folder / RECIPE)


def read_run(folder: Path) -> RunRecord:
    """Return what the files in ``folder`` say, of a finished run or one that stopped or still goes on.

    Raises
    ------
    DataError
        If it is no run, or a file holds something else than a run writes.
    """
    folder = Path(folder)
    if not is_run(folder):
        raise DataError(
            f"run {folder} must be a folder with {RECIPE}; got none there. Run `fairaudit pretrain ... -o {folder}`."
        )
    recipe, data = _recipe(folder / RECIPE), _values(folder / "data.json")
    images = data.get("images")
    try:
        training = read_documents(folder)
    except InputError:  # damaged files cost the section on the data, not the page
        training = {}
    return RunRecord(
        name=folder.resolve().name,
        method=str(data.get("method", "")),
        images=images if isinstance(images, int) else None,
        recipe=recipe,
        machine=_values(folder / "machine.json"),
        steps=_steps(folder / "metrics.jsonl", batch=recipe["schedule"]["batch"]),
        looks=_looks(folder / "watch.jsonl"),
        finished=_values(folder / "finished.json"),
        training=training,
    )


def _recipe(path: Path) -> dict[str, Any]:
    content = read_bytes(path, "recipe", limit=SETTINGS)
    try:
        recipe = tomllib.loads(content.decode())
        schedule = recipe["schedule"]
        fits = all(type(schedule[key]) is int and schedule[key] > 0 for key in ("samples", "batch"))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if not fits:
        raise _damaged(path)
    return recipe


def _values(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; nothing where there is none."""
    if not is_there(path):
        return {}
    content = read_bytes(path, "file", limit=DOCUMENT)
    try:
        values = json.loads(content)
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(values, dict):
        raise _damaged(path)
    return values


def _steps(path: Path, *, batch: int) -> pd.DataFrame:
    rows = read_json_lines(path)
    if not rows:
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in ("step", "loss", "images")})
    try:
        steps = pd.DataFrame(rows).astype("float64")
        return steps.assign(images=steps["step"] * batch)[["images", *steps.columns]].dropna(subset=["step", "loss"])
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path) from error


def _looks(path: Path) -> tuple[Look, ...]:
    looks = []
    for row in read_json_lines(path):
        images, watcher = row.pop("images", None), row.pop("watcher", None)
        if type(images) is not int or not isinstance(watcher, str):
            raise _damaged(path)
        looks.append(Look(images, watcher, row))
    return tuple(sorted(looks, key=lambda look: look.images))


def _damaged(path: Path) -> DataError:
    return DataError(
        f"'{path}' must be what a run wrote; got other content. Take the file back from a copy of the run."
    )

"""Measurements during training: watchers receive a copy of the trunk at fixed intervals and change nothing.

The loop calls ``Measurements``. Every SwAV run should have the watcher ``KnnAccuracy``, since a falling loss alone
proves nothing. ``fairaudit.DisparityWatcher``, in a higher layer, measures disparities between groups of people.

Shapes: N images, D features.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.measures.neighbours import nearest
from fairaudit.pretrain.batch_norm import estimate_batch_norm
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.labels import read_labels
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.run import JsonLines
from fairaudit.pretrain.views import plain_views
from fairaudit.stats.intervals import wilson

Z_95 = 1.959964


@dataclass(frozen=True)
class Moment:
    """State of a run.

    Parameters
    ----------
    images : int
        Number of images seen.
    trunk : Module
        Copy of the network, in evaluation mode.
    size : int
        Side of the network's input in pixels.
    """

    images: int
    trunk: nn.Module
    size: int


class Watcher(Protocol):
    """A measurement during training.

    Attributes
    ----------
    name : str
        Column ``watcher`` of ``watch.jsonl``; each watcher of a run has its own.
    every : int
        Images between two measurements, >= 1.
    """

    name: str
    every: int

    def look(self, moment: Moment) -> Mapping[str, Any]:
        """Return JSON values for ``watch.jsonl``; NaN is written as ``null``."""


class Measurements:
    """Call each watcher when it is due: before the first step, at its interval, and after the last step.

    Before the first step the copy gets the batch statistics of the training images, without which random features are
    nearly useless.

    Attributes
    ----------
    seconds : float
        Duration of the measurements, which the speed of training excludes.
    """

    def __init__(
        self, watchers: Sequence[Watcher], lines: JsonLines, trunk: nn.Module, store: ImageStore, recipe: Recipe
    ) -> None:
        self._watchers, self._lines, self._trunk, self._store, self._recipe = watchers, lines, trunk, store, recipe
        self.seconds = 0.0
        names = [watcher.name for watcher in watchers]
        if len(set(names)) < len(names):
            raise ConfigError(f"watchers must have names of their own; got {', '.join(names)}. Rename one of them.")

    def __call__(self, step: int) -> None:
        """Call the watchers that are due after ``step`` steps and have no record of it yet."""
        schedule = self._recipe.schedule
        images, before = step * schedule.batch, (step - 1) * schedule.batch
        done = {row["watcher"] for row in self._lines.rows if row["images"] == images}
        due = [
            watcher
            for watcher in self._watchers
            if watcher.name not in done
            and (step in (0, schedule.steps) or images // watcher.every > before // watcher.every)
        ]
        if due:
            started = time.perf_counter()
            with same_random_numbers():
                moment = Moment(images, self._copy(images), self._recipe.crops.sizes[0])
                for watcher in due:
                    self._lines.write({"images": images, "watcher": watcher.name, **watcher.look(moment)})
            self.seconds += time.perf_counter() - started

    def _copy(self, images: int) -> nn.Module:
        trunk = copy.deepcopy(self._trunk)
        trunk.zero_grad(set_to_none=True)
        if images == 0:
            size, batch = self._recipe.crops.sizes[0], self._recipe.schedule.batch
            estimate_batch_norm(trunk, self._store, size=size, batch=batch)
        return trunk.eval()


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Restore the random states of torch, numpy and Python after the block."""
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    numbers, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  # of libraries that still use it
    try:
        with torch.random.fork_rng(devices=gpus):
            yield
    finally:
        random.setstate(numbers)
        np.random.set_state(legacy)  # noqa: NPY002


class KnnAccuracy:
    """k-NN accuracy: the share of images whose label is the majority label of their nearest other images.

    Parameters
    ----------
    labels : path
        CSV file with the columns ``file`` and ``label``, as for ``train_supervised``.
    every : int
        Images between two measurements.
    k : int, default 10
        Number of neighbours by cosine similarity; the alphabetically first label wins a tie.
    short_side : int, default 64
        Images are kept with this short side in pixels.
    name : str, default "knn"
        Name of the watcher; several label files need different names.

    References
    ----------
    .. [1] Wu, Xiong, Yu and Lin (2018), "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
       CVPR, section 3.4, without its weights.
    """

    def __init__(self, labels: Path, *, every: int, k: int = 10, short_side: int = 64, name: str = "knn") -> None:
        if every < 1 or k < 1:
            raise ConfigError(
                f"every and k must be 1 or more; got {every} and {k}. Use for example every=5000 and k=10."
            )
        self.name, self.every, self._k = name, every, k
        table = read_labels(Path(labels))
        self._store = ImageStore(table.files, short_side=short_side)
        codes = {name: code for code, name in enumerate(table.classes)}
        self._codes_N = np.array([codes[table.labels[at]] for at in self._store.kept])
        if len(self._codes_N) <= k:
            raise ConfigError(
                f"labels '{labels}' must name more than k = {k} images; got {len(self._codes_N)}. Lower k."
            )

    def look(self, moment: Moment) -> dict[str, float]:
        """Return the accuracy with its 95 % interval (Wilson), the share of the commonest label, and n."""
        features_ND = embed(moment, self._store)
        own = np.arange(len(features_ND))
        near_NK = nearest(features_ND, features_ND, k=self._k, query_clusters=own, gallery_clusters=own)
        votes = np.stack([np.bincount(row, minlength=self._codes_N.max() + 1) for row in self._codes_N[near_NK]])
        right = float((votes.argmax(axis=1) == self._codes_N).mean())
        low, high = wilson(right, len(own), Z_95)
        commonest = float(np.bincount(self._codes_N).max() / len(own))
        return {
            "accuracy": right, "ci_low": float(low), "ci_high": float(high), "commonest": commonest, "n": len(own),
        }  # fmt: skip


@torch.no_grad()
def embed(moment: Moment, store: ImageStore, *, batch: int = 128) -> Any:
    """Return the features (N, D) of every image of ``store``, float32."""
    device = next(moment.trunk.parameters()).device
    parts = []
    for start in range(0, len(store), batch):
        indices = range(start, min(start + batch, len(store)))
        used, view = plain_views(store, indices, size=moment.size, device=device)
        if used != list(indices):
            name, reason = store.skipped[-1]
            raise DataError(
                f"image '{name}' must stay readable; got: {reason} Restore the file and repeat the command."
            )
        output = moment.trunk(pixel_values=view.contiguous(memory_format=torch.channels_last))
        parts.append(output.pooler_output.flatten(1).float().cpu().numpy())
    return np.concatenate(parts)

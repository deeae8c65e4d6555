"""What is measured while a network trains: watchers see a copy of the trunk every so many images, and change nothing.

``Looks`` belongs to the loop; ``KnnAccuracy`` is the watcher that every SwAV run should have, since a falling loss
alone proves nothing. ``fairaudit.DisparityWatcher``, in a layer that knows indicators, watches groups of people.

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
    """Where a run stands.

    Parameters
    ----------
    images : int
        Images seen.
    trunk : Module
        A copy of the network, in evaluation mode.
    size : int
        Side in pixels at which it is used.
    """

    images: int
    trunk: nn.Module
    size: int


class Watcher(Protocol):
    """Something that is measured while a network trains.

    Attributes
    ----------
    name : str
        Column ``watcher`` of ``watch.jsonl``; each watcher of a run has its own.
    every : int
        Images between two looks, >= 1.
    """

    name: str
    every: int

    def look(self, moment: Moment) -> Mapping[str, Any]:
        """Return JSON values for ``watch.jsonl``; NaN is written as ``null``."""
        ...


class Looks:
    """Calls each watcher when it is due: before the first step, every so many images, and after the last step.

    Before the first step the copy's batch statistics are those of the training images, since without them the features
    of a random network say little.

    Attributes
    ----------
    seconds : float
        How long looking has taken: the speed of training is told without it.
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
        """Look after ``step`` steps, with each watcher that is due and has not looked yet."""
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
    """Leave the random states of torch, numpy and Python as they were, whatever the block draws."""
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    numbers, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  # of libraries that still use it
    try:
        with torch.random.fork_rng(devices=gpus):
            yield
    finally:
        random.setstate(numbers)
        np.random.set_state(legacy)  # noqa: NPY002


class KnnAccuracy:
    """How often the nearest other images share an image's label: the share of majority votes that are right.

    Parameters
    ----------
    labels : path
        CSV file with the columns ``file`` and ``label``, as for ``train_supervised``.
    every : int
        Images between two looks.
    k : int, default 10
        Neighbours that vote, by cosine similarity; the label that comes first in the alphabet wins a tie.
    short_side : int, default 64
        Images are kept with this short side in pixels.
    name : str, default "knn"
        Where a run is watched by several label files, each needs a name of its own.

    References
    ----------
    .. [1] Wu, Xiong, Yu and Lin (2018), "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
       CVPR, section 3.4, without its weights.
    """

    def __init__(self, labels: Path, *, every: int, k: int = 10, short_side: int = 64, name: str = "knn") -> None:
        if every < 1 or k < 1:
            raise ConfigError(f"every and k must be 1 or more; got {every} and {k}. Look every 5,000 images, say.")
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
        """Return accuracy with its 95 % interval (Wilson), the share of the commonest label, and n."""
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
            raise DataError(f"labelled images must stay readable; got, of '{name}': {reason} Put it back.")
        output = moment.trunk(pixel_values=view.contiguous(memory_format=torch.channels_last))
        parts.append(output.pooler_output.flatten(1).float().cpu().numpy())
    return np.concatenate(parts)

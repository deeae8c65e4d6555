"""``train_supervised``: the network, views and optimiser of ``pretrain``, trained with labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.labels import read_labels
from fairaudit.pretrain.loop import OnStep, fit
from fairaudit.pretrain.precision import autocast
from fairaudit.pretrain.preparation import complete_run, resolve_recipe, seeded, training_device
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import regnet_config
from fairaudit.pretrain.run import Run
from fairaudit.pretrain.views import Views


class LabelObjective:
    """Cross-entropy of the labels, with one augmented view per image."""

    def __init__(self, recipe: Recipe, classes: tuple[str, ...], *, device: torch.device) -> None:
        from transformers import RegNetForImageClassification

        self._precision, self._device = recipe.precision, device
        model: nn.Module = RegNetForImageClassification(regnet_config(recipe.network.shape(), labels=classes))
        self.module = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.chance = math.log(len(classes))

    @property
    def trunk(self) -> nn.Module:
        """The network below the classifier."""
        trunk: nn.Module = self.module.regnet
        return trunk

    def loss(self, views: Sequence[Tensor], targets: Tensor, *, share: float) -> tuple[Tensor, dict[str, float]]:
        """Return the mean cross-entropy and the accuracy of the first label."""
        with autocast(self._precision, self._device):
            logits = self.module(pixel_values=views[0].contiguous(memory_format=torch.channels_last)).logits.float()
        right = (logits.detach().argmax(dim=1) == targets).float().mean()
        return F.cross_entropy(logits, targets), {"accuracy": float(right)}

    def before_step(self, *, share: float) -> None:
        """Leave the gradients as they are."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"module": self.module.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.module.load_state_dict(state["module"])


def train_supervised(
    recipe: Recipe | str | Path,
    *,
    labels: Path,
    output: Path,
    seed: int | None = None,
    samples: int | None = None,
    progress: bool = True,
    threads: int | None = None,
    on_step: OnStep | None = None,
) -> Path:
    """Train the recipe's RegNet to predict the labels of images and return the run folder.

    For comparison with ``pretrain``: network, optimiser, schedule and views (one of the first size per image) are the
    same. ``output/model`` holds a ``RegNetForImageClassification`` with the names of its labels.

    Parameters
    ----------
    labels : path
        CSV file with the columns ``file`` (relative to the folder of the CSV file) and ``label``. Declarations on the
        images are read from files beside it.
    recipe, output, seed, samples, progress, threads, on_step
        As in ``pretrain``.

    Returns
    -------
    Path
        ``output``.

    Raises
    ------
    ConfigError, DataError
        As ``pretrain``, and if the label file cannot be used.
    """
    recipe = resolve_recipe(recipe, seed=seed, samples=samples)
    table = read_labels(Path(labels))

    def train(run: Run, store: ImageStore) -> tuple[nn.Module, Mapping[str, Any]]:
        device = training_device()
        objective = seeded(lambda: LabelObjective(run.recipe, table.classes, device=device), run.recipe.seed)
        views = Views(store, run.recipe, device, first=1)
        codes = torch.tensor([table.classes.index(table.labels[at]) for at in store.kept])
        summary = fit(objective, run=run, store=store, views=views, targets=codes, on_step=on_step, progress=progress)
        return objective.module, summary

    sources, files = [Path(labels).parent], table.files
    return complete_run(
        recipe, output, train, method="supervised", files=files, sources=sources, threads=threads, progress=progress
    )

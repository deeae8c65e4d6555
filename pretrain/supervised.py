"""``train_supervised``: the same network, views and optimiser, taught labels instead of codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairaudit.describe.training_data import training_data
from fairaudit.pretrain.export import export_model
from fairaudit.pretrain.labels import read_labels
from fairaudit.pretrain.loop import OnStep, fit
from fairaudit.pretrain.model_card import model_card
from fairaudit.pretrain.precision import autocast
from fairaudit.pretrain.preparation import (
    check_batch,
    read_store,
    resolve_recipe,
    same_machine,
    seeded,
    torch_threads,
    training_device,
)
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import regnet_config
from fairaudit.pretrain.run import open_run
from fairaudit.pretrain.views import Views


class LabelObjective:
    """Cross-entropy of the labels of one augmented view of each image."""

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
        """Return the mean cross-entropy and the share of images whose label came first."""
        with autocast(self._precision, self._device):
            logits = self.module(pixel_values=views[0].contiguous(memory_format=torch.channels_last)).logits.float()
        right = (logits.detach().argmax(dim=1) == targets).float().mean()
        return F.cross_entropy(logits, targets), {"accuracy": float(right)}

    def before_step(self, *, share: float) -> None:
        """Leave the gradients as they are."""

    def state_dict(self) -> dict[str, Any]:
        """Return the weights."""
        return {"module": self.module.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
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
    """Train the recipe's RegNet to say the labels of images and return the run folder.

    The comparison partner of ``pretrain``: same network, views (one of the first size per image), optimiser and
    schedule. ``output/model`` holds a ``RegNetForImageClassification`` that knows its labels by name.

    Parameters
    ----------
    labels : path
        CSV file with the columns ``file`` (relative to the folder of the CSV file) and ``label``. What is declared of
        the images is looked for beside it.
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
    made = resolve_recipe(recipe, seed=seed, samples=samples)
    table = read_labels(Path(labels))
    check_batch(made, table.files)
    declared = training_data([Path(labels).parent])
    run = open_run(Path(output), recipe=made, method="supervised", files=table.files)
    if run.finished:
        return run.folder
    with torch_threads(same_machine(run, threads)):
        device = training_device()
        store = read_store(run, progress=progress)
        run.record_declared(declared)
        objective: LabelObjective = seeded(lambda: LabelObjective(made, table.classes, device=device), made.seed)
        views = Views(store, made, device, first=1)
        numbers = torch.tensor([table.classes.index(table.labels[at]) for at in store.kept])
        summary = fit(objective, run=run, store=store, views=views, targets=numbers, on_step=on_step, progress=progress)
        run.record_data(store)  # images may turn out to be unreadable later
        card = model_card(made, method=run.method, images=store.readable, data=declared)
        export_model(objective.module, run.model, size=made.crops.sizes[0], card=card)
    run.finish(summary)
    return run.folder

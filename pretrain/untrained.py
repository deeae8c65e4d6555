"""``random_weights``: the network as it is before training, the floor that a trained one must beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from fairaudit.core.training_data import training_data
from fairaudit.pretrain.augment import plain_view
from fairaudit.pretrain.export import export_model
from fairaudit.pretrain.images import ImageStore, list_images
from fairaudit.pretrain.model_card import model_card
from fairaudit.pretrain.preparation import (
    check_batch,
    read_store,
    resolve_recipe,
    seeded,
    torch_threads,
    training_device,
)
from fairaudit.pretrain.progress import progress_bar
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import build_trunk
from fairaudit.pretrain.run import open_run

CALIBRATION_IMAGES = 2048


@torch.no_grad()
def estimate_batch_norm(model: nn.Module, store: ImageStore, *, size: int, batch: int, progress: bool = False) -> None:
    """Set the running statistics of every batch normalisation to the mean over the batches of plain images.

    The first 2,048 images of the store in steps of ``batch``; a rest of fewer than two images is left out.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    before = [layer.momentum for layer in layers]
    device = next(model.parameters()).device
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative mean
    model.train()
    total = min(len(store), CALIBRATION_IMAGES)
    with progress_bar("measuring activations", total, shown=progress) as advance:
        for start in range(0, total, batch):
            indices = list(range(start, min(start + batch, total)))
            if len(indices) >= 2:
                pixels, heights, widths = store.batch(indices)
                view = plain_view((pixels.to(device), heights, widths), size=size)
                model(pixel_values=view.contiguous(memory_format=torch.channels_last))
            advance(len(indices))
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
    model.eval()


def random_weights(
    recipe: Recipe | str | Path,
    *,
    data: Sequence[Path],
    output: Path,
    seed: int | None = None,
    progress: bool = True,
    threads: int | None = None,
) -> Path:
    """Write the recipe's RegNet with its first weights, never trained, and return the run folder.

    Only the statistics of its batch normalisations are measured on ``data``: without them the features of a random
    network would say little, and beating it would prove nothing.

    Parameters
    ----------
    recipe, data, output, seed, progress, threads
        As in ``pretrain``.

    Returns
    -------
    Path
        ``output``.

    Raises
    ------
    ConfigError, DataError
        As ``pretrain``.
    """
    made = resolve_recipe(recipe, seed=seed, samples=None)
    files = list_images([Path(folder) for folder in data])
    check_batch(made, files)
    declared = training_data([Path(folder) for folder in data])
    run = open_run(Path(output), recipe=made, method="random weights", files=files)
    if run.finished:
        return run.folder
    with torch_threads(threads):
        store = read_store(run, progress=progress)
        run.record_declared(declared)
        trunk: nn.Module = seeded(lambda: build_trunk(made.network.shape()), made.seed)
        trunk.to(training_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = made.crops.sizes[0]
        estimate_batch_norm(trunk, store, size=size, batch=made.schedule.batch, progress=progress)
        card = model_card(made, method=run.method, images=len(store), data=declared)
        export_model(trunk, run.model, size=size, card=card)
    run.finish({"steps": 0, "images_seen": 0})
    return run.folder

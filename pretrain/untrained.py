"""``random_weights``: the network as it is before training, the floor that a trained one must beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from fairaudit.describe.training_data import training_data
from fairaudit.images.listing import list_images
from fairaudit.pretrain.batch_norm import estimate_batch_norm
from fairaudit.pretrain.export import export_model
from fairaudit.pretrain.model_card import model_card
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
from fairaudit.pretrain.regnet import build_trunk
from fairaudit.pretrain.run import open_run


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
    files = list_images([Path(source) for source in data])
    check_batch(made, files)
    declared = training_data([Path(source) for source in data])
    run = open_run(Path(output), recipe=made, method="random weights", files=files)
    if run.finished:
        return run.folder
    with torch_threads(same_machine(run, threads)):
        store = read_store(run, progress=progress)
        run.record_declared(declared)
        trunk: nn.Module = seeded(lambda: build_trunk(made.network.shape()), made.seed)
        trunk.to(training_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = made.crops.sizes[0]
        estimate_batch_norm(trunk, store, size=size, batch=made.schedule.batch, progress=progress)
        card = model_card(made, method=run.method, images=store.readable, data=declared)
        export_model(trunk, run.model, size=size, card=card)
    run.finish({"steps": 0, "images_seen": 0})
    return run.folder

"""``random_weights``: the network before training, the baseline of a trained one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fairaudit.images.listing import list_images
from fairaudit.pretrain.batch_norm import estimate_batch_norm
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.preparation import complete_run, resolve_recipe, seeded, training_device
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import build_trunk
from fairaudit.pretrain.run import Run


def random_weights(
    recipe: Recipe | str | Path,
    *,
    data: Sequence[Path],
    output: Path,
    seed: int | None = None,
    progress: bool = True,
    threads: int | None = None,
) -> Path:
    """Write the recipe's untrained RegNet with its first weights and return the run folder.

    Only its batch statistics are measured on ``data``; without them random features would be too weak a baseline.

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
    recipe = resolve_recipe(recipe, seed=seed, samples=None)
    sources = [Path(source) for source in data]

    def train(run: Run, store: ImageStore) -> tuple[nn.Module, Mapping[str, Any]]:
        trunk: nn.Module = seeded(lambda: build_trunk(run.recipe.network.shape()), run.recipe.seed)
        trunk.to(training_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
        size, batch = run.recipe.crops.sizes[0], run.recipe.schedule.batch
        estimate_batch_norm(trunk, store, size=size, batch=batch, progress=progress)
        return trunk, {"steps": 0, "images_seen": 0}

    files = list_images(sources)
    return complete_run(
        recipe, output, train, method="random weights", files=files, sources=sources, threads=threads, progress=progress
    )

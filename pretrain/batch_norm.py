"""Batch normalisation of a network that is evaluated before it is trained."""

from __future__ import annotations

import torch
from torch import nn

from fairaudit.core.progress import step
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.views import plain_views

CALIBRATION_IMAGES = 2048


@torch.no_grad()
def estimate_batch_norm(model: nn.Module, store: ImageStore, *, size: int, batch: int, progress: bool = False) -> None:
    """Set the running statistics of every batch normalisation to the mean over the batches of plain images.

    The images are the first 2,048 of the store in steps of ``batch``; a last step of a single image is left out.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    before = [layer.momentum for layer in layers]
    device = next(model.parameters()).device
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative mean
    model.train()
    total = min(len(store), CALIBRATION_IMAGES)
    with step("measuring activations", shown=progress) as advance:
        for start in range(0, total, batch):
            end = min(start + batch, total)
            indices = list(range(start, end))
            if len(indices) >= 2:
                _, view = plain_views(store, indices, size=size, device=device)
                model(pixel_values=view.contiguous(memory_format=torch.channels_last))
            advance(end, total)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
    model.eval()

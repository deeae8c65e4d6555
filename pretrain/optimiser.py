"""The optimiser: SGD with momentum and layer-wise rates, and the learning rate as a function of images seen."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from fairaudit.pretrain.settings import Optimiser, Schedule

EPSILON = 1e-8


def learning_rate(share: float, *, highest: float, schedule: Schedule) -> float:
    """Return the rate after ``share`` of the run, in [0, 1]: a linear rise, then half a cosine down to ``final``."""
    if share < schedule.warm_up:
        return highest * (schedule.final + (1 - schedule.final) * share / schedule.warm_up)
    falling = (share - schedule.warm_up) / (1 - schedule.warm_up)
    return highest * (schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * min(falling, 1.0))))


class LarcSGD(torch.optim.SGD):
    """SGD with momentum whose step in each weight tensor is scaled by |w| / |gradient| (LARC, not clipped).

    Parameters
    ----------
    weights : iterable of Parameter
    config : Optimiser
        With ``larc = 0`` this is plain SGD. Weight decay is added to the gradient before it is scaled.

    References
    ----------
    .. [1] You, Gitman and Ginsburg (2017), "Large Batch Training of Convolutional Networks", arXiv:1708.03888.
    """

    def __init__(self, weights: Iterable[nn.Parameter], config: Optimiser) -> None:
        super().__init__(
            weights,
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=0.0 if config.larc else config.weight_decay,
        )
        self._trust, self._decay = config.larc, config.weight_decay

    def scaled_step(self, rate: float) -> None:
        """Take one step at the learning rate ``rate``."""
        for group in self.param_groups:
            group["lr"] = rate
            if self._trust:
                self._scale(group["params"])
        self.step()

    @torch.no_grad()
    def _scale(self, weights: Iterable[nn.Parameter]) -> None:
        for weight in weights:
            if weight.grad is None:
                continue
            weight_norm, gradient_norm = weight.norm(), weight.grad.norm()
            scale = self._trust * weight_norm / (gradient_norm + self._decay * weight_norm + EPSILON)
            usable = (weight_norm > 0) & (gradient_norm > 0)
            decayed = weight.grad + self._decay * weight
            weight.grad.copy_(torch.where(usable, scale * decayed, weight.grad))

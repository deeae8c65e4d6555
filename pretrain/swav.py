"""SwAV: the network with its head and prototypes, the loss, and the objective that the loop trains.

Shapes: V views of B images, A of them assigned (the first two); D dimensions, K prototypes; L places of the queue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairaudit.pretrain.queue import VectorQueue
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import RegNetShape, build_trunk
from fairaudit.pretrain.settings import Swav
from fairaudit.pretrain.sinkhorn import sinkhorn

ASSIGNED = 2


def swav_loss(scores_VBK: Tensor, codes_ABK: Tensor, *, temperature: float) -> Tensor:
    """Return how badly each view predicts the codes of the other views, a scalar; ln K is what a blind guess gets.

    Because a code sums to one, ``-sum_k q_k log softmax(x)_k`` is ``logsumexp(x) - q.x``: no table of log-softmax
    values is made, and the sum over all other views takes one product per assigned view.

    Parameters
    ----------
    scores_VBK : Tensor, shape (V, B, K)
        Cosine similarities to the prototypes; the first A views are the assigned ones.
    codes_ABK : Tensor, shape (A, B, K)
        Rows sum to one; without gradient.
    temperature : float
        > 0.
    """
    logits_VBK = scores_VBK.float() / temperature
    views, assigned = len(logits_VBK), len(codes_ABK)
    normaliser_VB = torch.logsumexp(logits_VBK, dim=-1)
    all_BK, all_B = logits_VBK.sum(dim=0), normaliser_VB.sum(dim=0)
    loss = logits_VBK.new_zeros(())
    for i in range(assigned):
        agreement_B = (codes_ABK[i] * (all_BK - logits_VBK[i])).sum(dim=-1)
        loss = loss + (all_B - normaliser_VB[i] - agreement_B).mean() / (views - 1)
    return loss / assigned


def projection_head(width: int, config: Swav) -> nn.Sequential:
    """Return the MLP from trunk features to D dimensions; batch normalisation only in hidden layers."""
    layers: list[nn.Module] = []
    for hidden in config.hidden:
        layers.append(nn.Linear(width, hidden))
        layers += [nn.BatchNorm1d(hidden), nn.ReLU()] if config.batch_norm else [nn.ReLU()]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, config.dimension))


class SwavNetwork(nn.Module):
    """Trunk, projection head and prototypes."""

    def __init__(self, shape: RegNetShape, config: Swav) -> None:
        super().__init__()
        self.trunk = build_trunk(shape)
        self.head = projection_head(shape.widths[-1], config)
        self.prototypes = nn.Linear(config.dimension, config.prototypes, bias=False)

    @torch.no_grad()
    def normalise_prototypes(self) -> None:
        """Move every prototype to length one."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Return unit vectors, shape (V, B, D); views of one size go through the trunk together.

        Batch statistics are therefore those of one size of view, as in the published form.
        """
        features = []
        for _, group in groupby(views, key=lambda view: view.shape[-1]):
            batch = torch.cat(list(group)).contiguous(memory_format=torch.channels_last)
            features.append(self.trunk(pixel_values=batch).pooler_output.flatten(1))
        vectors = F.normalize(self.head(torch.cat(features)), dim=1)
        return vectors.view(len(views), -1, vectors.shape[1])


class SwavObjective:
    """What the loop trains: views in, loss out, with the queue and the frozen start of the prototypes."""

    def __init__(self, recipe: Recipe, *, device: torch.device) -> None:
        self.config = recipe.swav
        network: SwavNetwork = SwavNetwork(recipe.network.shape(), recipe.swav).to(device)
        self.module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.queue = VectorQueue(
            crops=ASSIGNED, length=recipe.swav.queue, dimension=recipe.swav.dimension, device=device
        )
        self.chance = math.log(recipe.swav.prototypes)

    def loss(self, views: Sequence[Tensor], targets: Tensor, *, share: float) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch and what to record; ``share`` is the part of the run that is done."""
        self.module.normalise_prototypes()
        vectors_VBD = self.module(views).float()
        weight_KD = self.module.prototypes.weight
        scores_VBK = vectors_VBD @ weight_KD.T
        with torch.no_grad():
            assigned_ABK = scores_VBK[:ASSIGNED].detach()
            pool = assigned_ABK
            used = self.queue.ready
            if used:
                pool = torch.cat([self.queue.vectors_ALD @ weight_KD.T, assigned_ABK], dim=1)
            codes = sinkhorn(pool, epsilon=self.config.epsilon, iterations=self.config.iterations)
            codes_ABK = codes[:, -assigned_ABK.shape[1] :]
            if share >= self.config.queue_from:
                self.queue.push(vectors_VBD[:ASSIGNED])
        loss = swav_loss(scores_VBK, codes_ABK, temperature=self.config.temperature)
        return loss, {**self._spread(scores_VBK.detach(), codes_ABK), "queue": float(used)}

    def _spread(self, scores_VBK: Tensor, codes_ABK: Tensor) -> dict[str, float]:
        """Return how sure predictions are (mean highest probability) and how evenly codes use the prototypes."""
        sure = torch.softmax(scores_VBK[0] / self.config.temperature, dim=-1).amax(dim=-1).mean()
        use_K = codes_ABK.mean(dim=(0, 1))
        entropy = -(use_K * use_K.clamp_min(1e-12).log()).sum() / self.chance
        return {"confidence": float(sure), "prototype_use": float(entropy)}

    def before_step(self, *, share: float) -> None:
        """Keep prototypes where they are during the first part of the run."""
        if share < self.config.freeze_prototypes:
            self.module.prototypes.weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return weights and queue."""
        return {"module": self.module.state_dict(), "queue": self.queue.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.module.load_state_dict(state["module"])
        self.queue.load_state_dict(state["queue"])

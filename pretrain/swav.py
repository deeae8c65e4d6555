"""SwAV: the network with its head and prototypes, the loss, and the objective of the loop.

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

from fairaudit.pretrain.precision import autocast
from fairaudit.pretrain.queue import VectorQueue
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import RegNetShape, build_trunk
from fairaudit.pretrain.settings import Swav
from fairaudit.pretrain.sinkhorn import sinkhorn

ASSIGNED = 2
PATIENCE = 20  # vectors per prototype, after which a prototype that was nearest to none of them counts as empty


def swav_loss(scores_VBK: Tensor, codes_ABK: Tensor, *, temperature: float) -> Tensor:
    """Return the mean cross-entropy between each view's prediction and the other views' codes, a scalar.

    Lower is better; a blind guess has ln K. Because a code sums to one, ``-sum_k q_k log softmax(x)_k`` is
    ``logsumexp(x) - q.x``: no table of log-softmax values is computed for any pair.

    Parameters
    ----------
    scores_VBK : Tensor, shape (V, B, K)
        Cosine similarities to the prototypes; the first A views are the assigned ones.
    codes_ABK : Tensor, shape (A, B, K)
        Rows sum to one; without gradient.
    temperature : float
        > 0.
    """
    loss: Tensor = _Prediction.apply(scores_VBK.float(), codes_ABK.float(), temperature)  # type: ignore[no-untyped-call]
    return loss


class _Prediction(torch.autograd.Function):
    """The loss and its gradient, computed from the same exponentials; only the gradient is kept."""

    @staticmethod
    def forward(ctx: Any, scores_VBK: Tensor, codes_ABK: Tensor, temperature: float) -> Tensor:
        """Return the loss; compute each view's part of the gradient in place."""
        (views, batch, _), assigned = scores_VBK.shape, len(codes_ABK)
        per_pair = 1 / (assigned * (views - 1) * batch)
        gradient_VBK = torch.empty_like(scores_VBK) if ctx.needs_input_grad[0] else None
        loss = scores_VBK.new_zeros(())
        for v in range(views):
            out = None if gradient_VBK is None else gradient_VBK[v]
            logits_BK = torch.div(scores_VBK[v], temperature, out=out)
            targets = [codes_ABK[a] for a in range(assigned) if a != v]
            for code_BK in targets:
                loss -= per_pair * torch.dot(code_BK.flatten(), logits_BK.flatten())
            highest_B1 = logits_BK.amax(dim=-1, keepdim=True)
            odds_BK = logits_BK.sub_(highest_B1).exp_()
            total_B1 = odds_BK.sum(dim=-1, keepdim=True)
            loss += per_pair * len(targets) * (total_B1.log() + highest_B1).sum()
            if gradient_VBK is not None:
                odds_BK.mul_(len(targets) / total_B1)
                for code_BK in targets:
                    odds_BK.sub_(code_BK)
                odds_BK.mul_(per_pair / temperature)
        ctx.gradient_VBK = gradient_VBK
        return loss

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient with respect to the scores, once."""
        gradient_VBK, ctx.gradient_VBK = ctx.gradient_VBK, None
        if gradient_VBK is None:
            raise RuntimeError(
                "the gradient of swav_loss must be computed once; it was computed before. Compute the loss again."
            )
        return gradient_VBK.mul_(outputs[0]), None, None


def projection_head(width: int, config: Swav) -> nn.Sequential:
    """Return the MLP from trunk features to D dimensions, with batch normalisation in hidden layers only."""
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
        """Scale every prototype to length one."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Return unit vectors, float32, shape (V, B, D).

        Views of one size pass through the trunk together, so that batch statistics are those of one size, as published.
        """
        features = []
        for _, group in groupby(views, key=lambda view: view.shape[-1]):
            batch = torch.cat(list(group)).contiguous(memory_format=torch.channels_last)
            features.append(self.trunk(pixel_values=batch).pooler_output.flatten(1))
        vectors = F.normalize(self.head(torch.cat(features)).float(), dim=1)
        return vectors.view(len(views), -1, vectors.shape[1])


class SwavObjective:
    """The SwAV loss of a batch of views, with the queue and the frozen start of the prototypes."""

    def __init__(self, recipe: Recipe, *, device: torch.device) -> None:
        self.config, self._precision, self._device = recipe.swav, recipe.precision, device
        network: SwavNetwork = SwavNetwork(recipe.network.shape(), recipe.swav).to(device)
        self.module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.queue = VectorQueue(
            crops=ASSIGNED, length=recipe.swav.queue, dimension=recipe.swav.dimension, device=device
        )
        self.chance = math.log(recipe.swav.prototypes)
        self._idle_K = torch.zeros(recipe.swav.prototypes, device=device)

    @property
    def trunk(self) -> nn.Module:
        """The part of the network that embeds images."""
        trunk: nn.Module = self.module.trunk
        return trunk

    def loss(self, views: Sequence[Tensor], targets: Tensor, *, share: float) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch and numbers to record; ``share`` is the completed part of the run, in [0, 1]."""
        self.module.normalise_prototypes()
        with autocast(self._precision, self._device):
            vectors_VBD = self.module(views)
        # Outside autocast, because a code is exp(score / epsilon) and bfloat16 keeps 8 bits of a score.
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
        return loss, {**self._health(vectors_VBD.detach(), assigned_ABK, codes_ABK), "queue": float(used)}

    def _health(self, vectors_VBD: Tensor, scores_ABK: Tensor, codes_ABK: Tensor) -> dict[str, float]:
        """Return diagnostics of the training.

        ``confidence``: mean highest probability of the predictions. ``prototype_use``: entropy of the mean code over
        ln K, 1 if all prototypes are used equally. ``empty_prototypes``: share of prototypes that were nearest to none
        of the last 20 K vectors. ``spread``: one minus the squared length of the mean vector, 0 if all are alike.
        """
        sure = torch.softmax(scores_ABK[0] / self.config.temperature, dim=-1).amax(dim=-1).mean()
        use_K = codes_ABK.mean(dim=(0, 1))
        entropy = -(use_K * use_K.clamp_min(1e-12).log()).sum() / self.chance
        self._idle_K += scores_ABK.shape[0] * scores_ABK.shape[1]
        self._idle_K[scores_ABK.argmax(dim=-1).flatten()] = 0
        empty = (self._idle_K > PATIENCE * len(use_K)).float().mean()
        spread = 1 - vectors_VBD[0].mean(dim=0).square().sum()
        # One transfer for all numbers, since each transfer makes a GPU wait.
        names = ("confidence", "prototype_use", "empty_prototypes", "spread")
        return dict(zip(names, torch.stack([sure, entropy, empty, spread]).tolist(), strict=True))

    def before_step(self, *, share: float) -> None:
        """Freeze the prototypes during the first part of the run."""
        if share < self.config.freeze_prototypes:
            self.module.prototypes.weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"module": self.module.state_dict(), "queue": self.queue.state_dict(), "idle": self._idle_K}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.module.load_state_dict(state["module"])
        self.queue.load_state_dict(state["queue"])
        self._idle_K = state["idle"].to(self._idle_K.device)

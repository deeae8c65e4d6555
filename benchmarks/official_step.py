"""The published form of a SwAV step, for the benchmarks: what a user gets from the script of arXiv:2006.09882.

One Sinkhorn per assigned crop, one log-softmax per pair of crops, a queue that is asked each step whether its last
row is zero, images in the default memory layout, the loss read at the end. Without its collectives.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.loss import plain_codes, plain_loss
from benchmarks.pil_views import pil_views
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.swav import ASSIGNED, SwavNetwork


class OfficialStep:
    """A network of the recipe's shape, trained as the published script trains it.

    Parameters
    ----------
    recipe : Recipe
        Without LARC.
    channels_last : bool
        Lay images and weights out as ours are; the published script does not.
    device : device
    """

    def __init__(self, recipe: Recipe, *, channels_last: bool, device: torch.device) -> None:
        self._recipe, self._device = recipe, device
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = SwavNetwork(recipe.network.shape(), recipe.swav)
        self.network.to(device, memory_format=self._layout)  # type: ignore[call-overload]
        shape = (ASSIGNED, recipe.swav.queue, recipe.swav.dimension)
        self._queue = torch.zeros(shape, device=device) if recipe.swav.queue else None
        self._uses_queue = False
        options = recipe.optimiser
        self._optimiser = torch.optim.SGD(
            self.network.parameters(), lr=0.01, momentum=options.momentum, weight_decay=options.weight_decay
        )
        self._rng = np.random.default_rng(0)

    def views(self, contents: Sequence[bytes]) -> list[Tensor]:
        """Return the views of a batch, decoded and cut one image at a time."""
        each = [pil_views(content, self._recipe.crops, self._rng) for content in contents]
        return [torch.stack(view).to(self._device) for view in zip(*each, strict=True)]

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Return unit vectors of all views, one after the other, shape (V B, D)."""
        groups = (torch.cat(list(group)) for _, group in groupby(views, key=lambda view: view.shape[-1]))
        features = [
            self.network.trunk(pixel_values=x.contiguous(memory_format=self._layout)).pooler_output.flatten(1)
            for x in groups
        ]
        return F.normalize(self.network.head(torch.cat(features)), dim=1, p=2)

    def train(self, views: Sequence[Tensor]) -> float:
        """Take a step and return its loss."""
        self.network.normalise_prototypes()
        vectors = self.forward(views)
        scores, batch = self.network.prototypes(vectors), len(views[0])
        with torch.no_grad():
            codes = [self._code(crop, scores, vectors.detach(), batch) for crop in range(ASSIGNED)]
        loss = plain_loss(scores.view(len(views), batch, -1), codes, temperature=self._recipe.swav.temperature)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        return loss.item()

    def _code(self, crop: int, scores: Tensor, vectors: Tensor, batch: int) -> Tensor:
        own = slice(batch * crop, batch * (crop + 1))
        out = scores[own].detach()
        if self._queue is not None:
            places = self._queue[crop]
            if self._uses_queue or not torch.all(places[-1] == 0):
                self._uses_queue = True
                out = torch.cat([places @ self.network.prototypes.weight.t(), out])
            places[batch:] = places[:-batch].clone()
            places[:batch] = vectors[own]
        swav = self._recipe.swav
        return plain_codes(out, epsilon=swav.epsilon, iterations=swav.iterations)[-batch:]

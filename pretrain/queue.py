"""``VectorQueue``: vectors of earlier batches that join the assignment if a batch is smaller than K.

Shapes: A assigned crops, L places, B images of a batch, D dimensions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class VectorQueue:
    """The last L projected vectors of each assigned crop, newest first.

    The queue keeps vectors instead of scores, so that they are compared with the current prototypes. It takes no part
    until all places are filled, since empty places would be assigned too.

    Parameters
    ----------
    crops : int
        A, number of crops with codes.
    length : int
        L, a multiple of the batch; 0 for no queue.
    dimension : int
        D.
    """

    def __init__(self, *, crops: int, length: int, dimension: int, device: torch.device | str = "cpu") -> None:
        self.vectors_ALD = torch.zeros(crops, length, dimension, device=device)
        self.filled = 0

    @property
    def ready(self) -> bool:
        """Whether every place holds a vector."""
        length = self.vectors_ALD.shape[1]
        return 0 < length <= self.filled

    @torch.no_grad()
    def push(self, vectors_ABD: Tensor) -> None:
        """Put a batch in front and drop the oldest vectors; do nothing for a queue of length 0."""
        length, batch = self.vectors_ALD.shape[1], vectors_ABD.shape[1]
        if length == 0:
            return
        self.vectors_ALD = torch.cat([vectors_ABD.detach().float(), self.vectors_ALD], dim=1)[:, :length].contiguous()
        self.filled = min(self.filled + batch, length)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"vectors": self.vectors_ALD, "filled": self.filled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.vectors_ALD = state["vectors"].to(self.vectors_ALD.device)
        self.filled = int(state["filled"])

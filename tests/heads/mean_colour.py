"""A model that needs no weights, for what is fitted on top of one."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from fairaudit.core.audit import ModelCard


class MeanColour:
    """A model whose embedding is the mean colour of an image."""

    card = ModelCard("mean colour", "test", "none", 0, 3, "0" * 64, {})
    labels: tuple[str, ...] = ()

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3))

    def embed_and_predict(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        return self.embed(batch), None

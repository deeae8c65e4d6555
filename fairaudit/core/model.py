"""``Model``: the interface of a checkpoint for the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fairaudit.core.audit import ModelCard

if TYPE_CHECKING:
    import torch
    from PIL import Image


@runtime_checkable
class Model(Protocol):
    """A checkpoint, ready to embed images.

    Attributes
    ----------
    card : ModelCard
        Description for the report.
    labels : tuple of str
        Labels of its own head, in the order of its outputs; empty if it has none.
    """

    card: ModelCard
    labels: tuple[str, ...]

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Return the preprocessed RGB image: float32, shape (3, H, W)."""
        ...

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        """Return float32 embeddings, shape (B, D), of a batch (B, 3, H, W)."""
        ...

    def embed_and_predict(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return embeddings (B, D) and softmax scores (B, C), or None if there is no head."""
        ...

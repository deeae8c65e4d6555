"""Outputs of any ``nn.Module`` as one vector per image: checked, and averaged if they are maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.models._torch_model import Read


def module_reader(source: str, network: nn.Module, notes: list[str]) -> Read:
    """Return the function that runs ``network``: its output is the embedding, its ``predict`` returns the scores.

    The output is (B, D), or (B, D, H, W), which is averaged over H and W and noted once in ``notes``.
    """

    def read(batch: Tensor, predict: bool) -> tuple[Tensor, Tensor | None]:
        vectors_BD = _one_vector(source, _tensor(source, network(batch)), notes)
        if not predict:
            return vectors_BD, None
        scores_BC = network.predict(batch)  # type: ignore[operator]  # callable, as _labels checked
        return vectors_BD, _probabilities(source, scores_BC)

    return read


def _tensor(source: str, output: Any) -> Tensor:
    """Return the tensor of a network's output: pooled before unpooled before first."""
    for name in ("pooler_output", "last_hidden_state"):
        value = getattr(output, name, None)
        if isinstance(value, Tensor):
            return value
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise CheckpointError(
            f"checkpoint '{source}' must return a tensor, a tuple that starts with one, or an output with "
            f"pooler_output; got {type(output).__name__}. Return the embedding."
        )
    return output


def _one_vector(source: str, output: Tensor, notes: list[str]) -> Tensor:
    if output.ndim == 4:
        note = f"The network gives maps of {output.shape[2]} x {output.shape[3]}; the embedding is their average."
        if output.shape[2:] == (1, 1):
            return output.flatten(1)
        if note not in notes:
            notes.append(note)
        return output.mean(dim=(2, 3))
    if output.ndim != 2:
        raise CheckpointError(
            f"checkpoint '{source}' must return one vector per image, shape (B, D) or (B, D, H, W); got "
            f"{tuple(output.shape)}. Return the token or the average that represents the image."
        )
    return output


def _probabilities(source: str, scores: Any) -> Tensor:
    if isinstance(scores, Tensor) and scores.ndim == 2:
        sums_B = scores.float().sum(dim=1)
        if bool((scores >= 0).all()) and torch.allclose(sums_B, torch.ones_like(sums_B), atol=1e-3):
            return scores
    got = f"a tensor of shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
    raise CheckpointError(
        f"checkpoint '{source}' must have a method predict(batch) that returns probabilities, shape (B, C), rows "
        f"that sum to 1; got {got} with other values. Apply softmax in predict."
    )

"""``TextTower``: the text encoder of a CLIP-like network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError, ConfigError

# Legend of shape suffixes: N images, T texts, L tokens, E dimensions of an embedding, D shared dimensions.

_AT_ONCE = 256


class TextTower:
    """Encode texts, and project embeddings of images, as comparable vectors.

    Parameters
    ----------
    network : Module
        Network of ``transformers`` with ``text_model``, ``logit_scale`` and perhaps ``text_projection``.
    open_tokenizer : callable
        Returns the network's tokenizer; called once, when the first text is encoded.
    projection : Module or None
        From the model's embedding to a vector that is compared with texts; None if the embedding is that vector.
    full_length : bool
        Whether each text is padded to the greatest length, as in SigLIP's training.
    name : str
        Name of the checkpoint in errors.
    device : torch.device
        Device on which texts are encoded.
    """

    def __init__(
        self,
        network: Any,
        open_tokenizer: Callable[[], Any],
        *,
        projection: nn.Module | None,
        full_length: bool,
        name: str,
        device: torch.device,
    ) -> None:
        parts = {"text_model": network.text_model}
        if hasattr(network, "text_projection"):
            parts["text_projection"] = network.text_projection
        self._parts = nn.ModuleDict(parts).eval().requires_grad_(False)
        self._open_tokenizer, self._projection, self._name, self._device = open_tokenizer, projection, name, device
        self._config: Any = network.config.text_config
        self._full_length = full_length
        self.scale = float(network.logit_scale.detach().exp())

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the vector of each text, float32, shape (T, D); not normalised.

        Raises
        ------
        CheckpointError
            If the tokenizer is missing or belongs to another network.
        ConfigError
            If a text has more tokens than the network reads.
        """
        self._parts.to(self._device)
        blocks = [self._encode(list(texts[start : start + _AT_ONCE])) for start in range(0, len(texts), _AT_ONCE)]
        return torch.cat(blocks).float().cpu().numpy()

    def features(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return embeddings (N, E) as vectors that are compared with texts, float32, shape (N, D)."""
        if self._projection is None:
            return np.asarray(vectors)
        device = next(self._projection.parameters()).device
        with torch.inference_mode():
            projected: Tensor = self._projection(torch.from_numpy(np.array(vectors)).to(device))
        return projected.float().cpu().numpy()

    @torch.inference_mode()
    def _encode(self, texts: list[str]) -> Tensor:
        longest = int(self._config.max_position_embeddings)
        for text, tokens in zip(texts, self._tokenizer(texts)["input_ids"], strict=True):
            if len(tokens) > longest:
                raise ConfigError(
                    f"prompt '{text:.60}' must have at most {longest} tokens, which '{self._name}' reads; got "
                    f"{len(tokens)}. Shorten it."
                )
        padding = {"padding": "max_length", "max_length": longest} if self._full_length else {"padding": True}
        tokens_TL = self._tokenizer(texts, return_tensors="pt", **padding)
        pooled: Tensor = self._parts["text_model"](**tokens_TL.to(self._device)).pooler_output
        return self._parts["text_projection"](pooled) if "text_projection" in self._parts else pooled

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = self._open_tokenizer()
        got, known = len(tokenizer), int(self._config.vocab_size)
        # If its files are missing, transformers makes a tokenizer with almost no words, without an error.
        if got > known or 2 * got < known:
            raise CheckpointError(
                f"checkpoint '{self._name}' must come with the tokenizer of its text tower, which knows {known:,} "
                f"tokens; got one with {got:,}. Save the tokenizer (tokenizer.json, tokenizer_config.json) beside it."
            )
        return tokenizer

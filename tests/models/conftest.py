"""Small networks with random weights, saved as users have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

MakeFolder = Callable[..., Path]


LETTERS = tuple("abcdefghijklmnopqrstuvwxyz.")
VOCABULARY = ("<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS))
VISION = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
          "image_size": 28, "patch_size": 14}  # fmt: skip
TEXT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 32, "vocab_size": len(VOCABULARY), "bos_token_id": 0, "eos_token_id": 1,
        "pad_token_id": 1}  # fmt: skip


def small_config(family: str, **more: Any) -> Any:
    """A configuration with a few thousand weights; every family but one takes 28 px."""
    sizes: dict[str, dict[str, Any]] = {
        "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        "regnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "groups_width": 8},
        "convnext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
        "vit": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                "image_size": 28, "patch_size": 14},
        "dinov2": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
                   "patch_size": 14},
        "dinov3_vit": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                       "image_size": 28, "patch_size": 14, "num_register_tokens": 2},
        "dinov3_convnext": {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]},
        "clip": {"vision_config": VISION, "text_config": TEXT, "projection_dim": 12},
        "clip_vision_model": {**VISION, "projection_dim": 12},
        "siglip": {"vision_config": VISION, "text_config": {**TEXT, "projection_size": 16}},
        "siglip_vision_model": VISION,
        "bert": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                 "vocab_size": 20},
    }  # fmt: skip
    return transformers.AutoConfig.for_model(family, **{**sizes[family], **more})


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return a function that saves a small network of a family, with a head if labels are given."""

    def make(
        family: str, *, labels: tuple[str, ...] = (), processor: bool = True, name: str = "checkpoint", **more: Any
    ) -> Path:
        torch.manual_seed(0)
        if labels:
            more = {**more, "id2label": dict(enumerate(labels)), "label2id": {n: i for i, n in enumerate(labels)}}
        config = small_config(family, **more)
        loader: Any = transformers.AutoModelForImageClassification if labels else transformers.AutoModel
        network = loader.from_config(config)
        # Fresh batch normalisations change nothing; give them what training would have measured.
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        network.save_pretrained(tmp_path / name)
        if processor:
            # Its stages halve the side five times.
            side = 32 if family == "dinov3_convnext" else 28
            transformers.ConvNextImageProcessorPil(size={"shortest_edge": side}).save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def save_tokenizer() -> Callable[[Path], None]:
    """Return a function that saves a tokenizer of CLIP that knows letters beside a network."""

    def save(folder: Path) -> None:
        vocabulary = {token: i for i, token in enumerate(VOCABULARY)}
        transformers.CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)

    return save


@pytest.fixture
def images(rng: Any) -> list[Any]:
    """Return random RGB images of several shapes."""
    from PIL import Image

    shapes = [(40, 60), (60, 40), (28, 28), (33, 97), (200, 31)]
    return [Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype="uint8")) for h, w in shapes]

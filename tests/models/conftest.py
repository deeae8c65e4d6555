"""Small networks with random weights, saved as users have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

MakeFolder = Callable[..., Path]


def small_config(family: str, **more: Any) -> Any:
    """A configuration with a few thousand weights; every family takes 28 px."""
    sizes: dict[str, dict[str, Any]] = {
        "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
        "regnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "groups_width": 8},
        "convnext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2},
        "vit": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
                "image_size": 28, "patch_size": 14},
        "dinov2": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
                   "patch_size": 14},
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
            transformers.ConvNextImageProcessorPil(size={"shortest_edge": 28}).save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def images(rng: Any) -> list[Any]:
    """Return random RGB images of several shapes."""
    from PIL import Image

    shapes = [(40, 60), (60, 40), (28, 28), (33, 97), (200, 31)]
    return [Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype="uint8")) for h, w in shapes]

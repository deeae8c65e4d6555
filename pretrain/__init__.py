"""Pre-training of RegNets with SwAV: from images to a run folder with a network that ``transformers`` opens.

Names are imported on first use, so that importing the package loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairaudit.pretrain.recipe import Recipe, load_recipe, shipped_recipes
    from fairaudit.pretrain.supervised import train_supervised
    from fairaudit.pretrain.symptoms import TrainingWarning
    from fairaudit.pretrain.train import pretrain
    from fairaudit.pretrain.untrained import random_weights
    from fairaudit.pretrain.watch import KnnAccuracy

_WHERE = {
    "KnnAccuracy": "watch",
    "Recipe": "recipe",
    "TrainingWarning": "symptoms",
    "load_recipe": "recipe",
    "pretrain": "train",
    "random_weights": "untrained",
    "shipped_recipes": "recipe",
    "train_supervised": "supervised",
}

__all__ = [
    "KnnAccuracy",
    "Recipe",
    "TrainingWarning",
    "load_recipe",
    "pretrain",
    "random_weights",
    "shipped_recipes",
    "train_supervised",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'fairaudit.pretrain' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fairaudit.pretrain.{_WHERE[name]}"), name)

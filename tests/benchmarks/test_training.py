"""The training benchmarks compare like with like, and count a missed bar as missed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import learning
from benchmarks.official_step import OfficialStep
from benchmarks.pil_views import pil_views
from fairaudit.pretrain.recipe import Recipe, load_recipe
from fairaudit.pretrain.settings import Crops, Schedule, Swav
from fairaudit.pretrain.swav import SwavObjective

CPU = torch.device("cpu")
RECIPE = Recipe(
    swav=Swav(prototypes=12, dimension=6, hidden=(10,), queue=8),
    crops=Crops(sizes=(24, 16), counts=(2, 1), scales=((0.4, 1.0), (0.2, 0.5)), store=24, blur=0.5),
    schedule=Schedule(samples=48, batch=8),
)


@pytest.mark.parametrize("channels_last", [False, True])
def test_both_sides_of_the_step_have_the_same_loss(channels_last: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(8, 3, side, side, generator=generator) for side in (24, 24, 16)]
    ours = SwavObjective(RECIPE, device=CPU)
    theirs = OfficialStep(RECIPE, channels_last=channels_last, device=CPU)
    theirs.network.load_state_dict(ours.module.state_dict())
    loss, _ = ours.loss(views, torch.empty(0), share=0.5)
    assert theirs.train(views) == pytest.approx(float(loss.detach()), rel=1e-4)


def test_the_usual_pipeline_makes_the_views_of_a_recipe() -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(file, "PNG")
    views = pil_views(file.getvalue(), RECIPE.crops, np.random.default_rng(1))
    assert [tuple(view.shape) for view in views] == [(3, 24, 24), (3, 24, 24), (3, 16, 16)]
    assert all(view.dtype == torch.float32 and view.abs().max() < 3 for view in views)  # (1 - .406) / .225 = 2.64


def row(loss: float, random: float, accuracy: float, seconds: float = 60.0, name: str = "thing") -> dict[str, Any]:
    return {"loss": loss, name: {"random": random, "accuracy": accuracy}, "seconds": seconds}


@pytest.mark.parametrize(
    ("title", "found", "missed"),
    [
        ("demo, seed 0", row(0.89, 0.4, 0.51), []),
        ("demo, seed 0", row(0.91, 0.4, 0.51), ["demo, seed 0: loss 0.910 ln K"]),
        ("demo, seed 0", row(0.89, 0.4, 0.49), ["demo, seed 0: k-NN +0.090"]),
        ("demo, seed 0", row(0.89, 0.4, 0.51, 301), ["demo, seed 0: 301 s"]),
        ("small_faces, seed 1", row(0.95, 0.5, 0.51, name="gender"), []),
        ("small_faces, seed 1", row(0.95, 0.5, 0.5, name="gender"), ["small_faces, seed 1: gender"]),
    ],
)
def test_a_missed_bar_is_said(title: str, found: dict[str, Any], missed: list[str]) -> None:
    assert learning.shortfalls({title: found}) == missed


def test_a_change_of_a_recipe_is_made_and_checked() -> None:
    assert learning.changed(RECIPE, {"crops.colour": 0.8, "swav.queue": 0}).crops.colour == 0.8
    for changes in learning.TRIED.values():
        learning.changed(load_recipe(learning.DRAWN), changes)

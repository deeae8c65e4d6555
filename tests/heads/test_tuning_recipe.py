"""The published recipe to the digit, and fields that are out of range."""

from __future__ import annotations

from typing import Any

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.heads.tuning_recipe import make_tuning_recipe


def test_the_published_recipe() -> None:
    """Goyal et al. 2022: 0.0125 for 256 images, 32 GPUs of 32 images: 0.05; a tenth of it at 30, 60, 90 and 100."""
    recipe = make_tuning_recipe("goyal2022")
    assert recipe.learning_rate == pytest.approx(0.0125 * 1024 / 256) == pytest.approx(0.05)
    rates = [recipe.rate_at(epoch) for epoch in (0, 29, 30, 59, 60, 89, 90, 99, 100, 104)]
    assert rates == pytest.approx([5e-2, 5e-2, 5e-3, 5e-3, 5e-4, 5e-4, 5e-5, 5e-5, 5e-6, 5e-6])
    assert (recipe.epochs, recipe.momentum, recipe.weight_decay, recipe.seed) == (105, 0.9, 1e-4, 1)
    assert (recipe.size, recipe.resize, recipe.least_area, recipe.flip) == (224, 256, 0.08, 0.5)


def test_the_rate_grows_with_the_batch_and_fields_can_be_changed() -> None:
    recipe = make_tuning_recipe("goyal2022", {"batch": 64, "epochs": None, "seed": 7})
    assert recipe.learning_rate == pytest.approx(0.0125 / 4)
    assert (recipe.epochs, recipe.seed, recipe.name) == (105, 7, "goyal2022")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epochs": 0}, "epochs of fine-tuning must be at least 1; got 0. Correct --epochs."),
        ({"batch": 1}, "batch of fine-tuning must be at least 2; got 1. Correct --batch."),
        ({"rate": 0.0}, "rate of fine-tuning must be above 0; got 0. Correct --rate."),
        ({"momentum": 1.0}, "momentum of fine-tuning must be in [0, 1); got 1. Correct --momentum."),
        ({"weight_decay": -1.0}, "weight_decay of fine-tuning must be at least 0; got -1. Correct --weight-decay."),
        ({"milestones": (9, 3)}, "milestones of fine-tuning must be rising epochs; got 9,3. Correct --milestones."),
        ({"factor": 2.0}, "factor of fine-tuning must be in (0, 1]; got 2. Correct --factor."),
        ({"size": 8}, "size of fine-tuning must be 0 or at least 16 pixels; got 8. Correct --size."),
        (
            {"resize": 32},
            "resize of fine-tuning must be 0, or at least a size that is given; got 32. Correct --resize.",
        ),
        ({"least_area": 0.0}, "least_area of fine-tuning must be in (0, 1]; got 0. Correct --least-area."),
        ({"flip": 1.5}, "flip of fine-tuning must be in [0, 1]; got 1.5. Correct --flip."),
        ({"seed": -1}, "seed of fine-tuning must be at least 0; got -1. Correct --seed."),
        ({"epochs": 2.5}, "fine-tuning.epochs must be a whole number; got 2.5. Correct it."),
        ({"milestones": "3,x"}, "fine-tuning.milestones.2 must be a whole number; got 'x'. Correct it."),
        ({"epoch": 3}, "got 'epoch'. Did you mean 'epochs'?"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_fields_out_of_range(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_tuning_recipe("small", changes)
    assert str(caught.value).endswith(text)


def test_an_unknown_preset() -> None:
    with pytest.raises(ConfigError) as caught:
        make_tuning_recipe("goyal2021")
    assert str(caught.value) == (
        "preset of fine-tuning must be one of: goyal2022, small; got 'goyal2021'. Did you mean 'goyal2022'?"
    )

"""Symptoms: each is warned of once, late enough, with what to do; a healthy run is left in peace."""

from __future__ import annotations

import math
import warnings

import pytest

from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Schedule, Swav
from fairaudit.pretrain.symptoms import Symptoms, TrainingWarning

CHANCE = math.log(100)
RECIPE = Recipe(
    swav=Swav(prototypes=100, dimension=8, queue=64, freeze_prototypes=0.2),
    schedule=Schedule(samples=6400, batch=32),
)


def row(step: int, **other: float) -> dict[str, float]:
    return {"step": step, "loss": 3.0, "queue": 1.0, "empty_prototypes": 0.1, "spread": 0.8, **other}


def warned(*rows: dict[str, float]) -> list[str]:
    symptoms = Symptoms(RECIPE)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", TrainingWarning)
        for one in rows:
            symptoms.see(one)
    assert len(found) == len(symptoms.warned)
    return [str(one.message) for one in found]


def test_a_healthy_run_is_left_in_peace() -> None:
    assert warned(*(row(step) for step in range(1, 201))) == []


def test_a_loss_at_ln_k_is_allowed_while_prototypes_are_frozen_and_a_quarter_longer() -> None:
    assert warned(*(row(step, loss=CHANCE) for step in range(1, 91))) == []
    (sentence,) = warned(*(row(step, loss=CHANCE) for step in range(1, 201)))
    assert sentence.startswith(
        "step 91: the loss must fall below that of a blind guess, ln K = 4.605; got 4.605. Lower"
    )


def test_a_queue_that_starts_too_early() -> None:
    before = [row(step, loss=3.0, queue=0.0) for step in range(1, 31)]
    assert warned(*before, *(row(step, loss=3.1) for step in range(31, 61))) == []
    (sentence,) = warned(*before, *(row(step, loss=3.5) for step in range(31, 61)))
    assert "the loss must not rise when the queue starts; got 3.2" in sentence
    assert "after 3.000. Raise swav.queue_from or use a shorter queue" in sentence


def test_prototypes_that_nothing_is_near() -> None:
    (sentence,) = warned(*(row(step, empty_prototypes=0.8) for step in range(1, 201)))
    assert "prototypes must be nearest to some vector; got 80% that are not. Use fewer prototypes" in sentence


def test_vectors_that_are_all_alike() -> None:
    (sentence,) = warned(*(row(step, spread=0.01) for step in range(1, 201)))
    assert "vectors of different images must differ; got a spread of 0.010 (1 is best, 0 all alike). Lower" in sentence


@pytest.mark.parametrize("steps", [1, 19])
def test_a_run_too_short_to_tell(steps: int) -> None:
    assert warned(*(row(200, loss=CHANCE) for _ in range(steps))) == []

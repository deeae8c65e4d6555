from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from fairaudit.pretrain.optimiser import LarcSGD, learning_rate
from fairaudit.pretrain.settings import Optimiser, Schedule


def test_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    schedule = Schedule(warm_up=0.2, final=0.01)

    def rate(share: float) -> float:
        return learning_rate(share, highest=2.0, schedule=schedule)

    assert rate(0.0) == pytest.approx(0.02)
    assert rate(0.1) == pytest.approx(1.01)
    assert rate(0.2) == pytest.approx(2.0)
    assert rate(0.6) == pytest.approx(2.0 * (0.01 + 0.99 * 0.5))
    assert rate(0.8) == pytest.approx(2.0 * (0.01 + 0.99 * 0.5 * (1 + math.cos(0.75 * math.pi))))
    assert rate(1.0) == pytest.approx(0.02)


def test_without_warm_up_the_first_rate_is_the_highest() -> None:
    assert learning_rate(0.0, highest=0.3, schedule=Schedule(warm_up=0.0)) == pytest.approx(0.3)


def test_without_larc_it_is_sgd_with_momentum() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimiser = LarcSGD([weight], Optimiser(momentum=0.9, weight_decay=0.1))
    gradients = [torch.tensor([0.5, 1.0]), torch.tensor([-0.2, 0.3])]
    expected, velocity = weight.detach().clone(), torch.zeros(2)
    for gradient, rate in zip(gradients, (0.1, 0.2), strict=True):
        weight.grad = gradient.clone()
        optimiser.scaled_step(rate)
        velocity = 0.9 * velocity + gradient + 0.1 * expected
        expected = expected - rate * velocity
        torch.testing.assert_close(weight.detach(), expected)


def test_larc_scales_each_tensor_by_the_ratio_of_norms() -> None:
    a, b = nn.Parameter(torch.tensor([3.0, 4.0])), nn.Parameter(torch.zeros(2))
    optimiser = LarcSGD([a, b], Optimiser(momentum=0.0, weight_decay=0.01, larc=0.02))
    a.grad, b.grad = torch.tensor([0.6, 0.8]), torch.tensor([1.0, 0.0])
    optimiser.scaled_step(0.5)
    scale = 0.02 * 5.0 / (1.0 + 0.01 * 5.0)
    torch.testing.assert_close(a.detach(), torch.tensor([3.0 - 0.5 * scale * 0.63, 4.0 - 0.5 * scale * 0.84]))
    torch.testing.assert_close(b.detach(), torch.tensor([-0.5, 0.0]))  # a weight of zero has no ratio: plain gradient


def test_larc_leaves_frozen_weights_alone() -> None:
    weight = nn.Parameter(torch.ones(2))
    LarcSGD([weight], Optimiser(larc=0.001)).scaled_step(0.1)
    torch.testing.assert_close(weight.detach(), torch.ones(2))

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fairaudit.pretrain.queue import VectorQueue
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import PRESETS
from fairaudit.pretrain.settings import Crops, Schedule, Swav
from fairaudit.pretrain.swav import SwavNetwork, SwavObjective, projection_head, swav_loss
from tests.reference import swav as reference


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.normal(size=shape)
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


@pytest.mark.parametrize("epsilon", [0.05, 0.03, 0.01])
@pytest.mark.parametrize("views", [2, 3, 6])
def test_loss_equals_the_per_pair_form_in_float64(views: int, epsilon: float) -> None:
    rng = np.random.default_rng(views)
    prototypes = unit(rng, 30, 8)
    scores = [unit(rng, 20, 8) @ prototypes.T for _ in range(views)]
    codes = [reference.sinkhorn_codes(s, epsilon, 3) for s in scores[:2]]
    loss = swav_loss(torch.tensor(np.array(scores)), torch.tensor(np.array(codes)), temperature=0.1)
    assert float(loss) == pytest.approx(reference.swav_loss(scores, codes, 0.1), rel=1e-5)


def test_gradient_equals_finite_differences() -> None:
    rng = np.random.default_rng(0)
    scores = np.array([unit(rng, 4, 5) @ unit(rng, 6, 5).T for _ in range(3)])
    codes = np.array([reference.sinkhorn_codes(s, 0.1, 3) for s in scores[:2]])
    free = torch.tensor(scores, dtype=torch.float32, requires_grad=True)
    swav_loss(free, torch.tensor(codes), temperature=0.5).backward()  # type: ignore[no-untyped-call]
    assert free.grad is not None
    for index in [(0, 1, 2), (1, 3, 0), (2, 0, 5)]:
        up, down = scores.copy(), scores.copy()
        up[index] += 1e-5
        down[index] -= 1e-5
        slope = (
            reference.swav_loss(list(up), list(codes), 0.5) - reference.swav_loss(list(down), list(codes), 0.5)
        ) / 2e-5
        assert float(free.grad[index]) == pytest.approx(slope, abs=1e-5)


def test_a_blind_guess_costs_ln_k() -> None:
    codes = torch.softmax(torch.randn(2, 7, 11, generator=torch.manual_seed(0)), dim=-1)
    assert float(swav_loss(torch.zeros(4, 7, 11), codes, temperature=0.1)) == pytest.approx(math.log(11), rel=1e-6)


def small(**swav: object) -> Recipe:
    values: dict[str, object] = {"prototypes": 24, "dimension": 8, "hidden": (16,), "queue": 12, **swav}
    return Recipe(
        swav=Swav(**values),  # type: ignore[arg-type]
        crops=Crops(sizes=(32, 16), counts=(2, 1), scales=((0.4, 1.0), (0.1, 0.4)), store=32),
        schedule=Schedule(samples=60, batch=6),
    )


def views(seed: int, batch: int = 6) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, 3, s, s, generator=g) for s in (32, 32, 16)]


def test_objective_equals_the_reference_with_and_without_the_queue() -> None:
    torch.manual_seed(0)
    objective = SwavObjective(small(), device=torch.device("cpu"))
    stored: list[np.ndarray] = []
    for step in range(4):
        batch = views(step)
        loss, numbers = objective.loss(batch, torch.empty(0), share=0.0)
        with torch.no_grad():
            vectors = objective.module(batch).double().numpy()
        prototypes = objective.module.prototypes.weight.detach().double().numpy()
        scores = [v @ prototypes.T for v in vectors]
        if len(stored) < 2:  # two batches of six fill the twelve places
            codes = [reference.sinkhorn_codes(scores[i], 0.05, 3) for i in range(2)]
        else:
            queued = [np.concatenate([stored[-1][i], stored[-2][i]]) @ prototypes.T for i in range(2)]
            codes = [reference.sinkhorn_codes(np.concatenate([queued[i], scores[i]]), 0.05, 3)[-6:] for i in range(2)]
        assert numbers["queue"] == float(len(stored) >= 2)
        assert float(loss.detach()) == pytest.approx(reference.swav_loss(scores, codes, 0.1), rel=1e-4), step
        stored.append(vectors[:2])


def test_prototypes_have_length_one_before_each_forward_and_no_bias() -> None:
    torch.manual_seed(0)
    objective = SwavObjective(small(), device=torch.device("cpu"))
    assert objective.module.prototypes.bias is None
    with torch.no_grad():
        objective.module.prototypes.weight.mul_(3.0)
    objective.loss(views(0), torch.empty(0), share=0.0)
    torch.testing.assert_close(objective.module.prototypes.weight.norm(dim=1), torch.ones(24))


def test_prototypes_stay_until_their_share_of_the_run_is_over() -> None:
    objective = SwavObjective(small(freeze_prototypes=0.5), device=torch.device("cpu"))
    for share, frozen in [(0.0, True), (0.49, True), (0.5, False)]:
        loss, _ = objective.loss(views(1), torch.empty(0), share=share)
        loss.backward()  # type: ignore[no-untyped-call]
        objective.before_step(share=share)
        assert (objective.module.prototypes.weight.grad is None) == frozen
        objective.module.zero_grad()


def test_views_of_one_size_share_their_batch_statistics() -> None:
    torch.manual_seed(0)
    network = SwavNetwork(PRESETS["tiny"], small().swav)
    network.train()
    a, b, c = views(2)
    with torch.no_grad():
        together = network([a, b, c])
        trunk = [network.trunk(pixel_values=x).pooler_output.flatten(1) for x in (torch.cat([a, b]), c)]
        expected = torch.nn.functional.normalize(network.head(torch.cat(trunk)), dim=1).view(3, 6, 8)
    torch.testing.assert_close(together, expected, atol=1e-5, rtol=1e-5)


def test_head_has_batch_norm_in_hidden_layers_alone() -> None:
    with_norm = projection_head(10, Swav(hidden=(7, 6), dimension=5))
    assert [type(m).__name__ for m in with_norm] == ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear"]
    without = projection_head(10, Swav(hidden=(7,), dimension=5, batch_norm=False))
    assert [type(m).__name__ for m in without] == ["Linear", "ReLU", "Linear"]
    assert [type(m).__name__ for m in projection_head(10, Swav(hidden=(), dimension=5))] == ["Linear"]


def test_queue_keeps_the_newest_first_and_is_ready_only_when_full() -> None:
    queue = VectorQueue(crops=2, length=6, dimension=3)
    batches = [torch.full((2, 2, 3), float(i)) for i in range(1, 5)]
    ready = []
    for batch in batches:
        ready.append(queue.ready)
        queue.push(batch)
    assert ready == [False, False, False, True]
    assert queue.vectors_ALD[0, :, 0].tolist() == [4, 4, 3, 3, 2, 2]


def test_queue_is_saved_and_goes_on() -> None:
    queue = VectorQueue(crops=2, length=4, dimension=3)
    queue.push(torch.ones(2, 2, 3))
    other = VectorQueue(crops=2, length=4, dimension=3)
    other.load_state_dict(queue.state_dict())
    other.push(torch.full((2, 2, 3), 2.0))
    assert other.ready
    assert other.vectors_ALD[1, :, 2].tolist() == [2, 2, 1, 1]


def test_a_queue_of_length_zero_does_nothing() -> None:
    queue = VectorQueue(crops=2, length=0, dimension=3)
    queue.push(torch.ones(2, 2, 3))
    assert not queue.ready

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.pretrain.sinkhorn import LOG_DOMAIN_BELOW, sinkhorn
from tests.reference import swav as reference


def cosine_scores(rng: np.random.Generator, n: int, k: int, d: int = 16) -> np.ndarray:
    x, c = rng.normal(size=(n, d)), rng.normal(size=(k, d))
    scores = (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (c / np.linalg.norm(c, axis=1, keepdims=True)).T
    return np.asarray(scores)


@pytest.mark.parametrize("epsilon", [0.5, 0.1, 0.05, 0.03, 0.02, 0.019, 0.01, 0.005])
@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_equals_the_published_form_in_float64(epsilon: float, iterations: int) -> None:
    scores = cosine_scores(np.random.default_rng(3), 96, 40)
    codes = sinkhorn(torch.from_numpy(scores).float(), epsilon=epsilon, iterations=iterations)
    expected = reference.sinkhorn_codes(scores, epsilon, iterations)
    # Scores in float32 are off by 6e-8, which the division by epsilon magnifies.
    np.testing.assert_allclose(codes.numpy(), expected, atol=5e-7 / epsilon)


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 10_000),
    log_epsilon=st.floats(np.log(0.003), np.log(2.0)),
    iterations=st.integers(1, 10),
    n=st.integers(2, 40),
    k=st.integers(2, 40),
    extreme=st.floats(0, 1),
)
def test_equals_the_published_form_for_any_epsilon_and_any_scores(
    seed: int, log_epsilon: float, iterations: int, n: int, k: int, extreme: float
) -> None:
    rng, epsilon = np.random.default_rng(seed), float(np.exp(log_epsilon))
    scores = np.where(rng.random((n, k)) < extreme, rng.choice([-1.0, 1.0], (n, k)), rng.uniform(-1, 1, (n, k)))
    scores = scores.astype(np.float32)
    codes = sinkhorn(torch.from_numpy(scores), epsilon=epsilon, iterations=iterations).numpy()
    expected = reference.sinkhorn_codes(scores.astype(np.float64), epsilon, iterations)
    np.testing.assert_allclose(codes, expected, atol=min(5e-7 / epsilon, 1e-4))


def test_many_iterations_reach_the_transport_optimum_and_use_prototypes_equally() -> None:
    scores = cosine_scores(np.random.default_rng(4), 120, 24)
    codes = sinkhorn(torch.from_numpy(scores), epsilon=0.05, iterations=400).numpy()
    np.testing.assert_allclose(codes, reference.optimal_transport(scores, 0.05), atol=1e-4)
    np.testing.assert_allclose(codes.sum(axis=0), np.full(24, 120 / 24), rtol=1e-3)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    epsilon=st.sampled_from([0.3, 0.05, 0.02, 0.01]),
    n=st.integers(2, 40),
    k=st.integers(2, 30),
)
def test_rows_sum_to_one_and_nothing_is_negative(seed: int, epsilon: float, n: int, k: int) -> None:
    scores = torch.from_numpy(cosine_scores(np.random.default_rng(seed), n, k))
    codes = sinkhorn(scores, epsilon=epsilon, iterations=3)
    assert codes.dtype == torch.float32
    assert bool((codes >= 0).all())
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(n), atol=1e-5, rtol=0)


def test_extreme_scores_stay_finite() -> None:
    scores = torch.tensor([[1.0, -1.0, -1.0], [1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])
    for epsilon in (0.05, LOG_DOMAIN_BELOW, 0.0199, 0.005):
        codes = sinkhorn(scores, epsilon=epsilon, iterations=10)
        assert bool(codes.isfinite().all()), epsilon


def test_crops_are_solved_together_as_if_alone() -> None:
    rng = np.random.default_rng(5)
    both = torch.from_numpy(np.stack([cosine_scores(rng, 32, 12), cosine_scores(rng, 32, 12)]))
    together = sinkhorn(both, epsilon=0.05, iterations=3)
    for crop in range(2):
        torch.testing.assert_close(together[crop], sinkhorn(both[crop], epsilon=0.05, iterations=3))


def test_half_precision_scores_are_computed_in_float32() -> None:
    scores = torch.from_numpy(cosine_scores(np.random.default_rng(6), 64, 30)).half()
    codes = sinkhorn(scores, epsilon=0.05, iterations=3)
    np.testing.assert_allclose(codes.numpy(), reference.sinkhorn_codes(scores.double().numpy(), 0.05, 3), atol=1e-5)

"""The intraclass correlation and its variance: exact sums over beta-binomial clusters, and simulation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.stats.correlation import Pairs, correlations, pair_variance

Floats = npt.NDArray[np.float64]


def beta_of(p: float, rho: float) -> tuple[float, float]:
    """Return the parameters of the beta distribution of cluster shares with mean p and correlation rho."""
    return p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho


def pairs_of(hits: Floats, sizes: Floats, singles: Floats | int = 0, n_singles: int = 0) -> Pairs:
    """Return a side of clusters (C, draws) of hits and misses, besides ``n_singles`` clusters of one row."""
    m = sizes.reshape((-1, *([1] * (hits.ndim - 1))))
    n = np.asarray(sizes.sum() + n_singles)
    mean = (hits.sum(axis=0) + singles) / n
    shape = np.broadcast_to(m, hits.shape)
    return Pairs(shape, hits, hits, n, np.asarray((sizes**2).sum() + n_singles), mean, mean * (1 - mean))


def drawn(rng: np.random.Generator, sizes: Floats, p: float, rho: float, draws: int) -> Floats:
    """Return hits (C, draws) of beta-binomial clusters."""
    rates = rng.beta(*beta_of(p, rho), (len(sizes), draws)) if rho > 0 else np.full((len(sizes), draws), p)
    return rng.binomial(sizes.astype(np.int64)[:, None], rates).astype(np.float64)


@pytest.mark.parametrize("m", [2, 3, 4, 5, 6])
@pytest.mark.parametrize(("p", "rho"), [(0.5, 0.3), (0.05, 0.2), (0.9, 0.7), (0.3, 0.001), (0.2, 0.999)])
def test_the_variance_of_pairs_is_that_of_all_outcomes_of_a_cluster(m: int, p: float, rho: float) -> None:
    hits = np.arange(m + 1)
    chance = stats.betabinom.pmf(hits, m, *beta_of(p, rho))
    products = (hits - m * p) ** 2 - hits * (1 - p) ** 2 - (m - hits) * p**2  # the sum over i != j of e_i e_j
    mean = float(chance @ products)
    v = p * (1 - p)
    assert mean == pytest.approx(m * (m - 1) * rho * v, rel=1e-6, abs=1e-12)
    variance = float(chance @ (products - mean) ** 2) / v**2
    found = pair_variance(np.array([float(m)]), np.array([rho]), np.array([v]))
    assert float(found[0]) == pytest.approx(variance, rel=1e-4)


def sizes_of(kind: str, clusters: int) -> Floats:
    rng = np.random.default_rng(7)
    drawn_sizes = {"equal": np.full(clusters, 6.0), "lognormal": np.ceil(np.exp(rng.normal(1.2, 1.0, clusters)))}
    return drawn_sizes[kind]


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("kind", ["equal", "lognormal"])
def test_the_estimating_equation_has_the_expectation_that_it_says(
    rng: np.random.Generator, kind: str, rho: float
) -> None:
    """At 12 clusters and 5 rows by themselves, where an estimated mean matters: left less right is 0 on average."""
    sizes = sizes_of(kind, 12)
    hits = drawn(rng, sizes, 0.3, rho, 40_000)
    side = pairs_of(hits, sizes, rng.binomial(5, 0.3, 40_000).astype(np.float64), 5)
    several = sizes > 1
    clusters = [field[several] for field in (side.rows, side.total, side.squares)]
    kept = Pairs(clusters[0], clusters[1], clusters[2], side.n, side.squared_sizes, side.mean, side.variance)
    for each in (side, kept):  # clusters of one row may stand among the others or not
        above, below = each.equation(np.asarray(0.2))
        lack = above - rho * below
        error = lack.std() / np.sqrt(len(lack))
        assert abs(lack.mean()) < 4 * error
        # In units of the correlation, that is a bias below .004.
        assert abs(lack.mean() / below.mean()) < 0.004


@pytest.mark.parametrize("clusters", [20, 100])
@pytest.mark.parametrize("kind", ["equal", "lognormal"])
@pytest.mark.parametrize("rho", [0.2, 0.5])
def test_the_correlation_is_nearly_unbiased(rng: np.random.Generator, clusters: int, kind: str, rho: float) -> None:
    """A ratio has a bias of the order 1 / C, and none may be below zero."""
    sizes = sizes_of(kind, clusters)
    hits = drawn(rng, sizes, 0.4, rho, 4000)
    found = correlations([pairs_of(hits, sizes)])[0]
    assert found.value.mean() == pytest.approx(rho, abs=0.65 / clusters + 0.003)


@pytest.mark.parametrize(("p", "rho", "most"), [(0.5, 0.3, 1.1), (0.2, 0.1, 1.2), (0.2, 0.3, 1.35), (0.05, 0.2, 1.4)])
def test_its_variance_is_no_less_than_that_of_its_estimates(
    rng: np.random.Generator, p: float, rho: float, most: float
) -> None:
    """It is that of the pairs alone; that their number is divided by a variance which moves with them is left out."""
    sizes = np.full(400, 6.0)
    side = pairs_of(drawn(rng, sizes, p, rho, 4000), sizes)
    noise, pairs = side.noise(np.asarray(rho), np.asarray(p))
    estimates = correlations([side])[0].value
    assert 0.97 < float(np.mean(np.sqrt(noise) / pairs)) / float(estimates.std()) < most


def test_without_pairs_there_is_no_correlation() -> None:
    none = pairs_of(np.zeros(0), np.zeros(0), 4, 10)
    ones = pairs_of(np.array([1.0, 0.0, 1.0]), np.ones(3))
    for found in correlations([none, ones]):
        assert float(found.value) == 0
        assert float(found.variance) == 0


def test_rows_that_are_equal_within_clusters_are_all_alike() -> None:
    sizes = np.array([4.0, 2.0, 5.0, 3.0] * 10)
    hits = sizes * (np.arange(40) % 3 == 0)
    found = correlations([pairs_of(hits, sizes)])[0]
    assert float(found.value) > 0.97  # not one, since the mean was estimated from 40 clusters


def test_a_small_side_leans_on_the_large_one(rng: np.random.Generator) -> None:
    """Four clusters that happen not to be alike, beside 400: they are moved to what all say; a large side is not."""
    large, small = np.full(400, 5.0), np.full(4, 5.0)
    hits = drawn(rng, large, 0.4, 0.3, 1)[:, 0]
    split = np.array([3.0, 2.0, 3.0, 2.0])
    found = correlations([pairs_of(hits, large), pairs_of(split, small)])
    alone = [float(correlations([side])[0].value) for side in (pairs_of(hits, large), pairs_of(split, small))]
    assert alone[1] == 0
    assert float(found[0].value) == pytest.approx(alone[0], abs=0.01)
    assert float(found[1].value) > alone[0] / 3


def test_sides_that_differ_are_not_given_one_correlation(rng: np.random.Generator) -> None:
    sizes = np.full(400, 5.0)
    sides = [pairs_of(drawn(rng, sizes, 0.4, rho, 1)[:, 0], sizes) for rho in (0.0, 0.6)]
    found = [float(each.value) for each in correlations(sides)]
    assert found[0] < 0.08
    assert found[1] > 0.5


def test_shrinkage_by_hand(rng: np.random.Generator) -> None:
    """The weights of the docstring, from the parts of the estimate."""
    sizes = [np.full(60, 4.0), np.full(25, 7.0)]
    sides = [pairs_of(drawn(rng, m, 0.3, rho, 1)[:, 0], m) for m, rho in zip(sizes, (0.1, 0.5), strict=True)]
    own = [float(correlations([side])[0].value) for side in sides]
    rho = 0.1
    for _ in range(3):
        parts = [side.equation(np.asarray(rho)) for side in sides]
        rho = float(sum(part[0] for part in parts) / sum(part[1] for part in parts))
    share = sum(float(side.total.sum()) for side in sides) / sum(float(side.n) for side in sides)
    for side, mine, found in zip(sides, own, correlations(sides), strict=True):
        noise, pairs = side.noise(np.asarray(rho), np.asarray(share))
        variance = float(noise / pairs**2)
        spread = 0.01 + max((mine - rho) ** 2 - variance, 0)
        assert float(found.value) == pytest.approx(rho + spread / (spread + variance) * (mine - rho), rel=1e-9)

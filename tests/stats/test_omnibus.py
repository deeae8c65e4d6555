"""The test of all groups at once: against Pearson's, all tables with the same margins, and in simulations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.special import comb

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.gap import Gap, gap_of
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.omnibus import Omnibus, omnibus
from fairaudit.stats.outcomes import Outcomes

Ints = npt.NDArray[np.int64]


def of_counts(hits: npt.ArrayLike, n: npt.ArrayLike) -> Omnibus:
    """The test of independent images, which needs their counts alone."""
    hits_K, n_K = np.broadcast_arrays(np.asarray(hits, dtype=float), np.asarray(n, dtype=float))
    parts = [
        Estimate(h / m, np.sqrt(h / m * (1 - h / m) / m), np.inf, int(m), int(m), m, h, m - h, "binary", m, m**-2)
        for h, m in zip(hits_K, n_K, strict=True)
    ]
    return omnibus(Gap(parts, np.eye(len(parts)), np.full(len(parts) * (len(parts) - 1) // 2, np.inf)))


@pytest.mark.parametrize(("hits", "n"), [([200, 208, 232], [400] * 3), ([3, 30, 9, 1], [60, 300, 80, 40])])
def test_the_statistic_is_pearsons(hits: list[int], n: list[int]) -> None:
    """Haldane's moments are those of N - 1 instead of N."""
    values = np.concatenate([np.repeat([1.0, 0.0], [h, m - h]) for h, m in zip(hits, n, strict=True)])
    sums = GroupSums(Outcomes("hit", values, np.arange(len(values))), np.repeat(np.arange(len(n)), n), len(n))
    found, total = omnibus(gap_of(sums)), sum(n)
    expected = stats.chi2_contingency([hits, np.subtract(n, hits)], correction=False)
    assert found.statistic == pytest.approx(expected.statistic * (total - 1) / total)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.2)
    assert found.method == "chi-squared, mean and variance matched"
    assert of_counts(hits, n).p_value == pytest.approx(found.p_value)


@pytest.mark.parametrize(("n", "hits"), [([8, 20, 30], 9), ([15, 15, 15, 60], 7), ([40, 40], 12)])
def test_mean_and_variance_are_those_of_all_tables_with_these_margins(n: list[int], hits: int) -> None:
    """Every way to share out the hits, with its multivariate hypergeometric chance."""
    tables = np.array([t for t in np.ndindex(*(min(m, hits) + 1 for m in n)) if sum(t) == hits])
    chance = np.prod([comb(m, tables[:, g], exact=False) for g, m in enumerate(n)], axis=0) / comb(sum(n), hits)
    assert chance.sum() == pytest.approx(1)
    total, p = sum(n), hits / sum(n)
    n_K = np.array(n)
    w = (total - 1) / total * (n_K * (tables / n_K - p) ** 2).sum(axis=1) / (p * (1 - p))
    mean, variance = float(chance @ w), float(chance @ w**2 - (chance @ w) ** 2)
    assert mean == pytest.approx(len(n) - 1)
    # The p-value is that of the chi-squared with this mean and variance.
    at = int(np.argmin(np.abs(w - stats.chi2.ppf(0.95, len(n) - 1))))
    freedom = 2 * mean**2 / variance
    expected = stats.chi2.sf(w[at] * freedom / mean, freedom)
    assert of_counts(tables[at], n).statistic == pytest.approx(w[at])
    assert of_counts(tables[at], n).p_value == pytest.approx(expected)
    equal = np.abs(w - w[at]) < 1e-9
    exact = float(chance[(w > w[at]) & ~equal].sum() + chance[equal].sum() / 2)
    assert of_counts(tables[at], n).p_value == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize(
    ("n", "p"), [([150] * 24, 0.03), ([150] * 24 + [6400], 0.03), ([30, 60, 120, 240, 2000], 0.05), ([400] * 3, 0.5)]
)
def test_false_alarms_of_equal_groups(n: list[int], p: float) -> None:
    rng = np.random.default_rng(3)
    found = np.array([of_counts(hits, n).p_value for hits in rng.binomial(n, p, (4000, len(n)))])
    for alpha in (0.05, 0.0025):
        alarms = int((found < alpha).sum())
        assert stats.binomtest(alarms, len(found), alpha, alternative="greater").pvalue > 0.01
    assert (found < 0.05).mean() > 0.035


def test_it_finds_one_group_that_differs() -> None:
    assert of_counts([5, 4, 6, 25], 100).p_value < 1e-4


def test_false_alarms_of_equal_groups_of_clusters(rng: np.random.Generator) -> None:
    """5 groups of 40 clusters of 6 images, a share of .3 with an intraclass correlation of .2."""
    codes, clusters, found = np.repeat(np.arange(5), 240), np.arange(1200) // 6, []
    for _ in range(300):
        rate = np.repeat(rng.beta(1.2, 2.8, 200), 6)
        one = Outcomes("hit", (rng.random(1200) < rate).astype(float), clusters)
        test = omnibus(gap_of(GroupSums(one, codes, 5)))
        assert test.method == "F, mean and variance matched"
        found.append(test.p_value)
    alarms = int((np.array(found) < 0.05).sum())
    assert stats.binomtest(alarms, 300, 0.05, alternative="greater").pvalue > 0.01


def test_of_two_groups_that_share_all_persons_it_is_the_paired_t_test_squared(rng: np.random.Generator) -> None:
    level = rng.normal(size=60)
    a, b = level + rng.normal(size=60), level + 0.5 + rng.normal(size=60)
    one = Outcomes("x", np.concatenate([a, b]), np.tile(np.arange(60), 2), unit_interval=False)
    found, paired = omnibus(gap_of(GroupSums(one, np.repeat([0, 1], 60), 2))), stats.ttest_rel(a, b)
    assert found.statistic == pytest.approx(paired.statistic**2, rel=0.01)
    assert found.p_value == pytest.approx(paired.pvalue, rel=0.05)
    assert found.method == "Wald, F"


def test_unbounded_outcomes_have_welchs_test(rng: np.random.Generator) -> None:
    """Against the quadratic form in the inverse of the covariance of the means, by hand."""
    parts = [rng.normal(m, s, 80) for m, s in ((0, 1), (0.3, 2), (0.2, 1))]
    one = Outcomes("x", np.concatenate(parts), np.arange(240), unit_interval=False)
    found = omnibus(gap_of(GroupSums(one, np.repeat(np.arange(3), 80), 3)))
    weight = np.array([80 / x.var(ddof=1) for x in parts])
    means = np.array([x.mean() for x in parts])
    w = float(weight @ (means - weight @ means / weight.sum()) ** 2)
    assert found.statistic == pytest.approx(w)
    assert found.p_value == pytest.approx(stats.f.sf(w / 2, 2, 79), rel=0.02)


@pytest.mark.parametrize("share", [0, 50])
def test_groups_without_any_variation(share: int) -> None:
    assert of_counts([share] * 3, 50) == Omnibus(0.0, 1.0, "chi-squared")
    flat = Outcomes("x", np.full(150, 0.3), np.arange(150), unit_interval=False)
    found = omnibus(gap_of(GroupSums(flat, np.repeat(np.arange(3), 50), 3)))
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)

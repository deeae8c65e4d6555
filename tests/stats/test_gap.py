"""The gap: against an explicit search over pairs, Newcombe's interval, simulations, and by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.stats.estimates import Estimate, average, difference
from fairaudit.stats.gap import Gap
from fairaudit.stats.intervals import p_value
from fairaudit.stats.outcomes import Outcomes

Floats = npt.NDArray[np.float64]


def groups(hits: list[int], n: int) -> list[Estimate]:
    """Independent images: group k has ``hits[k]`` hits of ``n``."""
    values = np.concatenate([np.repeat([1.0, 0.0], [h, n - h]) for h in hits])
    one = Outcomes("hit", values, np.arange(len(values)))
    return [average(one, np.arange(len(values)) // n == k) for k in range(len(hits))]


def wilson(hits: float, n: float, z: float) -> tuple[float, float]:
    """Wilson (1927): the roots of (p - q)^2 = z^2 q (1 - q) / n."""
    p = hits / n
    low, high = sorted(np.roots([1 + z * z / n, -(2 * p + z * z / n), p * p]).real)
    return float(low), float(high)


def test_two_groups_are_newcombes_interval() -> None:
    """Newcombe (1998), Statistics in Medicine 17, method 10, table II: 56/70 - 48/80."""
    values = np.repeat([1.0, 0.0, 1.0, 0.0], [56, 14, 48, 32])
    one = Outcomes("hit", values, np.arange(150))
    first = np.arange(150) < 70
    found = Gap([average(one, first), average(one, ~first)], "binary")
    assert float(found.value) == pytest.approx(0.2)
    assert [float(b) for b in found.interval(0.95)] == pytest.approx([0.0524, 0.3339], abs=2e-4)


def test_the_gap_is_bounded_by_all_pairs() -> None:
    hits, n = [30, 42, 39], 60
    z = stats.studentized_range.ppf(0.95, 3, 1e6) / np.sqrt(2)
    low, high = 0.0, 0.0
    for a, b in combinations(hits, 2):
        (la, ua), (lb, ub), d = wilson(a, n, z), wilson(b, n, z), (a - b) / n
        down, up = d - np.hypot(a / n - la, ub - b / n), d + np.hypot(ua - a / n, b / n - lb)
        low, high = max(low, down, -up), max(high, abs(down), abs(up))
    found = Gap(groups(hits, n), "binary")
    assert float(found.value) == pytest.approx(0.2)
    assert [float(b) for b in found.interval(0.95)] == pytest.approx([low, high], abs=1e-4)


def test_the_ratio_of_two_groups_by_hand() -> None:
    """Donner and Zou (2012), the bounds of a ratio from the bounds of its parts."""
    (la, ua), (lb, ub) = wilson(24, 40, 1.959964), wilson(36, 40, 1.959964)
    a, b = 0.6, 0.9
    low = (a * b - np.sqrt((a * b) ** 2 - la * (2 * a - la) * ub * (2 * b - ub))) / (ub * (2 * b - ub))
    high = (a * b + np.sqrt((a * b) ** 2 - ua * (2 * a - ua) * lb * (2 * b - lb))) / (lb * (2 * b - lb))
    found = Gap(groups([24, 36], 40), "binary", measure="ratio")
    assert float(found.value) == pytest.approx(2 / 3)
    assert [float(b) for b in found.interval(0.95)] == pytest.approx([low, high], abs=1e-4)


def test_a_ratio_with_a_group_without_hits_starts_at_zero() -> None:
    low, high = Gap(groups([0, 20], 40), "binary", measure="ratio").interval(0.95)
    assert float(low) == 0
    assert 0 < float(high) < 1
    assert np.isnan(Gap(groups([0, 0], 40), "binary", measure="ratio").value)


@pytest.mark.parametrize(("hits", "equal"), [([30, 31, 29], True), ([20, 31, 45], False)])
def test_the_p_value_is_the_level_at_which_the_interval_touches_zero(hits: list[int], equal: bool) -> None:
    found = Gap(groups(hits, 60), "binary")
    p = found.p_value()
    assert (p > 0.05) == equal
    if equal:
        assert p > 0.9
    else:
        assert float(found.interval(1 - 1.05 * p)[0]) > 0
        assert float(found.interval(1 - 0.95 * p)[0]) == pytest.approx(0, abs=1e-3)


def test_two_large_groups_have_the_p_value_of_the_contrast(rng: np.random.Generator) -> None:
    values = rng.normal(size=200) + 0.3 * (np.arange(200) < 100)
    one = Outcomes("x", values, np.arange(200), unit_interval=False)
    first = np.arange(200) < 100
    both = average(one, first), average(one, ~first)
    contrast = difference(*both, unit_interval=False)
    assert Gap(both, "unbounded").p_value() == pytest.approx(float(p_value(contrast)), rel=5e-3)


def test_chance_alone_makes_a_gap() -> None:
    """statistics.md: ten groups of 50 at .8 have a gap of .17 on average without any difference."""
    found = Gap(groups([40] * 10, 50), "binary")
    assert float(found.value) == 0
    assert found.expected_by_chance() == pytest.approx(0.17, abs=0.01)
    assert float(found.interval(0.95)[0]) == 0


def test_two_groups_can_be_told_apart_at_the_detectable_gap() -> None:
    """With two groups of equal standard error s: the normal quantiles of .975 and .8, times s times the root of two."""
    found = Gap(groups([250, 250], 500), "binary")
    s = np.sqrt(0.25 / 499)
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * s * np.sqrt(2)
    assert found.min_detectable(0.05) == pytest.approx(expected, rel=0.05)
    assert found.min_detectable(0.005) > found.min_detectable(0.05)


@pytest.mark.parametrize(("k", "n", "p"), [(2, 200, 0.2), (5, 400, 0.8), (3, 500, 0.5)])
def test_the_detectable_gap_is_found_four_times_in_five(rng: np.random.Generator, k: int, n: int, p: float) -> None:
    shift = Gap(groups([round(p * n)] * k, n), "binary").min_detectable(0.05)
    shares = np.full(k, p)
    shares[0] += shift if p < 0.5 else -shift
    counts = rng.binomial(n, shares, (400, k))
    found = [Gap(groups(list(row), n), "binary").interval(0.95)[0] > 0 for row in counts]
    assert 0.72 <= np.mean(found) <= 0.88  # 400 tables: four standard errors are .08


def test_no_gap_is_detectable_where_the_range_ends() -> None:
    assert np.isnan(Gap(groups([5, 5], 10), "binary").min_detectable(1e-9))


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("off", [0.0, 0.15])
def test_simultaneous_intervals_hold_the_truth(rng: np.random.Generator, k: int, off: float) -> None:
    shares = np.array([0.6 + off, *[0.6] * (k - 1)])
    draws: Floats = (rng.random((k * 100, 1000)) < np.repeat(shares, 100)[:, None]).astype(np.float64)
    one = Outcomes("hit", draws, np.arange(k * 100))
    estimates = [average(one, np.arange(k * 100) // 100 == g) for g in range(k)]
    for measure, true in (("difference", off), ("ratio", 0.6 / (0.6 + off))):
        low, high = Gap(estimates, "binary", measure=measure).interval(0.95)
        assert ((low <= true + 1e-12) & (true <= high + 1e-12)).mean() > 0.93


def test_groups_that_share_their_clusters_are_compared_within_them(rng: np.random.Generator) -> None:
    """Persons with a level of their own, once in each group: the level drops out, and the interval is narrower."""
    level = rng.normal(0, 3, 80)
    values = np.concatenate([level + rng.normal(size=80), level + rng.normal(size=80)])
    one = Outcomes("x", values, np.tile(np.arange(80), 2), unit_interval=False)
    first = np.arange(160) < 80
    both = average(one, first), average(one, ~first)
    (low, high), wide = Gap(both, "unbounded", shared=True).interval(0.95), Gap(both, "unbounded").interval(0.95)
    d = values[:80] - values[80:]
    half = stats.t.ppf(0.975, 158) * d.std(ddof=1) / np.sqrt(80)
    assert float(high) == pytest.approx(max(abs(d.mean() - half), abs(d.mean() + half)), rel=5e-3)
    assert float(low) == pytest.approx(max(0.0, d.mean() - half, -d.mean() - half), rel=2e-2, abs=1e-3)
    assert float(high) < 0.6 * float(wide[1])


def clustered(hits_of_clusters: list[list[int]], size: int) -> list[Estimate]:
    """Groups of clusters with ``size`` images each, of which so many are hits."""
    values = np.concatenate([np.repeat([1.0, 0.0], [h, size - h]) for group in hits_of_clusters for h in group])
    group = np.repeat(np.arange(len(hits_of_clusters)), [size * len(g) for g in hits_of_clusters])
    one = Outcomes("hit", values, np.arange(len(values)) // size)
    return [average(one, group == g) for g in range(len(hits_of_clusters))]


def test_a_group_with_few_hits_is_no_surer_than_all_groups_together_say() -> None:
    """Group a: 1 hit in each of 6 clusters of 30, so it varies little; group b: all of 4 in 9 clusters of 30."""
    found = Gap(clustered([[1] * 6 + [0] * 24, [4] * 9 + [0] * 21], 4), "share")
    a, b = np.repeat([0.25, 0.0], [6, 24]), np.repeat([1.0, 0.0], [9, 21])
    r = (a.var(ddof=1) + b.var(ddof=1)) / (0.05 * 0.95 + 0.3 * 0.7)
    assert a.var(ddof=1) < r * 0.05 * 0.95
    n = [30 / r, 30 * 0.3 * 0.7 / b.var(ddof=1)]  # independent images that would be as sure
    v, w = 0.05 * 0.95 / n[0], 0.3 * 0.7 / n[1]
    t = stats.t.ppf(0.975, (v + w) ** 2 / (v**2 / 29 + w**2 / 29))
    (la, ua), (lb, ub) = wilson(0.05 * n[0], n[0], t), wilson(0.3 * n[1], n[1], t)
    low, high = 0.25 - np.hypot(ua - 0.05, 0.3 - lb), 0.25 + np.hypot(0.05 - la, ub - 0.3)
    assert [float(bound) for bound in found.interval(0.95)] == pytest.approx([max(low, 0), high], abs=1e-4)


def test_the_gap_of_rare_clustered_hits_holds_zero(rng: np.random.Generator) -> None:
    """14 groups of 66 clusters of 15, a share of .05, intraclass correlation .5: without the floor .81 of 4,000."""
    rate = np.repeat(rng.beta(0.05, 0.95, (14 * 66, 600)), 15, axis=0)
    hits = (rng.random(rate.shape) < rate).astype(np.float64)
    clusters, everything = np.arange(66 * 15) // 15, np.full(66 * 15, True)
    groups_ = [average(Outcomes("hit", one, clusters), everything) for one in np.split(hits, 14)]
    low, _ = Gap(groups_, "share").interval(0.95)
    assert (low == 0).mean() > 0.95

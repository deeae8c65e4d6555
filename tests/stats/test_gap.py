"""The gap: against an explicit search over pairs, exact and simulated tables, and by hand."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fairaudit.stats.contrast import contrasts
from fairaudit.stats.estimates import Estimate
from fairaudit.stats.gap import Gap, gap_of
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.score import ScoreContrast

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def counted(hits: npt.ArrayLike, n: npt.ArrayLike, **fields: Any) -> Gap:
    """The gap of independent images: group k has ``hits[k]`` hits of ``n[k]``."""
    hits_K, n_K = np.broadcast_arrays(np.asarray(hits), np.asarray(n))
    values = np.concatenate([np.repeat([1.0, 0.0], [h, m - h]) for h, m in zip(hits_K, n_K, strict=True)])
    codes = np.repeat(np.arange(len(n_K)), n_K)
    return gap_of(GroupSums(Outcomes("hit", values, np.arange(len(values))), codes, len(n_K)), **fields)


def two(one: Outcomes, codes: npt.NDArray[np.int64]) -> tuple[Gap, Any]:
    """The gap and the contrast of two groups."""
    sums = GroupSums(one, codes, 2)
    (contrast,) = contrasts(sums, [(Members((0,)), Members((1,)))])
    return gap_of(sums), contrast


def clustered(rng: np.random.Generator, kind: str) -> tuple[Outcomes, npt.NDArray[np.int64]]:
    clusters = np.arange(240) // 3
    codes, values = (np.arange(240) >= 120).astype(np.int64), rng.random(240)
    if kind == "hits":
        return Outcomes("hit", (values < 0.4).astype(float), np.arange(240)), codes
    if kind == "unbounded":
        return Outcomes("x", 10 * values, clusters, unit_interval=False), codes
    if kind == "shared":
        return Outcomes("hit", (values < 0.4).astype(float), np.tile(np.arange(80), 3)), codes
    average: Any = "macro" if kind == "macro" else "micro"
    return Outcomes("hit", (values < 0.4 + 0.3 * rng.random(80)[clusters]).astype(float), clusters, average), codes


@pytest.mark.parametrize("kind", ["hits", "clusters", "macro", "unbounded", "shared"])
def test_two_groups_have_the_p_value_and_the_interval_of_the_contrast(rng: np.random.Generator, kind: str) -> None:
    gap, contrast = two(*clustered(rng, kind))
    assert gap.value == pytest.approx(abs(contrast.value))
    # The quantiles of the studentised range are interpolated.
    assert gap.p_value() == pytest.approx(contrast.p_value(), rel=0.02)
    low, high = contrast.interval(0.95)
    assert gap.pair(0, 1, 0.95) == pytest.approx((low, high), rel=0.01, abs=1e-4)
    assert gap.pair(1, 0, 0.95) == pytest.approx((-high, -low), rel=0.01, abs=1e-4)
    assert gap.interval(0.95) == pytest.approx((max(0, low, -high), max(abs(low), abs(high))), rel=0.01, abs=1e-4)


def test_the_gap_is_bounded_by_all_pairs() -> None:
    """Each pair by the score of two shares at the quantile of the range for three groups."""
    hits, n = [30, 42, 39], 60
    level = 1 - 2 * stats.norm.sf(stats.studentized_range.ppf(0.95, 3, 1e6) / np.sqrt(2))
    low, high = 0.0, 0.0
    for a, b in combinations(hits, 2):
        down, up = (float(bound[0]) for bound in ScoreContrast.of(a / n, n, b / n, n).interval(level))
        low, high = max(low, down, -up), max(high, abs(down), abs(up))
    found = counted(hits, n)
    assert found.value == pytest.approx(0.2)
    assert found.interval(0.95) == pytest.approx((low, high), abs=1e-4)


def test_the_ratio_is_bounded_by_all_pairs() -> None:
    hits, n = [24, 36, 20], 40
    level = 1 - 2 * stats.norm.sf(stats.studentized_range.ppf(0.95, 3, 1e6) / np.sqrt(2))
    bounds = []
    for a, b in combinations(hits, 2):
        low, high = ScoreContrast.of(a / n, n, b / n, n).ratio_interval(level)
        bounds += [(low[0], high[0]), (1 / high[0], 1 / low[0])]
    found = counted(hits, n, measure="ratio")
    assert found.value == pytest.approx(20 / 36)
    assert found.interval(0.95) == pytest.approx(
        (min(b[0] for b in bounds), min(1.0, *(b[1] for b in bounds))), abs=1e-3
    )
    assert np.isnan(found.expected_by_chance())
    assert np.isnan(found.min_detectable(0.05)[0])


def test_a_ratio_with_a_group_without_hits_starts_at_zero() -> None:
    low, high = counted([0, 20], 40, measure="ratio").interval(0.95)
    assert low == 0
    assert 0 < high < 1
    nothing = counted([0, 0], 40, measure="ratio")
    assert np.isnan(nothing.value)
    assert (nothing.p_value(), nothing.interval(0.95)) == (1.0, (0.0, 1.0))


@pytest.mark.parametrize("share", [0, 40])
def test_groups_of_equal_outcomes_do_not_differ(share: int) -> None:
    found = counted([share] * 3, 40)
    low, high = found.interval(0.95)
    assert (found.value, low, found.p_value()) == (0.0, 0.0, 1.0)
    assert 0.05 < high < 0.2


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(20, 200)), min_size=2, max_size=6))
def test_p_is_below_the_level_if_and_only_if_the_interval_excludes_zero(cells: list[tuple[int, int]]) -> None:
    n = [max(h, m) for h, m in cells]
    for measure in ("difference", "ratio"):
        found = counted([h for h, _ in cells], n, measure=measure)
        p = found.p_value()
        for alpha in (0.2, 0.05, 0.0025):
            low, high = found.interval(1 - alpha)
            if abs(p / alpha - 1) > 0.02:  # quantiles and tails are interpolated
                assert (p < alpha) == (low > 1e-9 if measure == "difference" else high < 1 - 1e-9)


@pytest.mark.parametrize("kind", ["clusters", "macro", "unbounded", "shared"])
def test_the_same_holds_for_clusters(rng: np.random.Generator, kind: str) -> None:
    one, codes = clustered(rng, kind)
    moved = one.values.copy()
    moved[codes == 1] *= 0.75 if kind == "unbounded" else 0.4
    found = gap_of(GroupSums(Outcomes("x", moved, one.clusters, one.average, one.unit_interval), codes, 2))
    p = found.p_value()
    assert p < 0.05
    assert found.interval(1 - 1.05 * p)[0] > 0
    assert found.interval(1 - 0.95 * p)[0] == 0


def test_chance_alone_makes_a_gap() -> None:
    """Ten groups of 50 at .8 have a gap of .17 on average without any difference (Tippett's 3.078 times .0566)."""
    found = counted([40] * 10, 50)
    assert found.value == 0
    assert found.expected_by_chance() == pytest.approx(3.0775 * np.sqrt(0.16 / 50), abs=0.01)


@pytest.mark.parametrize(("n", "p", "tables"), [([400] * 25, 0.05, 2000), ([150] * 24 + [6400], 0.05, 2000)])
def test_false_alarms_of_equal_groups(n: list[int], p: float, tables: int) -> None:
    """At most .05 of 2,000 tables, beyond what chance does: the 1 % limit of a binomial of .05."""
    rng = np.random.default_rng(8)
    n_K = np.array(n)
    draws = rng.binomial(n_K, p, (tables, len(n)))
    i, j = np.array(list(combinations(range(len(n)), 2))).T
    shares, nothing = draws / n_K, np.full(len(i) * tables, np.inf)
    score = ScoreContrast.of(
        shares[:, i].ravel(), np.tile(n_K[i], tables), shares[:, j].ravel(), np.tile(n_K[j], tables), df=nothing
    )
    largest = np.abs(score.statistic()).reshape(tables, -1).max(axis=1)
    for alpha in (0.05, 0.0025):
        critical = stats.studentized_range.ppf(1 - alpha, len(n), 1e6) / np.sqrt(2)
        alarms = int((largest > critical).sum())
        assert stats.binomtest(alarms, tables, alpha, alternative="greater").pvalue > 0.01
    # The gap itself says the same as the search over pairs.
    for at in (int(largest.argmax()), int(largest.argmin())):
        expected = stats.studentized_range.sf(largest[at] * np.sqrt(2), len(n), 1e6)
        assert counted(draws[at], n_K).p_value() == pytest.approx(expected, rel=0.03, abs=1e-3)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("off", [0.0, 0.15])
def test_simultaneous_intervals_hold_the_truth(rng: np.random.Generator, k: int, off: float) -> None:
    shares = np.array([0.6 + off, *[0.6] * (k - 1)])
    draws = rng.binomial(100, shares, (120, k))
    for measure, true in (("difference", off), ("ratio", 0.6 / (0.6 + off))):
        bounds = [counted(row, 100, measure=measure).interval(0.95) for row in draws]
        held = sum(low <= true + 1e-9 and true <= high + 1e-9 for low, high in bounds)
        assert stats.binomtest(held, len(draws), 0.95, alternative="less").pvalue > 0.001


def test_groups_that_share_their_clusters_are_compared_within_them(rng: np.random.Generator) -> None:
    """Persons with a level of their own, once in each group: the level drops out, and the interval is narrower."""
    level = rng.normal(0, 3, 80)
    values = np.concatenate([level + rng.normal(size=80), level + rng.normal(size=80)])
    codes = np.repeat([0, 1], 80)
    gap, _ = two(Outcomes("x", values, np.tile(np.arange(80), 2), unit_interval=False), codes)
    wide, _ = two(Outcomes("x", values, np.arange(160), unit_interval=False), codes)
    d = values[:80] - values[80:]
    half = stats.t.ppf(0.975, 79) * d.std(ddof=1) / np.sqrt(80)
    low, high = gap.interval(0.95)
    assert high == pytest.approx(max(abs(d.mean() - half), abs(d.mean() + half)), rel=0.02)
    assert low == pytest.approx(max(0.0, d.mean() - half, -d.mean() - half), rel=2e-2, abs=5e-3)
    assert high < 0.6 * wide.interval(0.95)[1]


def test_the_gap_of_rare_clustered_hits_holds_zero(rng: np.random.Generator) -> None:
    """14 groups of 66 clusters of 15, a share of .05, intraclass correlation .5: chance of any difference."""
    n, tables, missed = 66 * 15, 100, 0
    codes, clusters = np.repeat(np.arange(14), n), np.arange(14 * n) // 15
    for _ in range(tables):
        rate = np.repeat(rng.beta(0.05, 0.95, 14 * 66), 15)
        one = Outcomes("hit", (rng.random(14 * n) < rate).astype(float), clusters)
        missed += gap_of(GroupSums(one, codes, 14)).p_value() < 0.05
    assert stats.binomtest(missed, tables, 0.05, alternative="greater").pvalue > 0.01


def test_two_groups_can_be_told_apart_at_the_detectable_gap() -> None:
    """With two groups of equal standard error s: the normal quantiles of .975 and .8, times s times the root of two."""
    shift, direction = counted([250, 250], 500).min_detectable(0.05)
    s = np.sqrt(0.25 / 500)
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * s * np.sqrt(2)
    assert shift == pytest.approx(expected, rel=0.05)
    assert direction == "lower"
    assert counted([250, 250], 500).min_detectable(0.005)[0] > shift


@pytest.mark.parametrize(("k", "n", "p"), [(2, 200, 0.2), (5, 400, 0.8), (3, 500, 0.5)])
def test_the_detectable_gap_is_found_four_times_in_five(rng: np.random.Generator, k: int, n: int, p: float) -> None:
    shift, direction = counted([round(p * n)] * k, n).min_detectable(0.05)
    assert direction == ("higher" if p < 0.5 else "lower")
    shares = np.full(k, p)
    shares[0] += shift if p < 0.5 else -shift
    found = [counted(row, n).p_value() < 0.05 for row in rng.binomial(n, shares, (400, k))]
    assert 0.72 <= np.mean(found) <= 0.88  # 400 tables: four standard errors are .08


def test_no_gap_is_detectable_where_the_range_ends() -> None:
    shift, direction = counted([5, 5], 10).min_detectable(1e-9)
    assert np.isnan(shift)
    assert direction == ""


def test_estimates_may_be_put_in_by_hand() -> None:
    """Unbounded outcomes: Tukey's intervals with Welch's degrees of freedom, by ``studentized_range``."""
    parts = [
        Estimate(v, e, 30.0, 31, 31, 31.0, np.inf, np.inf, "unbounded") for v, e in ((1.0, 0.2), (1.9, 0.3), (1.4, 0.2))
    ]
    gap = Gap(parts, np.eye(3), np.full(3, 60.0))
    t = 0.9 / np.hypot(0.2, 0.3)
    assert gap.p_value() == pytest.approx(stats.studentized_range.sf(t * np.sqrt(2), 3, 60), rel=0.02)
    half = stats.studentized_range.ppf(0.95, 3, 60) / np.sqrt(2) * np.hypot(0.2, 0.3)
    assert gap.pair(0, 1, 0.95) == pytest.approx((-0.9 - half, -0.9 + half), rel=5e-3, abs=1e-3)

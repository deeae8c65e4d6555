"""Value, variance and third moment of a side, against sums over its rows and over all outcomes of a cluster."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special

from fairaudit.core.weights import effective_size
from fairaudit.stats.correlation import Correlation
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.side import Cells, Side, dispersion

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Average = Literal["micro", "macro"]


def row_weights(rows: list[tuple[int, int, float]], members: Members, average: Average) -> list[float]:
    """Return the weight of each row (cluster, group, weight) in the value of a side, as its definition reads."""
    inside = [r for r, (_, group, w) in enumerate(rows) if group in members.groups and w > 0]
    parts = [[r for r in inside if rows[r][1] == group] for group in members.groups] if members.equal else [inside]
    parts = [part for part in parts if part]
    found = [0.0] * len(rows)
    for part in parts:
        clusters = {rows[r][0] for r in part}
        for r in part:
            same = [q for q in part if rows[q][0] == rows[r][0]] if average == "macro" else part
            share = rows[r][2] / sum(rows[q][2] for q in same)
            found[r] = share / (len(clusters) if average == "macro" else 1) / len(parts)
    return found


def crossing(
    rng: np.random.Generator, *, weighted: bool, average: Average
) -> tuple[GroupSums, list[tuple[int, int, float]]]:
    """Return 90 rows of 40 clusters, most of them in several of three groups; some rows are in no group."""
    clusters, groups = rng.integers(0, 40, 90), rng.integers(-1, 3, 90)
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], 90, p=[0.1, 0.3, 0.4, 0.2]) if weighted else np.ones(90)
    one = Outcomes("hit", rng.random(90), clusters, average=average, weights=weights if weighted else None)
    return GroupSums(one, groups, 3), list(zip(clusters.tolist(), groups.tolist(), weights.tolist(), strict=True))


@pytest.mark.parametrize("members", [Members((0,)), Members((1, 2)), Members((1, 2), equal=True), Members((0, 1, 2))])
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_are_those_of_rows(rng: np.random.Generator, members: Members, average: Average, weighted: bool) -> None:
    sums, rows = crossing(rng, weighted=weighted, average=average)
    side = sums.side(members)
    a = np.array(row_weights(rows, members, average))
    y, clusters = sums.outcomes.values, sums.outcomes.clusters
    assert a.sum() == pytest.approx(1)
    assert sums.row_weights(members) == pytest.approx(a, abs=1e-12)
    assert side.value == pytest.approx(a @ y)
    assert side.n == np.count_nonzero(a)
    names = sorted(set(clusters[a > 0].tolist()))
    assert side.n_clusters == len(names)
    assert side.squares == pytest.approx((a**2).sum())
    assert side.kish == pytest.approx(1 / (a**2).sum())
    by = [a[clusters == c] for c in names]
    assert side.cluster_squares == pytest.approx(sum(x.sum() ** 2 for x in by))
    one, two, three = (a**3).sum(), 0.0, 0.0
    for x in by:  # products of the weights of different rows, and of three
        two += sum(x[i] ** 2 * x[j] for i, j in itertools.permutations(range(len(x)), 2))
        three += sum(x[i] * x[j] * x[k] for i, j, k in itertools.permutations(range(len(x)), 3))
    assert side.cubes == pytest.approx((one, two, three), rel=1e-9, abs=1e-15)
    centre = np.full(90, side.value)
    for group in members.groups if members.equal else ():  # each group's own mean
        inside = sums.codes == group
        centre[inside] = a[inside] @ y[inside] / a[inside].sum()
    psi = [float(a[clusters == c] @ (y - centre)[clusters == c]) for c in names]
    assert side.influence_squares == pytest.approx(sum(x**2 for x in psi))
    assert side.psi.sum() == pytest.approx(sum(x for c, x in zip(names, psi, strict=True) if c in side.clusters))
    for c, x in zip(side.clusters, side.psi, strict=True):
        assert x == pytest.approx(psi[names.index(c)], abs=1e-12)
    assert (np.diff(side.clusters) > 0).all()
    assert side.units == pytest.approx(min(len(names), side.kish))
    used = a > 0
    assert float(side.pairs.n) == used.sum()
    assert float(side.pairs.mean) == pytest.approx(y[used].mean())
    assert float(side.pairs.variance) == pytest.approx(y[used].var())
    assert float(side.pairs.squared_sizes) == sum((clusters[used] == c).sum() ** 2 for c in names)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_events_are_counted_in_clusters(rng: np.random.Generator, average: Average) -> None:
    """However many images a cluster has, it is one event, one non-event, or one of both; a part counts as a part."""
    one = Outcomes("hit", np.array([1.0] * 5 + [0.0] * 2 + [0.25]), np.array([0, 0, 0, 1, 1, 1, 2, 3]), average=average)
    side = GroupSums(one, np.zeros(8, dtype=np.int64), 1).groups[0]
    assert (side.events, side.non_events) == pytest.approx((2.25, 2.75))


@pytest.mark.parametrize("equal", [False, True])
def test_a_side_without_rows_is_missing(equal: bool) -> None:
    one = Outcomes("hit", np.array([1.0, np.nan, 0.0]), np.arange(3))
    sums = GroupSums(one, np.array([0, 1, -1]), 2)
    side = sums.side(Members((1,), equal=equal))
    assert np.isnan(side.value)
    assert (side.n, side.n_clusters, side.kish, side.units, side.influence_squares) == (0, 0, 0, 0, 0)
    assert sums.side(Members((0, 1), equal=equal)).value == 1


def exact_moments(weights: Floats, p: float, rho: float) -> tuple[float, float]:
    """Return variance and third central moment of a weighted sum over one beta-binomial cluster: all outcomes."""
    a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
    outcomes = np.array(list(itertools.product((0.0, 1.0), repeat=len(weights))))
    k = outcomes.sum(axis=1)
    chance = np.exp(special.betaln(a + k, b + len(weights) - k) - special.betaln(a, b))
    assert chance.sum() == pytest.approx(1)
    moved = outcomes @ weights - p * weights.sum()
    return float(chance @ moved**2), float(chance @ moved**3)


@pytest.mark.parametrize(("p", "rho"), [(0.3, 0.2), (0.05, 0.5), (0.9, 0.9), (0.5, 0.4), (0.2, 0.01)])
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_variance_and_skewness_are_those_of_all_outcomes_of_its_clusters(
    rng: np.random.Generator, p: float, rho: float, average: Average
) -> None:
    clusters = np.repeat(np.arange(9), [1, 1, 2, 2, 3, 4, 5, 6, 6])
    weights = rng.uniform(0.2, 3, len(clusters))
    one = Outcomes("hit", (rng.random(30) < 0.5).astype(np.float64), clusters, average=average, weights=weights)
    sums = GroupSums(one, np.zeros(30, dtype=np.int64), 1)
    side, a = sums.groups[0], sums.row_weights(Members((0,)))
    moments = [exact_moments(a[clusters == c], p, rho) for c in range(9)]
    v = p * (1 - p)
    assert float(side.design(np.asarray(rho))) * v == pytest.approx(sum(m[0] for m in moments), rel=1e-9)
    third = float(side.third(np.asarray(rho))) * v * (1 - 2 * p)
    assert third == pytest.approx(sum(m[1] for m in moments), rel=1e-7, abs=1e-12)


def test_rows_by_themselves_have_the_moments_of_a_binomial() -> None:
    one = Outcomes("hit", (np.arange(40) % 2).astype(np.float64), np.arange(40))
    side = GroupSums(one, np.zeros(40, dtype=np.int64), 1).groups[0]
    for rho in (0.0, 0.5):
        assert float(side.design(np.asarray(rho))) == pytest.approx(1 / 40)
        assert float(side.third(np.asarray(rho))) == pytest.approx(1 / 1600)
        assert float(side.design_noise(Correlation(np.asarray(rho), np.asarray(0.1)))) == 0
    assert dispersion([side]) == pytest.approx(1)


def test_kish_is_the_effective_size_of_weighted_rows(rng: np.random.Generator) -> None:
    weights = rng.lognormal(0, 1, 200)
    one = Outcomes("hit", rng.random(200), np.arange(200), weights=weights)
    side = GroupSums(one, np.zeros(200, dtype=np.int64), 1).groups[0]
    assert side.kish == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert side.kish == pytest.approx(effective_size(weights))
    assert side.units == pytest.approx(side.kish)
    alike = Outcomes("hit", one.values, np.arange(200), weights=np.full(200, 7.5))
    assert GroupSums(alike, np.zeros(200, dtype=np.int64), 1).groups[0].kish == pytest.approx(200)


def test_the_noise_of_the_design_is_that_of_the_correlation(rng: np.random.Generator) -> None:
    """The design is linear in rho, so its variance over draws of rho is its own slope squared times theirs."""
    clusters = np.repeat(np.arange(20), 5)
    side = GroupSums(Outcomes("hit", rng.random(100), clusters), np.zeros(100, dtype=np.int64), 1).groups[0]
    rho = rng.normal(0.3, 0.05, 20_000)
    found = side.design_noise(Correlation(np.asarray(0.3), np.asarray(rho.var())))
    assert float(found) == pytest.approx(float(side.design(rho).var()))


def test_outcomes_between_0_and_1_vary_less_than_hits(rng: np.random.Generator) -> None:
    """The mean of two independent hits has half of the variance, whatever the groups' own means are."""
    p = np.repeat([0.2, 0.7], 30_000)
    halves = ((rng.random(60_000) < p).astype(np.float64) + (rng.random(60_000) < p)) / 2
    for values, factor in ((halves, 0.5), ((rng.random(60_000) < p).astype(np.float64), 1.0)):
        sums = GroupSums(Outcomes("hit", values, np.arange(60_000)), np.repeat([0, 1], 30_000), 2)
        assert dispersion(sums.groups) == pytest.approx(factor, rel=0.02)
    hits, weights = (rng.random(300) < 0.1).astype(np.float64), rng.lognormal(0, 1.5, 300)
    for one in (Outcomes("hit", hits, np.arange(300), weights=weights),
                Outcomes("hit", hits, np.arange(300) // np.repeat([1, 7], 150), average="macro")):  # fmt: skip
        assert dispersion(GroupSums(one, np.arange(300) % 2, 2).groups) == pytest.approx(1), "they are hits and misses"
    nothing = GroupSums(Outcomes("hit", np.zeros(5), np.arange(5)), np.zeros(5, dtype=np.int64), 1)
    assert dispersion(nothing.groups) == 1


def test_cells_may_be_scaled_and_added(rng: np.random.Generator) -> None:
    values, weights, at = rng.random(12), rng.uniform(0.5, 2, 12), np.arange(12) % 4
    cells = Cells.of(values, weights, at, 4)
    scale = np.array([0.5, 2.0, 1.0, 3.0])
    for found, other in zip(cells.scaled(scale), Cells.of(values, weights * scale[at], at, 4), strict=True):
        assert found == pytest.approx(other)
    both = cells.added(np.array([0, 1, 0, 1]), 2)
    for found, other in zip(both, Cells.of(values, weights, at % 2, 2), strict=True):
        assert found == pytest.approx(other)
    by = np.array([0.1, -0.3, 0.0, 2.0])
    moved, expected = cells.shifted(by), Cells.of(values + by[at], weights, at, 4)
    for name in ("wy", "wwy", "wwyy"):
        assert getattr(moved, name) == pytest.approx(getattr(expected, name))
    assert moved.y is cells.y
    ones = Cells.of(values, None, at, 4)
    for found, other in zip(ones, Cells.of(values, np.ones(12), at, 4), strict=True):
        assert found == pytest.approx(other)
    assert Side.of(cells.take([0]), cells.take([1, 2, 3]), np.arange(3)).value == pytest.approx(
        np.average(values, weights=weights)
    )

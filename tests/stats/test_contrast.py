"""Differences against textbook tests, explicit matrices and simulation."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.stats.contrast import Contrast, RatioInference, contrasts, intervals_of
from fairaudit.stats.correlation import Correlation
from fairaudit.stats.estimates import cluster_variance, mean_of
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.t_inference import TInference

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ONE, TWO = Members((0,)), Members((1,))


def difference(one: Outcomes, codes: npt.NDArray[np.generic]) -> Contrast:
    """Return group 0 less group 1."""
    return contrasts(GroupSums(one, codes.astype(np.int64), 2), [(ONE, TWO)])[0]


def test_independent_hits_are_the_score_of_their_counts(rng: np.random.Generator) -> None:
    hits = np.repeat([1.0, 0.0, 1.0, 0.0], [12, 138, 480, 4370])
    codes = np.repeat([0, 1], [150, 4850])
    found, expected = (
        difference(Outcomes("hit", hits, np.arange(5000)), codes),
        ScoreContrast.of(12 / 150, 150, 480 / 4850, 4850),
    )
    assert found.value == pytest.approx(12 / 150 - 480 / 4850)
    assert found.p_value() == pytest.approx(float(expected.p_value()[0]))
    assert found.interval(0.99) == pytest.approx(np.ravel(expected.interval(0.99)), abs=1e-9)
    assert found.df == math.inf
    assert (found.n, found.n_clusters, found.method) == (5000, 5000, "score, skewness-corrected")
    assert found.min_detectable(0.01) == expected.min_detectable(0.01)
    assert found.score is not None
    ratio = RatioInference(found.score)
    assert ratio.interval(0.95) == pytest.approx(np.ravel(expected.ratio_interval(0.95)), rel=1e-9)
    assert ratio.p_value() == found.p_value()
    assert math.isnan(ratio.min_detectable(0.05)[0])


def test_welchs_test_of_independent_rows(rng: np.random.Generator) -> None:
    """CR2 with h = 1 / n is s^2 / n exactly, and its degrees of freedom are n - 1 on either side."""
    a, b = rng.normal(size=25), rng.normal(0.3, 2, size=40)
    one = Outcomes("x", np.concatenate([a, b]), np.arange(65), unit_interval=False)
    found = difference(one, np.arange(65) >= 25)
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert found.first.std_error == pytest.approx(a.std(ddof=1) / 5)
    assert found.first.df == pytest.approx(24)
    assert found.value / found.std_error == pytest.approx(welch.statistic)
    assert found.df == pytest.approx(welch.df)
    assert found.p_value() == pytest.approx(welch.pvalue)
    bounds = welch.confidence_interval(0.95)
    assert found.interval(0.95) == pytest.approx((bounds.low, bounds.high))
    assert found.method == "cluster t"


def test_the_paired_t_test_of_unbounded_outcomes(rng: np.random.Generator) -> None:
    """Each person once in either group: the persons' own level drops out of the standard error."""
    level = rng.normal(0, 5, 60)
    a, b = level + rng.normal(size=60), level + 0.4 + rng.normal(size=60)
    one = Outcomes("x", np.concatenate([a, b]), np.tile(np.arange(60), 2), unit_interval=False)
    found = difference(one, np.repeat([0, 1], 60))
    assert found.std_error == pytest.approx((a - b).std(ddof=1) / np.sqrt(60), rel=1e-9)
    assert 55 < found.df < 75
    assert found.n_clusters == 60


@pytest.mark.parametrize("discordant", [(30, 12), (9, 9), (4, 19)])
def test_matched_pairs_are_near_mcnemar(discordant: tuple[int, int]) -> None:
    """150 persons once in either group: z is close to (b - c) / sqrt(b + c - (b - c)^2 / n), the paired Wald test."""
    b, c = discordant
    pairs = [(1, 0)] * b + [(0, 1)] * c + [(1, 1)] * 60 + [(0, 0)] * (90 - b - c)
    first, second = np.array(pairs, dtype=np.float64).T
    one = Outcomes("hit", np.concatenate([first, second]), np.tile(np.arange(150), 2))
    found = difference(one, np.repeat([0, 1], 150))
    assert found.std_error == pytest.approx(math.sqrt(b + c - (b - c) ** 2 / 150) / 150, rel=0.02)
    mcnemar = 2 * stats.norm.sf(abs(b - c) / math.sqrt(b + c))
    exact = stats.binomtest(b, b + c, 0.5).pvalue
    if b == c:
        assert found.p_value() == pytest.approx(1)
    else:
        assert mcnemar / 2.5 < found.p_value() < 1.5 * exact


def test_pairs_that_never_differ_are_not_certain() -> None:
    hits = (np.arange(150) < 50).astype(np.float64)
    found = difference(Outcomes("hit", np.tile(hits, 2), np.tile(np.arange(150), 2)), np.repeat([0, 1], 150))
    assert found.value == 0
    assert found.std_error > 0
    assert found.p_value() == 1
    low, high = found.interval(0.95)
    assert -0.05 < low < 0 < high < 0.05


def two_lights(rng: np.random.Generator, effect: float) -> Outcomes:
    """100 persons, ten images each in both of two lights, and persons that differ much."""
    rate = rng.beta(1.4, 1.4, 100)
    p = np.concatenate(
        [np.repeat(np.clip(rate + effect / 2, 0, 1), 10), np.repeat(np.clip(rate - effect / 2, 0, 1), 10)]
    )
    return Outcomes("hit", (rng.random(2000) < p).astype(np.float64), np.tile(np.repeat(np.arange(100), 10), 2))


@pytest.mark.parametrize("effect", [0.0, 0.055])
def test_clusters_on_both_sides_cancel(rng: np.random.Generator, effect: float) -> None:
    codes = np.repeat([0, 1], 1000)
    found = [difference(two_lights(rng, effect), codes) for _ in range(300)]
    values = np.array([each.value for each in found])
    errors = np.array([each.std_error for each in found])
    assert 0.9 < errors.mean() / values.std(ddof=1) < 1.15
    alarms = np.mean([each.p_value() < 0.05 for each in found])
    power = stats.norm.cdf(abs(values.mean()) / values.std(ddof=1) - 1.96)  # of a test that knows the spread
    assert alarms == pytest.approx(power, abs=0.07) if effect else alarms <= 0.09
    assert found[0].n_clusters == 100


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_false_alarms_where_clusters_lie_on_both_sides(rng: np.random.Generator, sigma: float) -> None:
    """60 persons with unequal numbers of images, any of which is in either group: at .05 and at .0025."""
    p = []
    for _ in range(3000):
        sizes = np.maximum(np.ceil(6 * np.exp(rng.normal(0, sigma, 60))), 1).astype(np.int64)
        person = np.repeat(np.arange(60), sizes)
        hits = (rng.random(len(person)) < rng.beta(0.3, 0.7, 60)[person]).astype(np.float64)
        p.append(difference(Outcomes("hit", hits, person), rng.random(len(person)) < 0.7).p_value())
    for level in (0.05, 0.0025):
        count = int((np.array(p) < level).sum())
        assert stats.binomtest(count, 3000, level, alternative="greater").pvalue > 0.001, level


def brute_cr2(values: Floats, weights: Floats, clusters: Ints) -> float:
    """Return the CR2 variance of a weighted mean under independence, from explicit matrices.

    The working model of the adjustment is variances that go as 1 / weight: rows of a weighted mean as such.
    """
    n = len(values)
    x = np.ones((n, 1))
    w = np.diag(weights)
    m = np.linalg.inv(x.T @ w @ x)
    residual = values - (x @ m @ x.T @ w @ values)
    total = 0.0
    for c in np.unique(clusters):
        at = np.flatnonzero(clusters == c)
        h = x[at] @ m @ x[at].T @ w[np.ix_(at, at)]
        eigen, vectors = np.linalg.eigh(np.eye(len(at)) - h)
        adjust = vectors @ np.diag(eigen**-0.5) @ vectors.T
        total += float(m[0, 0] * (x[at].T @ w[np.ix_(at, at)] @ adjust @ residual[at])[0]) ** 2
    return total


def one_side(values: Floats, clusters: Ints, average: Literal["micro", "macro"] = "micro") -> GroupSums:
    one = Outcomes("x", values, clusters, unit_interval=False, average=average)
    return GroupSums(one, np.zeros(len(values), dtype=np.int64), 1)


def test_the_variance_of_a_mean_is_cr2_from_explicit_matrices(rng: np.random.Generator) -> None:
    sizes = np.array([1, 1, 1, 2, 3, 5, 8, 13, 2, 4])
    clusters = np.repeat(np.arange(10), sizes)
    values = rng.normal(size=40) + rng.normal(size=10)[clusters]
    variance, df = cluster_variance(one_side(values, clusters).groups[0], 0.0)
    assert variance == pytest.approx(brute_cr2(values, np.ones(40), clusters), rel=1e-9)
    v = sizes.astype(np.float64)
    assert df == pytest.approx(v.sum() ** 2 / (v**2).sum() - 1)


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_its_expectation_is_the_true_variance_under_the_working_model(rho: float) -> None:
    """E sum f_c psi_c^2 with psi = (I - 1h')e: exact, by the covariance of the influences of equal correlations."""
    sizes = np.array([1, 1, 2, 3, 5, 8, 13, 2, 4, 1], dtype=np.float64)
    clusters = np.repeat(np.arange(10), sizes.astype(np.int64))
    n = len(clusters)
    same = clusters[:, None] == clusters
    covariance = np.where(same, rho, 0.0) + (1 - rho) * np.eye(n)
    centre = np.eye(n) - 1 / n
    sums = (clusters == np.arange(10)[:, None]) / n
    of_psi = sums @ centre @ covariance @ centre @ sums.T
    true = float(np.ones(n) @ covariance @ np.ones(n)) / n**2
    # f_c, read off by putting all the influence into one cluster after the other.
    side = one_side(np.arange(n, dtype=np.float64), clusters).groups[0]
    factors = []
    for c in range(10):
        at = np.flatnonzero(side.clusters == c)
        psi = np.zeros(len(side.psi))
        psi[at] = 1.0
        singles = (side.singles[0], 0.0 if len(at) else 1.0)
        moved = type(side)(**{**vars(side), "psi": psi, "singles": singles})
        factors.append(cluster_variance(moved, rho)[0])
    assert float(np.array(factors) @ np.diag(of_psi)) == pytest.approx(true, rel=1e-9)


def test_macro_averages_are_a_mean_of_clusters(rng: np.random.Generator) -> None:
    """At correlation 1 the sizes do not matter: the plain standard error of the clusters' means."""
    clusters = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    values = rng.normal(size=len(clusters)) + 3 * rng.normal(size=30)[clusters]
    means = np.array([values[clusters == c].mean() for c in range(30)])
    side = one_side(values, clusters, "macro").groups[0]
    found = mean_of(side, Correlation(np.asarray(1.0), np.asarray(0.0)))
    assert found.value == pytest.approx(means.mean())
    assert found.std_error == pytest.approx(means.std(ddof=1) / np.sqrt(30))
    assert found.df == pytest.approx(29)


def test_the_mean_of_the_other_groups_knows_that_they_differ(rng: np.random.Generator) -> None:
    """Two other groups far apart: the variance of a mean of means, not of all rows about one mean."""
    parts = [rng.normal(m, 1, n) for m, n in ((5, 40), (0, 30), (100, 50))]
    codes = np.repeat([0, 1, 2], [40, 30, 50])
    sums = GroupSums(Outcomes("x", np.concatenate(parts), np.arange(120), unit_interval=False), codes, 3)
    found = contrasts(sums, [(ONE, sums.rest(0, equal=True))])[0]
    assert found.value == pytest.approx(parts[0].mean() - (parts[1].mean() + parts[2].mean()) / 2)
    v = [part.var(ddof=1) / len(part) for part in parts]
    assert found.std_error == pytest.approx(math.sqrt(v[0] + v[1] / 4 + v[2] / 4), rel=0.02)


def clustered(
    rng: np.random.Generator, n: tuple[int, int], p: float, icc: float, sigma: float
) -> tuple[Outcomes, Ints]:
    sizes = np.maximum(np.ceil(4 * np.exp(rng.normal(0, sigma, sum(n)))), 1).astype(np.int64)
    person = np.repeat(np.arange(sum(n)), sizes)
    rate = rng.beta(p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc, sum(n))
    return Outcomes("hit", (rng.random(len(person)) < rate[person]).astype(np.float64), person), (
        person >= n[0]
    ).astype(np.int64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "p", "icc", "sigma"),
    [((40, 40), 0.3, 0.3, 1.5), ((30, 90), 0.15, 0.5, 0.7), ((30, 570), 0.1, 0.2, 0.5), ((60, 180), 0.9, 0.3, 0.0)],
)
def test_false_alarms_of_clustered_hits(
    rng: np.random.Generator, n: tuple[int, int], p: float, icc: float, sigma: float
) -> None:
    found = np.array([difference(*clustered(rng, n, p, icc, sigma)).p_value() for _ in range(3000)])
    for level, most in ((0.05, 0.05), (0.0025, 0.0045)):
        count = int((found < level).sum())
        assert stats.binomtest(count, 3000, most, alternative="greater").pvalue > 0.001, level


@pytest.mark.slow
def test_the_detectable_difference_of_clustered_hits_is_found_four_times_in_five(rng: np.random.Generator) -> None:
    """30 persons against 570, eight images each: .66 before clusters had their own correlation."""
    n, p, icc, shifts, found = (30, 570), 0.3, 0.3, [], 0
    for _ in range(150):
        one, codes = clustered(rng, n, p, icc, 0.0)
        shifts.append(difference(one, codes).min_detectable(0.01)[0])
    shift = float(np.mean(shifts))
    for _ in range(1200):
        person = np.repeat(np.arange(600), 4)
        mean = np.where(np.arange(600) < 30, p + shift, p)
        rate = rng.beta(mean * (1 - icc) / icc, (1 - mean) * (1 - icc) / icc)
        one = Outcomes("hit", (rng.random(2400) < rate[person]).astype(np.float64), person)
        found += difference(one, (person >= 30).astype(np.int64)).p_value() < 0.01
    assert 0.72 <= found / 1200 <= 0.88


def test_repeated_rows_do_not_narrow(rng: np.random.Generator) -> None:
    hits, clusters = (rng.random(200) < 0.4).astype(np.float64), np.arange(200)
    codes = (np.arange(200) >= 60).astype(np.int64)
    once = difference(Outcomes("hit", hits, clusters), codes)
    thrice = difference(Outcomes("hit", np.tile(hits, 3), np.tile(clusters, 3)), np.tile(codes, 3))
    assert thrice.value == pytest.approx(once.value)
    assert thrice.std_error >= 0.99 * once.std_error
    assert thrice.p_value() >= 0.99 * once.p_value()


@pytest.mark.parametrize("unit", [True, False])
def test_order_and_names_do_not_matter(rng: np.random.Generator, unit: bool) -> None:
    one, codes = clustered(rng, (25, 40), 0.4, 0.3, 0.7)
    order, names = rng.permutation(len(codes)), rng.permutation(200)[:65]
    found = difference(Outcomes("hit", one.values, one.clusters, unit_interval=unit), codes)
    other = Outcomes("hit", one.values[order], names[one.clusters][order], unit_interval=unit)
    moved, swapped = difference(other, codes[order]), difference(other, 1 - codes[order])
    for name in ("value", "std_error", "df", "n", "n_clusters"):
        assert getattr(moved, name) == pytest.approx(getattr(found, name), rel=1e-9)
    assert moved.p_value() == pytest.approx(found.p_value(), rel=1e-6)
    assert swapped.p_value() == pytest.approx(found.p_value(), rel=1e-6)
    low, high = found.interval(0.95)
    assert swapped.interval(0.95) == pytest.approx((-high, -low), abs=1e-8)


@pytest.mark.parametrize("unit", [True, False])
def test_a_group_without_rows_has_no_difference(unit: bool) -> None:
    one = Outcomes("hit", np.array([0.0, 1.0, 1.0]), np.arange(3), unit_interval=unit)
    found = difference(one, np.zeros(3))
    assert math.isnan(found.value)
    assert math.isnan(found.std_error)
    assert math.isnan(found.second.value)
    assert (found.n, found.n_clusters, found.df) == (3, 3, 0)


def test_intervals_together_are_those_of_each(rng: np.random.Generator) -> None:
    shares = [difference(*clustered(rng, (30, 40), p, 0.3, 0.5)) for p in (0.2, 0.7)]
    normal = Outcomes("x", rng.normal(size=40), np.arange(40), unit_interval=False)
    rows = [shares[0], None, difference(normal, np.arange(40) % 2), shares[1]]
    found = intervals_of(rows, 0.9)
    assert np.isnan(found[1]).all()
    for each, (low, high) in zip(rows, found, strict=True):
        if each is not None:
            assert (low, high) == pytest.approx(each.interval(0.9), abs=1e-9)
    assert intervals_of([], 0.9) == []


def test_p_values_at_the_ends() -> None:
    assert TInference(0.0, 0.0, 9).p_value() == 1
    assert TInference(0.2, 0.0, 9).p_value() == 0
    assert TInference(0.3, 0.1, 0.0).p_value() == pytest.approx(2 * stats.t.sf(3, 1))


def test_of_unbounded_outcomes_the_detectable_difference_has_no_direction(rng: np.random.Generator) -> None:
    one = Outcomes("x", rng.normal(size=200), np.arange(200), unit_interval=False)
    found = difference(one, np.arange(200) % 2)
    least, direction = found.min_detectable(0.05)
    assert direction == ""
    assert 0.79 < stats.nct.sf(stats.t.ppf(0.975, found.df), found.df, least / found.std_error) < 0.815


def gallery_outcomes(rng: np.random.Generator, n: int = 120, k: int = 4) -> Outcomes:
    """Hits among k neighbours; each list displaces what is in it."""
    clusters = rng.integers(0, n, (n, k))
    match = (rng.random((n, k)) < 0.5).astype(np.float64)
    value = match.mean(axis=1)
    role = GalleryRole.of(Moves(clusters, (match - value[:, None]) / k), np.arange(n))
    return Outcomes("p@4", value, np.arange(n), gallery=role)


def test_outcomes_that_share_a_gallery_have_a_t_test(rng: np.random.Generator) -> None:
    one = gallery_outcomes(rng)
    codes = np.arange(120) % 3 > 0
    sums = GroupSums(one, codes.astype(np.int64), 2)
    found = contrasts(sums, [(ONE, TWO)])[0]
    assert found.score is None
    psi = sums.influence(ONE, sums.groups[0].value) - sums.influence(TWO, sums.groups[1].value)
    coefficients = sums.row_weights(ONE) - sums.row_weights(TWO)
    assert one.gallery is not None
    noise = float(one.gallery.pair_noise(coefficients[:, None])[0])
    total = float(psi @ psi)
    variance = max(total - noise, total / 2)  # a pair counts once, and half is kept at least
    carrying = min(40, total**2 / float((psi**4).sum()))
    assert found.std_error == pytest.approx(math.sqrt(carrying / (carrying - 1) * variance))
    assert found.df == pytest.approx(carrying - 1)
    low, high = found.interval(0.999999)
    assert -1 <= low < high <= 1
    shift, direction = found.min_detectable(0.05)
    assert direction in ("higher", "lower")
    assert 2 * found.std_error < shift < 4 * found.std_error

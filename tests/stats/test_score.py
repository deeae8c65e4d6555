"""The skewness-corrected score: every table of two binomials, other programs, brute force, and laws.

Figures of "ratesci" are of Laud's own R package, https://github.com/PeteLaud/ratesci at commit 4c1830c, by
``scoreci(x1, n1, x2, n2, contrast = "RD" or "RR", precis = 10)``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from fairaudit.stats.score import ScoreContrast, restricted_shares, root, without_skew

Floats = npt.NDArray[np.float64]
LEVELS = (0.05, 0.0025, 0.0005)


def tables(n1: int, n2: int, p1: float, p2: float) -> tuple[ScoreContrast, Floats]:
    """Return all tables that two binomials give with more than a chance of 1e-12 a side, and their probabilities."""
    x1, x2 = (np.flatnonzero(stats.binom.pmf(np.arange(n + 1), n, p) > 1e-12) for n, p in ((n1, p1), (n2, p2)))
    both = [x.ravel() for x in np.meshgrid(x1, x2, indexing="ij")]
    chance = stats.binom.pmf(both[0], n1, p1) * stats.binom.pmf(both[1], n2, p2)
    return ScoreContrast.of(both[0] / n1, n1, both[1] / n2, n2), chance


@pytest.mark.parametrize(
    ("n1", "n2", "p", "both"),
    [
        (150, 4850, 0.05, True),
        (120, 3880, 0.06, True),
        (90, 2900, 0.93, True),
        (400, 12000, 0.012, False),  # even no event at all has a chance of .008 here, and is never an alarm
        (30, 3000, 0.05, False),
        (50, 450, 0.2, True),
        (20, 800, 0.01, False),
        (25, 1000, 0.5, True),
        (60, 2400, 0.97, False),
        (400, 400, 0.05, True),
        (20, 20, 0.1, True),
        (10, 10, 0.5, True),
        (5, 200, 0.3, False),
        (40, 1600, 0.002, False),
        (1000, 1000, 0.003, True),
    ],
)
def test_false_alarms_by_exact_enumeration(n1: int, n2: int, p: float, both: bool) -> None:
    contrast, chance = tables(n1, n2, p, p)
    assert chance.sum() == pytest.approx(1, abs=1e-9)
    p_value = contrast.p_value()
    alarms = [float(chance[p_value < level].sum()) for level in LEVELS]
    assert alarms[0] <= 0.0505
    assert alarms[1] <= 0.003
    assert alarms[2] <= 0.0006
    higher = float(chance[(p_value < 0.0025) & (contrast.value > 0)].sum()) / alarms[1]
    if both:
        assert 0.25 < higher < 0.75
    else:
        assert higher == pytest.approx(1.0 if p < 0.5 else 0.0, abs=0.005)


def test_the_plain_score_errs_in_one_direction() -> None:
    """What the correction is for: 150 against 4,850, where the plain score has .0034, all of them for the small."""
    contrast, chance = tables(150, 4850, 0.05, 0.05)
    plain = ScoreContrast.of(contrast.first[0], 150, contrast.second[0], 4850, t_first=0, t_second=0)
    alarm = plain.p_value() < 0.0025
    assert float(chance[alarm].sum()) == pytest.approx(0.0034, abs=5e-5)
    assert float(chance[alarm & (contrast.value > 0)].sum() / chance[alarm].sum()) > 0.995


def test_one_hit_of_150_against_5_per_cent() -> None:
    found = ScoreContrast.of(1 / 150, 150, 242 / 4850, 4850)
    assert float(found.p_value()[0]) == pytest.approx(0.00516347567372, rel=1e-9)  # ratesci; Fisher .0103, Wald 1.6e-5
    assert float(found.interval(0.95)[1][0]) == pytest.approx(-0.0176037553, abs=1e-9)


# x1, n1, x2, n2; interval of the difference without the correction, then ratesci's of difference and ratio, and its p.
# The first: method 6 (Miettinen and Nurminen) in table II of Newcombe (1998), Statistics in Medicine 17, 873-890.
PUBLISHED = [
    ((56, 70, 48, 80), (0.0528, 0.3382), (0.0533879904, 0.3397545859), (1.0794465446, 1.6737685791), 0.00803920845),
    ((9, 10, 3, 10), (0.1700, 0.8406), (0.1778121835, 0.8625035382), (1.3309088404, 10.7005686499), 0.00760164148),
    ((6, 7, 2, 7), (0.0342, 0.8534), (0.0364338418, 0.8815816906), (1.066071637, 15.9680162549), 0.03737298834),
    ((5, 56, 0, 29), (-0.0326, 0.1933), (-0.018617501, 0.1867179448), (0.7696132483, math.inf), 0.08199729205),
    ((0, 10, 0, 20), (-0.1658, 0.2844), (-0.1362817747, 0.250142487), (0.0, math.inf), 1.0),
    ((10, 10, 0, 20), (0.7156, 1.0), (0.749857513, 1.0), (7.3377383159, math.inf), 4.82130639e-07),
]


@pytest.mark.parametrize(("counts", "plain", "difference", "ratio", "p"), PUBLISHED)
def test_published_intervals(
    counts: tuple[int, int, int, int],
    plain: tuple[float, float],
    difference: tuple[float, float],
    ratio: tuple[float, float],
    p: float,
) -> None:
    x1, n1, x2, n2 = counts
    found = ScoreContrast.of(x1 / n1, n1, x2 / n2, n2)
    uncorrected = ScoreContrast.of(x1 / n1, n1, x2 / n2, n2, t_first=0, t_second=0)
    assert np.ravel(uncorrected.interval(0.95)) == pytest.approx(plain, abs=5.1e-5)
    assert np.ravel(found.interval(0.95)) == pytest.approx(difference, abs=2e-9)
    assert np.ravel(found.ratio_interval(0.95)) == pytest.approx(ratio, rel=1e-7)
    assert float(found.p_value()[0]) == pytest.approx(p, rel=1e-8)


def strata(df: float = math.inf, kappa: float = 1.0) -> ScoreContrast:
    """Return three strata: 5 of 40 v 4 of 50, 20 of 60 v 10 of 50, 30 of 90 v 40 of 200, weights .2, .3, .5."""
    columns = ([5, 20, 30], [40, 60, 90], [4, 10, 40], [50, 50, 200], [0.2, 0.3, 0.5])
    x1, n1, x2, n2, weights = (np.array(each, dtype=np.float64)[:, None] for each in columns)
    return ScoreContrast(x1 / n1, x2 / n2, n1, n2, n1**-2, n2**-2, weights, np.array([kappa]), np.array([df]))


def test_strata_against_ratesci() -> None:
    """``scoreci(..., stratified = TRUE, wt = c(.2, .3, .5))``."""
    found = strata()
    assert np.ravel(found.interval(0.95)) == pytest.approx((0.0374020243, 0.196169331), abs=2e-9)
    assert float(found.p_value()[0]) == pytest.approx(0.00368031962863, rel=1e-9)
    assert float(found.statistic()[0]) == pytest.approx(2.90433684744, rel=1e-9)
    by_hand = 0.2 * (5 / 40 - 4 / 50) + 0.3 * (20 / 60 - 10 / 50) + 0.5 * (30 / 90 - 40 / 200)
    assert float(found.value[0]) == pytest.approx(by_hand)
    parts = [(0.2, 5 / 40, 40), (0.2, 4 / 50, 50), (0.3, 1 / 3, 60), (0.3, 0.2, 50), (0.5, 1 / 3, 90), (0.5, 0.2, 200)]
    error = math.sqrt(sum(w**2 * p * (1 - p) / n for w, p, n in parts))
    assert float(found.std_error[0]) == pytest.approx(error)


def log_likelihood(p: float, x: float, n: float) -> float:
    return (x * math.log(p) if x else 0.0) + ((n - x) * math.log1p(-p) if n - x else 0.0)


def most_likely(row: tuple[float, float, float, float], delta: float, ratio: float) -> tuple[float, float]:
    """Return the shares with p1 - ratio p2 = delta that are most likely; by search."""
    p1, n1, p2, n2 = row
    low, high = max(0.0, -delta / ratio), min(1.0, (1 - delta) / ratio)

    def lacking(p: float) -> float:
        inside = min(max(delta + ratio * p, 1e-300), 1 - 1e-16)
        return -log_likelihood(inside, n1 * p1, n1) - log_likelihood(min(max(p, 1e-300), 1 - 1e-16), n2 * p2, n2)

    found = optimize.minimize_scalar(lacking, bounds=(low, high), method="bounded", options={"xatol": 1e-11})
    best = min((low, high, float(found.x)), key=lacking)
    return delta + ratio * best, best


def brute_z(contrast: ScoreContrast, delta: float, ratio: float = 1.0) -> float:
    """Return the corrected statistic as its definition reads, stratum by stratum."""
    variance = distance = 0.0
    third = [0.0, 0.0]  # and of independent rows
    c = contrast
    for s in range(len(c.first)):
        p1, n1, p2, n2, w = (float(x[s, 0]) for x in (c.first, c.n_first, c.second, c.n_second, c.weights))
        q1, q2 = most_likely((p1, n1, p2, n2), delta, ratio)
        distance += w * (p1 - ratio * p2 - delta)
        variance += w**2 * (q1 * (1 - q1) / n1 + ratio**2 * q2 * (1 - q2) / n2) * (n1 + n2) / (n1 + n2 - 1)
        for i, (t1, t2) in enumerate(((float(c.t_first[s, 0]), float(c.t_second[s, 0])), (n1**-2, n2**-2))):
            third[i] += w**3 * q1 * (1 - q1) * (1 - 2 * q1) * t1
            third[i] -= w**3 * ratio**3 * q2 * (1 - q2) * (1 - 2 * q2) * t2
    z, g, g_alone = distance / math.sqrt(variance * float(c.kappa[0])), *(m / (6 * variance**1.5) for m in third)
    more = g - g_alone if g * z < 0 and abs(g) > abs(g_alone) and abs(z) > 1 else 0.0
    roots = np.roots([g - more, 1, -(z + g - more)])
    assert np.isreal(roots).all()
    return float(roots[np.abs(roots - z).argmin()]) - more * (z**2 - 1)


@given(
    st.integers(2, 400), st.integers(2, 400), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(-0.95, 0.95),
)  # fmt: skip
def test_restricted_shares_are_the_most_likely_ones(n1: int, n2: int, p1: float, p2: float, delta: float) -> None:
    arrays = (np.array([float(x)]) for x in (p1, n1, p2, n2, delta))
    found = np.ravel(restricted_shares(*arrays))
    assert found[0] - found[1] == pytest.approx(delta, abs=1e-9)
    best = most_likely((p1, n1, p2, n2), delta, 1.0)
    assert found == pytest.approx(best, abs=3e-6)  # a search on a flat top


@pytest.mark.parametrize("delta", [-0.5, 0.0, 0.3])
@pytest.mark.parametrize(("p1", "p2"), [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.4), (1.0, 0.4)])
def test_restricted_shares_at_the_ends(p1: float, p2: float, delta: float) -> None:
    arrays = (np.array([x]) for x in (p1, 12.0, p2, 30.0, delta))
    found = restricted_shares(*arrays)
    assert np.ravel(found) == pytest.approx(most_likely((p1, 12, p2, 30), delta, 1.0), abs=1e-5)


@pytest.mark.parametrize("df", [math.inf, 7.5])
@pytest.mark.parametrize("kappa", [1.0, 0.4])
@pytest.mark.parametrize("row", [(0.1, 60.0, 0.2, 300.0), (0.52, 33.3, 0.41, 71.9), (0.94, 155.5, 0.9, 800.0)])
def test_bounds_solve_the_test_itself(row: tuple[float, ...], kappa: float, df: float) -> None:
    """At each bound the statistic, by brute force, is the quantile: with clusters, and for the ratio too."""
    p1, n1, p2, n2 = row
    clustered = {"t_first": 2.2 / n1**2, "t_second": 1.3 / n2**2}
    found = ScoreContrast.of(p1, n1, p2, n2, kappa=kappa, df=df, **clustered)
    quantile = float(stats.t.ppf(0.995, df))
    low, high = (float(bound[0]) for bound in found.interval(0.99))
    assert brute_z(found, low) == pytest.approx(quantile, abs=1e-4)
    assert brute_z(found, high) == pytest.approx(-quantile, abs=1e-4)
    low, high = (float(bound[0]) for bound in found.ratio_interval(0.99))
    assert brute_z(found, 0.0, low) == pytest.approx(quantile, abs=1e-4)
    assert brute_z(found, 0.0, high) == pytest.approx(-quantile, abs=1e-4)
    statistic = brute_z(found, 0.0)
    assert float(found.statistic()[0]) == pytest.approx(statistic, abs=1e-5)
    assert float(found.p_value()[0]) == pytest.approx(2 * stats.t.sf(abs(statistic), df), rel=1e-4)


@pytest.mark.parametrize(("df", "kappa"), [(math.inf, 1.0), (9.0, 0.7)])
def test_bounds_of_strata_solve_the_test_itself(df: float, kappa: float) -> None:
    found, quantile = strata(df, kappa), float(stats.t.ppf(0.995, df))
    low, high = (float(bound[0]) for bound in found.interval(0.99))
    assert brute_z(found, low) == pytest.approx(quantile, abs=1e-4)
    assert brute_z(found, high) == pytest.approx(-quantile, abs=1e-4)


def counts(most: int = 300) -> st.SearchStrategy[tuple[int, int]]:
    """Return hits and rows."""
    return st.integers(5, most).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


DF = st.sampled_from([math.inf, 4.0, 25.0])


def contrast_of(
    one: tuple[int, int], two: tuple[int, int], t: float = 1.0, df: float = math.inf, kappa: float = 1.0
) -> ScoreContrast:
    (x1, n1), (x2, n2) = one, two
    return ScoreContrast.of(x1 / n1, n1, x2 / n2, n2, t_first=t / n1**2, t_second=t / n2**2, df=df, kappa=kappa)


@given(counts(), counts(), st.floats(1.0, 2.0), DF, st.floats(0.4, 1.5))
def test_p_is_below_its_level_exactly_if_the_interval_excludes_equality(
    one: tuple[int, int], two: tuple[int, int], t: float, df: float, kappa: float
) -> None:
    found = contrast_of(one, two, t, df, kappa)
    p = float(found.p_value()[0])
    before = ((-1.0, 1.0), (0.0, math.inf))
    for alpha in (0.0005, 0.0025, 0.05, 0.2, *((p * 0.99, min(p * 1.01, 0.3)) if 1e-6 < p < 0.3 else ())):
        if abs(p - alpha) < 1e-6 * alpha:
            continue
        (low,), (high,) = found.interval(1 - alpha)
        assert (low > 0 or high < 0) == (p < alpha)
        (least,), (most,) = found.ratio_interval(1 - alpha)
        assert (least > 1 or most < 1) == (p < alpha)
        assert -1 <= low <= found.value[0] <= high <= 1
        assert 0 <= least <= most <= math.inf
        if alpha in (0.0025, 0.05, 0.2):  # nested in the level
            assert low >= before[0][0] - 1e-7
            assert high <= before[0][1] + 1e-7
            assert least >= before[1][0] - 1e-6
            assert most <= before[1][1] * (1 + 1e-6)
        if alpha in (0.0005, 0.0025, 0.05):
            before = ((low, high), (least, most))


@given(counts(), counts(), st.floats(1.0, 2.0), DF)
def test_swapped_sides_flip_signs_and_invert_the_ratio(
    one: tuple[int, int], two: tuple[int, int], t: float, df: float
) -> None:
    found, other = contrast_of(one, two, t, df), contrast_of(two, one, t, df)
    assert other.p_value() == pytest.approx(found.p_value(), rel=1e-6)
    (low,), (high,) = found.interval(0.95)
    assert np.ravel(other.interval(0.95)) == pytest.approx((-high, -low), abs=1e-6)
    (least,), (most,) = found.ratio_interval(0.95)
    inverse = (1 / most, math.inf if least == 0 else 1 / least)
    assert np.ravel(other.ratio_interval(0.95)) == pytest.approx(inverse, rel=1e-5)


@given(counts(), counts(), st.floats(1.0, 2.0), DF)
def test_misses_are_hits_with_the_sign_flipped(one: tuple[int, int], two: tuple[int, int], t: float, df: float) -> None:
    found = contrast_of(one, two, t, df)
    other = contrast_of((one[1] - one[0], one[1]), (two[1] - two[0], two[1]), t, df)
    assert other.p_value() == pytest.approx(found.p_value(), rel=1e-6)
    (low,), (high,) = found.interval(0.95)
    assert np.ravel(other.interval(0.95)) == pytest.approx((-high, -low), abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
@given(st.floats(1.5, 5000), st.floats(1.5, 5000))
def test_groups_that_are_all_hits_or_all_misses_do_not_differ(share: float, n1: float, n2: float) -> None:
    """Rounding of a pooled share of one must not pass for a variance."""
    found = ScoreContrast.of(share, n1, share, n2)
    assert float(found.p_value()[0]) == 1
    (low,), (high,) = found.interval(0.95)
    assert -1 < low < 0 < high < 1
    assert float(found.ratio_interval(0.95)[0][0]) < 1 < float(found.ratio_interval(0.95)[1][0])
    assert np.isnan(found.ratio[0]) if share == 0 else float(found.ratio[0]) == 1


def test_a_ratio_over_nothing_is_infinite() -> None:
    found = ScoreContrast.of(0.1, 50, 0.0, 50)
    assert found.ratio[0] == math.inf
    assert found.ratio_interval(0.95)[1][0] == math.inf
    assert ScoreContrast.of(0.0, 50, 0.1, 50).ratio_interval(0.95)[0][0] == 0


def with_strata(one: ScoreContrast, weights: tuple[float, ...]) -> ScoreContrast:
    """Return the same comparison in several strata."""
    first, second, n_first, n_second, t_first, t_second = (
        np.repeat(field, len(weights), axis=0)
        for field in (one.first, one.second, one.n_first, one.n_second, one.t_first, one.t_second)
    )
    shares = np.array(weights)[:, None]
    return ScoreContrast(first, second, n_first, n_second, t_first, t_second, shares, one.kappa, one.df)


@given(counts(), counts())
def test_a_stratum_without_weight_does_not_matter(one: tuple[int, int], two: tuple[int, int]) -> None:
    single = contrast_of(one, two)
    found = with_strata(single, (1.0, 0.0))
    assert np.ravel(found.interval(0.95)) == pytest.approx(np.ravel(single.interval(0.95)), abs=1e-9)
    assert found.p_value() == pytest.approx(single.p_value(), rel=1e-9)


def test_two_equal_halves_of_the_weight_are_a_table_of_twice_the_size() -> None:
    """Up to the factor N / (N - 1), which counts each stratum by itself."""
    single = ScoreContrast.of(0.1, 4000, 0.12, 9000)
    halves = with_strata(single, (0.5, 0.5))
    twice = ScoreContrast.of(0.1, 8000, 0.12, 18000)
    assert np.ravel(halves.interval(0.95)) == pytest.approx(np.ravel(twice.interval(0.95)), rel=1e-3)
    assert halves.value == pytest.approx(single.value)
    exact = ScoreContrast.of(0.1, 8000, 0.12, 18000, kappa=(13000 / 12999) / (26000 / 25999))
    assert halves.p_value() == pytest.approx(exact.p_value(), rel=1e-4)
    assert np.ravel(halves.interval(0.95)) == pytest.approx(np.ravel(exact.interval(0.95)), abs=1e-7)


def test_many_at_once_are_each_by_itself() -> None:
    parts = [ScoreContrast.of(0.1, 60, 0.2, 300, df=7.0), ScoreContrast.of([0.5, 0.9], 40, [0.4, 0.99], [50, 90])]
    found = ScoreContrast.stacked(parts)
    assert found.value == pytest.approx([-0.1, 0.1, -0.09])
    low, high = found.interval(0.99)
    for at, one in enumerate((parts[0], parts[1].row(0), parts[1].row(1))):
        assert (low[at], high[at]) == pytest.approx(np.ravel(one.interval(0.99)), abs=1e-12)
        assert found.row(at).p_value() == pytest.approx(one.p_value())


@pytest.mark.parametrize(
    ("n1", "n2", "p"),
    [
        (300, 600, 0.1), (150, 4850, 0.05), (400, 12000, 0.012), (200, 200, 0.9), (1000, 1000, 0.5), (60, 2400, 0.97),
        (60, 180, 0.3), (4850, 150, 0.05), (30, 570, 0.2), (2000, 2000, 0.01),
    ],
)  # fmt: skip
@pytest.mark.parametrize("alpha", LEVELS)
def test_the_detectable_difference_is_found_four_times_in_five(n1: int, n2: int, p: float, alpha: float) -> None:
    shift, direction = ScoreContrast.of(p, n1, p, n2).min_detectable(alpha)
    assert direction == ("higher" if p < 0.5 else "lower")
    contrast, chance = tables(n1, n2, p + shift if p < 0.5 else p - shift, p)
    assert 0.78 <= float(chance[contrast.p_value() < alpha].sum()) <= 0.83


def test_few_degrees_of_freedom_need_a_larger_difference() -> None:
    """With t quantiles in the place of normal ones; strata count as one, halves as twice the rows."""
    normal = ScoreContrast.of(0.5, 1e6, 0.5, 1e6).min_detectable(0.05)[0]
    few = ScoreContrast.of(0.5, 1e6, 0.5, 1e6, df=8.0).min_detectable(0.05)[0]
    ratio = (stats.t.ppf(0.975, 8) + stats.t.ppf(0.8, 8)) / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    assert few / normal == pytest.approx(ratio, rel=1e-3)
    paired = ScoreContrast.of(0.5, 1e6, 0.5, 1e6, kappa=0.25).min_detectable(0.05)[0]
    assert paired / normal == pytest.approx(0.5, rel=1e-3)
    halves = with_strata(ScoreContrast.of(0.1, 400, 0.1, 900), (0.5, 0.5)).min_detectable(0.05)[0]
    assert halves == pytest.approx(ScoreContrast.of(0.1, 800, 0.1, 1800).min_detectable(0.05)[0], rel=1e-3)


def test_nothing_is_detected_where_the_range_ends() -> None:
    shift, direction = ScoreContrast.of(0.4, 5, 0.4, 100).min_detectable(1e-6)
    assert math.isnan(shift)
    assert direction == ""


def test_roots() -> None:
    assert root(lambda x: 2 - x**2, 5) == pytest.approx(math.sqrt(2))
    assert math.isnan(root(lambda x: 2 - x, 1))
    z, g = np.array([-3.0, 0.5, 2.0]), np.array([0.05, -0.1, 0.0])
    found = without_skew(z, g, g)
    assert g * found**2 + found - (z + g) == pytest.approx(np.zeros(3), abs=1e-12)
    # What clusters add is taken to first order where the root would end.
    one = without_skew(np.array([-3.0]), np.array([0.05]), np.array([0.03]))
    alone = without_skew(np.array([-3.0]), np.array([0.03]), np.array([0.03]))
    assert one == pytest.approx(alone - 0.02 * 8)
    # Where the groups hardly differ it stays below one, however skewed a few heavy rows make the share.
    near = without_skew(np.linspace(-0.99, 0.99, 99), np.full(99, 4.0), np.full(99, 0.3))
    assert (np.abs(near) <= 1).all()
    assert float(ScoreContrast.of(0.0, 20, 1 / 200, 200, t_first=8 / 400, t_second=1 / 40000).p_value()[0]) > 0.3
    far = without_skew(np.array([-40.0, -30.0]), np.array([0.05, 0.05]), np.array([0.05, 0.05]))
    assert far[0] < far[1] < 0  # no root: it goes on falling

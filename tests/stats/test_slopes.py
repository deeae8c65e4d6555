"""Slopes against explicit matrices, clubSandwich and simulation; departure and concentration by definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.stats.concentration import concentration
from fairaudit.stats.correlation import correlations
from fairaudit.stats.estimates import Estimate, estimates
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.slopes import Slope, departure, slope

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Average = Literal["micro", "macro"]


def brute(y: Floats, x_of_rows: Floats, w: Floats, clusters: Ints, rho: float) -> tuple[float, float, float]:
    """Return slope, CR2 standard error and Satterthwaite's degrees of freedom from N x N matrices."""
    n = len(y)
    x, weight = np.stack([np.ones(n), x_of_rows], axis=1), np.diag(w)
    m = np.linalg.inv(x.T @ weight @ x)
    hat = x @ m @ x.T @ weight
    line = m @ x.T @ weight @ y
    residual = y - x @ line
    target = np.array([0.0, 1.0])
    names = np.unique(clusters)
    terms, rows = [], []
    for c in names:
        at = np.flatnonzero(clusters == c)
        root = np.diag(np.sqrt(w[at]))
        values, vectors = np.linalg.eigh(np.eye(len(at)) - root @ x[at] @ m @ x[at].T @ root)
        assert values.min() > 1e-9
        adjust = np.linalg.inv(root) @ (vectors / np.sqrt(values)) @ vectors.T @ root
        g = np.zeros(n)
        g[at] = adjust.T @ weight[np.ix_(at, at)] @ x[at] @ m @ target
        terms.append(g @ residual)
        rows.append((np.eye(n) - hat).T @ g)
    same = clusters[:, None] == clusters
    p = np.array(rows) @ (np.where(same, rho, 0.0) + (1 - rho) * np.eye(n)) @ np.array(rows).T
    df = np.trace(p) ** 2 / np.trace(p @ p)
    return float(line[1]), float(np.sqrt(np.sum(np.square(terms)))), float(df)


def homes(rng: np.random.Generator, n: int, *, skewed: bool = True) -> tuple[Floats, Floats, Ints]:
    """Return outcomes, x that differs within homes, and homes of unequal sizes."""
    clusters = np.repeat(np.arange(n), rng.integers(1, 8, n))
    of_home = rng.exponential(2, n) ** (2 if skewed else 1)
    x = of_home[clusters] + 0.3 * rng.normal(size=len(clusters))
    y = 0.1 * x + rng.normal(size=n)[clusters] + rng.normal(size=len(clusters))
    return y, x, clusters


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("weighted", [False, True])
def test_slope_error_and_degrees_of_freedom_from_explicit_matrices(
    rng: np.random.Generator, average: Average, weighted: bool
) -> None:
    y, x, clusters = homes(rng, 15)
    weights = rng.uniform(0.3, 3, len(y)) if weighted else None
    y[4], x[9] = np.nan, np.nan
    one = Outcomes("x", y, clusters, unit_interval=False, average=average, weights=weights)
    sums = GroupSums.of(one, [~np.isnan(x)])
    use, w = sums.used, sums.row_weights(Members((0,)))
    rho = float(correlations([sums.groups[0].pairs])[0].value)
    assert rho > 0.1
    found = slope(one, x)
    value, error, df = brute(y[use], x[use], w[use], clusters[use], rho)
    assert found.value == pytest.approx(value, rel=1e-9)
    assert found.std_error == pytest.approx(error, rel=1e-9)
    assert found.df == pytest.approx(df, rel=1e-7)
    assert found.value == pytest.approx(np.polyfit(x[use], y[use], 1, w=np.sqrt(w[use]))[0])
    assert (found.n, found.n_clusters) == (len(use), len(set(clusters[use].tolist())))
    assert float(np.sqrt(found.psi @ found.psi)) == pytest.approx(found.std_error)
    assert found.width == pytest.approx(np.ptp(x[use]))
    assert found.events == found.non_events == np.inf


SIZES = [1, 1, 2, 3, 5, 8, 4, 2, 6, 3, 7, 2]


def by_formula() -> tuple[Floats, Floats, Floats, Ints]:
    """Return y, x of homes, x of images and homes, the same in R (see below)."""
    home, i = np.repeat(np.arange(1, 13), SIZES), np.arange(1, 45)
    of_home = np.array([0.3, 1.1, 2.0, 0.2, 3.5, 1.7, 9.0, 0.9, 2.2, 4.1, 0.6, 1.3])[home - 1]
    return (i * 13 + home * 5) % 11 / 10, of_home, of_home + (i * 7) % 5 / 4, home


def test_unweighted_slopes_are_those_of_clubsandwich() -> None:
    """Version 0.5.8 of the R package; rows of a home do not go together here, so both work with independence.

    home <- rep(1:12, sizes); i <- seq_along(home); x <- x_of_home[home] + ((i * 7) %% 5) / 4
    y <- ((i * 13 + home * 5) %% 11) / 10
    coef_test(lm(y ~ x), vcov = "CR2", cluster = home, test = "Satterthwaite")
    """
    y, _, x, home = by_formula()
    one = Outcomes("x", y, home, unit_interval=False)
    assert float(correlations([GroupSums.of(one, [x > -1]).groups[0].pairs])[0].value) == 0
    found = slope(one, x)
    assert found.value == pytest.approx(-0.0162243386662, rel=1e-9)
    assert found.std_error == pytest.approx(0.0228443110611, rel=1e-9)
    assert found.df == pytest.approx(1.77982727489, rel=1e-9)


def test_slopes_over_homes_are_those_of_clubsandwich() -> None:
    """Weights 1 / m, x of the home: vcovCR(lm(y ~ x_of_home, weights = w), type = "CR2", target = 1 / w).

    Their degrees of freedom (1.82) work with variances of 1 / w, ours (2.15) with equal ones, under which the average
    over a home varies as 1 / m. With weights that differ within a cluster there are several roots of I - H, all of them
    unbiased under the target; ours is the symmetric one of the weighted residuals, theirs another (2.4 % apart for
    weights from .5 to 2 of these data).
    """
    y, of_home, _, home = by_formula()
    found = slope(Outcomes("x", y, home, unit_interval=False, average="macro"), of_home)
    assert found.value == pytest.approx(-0.0134263127149, rel=1e-9)
    assert found.std_error == pytest.approx(0.0272600355151, rel=1e-9)
    w = 1 / np.repeat(np.array(SIZES, dtype=np.float64), SIZES)
    assert found.df == pytest.approx(brute(y, of_home, w, home, 0.0)[2], rel=1e-7)


def test_one_home_of_its_own_x_leaves_no_degrees_of_freedom(rng: np.random.Generator) -> None:
    """Where x differs in one home only, its residual is fitted away: the direction without a root adds nothing."""
    x = np.concatenate([np.zeros(30), [1.0]])
    found = slope(Outcomes("x", rng.normal(size=31), np.arange(31), unit_interval=False), x)
    assert np.isfinite(found.std_error)
    few = slope(Outcomes("x", rng.normal(size=31), np.arange(31), unit_interval=False), x + 0.01 * np.arange(31))
    assert few.df < 3


@pytest.mark.parametrize("x", [0.0, 3.3, 1e9])
def test_a_slope_needs_different_x(rng: np.random.Generator, x: float) -> None:
    """Rounding in the mean of equal numbers must not pass for a spread."""
    for n in (29, 30, 31, 47):
        found = slope(Outcomes("hit", rng.random(n), np.arange(n)), np.full(n, x))
        assert np.isnan(found.value)
        assert (found.n, found.n_clusters, found.df) == (n, n, 0)


def test_two_clusters_are_too_few(rng: np.random.Generator) -> None:
    one = Outcomes("hit", rng.random(20), np.arange(20) % 2)
    assert np.isnan(slope(one, np.arange(20.0)).value)
    nothing = slope(one, np.full(20, np.nan))
    assert np.isnan(nothing.value)
    assert (nothing.n, nothing.width) == (0, 0)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7])
def test_equal_outcomes_leave_no_rounding_behind(value: float) -> None:
    assert slope(Outcomes("hit", np.full(37, value), np.arange(37)), np.linspace(0, 3, 37)).std_error == 0


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_repeated_rows_do_not_narrow(rng: np.random.Generator, average: Average) -> None:
    y, x, clusters = homes(rng, 30)
    once = slope(Outcomes("x", y, clusters, average=average, unit_interval=False), x)
    repeated = Outcomes("x", np.tile(y, 3), np.tile(clusters, 3), average=average, unit_interval=False)
    thrice = slope(repeated, np.tile(x, 3))
    assert thrice.value == pytest.approx(once.value)
    assert thrice.std_error == pytest.approx(once.std_error, rel=1e-9)
    assert thrice.df == pytest.approx(once.df, rel=0.15)


def test_order_names_and_units_do_not_matter(rng: np.random.Generator) -> None:
    y, x, clusters = homes(rng, 20)
    order, names = rng.permutation(len(y)), rng.permutation(90)[:20]
    one = slope(Outcomes("x", y, clusters, unit_interval=False), x)
    other = slope(Outcomes("x", y[order], names[clusters][order], unit_interval=False), 10 * x[order] - 3)
    assert other.value == pytest.approx(one.value / 10)
    assert other.std_error == pytest.approx(one.std_error / 10)
    assert other.df == pytest.approx(one.df)


def rejected(found: Slope, true: float, level: float) -> bool:
    return bool(abs(found.value - true) > stats.t.ppf(1 - level / 2, max(found.df, 1)) * found.std_error)


@pytest.mark.slow
@pytest.mark.parametrize(("icc", "few"), [(0.2, True), (0.5, False)])
def test_slopes_hold_the_truth(rng: np.random.Generator, icc: float, few: bool) -> None:
    """40 homes, three of them very rich, or 60 with skewed incomes: six photographs each, a home counting once."""
    n, count = (40, 2000) if few else (60, 2000)
    clusters = np.repeat(np.arange(n), 6)
    out = {0.05: 0, 0.0025: 0}
    for _ in range(count):
        x = np.concatenate([rng.normal(0, 0.3, n - 3), [5, 6, 7]]) if few else rng.exponential(2, n)
        rate = rng.beta(0.6 * (1 - icc) / icc, 0.4 * (1 - icc) / icc, n)
        one = Outcomes("hit", (rng.random(6 * n) < rate[clusters]).astype(np.float64), clusters, average="macro")
        found = slope(one, x[clusters])
        for level in out:
            out[level] += rejected(found, 0.0, level)
    for level, times in out.items():
        assert stats.binomtest(times, count, level, alternative="greater").pvalue > 0.001, (level, times)


def test_a_gallery_moves_the_slope_too(rng: np.random.Generator) -> None:
    """The influence holds both roles, and pairs count once: against the sum over rows and over entries of lists."""
    n, k = 60, 3
    items, match = rng.integers(0, n, (n, k)), (rng.random((n, k)) < 0.5).astype(np.float64)
    value = match.mean(axis=1)
    influence = (match - value[:, None]) / k
    role = GalleryRole.of(Moves(items, influence), np.arange(n))
    x = rng.normal(size=n)
    found, alone = (
        slope(Outcomes("p", value, np.arange(n), gallery=role), x),
        slope(Outcomes("p", value, np.arange(n)), x),
    )
    b = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    psi = alone.psi + np.bincount(items.ravel(), weights=(b[:, None] * influence).ravel(), minlength=n)
    total, noise = float(psi @ psi), float(role.pair_noise(b[:, None])[0])
    assert found.value == pytest.approx(alone.value)
    assert found.std_error == pytest.approx(np.sqrt(max(total - noise, total / 2)))
    assert found.df == pytest.approx(min(alone.df, total**2 / float((psi**4).sum())))


def groups_of(counts: Sequence[tuple[int, int]]) -> list[Estimate]:
    values = np.concatenate([np.repeat([1.0, 0.0], [h, n - h]) for h, n in counts])
    codes = np.repeat(np.arange(len(counts)), [n for _, n in counts])
    return estimates(GroupSums(Outcomes("hit", values, np.arange(len(values))), codes, len(counts)))


def test_the_departure_from_a_line_by_hand() -> None:
    """The line that fits best under variances at the line itself, found here by iterating until nothing moves."""
    counts, x = [(8, 100), (9, 150), (60, 200), (45, 90)], np.array([0.0, 1.0, 2.0, 4.0])
    n, p = np.array([c[1] for c in counts], dtype=np.float64), np.array([c[0] / c[1] for c in counts])
    line = np.full(4, 0.2)
    for _ in range(200):
        weight = n / np.clip(line * (1 - line), 0.5 / n, None)
        a, b = np.polyfit(x, p, 1, w=np.sqrt(weight))[::-1]
        line = np.clip(a + b * x, 0.5 / n, 1 - 0.5 / n)
    expected = float((n * (p - a - b * x) ** 2 / (line * (1 - line))).sum()) / 2
    found = departure(groups_of(counts), x)
    assert found.statistic == pytest.approx(expected, rel=1e-6)
    root = np.sqrt(weight)[:, None] * np.stack([np.ones(4), x], axis=1)
    leverage = np.diag(root @ np.linalg.inv(root.T @ root) @ root.T)
    variance = 4 + float(((1 / (line * (1 - line)) - 6) / n) @ (1 - leverage) ** 2)
    freedom = 2 * 2**2 / variance
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic * freedom, freedom), rel=1e-5)
    assert found.p_value < 0.01


def test_groups_on_a_line_do_not_depart_from_it() -> None:
    found = departure(groups_of([(10, 100), (30, 150), (90, 300), (40, 100)]), np.arange(4.0))
    assert found.statistic == pytest.approx(0, abs=1e-9)
    assert found.p_value == pytest.approx(1)


def test_departure_of_unbounded_outcomes_is_weighted_least_squares(rng: np.random.Generator) -> None:
    parts = [rng.normal(m, s, n) for m, s, n in ((0, 1, 30), (2, 2, 50), (1, 1, 40), (4, 3, 60))]
    codes = np.repeat(np.arange(4), [30, 50, 40, 60])
    one = Outcomes("x", np.concatenate(parts), np.arange(180), unit_interval=False)
    found = departure(estimates(GroupSums(one, codes, 4)), np.arange(4.0))
    means = np.array([part.mean() for part in parts])
    weight = np.array([len(part) / part.var(ddof=1) for part in parts])
    fit = np.polyval(np.polyfit(np.arange(4.0), means, 1, w=np.sqrt(weight)), np.arange(4.0))
    expected = float((weight * (means - fit) ** 2).sum()) / 2
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(stats.f.sf(expected, 2, 29))


@pytest.mark.parametrize(
    ("n", "p"),
    [
        ((3000, 2000, 1500, 1000, 600, 400), (0.2, 0.6)),
        ((3000, 2000, 1500, 1000, 600, 400), (0.03, 0.005)),
        ((6000, 6000, 3000, 60, 60), (0.01, 0.01)),  # .0075 at .0025 under plain chi-squared
    ],
)
def test_false_alarms_of_the_departure(rng: np.random.Generator, n: tuple[int, ...], p: tuple[float, float]) -> None:
    """Groups of unequal sizes on a line, down to .6 expected hits."""
    found: list[float] = []
    for _ in range(2000):
        hits = rng.binomial(n, np.linspace(*p, len(n)))
        parts = [
            Estimate(h / m, 0.1, np.inf, int(m), int(m), float(m), 1.0, 1.0, "binary", float(m), 1 / m**2)
            for h, m in zip(hits, n, strict=True)
        ]
        found.append(departure(parts, np.arange(float(len(n)))).p_value)
    assert 0.35 < np.median(found) < 0.75
    for level in (0.05, 0.0025):
        times = int((np.array(found) < level).sum())
        assert stats.binomtest(times, 2000, 1.2 * level, alternative="greater").pvalue > 0.001, (level, times)


def index(y: Floats, x: Floats, weights: Floats | None = None) -> float:
    """Return 2 cov(y, rank) / mean, the rank of a row being the weight below it and half of that at its x."""
    w = np.ones(len(y)) if weights is None else weights
    w = w / w.sum()
    rank = np.array([w[x < at].sum() + w[x == at].sum() / 2 for at in x])
    mean = float(w @ y)
    return float(2 * (w @ (y * rank)) / mean - 1)


def test_concentration_by_hand() -> None:
    """Four homes, poorest first, with .2, .4, .6, .8: C = 2 / (4 * .5) * (.2 * .125 + ... + .8 * .875) - 1 = .25."""
    one = Outcomes("hit", np.array([0.8, 0.2, 0.6, 0.4]), np.arange(4), average="macro")
    assert concentration(one, np.array([9.0, 1.0, 5.0, 2.0])).value == pytest.approx(0.25)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_concentration_is_twice_the_covariance_with_the_rank(
    rng: np.random.Generator, ties: bool, weighted: bool
) -> None:
    y, x = rng.random(80), rng.lognormal(size=80)
    x = x.round() if ties else x
    weights = rng.uniform(0.2, 3, 80) if weighted else None
    found = concentration(Outcomes("hit", y, np.arange(80), weights=weights), x)
    assert found.value == pytest.approx(index(y, x, weights))
    assert (found.n, found.n_clusters, found.width) == (80, 80, 1)


@pytest.mark.parametrize("ties", [False, True])
def test_the_error_of_the_concentration_is_near_the_jackknife(rng: np.random.Generator, ties: bool) -> None:
    n = 300
    x = rng.lognormal(6, 1, n)
    x = np.log(x).round() if ties else x
    y = np.clip(0.3 + 0.06 * (x if ties else np.log(x)) + rng.normal(0, 0.1, n), 0, 1)
    without = np.array([index(np.delete(y, i), np.delete(x, i)) for i in range(n)])
    jackknife = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    found = concentration(Outcomes("hit", y, np.arange(n)), x)
    assert found.std_error == pytest.approx(jackknife, rel=0.02)
    assert found.df == n - 2


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_influence_on_the_concentration_is_the_derivative_by_the_weight_of_a_cluster(
    rng: np.random.Generator, average: str
) -> None:
    clusters = np.repeat(np.arange(20), rng.integers(1, 5, 20))
    x, y = np.round(3 * rng.random(20), 1)[clusters], rng.random(len(clusters))
    size = np.bincount(clusters)[clusters]
    w = np.ones(len(y)) if average == "micro" else 1 / size
    found = concentration(Outcomes("hit", y, clusters, average=average), x)  # type: ignore[arg-type]
    assert found.value == pytest.approx(index(y, x, w))
    for c in range(20):
        bump = np.where(clusters == c, 1e-5, 0.0)
        exact = (index(y, x, w * (1 + bump)) - index(y, x, w * (1 - bump))) / 2e-5
        assert found.psi[c] == pytest.approx(exact * np.sqrt(20 / 19), abs=1e-8)
    assert found.std_error == pytest.approx(np.sqrt((found.psi**2).sum()))


@pytest.mark.parametrize(
    ("y", "x"),
    [
        ([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]),
        ([0.5, 0.1, 0.3, 0.4], [2.0, 2.0, 2.0, 2.0]),
        ([0.5, 0.1, np.nan, 0.4], [1.0, 2.0, 3.0, np.nan]),
        ([np.nan] * 4, [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_without_hits_order_or_three_clusters_there_is_no_concentration(y: list[float], x: list[float]) -> None:
    found = concentration(Outcomes("hit", np.array(y), np.arange(4)), np.array(x))
    assert np.isnan(found.value)
    assert found.df == 0


def test_a_gallery_moves_the_index_too(rng: np.random.Generator) -> None:
    n, k = 50, 3
    items, match = rng.integers(0, n, (n, k)), (rng.random((n, k)) < 0.5).astype(np.float64)
    value = match.mean(axis=1)
    influence = (match - value[:, None]) / k
    role = GalleryRole.of(Moves(items, influence), np.arange(n))
    x = rng.normal(size=n)
    shared = concentration(Outcomes("p", value, np.arange(n), gallery=role), x)
    alone = concentration(Outcomes("p", value, np.arange(n)), x)
    of_items = np.zeros(n)
    for q in range(n):
        bump = np.where(np.arange(n) == q, 1e-6, 0.0)
        slope = (index(value + bump, x) - index(value - bump, x)) / 2e-6
        of_items += np.bincount(items[q], weights=slope * influence[q], minlength=n)
    assert shared.psi == pytest.approx(alone.psi + of_items * np.sqrt(n / (n - 1)), abs=1e-7)


def test_false_alarms_of_the_concentration(rng: np.random.Generator) -> None:
    """Sixty homes, six photographs each, incomes that say nothing."""
    clusters, alarms = np.repeat(np.arange(60), 6), 0
    for _ in range(600):
        hits = (rng.random(360) < rng.beta(2, 2, 60)[clusters]).astype(np.float64)
        found = concentration(Outcomes("hit", hits, clusters, average="macro"), rng.lognormal(size=60)[clusters])
        alarms += abs(found.value) > stats.t.ppf(0.975, found.df) * found.std_error
    assert stats.binomtest(alarms, 600, 0.055, alternative="greater").pvalue > 0.01

"""Intervals and p-values against scipy, by hand, and by counting how often they hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.stats.estimates import Estimate, average, difference, slope
from fairaudit.stats.intervals import group_interval, min_detectable, p_value, t_interval
from fairaudit.stats.outcomes import Outcomes


def estimate(value: float, std_error: float = 0.1, **fields: Any) -> Estimate:
    defaults: dict[str, Any] = {"df": 30.0, "n": 100, "n_clusters": 31, "events": 10.0, "non_events": 10.0,
                                "psi": np.zeros(1)}  # fmt: skip
    made: dict[str, Any] = {"value": value, "std_error": std_error, **defaults, **fields}
    arrays: dict[str, Any] = {n: given if n == "shares_gallery" else np.asarray(given) for n, given in made.items()}
    return Estimate(**arrays)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (7, 31), (50, 50), (499, 1000)])
def test_wilson_equals_scipy(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    found = group_interval(estimate(hits / n, n=n), kind="binary")
    assert found[:2] == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found[2] == "Wilson"


def test_share_uses_the_effective_number_and_t() -> None:
    one = estimate(0.8, 0.08, df=12.0)
    low, high, method = group_interval(one, kind="share")
    n, t = 0.8 * 0.2 / 0.08**2, stats.t.ppf(0.975, 12)
    # Wilson's ends solve (p - q)^2 = t^2 q (1 - q) / n.
    for q in (low, high):
        assert (0.8 - q) ** 2 == pytest.approx(t**2 * q * (1 - q) / n)
    assert method == "Wilson, effective n"


def test_a_share_has_the_degrees_of_freedom_of_the_clusters_that_make_its_variance(rng: np.random.Generator) -> None:
    """Satterthwaite's 2 / CV^2 of a variance: 2 U / (kurtosis - 1)."""
    psi = np.where(rng.random(80) < 0.1, 0.02, 0.0) * rng.random(80)
    psi -= psi.mean()
    one = estimate(0.1, 0.03, df=79.0, n_clusters=80, psi=psi)
    df = 2 * 80 / (stats.kurtosis(psi, fisher=False) - 1)
    assert 2 < df < 30
    low, high, _ = group_interval(one, kind="share")
    n, t = 0.1 * 0.9 / 0.03**2, stats.t.ppf(0.975, df)
    for q in (low, high):
        assert (0.1 - q) ** 2 == pytest.approx(t**2 * q * (1 - q) / n)


@pytest.mark.parametrize(("share", "icc"), [(0.05, 0.5), (0.025, 0.2), (0.5, 0.5)])
def test_intervals_of_rare_clustered_hits_hold_the_truth(rng: np.random.Generator, share: float, icc: float) -> None:
    """66 clusters of 15 images; with U - 1 degrees of freedom .925 and .928 of 20,000 draws for the rare ones."""
    ab = (1 - icc) / icc
    rate = np.repeat(rng.beta(share * ab, (1 - share) * ab, (66, 3000)), 15, axis=0)
    one = Outcomes("hit", (rng.random(rate.shape) < rate).astype(np.float64), np.arange(66 * 15) // 15)
    low, high, _ = group_interval(average(one, np.ones(66 * 15, dtype=bool)), kind="share")
    assert 0.938 < float(((low <= share) & (share <= high)).mean()) < 0.975


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_group_without_misses_is_not_certain(value: float) -> None:
    low, high, _ = group_interval(estimate(value, 0.0, n=450, n_clusters=30), kind="share")
    assert 0 <= low <= value <= high <= 1
    assert high - low > 0.1  # thirty households, not 450 photos


def test_auroc_interval_on_the_logit_scale() -> None:
    low, high, method = group_interval(estimate(0.9, 0.03, df=40.0), kind="auroc")
    t = stats.t.ppf(0.975, 40)
    logit = np.log([float(low / (1 - low)), 0.9 / 0.1, float(high / (1 - high))])
    assert np.diff(logit) == pytest.approx([t * 0.03 / 0.09] * 2)
    assert method == "DeLong, logit"


@pytest.mark.parametrize(("value", "expected"), [(1.0, (0.8, 1.0)), (0.0, (0.0, 0.2))])
def test_auroc_without_a_wrong_pair(value: float, expected: tuple[float, float]) -> None:
    low, high, method = group_interval(estimate(value, 0.0, events=14.0, non_events=20.0), kind="auroc")
    assert ((float(low), float(high)), method) == (expected, "rule of three")


@pytest.mark.parametrize("kind", ["binary", "share", "auroc", "unbounded"])
def test_what_cannot_be_estimated_has_no_interval(kind: str) -> None:
    low, high, method = group_interval(estimate(np.nan, np.nan), kind=kind)
    assert np.isnan(low)
    assert np.isnan(high)
    assert method == ""


def test_unbounded_is_the_t_interval(rng: np.random.Generator) -> None:
    x = rng.normal(3, 2, 25)
    one = average(Outcomes("x", x, np.arange(25), unit_interval=False), np.ones(25, dtype=bool))
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert group_interval(one, kind="unbounded")[:2] == pytest.approx((expected.low, expected.high))
    assert t_interval(one.value, one.std_error, one.df) == pytest.approx((expected.low, expected.high))
    assert p_value(one) == pytest.approx(stats.ttest_1samp(x, 0).pvalue)


def test_p_values_at_the_ends() -> None:
    assert p_value(estimate(0.0, 0.0)) == 1
    assert p_value(estimate(0.2, 0.0)) == 0
    assert p_value(estimate(0.3, 0.1, df=0.0)) == pytest.approx(2 * stats.t.sf(3, 1))


def test_least_difference_that_would_be_seen(rng: np.random.Generator) -> None:
    """Found in 80 of 100 cases, by the distribution of the test itself (noncentral t)."""
    least = min_detectable(0.02, 60, alpha=0.05 / 4)
    critical = stats.t.ppf(1 - 0.05 / 8, 60)
    assert 0.79 < stats.nct.sf(critical, 60, least / 0.02) < 0.815
    assert min_detectable(0.02, 0, alpha=0.05) == min_detectable(0.02, 1, alpha=0.05)


# Simulations. The Monte Carlo error at 400 draws is .011 at .95; the bars leave room for it and for Wilson's waves.

DRAWS = 400


def rates(rng: np.random.Generator, p: float, icc: float, n: int) -> npt.NDArray[np.float64]:
    """Rate of each cluster: beta with mean p and intraclass correlation ``icc``."""
    return np.full(n, p) if icc == 0 else rng.beta(p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc, n)


def draw(rng: np.random.Generator, p: tuple[float, float], icc: float, n: int, size: int) -> Outcomes:
    """Two groups of ``n`` clusters of ``size`` images."""
    of_cluster = np.concatenate([rates(rng, one, icc, n) for one in p])
    clusters = np.repeat(np.arange(2 * n), size)
    return Outcomes("hit", (rng.random(len(clusters)) < of_cluster[clusters]).astype(float), clusters)


@pytest.mark.parametrize(
    ("p", "icc", "n", "size"),
    [
        ((0.5, 0.5), 0.0, 50, 1),
        ((0.8, 0.65), 0.0, 200, 1),
        ((0.9, 0.9), 0.2, 100, 2),
        ((0.5, 0.65), 0.5, 50, 15),
        ((0.8, 0.8), 0.5, 50, 15),
        ((0.5, 0.5), 0.5, 25, 15),
    ],
)
def test_intervals_hold_the_truth(
    rng: np.random.Generator, p: tuple[float, float], icc: float, n: int, size: int
) -> None:
    kind = "binary" if size == 1 else "share"
    group = contrast = alarms = 0
    first = np.arange(2 * n * size) < n * size
    for _ in range(DRAWS):
        one = draw(rng, p, icc, n, size)
        a, b = average(one, first), average(one, ~first)
        low, high, _ = group_interval(a, kind=kind)
        group += bool(low <= p[0] <= high)
        d = difference(a, b, unit_interval=True)
        low, high = t_interval(d.value, d.std_error, d.df)
        contrast += bool(low <= p[0] - p[1] <= high)
        alarms += bool(p_value(d) < 0.05)
    assert group / DRAWS >= 0.92
    assert contrast / DRAWS >= 0.92
    if p[0] == p[1]:
        assert alarms / DRAWS <= 0.07


def test_ignoring_clusters_would_not_hold_it(rng: np.random.Generator) -> None:
    """The same data, every image taken for independent: far too sure. What the cluster column is for."""
    alarms = 0
    first = np.arange(1500) < 750
    for _ in range(DRAWS):
        one = draw(rng, (0.5, 0.5), 0.5, 50, 15)
        alone = Outcomes("hit", one.values, np.arange(1500))
        d = difference(average(alone, first), average(alone, ~first), unit_interval=True)
        alarms += bool(p_value(d) < 0.05)
    assert alarms / DRAWS > 0.3


@pytest.mark.parametrize(("icc", "true"), [(0.2, 0.0), (0.5, 0.04)])
def test_slopes_hold_the_truth(rng: np.random.Generator, icc: float, true: float) -> None:
    """Income by home, skewed, six photos each."""
    held = alarms = 0
    clusters = np.repeat(np.arange(60), 6)
    for _ in range(DRAWS):
        x = rng.exponential(2, 60)
        x -= x.mean()
        p = np.clip(0.6 + true * x, 0.05, 0.95)
        home = np.array([rates(rng, float(one), icc, 1)[0] for one in p])
        one = Outcomes("hit", (rng.random(360) < home[clusters]).astype(float), clusters, average="macro")
        d = slope(one, x[clusters])
        low, high = t_interval(d.value, d.std_error, d.df)
        held += bool(low <= true <= high)
        alarms += bool(p_value(d) < 0.05)
    assert held / DRAWS >= 0.92
    assert true or alarms / DRAWS <= 0.07


def test_auroc_intervals_hold_the_truth(rng: np.random.Generator) -> None:
    held = 0
    truth = float(stats.norm.cdf(1.2 / np.sqrt(2)))
    labels = (np.arange(90) < 30).astype(np.int64)
    for _ in range(DRAWS):
        one = Outcomes("auroc", stats.norm.cdf(rng.normal(1.2 * labels)), np.arange(90), labels=labels)
        low, high, _ = group_interval(average(one, np.ones(90, dtype=bool)), kind="auroc")
        held += bool(low <= truth <= high)
    assert held / DRAWS >= 0.92

"""Intervals of single values against scipy, by hand, and by counting how often they hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.stats.estimates import Estimate, average
from fairaudit.stats.intervals import group_interval, min_detectable, t_interval, variance_df, wilson
from fairaudit.stats.outcomes import Outcomes

Floats = npt.NDArray[np.float64]


def estimate(value: float, std_error: float = 0.1, **fields: Any) -> Estimate:
    defaults: dict[str, Any] = {"df": 30.0, "n": 100, "n_clusters": 31, "units": 31.0, "events": 10.0,
                                "non_events": 10.0, "kind": "share"}  # fmt: skip
    return Estimate(**{"value": value, "std_error": std_error, **defaults, **fields})


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (7, 31), (50, 50), (499, 1000)])
def test_wilson_equals_scipy(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    found = group_interval(estimate(hits / n, n=n, kind="binary"))
    assert found[:2] == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found[2] == "Wilson"
    one = Outcomes("hit", np.repeat([1.0, 0.0], [hits, n - hits]), np.arange(n))
    assert group_interval(average(one, np.ones(n, dtype=bool))) == found


def test_share_uses_the_effective_number_and_t() -> None:
    low, high, method = group_interval(estimate(0.8, 0.08, df=12.0, n_effective=25.0))
    t = stats.t.ppf(0.975, 12)
    for q in (low, high):  # Wilson's ends solve (p - q)^2 = t^2 q (1 - q) / n
        assert (0.8 - q) ** 2 == pytest.approx(t**2 * q * (1 - q) / 25)
    assert method == "Wilson, effective n"


def test_wilson_of_many_at_once() -> None:
    low, high = wilson(np.array([0.1, 1.0]), np.array([50.0, 0.0]), 1.96)
    assert [low[0], high[0]] == pytest.approx([float(x) for x in wilson(0.1, 50, 1.96)])
    assert 0 <= low[1] <= high[1] <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_group_without_misses_is_not_certain(value: float) -> None:
    """Thirty households of fifteen photographs: Wilson's bound of about thirty, not of 450."""
    one = Outcomes("hit", np.full(450, value), np.arange(450) // 15)
    low, high, _ = group_interval(average(one, np.ones(450, dtype=bool)))
    assert 0 <= low <= value <= high <= 1
    assert high - low >= 3.84 / (450 + 3.84) - 1e-9
    assert group_interval(estimate(value, 0.0, n_effective=30.0))[1 - int(value)] == pytest.approx(
        wilson(value, 30, stats.t.ppf(0.975, 30))[1 - int(value)]
    )


def test_auroc_interval_on_the_logit_scale() -> None:
    low, high, method = group_interval(estimate(0.9, 0.03, df=40.0, kind="auroc"))
    t = stats.t.ppf(0.975, 40)
    logit = np.log([low / (1 - low), 0.9 / 0.1, high / (1 - high)])
    assert np.diff(logit) == pytest.approx([t * 0.03 / 0.09] * 2)
    assert method == "DeLong, logit"


@pytest.mark.parametrize(("value", "expected"), [(1.0, (0.8, 1.0)), (0.0, (0.0, 0.2))])
def test_auroc_without_a_wrong_pair(value: float, expected: tuple[float, float]) -> None:
    found = group_interval(estimate(value, 0.0, events=14.0, non_events=20.0, kind="auroc"))
    assert found == (*expected, "rule of three")


@pytest.mark.parametrize("kind", ["binary", "share", "auroc", "unbounded"])
def test_what_cannot_be_estimated_has_no_interval(kind: str) -> None:
    low, high, method = group_interval(estimate(np.nan, np.nan, kind=kind))
    assert np.isnan([low, high]).all()
    assert method == ""


def test_unbounded_is_the_t_interval(rng: np.random.Generator) -> None:
    x = rng.normal(3, 2, 25)
    one = average(Outcomes("x", x, np.arange(25), unit_interval=False), np.ones(25, dtype=bool))
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    low, high, method = group_interval(one)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert method == "cluster t"
    assert t_interval(one.value, one.std_error, one.df) == pytest.approx((expected.low, expected.high))


def test_degrees_of_freedom_of_a_variance_by_its_kurtosis(rng: np.random.Generator) -> None:
    """Satterthwaite's 2 / CV^2: 2 U / (kurtosis - 1)."""
    psi = np.where(rng.random(80) < 0.1, 0.02, 0.0) * rng.random(80)
    psi -= psi.mean()
    found = variance_df(np.asarray((psi**2).sum()), np.asarray((psi**4).sum()), n_clusters=80)
    assert float(found) == pytest.approx(2 * 80 / (stats.kurtosis(psi, fisher=False) - 1))
    assert float(variance_df(np.asarray(0.0), np.asarray(0.0), n_clusters=5)) >= 1


def test_least_difference_that_would_be_seen() -> None:
    """Found in 80 of 100 cases, by the distribution of the test itself (noncentral t)."""
    least = min_detectable(0.02, 60, alpha=0.05 / 4)
    critical = stats.t.ppf(1 - 0.05 / 8, 60)
    assert 0.79 < stats.nct.sf(critical, 60, least / 0.02) < 0.815
    assert min_detectable(0.02, 0, alpha=0.05) == min_detectable(0.02, 1, alpha=0.05)


@pytest.mark.parametrize(
    ("p", "icc", "n", "size", "sigma"),
    [
        (0.5, 0.0, 50, 1, 0.0),
        (0.05, 0.5, 66, 15, 0.0),
        (0.025, 0.2, 66, 15, 0.0),
        (0.5, 0.5, 50, 15, 0.0),
        (0.9, 0.2, 100, 2, 0.0),
        (0.3, 0.3, 40, 4, 1.0),
    ],
)
def test_intervals_hold_the_truth(
    rng: np.random.Generator, p: float, icc: float, n: int, size: int, sigma: float
) -> None:
    """In .93 to .99 of all cases but for chance; rare hits that go together are at the lower end."""
    held = 0
    for _ in range(1000):
        sizes = np.maximum(np.ceil(size * np.exp(rng.normal(0, sigma, n))) if sigma else np.full(n, size), 1)
        clusters = np.repeat(np.arange(n), sizes.astype(np.int64))
        rate = rng.beta(p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc, n) if icc else np.full(n, p)
        one = Outcomes("hit", (rng.random(len(clusters)) < rate[clusters]).astype(np.float64), clusters)
        low, high, _ = group_interval(average(one, np.ones(len(clusters), dtype=bool)))
        held += low <= p <= high
    assert stats.binomtest(held, 1000, 0.93, alternative="less").pvalue > 0.001, held
    assert stats.binomtest(held, 1000, 0.99, alternative="greater").pvalue > 0.001, held


@pytest.mark.parametrize("sigma", [0.5, 1.2])
def test_intervals_of_weighted_hits_hold_the_truth(rng: np.random.Generator, sigma: float) -> None:
    held = 0
    for _ in range(1000):
        one = Outcomes(
            "hit", (rng.random(200) < 0.2).astype(np.float64), np.arange(200), weights=rng.lognormal(0, sigma, 200)
        )
        low, high, _ = group_interval(average(one, np.ones(200, dtype=bool)))
        held += low <= 0.2 <= high
    assert 0.93 <= held / 1000 <= 0.98


def test_auroc_intervals_hold_the_truth(rng: np.random.Generator) -> None:
    held, labels = 0, (np.arange(90) < 30).astype(np.int64)
    truth = float(stats.norm.cdf(1.2 / np.sqrt(2)))
    for _ in range(400):
        one = Outcomes("auroc", stats.norm.cdf(rng.normal(1.2 * labels)), np.arange(90), labels=labels)
        low, high, _ = group_interval(average(one, np.ones(90, dtype=bool)))
        held += low <= truth <= high
    assert held / 400 >= 0.92

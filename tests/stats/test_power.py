"""The least difference that data could show: against closed forms, simulated tests, and what an audit prints later."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from fairaudit.core.samples import Feature, Samples
from fairaudit.indicators import representation_disparity
from fairaudit.stats import slopes
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Ints, Outcomes
from fairaudit.stats.power import (
    auroc_difference,
    effective_sizes,
    group_power,
    planned_contrast,
    share_difference,
    slope,
)
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.side import Side
from fairaudit.stats.slopes import planned_error
from fairaudit.stats.verdicts import decide


def alone(n: int, *, start: int = 0) -> Side:
    return side(np.arange(start, start + n))


def side(clusters: Ints, *, average: Literal["micro", "macro"] = "micro") -> Side:
    outcomes = Outcomes("unknown", np.zeros(len(clusters)), clusters, average=average)
    return GroupSums(outcomes, np.zeros(len(clusters), dtype=np.int64), 1).groups[0]


@pytest.mark.parametrize(
    ("clusters", "average", "sizes"),
    [
        ([0, 1, 2, 3], "micro", (4, 4)),
        ([0, 0, 1, 1], "micro", (4, 2)),
        ([5, 5, 5, 9], "micro", (4, 1.6)),  # 16 / (9 + 1)
        ([0, 0, 1, 1], "macro", (4, 2)),
        ([5, 5, 5, 9], "macro", (3, 2)),  # 4 / (1/3 + 1)
    ],
)
def test_effective_sizes_by_hand(
    clusters: list[int], average: Literal["micro", "macro"], sizes: tuple[float, float]
) -> None:
    known = np.array(clusters, dtype=np.int64)
    planned = [
        planned_contrast(side(known, average=average), alone(90, start=20), rho=rho, share=0.3) for rho in (0, 1)
    ]
    assert [float(one.n_first[0, 0]) for one in planned] == pytest.approx(sizes)
    if average == "micro":
        assert effective_sizes(known) == pytest.approx(sizes)
    assert effective_sizes(known[:0]) == (0, 0)


def test_a_share_of_one_half_has_the_textbook_difference() -> None:
    """With both shares near .5: (z + z) sqrt(.25 / n + .25 / m), here with a correction of p(1 - p) at the shift."""
    found = share_difference(alone(4000), alone(6000, start=4000), expected=0.5, alpha=0.05).least
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert found == pytest.approx(quantiles * math.sqrt(0.25 / 4000 + 0.25 / 6000), rel=0.01)


@pytest.mark.parametrize(("expected", "n", "m"), [(0.5, 300, 900), (0.1, 500, 500), (0.97, 800, 4000)])
def test_the_printed_difference_is_found_with_probability_80_per_cent(expected: float, n: int, m: int) -> None:
    alpha, rng, draws = 0.01, np.random.default_rng(3), 6000
    shift = share_difference(alone(n), alone(m, start=n), expected=expected, alpha=alpha).least
    moved = expected + shift if expected < 0.5 else expected - shift
    first, second = rng.binomial(n, moved, draws) / n, rng.binomial(m, expected, draws) / m
    assert 0.75 < (ScoreContrast.of(first, n, second, m).p_value() < alpha).mean() < 0.85


def test_images_that_are_alike_need_as_many_persons_as_there_would_be_images() -> None:
    sides = [side(np.repeat(np.arange(start, start + 100), 20)) for start in (0, 100)]
    found = share_difference(*sides, expected=0.5, alpha=0.05)
    persons = share_difference(alone(100), alone(100, start=100), expected=0.5, alpha=0.05)
    assert found.most == pytest.approx(persons.most, rel=0.03), "but for the correlation, which is estimated"
    assert found.least == pytest.approx(found.most / math.sqrt(20), rel=0.06)


def test_persons_in_both_groups_are_compared_with_themselves() -> None:
    """Identical rows of a person leave nothing to find; at a correlation of .5, the variance is halved."""
    persons = np.arange(400)
    both = planned_contrast(side(np.repeat(persons, 2)), side(np.repeat(persons, 2)), rho=0.5, share=0.3)
    apart = planned_contrast(side(np.repeat(persons, 2)), side(np.repeat(persons + 400, 2)), rho=0.5, share=0.3)
    assert float(apart.kappa[0]) == 1
    assert float(both.kappa[0]) == pytest.approx(1 - 2 * 0.5 / (0.5 + 2 * 0.5 / 2 + 0.5), rel=0.01)


def test_where_no_difference_is_large_enough_there_is_none() -> None:
    assert math.isnan(share_difference(alone(3), alone(3, start=3), expected=0.5, alpha=0.001).most)
    assert math.isnan(share_difference(alone(0), alone(30), expected=0.5, alpha=0.05).least)


def test_a_slope_is_found_with_probability_80_per_cent() -> None:
    rng, n, alpha, draws = np.random.default_rng(8), 600, 0.02, 3000
    x = rng.integers(0, 5, n).astype(np.float64)
    per_step = slope(x, np.arange(n), expected=0.5, alpha=alpha).least
    hits = rng.random((draws, n)) < 0.5 + per_step * (x - x.mean())
    centred = x - x.mean()
    found = hits @ centred / (centred @ centred)
    residuals = hits - hits.mean(axis=1, keepdims=True) - found[:, None] * centred
    error = np.sqrt((residuals**2).sum(axis=1) / (n - 2) / (centred @ centred))
    power = (np.abs(found) / error > stats.t.ppf(1 - alpha / 2, n - 2)).mean()
    assert 0.75 < power < 0.85
    audited = slopes.slope(Outcomes("hit", hits[0].astype(float), np.arange(n)), x)
    assert planned_error(x, np.arange(n), rho=0.0, macro=False)[1] == pytest.approx(audited.df)
    assert math.isnan(slope(np.ones(50), np.arange(50), expected=0.5, alpha=0.05).least)
    assert math.isnan(slope(x[:0], np.arange(0), expected=0.5, alpha=0.05).least)


def test_the_slope_over_homes_has_the_spread_of_simulated_ones() -> None:
    """Poor homes with many photographs and others with few, each home counting once."""
    rng, draws, alpha = np.random.default_rng(4), 4000, 0.05
    sizes = np.r_[np.full(30, 40), np.full(90, 3)]
    homes = np.repeat(np.arange(120), sizes)
    x_of_home = np.r_[rng.uniform(0, 2, 30), rng.uniform(2, 8, 90)]
    x, weights = x_of_home[homes], 1 / sizes[homes]
    centred = x - np.average(x, weights=weights)
    line = weights * centred / (weights * centred**2).sum()
    alone = (rng.random((draws, len(x))) < 0.5) @ line
    alike = (rng.random((draws, 120)) < 0.5)[:, homes] @ line
    found = slope(x, homes, expected=0.5, alpha=alpha, macro=True)
    for printed, simulated, rho in ((found.least, alone, 0.0), (found.most, alike, 1.0)):
        error, df = planned_error(x, homes, rho=rho, macro=True)
        assert 0.5 * error == pytest.approx(simulated.std(), rel=0.04)
        assert 20 < df < 118
        assert printed == pytest.approx(0.5 * error * (stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(0.8, df)))


def test_a_slope_that_would_leave_the_range_is_none() -> None:
    x = np.repeat(np.arange(5.0), 4)
    found = slope(x, np.arange(20), expected=0.5, alpha=0.002)
    assert math.isnan(found.least), "it would have to be .35 a step, and .25 reach both ends"
    assert slope(x, np.arange(20), expected=0.5, alpha=0.2).least < 0.25


def test_hanley_and_mcneils_errors_are_those_of_exponential_scores() -> None:
    """For which their two constants are exact: the probabilities by integration."""
    a, n_1, n_0 = 0.7, 40, 60
    rate = 1 / a - 1  # of scores of label 1; those of label 0 have rate 1, so P(1 above 0) = 1 / (1 + rate)
    both_above = integrate.quad(lambda y: np.exp(-2 * rate * y) * np.exp(-y), 0, np.inf)[0]
    above_both = integrate.quad(lambda x: (1 - np.exp(-x)) ** 2 * rate * np.exp(-rate * x), 0, np.inf)[0]
    parts = a * (1 - a) + (n_1 - 1) * (both_above - a * a) + (n_0 - 1) * (above_both - a * a)
    both = auroc_difference((n_1, n_0), (n_1, n_0), alpha=0.05)
    quantiles = stats.t.ppf(0.975, 198) + stats.t.ppf(0.8, 198)
    assert both / quantiles == pytest.approx(math.sqrt(2 * parts / (n_1 * n_0)), rel=1e-9)
    assert math.isnan(auroc_difference((10, 0), (10, 10), alpha=0.05))
    assert math.isnan(auroc_difference((2, 2), (2, 2), alpha=0.001)), "beyond the range"


def test_what_is_said_before_is_what_the_audit_prints_when_the_measure_is_as_expected() -> None:
    rng, n = np.random.default_rng(1), 2000
    table = pd.DataFrame(
        {"sample_id": np.arange(n).astype(str), "path": "x", "cluster_id": np.arange(n).astype(str), "split": "",
         "label": "", "text": "", "gender": np.where(np.arange(n) < 700, "woman", "man")}
    )  # fmt: skip
    feature = Feature("gender", ("woman", "man"), "annotated", "")
    samples = Samples("x", "x", "people", Path(), table, (feature,), "image", "")
    outcome = Outcomes("hit", rng.permutation(np.repeat([0.0, 1.0], n // 2)), np.arange(n))
    measured = measure(Cohort.of(samples, "x"), [outcome], headline="hit", tolerance=0.05, slope_tolerance=0.02)
    result = representation_disparity.INDICATOR.result(
        dataset="x", headline="hit", measured=measured, params={}, metrics={"hit": ""}
    )
    (decided,), _ = decide([result])
    primary = decided.disparities[decided.disparities["family"] == "primary"]
    printed = float(primary["min_detectable"].iloc[0])
    (before,) = group_power(700, 1300, float(outcome.values[700:].mean()))
    assert printed == pytest.approx(before.difference, abs=1e-9)

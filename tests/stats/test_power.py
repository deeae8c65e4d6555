"""The least difference that data could show: against closed forms, simulated tests, and what an audit prints later."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from fairaudit.core.samples import Feature, Samples
from fairaudit.indicators import representation_disparity
from fairaudit.stats.disparity import Cohort, measure
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.power import auroc_difference, effective_sizes, share_difference, slope
from fairaudit.stats.verdicts import decide


@pytest.mark.parametrize(
    ("clusters", "average", "sizes"),
    [
        ([0, 1, 2, 3], "micro", (4, 4)),
        ([0, 0, 1, 1], "micro", (4, 2)),
        ([5, 5, 5, 9], "micro", (4, 1.6)),  # 16 / (9 + 1)
        ([0, 0, 1, 1], "macro", (4, 2)),
        ([5, 5, 5, 9], "macro", (3, 2)),  # 4 / (1/3 + 1)
        ([], "micro", (0, 0)),
    ],
)
def test_effective_sizes_by_hand(clusters: list[int], average: str, sizes: tuple[float, float]) -> None:
    assert effective_sizes(np.array(clusters, dtype=np.int64), average=average) == pytest.approx(sizes)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.sampled_from(["micro", "macro"]))
def test_clusters_never_tell_more_than_their_images(clusters: list[int], average: str) -> None:
    most, least = effective_sizes(np.array(clusters, dtype=np.int64), average=average)
    assert 1 <= least <= most + 1e-9
    assert most <= len(clusters) + 1e-9
    assert least <= len(set(clusters)) + 1e-9


def test_a_share_of_one_half_has_the_textbook_difference() -> None:
    """With both shares near .5: (z + z) sqrt(.25 / n + .25 / m), here with a correction of p(1 - p) at the shift."""
    found = share_difference((4000, 4000), (6000, 6000), expected=0.5, alpha=0.05).least
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    textbook = quantiles * math.sqrt(0.25 / 4000 + 0.25 / 6000)
    assert found == pytest.approx(textbook, rel=0.01)
    assert found < textbook, "a group that moves away from one half varies less"


@pytest.mark.parametrize(("expected", "n", "m"), [(0.5, 300, 900), (0.1, 500, 500), (0.97, 800, 4000)])
def test_the_printed_difference_is_found_with_probability_80_per_cent(expected: float, n: int, m: int) -> None:
    alpha, rng, draws = 0.01, np.random.default_rng(3), 6000
    shift = share_difference((n, n), (m, m), expected=expected, alpha=alpha).least
    moved = expected + shift if expected < 0.5 else expected - shift
    first, second = rng.binomial(n, moved, draws) / n, rng.binomial(m, expected, draws) / m
    error = np.sqrt(first * (1 - first) / n + second * (1 - second) / m)
    power = (np.abs(first - second) / error > stats.norm.ppf(1 - alpha / 2)).mean()
    assert 0.75 < power < 0.85


def test_images_that_are_alike_need_as_many_persons_as_there_would_be_images() -> None:
    twenty_each = np.repeat(np.arange(100), 20)
    sizes = effective_sizes(twenty_each)
    found = share_difference(sizes, sizes, expected=0.5, alpha=0.05)
    alone = share_difference((100, 100), (100, 100), expected=0.5, alpha=0.05)
    assert found.most == pytest.approx(alone.most)
    assert found.least == pytest.approx(found.most / math.sqrt(20), rel=0.05)


@pytest.mark.parametrize(("n", "m", "alpha"), [(12, 5000, 0.002), (30, 30, 0.05), (400, 90, 0.001)])
def test_the_difference_is_where_it_equals_what_is_needed(n: float, m: float, alpha: float) -> None:
    found = share_difference((n, n), (m, m), expected=0.5, alpha=alpha).least
    moved = 0.5 - found
    v, w = 0.25 / n, 0.25 / m
    df = (v + w) ** 2 / (v**2 / (n - 1) + w**2 / (m - 1))
    quantiles = stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(0.8, df)
    assert found == pytest.approx(quantiles * math.sqrt(moved * (1 - moved) / n + 0.25 / m), abs=1e-9)


def test_where_no_difference_is_large_enough_there_is_none() -> None:
    assert math.isnan(share_difference((3, 3), (3, 3), expected=0.5, alpha=0.001).most)
    assert math.isnan(share_difference((0, 0), (30, 30), expected=0.5, alpha=0.05).least)


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
    found = slope(x, homes, expected=0.5, alpha=alpha, average="macro")
    for printed, simulated, df in ((found.least, alone, len(x) - 2), (found.most, alike, 118)):
        quantiles = stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(0.8, df)
        assert printed / quantiles == pytest.approx(simulated.std(), rel=0.04)


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
    before = share_difference((700, 700), (1300, 1300), expected=0.5, alpha=0.05).least
    assert printed == pytest.approx(before, rel=0.02)

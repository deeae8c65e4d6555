from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairaudit.describe.diversity import Rows, evenness, reached, shares
from fairaudit.describe.profile import Figure


def rows(values: list[int], clusters: list[int] | None = None) -> Rows:
    codes = None if clusters is None else np.array(clusters, dtype=np.int64)
    return Rows(np.array(values, dtype=np.int64), codes, max(values) + 1)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_shares_are_those_of_pandas_and_sum_to_one(values: list[int]) -> None:
    found, method = shares(rows(values))
    expected = pd.Series(values).value_counts(normalize=True)
    assert method == "Wilson"
    assert sum(f.value for f in found) == pytest.approx(1)
    for code, figure in enumerate(found):
        assert figure.value == pytest.approx(expected.get(code, 0.0))
        assert 0 <= figure.low <= figure.value <= figure.high <= 1


def test_the_interval_of_a_share_is_wilsons() -> None:
    found, _ = shares(rows([0] * 7 + [1] * 33))
    expected = stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert (found[0].low, found[0].high) == pytest.approx((expected.low, expected.high))


def test_clusters_of_one_row_are_as_sure_as_no_clusters_but_for_the_t_quantile() -> None:
    values = [0, 1, 1, 0, 2, 1, 1, 2, 0, 1] * 30
    alone, clustered = shares(rows(values))[0], shares(rows(values, list(range(300))))[0]
    for a, b in zip(alone, clustered, strict=True):
        assert (a.low, a.high) == pytest.approx((b.low, b.high), abs=0.001)


def test_the_variance_of_a_clustered_share_is_that_of_a_ratio_of_totals(rng: np.random.Generator) -> None:
    clusters = np.repeat(np.arange(40), rng.integers(1, 9, 40))
    values = (rng.random(len(clusters)) < np.where(clusters % 3 == 0, 0.8, 0.1)).astype(np.int64)
    found = shares(rows(values.tolist(), clusters.tolist()))[0][1]
    totals = pd.DataFrame({"c": clusters, "y": values}).groupby("c")["y"].agg(["sum", "size"])
    residual = totals["sum"] - values.mean() * totals["size"]
    variance = 40 / 39 * float((residual**2).sum()) / len(values) ** 2
    df = min(39, 2 * 40 / (stats.kurtosis(residual, fisher=False) - 1))  # mean of the residuals is zero
    n, t = values.mean() * (1 - values.mean()) / variance, stats.t.ppf(0.975, df)
    p = values.mean()
    centre, half = (p + t**2 / (2 * n)), t * np.sqrt(p * (1 - p) / n + t**2 / (4 * n**2))
    assert (found.low, found.high) == pytest.approx(
        ((centre - half) / (1 + t**2 / n), (centre + half) / (1 + t**2 / n))
    )


@given(st.lists(st.integers(0, 5), min_size=2, max_size=80))
def test_entropy_is_that_of_scipy(values: list[int]) -> None:
    even, effective = evenness(rows(values))
    counts = pd.Series(values).value_counts()
    if len(counts) == 1:
        assert np.isnan(even.value)
        assert (effective.value, even.note) == (1.0, "only one value occurs")
        return
    entropy = stats.entropy(counts)
    assert effective.value == pytest.approx(np.exp(entropy))
    assert even.value == pytest.approx(entropy / np.log(len(counts)))
    assert 0 <= even.value <= 1
    if not effective.note:
        assert 1 <= effective.low <= effective.value <= effective.high


def test_equal_values_are_even_and_yet_not_certain() -> None:
    even, effective = evenness(rows([0, 1, 2, 3] * 10))
    assert (even.value, effective.value) == pytest.approx((1.0, 4.0))
    assert effective.low < 3.9


@pytest.mark.parametrize("clustered", [False, True])
def test_the_jackknife_is_the_one_that_leaves_out_each_cluster(rng: np.random.Generator, clustered: bool) -> None:
    values = rng.choice(4, 120, p=[0.5, 0.3, 0.15, 0.05])
    clusters = np.arange(120) // 3 if clustered else np.arange(120)
    found = evenness(rows(values.tolist(), clusters.tolist() if clustered else None))[1]

    def entropy(v: np.ndarray) -> float:
        return float(stats.entropy(np.bincount(v)))

    out = np.array([entropy(values[clusters != c]) for c in np.unique(clusters)])
    u = len(out)
    centre = u * entropy(values) - (u - 1) * out.mean()
    n = len(values) ** 2 / (pd.crosstab(clusters, values).to_numpy() ** 2).sum()
    error = np.sqrt((u - 1) / u * ((out - out.mean()) ** 2).sum() + 3 / (2 * n**2))
    t = stats.t.ppf(0.975, u - 1)
    low, high = min(centre, entropy(values)) - t * error, max(centre, entropy(values)) + t * error
    assert (np.log(found.low), np.log(found.high)) == pytest.approx((low, high))


def test_rows_of_one_cluster_and_lone_values_have_no_interval() -> None:
    assert evenness(rows([0, 1, 1], [5, 5, 5]))[1].note == "all rows are of one cluster: no interval"
    found = evenness(rows([0] * 10 + [1, 2]))[1]
    assert found.note == "2 of 12 rows have a value that occurs in one row only: too few for an interval"
    assert np.isnan(found.low)
    in_clusters = evenness(rows([0] * 10 + [1, 1], [*range(10), 10, 10]))[1]
    assert in_clusters.note == "2 of 12 rows have a value that occurs in one cluster only: too few for an interval"


def test_the_interval_of_the_effective_number_holds_the_truth(rng: np.random.Generator) -> None:
    p = 1 / np.arange(1, 12)
    p /= p.sum()
    truth = np.exp(stats.entropy(p))
    hit = 0
    for _ in range(200):
        figure = evenness(Rows(rng.choice(11, 400, p=p), None, 11))[1]
        hit += figure.low <= truth <= figure.high
    assert stats.binomtest(hit, 200, 0.95).pvalue > 0.001 or hit > 190


def test_reached_is_exact_for_a_whole_table_and_bounded_for_a_sample() -> None:
    counts = np.array([120, 100, 99, 3])
    assert reached([], counts, n=322, n_rows=322, at_least=100) == Figure(2.0, 2.0, 2.0)
    figures, _ = shares(rows([0] * 500 + [1] * 100 + [2] * 5))
    found = reached(figures, np.array([500, 100, 5]), n=605, n_rows=6050, at_least=1000)
    assert (found.low, found.value, found.high) == (1.0, 2.0, 2.0)
    assert reached([], np.array([]), n=0, n_rows=0, at_least=1).note == "no row"


def test_nothing_known_is_said() -> None:
    nothing = Rows(np.array([], dtype=np.int64), None, 0)
    assert shares(nothing) == ([], "")
    assert evenness(nothing)[1].note == "no row has a known value: no interval"
    assert np.isnan(evenness(nothing)[1].value)

"""The bootstrap on sums: against closed forms, pandas, and the influence-function and DeLong standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.estimates import average, difference
from fairaudit.core.outcomes import Outcomes
from fairaudit.core.resampling import Average, ClusterSums, resample, resample_auroc
from tests.reference.inference import delong

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BOTH: tuple[Average, Average] = ("micro", "macro")
GROUPS = ("a", "b", "c")
B = 4000  # a standard deviation of so many replicates is known to 1.1 %


def correlation(pairs: Floats) -> float:
    """Return Pearson's correlation of two columns."""
    return float(stats.pearsonr(pairs[:, 0], pairs[:, 1]).statistic)


class Rows:
    """Hits, shares and gaps in 400 clusters of unequal size; groups that hold clusters or cut through them."""

    def __init__(self, rng: np.random.Generator, *, nested: bool, n_clusters: int = 400) -> None:
        sizes = rng.integers(1, 9, n_clusters)
        self.clusters: Ints = np.repeat(np.arange(n_clusters), sizes)
        n = len(self.clusters)
        rate = rng.beta(2, 1, n_clusters)[self.clusters]
        hits = (rng.random(n) < rate).astype(float)
        gaps = np.where(rng.random(n) < 0.3, np.nan, hits)
        self.values: Floats = np.stack([hits, rate * rng.random(n), gaps, np.full(n, 0.7)], axis=1)
        unit = self.clusters if nested else np.arange(n)
        self.groups: Ints = rng.choice(4, len(np.unique(unit)), p=[0.4, 0.3, 0.2, 0.1])[unit] - 1

    def sums(self) -> ClusterSums:
        return ClusterSums.reduce(self.values, self.clusters, self.groups, groups=GROUPS)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("nested", [True, False])
def test_spread_is_the_standard_error(rng: np.random.Generator, nested: bool, kind: Average) -> None:
    rows = Rows(rng, nested=nested)
    sums = rows.sums()
    assert sums.nested == nested
    replicates = resample(sums, n_resamples=B, seed=1, average=kind)
    assert replicates.shape == (B, 3, 4)
    for m in range(4):
        one = Outcomes("hit", rows.values[:, m], rows.clusters, average=kind)
        estimates = [average(one, rows.groups == g) for g in range(3)]
        for g, estimate in enumerate(estimates):
            assert sums.group_values(kind)[g, m] == pytest.approx(float(estimate.value), abs=1e-12)
            # The bootstrap's variance lacks the factor U / (U - 1) that the estimate has.
            factor = np.sqrt(1 - 1 / float(estimate.n_clusters))
            expected = float(estimate.std_error) * factor
            assert replicates[:, g, m].std() == pytest.approx(expected, rel=0.05, abs=1e-12)
            error = max(expected / np.sqrt(B), 1e-12)
            assert replicates[:, g, m].mean() == pytest.approx(float(estimate.value), abs=5 * error)
        # The same clusters stand in both groups, and must be drawn in both at once.
        minus = difference(estimates[0], estimates[1], unit_interval=False)
        spread = (replicates[:, 0, m] - replicates[:, 1, m]).std()
        assert spread == pytest.approx(float(minus.std_error), rel=0.05, abs=1e-12)


def test_clusters_in_two_groups_are_drawn_in_both(rng: np.random.Generator) -> None:
    """Each person once in either group with nearly one outcome: their levels drop out of the difference."""
    level = rng.random(100)
    values = np.concatenate([level, level + 0.01 * rng.random(100)])[:, None]
    sums = ClusterSums.reduce(values, np.tile(np.arange(100), 2), np.repeat([0, 1], 100), groups=["before", "after"])
    replicates = resample(sums, n_resamples=500, seed=0)[:, :, 0]
    assert correlation(replicates) > 0.99
    assert (replicates[:, 1] - replicates[:, 0]).std() < 0.02 * replicates[:, 0].std()


def test_independent_hits_are_binomial() -> None:
    """With one metric: two distinct rows. With seven more: a hundred and more. The first stays the same binomial."""
    n, hits = 300, 240
    one = (np.arange(n) < hits).astype(float)[:, None]
    more = (np.random.default_rng(4).random((n, 7)) < 0.6).astype(float)
    for values in (one, np.concatenate([one, more], axis=1)):
        sums = ClusterSums.reduce(values, np.arange(n), np.zeros(n, dtype=np.int64), groups=["all"])
        drawn = np.rint(resample(sums, n_resamples=20_000, seed=3)[:, 0, 0] * n)
        seen = np.bincount(drawn.astype(np.int64), minlength=n + 1)[215:266]
        expected = stats.binom.pmf(np.arange(215, 266), n, hits / n)
        assert stats.chisquare(seen, expected / expected.sum() * seen.sum()).pvalue > 1e-3
        assert seen.sum() > 19_900


def test_equal_clusters_are_drawn_as_one_unit(rng: np.random.Generator) -> None:
    values = (rng.random((5000, 3)) < 0.5).astype(float)
    for groups in (np.arange(5000) % 2, np.arange(5000) // 2 % 2):
        for clusters in (np.arange(5000), np.arange(5000) // 2):
            sums = ClusterSums.reduce(values, clusters, groups, groups=["a", "b"])
            strata = sums.strata("micro")
            assert sum(stratum.urn.n for stratum in strata) == sums.n_clusters == clusters[-1] + 1
            assert sum(len(stratum.urn.multiplicity) for stratum in strata) <= 2 * 8**2
            assert len(strata) == (2 if sums.nested else 1)


def test_clusters_with_equal_totals_of_more_rows_are_others() -> None:
    """Two hits in two rows, and two hits in four: by hand, the ratio's delta method."""
    sizes = np.tile([2, 4], 100)
    clusters = np.repeat(np.arange(200), sizes)
    values = np.concatenate([np.arange(n) < 2 for n in sizes]).astype(float)[:, None]
    sums = ClusterSums.reduce(values, clusters, np.zeros(600, dtype=np.int64), groups=["all"])
    replicates = resample(sums, n_resamples=B, seed=0)[:, 0, 0]
    residuals = 2 - sizes * (2 / 3)
    assert replicates.mean() == pytest.approx(2 / 3, abs=0.002)
    assert replicates.std() == pytest.approx(np.sqrt((residuals**2).sum()) / 600, rel=0.05)


def test_metrics_are_drawn_together(rng: np.random.Generator) -> None:
    """What two models say of the same image depends on each other; so must the replicates."""
    first = (rng.random(2000) < 0.7).astype(float)
    second = np.where(rng.random(2000) < 0.6, first, (rng.random(2000) < 0.7).astype(float))
    sums = ClusterSums.reduce(np.stack([first, second], axis=1), np.arange(2000), np.zeros(2000, int), groups=["all"])
    replicates = resample(sums, n_resamples=B, seed=5)[:, 0]
    phi = correlation(np.stack([first, second], axis=1))
    assert correlation(replicates) == pytest.approx(phi, abs=4 * (1 - phi**2) / np.sqrt(B))


def test_sums_are_those_of_pandas(rng: np.random.Generator) -> None:
    rows = Rows(rng, nested=False)
    sums = rows.sums()
    by = pd.DataFrame(rows.values).assign(c=rows.clusters, g=rows.groups).query("g >= 0").groupby(["c", "g"])
    total, count = by.sum(), by.count()
    assert list(zip(sums.cluster, sums.group, strict=True)) == list(total.index)
    assert sums.total == pytest.approx(total.to_numpy())
    assert sums.count == pytest.approx(count.to_numpy())


def test_what_was_not_measured_is_nan_and_said() -> None:
    """Group a lacks the second metric; b has no rows; in c only one cluster of forty has the second metric."""
    values = np.ones((80, 2))
    values[:40, 1] = np.nan
    values[41:, 1] = np.nan
    values[79] = np.nan
    sums = ClusterSums.reduce(values, np.arange(80), np.repeat([0, 2], 40), groups=GROUPS)
    assert sums.measured.tolist() == [[True, False], [False, False], [True, True]]
    assert np.isnan(sums.group_values()).tolist() == (~sums.measured).tolist()
    assert sums.n_clusters == 79
    for kind in BOTH:
        replicates = resample(sums, n_resamples=2000, seed=0, average=kind)
        unknown = np.isnan(replicates).mean(axis=0)
        assert unknown[:2].tolist() == [[0, 1], [1, 1]]
        assert unknown[2, 0] == 0
        assert unknown[2, 1] == pytest.approx((1 - 1 / 39) ** 39, abs=0.05)  # that cluster was not drawn
        assert (replicates[~np.isnan(replicates)] == 1).all()


def test_the_seed_decides_and_nothing_else(rng: np.random.Generator) -> None:
    for nested in (True, False):
        sums = Rows(rng, nested=nested).sums()
        long = resample(sums, n_resamples=1300, seed=2)
        assert (resample(sums, n_resamples=700, seed=2) == long[:700]).all()
        assert (resample(sums, n_resamples=1300, seed=2, threads=2) == long).all()
        assert not (resample(sums, n_resamples=1300, seed=3) == long).all(axis=(0, 2)).any()
        assert len(np.unique(long[:, 0, 1])) > 1290  # no block repeats another


def test_two_equal_groups_are_drawn_apart(rng: np.random.Generator) -> None:
    values = np.tile((rng.random(200) < 0.5).astype(float), 2)[:, None]
    sums = ClusterSums.reduce(values, np.arange(400), np.repeat([0, 1], 200), groups=["a", "b"])
    assert abs(correlation(resample(sums, n_resamples=B, seed=0)[:, :, 0])) < 0.06


@st.composite
def tables(draw: st.DrawFn) -> tuple[Floats, Ints, Ints]:
    """Values in eighths, so that sums are exact whatever their order; groups that may or may not cut clusters."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 120)), draw(st.integers(1, 4))
    values = rng.integers(0, draw(st.sampled_from([2, 9])), (n, m)) / 8
    values[rng.random((n, m)) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    values[0, 0] = 1.0
    clusters = rng.integers(0, draw(st.integers(1, 120)), n)
    groups = rng.integers(-1, 3, 121)[clusters] if draw(st.booleans()) else rng.integers(-1, 3, n)
    groups[0] = 0
    return values, clusters, groups


def drawn(values: Floats, clusters: Ints, groups: Ints, names: Any = GROUPS, kind: Average = "micro") -> Floats:
    sums = ClusterSums.reduce(values, clusters, groups, groups=names)
    return resample(sums, n_resamples=40, seed=7, average=kind)


@given(tables(), st.sampled_from(BOTH), st.permutations(range(3)), st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_neither_the_order_of_rows_nor_the_names_of_groups_matter(
    table: tuple[Floats, Ints, Ints], kind: Average, new_code: list[int], seed: int
) -> None:
    values, clusters, groups = table
    found = drawn(values, clusters, groups, kind=kind)
    order = np.random.default_rng(seed).permutation(len(values))
    np.testing.assert_array_equal(drawn(values[order], clusters[order], groups[order], kind=kind), found)
    renamed = np.where(groups < 0, -1, np.array(new_code)[groups])
    np.testing.assert_array_equal(drawn(values, clusters, renamed, kind=kind)[:, new_code], found)


@given(tables(), st.sampled_from(BOTH), st.integers(2, 5))
def test_repeating_rows_within_their_clusters_does_not_narrow(
    table: tuple[Floats, Ints, Ints], kind: Average, times: int
) -> None:
    values, clusters, groups = table
    found = drawn(values, clusters, groups, kind=kind)
    again = drawn(np.repeat(values, times, axis=0), clusters.repeat(times), groups.repeat(times), kind=kind)
    np.testing.assert_allclose(again, found, rtol=1e-12)


@given(tables(), st.sampled_from(BOTH))
def test_replicates_lie_among_the_values(table: tuple[Floats, Ints, Ints], kind: Average) -> None:
    values, clusters, groups = table
    found = drawn(values, clusters, groups, kind=kind)
    for g in range(3):
        for m in range(values.shape[1]):
            inside = values[groups == g, m]
            if np.isnan(inside).all():
                assert np.isnan(found[:, g, m]).all()
                continue
            known = found[:, g, m][~np.isnan(found[:, g, m])]
            assert ((known >= np.nanmin(inside) - 1e-9) & (known <= np.nanmax(inside) + 1e-9)).all()


def scores_of(rng: np.random.Generator, labels: Ints) -> Floats:
    return np.asarray(np.round(rng.normal(labels * 0.8, 1), 1))


def test_spread_of_the_auroc_is_delong_s(rng: np.random.Generator) -> None:
    labels = (rng.random(500) < 0.4).astype(np.int64)
    scores = scores_of(rng, labels)
    scores[:10] = np.nan
    groups = np.arange(500) % 3 - 1
    options: dict[str, Any] = {"groups": ("a", "b"), "n_resamples": B, "seed": 1}
    replicates = resample_auroc(scores, labels, np.arange(500), groups, **options)
    assert (resample_auroc(scores, labels, np.arange(500), groups, **options, threads=2) == replicates).all()
    for g in range(2):
        rows = (groups == g) & ~np.isnan(scores)
        value, std_error = delong(scores[rows], labels[rows])
        assert replicates[:, g].std() == pytest.approx(std_error, rel=0.05)
        assert replicates[:, g].mean() == pytest.approx(value, abs=0.1 * std_error)


@pytest.mark.parametrize("nested", [True, False])
def test_spread_of_the_auroc_is_that_of_its_clusters(rng: np.random.Generator, nested: bool) -> None:
    clusters = np.repeat(np.arange(300), 4)
    labels = (rng.random(1200) < 0.4).astype(np.int64)
    scores = scores_of(rng, labels) + rng.normal(size=300)[clusters]
    groups = clusters % 2 if nested else rng.integers(0, 2, 1200)
    replicates = resample_auroc(scores, labels, clusters, groups, groups=("a", "b"), n_resamples=B, seed=1)
    one = Outcomes("auroc", scores, clusters, labels=labels, unit_interval=False)
    estimates = [average(one, groups == g) for g in range(2)]
    for g, estimate in enumerate(estimates):
        assert replicates[:, g].std() == pytest.approx(float(estimate.std_error), rel=0.06)
    minus = difference(*estimates, unit_interval=False)
    assert (replicates[:, 0] - replicates[:, 1]).std() == pytest.approx(float(minus.std_error), rel=0.06)
    order = rng.permutation(1200)
    found = resample_auroc(
        scores[order], labels[order], clusters[order], groups[order], groups=("a", "b"), n_resamples=50, seed=1
    )
    np.testing.assert_allclose(found, replicates[:50], rtol=1e-12)


def test_an_auroc_without_one_label_does_not_exist(rng: np.random.Generator) -> None:
    labels = np.repeat([1, 0, 1], 20)
    groups = np.repeat([0, 1, 1], 20)
    found = resample_auroc(rng.random(60), labels, np.arange(60), groups, groups=GROUPS, n_resamples=9, seed=0)
    assert np.isnan(found).all(axis=0).tolist() == [True, False, True]


V, C, G = np.ones((4, 2)), np.arange(4), np.zeros(4, dtype=np.int64)


@pytest.mark.parametrize(
    ("values", "clusters", "codes", "groups", "message"),
    [
        (V[:, 0], C, G, "ab", r"values must be \(N, M\) with one cluster and one group per row; got \(4,\) values"),
        (V, C[:3], G, "ab", r"got \(4, 2\) values, \(3,\) clusters and \(4,\) groups\. Align them by sample_id\."),
        (V, C, G[:3], "ab", r"got \(4, 2\) values, \(4,\) clusters and \(3,\) groups\. Align them by sample_id\."),
        (V * np.inf, C, G, "ab", r"values must be finite, or NaN where not measured; got an infinite one\."),
        (V * np.nan, C, G, "ab", r"must be measured in at least one row of a group; got none in 4 rows\. Check"),
        (V, C, G - 1, "ab", r"must be measured in at least one row of a group; got none in 4 rows\. Check"),
        (V, C - 1, G, "ab", r"clusters must be at least 0; got -1 to 2\. Number them anew\."),
        (V, C, G + 2, "ab", r"group codes must be at least -1 and at most 1; got 0 to 2\. Number them anew\."),
        (V, C, G - 2, "ab", r"group codes must be at least -1 and at most 1; got -2 to -1\. Number them anew\."),
        (V, C * 1.0, G, "ab", r"clusters must be whole numbers; got float64\. Number them with numpy\.unique\."),
        (V, C, G, "aa", r"groups must have different names; got \['a', 'a'\]\. Rename or merge"),
    ],
)
def test_errors_of_rows(values: Any, clusters: Any, codes: Any, groups: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ClusterSums.reduce(values, clusters, codes, groups=list(groups))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_resamples": 0}, r"n_resamples must be at least 1; got 0\. Give a larger number\."),
        ({"seed": -1}, r"seed must be at least 0; got -1\."),
        ({"threads": 0}, r"threads must be at least 1; got 0\."),
        ({"average": "makro"}, r"average must be one of: macro, micro; got 'makro'\. Did you mean 'macro'\?"),
    ],
)
def test_errors_of_options(options: dict[str, Any], message: str) -> None:
    sums = ClusterSums.reduce(V, C, G, groups=["a"])
    with pytest.raises(ConfigError, match=message):
        resample(sums, **{"n_resamples": 5, "seed": 0, **options})


def test_errors_of_auroc_rows() -> None:
    with pytest.raises(DataError, match=r"labels must have one entry per score; got 3 and 4\. Align by sample_id\."):
        resample_auroc(V[:, 0], C[:3], C, G, groups=["a"], n_resamples=5, seed=0)

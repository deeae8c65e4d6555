"""Averages, slopes, AUROC and their standard errors, against explicit jackknives and sums over pairs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from fairaudit.core.errors import DataError
from fairaudit.stats.estimates import Estimate, average, difference, effective_n, slope
from fairaudit.stats.intervals import group_interval
from fairaudit.stats.outcomes import GalleryRole, Outcomes, class_parts
from tests.reference.inference import delong, jackknife, macro, micro

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Average = Literal["micro", "macro"]
EVERY: tuple[Average, Average] = ("micro", "macro")


def everyone(one: Outcomes) -> npt.NDArray[np.bool_]:
    return np.ones(len(one.values), dtype=bool)


def clustered(
    rng: np.random.Generator, n_clusters: int, size: int | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Hits and misses that cluster: each cluster has its own rate."""
    sizes = rng.integers(1, 9, n_clusters) if size is None else np.full(n_clusters, size)
    clusters = np.repeat(np.arange(n_clusters), sizes)
    return (rng.random(len(clusters)) < rng.beta(2, 1, n_clusters)[clusters]).astype(float), clusters


@pytest.mark.parametrize("kind", EVERY)
def test_value_and_standard_error_of_equal_clusters_are_the_jackknife(rng: np.random.Generator, kind: Average) -> None:
    values, clusters = clustered(rng, 40, 5)
    reference = {"micro": micro, "macro": macro}[kind]
    one = Outcomes("hit", values, clusters, average=kind)
    estimate = average(one, everyone(one))
    assert estimate.value == pytest.approx(reference(values, clusters), abs=1e-12)
    # With equal clusters, the jackknife of a mean has the same factor U / (U - 1): they are one number.
    expected = jackknife(lambda keep: reference(values[keep], clusters[keep]), clusters)
    assert estimate.std_error == pytest.approx(expected, rel=1e-9)
    assert [float(estimate.n), float(estimate.n_clusters), float(estimate.df)] == [200, 40, 39]


@pytest.mark.parametrize("kind", EVERY)
def test_standard_error_of_unequal_clusters_is_near_the_jackknife(rng: np.random.Generator, kind: Average) -> None:
    values, clusters = clustered(rng, 150)
    values[::11] = np.nan
    reference = {"micro": micro, "macro": macro}[kind]
    measured = ~np.isnan(values)
    one = Outcomes("hit", values, clusters, average=kind)
    estimate = average(one, everyone(one))
    v, c = values[measured], clusters[measured]
    assert estimate.value == pytest.approx(reference(v, c), abs=1e-12)
    # Macro is a plain mean of clusters: exact. Micro is a ratio: they differ by its curvature, of order 1 / U.
    expected = jackknife(lambda keep: reference(v[keep], c[keep]), c)
    assert estimate.std_error == pytest.approx(expected, rel=1e-9 if kind == "macro" else 0.02)


def test_events_are_counted_in_clusters() -> None:
    """However many images a cluster has, it is one event, one non-event, or one of both; a part counts as a part."""
    one = Outcomes("hit", np.array([1.0] * 5 + [0.0] * 2 + [0.25]), np.array([0, 0, 0, 1, 1, 1, 2, 3]))
    estimate = average(one, everyone(one))
    assert [float(estimate.events), float(estimate.non_events)] == [2.25, 2.75]
    assert average(Outcomes("x", one.values, one.clusters, unit_interval=False), everyone(one)).events == np.inf


def test_nothing_measured_is_nan_and_never_zero() -> None:
    one = Outcomes("hit", np.array([np.nan, 1.0]), np.arange(2))
    estimate = average(one, np.array([True, False]))
    assert np.isnan(estimate.value)
    assert np.isnan(estimate.std_error)
    assert [float(estimate.n), float(estimate.n_clusters)] == [0, 0]
    minus = difference(estimate, average(one, np.array([False, True])), unit_interval=True)
    assert np.isnan(minus.value)
    assert np.isnan(minus.std_error)


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 0.7])
def test_equal_outcomes_leave_no_rounding_behind(value: float) -> None:
    one = Outcomes("hit", np.full(37, value), np.arange(37))
    assert average(one, everyone(one)).std_error == 0
    slanted = slope(one, np.linspace(0, 3, 37))
    assert slanted.std_error == 0


def gallery_average(w: Floats, b: Floats, clusters: Ints, match: Floats, weight: Floats) -> float:
    """The weighted average of outcomes when each gallery item counts with the weight of its cluster."""
    items = weight * w[clusters]
    return float(b @ ((items * match).sum(axis=1) / items.sum(axis=1)))


def test_gallery_role_is_the_derivative_by_cluster_weight(rng: np.random.Generator) -> None:
    n, k, n_clusters = 30, 6, 12
    clusters = rng.integers(0, n_clusters, (n, k))
    match = (rng.random((n, k)) < 0.6).astype(float)
    weight = rng.choice([0.7, 1.8], (n, k))
    total = weight.sum(axis=1, keepdims=True)
    value = (weight * match).sum(axis=1) / total[:, 0]
    role = GalleryRole(clusters, weight * (match - value[:, None]) / total)
    one = Outcomes("p@6", value, rng.integers(0, n_clusters, n), gallery=role)
    b = one.mean_weights(rng.random(n) < 0.7)
    exact, ones, step = one.gallery_sums(b), np.ones(n_clusters), 1e-6
    for c in range(n_clusters):
        bump = np.where(np.arange(n_clusters) == c, step, 0)
        high = gallery_average(ones + bump, b, clusters, match, weight)
        low = gallery_average(ones - bump, b, clusters, match, weight)
        assert exact[c] == pytest.approx((high - low) / (2 * step), abs=1e-8)


def test_gallery_role_knows_that_class_weights_follow_the_gallery(rng: np.random.Generator) -> None:
    """With items weighing one over the size of their class, more of one class also devalues each of its items."""
    n, k, size, n_clusters = 25, 8, 60, 15
    classes, owners = rng.permutation(np.arange(size) % 3), rng.permutation(np.arange(size) % n_clusters)
    lists = np.array([rng.choice(size, k, replace=False) for _ in range(n)])
    match = (rng.random((n, k)) < 0.5).astype(float)

    def values(w: Floats) -> Floats:
        of_class = np.bincount(classes, weights=w[owners])
        items = (w[owners] / of_class[classes])[lists]
        return np.asarray((items * match).sum(axis=1) / items.sum(axis=1))

    ones, step = np.ones(n_clusters), 1e-6
    value = values(ones)
    weight = (1 / np.bincount(classes)[classes])[lists]
    influence = weight * (match - value[:, None]) / weight.sum(axis=1, keepdims=True)
    by_class = -np.stack([np.where(classes[lists] == c, influence, 0).sum(axis=1) for c in range(3)], axis=1)
    role = GalleryRole(owners[lists], influence, by_class, class_parts(classes, owners))
    one = Outcomes("p@8", value, rng.integers(0, n_clusters, n), gallery=role)
    b = one.mean_weights(np.arange(n) < 15)
    exact = one.gallery_sums(b)
    for c in range(n_clusters):
        bump = np.where(np.arange(n_clusters) == c, step, 0)
        assert exact[c] == pytest.approx(float(b @ (values(ones + bump) - values(ones - bump))) / (2 * step), abs=1e-8)


def test_hubs_lower_the_degrees_of_freedom(rng: np.random.Generator) -> None:
    n = 100
    match = (rng.random((n, 2)) < 0.5).astype(float)
    influence = match - 0.5
    everywhere = GalleryRole(np.stack([np.arange(n), (np.arange(n) + 1) % n], axis=1), influence)
    two_hubs = GalleryRole(np.zeros((n, 2), dtype=np.int64) + np.array([[0, 1]]), np.abs(influence))
    spread = Outcomes("p", match.mean(axis=1), np.arange(n), gallery=everywhere)
    carried = Outcomes("p", match.mean(axis=1), np.arange(n), gallery=two_hubs)
    assert average(spread, everyone(spread)).df > 30
    assert average(carried, everyone(carried)).df < 3
    without = Outcomes("p", match.mean(axis=1), np.arange(n))
    assert average(without, everyone(without)).df == n - 1


def test_auroc_and_its_standard_error(rng: np.random.Generator) -> None:
    labels = (rng.random(90) < 0.3).astype(np.int64)
    scores: Floats = np.round(rng.random(90) * 0.6 + 0.3 * labels, 1).astype(np.float64)  # rounded: many ties
    one = Outcomes("auroc", scores, np.arange(90), labels=labels)
    estimate = average(one, everyone(one))
    value, std_error = delong(scores, labels)
    assert estimate.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert estimate.value == pytest.approx(value, abs=1e-12)
    assert estimate.std_error == pytest.approx(std_error, rel=1e-9)
    assert [float(estimate.events), float(estimate.non_events)] == [labels.sum(), 90 - labels.sum()]


def test_auroc_counts_independent_units(rng: np.random.Generator) -> None:
    """Thirty hateful memes that are copies of two are two events."""
    labels = np.repeat([1, 0], 30)
    clusters = np.concatenate([np.arange(30) % 2, 2 + np.arange(30)])
    one = Outcomes("auroc", rng.random(60), clusters, labels=labels)
    estimate = average(one, everyone(one))
    assert estimate.events == 2
    assert estimate.df == 1


@pytest.mark.parametrize("labels", [np.zeros(30, dtype=np.int64), np.ones(30, dtype=np.int64)])
def test_auroc_of_one_label_does_not_exist(rng: np.random.Generator, labels: npt.NDArray[np.int64]) -> None:
    one = Outcomes("auroc", rng.random(30), np.arange(30), labels=labels)
    assert np.isnan(average(one, everyone(one)).value)


def test_slope_is_least_squares_and_near_the_jackknife(rng: np.random.Generator) -> None:
    homes = rng.normal(0, 2, 80)
    clusters = np.repeat(np.arange(80), 6)
    x = homes[clusters]
    rate = 1 / (1 + np.exp(-(x + rng.normal(0, 1, 80)[clusters])))
    values = (rng.random(480) < rate).astype(float)
    values[5], x[17] = np.nan, np.nan
    one = Outcomes("hit", values, clusters)
    use = ~np.isnan(values) & ~np.isnan(x)
    estimate = slope(one, x)
    v, xs, c = values[use], x[use], clusters[use]
    assert estimate.value == pytest.approx(np.polyfit(xs, v, 1)[0], abs=1e-12)
    expected = jackknife(lambda keep: float(np.polyfit(xs[keep], v[keep], 1)[0]), c)
    # CR3 is the jackknife without its factor (U - 1) / U.
    assert estimate.std_error == pytest.approx(expected * np.sqrt(80 / 79), rel=0.01)
    assert [float(estimate.n), float(estimate.n_clusters), float(estimate.df)] == [478, 80, 78]


def test_slope_of_macro_averages_weighs_clusters_alike(rng: np.random.Generator) -> None:
    values, clusters = clustered(rng, 50)
    x = rng.normal(size=50)
    means = np.array([values[clusters == c].mean() for c in range(50)])
    estimate = slope(Outcomes("hit", values, clusters, average="macro"), x[clusters])
    assert estimate.value == pytest.approx(np.polyfit(x, means, 1)[0], abs=1e-12)
    expected = jackknife(lambda keep: float(np.polyfit(x[keep], means[keep], 1)[0]), np.arange(50))
    assert estimate.std_error == pytest.approx(expected * np.sqrt(50 / 49), rel=0.02)


@pytest.mark.parametrize("x", [0.0, 3.3, 1e9])
def test_a_slope_needs_different_x(rng: np.random.Generator, x: float) -> None:
    """Rounding in the mean of equal numbers must not pass for a spread."""
    for n in (29, 30, 31, 47):
        one = Outcomes("hit", rng.random(n), np.arange(n))
        assert np.isnan(slope(one, np.full(n, x)).value)


@pytest.mark.parametrize("kind", EVERY)
def test_repeating_rows_within_their_clusters_does_not_narrow(rng: np.random.Generator, kind: Average) -> None:
    values, clusters = clustered(rng, 30)
    group = clusters % 2 == 0
    x = rng.normal(size=30)[clusters]
    once = Outcomes("hit", values, clusters, average=kind)
    thrice = Outcomes("hit", np.tile(values, 3), np.tile(clusters, 3), average=kind)
    pairs = [
        (average(once, group), average(thrice, np.tile(group, 3))),
        (slope(once, x), slope(thrice, np.tile(x, 3))),
        (
            difference(average(once, group), average(once, ~group), unit_interval=True),
            difference(
                average(thrice, np.tile(group, 3)), average(thrice, ~np.tile(group, 3)), unit_interval=True
            ),
        ),
    ]  # fmt: skip
    for one, three in pairs:
        assert three.value == pytest.approx(one.value, abs=1e-12)
        assert three.std_error == pytest.approx(one.std_error, rel=1e-9)
        assert three.df == pytest.approx(one.df)
        assert three.events == pytest.approx(one.events)
    first, second = (group_interval(e, kind="share") for e in pairs[0])
    assert second[:2] == pytest.approx(first[:2])


def numbers(estimate: Estimate) -> list[Any]:
    names = ("value", "std_error", "df", "events", "non_events", "n", "n_clusters")
    return [float(getattr(estimate, name)) for name in names]


@pytest.mark.parametrize("labelled", [False, True])
def test_neither_the_order_of_rows_nor_the_names_of_clusters_matter(rng: np.random.Generator, labelled: bool) -> None:
    values, clusters = clustered(rng, 40)
    values = values * 0.5 + 0.5 * rng.random(len(values))
    labels = (rng.random(len(values)) < 0.4).astype(np.int64) if labelled else None
    x = rng.normal(size=len(values))
    order, names = rng.permutation(len(values)), rng.permutation(90)[:40]
    group = x > 0
    one = Outcomes("hit", values, clusters, labels=labels)
    other = Outcomes("hit", values[order], names[clusters][order], labels=None if labels is None else labels[order])
    assert numbers(average(other, group[order])) == pytest.approx(numbers(average(one, group)), rel=1e-9)
    if not labelled:
        assert numbers(slope(other, x[order])) == pytest.approx(numbers(slope(one, x)), rel=1e-9)


def test_difference_of_separate_groups(rng: np.random.Generator) -> None:
    """Without shared clusters: the textbook's standard error, and Welch's degrees of freedom."""
    from scipy import stats

    a, b = rng.normal(size=25), rng.normal(0.3, 2, size=40)
    one = Outcomes("x", np.concatenate([a, b]), np.arange(65), unit_interval=False)
    first = np.arange(65) < 25
    estimate = difference(average(one, first), average(one, ~first), unit_interval=False)
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert estimate.value == pytest.approx(a.mean() - b.mean())
    assert estimate.value / estimate.std_error == pytest.approx(welch.statistic)
    assert estimate.df == pytest.approx(welch.df)


def test_difference_within_clusters_is_the_paired_one(rng: np.random.Generator) -> None:
    """Each person once in either group: the persons' own level drops out."""
    level = rng.normal(0, 5, 60)
    a, b = level + rng.normal(size=60), level + 0.4 + rng.normal(size=60)
    one = Outcomes("x", np.concatenate([a, b]), np.tile(np.arange(60), 2), unit_interval=False)
    first = np.arange(120) < 60
    estimate = difference(average(one, first), average(one, ~first), unit_interval=False)
    assert estimate.std_error == pytest.approx((a - b).std(ddof=1) / np.sqrt(60), rel=1e-9)


def test_a_group_without_events_does_not_pass_for_certain() -> None:
    """Agresti and Caffo (2000): p = (x + 1) / (n + 2) in each group, by hand for 0 of 30 and 3 of 30."""
    one = Outcomes("hit", np.array([0.0] * 30 + [1.0] * 3 + [0.0] * 27), np.arange(60))
    first = np.arange(60) < 30
    estimate = difference(average(one, first), average(one, ~first), unit_interval=True)
    p, q = 1 / 32, 4 / 32
    plain = 0.1 * 0.9 / 29
    n = 0.09 / plain  # independent hits and misses that are as sure: 29
    q = (0.1 * n + 1) / (n + 2)
    floor = p * (1 - p) / 32 + q * (1 - q) / (n + 2)
    assert floor > plain
    assert estimate.std_error == pytest.approx(np.sqrt(floor), rel=1e-9)


def test_a_group_without_rows_leaves_no_number_of_unbounded_outcomes(rng: np.random.Generator) -> None:
    one = Outcomes("loss", rng.normal(5, 3, 30), np.arange(30), unit_interval=False)
    contrast = difference(average(one, everyone(one)), average(one, ~everyone(one)), unit_interval=False)
    assert np.isnan([contrast.value, contrast.std_error]).all()
    assert np.isposinf([contrast.events, contrast.non_events]).all()  # not NaN, which no limit would hold


def test_effective_n_is_the_number_of_clusters_where_images_repeat(rng: np.random.Generator) -> None:
    hits = (rng.random(50) < 0.5).astype(float)
    one = Outcomes("hit", np.repeat(hits, 15), np.repeat(np.arange(50), 15))
    assert effective_n(average(one, everyone(one))) == pytest.approx(49)  # n - 1: the sample variance


def test_many_outcomes_at_once_are_each_as_alone(rng: np.random.Generator) -> None:
    values, clusters = clustered(rng, 60)
    table = np.stack([values, rng.random(len(values)), np.where(rng.random(len(values)) < 0.2, np.nan, values)], axis=1)
    x, group = rng.normal(size=len(values)), rng.random(len(values)) < 0.4
    for kind in EVERY:
        batch = Outcomes("hit", table, clusters, average=kind)
        both = average(batch, group), average(batch, ~group)
        found = [*both, difference(*both, unit_interval=True), slope(batch, x)]
        for m in range(3):
            one = Outcomes("hit", table[:, m], clusters, average=kind)
            alone = average(one, group), average(one, ~group)
            for many, single in zip(
                found, [*alone, difference(*alone, unit_interval=True), slope(one, x)], strict=True
            ):  # fmt: skip
                for name in ("value", "std_error", "df", "events", "non_events", "n", "n_clusters"):
                    many_m = np.broadcast_to(getattr(many, name), 3)[m]
                    assert many_m == pytest.approx(float(getattr(single, name)), rel=1e-9, abs=1e-12)


def test_outcomes_that_share_a_gallery_have_one_column() -> None:
    role = GalleryRole(np.zeros((4, 1), dtype=np.int64), np.zeros((4, 1)))
    with pytest.raises(DataError, match=r"outcomes of 'p' must have one column .*; got 2. Make one Outcomes for each"):
        Outcomes("p", np.zeros((4, 2)), np.arange(4), gallery=role)


def contrast_of_clusters(hits: list[list[int]], sizes: list[list[int]]) -> tuple[Estimate, Estimate]:
    """Two groups of clusters with so many hits among so many images."""
    flat_hits, flat_sizes = ([n for group in part for n in group] for part in (hits, sizes))
    values = np.concatenate([np.repeat([1.0, 0.0], [h, n - h]) for h, n in zip(flat_hits, flat_sizes, strict=True)])
    one = Outcomes("hit", values, np.repeat(np.arange(len(flat_sizes)), flat_sizes))
    first = one.clusters < len(sizes[0])
    return average(one, first), average(one, ~first)


def test_the_variance_of_a_contrast_of_clustered_hits_by_hand() -> None:
    """Smyth (2004), eq. 3: 20 prior degrees of freedom, at the share of both groups together."""
    hits, sizes = [[1, 0, 2, 0] * 6, [3, 1, 0, 2, 2] * 12], [[3, 2, 4, 3] * 6, [4, 2, 3, 4, 3] * 12]
    own, df, share, clusters = [], [], [], []
    for h, n in ((np.array(a), np.array(b)) for a, b in zip(hits, sizes, strict=True)):
        p, k = h.sum() / n.sum(), len(n)
        own.append(k / (k - 1) * (((h - p * n) / n.sum()) ** 2).sum())
        df.append(k - 1)
        share.append(p)
        clusters.append(k)
    p0 = (24 * share[0] + 60 * share[1]) / 84
    u = [p0 * (1 - p0) / k for k in clusters]
    r = sum(d * v / x for d, v, x in zip(df, own, u, strict=True)) / sum(df)
    moderated = [(d * v + 20 * r * x) / (d + 20) for d, v, x in zip(df, own, u, strict=True)]
    found = difference(*contrast_of_clusters(hits, sizes), unit_interval=True)
    assert float(found.value) == pytest.approx(share[0] - share[1])
    assert float(found.std_error) == pytest.approx(np.sqrt(sum(moderated)))
    parts = sum(v**2 / (d + 20) for v, d in zip(moderated, df, strict=True))
    assert float(found.df) == pytest.approx(sum(moderated) ** 2 / parts)
    # Each image of its own: nothing is moderated.
    single = difference(*contrast_of_clusters([[1, 0] * 12, [1, 0, 0] * 20], [[1] * 24, [1] * 60]), unit_interval=True)
    assert float(single.std_error) == pytest.approx(np.sqrt(0.25 / 23 + 2 / 9 / 59))


def test_a_few_clusters_much_alike_raise_no_more_alarms_than_they_should(rng: np.random.Generator) -> None:
    """30 persons against 90, some 8 images each, a share of .15, ICC .5: at p < .0025 as often as that, not 4 times."""
    sizes = rng.integers(1, 16, 120)
    person = np.repeat(np.arange(120), sizes)
    values = (rng.random((len(person), 4000)) < rng.beta(0.15, 0.85, (120, 4000))[person]).astype(np.float64)
    one = Outcomes("hit", values, person)
    contrast = difference(average(one, person < 30), average(one, person >= 30), unit_interval=True)
    below = int((2 * stats.t.sf(np.abs(contrast.value) / contrast.std_error, contrast.df) < 0.0025).sum())
    assert stats.binomtest(below, 4000, 0.0025, alternative="greater").pvalue > 0.001

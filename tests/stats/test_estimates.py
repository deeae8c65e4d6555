"""Values of groups: shares by their effective size, means by their influences, and what has none."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from fairaudit.stats.correlation import Correlation, correlations
from fairaudit.stats.estimates import Estimate, average, estimates, gallery_variance, kind_of, share_of
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.side import Side
from tests.reference.inference import jackknife, macro, micro

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Average = Literal["micro", "macro"]


def everyone(one: Outcomes) -> npt.NDArray[np.bool_]:
    return np.ones(len(one.values), dtype=bool)


def clustered(rng: np.random.Generator, n_clusters: int, size: int | None = None) -> tuple[Floats, Ints]:
    """Hits and misses that cluster: each cluster has its own rate."""
    sizes = rng.integers(1, 9, n_clusters) if size is None else np.full(n_clusters, size)
    clusters = np.repeat(np.arange(n_clusters), sizes)
    return (rng.random(len(clusters)) < rng.beta(2, 1, n_clusters)[clusters]).astype(np.float64), clusters


def side_of(one: Outcomes) -> Side:
    return GroupSums.of(one, [everyone(one)]).groups[0]


@pytest.mark.parametrize("kind", ["micro", "macro"])
def test_a_share_of_many_clusters_has_about_the_jackknifes_error(rng: np.random.Generator, kind: Average) -> None:
    """Under its own correlation; 400 clusters of 1 to 8 rows, some of them not measured."""
    values, clusters = clustered(rng, 400)
    values[::11] = np.nan
    measured = ~np.isnan(values)
    v, c = values[measured], clusters[measured]
    reference = {"micro": micro, "macro": macro}[kind]
    one = Outcomes("hit", values, clusters, average=kind)
    estimate = average(one, everyone(one))
    assert estimate.value == pytest.approx(reference(v, c), abs=1e-12)
    assert estimate.std_error == pytest.approx(jackknife(lambda keep: reference(v[keep], c[keep]), c), rel=0.08)
    assert (estimate.n, estimate.n_clusters, estimate.kind) == (measured.sum(), len(set(c.tolist())), "share")
    assert estimate.is_share
    p, n = estimate.value, estimate.n_effective
    assert estimate.std_error == pytest.approx(np.sqrt(p * (1 - p) / n))
    assert estimate.n_clusters / 2 < n < estimate.n
    assert 30 < estimate.df < 3000


def test_a_share_from_its_parts(rng: np.random.Generator) -> None:
    """Effective size 1 / (phi design), third moment, and degrees of freedom 2 / CV^2 of the design."""
    values, clusters = clustered(rng, 50)
    side = side_of(Outcomes("hit", values, clusters))
    rho, variance, phi = 0.3, 0.002, 0.8
    found = share_of(side, Correlation(np.asarray(rho), np.asarray(variance)), phi, "share")
    sizes = np.bincount(clusters) / len(clusters)
    design = (1 - rho) / len(clusters) + rho * (sizes**2).sum()
    assert found.n_effective == pytest.approx(1 / (phi * design))
    assert found.third == pytest.approx(float(side.third(np.asarray(rho))) * 2 * phi**2 / (1 + phi))
    slope = (sizes**2).sum() - 1 / len(clusters)
    assert found.df == pytest.approx(2 * design**2 / (slope**2 * variance))


@pytest.mark.parametrize("phi", [0.2, 0.7])
def test_the_third_moment_of_outcomes_between_0_and_1(phi: float) -> None:
    """Beta distributed outcomes with the variance phi p q have the third moment 2 phi^2 / (1 + phi) p q (1 - 2 p)."""
    from scipy import stats

    p = 0.15
    total = 1 / phi - 1
    mean, variance, skew = (float(x) for x in stats.beta.stats(p * total, (1 - p) * total, moments="mvs"))
    assert mean == pytest.approx(p)
    assert variance == pytest.approx(phi * p * (1 - p))
    assert skew * variance**1.5 == pytest.approx(2 * phi**2 / (1 + phi) * p * (1 - p) * (1 - 2 * p))


def test_independent_hits_have_the_binomials_error() -> None:
    one = Outcomes("hit", np.repeat([1.0, 0.0], [30, 70]), np.arange(100))
    found = average(one, everyone(one))
    assert found.kind == "binary"
    assert found.std_error == pytest.approx(np.sqrt(0.3 * 0.7 / 100))
    assert found.n_effective == pytest.approx(100)
    assert found.third == pytest.approx(1e-4)
    assert found.df == np.inf


def test_weights_count_by_kish(rng: np.random.Generator) -> None:
    weights = rng.lognormal(0, 1, 300)
    one = Outcomes("hit", (rng.random(300) < 0.4).astype(np.float64), np.arange(300), weights=weights)
    found = average(one, everyone(one))
    assert found.kind == "share"
    assert found.value == pytest.approx(np.average(one.values, weights=weights))
    assert found.n_effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert found.units == pytest.approx(found.n_effective)


def test_fractions_vary_less_than_hits(rng: np.random.Generator) -> None:
    """Means of ten neighbours: the plain standard error of a mean."""
    values = rng.binomial(10, rng.beta(4, 6, 500)) / 10
    one = Outcomes("precision@10", values, np.arange(500))
    found = average(one, everyone(one))
    assert found.kind == "share"
    assert found.std_error == pytest.approx(values.std() / np.sqrt(500), rel=1e-9)


def test_images_that_are_alike_count_once(rng: np.random.Generator) -> None:
    hits = (rng.random(200) < 0.5).astype(np.float64)
    one = Outcomes("hit", np.repeat(hits, 15), np.repeat(np.arange(200), 15))
    assert average(one, everyone(one)).n_effective == pytest.approx(200, rel=0.02)


def test_groups_share_what_is_known_of_their_correlation(rng: np.random.Generator) -> None:
    values, clusters = clustered(rng, 90)
    one = Outcomes("hit", values, clusters)
    sums = GroupSums.of(one, [clusters < 10, clusters >= 10])
    rhos = correlations([side.pairs for side in sums.groups])
    for found, side, rho in zip(estimates(sums), sums.groups, rhos, strict=True):
        assert found.n_effective == pytest.approx(1 / float(side.design(rho.value)))


def test_the_mean_of_unbounded_outcomes(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, 40)
    one = Outcomes("x", values, np.arange(40), unit_interval=False)
    found = average(one, everyone(one))
    assert (found.kind, found.events, found.non_events) == ("unbounded", np.inf, np.inf)
    assert found.std_error == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert found.df == pytest.approx(39)
    assert not found.is_share


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 0.7])
def test_equal_outcomes_leave_no_rounding_behind(value: float) -> None:
    one = Outcomes("x", np.full(37, value), np.arange(37), unit_interval=False)
    assert average(one, everyone(one)).std_error == 0


@pytest.mark.parametrize("far", [1e6, 1e9])
def test_outcomes_far_from_zero_keep_their_digits(rng: np.random.Generator, far: float) -> None:
    values, clusters = rng.normal(size=60), np.repeat(np.arange(30), [1] * 15 + [3] * 15)
    near, moved = (Outcomes("x", values + by, clusters, unit_interval=False) for by in (0.0, far))
    assert average(moved, everyone(moved)).value == pytest.approx(far + values.mean(), rel=1e-12)
    assert average(moved, everyone(moved)).std_error == pytest.approx(average(near, everyone(near)).std_error, rel=1e-5)


def test_a_mean_of_ones_is_not_above_one() -> None:
    one = Outcomes("hit", np.ones(31), np.arange(31), weights=np.linspace(0.1, 0.7, 31))
    found = average(one, everyone(one))
    assert found.value <= 1
    assert found.std_error < 1e-7


@pytest.mark.parametrize("fields", [{}, {"unit_interval": False}, {"labels": np.array([0, 1])}])
def test_nothing_measured_is_nan_and_never_zero(fields: dict[str, Any]) -> None:
    one = Outcomes("hit", np.array([np.nan, 1.0]), np.arange(2), **fields)
    found = average(one, np.array([True, False]))
    assert np.isnan([found.value, found.std_error]).all()
    assert (found.n, found.n_clusters) == (0, 0)
    both = estimates(GroupSums.of(one, [np.array([True, False]), np.array([False, True])]))
    assert both[0].n == 0
    assert fields.get("labels") is not None or both[1].value == 1


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "binary"),
        ({"values": np.array([0.5, 1, 0])}, "share"),
        ({"clusters": np.array([0, 0, 1])}, "share"),
        ({"weights": np.ones(3)}, "share"),
        ({"labels": np.array([0, 1, 1])}, "auroc"),
        ({"unit_interval": False}, "unbounded"),
    ],
)
def test_kinds(fields: dict[str, Any], kind: str) -> None:
    values = {"values": np.array([1.0, 0, 1]), "clusters": np.arange(3), **fields}
    assert kind_of(Outcomes("hit", **values)) == kind


def numbers(found: Estimate) -> list[float]:
    names = ("value", "std_error", "df", "events", "non_events", "n", "n_clusters", "units")
    return [float(getattr(found, name)) for name in names]


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("kind", ["micro", "macro"])
def test_order_and_names_do_not_matter(rng: np.random.Generator, labelled: bool, kind: Average) -> None:
    values, clusters = clustered(rng, 40)
    values = values * 0.5 + 0.5 * rng.random(len(values))
    labels = (rng.random(len(values)) < 0.4).astype(np.int64) if labelled else None
    order, names, group = rng.permutation(len(values)), rng.permutation(90)[:40], rng.random(len(values)) < 0.5
    one = Outcomes("hit", values, clusters, labels=labels, average=kind)
    other = Outcomes("hit", values[order], names[clusters][order], average=kind,
                     labels=None if labels is None else labels[order])  # fmt: skip
    assert numbers(average(other, group[order])) == pytest.approx(numbers(average(one, group)), rel=1e-9)


def test_hubs_lower_the_degrees_of_freedom(rng: np.random.Generator) -> None:
    n = 100
    match = (rng.random((n, 2)) < 0.5).astype(np.float64)
    influence = match - 0.5
    everywhere = GalleryRole.of(
        Moves(np.stack([np.arange(n), (np.arange(n) + 1) % n], axis=1), influence), np.arange(n)
    )
    two_hubs = GalleryRole.of(Moves(np.tile([[0, 1]], (n, 1)), np.abs(influence)), np.arange(n))
    spread = Outcomes("p", match.mean(axis=1), np.arange(n), gallery=everywhere)
    carried = Outcomes("p", match.mean(axis=1), np.arange(n), gallery=two_hubs)
    assert average(spread, everyone(spread)).df > 30
    assert average(carried, everyone(carried)).df < 3
    assert average(carried, everyone(carried)).std_error > 5 * average(spread, everyone(spread)).std_error


def test_the_variance_of_a_gallery_by_hand(rng: np.random.Generator) -> None:
    n = 80
    items, match = rng.integers(0, n, (n, 5)), (rng.random((n, 5)) < 0.6).astype(np.float64)
    value = match.mean(axis=1)
    role = GalleryRole.of(Moves(items, (match - value[:, None]) / 5), np.arange(n))
    sums = GroupSums.of(Outcomes("p@5", value, np.arange(n), gallery=role), [np.ones(n, dtype=bool)])
    for psi in (rng.normal(0, 0.01, n), 0.003 * (np.arange(n) == 0)):
        total, noise = float((psi**2).sum()), float(role.pair_noise(np.full((n, 1), 1 / n))[0])
        variance, df = gallery_variance(psi, noise, n)
        assert noise > 0
        carrying = min(n, total**2 / float((psi**4).sum()))
        factor = carrying / (carrying - 1) if carrying > 1 else 1
        assert variance == pytest.approx(factor * max(total - noise, total / 2))
        assert df == pytest.approx(carrying - 1)
    found = estimates(sums)[0]
    assert found.n_effective == pytest.approx(found.value * (1 - found.value) / found.std_error**2)
    assert not found.is_share

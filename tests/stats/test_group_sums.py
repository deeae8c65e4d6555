"""Weights and influences of a side against numerical derivatives; how clusters are told apart from rows."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from fairaudit.stats.gallery import GalleryRole, Moves, class_parts
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Mask, Outcomes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Average = Literal["micro", "macro"]
SIDES = [Members((0,)), Members((1, 2)), Members((0, 1, 2)), Members((1, 2), equal=True)]


def drawn(
    rng: np.random.Generator, average: Average, *, weighted: bool, nested: bool = False, n: int = 80
) -> GroupSums:
    clusters = rng.integers(0, 30, n)
    groups = rng.integers(-1, 3, 30)[clusters] if nested else rng.integers(-1, 3, n)
    values = np.where(rng.random(n) < 0.1, np.nan, rng.random(n))
    weights = rng.uniform(0.2, 2, n) if weighted else None
    return GroupSums(Outcomes("hit", values, clusters, average=average, weights=weights), groups, 3)


def value_of(sums: GroupSums, members: Members, of_cluster: Floats) -> float:
    """Return the value of a side where each cluster counts as often as ``of_cluster`` (U,) says."""
    one = sums.outcomes
    means = []
    for part in [(g,) for g in members.groups] if members.equal else [members.groups]:
        use = np.isin(sums.codes, part) & ~np.isnan(one.values)
        w = np.ones(len(use)) if one.weights is None else one.weights
        if one.average == "micro":
            means.append(np.average(one.values[use], weights=(w * of_cluster[one.clusters])[use]))
            continue
        names = np.unique(one.clusters[use])
        inside = [
            np.average(one.values[use & (one.clusters == c)], weights=w[use & (one.clusters == c)]) for c in names
        ]
        means.append(np.average(inside, weights=of_cluster[names]))
    return float(np.mean(means))


def derivative(f: object, at: int, size: int) -> float:
    step = 1e-5
    bump = np.where(np.arange(size) == at, step, 0.0)
    return float((f(1 + bump) - f(1 - bump)) / (2 * step))  # type: ignore[operator]


@pytest.mark.parametrize("members", SIDES)
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("weighted", [False, True])
def test_influence_is_the_derivative_by_the_weight_of_a_cluster(
    rng: np.random.Generator, members: Members, average: Average, weighted: bool
) -> None:
    sums = drawn(rng, average, weighted=weighted)
    value = sums.side(members).value
    assert value == pytest.approx(value_of(sums, members, np.ones(30)))
    psi = sums.influence(members, value)
    size = len(psi)
    for c in range(size):
        exact = derivative(lambda w: value_of(sums, members, w), c, size)
        assert psi[c] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("nested", [False, True])
def test_clusters_lie_in_one_group_or_in_several(rng: np.random.Generator, nested: bool) -> None:
    sums = drawn(rng, "micro", weighted=False, nested=nested)
    assert sums.nested is nested
    assert GroupSums(Outcomes("hit", np.zeros(4), np.arange(4)), np.arange(4) % 2, 2).nested


class AllInCells(GroupSums):
    """No row is taken for a cluster by itself, so that each has a cell."""

    @cached_property
    def _lonely(self) -> Mask:
        return np.zeros(len(self.used), dtype=bool)


@pytest.mark.parametrize("members", SIDES)
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_by_themselves_may_be_added_up_or_not(
    rng: np.random.Generator, members: Members, average: Average, weighted: bool
) -> None:
    sums = drawn(rng, average, weighted=weighted, n=35)  # 35 rows of 30 clusters: many are alone
    cells = AllInCells(sums.outcomes, sums.codes, 3)
    assert sums.singles.n.sum() > 5
    assert cells.singles.n.sum() == 0
    one, other = sums.side(members), cells.side(members)
    for name in ("value", "n", "n_clusters", "squares", "cluster_squares", "cubes", "influence_squares",
                 "events", "non_events"):  # fmt: skip
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-15), name
    for rho in (0.0, 0.4):
        expected = [float(x) for x in one.pairs.equation(np.asarray(rho))]
        assert [float(x) for x in other.pairs.equation(np.asarray(rho))] == pytest.approx(expected)


def test_masks_and_rows_of_no_group() -> None:
    one = Outcomes("hit", np.array([1.0, 0.0, np.nan, 1.0]), np.arange(4))
    sums = GroupSums.of(one, {"a": np.array([True, True, True, False]), "b": np.zeros(4, dtype=bool)})
    assert sums.codes.tolist() == [0, 0, 0, -1]
    assert sums.used.tolist() == [0, 1]
    assert [side.n for side in sums.groups] == [2, 0]
    assert sums.row_weights(Members((1,))).tolist() == [0, 0, 0, 0]
    assert GroupSums.of(one, [np.arange(4) == 3]).groups[0].value == 1


def test_the_rest_is_all_other_groups(rng: np.random.Generator) -> None:
    sums = drawn(rng, "micro", weighted=False)
    assert sums.rest(1) == Members((0, 2))
    assert sums.rest(1, equal=True) == Members((0, 2), equal=True)
    others = [sums.groups[0].value, sums.groups[2].value]
    assert sums.side(sums.rest(1, equal=True)).value == pytest.approx(np.mean(others))


def gallery_influence(
    role: GalleryRole, values: Floats, own: Ints, inside: Mask, average: Average = "micro"
) -> tuple[GroupSums, Floats, Floats]:
    """Return the sums, the weight of each row and what a cluster does as a part of the gallery."""
    one = Outcomes("p", values, own, gallery=role, average=average)
    sums = GroupSums.of(one, [inside])
    b = sums.row_weights(Members((0,)))
    alone = GroupSums.of(Outcomes("p", values, own, average=average), [inside])
    value = sums.groups[0].value
    as_query = np.zeros(one.n_codes)
    of_queries = alone.influence(Members((0,)), value)
    as_query[: len(of_queries)] = of_queries
    return sums, b, sums.influence(Members((0,)), value) - as_query


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_gallery_role_is_the_derivative_by_cluster_weight(rng: np.random.Generator, average: Average) -> None:
    n, k, n_clusters = 30, 6, 12
    clusters = rng.integers(0, n_clusters, (n, k))
    match = (rng.random((n, k)) < 0.6).astype(np.float64)
    weight = rng.choice([0.7, 1.8], (n, k))
    total = weight.sum(axis=1, keepdims=True)
    value = (weight * match).sum(axis=1) / total[:, 0]
    own = rng.integers(0, n_clusters, n)
    role = GalleryRole.of(Moves(clusters, weight * (match - value[:, None]) / total), own)
    _, b, exact = gallery_influence(role, value, own, rng.random(n) < 0.7, average)

    def mean(w: Floats) -> float:
        items = weight * w[clusters]
        return float(b @ ((items * match).sum(axis=1) / items.sum(axis=1)))

    for c in range(n_clusters):
        assert exact[c] == pytest.approx(derivative(mean, c, n_clusters), abs=1e-8)


def test_gallery_role_knows_that_class_weights_follow_the_gallery(rng: np.random.Generator) -> None:
    """With items weighing one over the size of their class, more of one class also devalues each of its items."""
    n, k, size, n_clusters = 25, 8, 60, 15
    classes, owners = rng.permutation(np.arange(size) % 3), rng.permutation(np.arange(size) % n_clusters)
    lists = np.array([rng.choice(size, k, replace=False) for _ in range(n)])
    match = (rng.random((n, k)) < 0.5).astype(np.float64)

    def values(w: Floats) -> Floats:
        of_class = np.bincount(classes, weights=w[owners])
        items = (w[owners] / of_class[classes])[lists]
        return np.asarray((items * match).sum(axis=1) / items.sum(axis=1))

    value = values(np.ones(n_clusters))
    weight = (1 / np.bincount(classes)[classes])[lists]
    influence = weight * (match - value[:, None]) / weight.sum(axis=1, keepdims=True)
    by_class = -np.stack([np.where(classes[lists] == c, influence, 0).sum(axis=1) for c in range(3)], axis=1)
    own = rng.integers(0, n_clusters, n)
    role = GalleryRole.of(Moves(owners[lists], influence, by_class), own, class_parts(classes, owners))
    _, b, exact = gallery_influence(role, value, own, np.arange(n) < 15)
    for c in range(n_clusters):
        assert exact[c] == pytest.approx(derivative(lambda w: float(b @ values(w)), c, n_clusters), abs=1e-8)

"""Saved statistics give value and influence of every kind of metric again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairaudit.core.result import STATISTIC_COLUMNS
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.sufficient_statistics import Statistics, cluster_names

CLUSTERS = np.repeat(np.arange(40), np.arange(40) % 3 + 1)
N = len(CLUSTERS)
MASK = CLUSTERS % 4 != 0


def saved(one: Outcomes, mask: npt.NDArray[np.bool_] = MASK) -> pd.DataFrame:
    statistics = Statistics("data", "x")
    sums = GroupSums.of(one, [mask])
    statistics.add(sums, cluster_names(one, np.array([f"h{c:02d}" for c in CLUSTERS])), "g", ("a",))
    return statistics.table().set_index("cluster")


def influence(frame: pd.DataFrame) -> pd.Series:
    value = frame["numerator"].sum() / frame["denominator"].sum()
    return (frame["numerator"] - value * frame["denominator"] + frame["gallery"]) / frame["denominator"].sum()


def test_a_macro_average_has_the_mean_of_each_cluster(rng: np.random.Generator) -> None:
    values = rng.random(N)
    values[3] = np.nan
    frame = saved(Outcomes("hit", values, CLUSTERS, average="macro"))
    means = pd.Series(values)[MASK].groupby(CLUSTERS[MASK]).mean().dropna()
    assert frame["numerator"].to_numpy() == pytest.approx(means.to_numpy())
    assert (frame["denominator"] == 1).all()
    assert frame["n"].sum() == (MASK & ~np.isnan(values)).sum()
    assert influence(frame).to_numpy() == pytest.approx((means - means.mean()).to_numpy() / len(means))


def test_the_gallery_of_a_macro_average_has_the_weights_of_its_clusters(rng: np.random.Generator) -> None:
    items, moves = rng.integers(0, 50, (N, 2)), rng.normal(size=(N, 2))
    role = GalleryRole.of(Moves(items, moves), CLUSTERS)
    frame = saved(Outcomes("hit", rng.random(N), CLUSTERS, average="macro", gallery=role))
    expected = np.zeros(50)
    for i in np.flatnonzero(MASK):
        np.add.at(expected, items[i], moves[i] / (CLUSTERS[i] == CLUSTERS).sum())
    for cluster, row in frame.iterrows():
        assert row["gallery"] == pytest.approx(expected[int(str(cluster).removeprefix("h"))])


def test_the_auroc_as_a_ratio_has_delongs_influence(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 2, N)
    scores = np.round(rng.normal(size=N) + labels, 1)
    frame = saved(Outcomes("auroc", scores, CLUSTERS, labels=labels, unit_interval=False))
    x, y = scores[MASK & (labels == 1)], scores[MASK & (labels == 0)]
    auroc = roc_auc_score(labels[MASK], scores[MASK])
    assert frame["numerator"].sum() / frame["denominator"].sum() == pytest.approx(auroc)
    assert frame["denominator"].sum() == pytest.approx(1)
    psi = np.zeros(40)
    for i in np.flatnonzero(MASK):
        other = y if labels[i] else x
        won = np.mean((scores[i] > other) + 0.5 * (scores[i] == other))
        psi[CLUSTERS[i]] += (won - auroc) / len(x) if labels[i] else (1 - won - auroc) / len(y)
    assert influence(frame).to_numpy() == pytest.approx(psi[np.unique(CLUSTERS[MASK])])


def test_an_auroc_without_one_of_the_labels_is_nothing_over_nothing() -> None:
    frame = saved(Outcomes("auroc", np.linspace(0, 1, N), CLUSTERS, labels=np.ones(N, dtype=np.int64)))
    assert frame["n"].sum() == MASK.sum()
    assert (frame[["numerator", "denominator"]] == 0).all(axis=None)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_groups_at_once_are_those_of_each_alone(rng: np.random.Generator, average: Any) -> None:
    """Clusters may lie in several groups, and a group may be empty; without groups, the gallery's own have rows."""
    role = GalleryRole.of(Moves(rng.integers(0, 50, (N, 2)), rng.normal(size=(N, 2))), CLUSTERS)
    one = Outcomes("hit", rng.random(N), CLUSTERS, average=average, gallery=role)
    names, codes = cluster_names(one, CLUSTERS.astype(str)), rng.choice([-1, 0, 2], N)
    together = Statistics("data", "x")
    together.add(GroupSums(one, codes, 3), names, "g", ["a", "b", "c"])
    frame = together.table()
    assert set(frame["group"]) == {"a", "c"}
    for code, group in ((0, "a"), (2, "c")):
        alone = saved(one, codes == code)
        for column in ("gallery", "numerator"):
            ours = frame.loc[frame["group"] == group, column].to_numpy()
            assert ours == pytest.approx(alone[column].to_numpy())
    everything, everyone = Statistics("data", "x"), GroupSums(one, np.zeros(N, dtype=np.int64), 1)
    everything.add(everyone, names, "overall", ["overall"], everything=True)
    rows = everything.table()
    weights = everyone.row_weights(Members((0,)))
    assert influence(rows).sum() == pytest.approx(role.cluster_sums(np.zeros(N, int), 1, weights).sum())
    assert (rows["n"] == 0).sum() == rows["cluster"].astype(str).str.startswith("gallery-").sum() > 0


@pytest.mark.parametrize("added", [True, False])
def test_columns_and_kinds(added: bool) -> None:
    statistics, groups = Statistics("data", "x"), ("a", "b") if added else ()
    one = Outcomes("hit", np.ones(N), CLUSTERS)
    if added:
        sums = GroupSums.of(one, [MASK, ~MASK])
        statistics.add(sums, cluster_names(one, CLUSTERS.astype(str)), "g", groups)
    frame = statistics.table()
    assert tuple(frame.columns) == STATISTIC_COLUMNS
    assert len(frame) == (40 if added else 0)
    assert set(frame["group"]) == set(groups)
    assert all(frame[c].dtype == np.float64 for c in ("n", "numerator", "denominator", "gallery"))


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_weighted_rows(rng: np.random.Generator, average: str) -> None:
    """Value and influence of the saved ratio are those of the weighted average."""
    weights, values = rng.integers(0, 4, N).astype(float), rng.random(N)
    one = Outcomes("hit", values, CLUSTERS, average=average, weights=weights)  # type: ignore[arg-type]
    frame = saved(one)
    sums = GroupSums.of(one, [MASK])
    side = sums.groups[0]
    assert frame["numerator"].sum() / frame["denominator"].sum() == pytest.approx(side.value)
    expected = sums.influence(Members((0,)), side.value)
    codes = [int(str(name).removeprefix("h")) for name in frame.index]
    assert influence(frame).to_numpy() == pytest.approx(expected[codes])
    assert frame["n"].sum() == (MASK & (weights > 0)).sum()

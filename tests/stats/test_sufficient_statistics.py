"""Saved statistics give value and influence of every kind of metric again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairaudit.core.result import STATISTIC_COLUMNS
from fairaudit.stats.outcomes import GalleryRole, Outcomes
from fairaudit.stats.sufficient_statistics import Statistics, cluster_names

CLUSTERS = np.repeat(np.arange(40), np.arange(40) % 3 + 1)
N = len(CLUSTERS)
MASK = CLUSTERS % 4 != 0


def saved(one: Outcomes, mask: npt.NDArray[np.bool_] = MASK) -> pd.DataFrame:
    statistics = Statistics("data", "x")
    statistics.add(one, cluster_names(one, np.array([f"h{c:02d}" for c in CLUSTERS])), "g", "a", mask)
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
    frame = saved(Outcomes("hit", rng.random(N), CLUSTERS, average="macro", gallery=GalleryRole(items, moves)))
    expected = np.zeros(50)
    for i in np.flatnonzero(MASK):
        np.add.at(expected, items[i], moves[i] / (CLUSTERS[i] == CLUSTERS).sum())
    for cluster, row in frame.iterrows():
        code = int(str(cluster).removeprefix("gallery-").removeprefix("h"))
        assert row["gallery"] == pytest.approx(expected[code])
        assert str(cluster).startswith("gallery-") == (code >= 40)


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


@pytest.mark.parametrize("added", [True, False])
def test_columns_and_kinds(added: bool) -> None:
    statistics = Statistics("data", "x")
    one = Outcomes("hit", np.ones(N), CLUSTERS)
    groups: tuple[Any, ...] = ("a", "b") if added else ()
    for group in groups:
        statistics.add(one, cluster_names(one, CLUSTERS.astype(str)), "g", group, MASK)
    frame = statistics.table()
    assert tuple(frame.columns) == STATISTIC_COLUMNS
    assert len(frame) == len(groups) * 30
    assert set(frame["group"]) == set(groups)
    assert all(frame[c].dtype == np.float64 for c in ("n", "numerator", "denominator", "gallery"))

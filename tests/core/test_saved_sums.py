"""Replicates from saved statistics, against replicates from rows with the same law and no code of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.outcomes import GalleryRole, Outcomes
from fairaudit.core.resampling import resample
from fairaudit.core.samples import Feature
from fairaudit.core.saved_sums import saved_sums
from tests.core.audits_of_rows import audit_of

AB = Feature("g", ("a", "b"), "annotated", "by hand")
CLUSTERS = np.repeat(np.arange(80), np.arange(80) % 4 + 1)
GROUP = np.array(["a", "b"])[CLUSTERS % 2]


def statistics(values: Any, **fields: Any) -> pd.DataFrame:
    return audit_of(Outcomes("hit", values, CLUSTERS, **fields), {"g": GROUP}, [AB]).results[0].statistics


@pytest.fixture
def models(rng: np.random.Generator) -> list[Any]:
    hard = rng.random(len(CLUSTERS))
    return [(0.6 * hard + 0.4 * rng.random(len(CLUSTERS)) < p).astype(float) for p in (0.4, 0.6)]


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_two_audits_are_drawn_with_the_same_weights(rng: np.random.Generator, models: list[Any], average: Any) -> None:
    sums = saved_sums([statistics(v, average=average) for v in models], metric="hit", feature="g")
    assert sums.groups == ("a", "b")
    frame = pd.DataFrame({"c": CLUSTERS, "g": GROUP, "old": models[0], "new": models[1]})
    rows = frame.groupby("c")[["old", "new"]].mean().assign(g=["a", "b"] * 40) if average == "macro" else frame
    expected = rows.groupby("g")[["old", "new"]].mean().to_numpy()
    assert sums.group_values() == pytest.approx(expected)

    drawn = resample(sums, n_resamples=4000, seed=1)
    a, b = drawn.transpose(1, 2, 0)
    change = (a - b)[1] - (a - b)[0]
    by_hand = np.zeros(4000)
    for side, sign in (("a", 1), ("b", -1)):
        own = frame[frame["g"] == side].groupby("c").agg(n=("old", "size"), old=("old", "sum"), new=("new", "sum"))
        if average == "macro":
            own = own.div(own["n"], axis=0)
        weights = rng.multinomial(40, np.full(40, 1 / 40), size=4000)
        values = weights @ own.to_numpy()
        by_hand += sign * (values[:, 2] - values[:, 1]) / values[:, 0]
    assert change.std() == pytest.approx(by_hand.std(), rel=0.06)
    assert change.mean() == pytest.approx(by_hand.mean(), abs=4 * by_hand.std() / np.sqrt(4000))
    alone = resample(saved_sums([statistics(models[0])], metric="hit", feature="g"), n_resamples=4000, seed=2)
    assert change.std() < 1.2 * np.sqrt(2) * (alone[:, 0] - alone[:, 1]).std()


def test_everything_is_one_group(models: list[Any]) -> None:
    sums = saved_sums([statistics(models[0])], metric="hit", feature="overall")
    assert sums.group_values() == pytest.approx(models[0].mean())


def test_wrong_names_and_tables(models: list[Any]) -> None:
    frame = statistics(models[0])
    cases: list[tuple[Any, str]] = [
        (lambda: saved_sums([], metric="hit", feature="g"),
         "statistics must be of at least one audit; got none. Give result.statistics of each."),
        (lambda: saved_sums([frame], metric="hits", feature="g"),
         "metric of the statistics must be one of: hit; got 'hits'. Did you mean 'hit'?"),
        (lambda: saved_sums([frame], metric="hit", feature="gg"),
         "feature of the statistics must be one of: g, overall; got 'gg'. Did you mean 'g'?"),
        (lambda: saved_sums([frame], metric="hit", feature="g", gallery="fix"),  # type: ignore[arg-type]
         "gallery must be one of: fixed, refuse; got 'fix'. Did you mean 'fixed'?"),
    ]  # fmt: skip
    for call, text in cases:
        with pytest.raises(ConfigError) as caught:
            call()
        assert str(caught.value) == text


def test_other_clusters_are_not_absorbed(models: list[Any]) -> None:
    values = models[1].copy()
    values[CLUSTERS < 2] = np.nan
    with pytest.raises(DataError) as caught:
        saved_sums([statistics(models[0]), statistics(values)], metric="hit", feature="g")
    assert str(caught.value) == (
        "statistics of audit 2 must have the clusters and groups of audit 1; got 2 that are in one of them only. "
        "Leave what only one could measure out of both."
    )


def test_a_shared_gallery_is_fixed_by_name_only(rng: np.random.Generator, models: list[Any]) -> None:
    n = len(CLUSTERS)
    role = GalleryRole(rng.integers(0, 80, (n, 2)), rng.normal(size=(n, 2)))
    frame = statistics(models[0], gallery=role)
    with pytest.raises(DataError, match=r"^statistics of 'hit' must not share a gallery, where a cluster acts twice"):
        saved_sums([frame], metric="hit", feature="g")
    fixed = saved_sums([frame], metric="hit", feature="g", gallery="fixed")
    assert fixed.group_values()[:, 0] == pytest.approx([models[0][g == GROUP].mean() for g in ("a", "b")])

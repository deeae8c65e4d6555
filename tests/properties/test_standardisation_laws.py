"""What holds for any data: where the mix of a control makes no difference, standardising makes none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.stats.contrast import contrasts
from fairaudit.stats.controls import standardised_rows
from fairaudit.stats.estimates import average, estimates
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.standardised import Standardised

SEEDS = st.integers(0, 2**32 - 1)
NUMBERS = ("value", "std_error", "df", "n", "n_clusters", "ci_low", "ci_high", "p_value")
AVERAGES = st.sampled_from(["micro", "macro"])
Texts = npt.NDArray[np.str_]


def one_of(values: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64], average: str) -> Outcomes:
    return Outcomes("hit", values, clusters, average=average)  # type: ignore[arg-type]


def rows(one: Outcomes, group: Texts, level: Texts) -> list[float]:
    masks = {g: group == g for g in ("a", "b", "c") if (group == g).any()}
    levels = {k: level == k for k in sorted(set(level.tolist()))}
    groups, contrasts = standardised_rows(one, "race", masks, "age", levels)
    rows = [*groups, *(contrast.row for contrast in contrasts)]
    return [float(row.get(name, np.nan)) for row in rows for name in NUMBERS]


@settings(max_examples=40)
@given(SEEDS, AVERAGES, st.integers(60, 150), st.sampled_from(["share", "unbounded", "gallery"]))
def test_with_one_level_standardised_is_crude(seed: int, average: str, n: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    clusters, role = rng.integers(0, n, n), None
    if kind == "gallery":
        role = GalleryRole.of(Moves(rng.integers(0, n, (n, 2)), rng.normal(0, 0.1, (n, 2))), clusters)
    one = Outcomes("hit", rng.random(n), clusters, average, kind != "unbounded", role)  # type: ignore[arg-type]
    codes = (rng.random(n) < 0.5).astype(np.int64)
    sums, sides = GroupSums(one, codes, 2), (Members((0,)), Members((1,)))
    (crude,) = contrasts(sums, [sides])
    ours = Standardised(sums, np.ones(1)).contrast([sides[0]], [sides[1]])
    pairs: list[tuple[Any, Any]] = [(ours, crude)]
    if role is None:
        pairs += zip((ours.first, ours.second), estimates(sums), strict=True)
    for left, right in pairs:
        for name in ("value", "n", "n_clusters"):
            assert getattr(left, name) == pytest.approx(getattr(right, name), rel=1e-6), name
    for name in ("std_error", "df"):
        assert getattr(ours, name) == pytest.approx(getattr(crude, name), rel=1e-6), name
    assert ours.p_value() == pytest.approx(crude.p_value(), abs=1e-6)


@settings(max_examples=40)
@given(SEEDS, AVERAGES, st.lists(st.integers(2, 12), min_size=1, max_size=4), st.integers(2, 5))
def test_with_equal_mixes_standardised_is_crude(seed: int, kind: str, sizes: list[int], times: int) -> None:
    """Group b has ``times`` as many clusters in every level; clusters lie in one level and have two rows."""
    rng = np.random.default_rng(seed)
    level = np.concatenate([np.repeat(f"k{k}", 20 * size * (1 + times)) for k, size in enumerate(sizes)])
    group = np.concatenate([np.repeat(["a", "b"], [20 * size, 20 * size * times]) for size in sizes])
    one = one_of((rng.random(len(level)) < 0.5).astype(float), np.arange(len(level)) // 2, kind)
    masks = {"a": group == "a", "b": group == "b"}
    values, contrasts = standardised_rows(
        one, "race", masks, "age", {k: level == k for k in sorted(set(level.tolist()))}
    )
    crude = {g: float(average(one, mask).value) for g, mask in masks.items()}
    assert [float(row["value"]) for row in values] == pytest.approx(list(crude.values()))
    assert contrasts[0].value == pytest.approx(crude["a"] - crude["b"])


@settings(max_examples=25)
@given(SEEDS, AVERAGES)
def test_neither_order_nor_names_nor_scale_change_a_row(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    n = 300
    group, level = rng.choice(["a", "b", "c"], n), rng.choice(["x", "y"], n)
    values, clusters = rng.integers(0, 2, n).astype(float), rng.integers(0, 200, n)
    first = rows(one_of(values, clusters, kind), group, level)
    order = rng.permutation(n)
    renamed = np.array(["q" if k == "x" else "p" for k in level])
    shuffled = rows(one_of(values[order], rng.permutation(200)[clusters[order]], kind), group[order], renamed[order])
    assert shuffled == pytest.approx(first, nan_ok=True)
    one = Outcomes("score", values, clusters, average=kind, unit_interval=False)  # type: ignore[arg-type]
    tenfold = Outcomes("score", 10 * values + 3, clusters, average=kind, unit_interval=False)  # type: ignore[arg-type]
    contrasts = [
        standardised_rows(o, "race", {"a": group == "a", "b": group != "a"}, "age", {k: level == k for k in "xy"})[1][0]
        for o in (one, tenfold)
    ]
    assert contrasts[1].value == pytest.approx(10 * contrasts[0].value)
    # The working correlation of clusters is shrunk by moments that depend on the scale.
    assert contrasts[1].std_error == pytest.approx(10 * contrasts[0].std_error, rel=0.03)


@settings(max_examples=25)
@given(SEEDS, AVERAGES)
def test_clusters_copied_row_by_row_narrow_nothing(seed: int, kind: str) -> None:
    """Copies are alike, so their correlation is higher: errors are the same but for its estimate."""
    rng = np.random.default_rng(seed)
    n = 240
    group, level = rng.choice(["a", "b"], n), rng.choice(["x", "y"], n)
    values, clusters = rng.integers(0, 2, n).astype(float), rng.integers(0, 150, n)
    copied = one_of(np.repeat(values, 3), np.repeat(clusters, 3), kind)
    first = np.array(rows(one_of(values, clusters, kind), group, level)).reshape(-1, len(NUMBERS)).T
    second = np.array(rows(copied, group.repeat(3), level.repeat(3))).reshape(-1, len(NUMBERS)).T
    ours, theirs = dict(zip(NUMBERS, first, strict=True)), dict(zip(NUMBERS, second, strict=True))
    assert theirs["n"] == pytest.approx(3 * ours["n"], nan_ok=True)
    for name in ("value", "n_clusters"):
        assert theirs[name] == pytest.approx(ours[name], nan_ok=True)
    for name in ("ci_low", "ci_high"):
        assert theirs[name] - theirs["value"] == pytest.approx(ours[name] - ours["value"], rel=0.3, nan_ok=True)

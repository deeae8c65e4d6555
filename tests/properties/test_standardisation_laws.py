"""What holds for any data: where the mix of a control makes no difference, standardising makes none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.stats.controls import Standard, standardised_rows
from fairaudit.stats.estimates import average, difference
from fairaudit.stats.outcomes import Outcomes

SEEDS = st.integers(0, 2**32 - 1)
AVERAGES = st.sampled_from(["micro", "macro"])
Texts = npt.NDArray[np.str_]


def one_of(values: npt.NDArray[np.float64], clusters: npt.NDArray[np.int64], average: str) -> Outcomes:
    return Outcomes("hit", values, clusters, average=average)  # type: ignore[arg-type]


def rows(one: Outcomes, group: Texts, level: Texts) -> list[float]:
    masks = {g: group == g for g in ("a", "b", "c") if (group == g).any()}
    levels = {k: level == k for k in sorted(set(level.tolist()))}
    groups, contrasts = standardised_rows(one, "race", masks, "age", levels)
    numbers = ("value", "std_error", "df", "n", "n_clusters", "ci_low", "ci_high", "p_value")
    return [float(row.get(name, np.nan)) for row in (*groups, *contrasts) for name in numbers]


@settings(max_examples=40)
@given(SEEDS, AVERAGES, st.integers(40, 150))
def test_with_one_level_standardised_is_crude(seed: int, kind: str, n: int) -> None:
    rng = np.random.default_rng(seed)
    one = one_of(rng.random(n), rng.integers(0, n, n), kind)
    mask = rng.random(n) < 0.5
    everyone = np.ones(n, dtype=bool)
    standard = Standard.of(one, "age", {"all": everyone}, everyone, [mask, ~mask])
    ours = [standard.average(one, side) for side in (mask, ~mask)]
    crude = [average(one, side) for side in (mask, ~mask)]
    pairs = [*zip(ours, crude, strict=True), (
        difference(*ours, unit_interval=True), difference(*crude, unit_interval=True)
    )]  # fmt: skip
    for left, right in pairs:
        for name in ("value", "std_error", "df", "n", "n_clusters", "events", "non_events", "psi"):
            assert getattr(left, name) == pytest.approx(getattr(right, name))


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
    assert float(contrasts[0]["value"]) == pytest.approx(crude["a"] - crude["b"])


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
    for name, factor in (("value", 10), ("std_error", 10), ("p_value", 1), ("df", 1)):
        assert float(contrasts[1][name]) == pytest.approx(factor * float(contrasts[0][name]))


@settings(max_examples=25)
@given(SEEDS, AVERAGES)
def test_clusters_copied_row_by_row_narrow_nothing(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    n = 240
    group, level = rng.choice(["a", "b"], n), rng.choice(["x", "y"], n)
    values, clusters = rng.integers(0, 2, n).astype(float), rng.integers(0, 150, n)
    copied = one_of(np.repeat(values, 3), np.repeat(clusters, 3), kind)
    first, second = rows(one_of(values, clusters, kind), group, level), rows(copied, group.repeat(3), level.repeat(3))
    counts = slice(3, None, 8)  # of images, which are three times as many
    assert second[counts] == pytest.approx([3 * v for v in first[counts]], nan_ok=True)
    del first[counts], second[counts]
    assert second == pytest.approx(first, nan_ok=True)

"""Direct standardisation: by hand, against textbook variances, a jackknife in loops, and where it cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from fairaudit.stats.controls import standardised_rows
from fairaudit.stats.outcomes import GalleryRole, Outcomes
from tests.reference.inference import jackknife

Texts = npt.NDArray[np.str_]
Rows = dict[str, dict[str, Any]]


def standardised(one: Outcomes, group: Texts, level: Texts, names: tuple[str, ...] = ("a", "b")) -> tuple[Rows, Rows]:
    masks = {name: group == name for name in names}
    levels = {str(name): level == name for name in sorted(set(level.tolist()) - {"not recorded"})}
    groups, contrasts = standardised_rows(one, "race", masks, "age", levels)
    return {row["group"]: row for row in groups}, {row["group"]: row for row in contrasts}


def counted(table: dict[tuple[str, str], tuple[int, int]]) -> tuple[Outcomes, Texts, Texts]:
    """Independent hits and misses from (hits, n) by group and level."""
    hits = [np.repeat([1.0, 0.0], [hit, n - hit]) for hit, n in table.values()]
    groups, levels = (
        np.concatenate([np.repeat(key[axis], n) for key, (_, n) in table.items()]) for axis in (0, 1)
    )  # fmt: skip
    values = np.concatenate(hits)
    return Outcomes("hit", values, np.arange(len(values))), groups, levels


#: Group a is better at every age and worse in all, since it is old: Simpson's paradox.
PARADOX = {("a", "young"): (36, 40), ("a", "old"): (80, 160), ("b", "young"): (136, 160), ("b", "old"): (18, 40)}


def test_simpsons_paradox_by_hand() -> None:
    """Crude .58 and .77; of the pooled mix of half and half, (.9 + .5) / 2 = .7 and (.85 + .45) / 2 = .65."""
    one, group, level = counted(PARADOX)
    groups, contrasts = standardised(one, group, level)
    assert one.values[group == "a"].mean() - one.values[group == "b"].mean() == pytest.approx(-0.19)
    assert float(groups["a"]["value"]) == pytest.approx(0.7)
    assert float(groups["b"]["value"]) == pytest.approx(0.65)
    assert list(contrasts) == ["a"]
    row = contrasts["a"]
    assert float(row["value"]) == pytest.approx(0.05)
    assert (row["reference"], row["kind"], row["measure"], row["family"]) == (
        "b",
        "one_vs_rest",
        "difference",
        "exploratory",
    )
    assert (row["status"], row["note"], int(row["n"]), row["n_clusters"]) == ("ok", "", 400, 400)


def test_a_crude_gap_that_is_all_mix_vanishes() -> None:
    table = {("a", "young"): (36, 40), ("a", "old"): (80, 160), ("b", "young"): (144, 160), ("b", "old"): (20, 40)}
    one, group, level = counted(table)
    _, contrasts = standardised(one, group, level)
    assert one.values[group == "a"].mean() - one.values[group == "b"].mean() == pytest.approx(-0.24)
    assert float(contrasts["a"]["value"]) == pytest.approx(0, abs=1e-12)
    assert float(contrasts["a"]["p_value"]) == pytest.approx(1)


def test_the_variance_is_the_textbooks() -> None:
    """Fleiss, Levin and Paik (2003), ch. 19: sum of w^2 p (1 - p) / (n - 1), here with 3 ages in shares of the pool."""
    table = {
        ("a", "1"): (30, 60), ("a", "2"): (20, 80), ("a", "3"): (81, 90),
        ("b", "1"): (60, 100), ("b", "2"): (9, 30), ("b", "3"): (32, 40),
    }  # fmt: skip
    one, group, level = counted(table)
    groups, contrasts = standardised(one, group, level)
    mix = {"1": 160 / 400, "2": 110 / 400, "3": 130 / 400}
    value, variance = dict.fromkeys("ab", 0.0), dict.fromkeys("ab", 0.0)
    for (g, k), (hit, n) in table.items():
        value[g] += mix[k] * hit / n
        variance[g] += mix[k] ** 2 * (hit / n) * (1 - hit / n) / (n - 1)
    for g in "ab":
        assert float(groups[g]["value"]) == pytest.approx(value[g])
    # Agresti and Caffo's floor at the effective sizes is below the variance here but by rounding.
    assert float(contrasts["a"]["std_error"]) == pytest.approx(np.sqrt(sum(variance.values())), rel=0.005)
    assert float(contrasts["a"]["value"]) == pytest.approx(value["a"] - value["b"])


@pytest.mark.parametrize("loud", [0.1, 10.0])
def test_unbounded_outcomes_have_the_stratified_variance_and_a_t_interval(
    rng: np.random.Generator, loud: float
) -> None:
    """The degrees of freedom are those seen where one level is loud, else those of levels that vary alike."""
    group = rng.choice(["a", "b"], 300)
    rare = rng.choice(["x", "y", "z"], 300, p=[0.3, 0.3, 0.4])
    level = np.where(group == "a", rare, rng.choice(["x", "y", "z"], 300, p=[0.8, 0.1, 0.1]))
    noise = rng.normal(0, 2, 300) * np.where(level == "x", loud, 1)
    one = Outcomes("score", noise + (level == "x") * 3, np.arange(300), unit_interval=False)
    groups, contrasts = standardised(one, group, level)
    frame = pd.DataFrame({"y": one.values, "g": group, "k": level})
    cells = frame.groupby(["g", "k"])["y"].agg(["mean", "var", "size"])
    mix = frame["k"].value_counts(normalize=True)
    shares = mix.loc[cells.index.get_level_values("k")].to_numpy()
    parts = shares**2 * cells["var"] / cells["size"]
    values = (shares * cells["mean"]).groupby("g").sum()
    assert {g: float(row["value"]) for g, row in groups.items()} == pytest.approx(values.to_dict())
    assert float(contrasts["a"]["std_error"]) == pytest.approx(np.sqrt(parts.sum()))
    # Satterthwaite (1946) over the levels, which the group's interval uses.
    of_a = parts["a"]
    df = of_a.sum() ** 2 / (of_a**2 / (cells["size"]["a"] - 1)).sum()
    equal = shares[:3] ** 2 / cells["size"]["a"]
    assert (df < equal.sum() ** 2 / (equal**2 / (cells["size"]["a"] - 1)).sum()) == (loud > 1)
    df = min(df, equal.sum() ** 2 / (equal**2 / (cells["size"]["a"] - 1)).sum())
    half = stats.t.ppf(0.975, df) * np.sqrt(of_a.sum())
    assert groups["a"]["ci_method"] == "cluster t"
    assert float(groups["a"]["ci_high"]) == pytest.approx(values["a"] + half)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_the_standard_error_is_near_a_jackknife_over_homes(rng: np.random.Generator, average: str) -> None:
    """Homes have photos of several objects, so they lie in several levels; one home after the other is left out."""
    n_homes, per_home = 120, 5
    home = np.repeat(np.arange(n_homes), per_home)
    group = rng.choice(["a", "b"], n_homes)[home]
    level = rng.choice(["stove", "bed", "loom"], len(home))
    taste = rng.normal(0, 0.15, n_homes)[home]
    values = (rng.random(len(home)) < np.clip(0.5 + taste + 0.2 * (level == "bed"), 0, 1)).astype(float)
    one = Outcomes("hit", values, home, average=average)  # type: ignore[arg-type]
    _, contrasts = standardised(one, group, level)
    frame = pd.DataFrame({"y": values, "home": home, "g": group, "k": level})
    if average == "macro":  # a home is one number in each level
        frame = pd.DataFrame(frame.groupby(["g", "k", "home"])["y"].mean()).reset_index()
    y, homes = frame["y"].to_numpy(), frame["home"].to_numpy()
    cells = [
        (sign * (frame["k"] == k).mean(), ((frame["g"] == g) & (frame["k"] == k)).to_numpy())
        for k in ("stove", "bed", "loom") for g, sign in (("a", 1), ("b", -1))
    ]  # fmt: skip

    def difference(keep: npt.NDArray[np.bool_]) -> float:
        return float(sum(weight * y[cell & keep].mean() for weight, cell in cells))

    assert float(contrasts["a"]["value"]) == pytest.approx(difference(np.ones(len(y), dtype=bool)))
    assert float(contrasts["a"]["std_error"]) == pytest.approx(jackknife(difference, homes), rel=0.03)
    assert int(contrasts["a"]["n"]) == n_homes * per_home


def test_a_home_counts_as_gallery_too(rng: np.random.Generator) -> None:
    """Each home's influence, written out: its own rows, and what it does in the lists of others."""
    n = 160
    group, level = rng.choice(["a", "b"], n), rng.choice(["x", "y"], n)
    values, influence = rng.random(n), rng.normal(0, 0.1, (n, 3))
    members = rng.integers(0, n, (n, 3))
    one = Outcomes("p", values, np.arange(n), unit_interval=False, gallery=GalleryRole(members, influence))
    _, contrasts = standardised(one, group, level)
    psi = np.zeros(n)
    for k in ("x", "y"):
        mix = (level == k).mean()
        for g, sign in (("a", 1), ("b", -1)):
            rows = np.flatnonzero((group == g) & (level == k))
            weight = sign * mix / len(rows) * np.sqrt(len(rows) / (len(rows) - 1))
            for i in rows:
                psi[i] += weight * (values[i] - values[rows].mean())
                for item, effect in zip(members[i], influence[i], strict=True):
                    psi[item] += weight * effect
    assert float(contrasts["a"]["std_error"]) == pytest.approx(np.sqrt((psi**2).sum()))
    alone = Outcomes("p", values, np.arange(n), unit_interval=False)
    fewer = standardised(alone, group, level)[1]["a"]["std_error"]
    assert float(contrasts["a"]["std_error"]) > 1.05 * float(fewer)


def test_a_level_without_one_group_is_left_out_for_all_and_said() -> None:
    table = {
        ("a", "1"): (30, 60), ("a", "2"): (40, 60), ("b", "1"): (20, 60), ("b", "2"): (30, 60),
        ("c", "1"): (30, 60), ("c", "2"): (30, 60), ("a", "3"): (1, 1), ("b", "3"): (10, 30), ("c", "3"): (5, 30),
        ("b", "not recorded"): (4, 9),
    }  # fmt: skip
    one, group, level = counted(table)
    groups, contrasts = standardised(one, group, level, ("a", "b", "c"))
    values = {g: float(row["value"]) for g, row in groups.items()}
    assert values == pytest.approx({"a": 70 / 120, "b": 50 / 120, "c": 60 / 120})
    assert float(contrasts["a"]["value"]) == pytest.approx(70 / 120 - (50 / 120 + 60 / 120) / 2)
    assert [(c["group"], c["reference"]) for c in contrasts.values()] == [(g, "all others") for g in "abc"]
    for row in (*groups.values(), *contrasts.values()):
        assert row["note"] == (
            "without 1 of 3 levels of age (3; 61 images), where a group or its rest has fewer than 2 independent "
            "units; without 9 images of which age is not recorded"
        )
    assert [int(row["n"]) for row in groups.values()] == [120, 120, 120]
    assert contrasts["a"]["n_clusters"] == 360


def test_a_small_group_does_not_cost_the_others_their_levels() -> None:
    table = {
        ("a", "1"): (30, 60), ("a", "2"): (40, 60), ("b", "1"): (20, 60), ("b", "2"): (30, 60), ("c", "1"): (3, 6),
    }  # fmt: skip
    one, group, level = counted(table)
    groups, contrasts = standardised(one, group, level, ("a", "b", "c"))
    for rows in (groups, contrasts):
        assert [row["status"] for row in rows.values()] == ["ok", "ok", "not_estimable"]
        assert rows["c"]["note"] == "6 independent units; at least 20 are needed"
    mix = np.array([126, 120]) / 246
    assert float(groups["a"]["value"]) == pytest.approx(float(mix @ [30 / 60, 40 / 60]))
    # The rest of a is all others, the small group too, as in the crude comparison.
    assert float(contrasts["a"]["value"]) == pytest.approx(float(mix @ [30 / 60 - 23 / 66, 40 / 60 - 30 / 60]))


def test_a_rest_that_is_too_small_is_the_reason() -> None:
    one, group, level = counted({("a", "1"): (30, 60), ("a", "2"): (40, 60), ("b", "1"): (2, 6), ("b", "2"): (3, 6)})
    groups, contrasts = standardised(one, group, level)
    assert groups["a"]["note"] == "all others: 12 independent units; at least 20 are needed"
    assert groups["b"]["note"] == "12 independent units; at least 20 are needed"
    assert contrasts["a"]["status"] == "not_estimable"


def test_groups_that_share_no_level_cannot_be_standardised() -> None:
    one, group, level = counted({("a", "1"): (30, 60), ("b", "2"): (30, 60)})
    groups, contrasts = standardised(one, group, level)
    for row in (groups["a"], groups["b"], contrasts["a"]):
        assert (row["status"], row["n"]) == ("not_estimable", 0)
        assert row["note"] == "no level of age has 2 independent units of every compared group and of its rest"


def test_a_heavy_level_with_few_units_is_too_few() -> None:
    """4 of 4 in a level that is a quarter of all say next to nothing, however sure the rest is.

    With equal variances (.743^2/200 + .257^2/4)^2 / (.743^4/200^2/199 + .257^4/4^2/3) = 4.1 degrees of freedom.
    """
    one, group, level = counted(
        {("a", "1"): (160, 200), ("a", "2"): (4, 4), ("b", "1"): (80, 100), ("b", "2"): (80, 100)}
    )
    groups, contrasts = standardised(one, group, level)
    for row in (groups["a"], contrasts["a"]):
        assert (row["status"], row["note"]) == (
            "too_few", "with this mix as sure as 5 independent units; at least 20 are needed",
        )  # fmt: skip
    assert "p_value" not in contrasts["a"]
    assert (groups["b"]["status"], contrasts["a"]["n_clusters"]) == ("ok", 404)


def test_intervals_hold_the_truth_where_levels_are_small(rng: np.random.Generator) -> None:
    """10 levels of 5 units a group at .5: nothing is planted, and 95 % intervals miss in about 5 %."""
    group, level = np.tile(["a", "b"], 50), np.repeat([f"k{i}" for i in range(10)], 10)
    held = []
    for _ in range(120):
        one = Outcomes("hit", (rng.random(100) < 0.5).astype(float), np.arange(100))
        row = standardised(one, group, level)[1]["a"]
        held.append(row["ci_low"] <= 0 <= row["ci_high"])
    assert stats.binomtest(sum(held), len(held), 0.95).pvalue > 0.001


def test_an_auroc_is_no_mean(rng: np.random.Generator) -> None:
    one = Outcomes("auroc", rng.random(200), np.arange(200), labels=rng.integers(0, 2, 200))
    groups, contrasts = standardised(one, rng.choice(["a", "b"], 200), rng.choice(["x", "y"], 200))
    assert {r["note"] for r in (*groups.values(), *contrasts.values())} == {
        "an AUROC is no mean over images, so it cannot be standardised; see it within levels"
    }


def test_one_group_is_not_compared(rng: np.random.Generator) -> None:
    one = Outcomes("hit", rng.integers(0, 2, 80).astype(float), np.arange(80))
    assert standardised(one, np.repeat("a", 80), np.repeat("x", 80), ("a",)) == ({}, {})

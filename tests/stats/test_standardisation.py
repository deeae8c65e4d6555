"""Direct standardisation: by hand, against textbook variances, a jackknife in loops, and where it cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import optimize, stats

from fairaudit.stats.controls import standardised_rows
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.outcomes import Outcomes
from tests.reference.inference import jackknife

Texts = npt.NDArray[np.str_]
Rows = dict[str, dict[str, Any]]


def standardised(one: Outcomes, group: Texts, level: Texts, names: tuple[str, ...] = ("a", "b")) -> tuple[Rows, Rows]:
    masks = {name: group == name for name in names}
    levels = {str(name): level == name for name in sorted(set(level.tolist()) - {"not recorded"})}
    groups, contrasts = standardised_rows(one, "race", masks, "age", levels)
    return {row["group"]: row for row in groups}, {row.group: row.row for row in contrasts}


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
    assert float(contrasts["a"]["p_value"]) == pytest.approx(1, abs=0.01)  # but for the skewness


THREE_AGES = {
    ("a", "1"): (30, 60), ("a", "2"): (20, 80), ("a", "3"): (81, 90),
    ("b", "1"): (60, 100), ("b", "2"): (9, 30), ("b", "3"): (32, 40),
}  # fmt: skip
MIX = {"1": 160 / 400, "2": 110 / 400, "3": 130 / 400}


def test_the_variance_is_the_textbooks() -> None:
    """Fleiss, Levin and Paik (2003), ch. 19: sum of w^2 p (1 - p) / n, here with 3 ages in shares of the pool."""
    groups, contrasts = standardised(*counted(THREE_AGES))
    value, variance = dict.fromkeys("ab", 0.0), dict.fromkeys("ab", 0.0)
    for (g, k), (hit, n) in THREE_AGES.items():
        value[g] += MIX[k] * hit / n
        variance[g] += MIX[k] ** 2 * (hit / n) * (1 - hit / n) / n
    for g in "ab":
        assert float(groups[g]["value"]) == pytest.approx(value[g])
        assert groups[g]["ci_method"] == "Wilson, effective n"
        assert groups[g]["ci_low"] < value[g] < groups[g]["ci_high"]
    assert float(contrasts["a"]["std_error"]) == pytest.approx(np.sqrt(sum(variance.values())))
    assert float(contrasts["a"]["value"]) == pytest.approx(value["a"] - value["b"])


def stratified_score(delta: float) -> float:
    """The skewness-corrected stratified score (Gart and Nam 1990) with the likelihood maximised numerically."""
    above = variance = third = 0.0
    for k, w in MIX.items():
        (x, n), (y, m) = THREE_AGES["a", k], THREE_AGES["b", k]

        def lost(q: float, *, x: int = x, n: int = n, y: int = y, m: int = m) -> float:
            return -float(stats.binom.logpmf(x, n, q + delta) + stats.binom.logpmf(y, m, q))

        q = optimize.minimize_scalar(lost, bounds=(max(0, -delta), min(1, 1 - delta)), method="bounded",
                                     options={"xatol": 1e-10}).x  # fmt: skip
        p = q + delta
        above += w * (x / n - y / m - delta)
        variance += w**2 * (p * (1 - p) / n + q * (1 - q) / m) * (n + m) / (n + m - 1)
        third += w**3 * (p * (1 - p) * (1 - 2 * p) / n**2 - q * (1 - q) * (1 - 2 * q) / m**2)
    z, g = above / np.sqrt(variance), third / (6 * variance**1.5)
    roots = np.roots([g, 1, -(z + g)]).real
    return float(roots[np.argmin(np.abs(roots - z))])


def test_the_contrast_of_strata_is_the_stratified_score() -> None:
    row = standardised(*counted(THREE_AGES))[1]["a"]
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(abs(stratified_score(0.0))), rel=1e-6)
    limit = stats.norm.ppf(0.975)
    low = optimize.brentq(lambda d: stratified_score(d) - limit, -0.5, row["value"])
    high = optimize.brentq(lambda d: stratified_score(d) + limit, row["value"], 0.5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), abs=1e-6)
    assert row["ci_method"] == "score, skewness-corrected"


def test_the_mix_is_of_weights() -> None:
    """Rows of age 3 weigh four times as much: a mix of 160, 110 and 520 of 790."""
    one, group, level = counted(THREE_AGES)
    weighted = Outcomes("hit", one.values, one.clusters, weights=np.where(level == "3", 4.0, 1.0))
    groups, contrasts = standardised(weighted, group, level)
    mix = np.array([160, 110, 520]) / 790
    assert groups["a"]["value"] == pytest.approx(float(mix @ [0.5, 0.25, 0.9]))
    assert contrasts["a"]["value"] == pytest.approx(float(mix @ [-0.1, -0.05, 0.1]))
    variance = sum(
        w**2 * p * (1 - p) / n
        for w, cells in zip(mix, ("1", "2", "3"), strict=True)
        for p, n in ((x / n, n) for x, n in (THREE_AGES["a", cells], THREE_AGES["b", cells]))
    )
    assert contrasts["a"]["std_error"] == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize("loud", [0.1, 10.0])
def test_unbounded_outcomes_have_the_stratified_variance_and_a_t_interval(
    rng: np.random.Generator, loud: float
) -> None:
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


def test_means_of_objects_in_homes_count_their_covariance_once(rng: np.random.Generator) -> None:
    """Homes with a strong level of their own and objects in every level: against leaving one home out."""
    home = np.repeat(np.arange(120), 6)
    group, level = np.where(home < 50, "a", "b"), np.tile(["x", "y", "z"], 240)
    values = 3 * rng.normal(size=120)[home] + rng.normal(size=720)
    one = Outcomes("loss", values, home, unit_interval=False)
    _, contrasts = standardised(one, group, level)

    def of(name: str, keep: npt.NDArray[np.bool_]) -> float:
        return float(np.mean([values[(group == name) & (level == k) & keep].mean() for k in "xyz"]))

    assert contrasts["a"]["std_error"] == pytest.approx(
        jackknife(lambda keep: of("a", keep) - of("b", keep), home), rel=0.03
    )
    assert 80 < contrasts["a"]["df"] < 120


def test_few_shared_homes_leave_few_degrees_of_freedom() -> None:
    """Both groups in each of 30 homes: what is known of their covariance has 29 degrees of freedom."""
    rng, home = np.random.default_rng(1), np.repeat(np.arange(30), 40)
    group, level = np.tile(["a", "b"], 600), np.tile(["x", "x", "y", "y"], 300)
    p = np.clip(0.5 + rng.normal(0, 0.4, 30)[home], 0.02, 0.98)
    one = Outcomes("hit", (rng.random(1200) < p).astype(float), home)
    row = standardised(one, group, level)[1]["a"]
    assert 15 < row["df"] < 45


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_the_standard_error_is_the_spread_of_objects_in_homes(average: str) -> None:
    """60 homes with photos of 3 kinds of objects, and their own level: drawn 200 times."""
    rng, home = np.random.default_rng(2), np.repeat(np.arange(60), 6)
    group, level = np.where(home < 25, "a", "b"), np.tile(["stove", "stove", "bed", "loom", "loom", "loom"], 60)
    ease = np.where(level == "bed", 0.2, -0.1)
    found = []
    for _ in range(200):
        p = np.clip(0.5 + ease + rng.normal(0, 0.2, 60)[home], 0, 1)
        one = Outcomes("hit", (rng.random(len(home)) < p).astype(float), home, average=average)  # type: ignore[arg-type]
        row = standardised(one, group, level)[1]["a"]
        found.append((row["value"], row["std_error"], row["p_value"]))
    value, error, p_value = np.array(found).T
    assert np.sqrt((error**2).mean()) / value.std(ddof=1) == pytest.approx(1, abs=0.15)
    assert stats.binomtest(int((p_value < 0.05).sum()), 200, 0.05, alternative="greater").pvalue > 0.01


def test_objects_of_both_groups_in_every_home_keep_their_covariance() -> None:
    """Homes of one level of their own, with both groups in them: it drops out, as in the crude comparison."""
    rng, home = np.random.default_rng(2), np.repeat(np.arange(80), 8)
    group, level = np.tile(["a", "b"], 320), np.tile(["x", "x", "y", "y"], 160)
    found = []
    for _ in range(200):
        p = np.clip(0.5 + rng.normal(0, 0.3, 80)[home], 0, 1)
        one = Outcomes("hit", (rng.random(len(home)) < p).astype(float), home)
        row = standardised(one, group, level)[1]["a"]
        found.append((row["value"], row["std_error"]))
    value, error = np.array(found).T
    assert np.sqrt((error**2).mean()) / value.std(ddof=1) == pytest.approx(1, abs=0.15)


def test_a_home_counts_as_gallery_too(rng: np.random.Generator) -> None:
    """Each home's influence, written out: its own rows, and what it does in the lists of others."""
    n = 160
    group, level = rng.choice(["a", "b"], n), rng.choice(["x", "y"], n)
    values, influence = rng.random(n), rng.normal(0, 0.1, (n, 3))
    members = rng.integers(0, n, (n, 3))
    role = GalleryRole.of(Moves(members, influence), np.arange(n))
    one = Outcomes("p", values, np.arange(n), unit_interval=False, gallery=role)
    _, contrasts = standardised(one, group, level)
    psi, pairs = np.zeros(n), np.zeros((n, n))
    for k in ("x", "y"):
        mix = (level == k).mean()
        for g, sign in (("a", 1), ("b", -1)):
            rows = np.flatnonzero((group == g) & (level == k))
            for i in rows:
                psi[i] += sign * mix / len(rows) * (values[i] - values[rows].mean())
                for item, effect in zip(members[i], influence[i], strict=True):
                    psi[item] += sign * mix / len(rows) * effect
                    pairs[i, item] += sign * mix / len(rows) * effect
    np.fill_diagonal(pairs, 0)
    smaller = min((group == "a").sum(), (group == "b").sum())
    variance = smaller / (smaller - 1) * ((psi**2).sum() - (pairs**2).sum())
    assert float(contrasts["a"]["std_error"]) == pytest.approx(np.sqrt(variance))


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
    """2 of 2 in a level that is half of all say next to nothing, however sure the rest is."""
    one, group, level = counted(
        {("a", "1"): (160, 200), ("a", "2"): (2, 2), ("b", "1"): (8, 10), ("b", "2"): (160, 200)}
    )
    groups, contrasts = standardised(one, group, level)
    mix = np.array([210, 202]) / 412
    assert int(1 / (mix[0] ** 2 / 200 + mix[1] ** 2 / 2)) == 8
    for row in (groups["a"], contrasts["a"]):
        assert (row["status"], row["note"]) == (
            "too_few", "with this mix as sure as 8 independent units; at least 20 are needed",
        )  # fmt: skip
    assert np.isnan(contrasts["a"]["p_value"])
    assert (groups["b"]["status"], contrasts["a"]["n_clusters"]) == ("ok", 412)


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

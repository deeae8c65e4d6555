"""Rates of labels: the formula in pandas, tests by search and by leaving clusters out, and what is chosen of many."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.core.result import CURVE_COLUMNS, DISPARITY_COLUMNS, GROUP_COLUMNS, STATISTIC_COLUMNS, table
from fairaudit.core.result import IndicatorResult as Result
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.measures.label_rates import LabelRates, PredictedLabels, label_rates
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.uncertain_labels import ImputedLabels
from fairaudit.stats.verdicts import decide
from tests.reference.score import score_interval, score_p_value

NAMES = ("dog", "cat", "face", "hat", "tie")


def cohort_of(group: npt.ArrayLike, groups: tuple[str, ...] = ("a", "b", "c")) -> Cohort:
    column = np.asarray(group, dtype=str)
    feature = Feature("group", groups, "annotated", "by hand")
    return Cohort("data", "x", (feature,), {"group": column}, np.array([f"h{i}" for i in range(len(column))]))


def said_of(labels: npt.NDArray[np.str_], clusters: npt.ArrayLike | None = None) -> PredictedLabels:
    """Every label that is not empty counts."""
    codes = np.arange(len(labels)) if clusters is None else np.asarray(clusters)
    return PredictedLabels.of(labels, labels != "", codes.astype(np.int64))


def drawn(rng: np.random.Generator, n: int, names: tuple[str, ...] = NAMES, k: int = 3) -> npt.NDArray[np.str_]:
    """K different labels for each of N rows, some of them missing."""
    labels = np.array(names)[rng.random((n, len(names))).argsort(axis=1)[:, :k]]
    return np.where(rng.random((n, k)) < 0.3, "", labels)


def published(labels: npt.NDArray[np.str_], group: npt.NDArray[np.str_]) -> pd.DataFrame:
    """Rate of a label in a group less the mean of the other groups' rates, as the released code has it, by label."""
    long = pd.DataFrame({"group": np.repeat(group, labels.shape[1]), "label": labels.ravel()})
    long = long[(long["label"] != "") & (long["group"] != NOT_RECORDED)]
    rate = pd.crosstab(long["label"], long["group"], normalize="columns")
    k = rate.shape[1]
    return pd.DataFrame({g: rate[g] - (rate.sum(axis=1) - rate[g]) / (k - 1) for g in rate})


def differences(rates: LabelRates) -> dict[tuple[str, str], float]:
    return {(row.metric, row.group): row.value for row in rates.comparisons}


@pytest.mark.parametrize("groups", [("a", "b"), ("a", "b", "c")])
def test_equals_the_published_formula(rng: np.random.Generator, groups: tuple[str, ...]) -> None:
    group = rng.choice([*groups, NOT_RECORDED], 400)
    labels = drawn(rng, 400)
    rates = label_rates(said_of(labels), cohort_of(group, groups), most=100)
    oracle = published(labels, group)
    expected = {
        (f"rate of '{label}'", g): float(oracle.loc[label, g])
        for label in oracle.index
        for g in (groups if len(groups) > 2 else groups[:1])
    }
    assert differences(rates) == pytest.approx(expected, abs=1e-12)
    assert (rates.n_labels, rates.n_compared) == (5, len(expected))
    values = [abs(row.value) for row in rates.comparisons]
    assert values == sorted(values, reverse=True)
    assert {row.reference for row in rates.comparisons} == ({"b"} if len(groups) == 2 else {"all others"})


def test_one_label_of_each_person_is_a_share_of_people(rng: np.random.Generator) -> None:
    group = np.repeat(["a", "b"], [60, 240])
    labels = rng.choice(NAMES, (300, 1), p=[0.5, 0.25, 0.1, 0.08, 0.07])
    rates = label_rates(said_of(labels), cohort_of(group, ("a", "b")), most=100)
    assert len(rates.comparisons) == 5
    for row in rates.comparisons:
        said = labels[:, 0] == row.metric.split("'")[1]
        counts = (int(said[:60].sum()), 60, int(said[60:].sum()), 240)
        assert (row.ci_low, row.ci_high) == pytest.approx(score_interval(*counts), abs=1e-6)
        assert row.p_value == pytest.approx(score_p_value(*counts), rel=1e-5)


@pytest.mark.parametrize("of_person", [True, False])
def test_standard_errors_are_those_of_leaving_clusters_out(rng: np.random.Generator, of_person: bool) -> None:
    """The jackknife over people, who are called by their favourite names; their images may be of several groups."""
    people = rng.integers(0, 300, 1800)
    favourite = rng.choice(NAMES[:3], 300)[people]
    labels = np.where(rng.random((1800, 1)) < 0.4, favourite[:, None], drawn(rng, 1800, k=1))
    group = np.array(["a", "b", "c"])[people % 3 if of_person else np.arange(1800) % 3]
    rows = label_rates(said_of(labels, people), cohort_of(group), most=100).comparisons

    def without(person: int) -> dict[tuple[str, str], float]:
        found = published(labels[people != person], group[people != person])
        return {
            (f"rate of '{label}'", str(g)): float(column[label]) for g, column in found.items() for label in found.index
        }

    left_out = pd.DataFrame([without(person) for person in np.unique(people)])
    u = len(left_out)
    jackknife = np.sqrt((u - 1) / u * ((left_out - left_out.mean()) ** 2).sum())
    assert len(rows) == 15
    np.testing.assert_allclose([row.std_error for row in rows], [jackknife[row.metric, row.group] for row in rows],
                               rtol=0.15)  # fmt: skip


def test_a_group_of_which_nothing_is_said_costs_the_others_nothing(rng: np.random.Generator) -> None:
    """In the released code it makes every rate of every group NaN."""
    group = np.repeat(["a", "b", "c"], 100)
    labels = drawn(rng, 300)
    labels[200:] = ""
    rates = label_rates(said_of(labels), cohort_of(group), most=3)
    oracle = published(labels[:200], group[:200])
    expected = {key: oracle.loc[key[0].split("'")[1], "a"] for key in differences(rates)}
    assert differences(rates) == pytest.approx(expected, abs=1e-12)
    assert all("without c: too few" in row.note for row in rates.comparisons)
    rows = pd.DataFrame(rates.groups)
    silent = rows["group"] == "c"
    assert silent.sum() == 3
    assert rows.loc[silent, "value"].isna().all()
    assert set(rows.loc[silent, "status"]) == {"not_estimable"}
    assert set(rows.loc[silent, "note"]) == {"no label of this group's images counts here"}
    assert rows.loc[~silent, "value"].notna().all()


def test_rows_of_groups_are_rates(rng: np.random.Generator) -> None:
    group = rng.choice(["a", "b", NOT_RECORDED], 300)
    labels = drawn(rng, 300)
    rates = label_rates(said_of(labels), cohort_of(group, ("a", "b")), most=1)
    (metric,) = {row.metric for row in rates.comparisons}
    label = metric.split("'")[1]
    found = {str(r["group"]): (r["value"], r["n"]) for r in rates.groups}
    assert set(found) == {"overall", "a", "b", NOT_RECORDED}
    for name, (value, n) in found.items():
        names = labels[np.full(300, True) if name == "overall" else group == name].ravel()
        names = names[names != ""]
        assert (value, n) == (pytest.approx(np.mean(names == label)), len(names))


def benjamini_hochberg(p: list[float]) -> list[float]:
    order = np.argsort(p)[::-1]
    q = np.empty(len(p))
    least = 1.0
    for rank, at in zip(range(len(p), 0, -1), order, strict=True):
        least = min(least, p[at] * len(p) / rank)
        q[at] = least
    return [float(one) for one in q]


def test_what_is_listed_is_judged_among_all_that_was_compared(rng: np.random.Generator) -> None:
    names = tuple(f"label {i}" for i in range(40))
    group = rng.choice(["a", "b", "c"], 900)
    said, cohort = said_of(drawn(rng, 900, names, 5)), cohort_of(group)
    every, few = (label_rates(said, cohort, most=most) for most in (1000, 4))
    assert len(every.comparisons) == every.n_compared == 120
    assert len(few.comparisons) == 4
    expected = benjamini_hochberg([row.p_value for row in every.comparisons])
    assert [row.selection_adjusted_p for row in every.comparisons] == pytest.approx(expected)
    assert [row.selection_adjusted_p for row in few.comparisons] == pytest.approx(expected[:4])
    assert "among the 4 largest of this feature; q-value over all 120 comparisons" in few.comparisons[0].note


def decided(rates: LabelRates) -> pd.DataFrame:
    result = Result(
        "x", "1", "X", "x?", "data", "m", table(rates.groups, GROUP_COLUMNS),
        table([row.row for row in rates.comparisons], DISPARITY_COLUMNS), table([], CURVE_COLUMNS),
        table([], STATISTIC_COLUMNS), comparisons=tuple(rates.comparisons),
    )  # fmt: skip
    ((found,), _) = decide([result])
    return found.disparities


def test_labels_that_mean_nothing_are_seldom_a_lead(rng: np.random.Generator) -> None:
    """80 labels said by chance: the ten largest differences are shown in 5 % of tables, and not in most of them."""
    names = tuple(f"label {i}" for i in range(80))
    chance, naive = 0, 0
    for _ in range(40):
        group = rng.choice(["a", "b"], 1200)
        rates = label_rates(said_of(drawn(rng, 1200, names, 5)), cohort_of(group, ("a", "b")), most=10)
        rows = decided(rates)
        chance += bool((rows["p_adjusted"] < 0.05).any())
        alone = [dataclasses.replace(row, selection_adjusted_p=np.nan) for row in rates.comparisons]
        unaware = decided(dataclasses.replace(rates, comparisons=alone))
        naive += bool((unaware["p_adjusted"] < 0.05).any())
    assert chance <= 7  # more happens once in a thousand where the chance is 5 %
    assert naive >= 8


def test_a_label_that_differs_is_found(rng: np.random.Generator) -> None:
    names = tuple(f"label {i}" for i in range(80))
    group = np.repeat(["a", "b"], 300)
    labels = drawn(rng, 600, names, 5)
    labels[:60, 0] = "dog"
    labels[300:312, 0] = "dog"
    rows = decided(label_rates(said_of(labels), cohort_of(group, ("a", "b")), most=10))
    first = rows.iloc[0]
    assert (first["metric"], first["group"], first["reference"]) == ("rate of 'dog'", "a", "b")
    assert first["value"] > 0
    assert first["ci_low"] < first["value"] < first["ci_high"]
    assert first["p_adjusted"] < 0.01
    assert first["verdict"] == ""
    assert len(rows) == 10


def test_labels_of_few_people_are_not_compared(rng: np.random.Generator) -> None:
    """One person who is called a dog on a hundred pictures is one person."""
    group = np.repeat(["a", "b"], 200)
    clusters = np.concatenate([np.repeat([0, 1, 2, 3], 25), np.arange(4, 304)])
    labels = np.where(np.arange(400)[:, None] < 100, ["dog", "face"], ["hat", "face"])
    rates = label_rates(said_of(labels, clusters), cohort_of(group, ("a", "b")), most=10)
    assert {row.metric for row in rates.comparisons} == {"rate of 'face'", "rate of 'hat'"}
    small = label_rates(said_of(labels[:215], clusters[:215]), cohort_of(group[:215], ("a", "b")), most=10)
    assert (small.comparisons, small.groups, small.n_compared) == ([], [], 0)


def test_nothing_is_listed_where_nothing_is_wanted_or_known(rng: np.random.Generator) -> None:
    group, labels = rng.choice(["a", "b"], 200), drawn(rng, 200)
    cohort = cohort_of(group, ("a", "b"))
    empty = LabelRates([], [], 0, 0)
    assert label_rates(said_of(labels), cohort, most=0) == empty
    assert label_rates(said_of(np.full((200, 2), "")), cohort, most=5) == empty
    votes = ImputedLabels(("a", "b"), np.zeros((2, 200), dtype=np.int16), 0.5)
    uncertain = dataclasses.replace(cohort, drawn={"group": votes})
    assert label_rates(said_of(labels), uncertain, most=5) == empty


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_laws(seed: int) -> None:
    """Differences of all groups sum to zero, and the order of rows does not matter."""
    rng = np.random.default_rng(seed)
    group, labels, clusters = rng.choice(["a", "b", "c"], 240), drawn(rng, 240), rng.integers(0, 200, 240)
    said, cohort = said_of(labels, clusters), cohort_of(group)
    rates = label_rates(said, cohort, most=100)
    found = pd.Series(differences(rates))
    if len(found) == 3 * rates.n_labels:
        np.testing.assert_allclose(found.groupby(level=0).sum(), 0, atol=1e-12)
    order = rng.permutation(240)
    again = label_rates(said_of(labels[order], clusters[order]), cohort_of(group[order]), most=100)
    assert differences(again) == pytest.approx(differences(rates), abs=1e-12)


def test_a_whole_weight_is_that_many_images(rng: np.random.Generator) -> None:
    labels, group, clusters = drawn(rng, 300), rng.choice(["a", "b", "c"], 300), np.arange(300) // 2
    weights = rng.integers(0, 4, 300).astype(float)
    many = np.arange(300).repeat(weights.astype(int))
    said = PredictedLabels.of(labels, labels != "", clusters, weights)
    ours = label_rates(said, dataclasses.replace(cohort_of(group), weights=weights), most=5)
    theirs = label_rates(said_of(labels[many], clusters[many]), cohort_of(group[many]), most=5)
    assert differences(ours) == pytest.approx(differences(theirs), abs=1e-12)
    for mine, other in zip(ours.groups, theirs.groups, strict=True):
        assert mine["value"] == pytest.approx(other["value"], abs=1e-12)
    counted = {str(r["group"]): r["n"] for r in ours.groups if r["metric"] == ours.groups[0]["metric"]}
    used = (labels != "") & (weights > 0)[:, None]
    assert counted["a"] == used[group == "a"].sum(), "n counts labels, not weights"

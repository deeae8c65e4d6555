"""``OutcomeFrame``: hand-made tables, the places where fairlearn is wrong, and what is refused."""

from __future__ import annotations

import builtins
import doctest
import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, true_positive_rate
from scipy import stats

import fairaudit
from fairaudit.core.errors import ConfigError, DataError, RequirementError
from fairaudit.tabular.frame import Method, OutcomeFrame


def two_groups(n: int = 200) -> pd.DataFrame:
    """Hits of .5 and .75 in two groups, and a control."""
    return pd.DataFrame(
        {"skin": ["dark", "light"] * (n // 2), "hit": [1, 1, 0, 1, 1, 1, 0, 0] * (n // 8), "lit": ["day"] * n}
    )


def frame_of(table: pd.DataFrame, **options: Any) -> OutcomeFrame:
    return OutcomeFrame(table["hit"], sensitive_features=table["skin"], **options)


def row(table: pd.DataFrame, label: Any) -> dict[Any, Any]:
    """The one row of this label."""
    (found,) = table.loc[[label]].to_dict("records")
    return found


@pytest.mark.parametrize("module", ["fairaudit.tabular.frame", "fairaudit.tabular.crossing"])
def test_documented_examples_are_true(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    assert found.attempted > 0


def test_it_is_a_public_name() -> None:
    assert fairaudit.OutcomeFrame is OutcomeFrame
    assert repr(frame_of(two_groups())) == "<OutcomeFrame: hit by skin; 200 rows, 2 groups>"


def test_intervals_are_wilsons() -> None:
    rows = frame_of(two_groups()).intervals()
    for group, hits in (("dark", 50), ("light", 75)):
        expected = stats.binomtest(hits, 100).proportion_ci(method="wilson")
        assert rows.loc[[group], ["ci_low", "ci_high"]].to_numpy()[0].tolist() == pytest.approx(
            [expected.low, expected.high], abs=1e-9
        )
    assert rows["ci_method"].tolist() == ["Wilson", "Wilson"]
    assert rows[["n", "n_clusters"]].to_numpy().tolist() == [[100, 100], [100, 100]]


def test_unbounded_outcomes_have_t_intervals(rng: np.random.Generator) -> None:
    loss = rng.normal(3, 2, 60)
    rows = OutcomeFrame({"loss": loss}, sensitive_features=np.repeat(["a", "b"], 30), unbounded="loss").intervals()
    expected = stats.t.interval(0.95, 29, loc=loss[:30].mean(), scale=stats.sem(loss[:30]))
    assert rows.loc[["a"], ["ci_low", "ci_high"]].to_numpy()[0].tolist() == pytest.approx(list(expected))
    assert rows.loc["a", "ci_method"] == "cluster t"


def test_clusters_widen_intervals_and_count() -> None:
    table = two_groups()
    people = np.arange(200) // 8  # four rows of a group each
    clustered = OutcomeFrame({"hit": np.repeat([1, 0], 100)}, sensitive_features=table["skin"].to_numpy(),
                             clusters=people).intervals()  # fmt: skip
    alone = OutcomeFrame({"hit": np.repeat([1, 0], 100)}, sensitive_features=table["skin"].to_numpy()).intervals()
    assert clustered["n_clusters"].tolist() == [25, 25]
    assert (clustered["ci_high"] - clustered["ci_low"] > 1.8 * (alone["ci_high"] - alone["ci_low"])).all()


def test_macro_is_the_mean_of_clusters() -> None:
    values, people, group = [1, 1, 1, 0, 0, 1], ["p", "p", "p", "q", "r", "r"], ["a"] * 4 + ["b"] * 2
    frame = OutcomeFrame({"hit": values}, sensitive_features={"g": group}, clusters=people, average="macro")
    assert frame.by_group["hit"].to_dict() == {"a": 0.5, "b": 0.5}  # a: mean of p = 1 and q = 0
    assert frame.overall.to_dict() == {"hit": pytest.approx((1 + 0 + 0.5) / 3)}


def test_a_rare_harm_is_shown_and_beyond_its_default_tolerance() -> None:
    """1 % against 4 % of 20,000 rows; and a loss without bounds is shown, with nothing to measure it by."""
    group = np.repeat(["a", "b"], 10_000)
    harm = np.concatenate([np.arange(10_000) < 100, np.arange(10_000) < 400]).astype(float)
    frame = OutcomeFrame({"harm": harm, "loss": harm * 5 - 1}, sensitive_features={"g": group}, unbounded=["loss"])
    rows = frame.disparities().set_index("metric")
    assert rows["tolerance"].to_dict() == pytest.approx({"harm": 0.0125, "loss": np.nan}, nan_ok=True)
    assert set(rows["verdict"]) == {"disparity"}
    assert rows["extent"].to_dict() == {"harm": "beyond_tolerance", "loss": ""}


def test_disparities_are_decided_together() -> None:
    group = np.repeat(["a", "b", "c"], 100)
    hits = {"a": 50, "b": 55, "c": 85}
    hit = np.array([float(i % 100 < hits[g]) for i, g in enumerate(group)])
    rows = OutcomeFrame({"hit": hit}, sensitive_features={"g": group}).disparities(tolerance=0.03)
    assert rows.index.tolist() == ["a", "b", "c"]
    assert rows["reference"].tolist() == ["all others"] * 3
    assert rows["value"].tolist() == pytest.approx([0.5 - 0.7, 0.55 - 0.675, 0.85 - 0.525])
    p_a, p_b, p_c = rows["p_value"]
    assert p_c < p_a < p_b  # so Holm's steps are 3, 2 and 1 times
    assert rows["p_adjusted"].tolist() == pytest.approx([2 * p_a, max(p_b, 2 * p_a), 3 * p_c])
    # Welch's test on 0 and 1: the same studentised difference.
    welch = stats.ttest_ind(hit[group == "b"], hit[group != "b"], equal_var=False).pvalue
    assert rows.loc["b", "p_value"] == pytest.approx(welch, rel=0.1)
    assert p_b < 0.05
    assert rows["verdict"].tolist() == ["disparity", "disparity", "disparity"]
    assert (rows["tolerance"] == 0.03).all()


def test_of_two_groups_one_row_stands_for_both() -> None:
    rows = frame_of(two_groups()).disparities()
    assert rows.index.tolist() == ["dark"]
    dark = row(rows, "dark")
    assert (dark["reference"], dark["verdict"], dark["n"], dark["n_clusters"]) == ("light", "disparity", 200, 200)
    assert dark["value"] == pytest.approx(-0.25)


def test_groups_are_compared_within_levels_of_a_control() -> None:
    """Simpson: a is ahead in both levels and behind in all."""
    cells = {("a", "easy"): (90, 100), ("b", "easy"): (320, 400), ("a", "hard"): (120, 400), ("b", "hard"): (20, 100)}
    rows = [(g, c, float(i < hits)) for (g, c), (hits, n) in cells.items() for i in range(n)]
    table = pd.DataFrame(rows, columns=["g", "task", "hit"])
    frame = OutcomeFrame(table[["hit"]], sensitive_features=table["g"], control_features=table["task"])
    assert frame.by_group.index.names == ["task", "g"]
    expected = {("easy", "a"): 0.9, ("easy", "b"): 0.8, ("hard", "a"): 0.3, ("hard", "b"): 0.2}
    assert frame.by_group["hit"].to_dict() == pytest.approx(expected)
    assert frame.overall["hit"].to_dict() == pytest.approx({"easy": 410 / 500, "hard": 140 / 500})
    assert frame.difference()["hit"].to_dict() == pytest.approx({"easy": 0.1, "hard": 0.1})
    compared = frame.disparities()
    assert compared.index.tolist() == [("easy", "a"), ("hard", "a")]
    assert compared["value"].tolist() == pytest.approx([0.1, 0.1])
    assert OutcomeFrame(table[["hit"]], sensitive_features=table["g"]).disparities()["value"].tolist() == pytest.approx(
        [210 / 500 - 340 / 500]
    )


# Where fairlearn is wrong


def power(p: float, q: float, n: int, level: float) -> float:
    """Chance that the chi-squared test (N - 1) of two shares of n rows each is below ``level``, over all tables."""
    x, y = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    pooled = (x + y) / (2 * n)
    with np.errstate(invalid="ignore"):
        z2 = ((x - y) / n) ** 2 / (pooled * (1 - pooled) * 2 / n) * (2 * n - 1) / (2 * n)
    chance = stats.binom.pmf(x, n, p) * stats.binom.pmf(y, n, q)
    return float(chance[z2 > stats.chi2.isf(level, 1)].sum())


def test_what_could_have_been_seen_is_counted_towards_one_half_in_each_level() -> None:
    day, night = two_groups(800), two_groups(800).assign(lit="night")
    night["hit"] = [1, 1, 1, 1, 1, 1, 0, 1] * 100  # .75 of dark
    night.loc[night.index[1::40], "hit"] = 0  # .95 of light
    table = pd.concat([day, night], ignore_index=True)
    rows = frame_of(table, control_features=table["lit"]).disparities()
    found = dict(zip(rows.index.get_level_values("lit"), rows["min_detectable"], strict=True))
    light = table[(table["skin"] == "light") & (table["lit"] == "night")]["hit"].mean()
    assert power(0.75 - found["day"], 0.75, 400, 0.05 / 2) == pytest.approx(0.8, abs=0.015)
    assert power(light - found["night"], light, 400, 0.05 / 2) == pytest.approx(0.8, abs=0.015)


def test_a_group_without_positives_has_no_true_positive_rate() -> None:
    truth, said, group = np.array([1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 0]), np.array(list("aabbb"))
    theirs = MetricFrame(metrics=true_positive_rate, y_true=truth, y_pred=said, sensitive_features=group)
    assert theirs.by_group.to_dict() == {"a": 1.0, "b": 0.0}
    assert theirs.difference() == 1.0  # a gap made of nothing
    ours = OutcomeFrame({"tpr": np.where(truth == 1, said, np.nan)}, sensitive_features=group)
    assert ours.by_group["tpr"].tolist() == pytest.approx([1.0, np.nan], nan_ok=True)
    one = row(ours.intervals(), "b")
    assert (one["status"], one["n"]) == ("not_estimable", 0)
    assert one["note"] == "no image was measured in this group"
    with pytest.warns(UserWarning, match=r"difference of 'tpr' leaves out 1 of 2 groups without an outcome: b\."):
        assert np.isnan(ours.difference()["tpr"])


def test_misaligned_indexes_are_refused() -> None:
    hit = pd.Series([1.0, 1.0, 0.0, 0.0], index=[3, 2, 1, 0])
    group = pd.Series(["a", "a", "b", "b"], index=[0, 1, 2, 3])
    theirs = MetricFrame(metrics=lambda y_true, y_pred: y_pred.mean(), y_true=hit, y_pred=hit, sensitive_features=group)
    assert theirs.by_group.to_dict() == {"a": 1.0, "b": 0.0}  # by index it is the other way round
    with pytest.raises(DataError) as raised:
        OutcomeFrame(hit, sensitive_features=group)
    assert str(raised.value) == (
        "sensitive_features 'sensitive_feature_0' must have the index of outcomes 'outcome', in the same order; got "
        "'0' instead of '3' in row 1. Align them with .loc, or drop both indexes."
    )
    assert OutcomeFrame(hit, sensitive_features=group.loc[hit.index]).by_group["outcome"].tolist() == [0.0, 1.0]


def test_an_empty_crossing_is_a_row_with_its_reason() -> None:
    features = {"gender": ["f", "f", "m", "m"], "skin": ["dark", "light", "light", "light"]}
    frame = OutcomeFrame({"hit": [1, 0, 1, 1]}, sensitive_features=features)
    one = row(frame.intervals(), ("m", "dark"))
    assert np.isnan(one["value"])
    assert (one["n"], one["status"], one["note"]) == (0, "not_estimable", "no row is in this group")
    with pytest.warns(UserWarning, match=r"^group_min of 'hit' leaves out 1 of 4 groups without an outcome: m & dark"):
        assert frame.group_min()["hit"] == 0
    one = row(frame.disparities(), ("m", "dark"))
    assert (one["verdict"], one["note"]) == ("not_estimable", "no image was measured in this group")


def test_one_group_has_nothing_to_be_compared_with() -> None:
    frame = OutcomeFrame({"hit": [1, 0, 1]}, sensitive_features=["a", "a", "a"])
    assert frame.to_metricframe().difference()["hit"] == 0.0  # fairlearn's word for it
    methods: tuple[Method, ...] = ("between_groups", "to_overall")
    for method in methods:
        assert np.isnan(frame.difference(method)["hit"])
        assert np.isnan(frame.ratio(method)["hit"])
    one = row(frame.disparities(), "a")
    assert one["note"] == "there is one group only, so there is nothing to compare it with"
    assert (one["status"], one["verdict"], one["n"]) == ("not_estimable", "not_estimable", 3)
    assert np.isnan(one["value"])


def test_who_is_not_recorded_has_a_value_and_is_not_compared() -> None:
    group = [1, 2, None, 1, 2, float("nan")]
    frame = OutcomeFrame({"hit": [1, 0, 0, 1, 1, 0]}, sensitive_features={"grade": group})
    assert frame.by_group["hit"].to_dict() == {"1": 1.0, "2": 0.5, "not recorded": 0.0}
    assert frame.overall["hit"] == 0.5
    assert (frame.group_min()["hit"], frame.group_max()["hit"]) == (0.5, 1.0)
    assert frame.difference()["hit"] == 0.5
    assert frame.difference("to_overall")["hit"] == 0.5
    assert frame.disparities().index.tolist() == ["1"]
    assert frame.disparities().loc["1", "reference"] == "2"
    controlled = OutcomeFrame(
        {"hit": [1, 0, 0, 1, 1, 0]},
        sensitive_features={"g": list("ababab")},
        control_features={"z": [*"zz", *[None] * 4]},
    )
    assert controlled.difference().index.tolist() == ["z", "not recorded"]


# Forms of input


def test_every_form_of_features_is_read() -> None:
    hit, a, b = [1, 0, 1, 0], ["x", "x", "y", "y"], ["p", "q", "p", "q"]
    two = pd.DataFrame({"a": a, "b": b})
    named = [OutcomeFrame({"hit": hit}, sensitive_features=f) for f in (two, {"a": a, "b": b})]
    for frame in named:
        assert frame.by_group.index.names == ["a", "b"]
    for given in (two.to_numpy(), two.to_numpy().tolist()):
        frame = OutcomeFrame({"hit": hit}, sensitive_features=given)
        assert frame.by_group.index.names == ["sensitive_feature_0", "sensitive_feature_1"]
        assert frame.by_group.to_numpy().tolist() == named[0].by_group.to_numpy().tolist()
    assert OutcomeFrame(pd.Series(hit), sensitive_features=a).by_group.columns.tolist() == ["outcome"]
    truths = OutcomeFrame({"hit": [True, False, None, True]}, sensitive_features=a)
    assert truths.by_group["hit"].tolist() == [0.5, 1.0]
    nullable = OutcomeFrame(pd.Series([1, None, 0, 1], dtype="Int8"), sensitive_features=a)
    assert nullable.by_group["outcome"].tolist() == [1.0, 0.5]


def test_without_fairlearn_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("fairlearn"):
            raise ImportError(name)
        return real(name, *rest)

    frame = frame_of(two_groups())
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(RequirementError) as raised:
        frame.to_metricframe()
    assert str(raised.value) == "to_metricframe needs fairlearn; it is not installed. Run: pip install fairlearn."


H = {"hit": [1.0, 0.0, 1.0]}
G = ["a", "b", "a"]


@pytest.mark.parametrize(
    ("outcomes", "options", "text"),
    [
        (
            pd.Series([1, 0, 1], index=["x", "y", "x"], name="hit"), {"sensitive_features": G},
            "outcomes 'hit' must have one row per index label; got 'x' 2 times. Remove repeated rows, or use "
            "reset_index(drop=True).",
        ),
        (
            H, {"sensitive_features": ["a", "b"]},
            "sensitive_features 'sensitive_feature_0' must have as many rows as outcomes 'hit'; got 2 and 3. "
            "Give one value a row.",
        ),
        (
            H, {"sensitive_features": G, "clusters": [1, 2]},
            "clusters must have as many rows as outcomes 'hit'; got 2 and 3. Give one value a row.",
        ),
        (
            {"hit": pd.Series([1, 0]), "loss": pd.Series([1, 0], index=[0, 2])}, {"sensitive_features": ["a", "b"]},
            "outcomes 'loss' must have the index of outcomes 'hit', in the same order; got '2' instead of '1' in row "
            "2. Align them with .loc, or drop both indexes.",
        ),
        (
            {"hit": [1, np.inf, 0]}, {"sensitive_features": G},
            "outcome 'hit' must be finite; got infinity in 1 rows. Use NaN for what was not measured.",
        ),
        (
            {"hit": ["1", "0", "1"]}, {"sensitive_features": G},
            "outcome 'hit' must be numbers (0 and 1 for a miss and a hit); got '1'. Convert it first.",
        ),
        (
            {"hit": []}, {"sensitive_features": []},
            "outcomes must have at least one row; got none. Check what was filtered before.",
        ),
        ({}, {"sensitive_features": G}, "outcomes must have at least one column; got none. Name one: {'hit': values}."),
        (
            [1, 0, 1], {"sensitive_features": G},
            "outcomes must be a DataFrame, a Series or a mapping of metric to values; got list. Name it: "
            "{'hit': values}.",
        ),
        (
            H, {"sensitive_features": {}},
            "sensitive_features must have at least one column; got none. Add a column of groups.",
        ),
        (H, {"sensitive_features": pd.DataFrame({0: G})}, "names of sensitive_features must be text; got 0. "
         "Rename the column."),
        (
            H, {"sensitive_features": {"hit": G}},
            "a feature must not have the name of an outcome; got 'hit' for both. Rename one, and do not form groups "
            "by the outcome.",
        ),
        (
            H, {"sensitive_features": {"g": G}, "control_features": {"g": G}},
            "sensitive and control features must have different names; got 'g' twice. Rename one of them.",
        ),
        (
            pd.DataFrame([[1, 0]] * 3, columns=["hit", "hit"]), {"sensitive_features": G},
            "outcomes must have different names; got 'hit' twice. Rename one of them.",
        ),
        (
            H, {"sensitive_features": np.zeros((3, 1, 1))},
            "sensitive_features must have one or two dimensions; got 3. Give one column a feature.",
        ),
        (
            H, {"sensitive_features": {"g": ["a", 1, "a"]}},
            "feature 'g' must hold values of one kind; got numbers and text. Convert it to text first.",
        ),
        (
            H, {"sensitive_features": pd.Series([["a"], ["b"], ["a"]], name="g")},
            "feature 'g' must hold one value a row; got a list or tuple. Name groups by a text.",
        ),
        (
            H, {"sensitive_features": G, "clusters": ["p", None, "q"]},
            "clusters must be known for every row; missing in 1. Give each independent row a cluster of its own.",
        ),
        (
            H, {"sensitive_features": G, "clusters": np.zeros((3, 2))},
            "clusters must be one column; got shape (3, 2). Give one value a row.",
        ),
        (
            H, {"sensitive_features": G, "sample_weight": [1, 2]},
            "sample_weight must have as many rows as outcomes 'hit'; got 2 and 3. Give one value a row.",
        ),
        (
            pd.DataFrame(H, index=[3, 4, 5]), {"sensitive_features": G, "sample_weight": pd.Series([1, 2, 3])},
            "sample_weight must have the index of outcomes 'hit', in the same order; got '0' instead of '3' in row 1. "
            "Align them with .loc, or drop both indexes.",
        ),
        (
            H, {"sensitive_features": G, "sample_weight": [1, np.nan, 2]},
            "sample_weight must be a finite number of 0 or more in every row; got no value in row 2 (1 such rows). "
            "Correct it, or write 0 for rows that must not count.",
        ),
        (
            {"hit": [1, 0, np.nan], "loss": [0.99, 1.01, -1]}, {"sensitive_features": G},
            "outcome 'loss' must lie in [0, 1]; got 1.01 in row 2 (2 of 3 rows are outside). Correct them, or name it "
            "as unbounded: unbounded=['loss'], or --unbounded loss on the command line.",
        ),
        (
            {"hit": np.ones(2001)}, {"sensitive_features": {"age": np.arange(2001) / 7}},
            "sensitive and control features must form at most 2,000 groups; got 2,001. Put numbers into bins, or leave "
            "a feature out.",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(outcomes: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as raised:
        OutcomeFrame(outcomes, **options)
    assert str(raised.value) == text


def test_names_outside_a_list_are_refused() -> None:
    frame = frame_of(two_groups())
    for method in (frame.difference, frame.ratio):
        with pytest.raises(ConfigError) as raised:
            method("between_group")  # type: ignore[arg-type]
        assert str(raised.value) == (
            "method must be one of: between_groups, to_overall; got 'between_group'. Did you mean 'between_groups'?"
        )
    with pytest.raises(ConfigError, match=r"^average must be one of: macro, micro; got 'mikro'. Did you mean 'micro'"):
        frame_of(two_groups(), average="mikro")
    with pytest.raises(ConfigError, match=r"^tolerance of 'hit' must be between 0 and 1; got 1.5"):
        frame.disparities(tolerance=1.5)
    with pytest.raises(ConfigError, match=r"^unbounded must be one of: hit; got 'hitt'. Did you mean 'hit'"):
        frame_of(two_groups(), unbounded=["hitt"])


def test_an_outcome_is_unbounded_if_it_is_named_whatever_its_values() -> None:
    loss = np.linspace(0, 0.99, 60)
    methods = [
        OutcomeFrame({"loss": loss}, sensitive_features=["a", "b"] * 30, unbounded=names).intervals()["ci_method"]
        for names in ((), ["loss"])
    ]
    assert [set(method) for method in methods] == [{"Wilson, effective n"}, {"cluster t"}]


def test_a_tolerance_is_in_the_unit_of_an_unbounded_outcome(rng: np.random.Generator) -> None:
    frame = OutcomeFrame({"loss": rng.normal(30, 1, 60)}, sensitive_features=["a", "b"] * 30, unbounded=["loss"])
    assert frame.disparities(tolerance=5)["verdict"].tolist() == ["within_tolerance"]
    for bad in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match=r"^tolerance of 'loss' must be a positive number in the unit of the"):
            frame.disparities(tolerance=bad)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_weights_of_one_over_the_copies_undo_copies(rng: np.random.Generator, average: Any) -> None:
    n = 90
    hit, group, person = rng.random(n).round(2), rng.choice(["a", "b", "c"], n), np.arange(n) // 3
    copies = rng.integers(1, 5, n)
    row = np.arange(n).repeat(copies)
    once = OutcomeFrame({"hit": hit}, sensitive_features={"g": group}, clusters=person, average=average)
    many = OutcomeFrame({"hit": hit[row]}, sensitive_features={"g": group[row]}, clusters=person[row], average=average,
                        sample_weight=1 / copies[row])  # fmt: skip
    pd.testing.assert_frame_equal(once.by_group, many.by_group)
    assert once.overall["hit"] == pytest.approx(many.overall["hit"], rel=1e-12)
    np.testing.assert_allclose(once.disparities()["value"], many.disparities()["value"], rtol=1e-9)


def test_effective_sizes_are_kishs_and_a_group_without_weight_has_its_reason() -> None:
    frame = OutcomeFrame(
        {"hit": [1, 0, 1, np.nan, 1, 0]}, sensitive_features={"g": ["a", "a", "a", "a", "b", "b"]},
        sample_weight=[1, 2, 3, 4, 0, 0],
    )  # fmt: skip
    rows = frame.intervals()
    assert rows["n"].tolist() == [3, 0]
    assert rows["n_effective"].tolist() == pytest.approx([6**2 / (1 + 4 + 9), 0])
    assert rows["value"].tolist() == pytest.approx([4 / 6, np.nan], nan_ok=True)
    assert rows["status"].tolist() == ["too_few", "not_estimable"]
    assert rows["note"]["b"] == "no image with a weight above 0 was measured in this group, so its effective size is 0"
    alone = OutcomeFrame({"hit": [1, 0, np.nan]}, sensitive_features={"g": ["a", "a", "b"]}).intervals()
    assert alone["n_effective"].tolist() == alone["n"].tolist() == [2, 0]

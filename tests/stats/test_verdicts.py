"""Which comparisons count and what may be said: Holm, adjusted intervals, tolerance, and rows without a number."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fairaudit.core.plan import ALPHA, TOLERANCE_RULE, Plan, PlanRow
from fairaudit.core.result import DISPARITY_COLUMNS, VERDICTS, Failure
from fairaudit.stats.t_inference import TInference
from fairaudit.stats.verdicts import decide, holm
from tests.reference import inference
from tests.stats.disparity_rows import result, row


def decided(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    (one,), _ = decide([result(*rows)])
    return [{str(key): value for key, value in one.items()} for one in one.disparities.to_dict("records")]


def test_holm_by_hand() -> None:
    """Four p-values: .01*4, .02*3, then .03*2 and .04*1, neither below what came before."""
    p = np.array([0.03, 0.01, 0.04, 0.02])
    assert holm(p) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([])).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition(p: list[float]) -> None:
    adjusted = holm(np.array(p))
    assert adjusted == pytest.approx(inference.holm(p))
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()


@pytest.mark.parametrize(
    ("value", "std_error", "verdict"),
    [
        (0.1, 0.02, "disparity"),
        (-0.1, 0.02, "disparity"),
        (0.1, 0.06, "inconclusive"),
        (0.0, 0.06, "inconclusive"),
        (0.0, 0.01, "within_tolerance"),
        (0.02, 0.001, "disparity"),  # surely not zero, and surely too small to matter
        (0.04, 0.015, "disparity"),
    ],
)
def test_verdict_of_one_row(value: float, std_error: float, verdict: str) -> None:
    (one,) = decided(row(value, std_error))
    half = stats.t.ppf(0.975, 100) * std_error
    assert one["verdict"] == verdict
    assert (one["ci_low_adjusted"], one["ci_high_adjusted"]) == pytest.approx((value - half, value + half))
    assert one["p_adjusted"] == pytest.approx(one["p_value"])


@pytest.mark.parametrize(
    ("fields", "verdict", "extent"),
    [
        ({"value": 0.1, "std_error": 0.02}, "disparity", "beyond_tolerance"),  # .06 to .14, tolerance .05
        ({"value": -0.1, "std_error": 0.02}, "disparity", "beyond_tolerance"),
        ({"value": 0.08, "std_error": 0.02}, "disparity", ""),  # .04 to .12: it may be either
        ({"value": 0.02, "std_error": 0.001}, "disparity", "below_tolerance"),
        ({"value": -0.02, "std_error": 0.001}, "disparity", "below_tolerance"),
        ({"value": 0.0, "std_error": 0.01}, "within_tolerance", ""),
        ({"value": 0.1, "std_error": 0.06}, "inconclusive", ""),
        ({"value": 0.1, "std_error": 0.02, "tolerance": None}, "disparity", ""),  # shown, and nothing to measure it by
        ({"value": 0.0, "std_error": 0.001, "tolerance": None}, "inconclusive", ""),
        ({"value": 1.3, "std_error": 0.05, "measure": "ratio", "p_value": 0.001}, "disparity", "beyond_tolerance"),
        ({"value": 1.02, "std_error": 0.001, "measure": "ratio", "p_value": 0.001}, "disparity", "below_tolerance"),
        ({"value": 0.03, "std_error": 0.004, "tolerance": 0.005}, "disparity", "beyond_tolerance"),
    ],
)
def test_a_disparity_is_shown_whatever_the_tolerance(fields: dict[str, Any], verdict: str, extent: str) -> None:
    """A harm of 4 % against 1 % with p = 4e-23 was once within a tolerance of .05."""
    (one,) = decided(row(**fields))
    assert (one["verdict"], one["extent"]) == (verdict, extent)


def test_the_family_spans_indicators() -> None:
    """p = .02 is enough alone and not beside another test: the audit as a whole answers for its alarms."""
    se = 0.1 / stats.t.isf(0.01, 100)
    (alone,), _ = decide([result(row(0.1, se))])
    assert list(alone.disparities["verdict"]) == ["disparity"]
    (first, second), plan = decide([result(row(0.1, se)), result(row(0.05, 0.05), indicator="y")])
    assert list(first.disparities["p_adjusted"]) == pytest.approx([0.04])
    (first, second, _third), plan = decide(
        [result(row(0.1, se)), result(row(0.05, 0.05), indicator="y"), result(row(0.0, 0.05), indicator="z")]
    )
    assert list(first.disparities["p_adjusted"]) == pytest.approx([0.06])
    assert list(first.disparities["verdict"]) == ["inconclusive"]
    half = stats.t.ppf(1 - 0.025 / 3, 100) * se
    assert first.disparities.loc[0, "ci_high_adjusted"] == pytest.approx(0.1 + half)
    assert [p["indicator"] for p in plan["primary"]] == ["x", "y", "z"]
    assert list(second.disparities["verdict"]) == ["inconclusive"]


def test_what_holm_finds_and_bonferroni_would_not() -> None:
    """The bound nearest zero is then zero: the interval does not contradict the decision."""
    strong, weak = row(0.5, 0.01), row(-0.1, 0.1 / stats.t.isf(0.02, 100))
    first, second = decided(strong, weak)
    assert second["p_adjusted"] == pytest.approx(0.04)
    assert second["verdict"] == "disparity"
    assert second["ci_high_adjusted"] == 0
    assert second["ci_low_adjusted"] < -0.1
    assert first["ci_low_adjusted"] > 0


def test_exploratory_rows_get_a_q_value_and_no_verdict() -> None:
    rows = [row(0.1, 0.1 / stats.t.isf(p / 2, 100), family="exploratory") for p in (0.01, 0.04, 0.03)]
    records = decided(row(), *rows)
    assert [r["p_adjusted"] for r in records[1:]] == pytest.approx([0.03, 0.04, 0.04])  # Benjamini and Hochberg
    for one in records[1:]:
        assert one["verdict"] == ""
        assert math.isnan(one["ci_low_adjusted"])
        assert math.isnan(one["min_detectable"])
    assert records[0]["p_adjusted"] == pytest.approx(records[0]["p_value"])  # the family is one row


def test_rows_without_a_number_keep_their_reason_and_stay_nan() -> None:
    empty = {
        "metric": "hit", "feature": "skin", "kind": "one_vs_rest", "measure": "difference", "family": "primary",
        "status": "not_estimable", "note": "no image was measured in this group", "tolerance": 0.05, "n": 0,
    }  # fmt: skip
    few = {
        **row(0.3, 0.01, feature="age"),
        "p_value": None,
        "inference": None,
        "status": "too_few",
        "note": "7 independent units",
    }
    exploratory = {**empty, "family": "exploratory"}
    first, second, third, fourth = decided(empty, few, exploratory, row())
    assert (first["verdict"], first["status"]) == ("not_estimable", "not_estimable")
    assert first["note"] == "no image was measured in this group"
    for column in ("value", "p_value", "p_adjusted", "ci_low", "ci_low_adjusted", "min_detectable"):
        assert math.isnan(first[column]), column
    assert (second["verdict"], second["status"], second["value"]) == ("not_estimable", "too_few", 0.3)
    assert second["note"] == "7 independent units"
    assert third["verdict"] == ""
    assert fourth["p_adjusted"] == pytest.approx(fourth["p_value"])  # what was not tested does not cost anything


def test_an_audit_without_anything_to_compare() -> None:
    assert decide([]) == ((), {**decide([])[1]})
    (first, second), plan = decide([result(), result(row(), indicator="y")])
    assert first.disparities.empty
    assert tuple(first.disparities.columns) == DISPARITY_COLUMNS
    assert list(second.disparities["verdict"]) == ["disparity"]
    assert len(plan["primary"]) == 1
    (only,), plan = decide([result()])
    assert only.disparities.empty
    assert plan["primary"] == []
    for frame in (first.disparities, second.disparities):
        assert frame["value"].dtype == np.float64


def test_the_plan_says_what_was_tested() -> None:
    slope = row(feature="age", kind="slope", measure="per_step")
    rows = [row(group="a"), row(group="b"), slope, row(feature="skin", family="exploratory")]
    _, plan = decide([result(*rows)])
    assert plan["alpha"] == ALPHA
    assert plan["correction"] == "Holm"
    assert plan["primary"] == [
        {"indicator": "x", "dataset": "data", "metric": "hit", "feature": "gender", "kind": "one_vs_rest",
         "measure": "difference"},
        {"indicator": "x", "dataset": "data", "metric": "hit", "feature": "age", "kind": "slope",
         "measure": "per_step"},
    ]  # fmt: skip
    assert plan["name"] == "shipped default"
    assert decide([result(*rows)])[1]["digest"] == plan["digest"]
    assert decide([result(row(tolerance=0.1))])[1]["digest"] == decide([result(row())])[1]["digest"]  # by the rule
    assert plan["tolerance"] is None
    assert plan["tolerance_rule"] == TOLERANCE_RULE
    (_,), literal = decide([result(*rows, tolerance=0.05, slope_tolerance=None)])
    assert [one["tolerance"] for one in literal["primary"]] == [0.05, 0.05]
    assert literal["digest"] != plan["digest"]


def test_the_input_is_not_changed() -> None:
    one = result(row())
    decide([one])
    assert one.disparities["verdict"].tolist() == [""]
    assert one.disparities["p_adjusted"].isna().all()


CELLS = st.tuples(
    st.floats(-1, 1), st.floats(0, 0.3).map(lambda s: s if s > 1e-6 else 0.0), st.floats(1, 500), st.floats(0.005, 0.2)
)


@settings(max_examples=40)
@given(st.lists(CELLS, min_size=1, max_size=8))
def test_the_interval_never_contradicts_the_verdict(cells: list[tuple[float, float, float, float]]) -> None:
    rows = [row(v, s, df=df, tolerance=t, inference=TInference(v, s, df, (-1.0, 1.0))) for v, s, df, t in cells]
    for one in decided(*rows):
        low, high = one["ci_low_adjusted"], one["ci_high_adjusted"]
        assert one["verdict"] in VERDICTS
        assert low <= one["value"] + 1e-12
        assert one["value"] <= high + 1e-12
        rejected = one["p_adjusted"] < ALPHA
        assert (one["verdict"] == "disparity") == rejected  # so none is inconclusive with a p below the level
        assert -1 <= low <= high <= 1
        if rejected:
            assert not low < 0 < high
            nearest, furthest = sorted((abs(low), abs(high)))
            assert (one["extent"] == "beyond_tolerance") == (nearest > one["tolerance"])
            assert (one["extent"] == "below_tolerance") == (furthest < one["tolerance"])
        else:
            assert low <= 0 <= high
            assert one["extent"] == ""
        if one["verdict"] == "within_tolerance":
            assert -one["tolerance"] < low <= high < one["tolerance"]


def test_false_alarms_of_whole_audits() -> None:
    """Ten true zeros in two indicators: a disparity anywhere in at most 5 % of audits, whatever depends on whatever.

    There is none unless the least of the ten p-values is below .05 / 10, and each of them is that in .5 % of audits.
    """
    pair = [result(*[row(df=40.0)] * 6), result(*[row(df=40.0)] * 4, indicator="y")]
    for place, others, (p, alarm) in itertools.product(range(10), (0.00501, 0.9), ((0.00499, True), (0.00501, False))):
        p_values = np.where(np.arange(10) == place, p, others)
        t = stats.t.isf(p_values / 2, 40)
        given = [
            dataclasses.replace(one, disparities=one.disparities.assign(value=0.02 * t[at], p_value=p_values[at]))
            for one, at in zip(pair, (slice(6), slice(6, None)), strict=True)
        ]
        results, _ = decide(given)
        assert any((r.disparities["verdict"] == "disparity").any() for r in results) == alarm


def test_alpha_is_the_plans() -> None:
    """p = .04 alone: a disparity at .05, not at .01; what is shown beside it follows the same level."""
    se = 0.1 / stats.t.isf(0.02, 100)
    for alpha, verdict in ((0.05, "disparity"), (0.01, "inconclusive")):
        (one,), document = decide(
            [result(row(0.1, se))], Plan((PlanRow("x", "hit", "gender", "one_vs_rest"),), alpha=alpha)
        )
        (found,) = one.disparities.to_dict("records")
        assert document["alpha"] == alpha
        assert found["verdict"] == verdict
        assert found["ci_low_adjusted"] == pytest.approx(0.1 - stats.t.isf(alpha / 2, 100) * se)
        least = (stats.t.isf(alpha / 2, 100) + stats.t.ppf(0.8, 100)) * se
        assert found["min_detectable"] == pytest.approx(least)


@dataclasses.dataclass(frozen=True)
class Wide:
    """An inference of a row's own: bounds that tell the level they were asked for."""

    value: float
    p: float = 0.001
    asked: list[tuple[str, float]] = dataclasses.field(default_factory=list)

    def p_value(self) -> float:
        return self.p

    def interval(self, level: float) -> tuple[float, float]:
        self.asked.append(("interval", level))
        return self.value - 10 * (1 - level), self.value + 20 * (1 - level)

    def min_detectable(self, alpha: float) -> tuple[float, str]:
        self.asked.append(("power", alpha))
        return 7 * alpha, "lower"


def test_a_row_is_asked_at_the_level_of_the_family() -> None:
    """Two results, five rows, four of them tested: each row is asked itself, and only if it is planned."""
    gap, slope, unplanned = Wide(0.5), Wide(0.4), Wide(0.2)
    first = result(
        row(0.3), row(0.2, family="exploratory", inference=unplanned), row(0.5, p_value=0.001, inference=gap)
    )
    second = result(row(0.4, p_value=0.001, inference=slope), row(-0.2), indicator="y")
    (one, two), _ = decide([first, second])
    level = ALPHA / 4
    for own in (gap, slope):
        assert [what for what, _ in own.asked] == ["interval", "power"]
        assert [at for _, at in own.asked] == pytest.approx([1 - level, level])
    assert unplanned.asked == []
    told = {"ci_low_adjusted": -10 * level, "ci_high_adjusted": 20 * level, "min_detectable": 7 * level}
    for column, away in told.items():
        centre = 0.0 if column == "min_detectable" else 1.0
        assert one.disparities[column].tolist()[2] == pytest.approx(0.5 * centre + away)
        assert two.disparities[column].tolist()[0] == pytest.approx(0.4 * centre + away)
    assert one.disparities["detectable_direction"].tolist() == ["", "", "lower"]
    half = stats.t.ppf(1 - level / 2, 100) * 0.02
    assert one.disparities.loc[0, "ci_high_adjusted"] == pytest.approx(0.3 + half)
    assert two.disparities.loc[1, "ci_low_adjusted"] == pytest.approx(-0.2 - half)
    assert one.disparities.loc[[0, 2], "verdict"].tolist() == ["disparity", "disparity"]
    assert one.comparisons == first.comparisons  # still there for whoever decides again


def test_a_row_is_found_by_position_whatever_the_index_of_the_table() -> None:
    made = result(row(0.1), row(0.5, inference=Wide(0.5)))
    one = dataclasses.replace(made, disparities=made.disparities.set_axis([7, 3]))
    (found,), _ = decide([one])
    assert found.disparities["ci_high_adjusted"].tolist()[1] == pytest.approx(0.5 + 20 * ALPHA / 2)
    assert found.disparities["ci_high_adjusted"].tolist()[0] < 0.2


def test_a_row_keeps_what_it_can_be_asked_when_a_plan_adds_rows() -> None:
    one = result(row(feature="age"), row(0.5, feature="skin", inference=Wide(0.5)))
    missing = Failure("x", "compute", "It ended.", "Report it.", "data")
    plan = Plan((PlanRow("x", "hit", "skin", "one_vs_rest"), PlanRow("x", "hit", "age", "one_vs_rest")))
    (found,), _ = decide([one], plan, failures=[missing])
    assert list(found.disparities["feature"]) == ["age", "skin", "skin", "age"]
    assert [row.feature for row in found.comparisons] == ["age", "skin", "skin", "age"]
    assert found.disparities.loc[1, "ci_high_adjusted"] == pytest.approx(0.5 + 20 * ALPHA / 2)
    assert list(found.disparities["verdict"])[2:] == ["not_estimable"] * 2


def test_a_saved_audit_is_decided_again_without_its_intervals() -> None:
    """Its rows hold p-values, and nothing that could be asked at another level: no bound is made up."""
    saved = dataclasses.replace(result(row(), row(0.0, feature="age")), comparisons=())
    (found,), _ = decide([saved])
    assert found.disparities["verdict"].tolist() == ["disparity", "inconclusive"]
    columns = ["ci_low_adjusted", "ci_high_adjusted", "min_detectable"]
    assert found.disparities[columns].isna().all(axis=None)
    assert found.disparities["extent"].tolist() == ["", ""]


ALTERNATIVE = row(1.4, np.nan, measure="ratio", family="exploratory", df=np.nan, p_value=np.nan, inference=Wide(1.4))


def test_an_alternative_has_a_p_value_only_if_a_plan_names_it() -> None:
    rows = [row(p_value=0.2), ALTERNATIVE, row(0.1, family="exploratory", feature="age", p_value=0.03)]
    (without,), _ = decide([result(*rows)])
    assert without.disparities["p_adjusted"].tolist() == pytest.approx([0.2, np.nan, 0.03], nan_ok=True)
    assert without.disparities.loc[1, "verdict"] == ""
    plan = Plan((PlanRow("x", "hit", "gender", "one_vs_rest", measure="ratio", tolerance=0.1),))
    (found,), _ = decide([result(*rows)], plan)
    one = found.disparities.loc[1]
    assert (one["p_value"], one["p_adjusted"], one["verdict"]) == (0.001, 0.001, "disparity")
    assert (one["ci_low_adjusted"], one["ci_high_adjusted"]) == pytest.approx((1.4 - 0.5, 2.4), abs=0.11)
    # Benjamini and Hochberg over the two others.
    assert found.disparities["p_adjusted"].tolist() == pytest.approx([0.2, 0.001, 0.06])


@pytest.mark.parametrize(
    ("value", "p", "verdict", "bounds"),
    [
        (0.5, 0.001, "disparity", (0.0, 1.0)),  # 0.5 - 0.5 to 0.5 + 1.0, cut at one: no bound on the other side
        (0.99, 0.9, "inconclusive", (0.49, 1.99)),
    ],
)
def test_of_a_ratio_no_difference_is_one(value: float, p: float, verdict: str, bounds: tuple[float, float]) -> None:
    (found,), _ = decide([result(row(value, measure="ratio", p_value=p, inference=Wide(value)))])
    assert found.disparities["verdict"].tolist() == [verdict]
    assert found.disparities[["ci_low_adjusted", "ci_high_adjusted"]].iloc[0].tolist() == pytest.approx(bounds)


def test_a_ratio_near_one_is_within_tolerance() -> None:
    ratio = result(row(0.99, 0.001, measure="ratio", p_value=0.5))
    (found,), _ = decide([ratio])
    assert found.disparities["verdict"].tolist() == ["within_tolerance"]
    (found,), _ = decide([result(row(0.01, 0.001, measure="ratio", p_value=0.5))])
    assert found.disparities["verdict"].tolist() == ["inconclusive"]


def test_a_row_that_was_selected_enters_with_its_p_value_over_all_candidates() -> None:
    """Of two exploratory rows with p = .01: one was the largest of many, with .5 over all of them."""
    found = row(0.3, family="exploratory", p_value=0.01, feature="age", selection_adjusted_p=0.5)
    (one,), _ = decide([result(row(0.3, family="exploratory", p_value=0.01), found)])
    assert one.disparities["p_adjusted"].tolist() == pytest.approx([0.02, 0.5])
    assert one.disparities["p_value"].tolist() == [0.01, 0.01]


def test_audits_that_are_read_together_share_their_level() -> None:
    """p = .03 in a family of one: found at .05, not at .05 / 3; and the interval is that of 1 - .05 / 3."""
    one = row(value=stats.t.isf(0.015, 100.0) * 0.02)
    (alone,), plan = decide([result(one)])
    (shared,), other = decide([result(one)], alpha=0.05 / 3)
    assert (alone.disparities["verdict"][0], shared.disparities["verdict"][0]) == ("disparity", "inconclusive")
    assert (plan["alpha"], other["alpha"]) == (0.05, 0.05 / 3)
    assert plan["digest"] != other["digest"]
    half = stats.t.isf(0.05 / 6, 100.0) * 0.02
    assert shared.disparities["ci_high_adjusted"][0] - one["value"] == pytest.approx(half)

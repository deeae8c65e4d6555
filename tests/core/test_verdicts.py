"""Which comparisons count and what may be said: Holm, adjusted intervals, tolerance, and rows without a number."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    VERDICTS,
    IndicatorResult,
    table,
)
from fairaudit.core.verdicts import ALPHA, decide, holm
from tests.reference import inference


def row(value: float = 0.1, std_error: float = 0.02, **fields: Any) -> dict[str, Any]:
    df = fields.pop("df", 100.0)
    p = 2 * stats.t.sf(abs(value) / std_error, df) if std_error else float(value == 0)
    return {
        "metric": "hit", "feature": "gender", "kind": "rest", "measure": "difference", "group": "female",
        "reference": "male", "value": value, "std_error": std_error, "df": df, "p_value": p, "tolerance": 0.05,
        "family": "primary", "status": "ok", **fields,
    }  # fmt: skip


def result(*rows: dict[str, Any], indicator: str = "x", dataset: str = "data") -> IndicatorResult:
    return IndicatorResult(
        indicator, "1", "X", "?", dataset, "hit",
        table([], GROUP_COLUMNS), table(rows, DISPARITY_COLUMNS), table([], CURVE_COLUMNS),
        table([], STATISTIC_COLUMNS),
    )  # fmt: skip


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
        (0.02, 0.001, "within_tolerance"),  # surely not zero, and surely too small to matter
        (0.04, 0.015, "disparity"),
    ],
)
def test_verdict_of_one_row(value: float, std_error: float, verdict: str) -> None:
    (one,) = decided(row(value, std_error))
    half = stats.t.ppf(0.975, 100) * std_error
    assert one["verdict"] == verdict
    assert (one["adjusted_low"], one["adjusted_high"]) == pytest.approx((value - half, value + half))
    assert one["p_adjusted"] == pytest.approx(one["p_value"])


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
    assert first.disparities.loc[0, "adjusted_high"] == pytest.approx(0.1 + half)
    assert [p["indicator"] for p in plan["primary"]] == ["x", "y", "z"]
    assert list(second.disparities["verdict"]) == ["inconclusive"]


def test_what_holm_finds_and_bonferroni_would_not() -> None:
    """The bound nearest zero is then zero: the interval does not contradict the decision."""
    strong, weak = row(0.5, 0.01), row(-0.1, 0.1 / stats.t.isf(0.02, 100))
    first, second = decided(strong, weak)
    assert second["p_adjusted"] == pytest.approx(0.04)
    assert second["verdict"] == "disparity"
    assert second["adjusted_high"] == 0
    assert second["adjusted_low"] < -0.1
    assert first["adjusted_low"] > 0


def test_exploratory_rows_get_a_q_value_and_no_verdict() -> None:
    rows = [row(0.1, 0.1 / stats.t.isf(p / 2, 100), family="exploratory") for p in (0.01, 0.04, 0.03)]
    records = decided(row(), *rows)
    assert [r["p_adjusted"] for r in records[1:]] == pytest.approx([0.03, 0.04, 0.04])  # Benjamini and Hochberg
    for one in records[1:]:
        assert one["verdict"] == ""
        assert math.isnan(one["adjusted_low"])
        assert math.isnan(one["min_detectable"])
    assert records[0]["p_adjusted"] == pytest.approx(records[0]["p_value"])  # the family is one row


def test_rows_without_a_number_keep_their_reason_and_stay_nan() -> None:
    empty = {
        "metric": "hit", "feature": "skin", "kind": "rest", "measure": "difference", "family": "primary",
        "status": "not_estimable", "note": "no image was measured in this group", "tolerance": 0.05, "n": 0,
    }  # fmt: skip
    few = {**row(0.3, 0.01, feature="age"), "p_value": None, "status": "too_few", "note": "7 independent units"}
    lead = {**empty, "family": "exploratory"}
    first, second, third, fourth = decided(empty, few, lead, row())
    assert (first["verdict"], first["status"]) == ("not_estimable", "not_estimable")
    assert first["note"] == "no image was measured in this group"
    for column in ("value", "p_value", "p_adjusted", "ci_low", "adjusted_low", "min_detectable"):
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
    rows = [row(group="a"), row(group="b"), row(feature="age", kind="slope"), row(feature="skin", family="exploratory")]
    _, plan = decide([result(*rows)])
    assert plan["alpha"] == ALPHA
    assert plan["correction"] == "Holm"
    assert plan["primary"] == [
        {"indicator": "x", "dataset": "data", "metric": "hit", "feature": "gender", "kind": "rest", "tolerance": 0.05},
        {"indicator": "x", "dataset": "data", "metric": "hit", "feature": "age", "kind": "slope", "tolerance": 0.05},
    ]
    assert decide([result(*rows)])[1]["digest"] == plan["digest"]
    assert decide([result(row(tolerance=0.1))])[1]["digest"] != decide([result(row())])[1]["digest"]


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
    for one in decided(*(row(v, s, df=df, tolerance=t) for v, s, df, t in cells)):
        low, high = one["adjusted_low"], one["adjusted_high"]
        assert one["verdict"] in VERDICTS
        assert low <= one["value"] + 1e-12
        assert one["value"] <= high + 1e-12
        rejected = one["p_adjusted"] < ALPHA
        if rejected:
            assert not low < 0 < high
        if one["verdict"] == "disparity":
            assert rejected
            assert max(-low, high) >= one["tolerance"]
        if one["verdict"] == "inconclusive":
            assert low <= 1e-12
            assert high >= -1e-12
        if one["verdict"] == "within_tolerance":
            assert -one["tolerance"] < low <= high < one["tolerance"]


def test_false_alarms_of_whole_audits(rng: np.random.Generator) -> None:
    """Ten true zeros in two indicators: a disparity anywhere in at most 5 % of audits (and the error of 300)."""
    alarms = 0
    pair = [result(*[row(df=40.0)] * 6), result(*[row(df=40.0)] * 4, indicator="y")]
    for _ in range(300):
        drawn = []
        for one in pair:
            t = rng.standard_t(40, len(one.disparities))
            frame = one.disparities.assign(value=0.02 * t, p_value=2 * stats.t.sf(np.abs(t), 40))
            drawn.append(dataclasses.replace(one, disparities=frame))
        results, _ = decide(drawn)
        alarms += any((r.disparities["verdict"] == "disparity").any() for r in results)
    assert 0 < alarms / 300 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_audits_that_are_read_together_share_their_level() -> None:
    """p = .03 in a family of one: found at .05, not at .05 / 3; and the interval is that of 1 - .05 / 3."""
    one = row(value=stats.t.isf(0.015, 100.0) * 0.02)
    (alone,), plan = decide([result(one)])
    (shared,), other = decide([result(one)], alpha=0.05 / 3)
    assert (alone.disparities["verdict"][0], shared.disparities["verdict"][0]) == ("disparity", "inconclusive")
    assert (plan["alpha"], other["alpha"]) == (0.05, 0.05 / 3)
    assert plan["digest"] != other["digest"]
    half = stats.t.isf(0.05 / 6, 100.0) * 0.02
    assert shared.disparities["adjusted_high"][0] - one["value"] == pytest.approx(half)

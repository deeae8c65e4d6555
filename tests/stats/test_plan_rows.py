"""What a plan makes of an audit: which rows count, and that nothing it names is lost."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import KINDS, MEAN_OF_OTHERS, Plan, PlanRow
from fairaudit.core.result import DISPARITY_COLUMNS, Failure, IndicatorResult
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.plan_rows import apply_plan, price_of_groups, shipped_rows
from fairaudit.stats.verdicts import decide
from tests.stats.disparity_rows import group_row, result, row

FAILED = Failure("y", "requirements", "y needs predictions.", "Add a label head.", "faces")
NOWHERE = Failure("z", "requirements", "z needs a data set of memes; none was given.", "Add one.")


def plan(*rows: dict[str, Any], **changes: Any) -> Plan:
    usual = {"indicator": "x", "metric": "hit", "feature": "gender", "kind": "one_vs_rest"}
    return Plan(tuple(PlanRow(**{**usual, **one}) for one in rows), **changes)


def indicator(name: str) -> Indicator:
    return Indicator(name, "3", f"Title of {name}", "What?", "people", object, lambda **_: None)  # type: ignore[arg-type]


def families(results: tuple[IndicatorResult, ...]) -> list[list[str]]:
    return [list(r.disparities["family"].map({"primary": "P", "exploratory": "-"})) for r in results]


TABLE = [
    row(group="a", reference="all others"),
    row(group="b", reference="all others"),
    row(group="a", reference="b", kind="reference"),
    row(group="", reference="", kind="gap"),
    row(group="", reference="", kind="gap", measure="ratio"),
    row(group="", reference="", kind="omnibus"),
    row(feature="age", kind="slope", measure="per_step", group="", reference=""),
    row(feature="age", kind="concentration", measure="index", group="", reference=""),
    row(metric="raw", group="a", reference="all others", family="exploratory"),
    row(group="a", reference="all others", control="old"),
]


@pytest.mark.parametrize(
    ("named", "primary"),
    [
        ({}, {0, 1}),
        ({"group": "b"}, {1}),
        ({"reference": "all others"}, {0, 1}),
        ({"kind": "reference"}, {2}),
        ({"kind": "gap"}, {3}),
        ({"kind": "gap", "measure": "ratio"}, {4}),
        ({"kind": "omnibus"}, {5}),
        ({"feature": "age", "kind": "slope"}, {6}),
        ({"feature": "age", "kind": "concentration", "measure": "index"}, {7}),
        ({"metric": "raw"}, {8}),
        ({"dataset": "data"}, {0, 1}),
    ],
)
def test_a_plan_row_means_the_rows_with_its_values(named: dict[str, str], primary: set[int]) -> None:
    (found,) = apply_plan(plan(named, tolerance=0.07), [result(*TABLE)])
    frame = found.disparities
    assert set(np.flatnonzero(frame["family"] == "primary")) == primary
    assert frame["tolerance"].tolist() == pytest.approx([0.07 if i in primary else 0.05 for i in range(len(TABLE))])
    assert tuple(frame.columns) == DISPARITY_COLUMNS


def test_every_row_has_the_tolerance_of_its_plan_row() -> None:
    two = plan({"tolerance": 0.02, "group": "a"}, {"group": "b"}, {"kind": "gap", "tolerance": 0.3}, tolerance=0.1)
    (found,), document = decide([result(*TABLE)], two)
    assert found.disparities["tolerance"].tolist()[:4] == pytest.approx([0.02, 0.1, 0.05, 0.3])
    assert document == two.document()


def test_a_row_without_a_tolerance_keeps_that_of_the_indicator() -> None:
    (found,), document = decide([result(row(tolerance=0.003))], plan({}))
    assert found.disparities["tolerance"].tolist() == [0.003]
    assert document["tolerance"] is None
    assert "tolerance" not in document["primary"][0]


OTHERS = [
    row(group=group, reference=reference) for reference in ("all others", MEAN_OF_OTHERS) for group in ("a", "b", "c")
]


@pytest.mark.parametrize(
    ("rows", "named", "primary"),
    [
        (OTHERS, {}, {0, 1, 2}),
        (OTHERS, {"reference": "all others"}, {0, 1, 2}),
        (OTHERS, {"reference": MEAN_OF_OTHERS}, {3, 4, 5}),
        (OTHERS, {"reference": MEAN_OF_OTHERS, "group": "b"}, {4}),
        (OTHERS, {"group": "b"}, {1}),
        ([row(group="a", reference="b"), row(group="a", reference=MEAN_OF_OTHERS)], {}, {0}),  # two groups
    ],
)
def test_a_row_without_a_reference_is_never_against_the_mean_of_the_others(
    rows: list[dict[str, Any]], named: dict[str, str], primary: set[int]
) -> None:
    (found,) = apply_plan(plan(named), [result(*rows)])
    assert set(np.flatnonzero(found.disparities["family"] == "primary")) == primary


def test_both_references_can_be_planned() -> None:
    (found,) = apply_plan(plan({}, {"reference": MEAN_OF_OTHERS}), [result(*OTHERS)])
    assert set(found.disparities["family"]) == {"primary"}


def test_a_row_without_a_data_set_means_all_on_which_the_indicator_ran() -> None:
    both = [result(row(), dataset="one"), result(row(), dataset="two"), result(row(), indicator="y")]
    assert families(apply_plan(plan({}), both)) == [["P"], ["P"], ["-"]]
    assert families(apply_plan(plan({"dataset": "two"}), both)) == [["-"], ["P"], ["-"]]


def test_what_is_not_planned_is_exploratory_and_costs_nothing() -> None:
    se = 0.1 / 2.2  # p = .03: a disparity alone, none among two
    rows = [row(0.1, se), row(0.1, se, feature="age"), row(0.1, se, feature="skin")]
    (without,), _ = decide([result(*rows)])
    assert set(without.disparities["verdict"]) == {"inconclusive"}
    (found,), _ = decide([result(*rows)], plan({"feature": "age"}))
    assert list(found.disparities["verdict"]) == ["", "disparity", ""]
    p = found.disparities["p_value"]
    assert found.disparities["p_adjusted"].tolist() == pytest.approx(p.tolist())  # Holm of one, BH of two equal
    assert found.disparities.loc[[0, 2], ["ci_low_adjusted", "min_detectable"]].isna().all(axis=None)


def test_a_decided_audit_can_be_decided_by_another_plan() -> None:
    first, _ = decide([result(row(), row(feature="age"))])
    (again,), _ = decide(first, plan({"feature": "age"}))
    (fresh,), _ = decide([result(row(), row(feature="age"))], plan({"feature": "age"}))
    pd.testing.assert_frame_equal(again.disparities, fresh.disparities)


def test_the_input_is_not_changed() -> None:
    one = result(*TABLE)
    before = one.disparities.copy()
    decide([one], plan({"kind": "gap"}, {"indicator": "y"}), failures=[FAILED])
    pd.testing.assert_frame_equal(one.disparities, before)


# What could not be compared stays in the output, with its reason.


def unmet(results: tuple[IndicatorResult, ...]) -> list[tuple[str, str, str, str]]:
    return [
        (r.indicator, r.dataset, one["verdict"], one["note"])
        for r in results
        for one in r.disparities.to_dict("records")
        if one["family"] == "primary" and one["status"] == "not_estimable"
    ]


def test_an_indicator_that_failed_leaves_a_row_that_is_not_estimable() -> None:
    named = plan({}, {"indicator": "y", "tolerance": 0.2}, {"indicator": "y", "feature": "age", "kind": "slope"})
    results, _ = decide([result(row())], named, failures=[FAILED], indicators=[indicator("y")])
    reason = "the indicator could not run: y needs predictions."
    assert unmet(results) == [("y", "faces", "not_estimable", reason)] * 2
    made = results[1]
    assert (made.title, made.question, made.version) == ("Title of y", "What?", "3")
    assert made.disparities["tolerance"].tolist() == pytest.approx([0.2, np.nan], nan_ok=True)
    assert made.disparities[["value", "p_value", "p_adjusted", "ci_low_adjusted"]].isna().all(axis=None)
    assert (made.disparities["n"] == 0).all()
    assert made.groups.empty
    assert list(results[0].disparities["p_adjusted"]) == list(results[0].disparities["p_value"])  # costs nothing


def test_a_failure_on_one_of_two_data_sets_is_told_beside_the_result_of_the_other() -> None:
    ran = result(row(), indicator="y", dataset="homes")
    results, _ = decide([ran], plan({"indicator": "y"}), failures=[FAILED])
    assert families(results) == [["P"], ["P"]]
    assert unmet(results) == [("y", "faces", "not_estimable", "the indicator could not run: y needs predictions.")]
    results, _ = decide([ran], plan({"indicator": "y", "dataset": "homes"}), failures=[FAILED])
    assert unmet(results) == []


def test_no_data_set_for_the_indicator_is_a_reason_too() -> None:
    reason = "the indicator could not run: z needs a data set of memes; none was given."
    results, _ = decide([], plan({"indicator": "z"}), failures=[NOWHERE])
    assert unmet(results) == [("z", "", "not_estimable", reason)]
    results, _ = decide([], plan({"indicator": "z", "dataset": "memes"}), failures=[NOWHERE])
    assert unmet(results) == [("z", "memes", "not_estimable", reason)]
    assert results[0].title == "Z"


def test_an_indicator_that_was_not_run_is_a_row_and_one_that_does_not_exist_an_error() -> None:
    results, _ = decide([result(row())], plan({}, {"indicator": "other"}), indicators=[indicator("other")])
    assert unmet(results) == [("other", "", "not_estimable", "other is not among the indicators of this audit")]
    with pytest.raises(ConfigError, match=r"indicator of plan row 2 must be one of: other, x; got 'othr'. Did you"):
        decide([result(row())], plan({}, {"indicator": "othr"}), indicators=[indicator("other")])


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([group_row(), group_row(group=NOT_RECORDED)],
         "only one group of gender is recorded ('female'); a comparison needs two"),
        ([group_row("overall", "overall", status="not_estimable", note="the head knows no such label")],
         "the head knows no such label"),
        ([group_row("overall", "overall"), group_row(group="a", status="not_estimable", note="no image"),
          group_row(group="b", status="not_estimable", note="no image")], "no image"),
        ([group_row("overall", "overall")], "no sensitive feature is recorded, so nothing is compared"),
    ],
)  # fmt: skip
def test_what_was_measured_and_could_not_be_compared_is_a_row_with_the_reason(
    groups: list[dict[str, Any]], reason: str
) -> None:
    results, _ = decide([result(groups=groups)], plan({}))
    assert len(results) == 1
    assert unmet(results) == [("x", "data", "not_estimable", reason)]


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ({"metric": "hits"}, "metric of plan row 2 (x) must be one of: hit, raw; got 'hits'. Did you mean 'hit'?"),
        ({"feature": "gendre"}, "feature of plan row 2 (x) must be one of: age, gender; got 'gendre'. "
                                "Did you mean 'gender'?"),
        ({"kind": "slope"}, "kind of plan row 2 (x) must be one of: gap, omnibus, one_vs_rest, reference; got 'slope'. "
                            "Choose one of them."),
        ({"measure": "ratio"}, "measure of plan row 2 (x) must be one of: difference; got 'ratio'."),
        ({"group": "c"}, "group of plan row 2 (x) must be one of: a, b; got 'c'."),
        ({"group": "a", "reference": "none"}, "reference of plan row 2 (x) must be one of: all others; got 'none'."),
        ({"dataset": "dada"}, "dataset of plan row 2 (x) must be one of: data; got 'dada'. Did you mean 'data'?"),
    ],
)  # fmt: skip
def test_a_name_that_the_audit_does_not_have(named: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        decide([result(*TABLE)], plan({"metric": "raw"}, named))
    assert str(caught.value).startswith(text)


def test_an_indicator_that_compares_nothing_of_the_kind() -> None:
    groups = [group_row(group="a"), group_row(group="b")]
    with pytest.raises(ConfigError) as caught:
        decide([result(groups=groups)], plan({}))
    assert str(caught.value) == (
        "plan row 1 must name a comparison that the audit makes; got kind 'one_vs_rest' of gender on hit, which x does "
        "not compare. Remove the row."
    )
    with pytest.raises(ConfigError, match=r"metric of plan row 1 \(x\) must be one of: hit; got 'hot'"):
        decide([result(groups=groups)], plan({"metric": "hot"}))


# The shipped default, made explicit, is the plan that is applied without one.


def measured(rng: np.random.Generator, **tolerances: Any) -> list[IndicatorResult]:
    n = 400
    frame = pd.DataFrame({
        "sample_id": [str(i) for i in range(n)], "path": "", "cluster_id": np.arange(n) // 2, "split": "", "label": "",
        "text": "", "gender": rng.choice(["female", "male"], n), "tone": rng.choice(["light", "middle", "dark"], n),
        "region": rng.choice(["A", "B", "C", NOT_RECORDED], n),
    })  # fmt: skip
    features = (
        Feature("gender", ("female", "male"), "annotated", "?"),
        Feature("tone", ("light", "middle", "dark"), "annotated", "?", ordered=True),
        Feature("region", ("A", "B", "C"), "annotated", "?"),
    )
    samples = Samples("faces", "x", "people", Path(), frame, features, "image", "CC0")
    hit = rng.binomial(1, np.where(frame["gender"] == "male", 0.8, 0.5)).astype(float)
    outcomes = [Outcomes(name, hit, frame["cluster_id"].to_numpy()) for name in ("hit", "raw")]
    cohort = Cohort.of(samples, "x", numeric={"income": (rng.normal(size=n), "per_doubling")})
    found = measure(cohort, outcomes, headline="hit", **tolerances)
    made = indicator("x").result(dataset="faces", headline="hit", measured=found, params=tolerances, metrics={})
    return [made, dataclasses.replace(made, indicator="y", headline="raw")]


@pytest.mark.parametrize("tolerances", [{}, {"tolerance": 0.04, "slope_tolerance": 0.02}])
def test_the_shipped_plan_made_explicit_gives_the_same_tables(
    rng: np.random.Generator, tolerances: dict[str, float]
) -> None:
    results = measured(rng, **tolerances)
    shipped = shipped_rows(results)
    of_difference, of_slope = (tolerances.get(name) for name in ("tolerance", "slope_tolerance"))
    assert [(r.feature, r.kind, r.measure, r.tolerance) for r in shipped if r.indicator == "x"] == [
        ("gender", "one_vs_rest", "difference", of_difference), ("tone", "slope", "per_step", of_slope),
        ("tone", "one_vs_rest", "difference", of_difference), ("region", "one_vs_rest", "difference", of_difference),
        ("income", "slope", "per_doubling", of_slope),
    ]  # fmt: skip
    without, document = decide(results)
    explicit, same = decide(results, Plan(shipped, name="shipped default"))
    for one, two in zip(without, explicit, strict=True):
        pd.testing.assert_frame_equal(one.disparities, two.disparities)
    assert document == same
    assert set(without[0].disparities["verdict"]) >= {"disparity", ""}


@pytest.mark.parametrize(
    ("alpha", "times"),
    [(0.05, (2.7729 + 0.8416) / (2.3940 + 0.8416)), (0.01, (3.2610 + 0.8416) / (2.9352 + 0.8416))],
)
def test_the_price_of_the_groups_of_an_order(alpha: float, times: float) -> None:
    """One slope with six groups beside two other rows: three tests become nine. Normal quantiles of a table."""
    rows = [row(feature="age", kind="slope", measure="per_step", group="", reference="")]
    rows += [row(feature="age", group=g, reference="all others") for g in "abcdef"]
    rows += [row(feature="tone", group=g) for g in "ab"] + [row(feature="tone", family="exploratory")]
    rows += [row(feature="age", group="g", p_value=None, status="too_few")]  # not tested, so it costs nothing
    stacked = result(*rows).disparities.assign(indicator="x", dataset="data")
    without, family, found = price_of_groups(stacked, alpha=alpha)
    assert (without, family) == (3, 9)
    assert found == pytest.approx(times, abs=5e-4)
    assert price_of_groups(stacked[stacked["feature"] == "tone"], alpha=alpha) == (2, 2, 1.0)


def test_kinds_of_the_shipped_plan_are_kinds_of_a_plan(rng: np.random.Generator) -> None:
    assert {r.kind for r in shipped_rows(measured(rng))} <= set(KINDS)


def test_a_tolerance_of_a_slope_fits_into_the_range_of_its_order() -> None:
    slope = row(feature="age", kind="slope", measure="per_step", group="", reference="")
    groups = [group_row("age", str(g), n=40 * (g < 5)) for g in range(6)] + [group_row("age", NOT_RECORDED)]
    data = result(slope, groups=groups)
    named = {"feature": "age", "kind": "slope"}
    (found,) = apply_plan(plan(named, tolerance=0.25), [data])
    assert found.disparities["tolerance"].tolist() == [0.25]
    with pytest.raises(ConfigError) as caught:
        apply_plan(plan({}, {**named, "tolerance": 0.3}), [result(row(), slope, groups=groups)])
    assert str(caught.value) == (
        "tolerance of plan row 2 (slope of age) must be at most 0.25 for each of its 4 steps; got 0.3, a difference "
        "above 1 from the first group to the last. Lower it in the row."
    )
    unbounded = dataclasses.replace(data, params={"bounded": False})
    assert apply_plan(plan({**named, "tolerance": 0.3}), [unbounded])[0].disparities["tolerance"].tolist() == [0.3]

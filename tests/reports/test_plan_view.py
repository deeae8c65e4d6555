"""What a report shows of the plan: its name, its digest, its rows, and what it names but nobody could compare."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any

import pandas as pd
import pytest

from fairaudit.auditing.comparison import Comparison
from fairaudit.core.audit import AuditResult
from fairaudit.core.plan import KINDS, MEAN_OF_OTHERS, TOLERANCE_RULE, Plan, PlanRow
from fairaudit.core.result import Failure
from fairaudit.reports.comparison import render_comparison
from fairaudit.reports.html import fragment, render
from fairaudit.reports.plan_view import plan_rows, price
from fairaudit.reports.wording import lines
from fairaudit.stats.verdicts import decide

PLAN = Plan(
    (
        PlanRow("hate_speech", "auroc", "target", "one_vs_rest", tolerance=0.1),
        PlanRow("copies", "hit", "income", "slope", dataset="homes"),
    ),
    alpha=0.01,
    name="release <b>check</b>",
)
FAILED = Failure("copies", "requirements", "copies needs pairs.", "Add some.", "homes")


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def planned(small_audit: AuditResult) -> AuditResult:
    """The small audit decided by ``PLAN``, of which one row has no result."""
    results, plan = decide(small_audit.results, PLAN, failures=[FAILED])
    return dataclasses.replace(small_audit, results=results, plan=plan, failures=(FAILED,))


def test_name_level_digest_and_rows_stand_where_the_audit_says_how_it_was_made(planned: AuditResult) -> None:
    page = render(planned)
    made = text_of(page[page.index('<section id="provenance"') :])
    assert "Plan release <b>check</b>, family-wise level 0.01 by Holm's method" in made
    assert f"Plan (SHA-256) {PLAN.digest}" in made
    assert "hate_speech all auroc target each group against all others in this sample 0.100" in made
    assert "copies homes hit income trend along income by the rule" in made
    assert f"Tolerance by the rule: {TOLERANCE_RULE}." in made
    assert "release <b>" not in page


def test_a_row_without_a_result_is_told_on_the_page_in_the_notebook_and_on_the_terminal(planned: AuditResult) -> None:
    said = "income: trend along income on hit cannot be estimated: the indicator could not run: copies needs pairs."
    assert said in text_of(render(planned))
    assert said in text_of(fragment(planned))
    told = lines(planned)
    assert f"  — {said}" in told
    assert told[told.index(f"  — {said}") - 1] == "Copies (homes)"


def test_a_result_without_a_data_set_says_so(planned: AuditResult) -> None:
    nowhere = [dataclasses.replace(r, dataset="") if r.indicator == "copies" else r for r in planned.results]
    audit = dataclasses.replace(planned, results=tuple(nowhere))
    assert "Copies (no data set)" in lines(audit)
    assert "Copies (no data set)" in text_of(fragment(audit))
    assert "Planned comparisons on no data set" in text_of(render(audit))


def test_a_result_without_values_does_not_hide_that_of_another_checkpoint(small_audit: AuditResult) -> None:
    (measured,) = small_audit.results
    plan = Plan((PlanRow(measured.indicator, "other", "target", "gap", dataset=measured.dataset),))
    failed = dataclasses.replace(FAILED, indicator=measured.indicator, dataset=measured.dataset)
    empty = dataclasses.replace(small_audit, results=decide([], plan, failures=[failed])[0])
    for audits in ({"a": empty, "b": small_audit}, {"a": small_audit, "b": empty}):
        text = text_of(render_comparison(audits, title="Two"))
        assert "Without a comparable result" not in text
        assert measured.title in text
        assert measured.groups["group"].iloc[1] in text
        assert "gap between highest and lowest group" in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words(kind: str) -> None:
    (view,) = plan_rows(Plan((PlanRow("x", "hit", "age", kind),)).document())
    assert (
        view.comparison
        == {
            "one_vs_rest": "each group against all others in this sample",
            "reference": "each group against the reference",
            "gap": "gap between highest and lowest group",
            "slope": "trend along age",
            "concentration": "concentration along age",
            "departure": "departure from a line along age",
            "omnibus": "all groups equal",
        }[kind]
    )


def test_a_plan_may_name_the_mean_of_the_others() -> None:
    (view,) = plan_rows(Plan((PlanRow("x", "hit", "age", "one_vs_rest", reference=MEAN_OF_OTHERS),)).document())
    assert view.comparison == "each group against the unweighted mean of the other groups"


def test_the_shipped_plan_says_what_the_groups_of_an_order_cost(small_audit: AuditResult) -> None:
    (one,) = small_audit.results
    first = one.disparities.iloc[[0]].assign(p_value=0.2, family="primary", control="")
    slope = first.assign(feature="age", kind="slope", measure="per_step", group="", reference="")
    groups = [first.assign(feature="age", kind="one_vs_rest", group=g) for g in "abcdef"]
    frame = pd.concat([first.assign(feature="tone"), slope, *groups], ignore_index=True)
    results, plan = decide([dataclasses.replace(one, disparities=frame, comparisons=())])
    audit = dataclasses.replace(small_audit, results=results, plan=plan)
    times = (2.7344 + 0.8416) / (2.2414 + 0.8416)  # normal quantiles of .05 / 16 and .05 / 4
    said = (
        "An ordered feature is compared by its slope and by its groups. That makes 8 tested rows of 2, and the least "
        f"difference that each can detect {times:.2f} times as large."
    )
    assert said in text_of(render(audit))
    assert price(dataclasses.replace(audit, plan={**plan, "name": "mine"})) == ""
    assert price(small_audit) == ""


@pytest.mark.parametrize("plan", [{}, {"primary": []}, {"primary": [{}]}, {"primary": [{"indicator": "x"}]}])
def test_a_plan_of_another_version_is_still_shown(small_audit: AuditResult, plan: dict[str, Any]) -> None:
    page = text_of(render(dataclasses.replace(small_audit, plan=plan)))
    assert "Plan not recorded" in page
    assert ("It names no comparison." in page) == (not plan.get("primary"))


def test_difference_and_ratio_of_one_gap_stand_apart_in_a_comparison(small_audit: AuditResult) -> None:
    (one,) = small_audit.results
    frame = one.disparities.iloc[[0, 0]].assign(kind="gap", measure=["difference", "ratio"], group="", value=[0.2, 0.7])
    both = dataclasses.replace(small_audit, results=(dataclasses.replace(one, disparities=frame),))
    swapped = dataclasses.replace(small_audit, results=(dataclasses.replace(one, disparities=frame.iloc[::-1]),))
    table = Comparison.of([both, swapped], names=["a", "b"]).disparities
    assert table["a"]["value"].to_dict() == table["b"]["value"].to_dict()
    assert sorted(table["a"]["value"]) == [0.2, 0.7]

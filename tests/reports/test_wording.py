"""The sentences, by their exact text, and what must never be said."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.result import DISPARITY_COLUMNS, table
from fairaudit.reports import wording
from fairaudit.reports.disparity_view import primary_rows
from tests.stats.disparity_rows import group_row, result

BASE = {
    "metric": "hit@5", "feature": "region", "kind": "one_vs_rest", "measure": "difference", "group": "Africa",
    "reference": "all others", "value": -0.0871, "ci_low": -0.12, "ci_high": -0.05, "p_adjusted": 0.004,
    "family": "primary", "min_detectable": 0.0421, "tolerance": 0.05, "verdict": "disparity", "status": "ok",
    "ci_low_adjusted": -0.1331, "ci_high_adjusted": -0.0419,
}  # fmt: skip


def row(**changes: Any) -> dict[Any, Any]:
    return table([BASE | changes], DISPARITY_COLUMNS).to_dict("records")[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {},
            "region: Africa is lower than all others in this sample on hit@5, by at least 0.041 "
            "(estimate −0.087, adjusted interval −0.134 to −0.041).",
        ),
        (
            {"value": 0.0871, "ci_low_adjusted": 0.0419, "ci_high_adjusted": 0.1331, "control": "object: stove"},
            "region: Africa is higher than all others in this sample on hit@5 within object: stove, by at least 0.041 "
            "(estimate 0.087, adjusted interval 0.041 to 0.134).",
        ),
        (
            {"family": "exploratory", "p_adjusted": 0.2, "control": "standardised by topic", "ci_low_adjusted": None,
             "ci_high_adjusted": None},
            "No difference seen: region, Africa against all others in this sample on hit@5 standardised by topic, "
            "estimate −0.087, interval −0.120 to −0.050.",
        ),
        (
            {"ci_high_adjusted": 0.0},
            "region: Africa is lower than all others in this sample on hit@5, by an amount that may be very small "
            "(estimate −0.087, adjusted interval −0.134 to 0.000).",
        ),
        (
            {"ci_low_adjusted": None, "ci_high_adjusted": None},
            "region: Africa is lower than all others in this sample on hit@5, by at least 0.050 "
            "(estimate −0.087, interval −0.120 to −0.050).",
        ),
        (
            {"measure": "ratio", "value": 0.8, "ci_low_adjusted": 0.7, "ci_high_adjusted": 0.9},
            "region: Africa is lower than all others in this sample on hit@5, by at least 0.100 as a ratio "
            "(estimate 0.800, adjusted interval 0.700 to 0.900).",
        ),
        (
            {"extent": "beyond_tolerance", "tolerance": 0.02},
            "region: Africa is lower than all others in this sample on hit@5, by at least 0.041, beyond tolerance "
            "(0.020) (estimate −0.087, adjusted interval −0.134 to −0.041).",
        ),
        (
            {"extent": "below_tolerance", "tolerance": 0.2, "reference": MEAN_OF_OTHERS},
            "region: Africa is lower than the unweighted mean of the other groups on hit@5, by at least 0.041, smaller "
            "than the tolerance (0.200) (estimate −0.087, adjusted interval −0.134 to −0.041).",
        ),
        (
            {"kind": "departure", "measure": "", "group": "", "reference": ""},
            "region: the groups do not follow a line on hit@5 (adjusted p 0.004).",
        ),
        (
            {"kind": "departure", "measure": "", "group": "", "reference": "", "verdict": "inconclusive",
             "p_adjusted": 0.3},
            "region: no departure from a line along region on hit@5 is shown, and none is ruled out (adjusted p "
            "0.300).",
        ),
        (
            {"kind": "reference", "reference": "Europe"},
            "region: Africa is lower than Europe on hit@5, by at least 0.041 "
            "(estimate −0.087, adjusted interval −0.134 to −0.041).",
        ),
        (
            {"feature": "income", "kind": "slope", "measure": "per_doubling", "group": "", "reference": "",
             "value": 0.034, "ci_low_adjusted": 0.0184, "ci_high_adjusted": 0.0496},
            "income: with each doubling of income, hit@5 rises by at least 0.018 "
            "(estimate 0.034, adjusted interval 0.018 to 0.050).",
        ),
        (
            {"feature": "age", "kind": "slope", "measure": "per_step", "group": "", "reference": ""},
            "age: with each step of age, hit@5 falls by at least 0.041 "
            "(estimate −0.087, adjusted interval −0.134 to −0.041).",
        ),
        (
            {"kind": "gap", "group": "", "reference": "", "value": 0.2, "ci_low_adjusted": 0.1,
             "ci_high_adjusted": 0.3},
            "region: the gap between highest and lowest group on hit@5 is away from zero by at least 0.100 "
            "(estimate 0.200, adjusted interval 0.100 to 0.300).",
        ),
        (
            {"kind": "omnibus", "group": "", "reference": ""},
            "region: the groups differ on hit@5 (adjusted p 0.004).",
        ),
        (
            {"verdict": "inconclusive", "ci_high_adjusted": 0.0219},
            "region: Africa against all others in this sample on hit@5: could be as large as 0.134; with this data "
            "only 0.043 or more could be seen (estimate −0.087, adjusted interval −0.134 to 0.022).",
        ),
        (
            {"verdict": "inconclusive", "ci_high_adjusted": 0.0219, "min_detectable": None},
            "region: Africa against all others in this sample on hit@5: could be as large as 0.134; how small a "
            "difference this data could show is not known (estimate −0.087, adjusted interval −0.134 to 0.022).",
        ),
        (
            {"verdict": "inconclusive", "feature": "income", "kind": "slope", "measure": "per_doubling", "group": "",
             "reference": "", "value": 0.01, "ci_low_adjusted": -0.01, "ci_high_adjusted": 0.03},
            "income: trend per doubling of income on hit@5: could be as large as 0.030; with this data only 0.043 or "
            "more could be seen (estimate 0.010, adjusted interval −0.010 to 0.030).",
        ),
        (
            {"verdict": "inconclusive", "kind": "omnibus", "group": "", "p_adjusted": 0.2},
            "region: no difference between the groups on hit@5 is shown, and none is ruled out (adjusted p 0.200).",
        ),
        (
            {"verdict": "within_tolerance", "value": 0.004, "ci_low_adjusted": -0.02, "ci_high_adjusted": 0.028},
            "region: Africa against all others in this sample on hit@5: within the tolerance of 0.050 "
            "(estimate 0.004, adjusted interval −0.020 to 0.028).",
        ),
        (
            {"verdict": "not_estimable", "status": "not_estimable", "value": None, "note": "12 clusters; 20 needed."},
            "region: Africa against all others in this sample on hit@5 cannot be estimated: 12 clusters; 20 needed.",
        ),
        (
            {"verdict": "not_estimable", "status": "too_few", "note": "14 independent units; at least 20 are needed"},
            "region: Africa against all others in this sample on hit@5 gets no verdict: 14 independent units; at "
            "least 20 are needed.",
        ),
        (
            {"verdict": "not_estimable", "status": "too_few", "value": None, "note": ""},
            "region: Africa against all others in this sample on hit@5 cannot be estimated: no reason was recorded.",
        ),
        (
            {"family": "exploratory", "verdict": "", "ci_low_adjusted": None, "ci_high_adjusted": None,
             "p_adjusted": 0.01},
            "Exploratory difference, not a finding: region, Africa against all others in this sample on hit@5, "
            "estimate −0.087, interval −0.120 to −0.050.",
        ),
        (
            {"family": "exploratory", "verdict": "", "ci_low_adjusted": None, "ci_high_adjusted": None,
             "p_adjusted": 0.3},
            "No difference seen: region, Africa against all others in this sample on hit@5, estimate −0.087, interval "
            "−0.120 to −0.050.",
        ),
    ],
)  # fmt: skip
def test_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert wording.sentence(row(**changes)) == sentence


def test_an_exploratory_row_is_never_called_a_disparity() -> None:
    shown = wording.word(row(family="exploratory", verdict="disparity", p_adjusted=0.0001))
    assert shown.text == "Exploratory difference"
    assert wording.word(row(family="exploratory", verdict="", p_adjusted=0.9)).text == "No difference seen"
    assert wording.word(row(family="exploratory", verdict="", status="too_few")).text == "Not estimable"


@pytest.mark.parametrize(
    ("counts", "failures", "sentence"),
    [
        ({"disparity": 2, "inconclusive": 3}, 0, "2 of 5 planned comparisons show a disparity, none of them beyond "
         "tolerance."),
        ({"disparity": 1}, 1, "1 of 1 planned comparison shows a disparity, not beyond tolerance. 1 indicator could "
         "not run."),
        (
            {"inconclusive": 2, "not_estimable": 1, "within_tolerance": 1}, 0,
            "None of 4 planned comparisons shows a disparity. That does not rule one out: 3 are inconclusive or not "
            "estimable.",
        ),
        (
            {"within_tolerance": 2}, 0,
            "None of 2 planned comparisons shows a disparity. Each is within its tolerance; what was not planned or "
            "not labelled is not covered.",
        ),
        (
            {}, 2,
            "No planned comparison could be made, so nothing is shown and nothing is ruled out. 2 indicators could "
            "not run.",
        ),
    ],
)  # fmt: skip
def test_tally(counts: dict[str, int], failures: int, sentence: str) -> None:
    assert wording.tally(counts, failures=failures) == sentence


def test_the_tally_says_how_many_are_beyond_tolerance() -> None:
    counts = {"disparity": 2, "inconclusive": 3}
    assert wording.tally(counts, beyond=1) == (
        "2 of 5 planned comparisons show a disparity, 1 of them beyond tolerance."
    )
    assert wording.tally({"disparity": 1}, beyond=1) == "1 of 1 planned comparison shows a disparity, beyond tolerance."


RATIO = {"measure": "ratio", "family": "exploratory", "value": 4.08, "ci_low": 2.94, "ci_high": 5.57, "verdict": "",
         "ci_low_adjusted": None, "ci_high_adjusted": None}  # fmt: skip


@pytest.mark.parametrize(
    ("overall", "ratio", "said"),
    [
        (0.02, RATIO, "4.1 times, 2.9 to 5.6"),
        (0.02, {**RATIO, "ci_low_adjusted": 2.16, "ci_high_adjusted": 7.82}, "4.1 times, 2.1 to 7.9"),
        (0.02, {**RATIO, "ci_high": None}, "4.1 times, 2.9 to infinity"),  # as JSON holds it
        (0.02, {**RATIO, "ci_low_adjusted": 2.16}, "4.1 times, 2.1 to infinity"),
        (0.2, RATIO, ""),  # not rare
        (0.95, RATIO, ""),  # the ratio of misses would be the one to tell
        (0.02, {**RATIO, "group": "Asia"}, ""),
        (0.02, {**RATIO, "control": "object: stove"}, ""),
        (0.02, {**RATIO, "reference": MEAN_OF_OTHERS}, ""),
        (0.02, {**RATIO, "status": "not_estimable", "value": None, "ci_low": None}, ""),
        (0.02, None, ""),
    ],
)
def test_the_ratio_stands_beside_the_difference_of_a_rare_outcome(
    overall: float, ratio: dict[str, Any] | None, said: str
) -> None:
    rows = [row(), *([] if ratio is None else [row(**ratio)])]
    found = result(*rows, groups=[group_row("overall", "overall", "hit@5", value=overall)])
    (view,) = primary_rows(found)
    assert view.ratio == said
    plain = wording.sentence(row()).removesuffix(".")
    assert view.sentence == f"{plain}; {said}." if said else f"{plain}."


SLOPE = {"feature": "age", "kind": "slope", "measure": "per_step", "group": "", "reference": ""}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p_adjusted": 0.0004}, "; the groups do not follow a line (adjusted p <0.001): see each group."),
        ({"p_adjusted": 0.2}, "."),
        ({"p_adjusted": None, "status": "not_estimable"}, "."),
        ({"p_adjusted": 0.0004, "feature": "income"}, "."),
    ],
)
def test_a_slope_says_where_its_line_does_not_hold(changes: dict[str, Any], said: str) -> None:
    departure = {**SLOPE, "kind": "departure", "measure": "", "family": "exploratory", "verdict": "", **changes}
    (view,) = primary_rows(result(row(**SLOPE), row(**departure)))
    assert view.sentence == wording.sentence(row(**SLOPE)).removesuffix(".") + said


def test_lines_for_a_terminal(small_audit: AuditResult, hostile_audit: AuditResult) -> None:
    lines = wording.lines(small_audit)
    assert lines[0].startswith("None of 3 planned comparisons shows a disparity.")
    assert lines[2] == "Hate speech detection (memes)"
    assert lines[3].startswith(
        "  ? target: religion against all others in this sample on auroc: could be as large as 0.116;"
    )
    assert lines[-1] == "self-test: passed; planted disparities found 60 of 60."
    assert lines[-3] == (
        "copy_robustness could not run: It needs near-duplicate pairs, and no data set gives them. "
        "Add a data set of the reader 'copydays'."
    )
    # An escape sequence in a name must not reach the terminal.
    assert not any(re.search("[\x00-\x08\x1b\u202e\ud800]", line) for line in wording.lines(hostile_audit))


def test_words_that_are_never_used(pages: dict[str, str], factory: ModuleType) -> None:
    for text in pages.values():
        assert not re.search(
            r"\b(unbiased|bias-free|compliant|compliance|certified|overall score|fair model)\b", text, re.I
        )

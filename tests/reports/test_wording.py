"""The sentences, by their exact text, and what must never be said."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.core.result import DISPARITY_COLUMNS, table
from fairaudit.reports import wording

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
            "region: Africa is lower than all others on hit@5, by at least 0.041 "
            "(estimate −0.087, adjusted interval −0.134 to −0.041).",
        ),
        (
            {"value": 0.0871, "ci_low_adjusted": 0.0419, "ci_high_adjusted": 0.1331, "control": "object: stove"},
            "region: Africa is higher than all others on hit@5 within object: stove, by at least 0.041 "
            "(estimate 0.087, adjusted interval 0.041 to 0.134).",
        ),
        (
            {"family": "exploratory", "p_adjusted": 0.2, "control": "standardised by topic", "ci_low_adjusted": None,
             "ci_high_adjusted": None},
            "No difference seen: region, Africa against all others on hit@5 standardised by topic, estimate −0.087, "
            "interval −0.120 to −0.050.",
        ),
        (
            {"ci_high_adjusted": 0.0},
            "region: Africa is lower than all others on hit@5, by an amount that may be very small "
            "(estimate −0.087, adjusted interval −0.134 to 0.000).",
        ),
        (
            {"ci_low_adjusted": None, "ci_high_adjusted": None},
            "region: Africa is lower than all others on hit@5, by at least 0.050 "
            "(estimate −0.087, interval −0.120 to −0.050).",
        ),
        (
            {"measure": "ratio", "value": 0.8, "ci_low_adjusted": 0.7, "ci_high_adjusted": 0.9},
            "region: Africa is lower than all others on hit@5, by at least 0.100 as a ratio "
            "(estimate 0.800, adjusted interval 0.700 to 0.900).",
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
            "region: Africa against all others on hit@5: could be as large as 0.134; with this data only 0.043 or more "
            "could be seen (estimate −0.087, adjusted interval −0.134 to 0.022).",
        ),
        (
            {"verdict": "inconclusive", "ci_high_adjusted": 0.0219, "min_detectable": None},
            "region: Africa against all others on hit@5: could be as large as 0.134; how small a difference this data "
            "could show is not known (estimate −0.087, adjusted interval −0.134 to 0.022).",
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
            "region: Africa against all others on hit@5: within the tolerance of 0.050 "
            "(estimate 0.004, adjusted interval −0.020 to 0.028).",
        ),
        (
            {"verdict": "not_estimable", "status": "not_estimable", "value": None, "note": "12 clusters; 20 needed."},
            "region: Africa against all others on hit@5 cannot be estimated: 12 clusters; 20 needed.",
        ),
        (
            {"verdict": "not_estimable", "status": "too_few", "note": "14 independent units; at least 20 are needed"},
            "region: Africa against all others on hit@5 gets no verdict: 14 independent units; at least 20 are needed.",
        ),
        (
            {"verdict": "not_estimable", "status": "too_few", "value": None, "note": ""},
            "region: Africa against all others on hit@5 cannot be estimated: no reason was recorded.",
        ),
        (
            {"family": "exploratory", "verdict": "", "ci_low_adjusted": None, "ci_high_adjusted": None,
             "p_adjusted": 0.01},
            "Exploratory difference, not a finding: region, Africa against all others on hit@5, "
            "estimate −0.087, interval −0.120 to −0.050.",
        ),
        (
            {"family": "exploratory", "verdict": "", "ci_low_adjusted": None, "ci_high_adjusted": None,
             "p_adjusted": 0.3},
            "No difference seen: region, Africa against all others on hit@5, estimate −0.087, interval −0.120 to "
            "−0.050.",
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
        ({"disparity": 2, "inconclusive": 3}, 0, "2 of 5 planned comparisons show a disparity."),
        ({"disparity": 1}, 1, "1 of 1 planned comparison shows a disparity. 1 indicator could not run."),
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


def test_lines_for_a_terminal(small_audit: AuditResult, hostile_audit: AuditResult) -> None:
    lines = wording.lines(small_audit)
    assert lines[0].startswith("None of 3 planned comparisons shows a disparity.")
    assert lines[2] == "Hate speech detection (memes)"
    assert lines[3].startswith("  ? target: religion against all others on auroc: could be as large as 0.116;")
    assert lines[-1] == (
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

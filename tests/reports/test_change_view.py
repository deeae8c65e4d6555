"""Changes in words: every verdict, what may be said of it, and how many there are."""

from __future__ import annotations

from typing import Any

import pytest

from fairaudit.core.result import CHANGE_COLUMNS, table
from fairaudit.reports import change_view

ROW = {
    "baseline": "random", "checkpoint": "swav", "indicator": "x", "dataset": "faces", "metric": "hit@5",
    "feature": "skin_tone", "kind": "one_vs_rest", "measure": "difference", "group": "dark", "reference": "all others",
    "value_before": -0.1, "value": 0.02, "change": 0.12, "ci_low": 0.07, "ci_high": 0.17, "ci_low_adjusted": 0.0604,
    "ci_high_adjusted": 0.1796, "p_adjusted": 0.0004, "verdict": "smaller", "status": "ok",
}  # fmt: skip


def row(**changes: Any) -> dict[Any, Any]:
    return dict(table([{**ROW, **changes}], CHANGE_COLUMNS).to_dict("records")[0])


def test_every_verdict_has_its_word() -> None:
    assert tuple(change_view.WORDS) == ("smaller", "larger", "changed", "not_shown", "not_estimable")
    assert len({word.text for word in change_view.WORDS.values()}) == 5


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("smaller", "the disparity is smaller than in random"),
        ("larger", "the disparity is larger than in random"),
        ("changed", "it changed, but whether the disparity is smaller or larger cannot be told"),
        ("not_shown", "no change is shown, and one of 0.180 is not ruled out"),
    ],
)
def test_sentences(verdict: str, said: str) -> None:
    assert change_view.sentence(row(verdict=verdict)) == (
        "skin tone: dark against all others in this sample on hit@5 went from −0.100 to 0.020 (change 0.120, "
        f"interval 0.060 to 0.180): {said}."
    )


def test_a_change_that_cannot_be_estimated_says_why() -> None:
    none = row(verdict="not_estimable", status="not_estimable", note="3 clusters were lost.", change=None)
    assert change_view.sentence(none) == (
        "skin tone: dark against all others in this sample on hit@5: no change can be estimated, because 3 "
        "clusters were lost."
    )


def test_a_row_as_text() -> None:
    shown = change_view.change_row(row(control="indoors"))
    assert (shown.before, shown.after, shown.change, shown.interval, shown.p) == (
        "−0.100", "0.020", "0.120", "0.060 to 0.180", "<0.001",
    )  # fmt: skip
    assert shown.comparison == "dark against all others in this sample (within indoors)"
    assert change_view.change_row(row(ci_low_adjusted=None, ci_high_adjusted=None)).interval == "0.070 to 0.170"


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ((), "No planned disparity could be compared between checkpoints."),
        (("not_estimable",), "No change against random could be estimated (1 planned disparity)."),
        (("not_estimable",) * 2, "No change against random could be estimated (2 planned disparities)."),
        (("not_shown",) * 2, "No change of 2 disparities against random is shown, and none is ruled out."),
        (("smaller",), "1 of 1 disparity has changed against random: 1 smaller, 0 larger."),
        (("smaller", "larger", "smaller", "changed", "not_shown", "not_estimable"),
         "4 of 5 disparities have changed against random: 2 smaller, 1 larger, 1 that may be either. "
         "1 could not be estimated."),
    ],
)  # fmt: skip
def test_tally(verdicts: tuple[str, ...], said: str) -> None:
    assert change_view.tally(table([{**ROW, "verdict": v} for v in verdicts], CHANGE_COLUMNS)) == said


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"a": 2_300_000, "b": 2_300_000}, "All checkpoints have 2.3 million parameters: no change is due to size."),
        ({"a": 2_000_000, "b": 2_100_000},
         "Checkpoints have 2.0 million to 2.1 million parameters; they are nearly of one size."),
        ({"a": 2_000_000, "b": 4_000_000}, "Checkpoints have 2.0 million to 4.0 million parameters."),
        ({"a": 2_000_000, "b": 5_000_000},
         "The largest checkpoint has 2.5 times the parameters of the smallest: a change may be due to size, not to "
         "method."),
        ({"a": 2_000_000}, "The size of b is not known, so a change may be due to size."),
    ],
)  # fmt: skip
def test_sizes_in_words(sizes: dict[str, int], said: str) -> None:
    assert change_view.size_sentence(sizes, ["a", "b"]) == said

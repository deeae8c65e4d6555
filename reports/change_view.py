"""Changes between checkpoints as text: the only place that words a change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

import pandas as pd

from fairaudit.comparison.model_size import ALIKE, FACTOR
from fairaudit.reports import notation, wording
from fairaudit.reports.wording import Word, keyed

WORDS = keyed(
    Word("smaller", "\u25bc", "Smaller", "within", "The disparity changed, and it is smaller than in the baseline."),
    Word("larger", "\u25b2", "Larger", "disparity", "The disparity changed, and it is larger than in the baseline."),
    Word(
        "changed",
        "\u25c6",
        "Changed",
        "inconclusive",
        "The disparity changed, but whether it is smaller or larger cannot be told.",
    ),
    Word("not_shown", "?", "No change shown", "inconclusive", "No change is shown and none is ruled out."),
    Word("not_estimable", "\u2014", "Not estimable", "none", "The audits do not allow a statement; the row says why."),
)


@dataclass(frozen=True)
class ChangeRow:
    """One change as text (``"n/a"`` for a missing number), with the word and the sentence of its verdict."""

    checkpoint: str
    indicator: str
    dataset: str
    metric: str
    feature: str
    comparison: str
    before: str
    after: str
    change: str
    interval: str
    p: str
    note: str
    word: Word
    sentence: str

    @property
    def shown(self) -> bool:
        """Return whether a change is shown."""
        return self.word.key in ("smaller", "larger", "changed")


@dataclass(frozen=True)
class RelativeRow:
    """The relative change of one group's value as text; ``"n/a"`` for a missing number."""

    checkpoint: str
    indicator: str
    dataset: str
    metric: str
    feature: str
    group: str
    before: str
    after: str
    relative: str
    interval: str
    note: str


def relative_row(row: Mapping[Any, Any]) -> RelativeRow:
    """Return one row of ``comparison.relative.relative_changes`` as text, in percent of the baseline's value."""
    low, high = _percent(row["ci_low"], ROUND_FLOOR), _percent(row["ci_high"], ROUND_CEILING)  # rounded outwards
    return RelativeRow(
        **{name: str(row[name]) for name in ("checkpoint", "indicator", "dataset", "metric", "feature", "note")},
        group="all images" if row["feature"] == "overall" else str(row["group"]),
        before=notation.number(row["value_before"]),
        after=notation.number(row["value"]),
        relative=_percent(row["relative"]),
        interval="n/a" if "n/a" in (low, high) else f"{low} to {high}",
    )


def _percent(share: float, rounding: str = ROUND_HALF_EVEN) -> str:
    if math.isnan(share):
        return "n/a"
    percent = Decimal(repr(round(100 * float(share), 9))).quantize(Decimal("0.1"), rounding=rounding)
    return f"{percent:+,.1f} %".replace("-", "\u2212")


def change_row(row: Mapping[Any, Any]) -> ChangeRow:
    """Return one row of ``comparison.change.changes_of`` as text."""
    return ChangeRow(
        **{name: str(row[name]) for name in ("checkpoint", "indicator", "dataset", "metric", "feature", "note")},
        comparison=wording.comparison(row) + (f" (within {row['control']})" if row["control"] else ""),
        before=notation.number(row["value_before"]),
        after=notation.number(row["value"]),
        change=notation.number(row["change"]),
        interval=notation.interval(*wording.adjusted(row)),
        p=notation.p_value(row["p_adjusted"]),
        word=WORDS[row["verdict"]],
        sentence=sentence(row),
    )


def sentence(row: Mapping[Any, Any]) -> str:
    """Return the verdict of one change as a sentence."""
    subject = f"{row['feature']}: {wording.comparison(row)} on {row['metric']}".replace("_", " ")
    if row["verdict"] == "not_estimable":
        return f"{subject}: no change can be estimated, because {str(row['note']).strip().rstrip('.')}."
    largest = notation.at_most(max(abs(bound) for bound in wording.adjusted(row)))
    verdict = {
        "smaller": f"the disparity is smaller than in {row['baseline']}",
        "larger": f"the disparity is larger than in {row['baseline']}",
        "changed": "it changed, but whether the disparity is smaller or larger cannot be told",
        "not_shown": f"no change is shown, and one of {largest} is not ruled out",
    }[row["verdict"]]
    went = f"went from {notation.number(row['value_before'])} to {notation.number(row['value'])}"
    by = f"change {notation.number(row['change'])}, interval {notation.interval(*wording.adjusted(row))}"
    return f"{subject} {went} ({by}): {verdict}."


def tally(changes: pd.DataFrame) -> str:
    """Return the number of changes by verdict as a sentence."""
    count = {verdict: int((changes["verdict"] == verdict).sum()) for verdict in WORDS}
    shown = count["smaller"] + count["larger"] + count["changed"]
    if not len(changes):
        return "No planned disparity could be compared between checkpoints."
    baseline = changes["baseline"].iloc[0]
    missing = count["not_estimable"]
    left = f" {missing:,} could not be estimated." if missing else ""
    if missing == len(changes):
        none = notation.plural(missing, "planned disparity", "planned disparities")
        return f"No change against {baseline} could be estimated ({none})."
    tested = notation.plural(len(changes) - missing, "disparity", "disparities")
    if not shown:
        return f"No change of {tested} against {baseline} is shown, and none is ruled out.{left}"
    unclear = f", {count['changed']:,} that may be either" if count["changed"] else ""
    verb = "has" if shown == 1 else "have"
    return (
        f"{shown:,} of {tested} {verb} changed against {baseline}: {count['smaller']:,} smaller, "
        f"{count['larger']:,} larger{unclear}.{left}"
    )


def size_sentence(parameters: Mapping[str, int], names: list[str]) -> str:
    """Return whether model size may explain a change, as a sentence.

    Parameters
    ----------
    parameters : mapping of str to int
        Number of parameters by checkpoint, without checkpoints of unknown size.
    names : list of str
        All checkpoints.
    """
    unknown = [name for name in names if name not in parameters]
    if unknown:
        return f"The size of {', '.join(unknown)} is not known, so a change may be due to size."
    least, most = min(parameters.values()), max(parameters.values())
    if least == most:
        return f"All checkpoints have {notation.size(least)} parameters: no change is due to size."
    if most > FACTOR * least:
        return (
            f"The largest checkpoint has {most / least:.1f} times the parameters of the smallest: a change may be due "
            "to size, not to method."
        )
    alike = "; they are nearly of one size" if most < ALIKE * least else ""
    return f"Checkpoints have {notation.size(least)} to {notation.size(most)} parameters{alike}."

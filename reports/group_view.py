"""Group rows as a report shows them: written numbers, one table per metric and feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from fairaudit.core.result import IndicatorResult
from fairaudit.reports import notation, wording
from fairaudit.stats.controls import STANDARDISED

#: Joins the features, and the groups, of an intersection.
CROSS: Final = " & "
OVERALL: Final = "overall"
#: A table in a folded part lists at most so many rows and says where the rest is.
MAX_ROWS: Final = 500


@dataclass(frozen=True)
class GroupRow:
    """One group: everything as text.

    Parameters
    ----------
    name, value, interval, n, clusters, note : str
        As the table prints them; ``"n/a"`` where there is no number.
    status : str
        ``"ok"``, ``"too_few"`` or ``"not_estimable"``; the latter two are shown grey, with their note.
    """

    name: str
    value: str
    interval: str
    n: str
    clusters: str
    status: str
    note: str


@dataclass(frozen=True)
class GroupTable:
    """All groups of one feature on one metric, perhaps within one level of a control."""

    metric: str
    feature: str
    control: str
    rows: tuple[GroupRow, ...]

    @property
    def caption(self) -> str:
        """What the table holds, in words."""
        under = wording.controlled(self.control).strip()
        by = "all images" if self.feature == OVERALL else f"by {self.feature}"
        return f"{self.metric} {by}{', ' if under else ''}{under}"


def group_row(row: Mapping[Any, Any]) -> GroupRow:
    """Return one row of ``IndicatorResult.groups`` as text."""
    return GroupRow(
        name="all images" if row["feature"] == OVERALL else row["group"],
        value=notation.number(row["value"]),
        interval=notation.interval(row["ci_low"], row["ci_high"]),
        n=notation.count(row["n"]),
        clusters=notation.count(row["n_clusters"]),
        status=row["status"],
        note=row["note"]
        or {"too_few": "too few for a verdict", "not_estimable": "cannot be estimated"}.get(row["status"], ""),
    )


def group_tables(rows: pd.DataFrame) -> list[GroupTable]:
    """Return ``rows`` as one table per metric, feature and control, in the order in which they first appear."""
    found = rows.groupby(["metric", "feature", "control"], sort=False, dropna=False)
    return [
        GroupTable(str(metric), str(feature), str(control), tuple(group_row(r) for r in part.to_dict("records")))
        for (metric, feature, control), part in found
    ]


def headline_features(result: IndicatorResult) -> list[str]:
    """Return the recorded features (no intersections) that have values of the headline metric, in table order."""
    rows = result.groups[(result.groups["metric"] == result.headline) & (result.groups["control"] == "")]
    return [f for f in dict.fromkeys(rows["feature"]) if f != OVERALL and CROSS not in f]


def overall(result: IndicatorResult) -> GroupRow | None:
    """Return the headline value over all images, or None where the table has none."""
    rows = result.groups[
        (result.groups["metric"] == result.headline)
        & (result.groups["control"] == "")
        & (result.groups["feature"] == OVERALL)
    ]
    return group_row(rows.to_dict("records")[0]) if len(rows) else None


def further(
    result: IndicatorResult,
) -> tuple[list[GroupTable], list[GroupTable], list[GroupTable], list[GroupTable], int]:
    """Return what does not stand beside a figure, and how many rows are left out of it.

    Returns
    -------
    intersections, standardised, within, other metrics : list of GroupTable
        Intersections of the headline metric; the headline metric standardised over a control, and within its levels;
        all other metrics.
    left_out : int
        Rows beyond ``MAX_ROWS``, which stand in ``audit.json``.
    """
    groups = result.groups
    headline, crossed, under, standardised = (
        groups["metric"] == result.headline,
        groups["feature"].str.contains(CROSS, regex=False),
        groups["control"] != "",
        groups["control"].str.startswith(STANDARDISED),
    )
    parts = (
        groups[headline & crossed & ~under],
        groups[headline & standardised],
        groups[headline & under & ~standardised],
        groups[~headline],
    )
    left_out = sum(max(len(part) - MAX_ROWS, 0) for part in parts)
    crossings, standard, within, other = (group_tables(part.iloc[:MAX_ROWS]) for part in parts)
    return crossings, standard, within, other, left_out

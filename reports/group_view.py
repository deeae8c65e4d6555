"""Group rows as text: one table per metric and feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from fairaudit.core.result import IndicatorResult
from fairaudit.reports import notation, wording
from fairaudit.reports.figures import headline_rows
from fairaudit.stats.controls import STANDARDISED

#: Joins the features, and the groups, of an intersection.
CROSS: Final = " & "
OVERALL: Final = "overall"
#: A table in a folded part lists at most this many rows.
MAX_ROWS: Final = 500


@dataclass(frozen=True)
class GroupRow:
    """One group as text (``"n/a"`` for a missing number); grey unless ``status`` is ``"ok"``."""

    name: str
    value: str
    interval: str
    n: str
    clusters: str
    status: str
    note: str


@dataclass(frozen=True)
class GroupTable:
    """All groups of one feature on one metric, possibly under a control."""

    metric: str
    feature: str
    control: str
    rows: tuple[GroupRow, ...]

    @property
    def caption(self) -> str:
        """Return the caption of the table."""
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
    """Return ``rows`` as one table per metric, feature and control, in table order."""
    return [
        GroupTable(str(metric), str(feature), str(control), tuple(group_row(r) for r in part.to_dict("records")))
        for (metric, feature, control), part in rows.groupby(["metric", "feature", "control"], sort=False, dropna=False)
    ]


def headline_features(result: IndicatorResult) -> list[str]:
    """Return the features, without intersections, that have values of the headline metric, in table order."""
    rows = result.groups[(result.groups["metric"] == result.headline) & (result.groups["control"] == "")]
    return [f for f in dict.fromkeys(rows["feature"]) if f != OVERALL and CROSS not in f]


def overall(result: IndicatorResult) -> GroupRow | None:
    """Return the headline value over all images; None if the table has none."""
    rows = headline_rows(result.groups, metric=result.headline, feature=OVERALL)
    return group_row(rows.to_dict("records")[0]) if len(rows) else None


def further(
    result: IndicatorResult,
) -> tuple[list[GroupTable], list[GroupTable], list[GroupTable], list[GroupTable], int]:
    """Return the tables without a figure, and how many rows exceed ``MAX_ROWS``.

    Returns
    -------
    intersections, standardised, within, other metrics : list of GroupTable
        Intersections of the headline metric; the headline metric standardised over a control, and within its levels;
        all other metrics.
    left_out : int
        Rows beyond ``MAX_ROWS``; ``audit.json`` holds them.
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

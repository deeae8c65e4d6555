"""Disparity rows as text, and counts of their verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from fairaudit.core.result import VERDICTS, IndicatorResult
from fairaudit.reports import notation, wording
from fairaudit.reports.group_view import MAX_ROWS
from fairaudit.stats.controls import STANDARDISED


@dataclass(frozen=True)
class DisparityRow:
    """One comparison as text (``"n/a"`` for a missing number), with its word; grey unless ``estimable``.

    ``ratio``: the ratio beside the difference of a rare outcome; ``extent``: beyond or smaller than the tolerance.
    """

    metric: str
    feature: str
    comparison: str
    estimate: str
    ratio: str
    interval: str
    p: str
    detectable: str
    note: str
    sentence: str
    word: wording.Word
    extent: str
    estimable: bool


def disparity_row(row: Mapping[Any, Any], beside: wording.Beside) -> DisparityRow:
    """Return one row of ``IndicatorResult.disparities`` as text, with what stands ``beside`` it."""
    low, high = wording.adjusted(row)
    under = wording.controlled(row["control"]).strip()
    return DisparityRow(
        metric=row["metric"],
        feature=row["feature"],
        comparison=wording.comparison(row) + (f" ({under})" if under else ""),
        estimate=notation.number(row["value"]),
        ratio=beside.ratio(row),
        interval=notation.interval(low, high),
        p=notation.p_value(row["p_adjusted"]),
        detectable=notation.at_most(row["min_detectable"]),
        note=row["note"],
        sentence=wording.sentence(row, beside),
        word=wording.word(row),
        extent=wording.EXTENTS.get(row["extent"], ""),
        estimable=row["status"] == "ok",
    )


@dataclass(frozen=True)
class Run:
    """Consecutive table rows of one metric and feature."""

    metric: str
    feature: str
    rows: tuple[DisparityRow, ...]


def runs(rows: Sequence[DisparityRow]) -> list[Run]:
    """Return ``rows`` split wherever metric or feature changes."""
    cut = groupby(rows, key=lambda row: (row.metric, row.feature))
    return [Run(metric, feature, tuple(part)) for (metric, feature), part in cut]


def primary(disparities: pd.DataFrame) -> pd.DataFrame:
    """Return the planned comparisons; an empty table stays empty."""
    return disparities[disparities["family"] == "primary"] if len(disparities) else disparities


def primary_rows(result: IndicatorResult) -> list[DisparityRow]:
    """Return the planned comparisons as text, in table order but grouped by metric and feature."""
    rows = _as_text(primary(result.disparities), result)
    order = list(dict.fromkeys((row.metric, row.feature) for row in rows))
    return sorted(rows, key=lambda row: order.index((row.metric, row.feature)))


def _as_text(rows: pd.DataFrame, result: IndicatorResult) -> list[DisparityRow]:
    beside = wording.Beside.of(result)
    return [disparity_row(row, beside) for row in rows.to_dict("records")]


def exploratory_rows(result: IndicatorResult) -> tuple[list[DisparityRow], int]:
    """Return exploratory rows without a control, smallest p-values first, and how many exceed ``MAX_ROWS``."""
    rows = result.disparities
    if len(rows):
        rows = rows[(rows["family"] != "primary") & (rows["control"] == "")]
    if not len(rows):
        return [], 0
    rows = rows.sort_values("p_adjusted", kind="stable", na_position="last")
    return _as_text(rows.iloc[:MAX_ROWS], result), max(len(rows) - MAX_ROWS, 0)


def controlled_rows(result: IndicatorResult) -> tuple[list[DisparityRow], list[DisparityRow], int]:
    """Return comparisons standardised over a control, those within its levels, and how many exceed ``MAX_ROWS``."""
    disparities = result.disparities
    rows = disparities[disparities["control"] != ""] if len(disparities) else disparities
    if not len(rows):
        return [], [], 0
    standardised = rows["control"].str.startswith(STANDARDISED)
    parts = (rows[standardised], rows[~standardised])
    first, second = (_as_text(part.iloc[:MAX_ROWS], result) for part in parts)
    return first, second, sum(max(len(part) - MAX_ROWS, 0) for part in parts)


def counts(disparities: pd.DataFrame) -> dict[str, int]:
    """Return how many planned comparisons have each verdict; every verdict is a key."""
    rows = primary(disparities)
    return {verdict: int((rows["verdict"] == verdict).sum()) if len(rows) else 0 for verdict in VERDICTS}


def detectable(disparities: pd.DataFrame) -> str:
    """Return the range of the smallest detectable disparities over planned comparisons, by measure."""
    rows = primary(disparities)
    rows = rows[rows["min_detectable"].notna()] if len(rows) else rows
    parts = []
    for measure, part in rows.groupby("measure", sort=False) if len(rows) else []:
        low, high = (notation.at_most(v) for v in (part["min_detectable"].min(), part["min_detectable"].max()))
        parts.append(f"{low if low == high else f'{low} to {high}'} ({str(measure).replace('_', ' ')})")
    return "; ".join(parts) or notation.ABSENT

"""Disparity rows and results made by hand, for the tests of families and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy import stats

from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    IndicatorResult,
    table,
)


def row(value: float = 0.1, std_error: float = 0.02, **fields: Any) -> dict[str, Any]:
    df = fields.pop("df", 100.0)
    p = 2 * stats.t.sf(abs(value) / std_error, df) if std_error else float(value == 0)
    return {
        "metric": "hit", "feature": "gender", "kind": "one_vs_rest", "measure": "difference", "group": "female",
        "reference": "male", "value": value, "std_error": std_error, "df": df, "p_value": p, "tolerance": 0.05,
        "family": "primary", "status": "ok", **fields,
    }  # fmt: skip


def group_row(feature: str = "gender", group: str = "female", metric: str = "hit", **fields: Any) -> dict[str, Any]:
    return {"metric": metric, "feature": feature, "group": group, "value": 0.5, "n": 40, "status": "ok", **fields}


def result(
    *rows: dict[str, Any], indicator: str = "x", dataset: str = "data", groups: Sequence[dict[str, Any]] = ()
) -> IndicatorResult:
    return IndicatorResult(
        indicator, "1", "X", "?", dataset, "hit",
        table(groups, GROUP_COLUMNS), table(rows, DISPARITY_COLUMNS), table([], CURVE_COLUMNS),
        table([], STATISTIC_COLUMNS),
    )  # fmt: skip

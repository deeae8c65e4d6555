"""Disparity rows and results made by hand, for the tests of families and verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from fairaudit.core.comparison import Comparison
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    IndicatorResult,
    table,
)
from fairaudit.stats.t_inference import TInference


def row(value: float = 0.1, std_error: float = 0.02, **fields: Any) -> dict[str, Any]:
    """A row of a t test; ``inference`` replaces what it can be asked at any level."""
    df = fields.pop("df", 100.0)
    p = 2 * stats.t.sf(abs(value) / std_error, df) if std_error else float(value == 0)
    return {
        "metric": "hit", "feature": "gender", "kind": "one_vs_rest", "measure": "difference", "group": "female",
        "reference": "male", "value": value, "std_error": std_error, "df": df, "p_value": p, "tolerance": 0.05,
        "family": "primary", "status": "ok", "inference": TInference(value, std_error, df), **fields,
    }  # fmt: skip


def group_row(feature: str = "gender", group: str = "female", metric: str = "hit", **fields: Any) -> dict[str, Any]:
    return {"metric": metric, "feature": feature, "group": group, "value": 0.5, "n": 40, "status": "ok", **fields}


def comparison(row: dict[str, Any]) -> Comparison:
    known = {field.name for field in dataclasses.fields(Comparison)}
    fields: dict[str, Any] = {n: np.nan if value is None else value for n, value in row.items() if n in known}
    return Comparison(**{**fields, "inference": row.get("inference")})


def decided(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that only a decision fills."""
    known = {field.name for field in dataclasses.fields(Comparison)}
    return {name: value for name, value in row.items() if name not in known}


def result(
    *rows: dict[str, Any],
    indicator: str = "x",
    dataset: str = "data",
    groups: Sequence[dict[str, Any]] = (),
    **params: Any,
) -> IndicatorResult:
    comparisons = tuple(comparison(row) for row in rows)
    pairs = list(zip(comparisons, rows, strict=True))
    return IndicatorResult(
        indicator, "1", "X", "?", dataset, "hit",
        table(groups, GROUP_COLUMNS), table([own.row | decided(row) for own, row in pairs], DISPARITY_COLUMNS),
        table([], CURVE_COLUMNS), table([], STATISTIC_COLUMNS), params, comparisons=comparisons,
    )  # fmt: skip

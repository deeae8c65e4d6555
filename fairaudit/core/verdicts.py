"""The plan and the verdicts: which comparisons count, and what may be said of each."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from fairaudit.core.intervals import min_detectable, t_interval
from fairaudit.core.result import IndicatorResult

ALPHA = 0.05
_JUDGED = ("value", "std_error", "df", "p_adjusted", "tolerance")


def holm(p_values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return Holm's adjusted p-values (Holm 1979, Scand. J. Statistics 6), in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def decide(
    results: Sequence[IndicatorResult], *, alpha: float = ALPHA
) -> tuple[tuple[IndicatorResult, ...], dict[str, Any]]:
    """Return the results with adjusted p-values and verdicts, and the plan that was applied.

    The primary family is the headline metric of every indicator, by every recorded feature: the slope where the
    feature is an order, else each group against the rest. Holm's method holds the chance of any false
    ``disparity`` in the whole audit at ``alpha``. Every other row is exploratory: it gets a Benjamini-Hochberg q-value
    in ``p_adjusted`` and no verdict.

    Verdicts of primary rows
        ``within_tolerance`` if the adjusted interval lies within the row's ``tolerance`` of zero; else ``disparity``
        if the adjusted p-value is below ``alpha``; else ``inconclusive``; ``not_estimable`` where the row's status
        is not ok.

    The adjusted interval is Bonferroni's over the family; where Holm decides and Bonferroni would not, its bound
    nearest zero is zero, so that the interval never contradicts the decision.
    """
    tables = [r.disparities.copy() for r in results]
    stacked = pd.concat(tables, keys=range(len(tables))) if tables else pd.DataFrame()
    if len(stacked):
        stacked = _adjust(stacked, alpha)
        owner = stacked.index.get_level_values(0)
        tables = [stacked[owner == i] for i in range(len(tables))]
    decided = tuple(
        dataclasses.replace(r, disparities=t.reset_index(drop=True)) for r, t in zip(results, tables, strict=True)
    )
    return decided, _plan(decided, alpha)


def _adjust(rows: pd.DataFrame, alpha: float) -> pd.DataFrame:
    rows = rows.copy()
    primary = rows["family"] == "primary"
    tested = rows["p_value"].notna()
    leads = tested & ~primary
    if leads.any():
        rows.loc[leads, "p_adjusted"] = false_discovery_control(rows.loc[leads, "p_value"], method="bh")
    family = tested & primary
    m = max(int(family.sum()), 1)
    rows.loc[family, "p_adjusted"] = holm(rows.loc[family, "p_value"].to_numpy())
    judged = [_judge(row, m, alpha) for row in rows.loc[family, list(_JUDGED)].to_dict("records")]
    for column in ("adjusted_low", "adjusted_high", "min_detectable", "verdict"):
        rows.loc[family, column] = [one[column] for one in judged]
    rows.loc[primary & ~tested, "verdict"] = "not_estimable"
    return rows


def _judge(row: Mapping[Hashable, Any], m: int, alpha: float) -> dict[str, Any]:
    """Return the adjusted interval, what could have been seen, and the verdict of one primary row of ``m``."""
    value, se, df = float(row["value"]), float(row["std_error"]), float(row["df"])
    low, high = t_interval(value, se, df, level=1 - alpha / m)
    rejected = row["p_adjusted"] < alpha
    if rejected and low <= 0 <= high:
        low, high = (max(low, 0.0), high) if value > 0 else (low, min(high, 0.0))
    within = -row["tolerance"] < low and high < row["tolerance"]
    return {
        "adjusted_low": low,
        "adjusted_high": high,
        "min_detectable": min_detectable(se, df, alpha=alpha / m),
        "verdict": "within_tolerance" if within else "disparity" if rejected else "inconclusive",
    }


def _plan(results: Sequence[IndicatorResult], alpha: float) -> dict[str, Any]:
    rows = []
    for result in results:
        primary = result.disparities[result.disparities["family"] == "primary"]
        for row in primary.drop_duplicates(["feature", "kind"]).itertuples():
            rows.append(
                {"indicator": result.indicator, "dataset": result.dataset, "metric": row.metric,
                 "feature": row.feature, "kind": row.kind, "tolerance": float(str(row.tolerance))}
            )  # fmt: skip
    plan: dict[str, Any] = {"name": "shipped default", "alpha": alpha, "correction": "Holm", "primary": rows}
    plan["digest"] = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
    return plan

"""Verdicts of planned comparisons, from adjusted p-values and intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import ALPHA, TOLERANCE, Plan, plan_document
from fairaudit.core.result import Failure, IndicatorResult, RowInference
from fairaudit.stats.intervals import min_detectable, t_interval
from fairaudit.stats.plan_rows import apply_plan, shipped_rows

SHIPPED = "shipped default"
_JUDGED = ("value", "std_error", "df", "p_adjusted", "tolerance", "measure")


def holm(p_values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return Holm's adjusted p-values (Holm 1979, Scand. J. Statistics 6), in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def decide(
    results: Sequence[IndicatorResult],
    plan: Plan | None = None,
    *,
    failures: Sequence[Failure] = (),
    indicators: Sequence[Indicator] = (),
    alpha: float = ALPHA,
) -> tuple[tuple[IndicatorResult, ...], dict[str, Any]]:
    """Return the results with adjusted p-values and verdicts, and the plan that was applied.

    The primary family consists of the rows that ``plan`` names. Without a plan it is the shipped default: the headline
    metric of every indicator, by every recorded feature, as the slope if the feature is an order, else each group
    against the rest. Holm's method holds the chance of any false ``disparity`` in the whole audit at the plan's alpha
    (5 %). Every other row is exploratory: it gets a Benjamini-Hochberg q-value in ``p_adjusted`` and no verdict. A row
    that was selected for its size enters with its p-value over all candidates (``selection_adjusted_p``), so that its
    q-value is never below the one over these.

    Verdicts of primary rows
        ``within_tolerance`` if the adjusted interval lies within the row's ``tolerance`` of no difference (zero, or
        one for a ratio); else ``disparity`` if the adjusted p-value is below alpha; else ``inconclusive``;
        ``not_estimable`` if the row's status is not ok.

    The adjusted interval is Bonferroni's over the family. If Holm rejects and Bonferroni would not, the bound nearest
    to no difference is set to no difference, so that the interval never contradicts the decision. A row with its own
    inference (``IndicatorResult.inference``) provides interval and minimum detectable difference.

    Parameters
    ----------
    results : sequence of IndicatorResult
    plan : Plan, optional
    failures, indicators
        As in ``apply_plan``.
    alpha : float, default 0.05
        Error level of the shipped plan; ``plan`` has its own.

    Raises
    ------
    ConfigError
        If a plan row names something that the audit does not have.
    """
    if plan is not None:
        results = apply_plan(plan, results, failures=failures, indicators=indicators)
    alpha = alpha if plan is None else plan.alpha
    tables = [r.disparities.reset_index(drop=True) for r in results]
    stacked = pd.concat(tables, keys=range(len(tables))) if tables else pd.DataFrame()
    if len(stacked):
        own: dict[Hashable, RowInference] = {
            (i, position): inference for i, r in enumerate(results) for position, inference in r.inference.items()
        }
        chosen: dict[Hashable, float] = {
            (i, at): p for i, r in enumerate(results) for at, p in r.selection_adjusted_p.items()
        }
        stacked = _adjust(stacked, own, chosen, alpha)
        owner = stacked.index.get_level_values(0)
        tables = [stacked[owner == i] for i in range(len(tables))]
    decided = tuple(
        dataclasses.replace(r, disparities=t.reset_index(drop=True)) for r, t in zip(results, tables, strict=True)
    )
    if plan is not None:
        return decided, plan.document()
    return decided, plan_document(shipped_rows(decided), tolerance=TOLERANCE, alpha=alpha, name=SHIPPED)


def _adjust(
    rows: pd.DataFrame, own: Mapping[Hashable, RowInference], chosen: Mapping[Hashable, float], alpha: float
) -> pd.DataFrame:
    """Return ``rows``, indexed by result and position, with the adjusted columns of both families."""
    rows = rows.copy()
    primary = rows["family"] == "primary"
    tested = rows["p_value"].notna()
    exploratory = tested & ~primary
    if exploratory.any():
        p_values = [chosen.get(key, p) for key, p in rows.loc[exploratory, "p_value"].items()]
        rows.loc[exploratory, "p_adjusted"] = false_discovery_control(p_values, method="bh")
    family = tested & primary
    level = alpha / max(int(family.sum()), 1)
    rows.loc[family, "p_adjusted"] = holm(rows.loc[family, "p_value"].to_numpy())
    planned = rows.loc[family, list(_JUDGED)]
    judged = [
        _judge(row, own.get(key), alpha=alpha, level=level)
        for key, row in zip(planned.index, planned.to_dict("records"), strict=True)
    ]
    for column in ("ci_low_adjusted", "ci_high_adjusted", "min_detectable", "verdict"):
        rows.loc[family, column] = [row[column] for row in judged]
    rows.loc[primary & ~tested, "verdict"] = "not_estimable"
    return rows


def _judge(row: Mapping[Hashable, Any], own: RowInference | None, *, alpha: float, level: float) -> dict[str, Any]:
    """Return adjusted interval, minimum detectable difference and verdict of a row that is tested at ``level``."""
    value, se, df = float(row["value"]), float(row["std_error"]), float(row["df"])
    low, high = map(float, t_interval(value, se, df, level=1 - level) if own is None else own.interval(1 - level))
    seen = min_detectable(se, df, alpha=level) if own is None else own.min_detectable(level)
    neutral = 1.0 if row["measure"] == "ratio" else 0.0
    rejected = row["p_adjusted"] < alpha
    if rejected and low <= neutral <= high:
        low, high = (max(low, neutral), high) if value > neutral else (low, min(high, neutral))
    within = neutral - row["tolerance"] < low and high < neutral + row["tolerance"]
    return {
        "ci_low_adjusted": low,
        "ci_high_adjusted": high,
        "min_detectable": float(seen),
        "verdict": "within_tolerance" if within else "disparity" if rejected else "inconclusive",
    }

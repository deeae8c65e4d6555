"""Verdicts of planned comparisons, from adjusted p-values and intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from fairaudit.core.comparison import Comparison, RowInference
from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import ALPHA, Plan, plan_document
from fairaudit.core.result import Failure, IndicatorResult
from fairaudit.stats.contrast import intervals_of
from fairaudit.stats.plan_rows import apply_plan, shipped_rows

SHIPPED = "shipped default"
_DECIDED = ("ci_low_adjusted", "ci_high_adjusted", "min_detectable", "detectable_direction", "verdict", "extent")
#: Columns that a difference and the ratio of the same shares have in common.
_SIDES = ("metric", "feature", "control", "kind", "group", "reference")
_JUDGED = ("value", "p_adjusted", "tolerance", "measure")


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
    metric of every indicator, by every recorded feature: each group against the rest, and the slope if the feature is
    an order. Holm's method holds the chance of any false ``disparity`` in the whole audit at the plan's alpha
    (5 %). Every other row is exploratory: it gets a Benjamini-Hochberg q-value in ``p_adjusted`` and no verdict. A row
    that was selected for its size enters with its p-value over all candidates (``Comparison.selection_adjusted_p``), so
    that its q-value is never below the one over these.

    Verdicts of primary rows
        ``disparity`` (it is *shown*) if the adjusted p-value is below alpha; else ``within_tolerance`` if the adjusted
        interval lies within the row's ``tolerance`` of no difference (zero, or one for a ratio); else
        ``inconclusive``; ``not_estimable`` if the row's status is not ok.
    Extent of a disparity
        ``beyond_tolerance`` if its bound nearest to no difference is beyond the tolerance; ``below_tolerance`` if the
        whole interval is within; else empty.

    The adjusted interval is Bonferroni's over the family, within the range of the measure. If Holm rejects and
    Bonferroni would not, the bound nearest to no difference is set to no difference, so that the interval never
    contradicts the decision. The ratio beside a planned difference gets its interval at the same level. Interval and
    least detectable difference are those of the row's own inference (``IndicatorResult.comparisons``).

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
        known: dict[Hashable, Comparison] = {
            (i, at): row for i, r in enumerate(results) for at, row in enumerate(r.comparisons)
        }
        stacked = _adjust(stacked, known, alpha)
        owner = stacked.index.get_level_values(0)
        tables = [stacked[owner == i] for i in range(len(tables))]
    decided = tuple(
        dataclasses.replace(r, disparities=t.reset_index(drop=True)) for r, t in zip(results, tables, strict=True)
    )
    if plan is not None:
        return decided, plan.document()
    return decided, plan_document(shipped_rows(decided), tolerance=None, alpha=alpha, name=SHIPPED)


def _adjust(rows: pd.DataFrame, known: Mapping[Hashable, Comparison], alpha: float) -> pd.DataFrame:
    """Return ``rows``, indexed by result and position, with the adjusted columns of both families.

    ``known`` holds what a row can still be asked, by its index.
    """
    rows = rows.copy()
    primary = rows["family"] == "primary"
    untested = rows.index[primary & rows["p_value"].isna() & (rows["status"] == "ok")]
    for key in untested:  # an alternative to another row has no p-value until a plan names it
        inference = known[key].inference if key in known else None
        if inference is not None:
            rows.loc[key, "p_value"] = inference.p_value()
    tested = rows["p_value"].notna()
    exploratory = tested & ~primary
    if exploratory.any():
        selected = {key: row.selection_adjusted_p for key, row in known.items()}
        p_values = [np.nanmax([selected.get(key, np.nan), p]) for key, p in rows.loc[exploratory, "p_value"].items()]
        rows.loc[exploratory, "p_adjusted"] = false_discovery_control(p_values, method="bh")
    family = tested & primary
    level = alpha / max(int(family.sum()), 1)
    rows.loc[family, "p_adjusted"] = holm(rows.loc[family, "p_value"].to_numpy())
    planned = rows.loc[family, list(_JUDGED)]
    inferences = [known[key].inference if key in known else None for key in planned.index]
    judged = [
        _judge(row, inference, interval, alpha=alpha, level=level)
        for row, inference, interval in zip(
            planned.to_dict("records"), inferences, intervals_of(inferences, 1 - level), strict=True
        )
    ]
    for column in _DECIDED:
        rows.loc[family, column] = [row[column] for row in judged]
    rows.loc[primary & ~tested, "verdict"] = "not_estimable"
    _adjust_ratios(rows, known, family, alpha=alpha, level=level)
    return rows


def _adjust_ratios(
    rows: pd.DataFrame, known: Mapping[Hashable, Comparison], family: pd.Series[bool], *, alpha: float, level: float
) -> None:
    """Set the adjusted interval of each ratio beside a planned difference: it is read with the difference's verdict."""

    def by_sides(some: pd.Series[bool]) -> dict[tuple[Any, ...], Any]:
        of_rows = rows.loc[some, list(_SIDES)]
        return {(key[0], *sides): key for key, sides in zip(of_rows.index, of_rows.to_numpy().tolist(), strict=True)}

    planned = by_sides(family & (rows["measure"] == "difference"))
    ratios = by_sides(~family & (rows["measure"] == "ratio") & (rows["status"] == "ok"))
    pairs = [(planned[sides], key) for sides, key in ratios.items() if sides in planned and key in known]
    intervals = intervals_of([known[key].inference for _, key in pairs], 1 - level)
    for (difference, key), interval in zip(pairs, intervals, strict=True):
        shown = bool(rows["p_adjusted"][difference] < alpha)
        bounds = _consistent(interval, 1.0, float(rows["value"][key]), shown=shown)
        rows.loc[key, ["ci_low_adjusted", "ci_high_adjusted"]] = bounds


def _consistent(interval: tuple[float, float], neutral: float, value: float, *, shown: bool) -> tuple[float, float]:
    """Return the interval so that it excludes ``neutral`` only if a disparity is shown."""
    low, high = interval
    if not shown:
        return min(low, neutral), max(high, neutral)
    return (max(low, neutral), high) if value > neutral else (low, min(high, neutral))


def _judge(
    row: Mapping[Hashable, Any],
    inference: RowInference | None,
    interval: tuple[float, float],
    *,
    alpha: float,
    level: float,
) -> dict[str, Any]:
    """Return adjusted interval, minimum detectable difference, verdict and extent of a row tested at ``level``."""
    seen, direction = (float("nan"), "") if inference is None else inference.min_detectable(level)
    neutral = 1.0 if row["measure"] == "ratio" else 0.0
    shown = row["p_adjusted"] < alpha
    low, high = _consistent(interval, neutral, float(row["value"]), shown=shown)
    within = neutral - row["tolerance"] < low and high < neutral + row["tolerance"]
    beyond = max(low - neutral, neutral - high) > row["tolerance"]
    return {
        "ci_low_adjusted": low,
        "ci_high_adjusted": high,
        "min_detectable": seen,
        "detectable_direction": direction,
        "verdict": "disparity" if shown else "within_tolerance" if within else "inconclusive",
        "extent": "" if not shown else "below_tolerance" if within else "beyond_tolerance" if beyond else "",
    }

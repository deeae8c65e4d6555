"""The two families of an audit: the rows that a plan names are primary, all others exploratory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from fairaudit.core.comparison import Comparison
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import MEAN_OF_OTHERS, Plan, PlanRow
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    Failure,
    IndicatorResult,
    table,
)
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.stats.disparity import OVERALL

#: Columns in which a row of a disparity table must agree with its plan row, in the order of error messages.
_MATCHED = ("metric", "feature", "kind", "measure", "group", "reference")
_FILLED = ("p_adjusted", "ci_low_adjusted", "ci_high_adjusted", "min_detectable")

Rows = dict[tuple[str, str], list[Comparison]]


def apply_plan(
    plan: Plan,
    results: Sequence[IndicatorResult],
    *,
    failures: Sequence[Failure] = (),
    indicators: Sequence[Indicator] = (),
) -> tuple[IndicatorResult, ...]:
    """Return the results with the families and tolerances of ``plan``, before any verdict.

    A plan row matches every row without a control that has its values, on every data set that it does not exclude; one
    without a reference does not match the mean of the others. A row without a tolerance keeps that of the indicator. A
    planned comparison that could not be made becomes a primary row with status ``not_estimable`` and the reason: at the
    end of its indicator's table, or in a result of its own if the indicator has none.

    Parameters
    ----------
    plan : Plan
    results : sequence of IndicatorResult
    failures : sequence of Failure
        Indicators without a result, or without one on some data set, and why.
    indicators : sequence of Indicator
        Indicators that a plan row may name although they were not run.

    Raises
    ------
    ConfigError
        If a plan row names something that the audit does not have, or its tolerance of a slope is above any difference.
    """
    results = [dataclasses.replace(r, disparities=_exploratory(r.disparities)) for r in results]
    empty: Rows = {}
    for number, row in enumerate(plan.primary, 1):
        ran = [r for r in results if r.indicator == row.indicator and row.dataset in ("", r.dataset)]
        reasons = _why_not_run(row, failures)
        if not ran and not reasons:
            _check_indicator(number, row, results, failures, indicators)
            reasons = {row.dataset: f"{row.indicator} is not among the indicators of this audit"}
        matched = False
        for result in ran:
            matches = _matches(row, result.disparities)
            _check_slope(number, row, result, result.disparities[matches])
            result.disparities.loc[matches, "family"] = "primary"
            if row.tolerance is not None:
                result.disparities.loc[matches, "tolerance"] = row.tolerance
            matched |= bool(matches.any())
            reason = "" if matches.any() else _why_not_compared(row, result)
            if reason:
                reasons[result.dataset] = reason
        if not matched and not reasons:
            raise _wrong_name(number, row, ran)
        for dataset, reason in reasons.items():
            empty.setdefault((row.indicator, dataset), []).append(_empty_row(row, reason))
    return _with_empty_rows(results, empty, {i.name: i for i in indicators})


def shipped_rows(results: Sequence[IndicatorResult]) -> tuple[PlanRow, ...]:
    """Return the shipped default plan for ``results``: the rows that the indicators themselves mark as primary.

    These are one headline per indicator and recorded feature: each group against the rest, and the slope if the feature
    is an order of three or more groups. A row has a tolerance if the indicator has a literal one.
    """
    rows = []
    for result in results:
        primary = result.disparities[result.disparities["family"] == "primary"]
        for row in primary.drop_duplicates(["metric", "feature", "kind", "measure"]).to_dict("records"):
            options = ("tolerance", "slope_tolerance") if row["kind"] == "slope" else ("tolerance",)
            literal = any(result.params.get(name) is not None for name in options)
            rows.append(
                PlanRow(
                    result.indicator, row["metric"], row["feature"], row["kind"], dataset=result.dataset,
                    measure=row["measure"], tolerance=float(row["tolerance"]) if literal else None,
                )
            )  # fmt: skip
    return tuple(rows)


def price_of_groups(disparities: pd.DataFrame, *, alpha: float, power: float = 0.8) -> tuple[int, int, float]:
    """Return what the groups of ordered features cost beside their slopes, in the shipped plan.

    Returns
    -------
    slopes_alone, family : int
        Tested planned rows without and with these groups.
    times : float
        Growth of the least detectable difference, as the level of a row is alpha over the size of the family.
    """
    keys = ["indicator", "dataset", "metric", "feature"]
    tested = disparities[(disparities["family"] == "primary") & disparities["p_value"].notna()]
    ordered = set(tested.loc[tested["kind"] == "slope", keys].itertuples(index=False, name=None))
    added = [
        kind == "one_vs_rest" and key in ordered
        for kind, key in zip(tested["kind"], tested[keys].itertuples(index=False, name=None), strict=True)
    ]
    family, slopes_alone = len(tested), len(tested) - sum(added)
    if slopes_alone == family:
        return family, family, 1.0
    now, before = (norm.ppf(1 - alpha / (2 * size)) + norm.ppf(power) for size in (family, slopes_alone))
    return slopes_alone, family, float(now / before)


def _exploratory(disparities: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with every row exploratory, and without the results of an earlier decision."""
    rows = disparities.reset_index(drop=True)
    texts = {"family": "exploratory", "verdict": "", "extent": "", "detectable_direction": ""}
    return rows.assign(
        **{name: pd.Series(text, index=rows.index, dtype="object") for name, text in texts.items()},
        **dict.fromkeys(_FILLED, float("nan")),
    )


def _matches(row: PlanRow, disparities: pd.DataFrame) -> pd.Series:
    matches = disparities["control"] == ""
    for column in _MATCHED:
        value = getattr(row, column)
        matches &= (disparities[column] == value) | (value == "")
    return matches if row.reference else matches & (disparities["reference"] != MEAN_OF_OTHERS)


def _check_slope(number: int, row: PlanRow, result: IndicatorResult, matches: pd.DataFrame) -> None:
    """Refuse a tolerance per step that means a difference above 1 between the first and the last group."""
    if row.tolerance is None or not (matches["measure"] == "per_step").any() or not result.params.get("bounded", True):
        return
    groups = result.groups
    own = groups[(groups["feature"] == row.feature) & (groups["control"] == "") & (groups["metric"] == row.metric)]
    present = np.flatnonzero((own["n"] > 0) & (own["group"] != NOT_RECORDED))
    steps = int(np.ptp(present)) if len(present) else 0
    if row.tolerance * steps > 1:
        raise ConfigError(
            f"tolerance of plan row {number} (slope of {row.feature}) must be at most {1 / steps:.3g} for each of its "
            f"{steps} steps; got {row.tolerance:g}, a difference above 1 from the first group to the last. Lower it in "
            "the row."
        )


def _why_not_run(row: PlanRow, failures: Sequence[Failure]) -> dict[str, str]:
    """Return the reason by data set (empty: no data set fits the indicator)."""
    own_failures = [f for f in failures if f.indicator == row.indicator]
    return {
        f.dataset or row.dataset: f"the indicator could not run: {f.reason}"
        for f in own_failures
        if not row.dataset or f.dataset in ("", row.dataset)
    }


def _why_not_compared(row: PlanRow, result: IndicatorResult) -> str:
    """Return why ``result`` has no comparison of the groups that the row names; empty if it lacks these groups."""
    rows, groups = result.disparities, result.groups[result.groups["control"] == ""]
    if ((rows["metric"] == row.metric) & (rows["feature"] == row.feature)).any():
        return ""  # it compares these: the kind, the measure or a group is wrong
    measured = groups[groups["metric"] == row.metric]
    of_feature = measured[(measured["feature"] == row.feature) & (measured["group"] != NOT_RECORDED)]
    for part in (measured, of_feature):
        if len(part) and (part["status"] == "not_estimable").all():
            return str(part["note"].iloc[0])
    if len(measured) and rows.empty and set(groups["feature"]) <= {OVERALL}:
        return "no sensitive feature is recorded, so nothing is compared"
    if len(of_feature) == 1:
        only = of_feature["group"].iloc[0]
        return f"only one group of {row.feature} is recorded ('{only}'); a comparison needs two"
    return ""


def _check_indicator(
    number: int,
    row: PlanRow,
    results: Sequence[IndicatorResult],
    failures: Sequence[Failure],
    indicators: Sequence[Indicator],
) -> None:
    """Raise ConfigError unless the row's indicator exists and, if it ran, did so on the row's data set."""
    tried = [(r.indicator, r.dataset) for r in results] + [(f.indicator, f.dataset) for f in failures]
    known = {name for name, _ in tried} | {i.name for i in indicators}
    if row.indicator not in known:
        raise unknown_name(f"indicator of plan row {number}", row.indicator, known)
    datasets = {dataset for name, dataset in tried if name == row.indicator}
    if datasets:
        raise unknown_name(f"dataset of plan row {number} ({row.indicator})", row.dataset, datasets)


def _wrong_name(number: int, row: PlanRow, ran: Sequence[IndicatorResult]) -> ConfigError:
    """Return the error for the first value of the row that no comparison has."""
    rows = pd.concat([r.disparities[r.disparities["control"] == ""] for r in ran])
    if rows.empty:
        rows = pd.concat([r.groups for r in ran])
    for column in _MATCHED:
        value = getattr(row, column)
        if value and column in rows and value not in set(rows[column]):
            field = f"{column} of plan row {number} ({row.indicator})"
            options = sorted(set(rows[column]) - {"", OVERALL})
            return unknown_name(field, value, options) if options else _nothing_like_it(number, row)
        if value and column in rows:
            rows = rows[rows[column] == value]
    return _nothing_like_it(number, row)


def _nothing_like_it(number: int, row: PlanRow) -> ConfigError:
    return ConfigError(
        f"plan row {number} must name a comparison that the audit makes; got kind '{row.kind}' of {row.feature} on "
        f"{row.metric}, which {row.indicator} does not compare. Remove the row."
    )


def _empty_row(row: PlanRow, reason: str) -> Comparison:
    return Comparison(
        metric=row.metric, feature=row.feature, kind=row.kind, measure=row.measure, group=row.group,
        reference=row.reference, family="primary", note=reason,
        tolerance=float("nan") if row.tolerance is None else row.tolerance,
    )  # fmt: skip


def _with_empty_rows(
    results: Sequence[IndicatorResult], empty: Rows, indicators: Mapping[str, Indicator]
) -> tuple[IndicatorResult, ...]:
    filled = []
    left = dict(empty)
    for result in results:
        rows = left.pop((result.indicator, result.dataset), [])
        if rows:  # at the end, so that references by position stay valid
            tables = [result.disparities, table([row.row for row in rows], DISPARITY_COLUMNS)]
            disparities = pd.concat([t for t in tables if len(t)], ignore_index=True)
            known_rows = (*result.comparisons, *rows) if len(result.comparisons) == len(result.disparities) else ()
            result = dataclasses.replace(result, disparities=disparities, comparisons=known_rows)
        filled.append(result)
    for (name, dataset), rows in left.items():
        known = indicators.get(name)
        filled.append(
            IndicatorResult(
                indicator=name,
                version=known.version if known else "",
                title=known.title if known else name.replace("_", " ").capitalize(),
                question=known.question if known else "",
                dataset=dataset,
                headline=rows[0].metric,
                groups=table([], GROUP_COLUMNS),
                disparities=table([row.row for row in rows], DISPARITY_COLUMNS),
                curves=table([], CURVE_COLUMNS),
                statistics=table([], STATISTIC_COLUMNS),
            )
        )
    return tuple(filled)

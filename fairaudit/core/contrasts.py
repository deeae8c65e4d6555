"""Rows of the disparity table: one feature's groups against each other, and outcomes along an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from fairaudit.core.auroc_contrast import auroc_difference
from fairaudit.core.concentration import concentration
from fairaudit.core.detectable import moved_towards_half
from fairaudit.core.estimates import Estimate, average, difference, effective_n, slope
from fairaudit.core.gap import Gap
from fairaudit.core.intervals import min_detectable, p_value, t_interval
from fairaudit.core.omnibus import omnibus
from fairaudit.core.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.core.samples import Feature
from fairaudit.core.sufficiency import NO_VARIATION, kind_of, status_of

ALL_OTHERS = "all others"

Row = dict[str, Any]


@dataclass(frozen=True)
class ContrastInference:
    """Interval and power of one group against others."""

    first: Estimate
    second: Estimate
    contrast: Estimate
    unit_interval: bool

    def interval(self, level: float) -> tuple[float, float]:
        """Return the t interval with coverage ``level``."""
        low, high = t_interval(self.contrast.value, self.contrast.std_error, self.contrast.df, level=level)
        return float(low), float(high)

    def min_detectable(self, alpha: float, *, power: float = 0.8) -> float:
        """Return the least difference, of the first group towards one half, that a test at ``alpha`` finds.

        Shares vary most at one half, so a group that moves there is harder to tell apart than its present standard
        error says. NaN where even a group at the end of the range would not be found.
        """
        se, df = float(self.contrast.std_error), max(float(self.contrast.df), 1.0)
        if not self.unit_interval or not 0 < float(self.second.value) < 1:
            return float(min_detectable(se, df, alpha=alpha, power=power))
        quantiles = float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))
        p, n, m = float(self.second.value), float(effective_n(self.first)), float(effective_n(self.second))
        now = float(self.first.value) * (1 - float(self.first.value)) / n + p * (1 - p) / m
        # What sharing a gallery or clusters adds or takes. By influence: the standard error has a floor near the ends
        # of the range, which a group that is moved away from them leaves behind.
        scale = float((self.contrast.psi**2).sum()) / now if now > 0 else 1.0
        return moved_towards_half(
            p,
            lambda moved: quantiles * float(np.sqrt(scale * (moved * (1 - moved) / n + p * (1 - p) / m))),
        )


@dataclass(frozen=True)
class GapInference:
    """Interval and power of a largest gap or a least ratio."""

    gap: Gap

    def interval(self, level: float) -> tuple[float, float]:
        """Return the simultaneous interval with coverage ``level``."""
        low, high = self.gap.interval(level)
        return float(low), float(high)

    def min_detectable(self, alpha: float) -> float:
        """Return the least gap, one group off, that is found with power 80 %."""
        return self.gap.min_detectable(alpha)


def contrasts_of(one: Outcomes, feature: Feature, masks: dict[str, Mask], *, primary: bool, whole: bool) -> list[Row]:
    """Return all comparisons of one feature's groups.

    Parameters
    ----------
    one : Outcomes
    feature : Feature
    masks : mapping of str to ndarray of bool
        Rows of each group.
    primary : bool
        Whether the feature's headline comparison is primary: the slope of an order, else each group against the rest.
    whole : bool
        Whether gap, ratio and omnibus test are wanted too.
    """
    order = feature.ordered and len(feature.groups) >= 3
    rows: list[Row] = []
    if order:
        steps = np.full(len(one.values), np.nan)
        for step, group in enumerate(feature.groups):
            steps[masks[group]] = step
        rows.append({**_slope_row(one, feature.name, steps, "per_step"), "family": family(primary)})
    rows += rest_rows(one, feature.name, masks, primary=primary and not order)
    if feature.reference and len(masks) > 2:
        reference = average(one, masks[feature.reference])
        rows += [
            {**pair_row(one, average(one, masks[group]), reference), "feature": feature.name, "kind": "reference",
             "measure": "difference", "group": group, "reference": feature.reference, "family": family(False)}
            for group in masks if group != feature.reference
        ]  # fmt: skip
    return rows + (_overall_rows(one, feature.name, masks) if whole and len(masks) > 1 else [])


def along(one: Outcomes, name: str, x: Floats, measure: str, *, primary: bool) -> list[Row]:
    """Return the slope of the outcome on ``x`` and, where it is defined, its concentration index."""
    rows = [{**_slope_row(one, name, x, measure), "family": family(primary)}]
    if one.labels is None and one.unit_interval:
        estimate = concentration(one, x)
        row = _row(one, estimate, estimate.n_clusters)
        rows.append({**row, "feature": name, "kind": "concentration", "measure": "index", "family": family(False)})
    return rows


def rest_rows(one: Outcomes, feature: str, masks: dict[str, Mask], *, primary: bool) -> list[Row]:
    """Return each group against all others; of two groups only the first, the second is its negative."""
    if len(masks) < 2:
        return []
    recorded = np.logical_or.reduce(list(masks.values()))
    rows = []
    for group, reference in rest_pairs(list(masks)):
        row = pair_row(one, average(one, masks[group]), average(one, recorded & ~masks[group]))
        rows.append({**row, "feature": feature, "kind": "rest", "measure": "difference", "group": group,
                     "reference": reference, "family": family(primary)})  # fmt: skip
    return rows


def rest_pairs(groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return each group with what its rest is called; of two groups only the first."""
    if len(groups) == 2:
        return [(groups[0], groups[1])]
    return [(group, ALL_OTHERS) for group in groups]


def family(primary: bool) -> str:
    """Return the word of the column ``family``."""
    return "primary" if primary else "exploratory"


def pair_row(one: Outcomes, first: Estimate, second: Estimate) -> Row:
    """Return what a row says of the difference of two estimates, without the names of what is compared."""
    bounded = one.unit_interval and one.labels is None
    if one.labels is None:
        estimate = difference(first, second, unit_interval=bounded)
    else:
        estimate = auroc_difference(first, second)
    row = _row(one, estimate, np.minimum(first.n_clusters, second.n_clusters))
    return {**row, "inference": ContrastInference(first, second, estimate, bounded)}


def _slope_row(one: Outcomes, feature: str, x: Floats, measure: str) -> Row:
    if one.labels is not None:
        return {"metric": one.metric, "feature": feature, "kind": "slope", "measure": measure,
                "status": "not_estimable", "note": "no slope is defined for the AUROC", "n": 0,
                "n_clusters": 0}  # fmt: skip
    estimate = slope(one, x)
    return {**_row(one, estimate, estimate.n_clusters), "feature": feature, "kind": "slope", "measure": measure}


def _row(one: Outcomes, estimate: Estimate, smaller: Ints) -> Row:
    status, note = status_of(estimate, smaller)
    if status == "ok" and estimate.std_error == 0:
        status, note = "too_few", NO_VARIATION
    row: Row = {"metric": one.metric, "value": estimate.value, "n": estimate.n,
                "n_clusters": estimate.n_clusters, "status": status, "note": note}  # fmt: skip
    if status == "not_estimable":
        return row
    low, high = t_interval(estimate.value, estimate.std_error, estimate.df)
    row |= {"ci_low": low, "ci_high": high, "ci_method": "cluster t", "std_error": estimate.std_error,
            "df": estimate.df, "psi": estimate.psi}  # fmt: skip
    if status == "ok":
        row["p_value"] = p_value(estimate)
    return row


def _overall_rows(one: Outcomes, feature: str, masks: dict[str, Mask]) -> list[Row]:
    """Return gap, ratio and omnibus test over the groups that are large enough to be compared."""
    estimates = {group: average(one, mask) for group, mask in masks.items()}
    sure = {g: e for g, e in estimates.items() if status_of(e, e.n_clusters)[0] == "ok"}
    left_out = [g for g in masks if g not in sure]
    n = int(sum(e.n for e in sure.values()))
    kept = [masks[g] for g in sure]
    recorded = np.logical_or.reduce(kept) if kept else np.zeros(len(one.values), dtype=bool)
    common = {"metric": one.metric, "feature": feature, "family": family(False), "n": n,
              "n_clusters": one.n_clusters(recorded), "note": without(left_out)}  # fmt: skip
    kinds = [("gap", "difference"), ("gap", "ratio"), ("omnibus", "")]
    if not one.unit_interval or one.labels is not None:
        kinds.remove(("gap", "ratio"))
    if len(sure) < 2:
        why = "fewer than two groups are large enough to be compared"
        return [{**common, "kind": k, "measure": m, "status": "not_estimable", "note": why} for k, m in kinds]
    shared = one.gallery is not None or sum(int(e.n_clusters) for e in sure.values()) > int(one.n_clusters(recorded))
    rows = []
    for kind, measure in kinds:
        if kind == "omnibus":
            test = omnibus(one, kept, list(sure.values()))
            row: Row = {"value": test.statistic, "p_value": test.p_value, "ci_method": test.method}
        else:
            row = gap_row(Gap(list(sure.values()), kind_of(one), measure, shared))
        status = "ok" if np.isfinite(row["value"]) else "not_estimable"
        rows.append({**common, "kind": kind, "measure": measure, "status": status, **row})
    return rows


def gap_row(gap: Gap) -> Row:
    """Return what a row says of a gap or a ratio."""
    low, high = gap.interval(0.95)
    return {"value": gap.value, "ci_low": low, "ci_high": high, "ci_method": "simultaneous, all pairs",
            "p_value": gap.p_value(), "expected_by_chance": gap.expected_by_chance(),
            "inference": GapInference(gap)}  # fmt: skip


def without(groups: list[str]) -> str:
    """Return the note that names the groups which are too small."""
    return f"without {', '.join(groups)}: too few" if groups else ""

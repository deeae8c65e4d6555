r"""Rows of the disparity table: contrasts between the groups of a feature, slopes and concentration indices.

The concentration index of outcomes along an order is

.. math:: C = \frac{2}{\mu} \sum_i w_i\, y_i\, (R_i - \tfrac12)

with fractional ranks :math:`R_i` along the order. 0: outcomes do not follow the order; positive: they are higher at its
upper end; it lies in (-1, 1) for outcomes that are never negative [1]_. The standard error accounts for the estimation
of the ranks [1]_, here summed over clusters. Standard errors of the AUROCs of two groups are moderated around the
variance of Hanley and McNeil [2]_.

References
----------
.. [1] Kakwani, Wagstaff and van Doorslaer (1997), "Socioeconomic inequalities in health: measurement, computation, and
   statistical inference", Journal of Econometrics 77, equations 3 and 14.
.. [2] Hanley and McNeil (1982), "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC)
   Curve", Radiology 143(1), eq. 1 and 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.stats import rankdata

from fairaudit.core.samples import Feature
from fairaudit.stats.estimates import (
    Estimate,
    average,
    difference,
    effective_n,
    from_influence,
    moderated_difference_variance,
    slope,
)
from fairaudit.stats.gap import Gap
from fairaudit.stats.intervals import min_detectable, p_value, t_interval
from fairaudit.stats.omnibus import omnibus
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.stats.power import moved_towards_half
from fairaudit.stats.status import NO_VARIATION, kind_of, status_of

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
        """Return the minimum detectable difference at ``alpha``, with the first group moved towards one half.

        A share varies most at one half, so the standard error of the moved group exceeds the present one. NaN if even a
        share at the end of the range would not be detected.
        """
        se, df = float(self.contrast.std_error), max(float(self.contrast.df), 1.0)
        if not self.unit_interval or not 0 < float(self.second.value) < 1:
            return float(min_detectable(se, df, alpha=alpha, power=power))
        quantiles = float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))
        p, n, m = float(self.second.value), float(effective_n(self.first)), float(effective_n(self.second))
        now = float(self.first.value) * (1 - float(self.first.value)) / n + p * (1 - p) / m
        # Factor by which a shared gallery or shared clusters change the variance. From influences, since the floor of
        # the standard error near the ends of the range does not apply to a group that is moved away from them.
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
        """Return the minimum detectable gap (one group differs from all others) at power 80 %."""
        return self.gap.min_detectable(alpha)


def contrasts_of(
    outcomes: Outcomes, feature: Feature, masks: dict[str, Mask], *, primary: bool, whole: bool
) -> list[Row]:
    """Return all comparisons of one feature's groups.

    Parameters
    ----------
    outcomes : Outcomes
    feature : Feature
    masks : mapping of str to ndarray of bool
        Rows of each group.
    primary : bool
        Whether the feature's headline comparison is primary: the slope of an order, else each group against the rest.
    whole : bool
        Whether to add gap, ratio and omnibus test.
    """
    order = feature.ordered and len(feature.groups) >= 3
    rows: list[Row] = []
    if order:
        steps = np.full(len(outcomes.values), np.nan)
        for step, group in enumerate(feature.groups):
            steps[masks[group]] = step
        rows.append({**_slope_row(outcomes, feature.name, steps, "per_step"), "family": family(primary)})
    rows += rest_rows(outcomes, feature.name, masks, primary=primary and not order)
    if feature.reference and len(masks) > 2:
        reference = average(outcomes, masks[feature.reference])
        rows += [
            {**pair_row(outcomes, average(outcomes, masks[group]), reference), "feature": feature.name,
             "kind": "reference", "measure": "difference", "group": group, "reference": feature.reference,
             "family": family(False)}
            for group in masks if group != feature.reference
        ]  # fmt: skip
    return rows + (_overall_rows(outcomes, feature.name, masks) if whole and len(masks) > 1 else [])


def slope_rows(outcomes: Outcomes, name: str, x: Floats, measure: str, *, primary: bool) -> list[Row]:
    """Return the slope of the outcome on ``x`` and, if defined, the concentration index."""
    rows = [{**_slope_row(outcomes, name, x, measure), "family": family(primary)}]
    if outcomes.labels is None and outcomes.unit_interval:
        estimate = concentration(outcomes, x)
        row = _row(outcomes, estimate, estimate.n_clusters)
        rows.append({**row, "feature": name, "kind": "concentration", "measure": "index", "family": family(False)})
    return rows


def rest_rows(outcomes: Outcomes, feature: str, masks: dict[str, Mask], *, primary: bool) -> list[Row]:
    """Return the one-vs-rest contrast of each group; of two groups only the first (the second is its negative)."""
    if len(masks) < 2:
        return []
    recorded = np.logical_or.reduce(list(masks.values()))
    rows = []
    for group, reference in rest_pairs(list(masks)):
        row = pair_row(outcomes, average(outcomes, masks[group]), average(outcomes, recorded & ~masks[group]))
        rows.append({**row, "feature": feature, "kind": "one_vs_rest", "measure": "difference", "group": group,
                     "reference": reference, "family": family(primary)})  # fmt: skip
    return rows


def rest_pairs(groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return each group with the name of its rest; of two groups only the first."""
    if len(groups) == 2:
        return [(groups[0], groups[1])]
    return [(group, ALL_OTHERS) for group in groups]


def family(primary: bool) -> str:
    """Return the value of the column ``family``."""
    return "primary" if primary else "exploratory"


def pair_row(outcomes: Outcomes, first: Estimate, second: Estimate) -> Row:
    """Return the row of the difference of two estimates, without the names of feature and groups."""
    bounded = outcomes.unit_interval and outcomes.labels is None
    if outcomes.labels is None:
        estimate = difference(first, second, unit_interval=bounded)
    else:
        estimate = auroc_difference(first, second)
    row = _row(outcomes, estimate, np.minimum(first.n_clusters, second.n_clusters))
    return {**row, "inference": ContrastInference(first, second, estimate, bounded)}


def _slope_row(outcomes: Outcomes, feature: str, x: Floats, measure: str) -> Row:
    if outcomes.labels is not None:
        return {"metric": outcomes.metric, "feature": feature, "kind": "slope", "measure": measure,
                "status": "not_estimable", "note": "no slope is defined for the AUROC", "n": 0,
                "n_clusters": 0}  # fmt: skip
    estimate = slope(outcomes, x)
    return {**_row(outcomes, estimate, estimate.n_clusters), "feature": feature, "kind": "slope", "measure": measure}


def _row(outcomes: Outcomes, estimate: Estimate, smaller: Ints) -> Row:
    status, note = status_of(estimate, smaller)
    if status == "ok" and estimate.std_error == 0:
        status, note = "too_few", NO_VARIATION
    row: Row = {"metric": outcomes.metric, "value": estimate.value, "n": estimate.n,
                "n_clusters": estimate.n_clusters, "status": status, "note": note}  # fmt: skip
    if status == "not_estimable":
        return row
    low, high = t_interval(estimate.value, estimate.std_error, estimate.df)
    row |= {"ci_low": low, "ci_high": high, "ci_method": "cluster t", "std_error": estimate.std_error,
            "df": estimate.df, "psi": estimate.psi}  # fmt: skip
    if status == "ok":
        row["p_value"] = p_value(estimate)
    return row


def _overall_rows(outcomes: Outcomes, feature: str, masks: dict[str, Mask]) -> list[Row]:
    """Return gap, ratio and omnibus test over the groups that are large enough to be compared."""
    estimates = {group: average(outcomes, mask) for group, mask in masks.items()}
    sure = {g: e for g, e in estimates.items() if status_of(e, e.n_clusters)[0] == "ok"}
    left_out = [g for g in masks if g not in sure]
    n = int(sum(e.n for e in sure.values()))
    kept = [masks[g] for g in sure]
    recorded = np.logical_or.reduce(kept) if kept else np.zeros(len(outcomes.values), dtype=bool)
    common = {"metric": outcomes.metric, "feature": feature, "family": family(False), "n": n,
              "n_clusters": outcomes.n_clusters(recorded), "note": without(left_out)}  # fmt: skip
    kinds = [("gap", "difference"), ("gap", "ratio"), ("omnibus", "")]
    if not outcomes.unit_interval or outcomes.labels is not None:
        kinds.remove(("gap", "ratio"))
    if len(sure) < 2:
        why = "fewer than two groups are large enough to be compared"
        return [{**common, "kind": k, "measure": m, "status": "not_estimable", "note": why} for k, m in kinds]
    shared = outcomes.gallery is not None or sum(int(e.n_clusters) for e in sure.values()) > int(
        outcomes.n_clusters(recorded)
    )
    rows = []
    for kind, measure in kinds:
        if kind == "omnibus":
            test = omnibus(outcomes, kept, list(sure.values()))
            row: Row = {"value": test.statistic, "p_value": test.p_value, "ci_method": test.method}
        else:
            row = gap_row(Gap(list(sure.values()), kind_of(outcomes), measure, shared))
        status = "ok" if np.isfinite(row["value"]) else "not_estimable"
        rows.append({**common, "kind": kind, "measure": measure, "status": status, **row})
    return rows


def gap_row(gap: Gap) -> Row:
    """Return the inference columns of a gap or a ratio."""
    low, high = gap.interval(0.95)
    return {"value": gap.value, "ci_low": low, "ci_high": high, "ci_method": "simultaneous, all pairs",
            "p_value": gap.p_value(), "expected_by_chance": gap.expected_by_chance(),
            "inference": GapInference(gap)}  # fmt: skip


def without(groups: list[str]) -> str:
    """Return the note that lists the groups left out as too small."""
    return f"without {', '.join(groups)}: too few" if groups else ""


def auroc_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return ``first`` minus ``second``, both AUROCs, with moderated standard error and degrees of freedom.

    The model of a group's variance is Hanley and McNeil's [2]_ at the pooled AUROC. Events and non-events are those of
    the group with fewer, since each group needs both labels.
    """
    least = {name: np.minimum(getattr(first, name), getattr(second, name)) for name in ("events", "non_events")}
    plain = dataclasses.replace(difference(first, second, unit_interval=False), **least)
    if not np.isfinite(plain.value) or min(least.values()) < 1:
        return plain
    n_G, value_G = (np.array([float(getattr(e, name)) for e in (first, second)]) for name in ("n", "value"))
    pooled = float(np.clip(n_G @ value_G / n_G.sum(), 0.5 / n_G.sum(), 1 - 0.5 / n_G.sum()))
    positives_G = n_G * [float(e.events / (e.events + e.non_events)) for e in (first, second)]
    variance, df = moderated_difference_variance(first, second, hanley_mcneil(pooled, positives_G, n_G - positives_G))
    return dataclasses.replace(plain, std_error=np.sqrt(variance), df=df)


def hanley_mcneil(auroc: float, positives: Floats, negatives: Floats) -> Floats:
    """Return Hanley and McNeil's variance of an AUROC, from exponential scores of both labels [2]_."""
    q1, q2 = auroc / (2 - auroc) - auroc**2, 2 * auroc**2 / (1 + auroc) - auroc**2
    pairs = np.maximum(positives * negatives, 1.0)
    variance: Floats = (auroc * (1 - auroc) + (positives - 1) * q1 + (negatives - 1) * q2) / pairs
    return variance


def concentration(outcomes: Outcomes, x: Floats) -> Estimate:
    """Return the concentration index of one outcome along ``x`` (N,); rows without either are left out.

    NaN if fewer than three clusters were measured, no outcome is positive or all ``x`` are equal.
    """
    use = outcomes.measured & ~np.isnan(x)
    rows = np.flatnonzero(use)
    weights, y = outcomes.mean_weights(~np.isnan(x))[rows], outcomes.values[rows]
    mean = float(weights @ y)
    if outcomes.n_clusters(use) < 3 or mean <= 0 or np.ptp(x[rows]) == 0:
        return from_influence(np.nan, np.zeros(outcomes.n_codes), outcomes, use)
    place = rankdata(x[rows], method="dense") - 1
    mass = np.bincount(place, weights=weights)  # ties of x share their middle rank
    rank = (np.cumsum(mass) - mass / 2)[place]
    value = float(2 * (weights * y) @ (rank - 0.5) / mean)
    share = np.bincount(place, weights=weights * y) / mean
    below = (np.cumsum(share) - share / 2)[place]
    a = y / mean * (2 * rank - 1 - value) + 2 - 2 * below
    psi_rows = np.zeros(len(outcomes.values))
    psi_rows[rows] = weights * (a - (1 + value))
    psi = outcomes.cluster_sums(psi_rows)
    if outcomes.gallery is not None:
        moved = np.zeros(len(outcomes.values))
        moved[rows] = weights * (2 * rank - 1 - value) / mean
        psi = psi + outcomes.gallery_sums(moved)
    return from_influence(value, psi, outcomes, use)

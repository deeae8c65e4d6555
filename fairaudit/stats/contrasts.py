"""Rows of the disparity table: contrasts between the groups of a feature, gap, slopes, and tests of all groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fairaudit.core.comparison import Comparison, Influence
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.samples import Feature
from fairaudit.stats.concentration import concentration
from fairaudit.stats.contrast import Contrast, RatioInference, contrasts, intervals_of
from fairaudit.stats.estimates import estimates
from fairaudit.stats.gap import Gap, gap_of
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.omnibus import omnibus
from fairaudit.stats.outcomes import Floats, Outcomes
from fairaudit.stats.slopes import Slope, departure, slope
from fairaudit.stats.status import status_of, too_few
from fairaudit.stats.sufficient_statistics import Names
from fairaudit.stats.t_inference import TInference

ALL_OTHERS = "all others"
_ALONE = "fewer than two groups are large enough to be compared"

Unit = Literal["share", "auroc", "unbounded"]


@dataclass(frozen=True)
class Compared:
    """The groups of one feature (or of a crossing) in one metric.

    Parameters
    ----------
    sums : GroupSums
        One code for each of ``groups``.
    feature : str
    groups : tuple of str
    names : ndarray of str, shape (U,)
        Name of each cluster code, for influences.
    """

    sums: GroupSums
    feature: str
    groups: tuple[str, ...]
    names: Names

    @property
    def metric(self) -> str:
        """The metric."""
        return self.sums.outcomes.metric

    @property
    def unit(self) -> Unit:
        """Unit of the values."""
        return unit_of(self.sums.outcomes)

    @property
    def overall(self) -> float:
        """Value of all groups together."""
        if self.sums.outcomes.labels is not None:
            return float("nan")
        return self.sums.side(Members(tuple(range(len(self.groups))))).value


def unit_of(outcomes: Outcomes) -> Unit:
    """Return the unit of the outcomes' values."""
    return "auroc" if outcomes.labels is not None else "share" if outcomes.unit_interval else "unbounded"


def contrasts_of(compared: Compared, feature: Feature, *, primary: bool, whole: bool) -> list[Comparison]:
    """Return all comparisons of one feature's groups.

    Parameters
    ----------
    compared : Compared
        Its groups are the feature's.
    feature : Feature
    primary : bool
        Whether the slope of an order and each group against the rest are primary.
    whole : bool
        Whether to add gap, ratio and tests of all groups.
    """
    rows: list[Comparison] = []
    order = feature.ordered and len(feature.groups) >= 3
    if order:
        x = np.where(compared.sums.codes >= 0, compared.sums.codes.astype(np.float64), np.nan)
        rows.append(slope_row(compared.sums.outcomes, feature.name, x, "per_step", compared.names, primary=primary))
    rows += rest_rows(compared, primary=primary, alternatives=True)
    if feature.reference and len(compared.groups) > 2:
        at = compared.groups.index(feature.reference)
        others = [k for k in range(len(compared.groups)) if k != at]
        pairs = [(Members((k,)), Members((at,))) for k in others]
        rows += _rows(
            compared, pairs, "reference", [(compared.groups[k], feature.reference) for k in others], ratios=True
        )
    if whole and len(compared.groups) > 1:
        rows += overall_rows(compared, ordered=order)
    return rows


def rest_pairs(groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return each group with the name of its rest; of two groups only the first."""
    if len(groups) == 2:
        return [(groups[0], groups[1])]
    return [(group, ALL_OTHERS) for group in groups]


def rest_rows(compared: Compared, *, primary: bool, alternatives: bool = False) -> list[Comparison]:
    """Return the one-vs-rest contrast of each group; of two groups only the first (the second is its negative).

    With ``alternatives``, also the ratio to the rest and the difference from the unweighted mean of the other groups.
    They ask the same question another way: they have no p-value unless a plan names them.
    """
    groups, sums = compared.groups, compared.sums
    if len(groups) < 2:
        return []
    names = rest_pairs(groups)
    sides = [Members((k,)) for k in range(len(names))]
    pairs = [(side, sums.rest(k)) for k, side in enumerate(sides)]
    family = "primary" if primary else "exploratory"
    rows = _rows(compared, pairs, "one_vs_rest", names, ratios=alternatives, family=family)
    if alternatives and len(groups) > 2 and sums.outcomes.labels is None and sums.outcomes.gallery is None:
        means = [(side, sums.rest(k, equal=True)) for k, side in enumerate(sides)]
        of_means = _rows(compared, means, "one_vs_rest", [(group, MEAN_OF_OTHERS) for group in groups], ratios=False)
        rows += [dataclasses.replace(row, p_value=float("nan")) for row in of_means]
    return rows


def _rows(
    compared: Compared,
    pairs: Sequence[tuple[Members, Members]],
    kind: str,
    names: Sequence[tuple[str, str]],
    *,
    ratios: bool,
    family: str = "exploratory",
) -> list[Comparison]:
    rows, overall, found = [], compared.overall, contrasts(compared.sums, pairs)
    for (group, reference), pair, contrast, interval in zip(
        names, pairs, found, intervals_of(found, 0.95), strict=True
    ):
        row = Comparison(
            metric=compared.metric, feature=compared.feature, kind=kind, measure="difference", group=group,
            reference=reference, family=family, overall=overall, unit=compared.unit,
            **contrast_fields(contrast, interval),
        )  # fmt: skip
        if row.inference is not None:
            row = dataclasses.replace(row, influence=_Lazy(compared, pair, contrast))
        rows.append(row)
    if ratios and compared.sums.outcomes.is_share:
        known = [None if contrast.score is None else RatioInference(contrast.score) for contrast in found]
        rows += [_ratio_row(*each) for each in zip(rows, known, intervals_of(known, 0.95), strict=True)]
    return rows


def contrast_fields(contrast: Contrast, interval: tuple[float, float]) -> dict[str, Any]:
    """Return the fields of a row that come from a difference and its 95 % interval."""
    counts = {"n": contrast.n, "n_clusters": contrast.n_clusters}
    first, second = contrast.first, contrast.second
    if not min(first.n, second.n):
        return {**counts, "note": "no image was measured in this group"}
    units = min(first.units, second.units)
    smaller = units / max(first.units + second.units, 1.0)
    if first.kind == "auroc":  # each group needs both labels
        events = (min(first.events, second.events), min(first.non_events, second.non_events))
    else:
        events = (smaller * (first.events + second.events), smaller * (first.non_events + second.non_events))
    status, note = too_few(contrast, units, *events, by_counts=contrast.score is None)
    if status == "not_estimable":
        return {**counts, "status": status, "note": note}
    return {
        **counts, "status": status, "note": note, "value": contrast.value, "std_error": contrast.std_error,
        "df": contrast.df, "ci_low": interval[0], "ci_high": interval[1], "ci_method": contrast.method,
        "p_value": contrast.p_value() if status == "ok" else float("nan"), "inference": contrast,
    }  # fmt: skip


def _ratio_row(row: Comparison, inference: RatioInference | None, interval: tuple[float, float]) -> Comparison:
    """Return the row of the ratio that belongs to a row of a difference."""
    blank = dataclasses.replace(
        row, measure="ratio", family="exploratory", std_error=float("nan"), p_value=float("nan"), inference=None,
        influence=None,
    )  # fmt: skip
    value = float("nan") if inference is None else float(inference.score.ratio[0])
    if row.inference is None or not np.isfinite(value):
        note = row.note if row.inference is None else "no event in the reference, so no ratio"
        nan = float("nan")
        return dataclasses.replace(blank, status="not_estimable", note=note, value=nan, ci_low=nan, ci_high=nan,
                                   ci_method="", df=nan)  # fmt: skip
    return dataclasses.replace(blank, value=value, ci_low=interval[0], ci_high=interval[1], inference=inference)


@dataclass(frozen=True)
class _Lazy:
    """The influence of clusters on a difference, computed when it is needed."""

    compared: Compared
    pair: tuple[Members, Members]
    contrast: Contrast

    def __call__(self) -> Influence:
        sums, parts = self.compared.sums, []
        for members, estimate in zip(self.pair, (self.contrast.first, self.contrast.second), strict=True):
            if sums.outcomes.labels is not None:
                from fairaudit.stats.auroc import auroc

                parts.append(auroc(sums.outcomes, np.isin(sums.codes, members.groups)).psi)
            else:
                scale = estimate.n_clusters / (estimate.n_clusters - 1) if estimate.n_clusters > 1 else 1.0
                parts.append(sums.influence(members, estimate.value) * np.sqrt(scale))
        return influence_of(parts[0] - parts[1], self.compared.names)


def influence_of(psi: Floats, names: Names) -> Influence:
    """Return the influences ``psi`` (U,) of the clusters that move a value."""
    moves = psi != 0
    return Influence(names, psi) if moves.all() else Influence(names[moves], psi[moves])


def slope_rows(
    outcomes: Outcomes, name: str, x: Floats, measure: str, names: Names, *, primary: bool
) -> list[Comparison]:
    """Return the slope of the outcome on ``x`` and, if defined, the concentration index."""
    rows = [slope_row(outcomes, name, x, measure, names, primary=primary)]
    if outcomes.bounded:
        blank = Comparison(metric=outcomes.metric, feature=name, kind="concentration", measure="index")
        rows.append(_of_slope(blank, concentration(outcomes, x), names, (-1.0, 1.0)))
    return rows


def slope_row(outcomes: Outcomes, feature: str, x: Floats, measure: str, names: Names, *, primary: bool) -> Comparison:
    """Return the row of the slope of the outcome on ``x``."""
    row = Comparison(
        metric=outcomes.metric, feature=feature, kind="slope", measure=measure, unit=unit_of(outcomes),
        family="primary" if primary else "exploratory",
    )  # fmt: skip
    if outcomes.labels is not None:
        return row.noted("no slope is defined for the AUROC")
    line = slope(outcomes, x)
    overall = GroupSums.of(outcomes, [~np.isnan(x)]).groups[0].value
    steepest = 1 / line.width if outcomes.unit_interval and line.width > 0 else np.inf
    return dataclasses.replace(_of_slope(row, line, names, (-steepest, steepest)), overall=overall, width=line.width)


def _of_slope(row: Comparison, line: Slope, names: Names, limits: tuple[float, float]) -> Comparison:
    row = dataclasses.replace(row, n=line.n, n_clusters=line.n_clusters)
    if not line.n:
        return row.noted("no image was measured in this group")
    status, note = too_few(line, line.units, line.events, line.non_events, by_counts=True)
    row = dataclasses.replace(row, status=status, note=note)
    if status == "not_estimable":
        return row
    inference = TInference(line.value, line.std_error, line.df, limits, line.skewness)
    low, high = inference.interval(0.95)
    return dataclasses.replace(
        row, value=line.value, std_error=line.std_error, df=line.df, ci_low=low, ci_high=high, ci_method="cluster t",
        p_value=inference.p_value() if status == "ok" else float("nan"), inference=inference,
        influence=lambda: influence_of(line.psi, names),
    )  # fmt: skip


def overall_rows(compared: Compared, *, ordered: bool) -> list[Comparison]:
    """Return gap, ratio and tests of all groups that are large enough; of an order, also the departure from a line."""
    sums = compared.sums
    sure = [k for k, estimate in enumerate(estimates(sums)) if status_of(estimate)[0] == "ok"]
    left_out = [name for k, name in enumerate(compared.groups) if k not in sure]
    kept = GroupSums.of(sums.outcomes, [sums.codes == k for k in sure])
    common: dict[str, Any] = {
        "metric": compared.metric, "feature": compared.feature, "n": len(kept.used),
        "n_clusters": sums.outcomes.n_clusters(kept.codes >= 0), "note": without(left_out), "unit": compared.unit,
        "overall": compared.overall,
    }  # fmt: skip
    measures: list[Literal["difference", "ratio"]] = (
        ["difference", "ratio"] if sums.outcomes.bounded else ["difference"]
    )
    if len(sure) < 2:
        kinds = [*(("gap", measure) for measure in measures), ("omnibus", "")]
        return [Comparison(**{**common, "kind": kind, "measure": m, "note": _ALONE}) for kind, m in kinds]
    gap = gap_of(kept)
    rows = [gap_row(dataclasses.replace(gap, measure=measure), common) for measure in measures]
    test = omnibus(gap)
    rows.append(_test_row({**common, "kind": "omnibus"}, test.statistic, test.p_value, test.method))
    if ordered and len(sure) > 2 and sums.outcomes.labels is None:
        bend = departure(gap.estimates, np.array(sure, dtype=np.float64))
        rows.append(_test_row({**common, "kind": "departure"}, bend.statistic, bend.p_value, "F"))
    return rows


def _test_row(fields: dict[str, Any], statistic: float, p_value: float, method: str) -> Comparison:
    status = "ok" if np.isfinite(statistic) else "not_estimable"
    return Comparison(**fields, measure="", status=status, value=statistic, p_value=p_value, ci_method=method)


def gap_row(gap: Gap, common: dict[str, Any]) -> Comparison:
    """Return the row of a gap or a ratio."""
    row = Comparison(**common, kind="gap", measure=gap.measure, value=gap.value)
    if not np.isfinite(gap.value):
        return row
    low, high = gap.interval(0.95)
    return dataclasses.replace(
        row, status="ok", ci_low=low, ci_high=high, ci_method="simultaneous, all pairs", p_value=gap.p_value(),
        expected_by_chance=gap.expected_by_chance(), inference=gap,
    )  # fmt: skip


def without(groups: list[str]) -> str:
    """Return the note that lists the groups left out as too small."""
    return f"without {', '.join(groups)}: too few" if groups else ""

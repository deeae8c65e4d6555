"""From outcomes to the tables ``groups``, ``disparities`` and ``statistics``: the one place that infers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError
from fairaudit.core.estimates import Estimate, average, difference, slope
from fairaudit.core.inference import RowInference
from fairaudit.core.intervals import group_interval, p_value, t_interval
from fairaudit.core.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.core.result import DISPARITY_COLUMNS, GROUP_COLUMNS, STATISTIC_COLUMNS, check_positions, table
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples

MIN_CLUSTERS = 20
MIN_EVENTS = 5
OVERALL = "overall"
ALL_OTHERS = "all others"
NO_VARIATION = "the outcomes do not vary, so nothing says how sure this number is"


@dataclass(frozen=True)
class Cohort:
    """The rows that were measured and the groups they fall into.

    Parameters
    ----------
    dataset, indicator : str
        For the statistics table.
    features : tuple of Feature
        Features to disaggregate by, one at a time.
    columns : mapping of str to ndarray of str, shape (N,)
        Group of each row, by feature.
    cluster_names : ndarray of str, shape (N,)
        Salted hash of each row's cluster, for the statistics table.
    numeric : mapping of str to (ndarray of float (N,), str)
        Features along which a slope is taken, with its measure: ``{"income": (log2_income, "per_doubling")}``.
    primary : tuple of str
        Features whose headline contrasts belong to the primary family.
    """

    dataset: str
    indicator: str
    features: tuple[Feature, ...]
    columns: dict[str, Any]
    cluster_names: Any
    numeric: dict[str, tuple[Floats, str]] = field(default_factory=dict)
    primary: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        samples: Samples,
        indicator: str,
        *,
        extra: Sequence[tuple[Feature, Any]] = (),
        numeric: dict[str, tuple[Floats, str]] | None = None,
        exploratory: Sequence[str] = (),
    ) -> Cohort:
        """Return the cohort of ``samples``, with derived features (``extra``) behind the recorded ones."""
        features = (*samples.features, *(f for f, _ in extra))
        columns = {f.name: samples.table[f.name].to_numpy(str) for f in samples.features}
        columns |= {f.name: np.asarray(values, dtype=str) for f, values in extra}
        numeric = numeric or {}
        primary = [f.name for f in samples.features if f.name not in exploratory] + list(numeric)
        names = samples.cluster_hashes().to_numpy(str)
        return cls(samples.name, indicator, features, columns, names, numeric, tuple(primary))

    def mask(self, feature: str, group: str) -> Mask:
        """Rows of one group."""
        found: Mask = self.columns[feature] == group
        return found


@dataclass(frozen=True)
class Measured:
    """What inference gives an indicator: two tables and the sufficient statistics.

    ``inference`` holds, by position in ``disparities``, what rows bring along for which the t interval is not right.
    """

    groups: pd.DataFrame
    disparities: pd.DataFrame
    statistics: pd.DataFrame
    inference: Mapping[int, RowInference] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_positions(self.inference, self.disparities)


def measure(
    cohort: Cohort,
    outcomes: Sequence[Outcomes],
    *,
    headline: str,
    tolerance: float,
    slope_tolerance: float,
    contrasts: Sequence[str] | None = None,
) -> Measured:
    """Return group values, disparities and statistics of every metric, feature and pairwise intersection.

    Parameters
    ----------
    cohort : Cohort
    outcomes : sequence of Outcomes
        One per metric, rows aligned with the cohort.
    headline : str
        The metric whose contrasts by single feature are the primary family.
    tolerance, slope_tolerance : float
        Differences, and slopes per step or doubling, below which two groups count as treated alike; in (0, 1).
    contrasts : sequence of str, optional
        Metrics that are compared between groups; the others are printed without a comparison. Default: all.

    Raises
    ------
    ConfigError
        If a tolerance is not in (0, 1).
    """
    for name, given in (("tolerance", tolerance), ("slope_tolerance", slope_tolerance)):
        if not 0 < given < 1:
            raise ConfigError(f"{name} must be between 0 and 1; got {given:g}. A usual choice is 0.05.")
    groups: list[dict[str, Any]] = []
    disparities: list[dict[str, Any]] = []
    statistics: list[pd.DataFrame] = []
    pairs = list(itertools.combinations(cohort.features, 2))
    for one in outcomes:
        compare = contrasts is None or one.metric in contrasts
        everyone = np.ones(len(one.values), dtype=bool)
        groups.append(_group_row(one, OVERALL, OVERALL, everyone))
        statistics.append(_statistics(cohort, one, OVERALL, OVERALL, everyone))
        for feature in cohort.features:
            primary = one.metric == headline and feature.name in cohort.primary
            masks = {g: cohort.mask(feature.name, g) for g in groups_of(feature, cohort)}
            groups += [_group_row(one, feature.name, g, m) for g, m in masks.items()]
            statistics += [_statistics(cohort, one, feature.name, g, m) for g, m in masks.items()]
            if compare:
                masks.pop(NOT_RECORDED, None)
                disparities += _contrasts(one, feature, masks, primary=primary)
        for name, (x, label) in cohort.numeric.items() if compare else ():
            row = _slope_row(one, name, x, label)
            disparities.append({**row, "family": _family(one.metric == headline)})
        for first, second in pairs:
            masks = _intersections(cohort, first, second)
            name = f"{first.name} & {second.name}"
            groups += [_group_row(one, name, g, m) for g, m in masks.items()]
            if compare and one.metric == headline:
                disparities += _rest_rows(one, name, masks, primary=False)
    for row in disparities:
        if row["family"] == "primary":
            row["tolerance"] = slope_tolerance if row["kind"] == "slope" else tolerance
    return Measured(
        table(groups, GROUP_COLUMNS),
        table(disparities, DISPARITY_COLUMNS),
        pd.concat(statistics, ignore_index=True) if statistics else table([], STATISTIC_COLUMNS),
    )


def groups_of(feature: Feature, cohort: Cohort) -> tuple[str, ...]:
    """Return the feature's groups, and ``not recorded`` where it occurs."""
    extra = (NOT_RECORDED,) if (cohort.columns[feature.name] == NOT_RECORDED).any() else ()
    return (*feature.groups, *extra)


def not_estimable(metric: str, feature: str, group: str, note: str) -> dict[str, Any]:
    """Return the row of a group value that cannot be estimated, with its reason."""
    return {"metric": metric, "feature": feature, "group": group, "status": "not_estimable", "note": note,
            "n": 0, "n_clusters": 0}  # fmt: skip


def _family(primary: bool) -> str:
    return "primary" if primary else "exploratory"


def _contrasts(one: Outcomes, feature: Feature, masks: dict[str, Mask], *, primary: bool) -> list[dict[str, Any]]:
    """Return the slope of an order, with its groups as leads; without an order each group meets the rest."""
    if not feature.ordered or len(feature.groups) < 3:
        return _rest_rows(one, feature.name, masks, primary=primary)
    steps = np.full(len(one.values), np.nan)
    for step, group in enumerate(feature.groups):
        steps[masks[group]] = step
    row = _slope_row(one, feature.name, steps, "per_step")
    return [{**row, "family": _family(primary)}, *_rest_rows(one, feature.name, masks, primary=False)]


def _rest_rows(one: Outcomes, feature: str, masks: dict[str, Mask], *, primary: bool) -> list[dict[str, Any]]:
    recorded = np.logical_or.reduce(list(masks.values()))
    # Of two groups, the second contrast is the first one again with its sign changed.
    groups = list(masks)[:1] if len(masks) == 2 else list(masks)
    if len(masks) < 2:
        return []
    rows = []
    for group in groups:
        rest = recorded & ~masks[group]
        reference = next(g for g in masks if g != group) if len(masks) == 2 else ALL_OTHERS
        first, second = average(one, masks[group]), average(one, rest)
        estimate = difference(first, second, unit_interval=one.unit_interval)
        if one.labels is not None:  # no pooling: each group needs memes with and without hate of its own
            least = {n: np.minimum(getattr(first, n), getattr(second, n)) for n in ("events", "non_events")}
            estimate = dataclasses.replace(estimate, **least)
        smaller = min(first.n_clusters, second.n_clusters)
        row = _disparity_row(one, estimate, smaller)
        rows.append({**row, "feature": feature, "kind": "rest", "measure": "difference", "group": group,
                     "reference": reference, "family": _family(primary)})  # fmt: skip
    return rows


def _slope_row(one: Outcomes, feature: str, x: Floats, measure_name: str) -> dict[str, Any]:
    if one.labels is not None:
        return {"metric": one.metric, "feature": feature, "kind": "slope", "measure": measure_name,
                "status": "not_estimable", "note": "no slope is defined for the AUROC", "n": 0,
                "n_clusters": 0}  # fmt: skip
    estimate = slope(one, x)
    row = _disparity_row(one, estimate, estimate.n_clusters)
    return {**row, "feature": feature, "kind": "slope", "measure": measure_name}


def _disparity_row(one: Outcomes, estimate: Estimate, smaller: Ints) -> dict[str, Any]:
    status, note = _status(estimate, smaller)
    if status == "ok" and estimate.std_error == 0:
        status, note = "too_few", NO_VARIATION
    row: dict[str, Any] = {"metric": one.metric, "value": estimate.value, "n": estimate.n,
                           "n_clusters": estimate.n_clusters, "status": status, "note": note}  # fmt: skip
    if status == "not_estimable":
        return row
    low, high = t_interval(estimate.value, estimate.std_error, estimate.df)
    row |= {"ci_low": low, "ci_high": high, "ci_method": "cluster t", "std_error": estimate.std_error,
            "df": estimate.df}  # fmt: skip
    if status == "ok":
        row["p_value"] = p_value(estimate)
    return row


def _group_row(one: Outcomes, feature: str, group: str, mask: Mask) -> dict[str, Any]:
    estimate = average(one, mask)
    status, note = _status(estimate, estimate.n_clusters)
    low, high, method = group_interval(estimate, kind=_kind(one))
    return {"metric": one.metric, "feature": feature, "group": group, "value": estimate.value, "ci_low": low,
            "ci_high": high, "ci_method": method, "n": estimate.n, "n_clusters": estimate.n_clusters,
            "status": status, "note": note}  # fmt: skip


def _kind(one: Outcomes) -> str:
    if one.labels is not None:
        return "auroc"
    if not one.unit_interval:
        return "unbounded"
    values, clusters = one.values[one.measured], one.clusters[one.measured]
    independent = one.gallery is None and len(np.unique(clusters)) == len(clusters)
    return "binary" if independent and np.isin(values, (0, 1)).all() else "share"


def _status(estimate: Estimate, n_clusters: Ints) -> tuple[str, str]:
    if min(estimate.n, n_clusters) == 0:
        return "not_estimable", "no image was measured in this group"
    if not np.isfinite(estimate.value):
        return "not_estimable", "the images measured here do not vary as this number needs"
    if n_clusters < MIN_CLUSTERS:
        return "too_few", f"{n_clusters} independent units; at least {MIN_CLUSTERS} are needed"
    if estimate.std_error == 0 and np.isinf(estimate.events):
        return "too_few", NO_VARIATION
    events = min(estimate.events, estimate.non_events)
    if events < MIN_EVENTS:
        return "too_few", f"{events:.1f} expected events or non-events; at least {MIN_EVENTS} are needed"
    return "ok", ""


def _intersections(cohort: Cohort, first: Feature, second: Feature) -> dict[str, Mask]:
    masks = {}
    for a, b in itertools.product(first.groups, second.groups):
        name = f"{a.replace('&', '&&')} & {b.replace('&', '&&')}"
        masks[name] = cohort.mask(first.name, a) & cohort.mask(second.name, b)
    return masks


def _statistics(cohort: Cohort, one: Outcomes, feature: str, group: str, mask: Mask) -> pd.DataFrame:
    """Return numerator, denominator and gallery part per cluster: what later comparisons resample."""
    use = mask & one.measured
    names = np.array([f"gallery-{code}" for code in range(one.n_codes)], dtype=object)
    names[one.clusters] = cohort.cluster_names
    counts = np.bincount(one.clusters[use], minlength=one.n_codes)
    sums = one.cluster_sums(np.where(use, one.values, 0.0))
    gallery = one.gallery_sums(use.astype(float))
    keep = (counts > 0) | (gallery != 0)
    return pd.DataFrame(
        {
            "dataset": cohort.dataset, "indicator": cohort.indicator, "metric": one.metric, "feature": feature,
            "group": group, "cluster": names[keep].astype(str), "n": counts[keep].astype(float),
            "numerator": sums[keep], "denominator": counts[keep].astype(float), "gallery": gallery[keep],
        }
    )  # fmt: skip

"""From outcomes to the tables ``groups``, ``disparities`` and ``statistics``: the one place that infers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.contrasts import along, contrasts_of, rest_rows
from fairaudit.core.controls import MAX_GROUPS, check_controls, controlled_rows, controlled_slopes
from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.estimates import average
from fairaudit.core.group_rows import group_row
from fairaudit.core.inference import RowInference
from fairaudit.core.outcomes import Floats, Mask, Outcomes
from fairaudit.core.result import DISPARITY_COLUMNS, GROUP_COLUMNS, STATISTIC_COLUMNS, check_positions, table
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples

OVERALL = "overall"


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
    controls : mapping of str to ndarray of str, shape (N,)
        Level of each row, by control: the headline is given within its levels too, and standardised over it.
        ``"not recorded"`` where the level is not known; a control is skipped for the feature of its name.

    Raises
    ------
    DataError
        If controls and features form too many groups.
    """

    dataset: str
    indicator: str
    features: tuple[Feature, ...]
    columns: dict[str, Any]
    cluster_names: Any
    numeric: dict[str, tuple[Floats, str]] = field(default_factory=dict)
    primary: tuple[str, ...] = ()
    controls: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = sum(
            len(feature.groups) * len(self.levels(control))
            for control, feature in itertools.product(self.controls, self.features)
            if control != feature.name
        )
        if n > MAX_GROUPS:
            raise DataError(
                f"control features of {self.indicator} on '{self.dataset}' must form at most {MAX_GROUPS:,} groups "
                f"with the features; got {n:,}. Merge levels, or leave a control out."
            )

    @classmethod
    def of(
        cls,
        samples: Samples,
        indicator: str,
        *,
        extra: Sequence[tuple[Feature, Any]] = (),
        numeric: dict[str, tuple[Floats, str]] | None = None,
        exploratory: Sequence[str] = (),
        control_features: Sequence[str] = (),
        extra_controls: Mapping[str, Any] | None = None,
    ) -> Cohort:
        """Return the cohort of ``samples``, with derived features (``extra``) behind the recorded ones.

        A control feature is one of these features, or of ``extra_controls``, which are no features.

        Raises
        ------
        ConfigError
            If a control feature is neither.
        DataError
            If controls and features form too many groups.
        """
        features = (*samples.features, *(f for f, _ in extra))
        columns = {f.name: samples.table[f.name].to_numpy(str) for f in samples.features}
        columns |= {f.name: np.asarray(values, dtype=str) for f, values in extra}
        numeric = numeric or {}
        primary = [f.name for f in samples.features if f.name not in exploratory] + list(numeric)
        names = samples.cluster_hashes().to_numpy(str)
        known = columns | {name: np.asarray(values, dtype=str) for name, values in (extra_controls or {}).items()}
        check_controls(f"control_features of {indicator} on '{samples.name}'", control_features, known)
        controls = {name: known[name] for name in control_features}
        return cls(samples.name, indicator, features, columns, names, numeric, tuple(primary), controls)

    def mask(self, feature: str, group: str) -> Mask:
        """Rows of one group."""
        found: Mask = self.columns[feature] == group
        return found

    def levels(self, control: str) -> dict[str, Mask]:
        """Rows of each level of a control that occurs: in the order of its feature, else sorted, unknown ones last."""
        found = self.controls[control]
        order = next((f.groups for f in self.features if f.name == control), ())
        place = {group: i for i, group in enumerate(order)}
        named = sorted(set(found.tolist()), key=lambda v: (v == NOT_RECORDED, place.get(v, len(place)), v))
        return {level: found == level for level in named}


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

    The headline is also given within the levels of the cohort's controls, and standardised over them.

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
        groups.append(group_row(one, OVERALL, OVERALL, average(one, everyone)))
        statistics.append(_statistics(cohort, one, OVERALL, OVERALL, everyone))
        for feature in cohort.features:
            primary = one.metric == headline and feature.name in cohort.primary
            masks = {g: cohort.mask(feature.name, g) for g in groups_of(feature, cohort)}
            groups += [group_row(one, feature.name, g, average(one, m)) for g, m in masks.items()]
            statistics += [_statistics(cohort, one, feature.name, g, m) for g, m in masks.items()]
            if compare:
                known = {g: m for g, m in masks.items() if g != NOT_RECORDED}
                disparities += contrasts_of(one, feature, known, primary=primary, whole=one.metric == headline)
        for name, (x, label) in cohort.numeric.items() if compare else ():
            disparities += along(one, name, x, label, primary=one.metric == headline)
        for first, second in pairs:
            masks = _intersections(cohort, first, second)
            name = f"{first.name} & {second.name}"
            groups += [group_row(one, name, g, average(one, m)) for g, m in masks.items()]
            if compare and one.metric == headline:
                disparities += rest_rows(one, name, masks, primary=False)
        if compare and one.metric == headline:
            within, contrasted = _controlled(cohort, one)
            groups, disparities = groups + within, disparities + contrasted
    inference = {i: found for i, row in enumerate(disparities) if (found := row.pop("inference", None)) is not None}
    for row in disparities:
        if row["family"] == "primary":
            row["tolerance"] = slope_tolerance if row["kind"] == "slope" else tolerance
    return Measured(
        table(groups, GROUP_COLUMNS),
        table(disparities, DISPARITY_COLUMNS),
        pd.concat(statistics, ignore_index=True) if statistics else table([], STATISTIC_COLUMNS),
        inference,
    )


def groups_of(feature: Feature, cohort: Cohort) -> tuple[str, ...]:
    """Return the feature's groups, and ``not recorded`` where it occurs."""
    extra = (NOT_RECORDED,) if (cohort.columns[feature.name] == NOT_RECORDED).any() else ()
    return (*feature.groups, *extra)


def _controlled(cohort: Cohort, one: Outcomes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of both tables within levels of each control, and standardised over it."""
    groups: list[dict[str, Any]] = []
    disparities: list[dict[str, Any]] = []
    for control in cohort.controls:
        levels = cohort.levels(control)
        for feature in cohort.features:
            if feature.name != control:
                masks = {g: cohort.mask(feature.name, g) for g in groups_of(feature, cohort)}
                values, contrasts = controlled_rows(one, feature, masks, control, levels)
                groups, disparities = groups + values, disparities + contrasts
        for name, (x, label) in cohort.numeric.items():
            disparities += controlled_slopes(one, name, x, label, control, levels)
    return groups, disparities


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

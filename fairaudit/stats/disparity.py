"""``measure``: the tables ``groups``, ``disparities`` and ``statistics`` from outcomes; all inference of an audit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.result import DISPARITY_COLUMNS, GROUP_COLUMNS, Influence, Measured, table
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.contrasts import rest_rows, slope_rows
from fairaudit.stats.controls import MAX_GROUPS, check_controls, controlled_rows, controlled_slopes
from fairaudit.stats.estimates import average
from fairaudit.stats.outcomes import Floats, Mask, Outcomes
from fairaudit.stats.status import group_row, kind_of, status_of
from fairaudit.stats.sufficient_statistics import Names, Statistics, cluster_names
from fairaudit.stats.uncertain_labels import (
    ImputedLabels,
    add_notes,
    contrasts_over,
    impute_labels,
    label_warnings,
    pooled,
    pooled_rows,
    strictest_status,
)

OVERALL = "overall"


@dataclass(frozen=True)
class Cohort:
    """The measured rows and their groups.

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
    drawn : mapping of str to ImputedLabels
        Imputed labels of features whose labels are uncertain; ``columns`` holds the recorded group.
    controls : mapping of str to ndarray of str, shape (N,)
        Level of each row, by control; ``"not recorded"`` if unknown. The headline is also given within levels, and
        standardised over them. A control is skipped for the feature of the same name.
    only_standardised : frozenset of str
        Controls without rows within levels, and without rows for ``exploratory`` features.
    exploratory : frozenset of str
        Features of minor interest, such as countries beside regions.

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
    drawn: Mapping[str, ImputedLabels] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    only_standardised: frozenset[str] = frozenset()
    exploratory: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        n = sum(
            len(feature.groups) * len(self.levels(control))
            for control, feature in itertools.product(self.controls, self.features)
            if control != feature.name and control not in self.only_standardised
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
        standardise: Sequence[str] = (),
        extra_controls: Mapping[str, Any] | None = None,
    ) -> Cohort:
        """Return the cohort of ``samples``, with derived features (``extra``) after the recorded ones.

        ``control_features`` and ``standardise`` name features or keys of ``extra_controls`` (controls that are no
        features). Names in ``standardise`` alone have no rows within levels.

        Raises
        ------
        ConfigError
            If a control is neither a feature nor in ``extra_controls``.
        DataError
            If controls and features form too many groups.
        """
        features = (*samples.features, *(f for f, _ in extra))
        columns = {f.name: samples.table[f.name].to_numpy(str) for f in samples.features}
        columns |= {f.name: np.asarray(values, dtype=str) for f, values in extra}
        numeric = numeric or {}
        exploratory = (*exploratory, *samples.exploratory_features)
        primary = [f.name for f in samples.features if f.name not in exploratory] + list(numeric)
        names = samples.cluster_hashes().to_numpy(str)
        known = columns | {name: np.asarray(values, dtype=str) for name, values in (extra_controls or {}).items()}
        check_controls(f"control_features of {indicator} on '{samples.name}'", control_features, known)
        check_controls(f"standardise of {indicator} on '{samples.name}'", standardise, known)
        controls = {name: known[name] for name in (*control_features, *standardise)}
        only = frozenset(standardise) - frozenset(control_features)
        drawn = impute_labels(samples)
        return cls(
            samples.name, indicator, features, columns, names, numeric, tuple(primary), drawn, controls, only,
            frozenset(exploratory),
        )  # fmt: skip

    def mask(self, feature: str, group: str) -> Mask:
        """Return the rows of one group, (N,)."""
        rows: Mask = self.columns[feature] == group
        return rows

    def draws(self, *features: str) -> Iterator[Cohort]:
        """Yield the cohort with each imputed labelling of ``features``; itself once if none of them was imputed."""
        drawn = {name: self.drawn[name] for name in features if name in self.drawn}
        if not drawn:
            yield self
        for draw in range(min(map(len, drawn.values()), default=0)):
            columns = {name: labels.column(draw) for name, labels in drawn.items()}
            yield dataclasses.replace(self, columns={**self.columns, **columns})

    def levels(self, control: str) -> dict[str, Mask]:
        """Return the rows of each level of a control, in the order of its feature or else sorted; unknown last."""
        values = self.controls[control]
        order = next((f.groups for f in self.features if f.name == control), ())
        place = {group: i for i, group in enumerate(order)}
        named = sorted(set(values.tolist()), key=lambda v: (v == NOT_RECORDED, place.get(v, len(place)), v))
        return {level: values == level for level in named}


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
    for name, value in (("tolerance", tolerance), ("slope_tolerance", slope_tolerance)):
        if not 0 < value < 1:
            raise ConfigError(f"{name} must be between 0 and 1; got {value:g}. A usual choice is 0.05.")
    groups: list[dict[str, Any]] = []
    disparities: list[dict[str, Any]] = []
    statistics = Statistics(cohort.dataset, cohort.indicator)
    influences: dict[int, Influence] = {}
    pairs = list(itertools.combinations(cohort.features, 2))
    for outcome in outcomes:
        compare = contrasts is None or outcome.metric in contrasts
        everyone = np.ones(len(outcome.values), dtype=bool)
        groups.append(_group_row(outcome, OVERALL, OVERALL, everyone))
        names = cluster_names(outcome, cohort.cluster_names)
        statistics.add(outcome, names, OVERALL, OVERALL, everyone)
        for feature in cohort.features:
            primary = outcome.metric == headline and feature.name in cohort.primary
            masks = {g: cohort.mask(feature.name, g) for g in groups_of(feature, cohort)}
            draws = [{g: drawn.mask(feature.name, g) for g in masks} for drawn in cohort.draws(feature.name)]
            groups += [_group_row(outcome, feature.name, g, *(drawn[g] for drawn in draws)) for g in masks]
            for g, m in masks.items():
                statistics.add(outcome, names, feature.name, g, m)
            if compare:
                disparities += contrasts_over(
                    outcome, feature, draws, primary=primary, whole=outcome.metric == headline
                )
        for name, (x, label) in cohort.numeric.items() if compare else ():
            disparities += slope_rows(outcome, name, x, label, primary=outcome.metric == headline)
        for first, second in pairs:
            draws = [_intersections(drawn, first, second) for drawn in cohort.draws(first.name, second.name)]
            name = f"{first.name} & {second.name}"
            groups += [_group_row(outcome, name, g, *(drawn[g] for drawn in draws)) for g in draws[0]]
            if compare and outcome.metric == headline:
                disparities += pooled_rows([rest_rows(outcome, name, masks, primary=False) for masks in draws])
        if compare and outcome.metric == headline:
            within, contrasted = _controlled(cohort, outcome)
            groups, disparities = groups + within, disparities + contrasted
        influences |= _influences(disparities, names)
    add_notes([*groups, *disparities], cohort.drawn)
    inference = {
        i: row_inference
        for i, row in enumerate(disparities)
        if (row_inference := row.pop("inference", None)) is not None
    }
    for row in disparities:
        if row["family"] == "primary":
            row["tolerance"] = slope_tolerance if row["kind"] == "slope" else tolerance
    return Measured(
        table(groups, GROUP_COLUMNS),
        table(disparities, DISPARITY_COLUMNS),
        statistics.table(),
        inference,
        influences,
        (*label_warnings(cohort.drawn), *_without_controls(cohort)),
    )


def group_values(cohort: Cohort, outcomes: Sequence[Outcomes]) -> pd.DataFrame:
    """Return the group values of single features and overall, as in ``Measured.groups``, without comparisons."""
    rows = []
    for outcome in outcomes:
        rows.append(_group_row(outcome, OVERALL, OVERALL, np.ones(len(outcome.values), dtype=bool)))
        for feature in cohort.features:
            draws = list(cohort.draws(feature.name))
            rows += [
                _group_row(outcome, feature.name, g, *(drawn.mask(feature.name, g) for drawn in draws))
                for g in groups_of(feature, cohort)
            ]
    return table(rows, GROUP_COLUMNS)


def groups_of(feature: Feature, cohort: Cohort) -> tuple[str, ...]:
    """Return the feature's groups, and ``not recorded`` if it occurs."""
    extra = (NOT_RECORDED,) if (cohort.columns[feature.name] == NOT_RECORDED).any() else ()
    return (*feature.groups, *extra)


def _group_row(outcomes: Outcomes, feature: str, group: str, *masks: Mask) -> dict[str, Any]:
    """Return the row of a group from its mask, or from one mask for each imputed labelling."""
    estimates = [average(outcomes, mask) for mask in masks]
    row = group_row(outcomes, feature, group, pooled(*estimates), kind=kind_of(outcomes, drawn=len(masks) > 1))
    status, note = strictest_status([status_of(e, e.n_clusters) for e in estimates])
    return {**row, "status": status, "note": note}


def _controlled(cohort: Cohort, outcomes: Outcomes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of both tables within levels of each control, and standardised over it."""
    groups: list[dict[str, Any]] = []
    disparities: list[dict[str, Any]] = []
    for control in cohort.controls:
        levels, within = cohort.levels(control), control not in cohort.only_standardised
        left_out = {control, *cohort.drawn, *(() if within else cohort.exploratory)}
        for feature in cohort.features:
            if feature.name not in left_out:
                masks = {g: cohort.mask(feature.name, g) for g in groups_of(feature, cohort)}
                values, contrasts = controlled_rows(outcomes, feature, masks, control, levels, within=within)
                groups, disparities = groups + values, disparities + contrasts
        for name, (x, label) in cohort.numeric.items() if within else ():
            disparities += controlled_slopes(outcomes, name, x, label, control, levels)
    return groups, disparities


def _without_controls(cohort: Cohort) -> tuple[str, ...]:
    """Return a warning for each feature with imputed labels, which controls do not cover."""
    return tuple(
        f"The labels of {name} were drawn, so it is not compared within levels of {', '.join(cohort.controls)}, nor "
        "standardised over them; as a control it has its recorded labels."
        for name in cohort.drawn
        if cohort.controls
    )


def _intersections(cohort: Cohort, first: Feature, second: Feature) -> dict[str, Mask]:
    masks = {}
    for a, b in itertools.product(first.groups, second.groups):
        name = f"{a.replace('&', '&&')} & {b.replace('&', '&&')}"
        masks[name] = cohort.mask(first.name, a) & cohort.mask(second.name, b)
    return masks


def _influences(rows: list[dict[str, Any]], names: Names) -> dict[int, Influence]:
    """Remove ``psi`` from the rows and return the influences by position."""
    influences = {}
    for i, row in enumerate(rows):
        psi = row.pop("psi", None)
        if psi is not None:
            moves = psi != 0
            influences[i] = Influence(names[moves], psi[moves])
    return influences

"""``measure``: the tables ``groups``, ``disparities`` and ``statistics`` from outcomes; all inference of an audit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.comparison import Comparison
from fairaudit.core.plan import check_tolerance
from fairaudit.core.result import GROUP_COLUMNS, Measured, table
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.stats.cohort import Cohort, crossed_names
from fairaudit.stats.contrasts import Compared, rest_rows, slope_rows
from fairaudit.stats.controls import controlled_rows, controlled_slopes
from fairaudit.stats.estimates import average, estimates
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.row_weights import weight_warnings, without_weight
from fairaudit.stats.status import group_row, status_of
from fairaudit.stats.sufficient_statistics import Names, Statistics, cluster_names
from fairaudit.stats.tolerance import with_tolerance
from fairaudit.stats.uncertain_labels import (
    contrasts_over,
    imputed_names,
    label_warnings,
    method_of,
    note_of,
    noted,
    pooled,
    pooled_rows,
    strictest_status,
)

OVERALL = "overall"

Row = dict[str, Any]


def measure(
    cohort: Cohort,
    outcomes: Sequence[Outcomes],
    *,
    headline: str,
    tolerance: float | None = None,
    slope_tolerance: float | None = None,
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
    tolerance, slope_tolerance : float, optional
        Differences, and slopes per step or doubling, below which two groups count as treated alike; in (0, 1), or any
        positive number if no outcome is bounded. Default: as in ``tolerance.with_tolerance``.
    contrasts : sequence of str, optional
        Metrics that are compared between groups; the others are printed by single features only. Default: all.

    Raises
    ------
    ConfigError
        If a tolerance is out of this range.
    """
    bounded = any(outcome.unit_interval for outcome in outcomes)
    for name, value in (("tolerance", tolerance), ("slope_tolerance", slope_tolerance)):
        check_tolerance(name, value, bounded=bounded)
    weighted = [cohort.weighted(outcome) for outcome in outcomes]
    statistics = Statistics(cohort.dataset, cohort.indicator)
    groups, rows = list[Row](), list[Comparison]()
    for outcome in weighted:
        walk = _Walk(cohort, outcome, outcome.metric == headline, contrasts is None or outcome.metric in contrasts)
        walk.features(statistics)
        walk.intersections()
        walk.controls()
        walk.forget()
        groups += walk.groups
        rows += walk.rows
    if cohort.weights is not None:
        groups = [{**row, "note": without_weight(row["note"])} for row in groups]
        rows = [dataclasses.replace(row, note=without_weight(row.note)) for row in rows]
    comparisons = tuple(
        with_tolerance(noted(row, cohort.drawn), tolerance=tolerance, slope_tolerance=slope_tolerance) for row in rows
    )
    return Measured(
        table(groups, GROUP_COLUMNS),
        comparisons,
        statistics.table(),
        (*label_warnings(cohort.drawn), *_without_controls(cohort), *_weight_warnings(cohort, weighted, headline)),
    )


@dataclass
class _Walk:
    """The rows of one metric."""

    cohort: Cohort
    outcomes: Outcomes
    headline: bool
    compare: bool
    groups: list[Row] = field(default_factory=list)
    rows: list[Comparison] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names: Names = cluster_names(self.outcomes, self.cohort.cluster_names)
        self.recorded: list[GroupSums] = []
        self.everyone = GroupSums(self.outcomes, np.zeros(len(self.outcomes.values), dtype=np.int64), 1)
        self.singles = {
            feature.name: [
                drawn.sums(self.outcomes, feature.name, self.cohort.groups_of(feature))
                for drawn in self.cohort.draws(feature.name)
            ]
            for feature in self.cohort.features
        }
        self.pairs = {
            (first.name, second.name): [
                drawn.crossed(self.outcomes, first, second) for drawn in self.cohort.draws(first.name, second.name)
            ]
            for first, second in (itertools.combinations(self.cohort.features, 2) if self.compare else ())
        }
        if self.outcomes.gallery is not None:
            self._prepare([self.everyone, *itertools.chain(*self.singles.values(), *self.pairs.values())])

    def forget(self) -> None:
        """Drop what is as large as clusters times groups; the influences of planned rows are computed anew."""
        for sums in itertools.chain(*self.singles.values(), *self.pairs.values(), [self.everyone], self.recorded):
            sums.forget()

    def _prepare(self, every: Sequence[GroupSums]) -> None:
        """Make the derivatives of outcomes that share a gallery once, for all features."""
        assert self.outcomes.gallery is not None
        parts = [(sums.codes, sums.n_groups, sums.raw_weights) for sums in every]
        for sums, gallery_UK in zip(
            every, self.outcomes.gallery.partition_sums(parts, self.outcomes.n_codes), strict=True
        ):
            sums.prepared(gallery_UK)

    def features(self, statistics: Statistics) -> None:
        """Add every single feature, and the slopes along numbers."""
        self.groups += _group_rows(OVERALL, (OVERALL,), [self.everyone])
        if self.compare:
            statistics.add(self.everyone, self.names, OVERALL, (OVERALL,), everything=True)
        for feature in self.cohort.features:
            known = self.cohort.groups_of(feature)
            draws = self.singles[feature.name]
            self.groups += self._noted(_group_rows(feature.name, known, draws))
            if not self.compare:
                continue
            statistics.add(self._recorded(feature, known), self.names, feature.name, known)
            primary = self.headline and feature.name in self.cohort.primary
            compared = [self._compared(feature, sums) for sums in draws]
            self.rows += contrasts_over(compared, feature, primary=primary, whole=self.headline)
        for name, (x, label) in self.cohort.numeric.items() if self.compare else ():
            self.rows += slope_rows(self.outcomes, name, x, label, self.names, primary=self.headline)

    def _recorded(self, feature: Feature, groups: Sequence[str]) -> GroupSums:
        """Return the outcomes by the recorded labels of a feature."""
        drawn = feature.name in self.cohort.drawn
        return self.cohort.sums(self.outcomes, feature.name, groups) if drawn else self.singles[feature.name][0]

    def _compared(self, feature: Feature, sums: GroupSums) -> Compared:
        """Return the recorded groups of a feature."""
        if sums.n_groups > len(feature.groups):
            known = np.where(sums.codes < len(feature.groups), sums.codes, -1)
            gallery = sums.gallery_UK[:, : len(feature.groups)] if self.outcomes.gallery is not None else None
            sums = GroupSums(self.outcomes, known, len(feature.groups))
            if gallery is not None:
                sums = sums.prepared(gallery)
            self.recorded.append(sums)
        return Compared(sums, feature.name, feature.groups, self.names)

    def intersections(self) -> None:
        """Add every pair of features, in metrics that are compared."""
        for first, second in itertools.combinations(self.cohort.features, 2) if self.compare else ():
            name, groups = f"{first.name} & {second.name}", crossed_names(first, second)
            draws = self.pairs[first.name, second.name]
            self.groups += self._noted(_group_rows(name, groups, draws))
            if self.headline:
                compared = [Compared(sums, name, groups, self.names) for sums in draws]
                self.rows += pooled_rows([rest_rows(drawn, primary=False) for drawn in compared])

    def controls(self) -> None:
        """Add the headline within levels of each control, and standardised over it."""
        for control in self.cohort.controls if self.compare and self.headline else ():
            levels, within = self.cohort.levels(control), control not in self.cohort.only_standardised
            left_out = {control, *self.cohort.drawn, *(() if within else self.cohort.exploratory)}
            for feature in self.cohort.features:
                if feature.name not in left_out:
                    masks = {g: self.cohort.mask(feature.name, g) for g in self.cohort.groups_of(feature)}
                    values, rows = controlled_rows(
                        self.outcomes, feature, masks, self.names, control, levels, within=within
                    )
                    self.groups, self.rows = self.groups + values, self.rows + rows
            for name, (x, label) in self.cohort.numeric.items() if within else ():
                self.rows += controlled_slopes(self.outcomes, name, x, label, self.names, control, levels)

    def _noted(self, rows: list[Row]) -> list[Row]:
        """Return the rows with the imputation in method and note."""
        for row in rows:
            names = imputed_names(row["feature"], self.cohort.drawn)
            if names and row["ci_method"]:
                row["ci_method"] += method_of(names, self.cohort.drawn)
                row["note"] = "; ".join(part for part in (row["note"], note_of(self.cohort.drawn, names)) if part)
        return rows


def _group_rows(feature: str, groups: Sequence[str], draws: Sequence[GroupSums]) -> list[Row]:
    """Return the rows of the groups of a feature, from its sums or from those of each imputed labelling."""
    metric, rows = draws[0].outcomes.metric, []
    for group, parts in zip(groups, zip(*(estimates(sums) for sums in draws), strict=True), strict=True):
        status, note = strictest_status([status_of(part) for part in parts])
        rows.append({**group_row(metric, feature, group, pooled(*parts)), "status": status, "note": note})
    return rows


def group_values(cohort: Cohort, outcomes: Sequence[Outcomes]) -> pd.DataFrame:
    """Return the group values of single features and overall, as in ``Measured.groups``, without comparisons."""
    rows = []
    for outcome in map(cohort.weighted, outcomes):
        everyone = np.ones(len(outcome.values), dtype=bool)
        rows.append(group_row(outcome.metric, OVERALL, OVERALL, average(outcome, everyone)))
        for feature in cohort.features:
            known = cohort.groups_of(feature)
            draws = [drawn.sums(outcome, feature.name, known) for drawn in cohort.draws(feature.name)]
            rows += _group_rows(feature.name, known, draws)
    return table(rows, GROUP_COLUMNS)


def _without_controls(cohort: Cohort) -> tuple[str, ...]:
    """Return a warning for each feature with imputed labels, which controls do not cover."""
    return tuple(
        f"The labels of {name} were drawn, so it is not compared within levels of {', '.join(cohort.controls)}, nor "
        "standardised over them; as a control it has its recorded labels."
        for name in cohort.drawn
        if cohort.controls
    )


def _weight_warnings(cohort: Cohort, outcomes: Sequence[Outcomes], headline: str) -> tuple[str, ...]:
    groups = {f"{f.name}={g}": cohort.mask(f.name, g) for f in cohort.features for g in cohort.groups_of(f)}
    known = {name: mask for name, mask in groups.items() if not name.endswith(f"={NOT_RECORDED}")}
    return tuple(text for o in outcomes if o.metric == headline for text in weight_warnings(o, known))

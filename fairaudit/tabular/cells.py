"""``GroupGrid``: groups of a table within each control level, with measured values and comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    IndicatorResult,
    Measured,
    RowInference,
    table,
)
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.disparity import OVERALL, Cohort, measure
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.verdicts import decide
from fairaudit.tabular.crossing import Crossing
from fairaudit.tabular.rows import OutcomeRows

EMPTY = "no row is in this group"
ALONE = "there is one group only, so there is nothing to compare it with"
#: Position of a whole control level, with all its groups.
ALL = -1
#: The crossing as one feature, whose groups are the positions of the cells as text.
_FEATURE = "group"


@dataclass(frozen=True)
class GroupGrid:
    """Groups (crossings of sensitive features) within levels (crossings of control features).

    Parameters
    ----------
    rows : OutcomeRows
    average : {"micro", "macro"}
        As in ``Outcomes``.
    """

    rows: OutcomeRows
    average: Literal["micro", "macro"]

    @cached_property
    def groups(self) -> Crossing:
        """The crossings of the sensitive features."""
        return Crossing.of(self.rows.sensitive, n=len(self.rows.clusters))

    @cached_property
    def levels(self) -> Crossing:
        """The crossings of the control features; a single level without control features."""
        return Crossing.of(self.rows.controls, n=len(self.rows.clusters))

    @cached_property
    def values(self) -> pd.DataFrame:
        """Value, interval and status of each metric, level and group, and of each whole level.

        Columns ``GROUP_COLUMNS``, and ``level`` and ``cell`` (int): positions in ``levels`` and ``groups``; the cell
        of a whole level is ``ALL``.
        """
        n_groups = len(self.groups)
        n_rows = np.bincount(self.levels.codes * n_groups + self.groups.codes, minlength=len(self.levels) * n_groups)
        names = [str(cell) for cell in range(n_groups)]
        codes = self.groups.codes.astype(str)
        parts = []
        for metric in self.rows.outcomes:
            for level in range(len(self.levels)):
                rows = self._measure(metric, level, names, codes).groups
                rows = rows[rows["feature"].isin([_FEATURE, OVERALL])]
                cell = np.where(rows["feature"] == _FEATURE, rows["group"], str(ALL)).astype(int)
                empty = (cell != ALL) & (n_rows[level * n_groups + cell] == 0)
                parts.append(rows.assign(level=level, cell=cell, note=rows["note"].mask(empty, EMPTY)))
        return pd.concat(parts, ignore_index=True)

    def comparisons(self, *, tolerance: float) -> pd.DataFrame:
        """Return each recorded group against the rest of its level, with one decision over all metrics and levels.

        Columns ``DISPARITY_COLUMNS`` without the control, and ``level`` and ``cell`` as in ``values``.
        """
        decided, _ = decide([self._undecided(metric, tolerance) for metric in self.rows.outcomes])
        rows = pd.concat([result.disparities for result in decided], ignore_index=True)
        names = self.groups.names
        reference = [r if r == ALL_OTHERS else names[int(r)] for r in rows["reference"]]
        return rows.assign(level=rows["control"].astype(int), cell=rows["group"].astype(int), reference=reference).drop(
            columns="control"
        )

    def _undecided(self, metric: str, tolerance: float) -> IndicatorResult:
        names = [str(cell) for cell in np.flatnonzero(self.groups.recorded)]
        known = self.groups.recorded[self.groups.codes]
        codes = np.where(known, self.groups.codes.astype(str), NOT_RECORDED)
        parts: list[pd.DataFrame] = []
        inference: list[RowInference | None] = []
        for level in range(len(self.levels)):
            measured = self._measure(metric, level, names, codes, tolerance=tolerance)
            rows = measured.disparities
            if len(names) == 1:
                rows = table([self._alone(metric, level, names[0], tolerance)], DISPARITY_COLUMNS)
            rest = rows[rows["kind"] == "one_vs_rest"]
            inference += [measured.inference.get(int(position)) for position in rest.index]
            parts.append(rest.assign(control=str(level)))
        return IndicatorResult(
            metric, "", metric, "", "table", metric, table([], GROUP_COLUMNS), pd.concat(parts, ignore_index=True),
            table([], CURVE_COLUMNS), table([], STATISTIC_COLUMNS),
            inference={i: row for i, row in enumerate(inference) if row is not None},
        )  # fmt: skip

    def _alone(self, metric: str, level: int, group: str, tolerance: float) -> dict[str, Any]:
        here = (self.values["metric"] == metric) & (self.values["level"] == level) & (self.values["cell"] == int(group))
        (counts,) = self.values.loc[here, ["n", "n_clusters"]].to_dict("records")
        return {"metric": metric, "feature": _FEATURE, "kind": "one_vs_rest", "measure": "difference", "group": group,
                "reference": ALL_OTHERS, "family": "primary", "tolerance": tolerance, "status": "not_estimable",
                "note": ALONE, "n": counts["n"], "n_clusters": counts["n_clusters"]}  # fmt: skip

    def _measure(
        self, metric: str, level: int, names: list[str], codes: npt.NDArray[Any], *, tolerance: float | None = None
    ) -> Measured:
        """Measure a metric within a level; compare groups only with a tolerance."""
        here = self.levels.codes == level
        values, clusters = self.rows.outcomes[metric], self.rows.clusters[here]
        known = values[~np.isnan(values)]
        feature = Feature(_FEATURE, tuple(names), "derived", "columns of a table")
        cohort = Cohort("table", metric, (feature,), {_FEATURE: codes[here]}, clusters.astype(str), primary=(_FEATURE,))
        outcomes = Outcomes(
            metric,
            values[here],
            np.unique(clusters, return_inverse=True)[1],
            average=self.average,
            unit_interval=bool(((known >= 0) & (known <= 1)).all()),
        )
        width = 0.05 if tolerance is None else tolerance
        contrasts: list[str] | None = [] if tolerance is None else None
        return measure(cohort, [outcomes], headline=metric, tolerance=width, slope_tolerance=width, contrasts=contrasts)

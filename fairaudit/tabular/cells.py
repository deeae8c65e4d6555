"""``GroupGrid``: groups of a table within each control level, with measured values and comparisons."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from fairaudit.core.comparison import Comparison
from fairaudit.core.plan import check_tolerance
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    IndicatorResult,
    table,
)
from fairaudit.stats.contrasts import ALL_OTHERS, Compared, rest_rows
from fairaudit.stats.disparity import OVERALL
from fairaudit.stats.estimates import estimates
from fairaudit.stats.group_sums import NOBODY, GroupSums
from fairaudit.stats.outcomes import Floats, Outcomes
from fairaudit.stats.row_weights import without_weight
from fairaudit.stats.status import group_row
from fairaudit.stats.tolerance import with_tolerance
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
        of a whole level is ``ALL``. ``n_effective`` is Kish's effective size of a group, and NaN of a whole level.
        """
        n_groups = len(self.groups)
        n_rows = np.bincount(self.levels.codes * n_groups + self.groups.codes, minlength=len(self.levels) * n_groups)
        rows, places = [], []
        for metric in self.rows.outcomes:
            sizes = self._effective_sizes(metric)
            for level in range(len(self.levels)):
                sums = self._sums(metric, level)
                everyone = GroupSums(sums.outcomes, np.zeros_like(sums.codes), 1)
                for cell, estimate in enumerate([*estimates(sums), *estimates(everyone)]):
                    at = cell if cell < n_groups else ALL
                    row = group_row(metric, OVERALL if at == ALL else _FEATURE, str(at), estimate)
                    if self.rows.weights is not None:
                        row["note"] = without_weight(row["note"])
                    if at != ALL and n_rows[level * n_groups + at] == 0:
                        row["note"] = EMPTY
                    rows.append(row)
                    places.append((level, at, np.nan if at == ALL else sizes[level, at]))
        level_, cell_, size_ = zip(*places, strict=True)
        return table(rows, GROUP_COLUMNS).assign(level=level_, cell=cell_, n_effective=size_)

    def _sums(self, metric: str, level: int) -> GroupSums:
        """Return the outcomes of a level by group."""
        here = self.levels.codes == level
        weights = self.rows.weights
        outcomes = Outcomes(
            metric, self.rows.outcomes[metric][here], self.rows.clusters[here], average=self.average,
            unit_interval=metric not in self.rows.unbounded, weights=None if weights is None else weights[here],
        )  # fmt: skip
        return GroupSums(outcomes, self.groups.codes[here].astype(np.int64), len(self.groups))

    def _effective_sizes(self, metric: str) -> Floats:
        """Return Kish's effective size of each level and group, (L, G)."""
        weights = np.ones(len(self.rows.clusters)) if self.rows.weights is None else self.rows.weights
        weights = np.where(np.isnan(self.rows.outcomes[metric]), 0.0, weights)
        shape = (len(self.levels), len(self.groups))
        at = self.levels.codes * shape[1] + self.groups.codes
        sums, squares = (np.bincount(at, weights**power, minlength=shape[0] * shape[1]) for power in (1, 2))
        return np.asarray(sums**2 / np.where(squares > 0, squares, 1)).reshape(shape)

    def comparisons(self, *, tolerance: float | None) -> pd.DataFrame:
        """Return each recorded group against the rest of its level, with one decision over all metrics and levels.

        Columns ``DISPARITY_COLUMNS`` without the control, and ``level`` and ``cell`` as in ``values``.

        Raises
        ------
        ConfigError
            If a tolerance is not in (0, 1), or for an unbounded outcome no positive number.
        """
        for metric in self.rows.outcomes:
            check_tolerance(f"tolerance of '{metric}'", tolerance, bounded=metric not in self.rows.unbounded)
        decided, _ = decide([self._undecided(metric, tolerance) for metric in self.rows.outcomes])
        rows = pd.concat([result.disparities for result in decided], ignore_index=True)
        names = self.groups.names
        reference = [r if r == ALL_OTHERS else names[int(r)] for r in rows["reference"]]
        return rows.assign(level=rows["control"].astype(int), cell=rows["group"].astype(int), reference=reference).drop(
            columns="control"
        )

    def _undecided(self, metric: str, tolerance: float | None) -> IndicatorResult:
        recorded = np.flatnonzero(self.groups.recorded)
        code_of = np.full(len(self.groups), NOBODY, dtype=np.int64)
        code_of[recorded] = np.arange(len(recorded))
        names = tuple(str(cell) for cell in recorded)
        found: list[Comparison] = []
        for level in range(len(self.levels)):
            sums = self._sums(metric, level)
            compared = GroupSums(sums.outcomes, code_of[sums.codes], len(recorded))
            no_names = np.zeros(0, dtype=object)  # influences are not saved
            rows = rest_rows(Compared(compared, _FEATURE, names, no_names), primary=True)
            found += [
                dataclasses.replace(with_tolerance(row, tolerance=tolerance, slope_tolerance=None), control=str(level))
                for row in (rows or [self._alone(metric, level, names[0], compared)])
            ]
        return IndicatorResult(
            metric, "", metric, "", "table", metric, table([], GROUP_COLUMNS),
            table([row.row for row in found], DISPARITY_COLUMNS), table([], CURVE_COLUMNS),
            table([], STATISTIC_COLUMNS),
            params={"unbounded": [metric] if metric in self.rows.unbounded else []}, comparisons=tuple(found),
        )  # fmt: skip

    def _alone(self, metric: str, level: int, group: str, sums: GroupSums) -> Comparison:
        side = sums.groups[0]
        return Comparison(metric=metric, feature=_FEATURE, kind="one_vs_rest", measure="difference", group=group,
                          reference=ALL_OTHERS, family="primary", note=ALONE, n=side.n, n_clusters=side.n_clusters,
                          control=str(level), overall=side.value,
                          unit="unbounded" if metric in self.rows.unbounded else "share")  # fmt: skip

"""``OutcomeFrame``: outcomes of a table by group, with fairlearn's names, intervals and verdicts.

An ``OutcomeFrame`` needs the outcome of each row, but no images, model or torch.

>>> import pandas as pd
>>> from fairaudit import OutcomeFrame
>>> people = pd.DataFrame({"skin": ["dark", "light"] * 200, "hit": [1, 1, 0, 1, 1, 1, 0, 0] * 50})
>>> frame = OutcomeFrame(people["hit"], sensitive_features=people["skin"])
>>> frame.by_group
       hit
skin
dark  0.50
light 0.75
>>> frame.difference()
hit    0.25
dtype: float64
>>> frame.intervals()[["metric", "value", "ci_low", "ci_high", "n", "status"]].round(3)
      metric  value  ci_low  ci_high    n status
skin
dark     hit   0.50   0.431    0.569  200     ok
light    hit   0.75   0.686    0.805  200     ok
>>> frame.disparities()[["reference", "value", "ci_low_adjusted", "ci_high_adjusted", "verdict"]].round(3)
     reference  value  ci_low_adjusted  ci_high_adjusted    verdict
skin
dark     light  -0.25            -0.34            -0.157  disparity
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from fairaudit.core.errors import RequirementError, unknown_name
from fairaudit.stats.estimates import average as average_of
from fairaudit.stats.outcomes import Floats, Ints, Outcomes
from fairaudit.tabular.cells import ALL, GroupGrid
from fairaudit.tabular.crossing import combination_name
from fairaudit.tabular.rows import Column, FeatureColumns, OutcomeColumns, read_rows

if TYPE_CHECKING:
    from fairlearn.metrics import MetricFrame

Method = Literal["between_groups", "to_overall"]
METHODS = ("between_groups", "to_overall")
AVERAGES = ("micro", "macro")
_INTERVALS = ["metric", "value", "ci_low", "ci_high", "ci_method", "n", "n_clusters", "n_effective", "status", "note"]
_COMPARISONS = [
    "metric", "reference", "value", "ci_low", "ci_high", "ci_method", "p_value", "p_adjusted", "ci_low_adjusted",
    "ci_high_adjusted", "min_detectable", "tolerance", "n", "n_clusters", "verdict", "extent", "status", "note",
]  # fmt: skip


class OutcomeFrame:
    """Outcomes of rows by group.

    Names and numbers are those of fairlearn's ``MetricFrame``, except:

    - A group without a measured outcome is NaN, with the reason in ``intervals()``. A true-positive rate is the mean of
      ``hit`` with NaN for negatives; a group without positives has none (fairlearn: 0.0).
    - ``group_min``, ``group_max``, ``difference`` and ``ratio`` leave such a group out with a ``UserWarning``
      (fairlearn: silently); ``difference`` and ``ratio`` of fewer than two groups are NaN (fairlearn: 0 and 1).
    - Columns with different indexes are refused (fairlearn: matched by position).
    - Rows with a missing value of a feature form the group ``"not recorded"`` (fairlearn: an error). The group has a
      value and an interval and counts in ``overall``, but is not compared.

    Parameters
    ----------
    outcomes : DataFrame, Series, or mapping of str to array
        A number in [0, 1] for each row and metric (0 and 1 for a miss and a hit); NaN if the metric does not apply to
        the row.
    sensitive_features : Series, DataFrame, mapping of str to array, or array of shape (N,) or (N, F)
        Groups are the crossings of all features. A nameless feature is called ``sensitive_feature_0``.
    control_features : like ``sensitive_features``, optional
        Groups are compared within their levels only.
    clusters : Series or array, optional
        Sampling unit: rows of one unit (a person, a household) are not independent. Default: each row.
    average : {"micro", "macro"}
        Mean over rows, or mean over clusters of the mean within the cluster.
    unbounded : sequence of str
        Metrics that may lie outside [0, 1], such as a loss (``ci_method`` is ``"cluster t"``).
    sample_weight : Series or array, optional
        Weight of each row in every mean, such as one over its chance of being sampled: 0 or more, in any unit. A row of
        weight 0 counts nowhere.

    Raises
    ------
    DataError
        If the columns do not fit together, or a value is out of its range; see ``fairaudit.tabular.rows.read_rows``.
    ConfigError
        If ``average`` has another value, or ``unbounded`` names no metric.
    """

    def __init__(
        self,
        outcomes: OutcomeColumns,
        *,
        sensitive_features: FeatureColumns,
        control_features: FeatureColumns | None = None,
        clusters: Column | None = None,
        average: Literal["micro", "macro"] = "micro",
        unbounded: Sequence[str] = (),
        sample_weight: Column | None = None,
    ) -> None:
        if average not in AVERAGES:
            raise unknown_name("average", average, AVERAGES)
        self._rows = read_rows(outcomes, sensitive_features, control_features, clusters, unbounded, sample_weight)
        self._cells = GroupGrid(self._rows, average)

    def __repr__(self) -> str:
        metrics, names = ", ".join(self._rows.outcomes), ", ".join(g.name for g in self._rows.sensitive)
        n_rows, n_groups = len(self._rows.clusters), len(self._cells.groups)
        return f"<OutcomeFrame: {metrics} by {names}; {n_rows:,} rows, {n_groups:,} groups>"

    @property
    def by_group(self) -> pd.DataFrame:
        """Value of each group (rows; control levels first) and metric (columns); NaN if nothing was measured."""
        values = self._cells.values
        return self._by_metric(values[values["cell"] != ALL], self._index)

    @property
    def overall(self) -> pd.Series | pd.DataFrame:
        """Value of all rows by metric; with control features a DataFrame with a row for each level."""
        values = self._cells.values
        overall = self._by_metric(values[values["cell"] == ALL], self._cells.levels.index())
        return overall if self._rows.controls else overall.iloc[0].rename(None)

    def group_min(self) -> pd.Series | pd.DataFrame:
        """Return the smallest group value by metric (and control level)."""
        return self._reduced(self._compared("group_min"), "min")

    def group_max(self) -> pd.Series | pd.DataFrame:
        """Return the largest group value by metric (and control level)."""
        return self._reduced(self._compared("group_max"), "max")

    def difference(self, method: Method = "between_groups") -> pd.Series | pd.DataFrame:
        """Return the largest difference of group values, by metric (and control level); 0 if all are equal.

        The sample value is above zero even if groups do not differ; ``disparities()`` gives verdicts.

        Parameters
        ----------
        method : {"between_groups", "to_overall"}
            Largest minus smallest group value, or the largest distance of a group from ``overall``.

        Raises
        ------
        ConfigError
            If ``method`` has another value.
        """
        _check_method(method)
        values = self._compared("difference")
        if method == "between_groups":
            difference = self._reduced(values, "max") - self._reduced(values, "min")
        else:
            difference = self._reduced((values - self._overall_of_groups()).abs(), "max")
        return self._where_two(difference, values)

    def ratio(self, method: Method = "between_groups") -> pd.Series | pd.DataFrame:
        """Return the smallest ratio of group values, by metric (and control level); 1 if all are equal.

        The ratio is meaningful for non-negative outcomes only.

        Parameters
        ----------
        method : {"between_groups", "to_overall"}
            Smallest over largest group value, or the smallest ratio of a group and ``overall``, lower over higher.

        Raises
        ------
        ConfigError
            If ``method`` has another value.
        """
        _check_method(method)
        values = self._compared("ratio")
        if method == "between_groups":
            ratio = self._reduced(values, "min") / self._reduced(values, "max")
        else:
            ratios = values / self._overall_of_groups()
            ratio = self._reduced(ratios.where(~(ratios > 1), 1 / ratios), "min")
        return self._where_two(ratio, values)

    def intervals(self) -> pd.DataFrame:
        """Return value, 95 % interval, n, clusters, status and note of each metric and group.

        The index is that of ``by_group``. ``n_effective`` is Kish's effective size of weighted rows, else n. ``status``
        is ``"ok"``, ``"too_few"`` (below 20 clusters, or 5 clusters with an event or non-event) or ``"not_estimable"``,
        with the reason in ``note``.
        """
        values = self._cells.values
        return self._labelled(values[values["cell"] != ALL], _INTERVALS)

    def disparities(self, *, tolerance: float | None = None) -> pd.DataFrame:
        """Return each group against the rest of its control level, with a verdict.

        Two groups share a row. Holm's method over all rows limits the chance of any false ``"disparity"`` to 5 %;
        ``ci_low_adjusted`` and ``ci_high_adjusted`` hold for all rows together, ``ci_low`` and ``ci_high`` for one row.

        Parameters
        ----------
        tolerance : float, optional
            Largest negligible difference, in the unit of the outcome: in (0, 1), or any positive number if all metrics
            are unbounded. Default: min(.05, min(p, 1 - p) / 2), p the mean of the level; none without bounds.

        Returns
        -------
        DataFrame
            Index as in ``by_group``; ``verdict`` is ``"disparity"``, ``"inconclusive"``, ``"within_tolerance"`` or
            ``"not_estimable"`` (``note`` has the reason). ``extent`` of a disparity is ``"beyond_tolerance"``,
            ``"below_tolerance"`` or empty.

        Raises
        ------
        ConfigError
            If ``tolerance`` is out of this range.
        """
        return self._labelled(self._cells.comparisons(tolerance=tolerance), _COMPARISONS)

    def to_metricframe(self) -> MetricFrame:
        """Return fairlearn's ``MetricFrame`` of the same rows and metrics, for fairlearn's plots and tools.

        Raises
        ------
        RequirementError
            If fairlearn is not installed.
        """
        try:
            from fairlearn.metrics import MetricFrame
        except ImportError as error:
            raise RequirementError(
                "to_metricframe needs fairlearn; it is not installed.", what_to_do="Run: pip install fairlearn."
            ) from error
        outcomes, clusters = self._rows.outcomes, self._rows.clusters
        weights = np.ones(len(clusters)) if self._rows.weights is None else self._rows.weights
        unused = np.zeros(len(clusters))
        return MetricFrame(
            metrics=dict.fromkeys(outcomes, self._value_of),
            y_true=unused,
            y_pred=unused,
            sensitive_features={g.name: g.levels[g.codes] for g in self._rows.sensitive},
            control_features={g.name: g.levels[g.codes] for g in self._rows.controls} or None,
            sample_params={
                m: {"outcome": values, "cluster": clusters, "weight": weights} for m, values in outcomes.items()
            },
        )

    def _value_of(self, y_true: Any, y_pred: Any, *, outcome: Floats, cluster: Ints, weight: Floats) -> float:
        everyone = np.ones(len(outcome), dtype=bool)
        outcomes = Outcomes(
            "outcome", outcome, cluster, average=self._cells.average, unit_interval=False, weights=weight
        )
        return float(average_of(outcomes, everyone).value)

    @property
    def _index(self) -> pd.Index:
        return self._cells.groups.index(within=self._cells.levels)

    def _by_metric(self, values: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
        columns = {m: values.loc[values["metric"] == m, "value"].to_numpy(np.float64) for m in self._rows.outcomes}
        return pd.DataFrame(columns, index=index)

    def _labelled(self, rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        """Return ``columns`` of rows with a level and a cell, with the index of ``by_group``."""
        at = (rows["level"] * len(self._cells.groups) + rows["cell"]).to_numpy()
        return rows[columns].set_axis(self._index[at], axis=0).astype({"n": "int64", "n_clusters": "int64"})

    def _compared(self, method: str) -> pd.DataFrame:
        """Return the values of compared groups; warn of those without a value."""
        values = self.by_group
        recorded = np.tile(self._cells.groups.recorded, len(self._cells.levels))
        for metric in self._rows.outcomes:
            without = [combination_name(v) for v in values.index[recorded & values[metric].isna().to_numpy()]]
            if without:
                listed = "; ".join(without[:3]) + ("; ..." if len(without) > 3 else "")
                warnings.warn(
                    f"{method} of '{metric}' leaves out {len(without)} of {recorded.sum()} groups without an outcome: "
                    f"{listed}. intervals() has the reason of each.",
                    stacklevel=3,
                )
        return values.where(np.broadcast_to(recorded[:, None], values.shape))

    def _reduced(self, values: pd.DataFrame, how: Literal["min", "max", "sum"]) -> pd.Series | pd.DataFrame:
        """Return a value for each metric (and control level)."""
        if not self._rows.controls:
            return values.agg(how)
        # Levels are in order; sorting would move "not recorded".
        return values.groupby(level=[g.name for g in self._rows.controls], sort=False).agg(how)

    def _where_two(self, reduced: pd.Series | pd.DataFrame, values: pd.DataFrame) -> pd.Series | pd.DataFrame:
        two: Any = self._reduced(values.notna().astype(int), "sum") >= 2
        return reduced.where(two)

    def _overall_of_groups(self) -> pd.DataFrame:
        values = np.repeat(np.atleast_2d(self.overall.to_numpy()), len(self._cells.groups), axis=0)
        return pd.DataFrame(values, index=self._index, columns=[*self._rows.outcomes])


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)

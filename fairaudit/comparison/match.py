"""``Pairing``: two results of one indicator, and whether a row of both was measured on the same clusters.

Every difference of the data is reported. A change is estimated only if every cluster of the compared groups was
measured in both audits, on the same number of images; otherwise part of the change would be a change of people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.audit import AuditResult
from fairaudit.core.influences import ROW_KEY
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.disparity import OVERALL
from fairaudit.stats.outcomes import Floats, Ints

Row = Mapping[Any, Any]

#: Settings that affect the verdict on a number, not the number.
_NOT_MEASURING = ("tolerance", "slope_tolerance")
_SUMS = ["n", "numerator", "denominator"]
WHICH = ("the baseline", "the checkpoint")


@dataclass(frozen=True)
class Sums:
    """Statistics of some groups in one audit, a row per cluster.

    Parameters
    ----------
    clusters : ndarray of str, shape (U,)
        Sorted, each once.
    n, above, below : ndarray of float, shape (U,)
        Images, numerator and denominator (``stats.sufficient_statistics``).
    """

    clusters: npt.NDArray[np.str_]
    n: Floats
    above: Floats
    below: Floats

    @classmethod
    def of(cls, clusters: npt.NDArray[Any], columns: Floats) -> Sums:
        """Return the sums of rows: clusters (R,) and their columns (R, 3)."""
        names, code = np.unique(clusters.astype(str), return_inverse=True)
        added = np.zeros((len(names), len(_SUMS)))
        np.add.at(added, code, columns)
        return cls(names, *added.T)

    @property
    def bounded(self) -> bool:
        """Whether outcomes lie in [0, 1] and are counted in whole rows or clusters (not so for the AUROC)."""
        inside = (self.above >= 0) & (self.above <= self.below * (1 + 1e-9))
        return bool(inside.all() and (self.below == np.rint(self.below)).all())

    @property
    def independent_hits(self) -> bool:
        """Whether each cluster has one row, with weight 1, that is a hit or a miss."""
        return bool((self.n == 1).all() and (self.below == 1).all() and np.isin(self.above, (0, 1)).all())


@dataclass(frozen=True)
class Side:
    """The clusters on one side of a comparison, in either audit."""

    before: Sums
    after: Sums

    @property
    def clusters(self) -> npt.NDArray[np.str_]:
        """The clusters of the baseline; those of the checkpoint are the same if ``why_not_same`` is empty."""
        return self.before.clusters

    @cached_property
    def changes(self) -> Floats:
        """Change of each cluster's mean outcome, (U,)."""
        known = self.before.below > 0
        before, after = (t.above[known] / t.below[known] for t in (self.before, self.after))
        return np.asarray(after - before)

    @property
    def bounded(self) -> bool:
        """Whether every outcome lies in [0, 1]; see ``Sums``."""
        return self.before.bounded and self.after.bounded

    @property
    def independent_hits(self) -> bool:
        """Whether every cluster is one hit or miss in either audit; see ``Sums``."""
        return self.before.independent_hits and self.after.independent_hits

    def why_not_same(self) -> str:
        """Return how the clusters of the two audits differ; empty if they do not."""
        first, second = self.before.clusters, self.after.clusters
        if not np.array_equal(first, second):
            return (
                f"{len(np.setxor1d(first, second)):,} of {len(np.union1d(first, second)):,} clusters were measured in "
                "only one of the two audits; remove them from both"
            )
        same = (self.before.n == self.after.n) & np.isclose(self.before.below, self.after.below)
        if not same.all():
            return f"{int((~same).sum()):,} clusters were measured on other images or labels in the two audits"
        return ""


@dataclass(frozen=True)
class Pairing:
    """Two results of one indicator on data of one name.

    Parameters
    ----------
    before, after : IndicatorResult
        Of the baseline and of the checkpoint.
    """

    before: IndicatorResult
    after: IndicatorResult

    def rows(self, key: tuple[Any, ...]) -> tuple[tuple[int, Row] | None, ...]:
        """Return position and row in either result; None if the row is not among its planned comparisons."""
        return tuple(index.get(key) for index in self._rows)

    def shares_gallery(self, metric: str) -> bool:
        """Whether outcomes of ``metric`` share a gallery."""
        return metric in self._of_gallery

    @cached_property
    def _of_gallery(self) -> set[str]:
        tables = (self.before.statistics, self.after.statistics)
        return {str(metric) for t in tables for metric in t.loc[t["gallery"] != 0, "metric"].unique()}

    def sides(self, row: Row) -> tuple[Side, ...]:
        """Return the clusters of the group and of its reference, or all clusters for a trend.

        Intersections and numeric features have no statistics of their own: they get all clusters.
        """
        metric, feature, group, reference = (str(row[c]) for c in ("metric", "feature", "group", "reference"))
        groups = [g for m, f, g in self._sums[0] if (m, f) == (metric, feature) and g != NOT_RECORDED]
        if not groups:
            return (self.side(metric, OVERALL, [OVERALL]),)
        if row["kind"] not in ("one_vs_rest", "reference"):
            return (self.side(metric, feature, groups),)
        others = [g for g in groups if g != group] if reference in (ALL_OTHERS, MEAN_OF_OTHERS) else [reference]
        return (self.side(metric, feature, [group]), self.side(metric, feature, others))

    def side(self, metric: str, feature: str, groups: Sequence[str]) -> Side:
        """Return the clusters of several groups together."""
        keys = [(metric, feature, group) for group in groups]
        return Side(*(self._added(i, keys) for i in (0, 1)))

    def _added(self, i: int, keys: Sequence[tuple[str, str, str]]) -> Sums:
        clusters, columns = self._saved[i]
        rows = [self._sums[i][key] for key in keys if key in self._sums[i]]
        at = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        return Sums.of(clusters[at], columns[at])

    @cached_property
    def _used(self) -> tuple[pd.DataFrame, ...]:
        return tuple(r.statistics[r.statistics["n"] > 0] for r in (self.before, self.after))

    @cached_property
    def _saved(self) -> tuple[tuple[npt.NDArray[Any], Floats], ...]:
        return tuple((t["cluster"].to_numpy(object), t[_SUMS].to_numpy(np.float64)) for t in self._used)

    @cached_property
    def _sums(self) -> tuple[dict[tuple[Any, ...], Ints], ...]:
        """Rows of each metric, feature and group in either audit."""
        by = ["metric", "feature", "group"]
        return tuple(
            {tuple(map(str, k)): np.asarray(at) for k, at in t.groupby(by, sort=False, observed=True).indices.items()}  # type: ignore[call-overload]
            for t in self._used
        )

    @cached_property
    def _rows(self) -> tuple[dict[tuple[Any, ...], tuple[int, Row]], ...]:
        return tuple(
            {
                tuple(row[name] for name in ROW_KEY): (i, row)
                for i, row in enumerate(result.disparities.to_dict("records"))
                if row["family"] == "primary"
            }
            for result in (self.before, self.after)
        )


def why_not_paired(before: AuditResult, after: AuditResult, indicator: str, dataset: str) -> str:
    """Return why the results of an indicator on a data set cannot be paired; empty if they can."""
    results = [_result(audit, indicator, dataset) for audit in (before, after)]
    for which, result in zip(WHICH, results, strict=True):
        if result is None:
            return f"{which} has no result of {indicator} on {dataset or 'any data set'}"
    first, second = (result for result in results if result is not None)
    if first.version != second.version:
        return f"{indicator} was version {first.version} in the baseline and {second.version} in the checkpoint's audit"
    settings = [_settings(audit, r) for audit, r in zip((before, after), (first, second), strict=True)]
    for name in dict.fromkeys([*settings[0], *settings[1]]):
        value_before, value_after = (json.dumps(s.get(name)) for s in settings)
        if value_before != value_after:
            return (
                f"the setting '{name}' was {value_before} in the baseline and {value_after} in the checkpoint's audit"
            )
    for name in dict.fromkeys([dataset, str(settings[0].get("gallery") or dataset)]):
        reason = _why_other_data(before, after, name)
        if reason:
            return reason
    return ""


def pairing_of(before: AuditResult, after: AuditResult, indicator: str, dataset: str) -> Pairing | None:
    """Return the pairing of the two results; None if either audit lacks its result."""
    first, second = (_result(audit, indicator, dataset) for audit in (before, after))
    return None if first is None or second is None else Pairing(first, second)


def _result(audit: AuditResult, indicator: str, dataset: str) -> IndicatorResult | None:
    return next((r for r in audit.results if (r.indicator, r.dataset) == (indicator, dataset)), None)


def _settings(audit: AuditResult, result: IndicatorResult) -> dict[str, Any]:
    options = audit.config.get("indicators", {})
    own = dict(options.get(result.indicator, {})) if isinstance(options, Mapping) else {}
    own |= {name: result.params[name] for name in ("average", "unbounded") if name in result.params}
    return {name: value for name, value in own.items() if name not in _NOT_MEASURING}


def _why_other_data(before: AuditResult, after: AuditResult, name: str) -> str:
    cards = [next((card for card in audit.data if card.name == name), None) for audit in (before, after)]
    first, second = cards
    if first is None or second is None or first.digest == second.digest:
        return ""
    if first.n != second.n:
        return (
            f"the two audits did not see the same data: {name} has {first.n:,} rows in the baseline and {second.n:,} "
            "in the checkpoint's audit; remove the rows that only one audit read from both"
        )
    return f"the two audits did not see the same data: {name} has as many rows in both, with other contents"

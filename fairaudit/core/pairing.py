"""``Pairing``: two results of one indicator, and whether a row of both was measured on the same clusters.

What differs is said and never absorbed. A change is estimated only where every cluster of the compared groups was
measured in both audits, on as many images; otherwise part of the change would be a change of people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.audit import AuditResult
from fairaudit.core.contrasts import ALL_OTHERS
from fairaudit.core.disparity import OVERALL
from fairaudit.core.influences import ROW_KEY
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import NOT_RECORDED

Row = Mapping[Any, Any]

#: Settings that decide what is said of a number, and not the number.
_NOT_MEASURING = ("tolerance", "slope_tolerance")
_SUMS = ["n", "numerator", "denominator"]
WHICH = ("the baseline", "the checkpoint")


@dataclass(frozen=True)
class Side:
    """The clusters on one side of a comparison.

    Parameters
    ----------
    before, after : DataFrame
        Sums of each cluster in either audit, columns ``n``, ``numerator``, ``denominator``, index the cluster.
    """

    before: pd.DataFrame
    after: pd.DataFrame

    @property
    def changes(self) -> pd.Series:
        """By how much each cluster's own mean outcome changed."""
        known = self.before["denominator"] > 0
        before, after = (t.loc[known, "numerator"] / t.loc[known, "denominator"] for t in (self.before, self.after))
        return after - before

    @property
    def bounded(self) -> bool:
        """Whether every outcome lies in [0, 1] and is counted in whole rows or clusters (not so for the AUROC)."""
        tables = (self.before, self.after)
        return all(
            bool(((t["numerator"] >= 0) & (t["numerator"] <= t["denominator"] * (1 + 1e-9))).all())
            and bool((t["denominator"] == t["denominator"].round()).all())
            for t in tables
        )

    def why_not_same(self) -> str:
        """Return what differs between the audits; empty where nothing does."""
        lost = self.before.index.symmetric_difference(self.after.index)
        if len(lost):
            return (
                f"{len(lost):,} of {len(self.before.index.union(self.after.index)):,} clusters were measured in only "
                "one of the two audits; leave them out of both"
            )
        other = ~np.isclose(self.before[["n", "denominator"]], self.after[["n", "denominator"]]).all(axis=1)
        if other.any():
            return f"{int(other.sum()):,} clusters were measured on other images or labels in the two audits"
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
        """Return position and row in either result; None where the row is not among its planned comparisons."""
        return tuple(index.get(key) for index in self._rows)

    def shares_gallery(self, metric: str) -> bool:
        """Whether outcomes of ``metric`` share a gallery."""
        return any(
            bool(((t["metric"] == metric) & (t["gallery"] != 0)).any())
            for t in (self.before.statistics, self.after.statistics)
        )

    def sides(self, row: Row) -> tuple[Side, ...]:
        """Return the clusters of the group and of what it is compared with, or of everything for a trend.

        Crossings of features and numbers have no statistics of their own: there it is all clusters.
        """
        metric, feature, group, reference = (str(row[c]) for c in ("metric", "feature", "group", "reference"))
        groups = [g for m, f, g in self._sums[0] if (m, f) == (metric, feature) and g != NOT_RECORDED]
        if not groups:
            return (self._side(metric, OVERALL, [OVERALL]),)
        if row["kind"] not in ("rest", "reference"):
            return (self._side(metric, feature, groups),)
        others = [g for g in groups if g != group] if reference == ALL_OTHERS else [reference]
        return (self._side(metric, feature, [group]), self._side(metric, feature, others))

    def _side(self, metric: str, feature: str, groups: Sequence[str]) -> Side:
        keys = [(metric, feature, group) for group in groups]
        return Side(*(_added([sums[k] for k in keys if k in sums]) for sums in self._sums))

    @cached_property
    def _sums(self) -> tuple[dict[tuple[str, str, str], pd.DataFrame], ...]:
        found = []
        for result in (self.before, self.after):
            used = result.statistics[result.statistics["n"] > 0]
            parts = used.groupby(["metric", "feature", "group"], sort=False)
            found.append({tuple(map(str, key)): part.set_index("cluster")[_SUMS] for key, part in parts})
        return tuple(found)  # type: ignore[arg-type]

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


def _added(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=_SUMS, dtype=np.float64)
    return pd.concat(parts).groupby(level=0).sum()


def why_not_paired(before: AuditResult, after: AuditResult, indicator: str, dataset: str) -> str:
    """Return why the results of an indicator on a data set cannot be paired; empty where they can."""
    results = [_result(audit, indicator, dataset) for audit in (before, after)]
    for which, result in zip(WHICH, results, strict=True):
        if result is None:
            return f"{which} has no result of {indicator} on {dataset or 'any data set'}"
    first, second = (result for result in results if result is not None)
    if first.version != second.version:
        return f"{indicator} was version {first.version} in the baseline and {second.version} in the checkpoint's audit"
    settings = [_settings(audit, r) for audit, r in zip((before, after), (first, second), strict=True)]
    for name in dict.fromkeys([*settings[0], *settings[1]]):
        one, two = (json.dumps(s.get(name)) for s in settings)
        if one != two:
            return f"the setting '{name}' was {one} in the baseline and {two} in the checkpoint's audit"
    for name in dict.fromkeys([dataset, str(settings[0].get("gallery") or dataset)]):
        reason = _why_other_data(before, after, name)
        if reason:
            return reason
    return ""


def pairing_of(before: AuditResult, after: AuditResult, indicator: str, dataset: str) -> Pairing | None:
    """Return the pairing of two results that are both there, else None."""
    first, second = (_result(audit, indicator, dataset) for audit in (before, after))
    return None if first is None or second is None else Pairing(first, second)


def _result(audit: AuditResult, indicator: str, dataset: str) -> IndicatorResult | None:
    return next((r for r in audit.results if (r.indicator, r.dataset) == (indicator, dataset)), None)


def _settings(audit: AuditResult, result: IndicatorResult) -> dict[str, Any]:
    options = audit.config.get("indicators", {})
    own = dict(options.get(result.indicator, {})) if isinstance(options, Mapping) else {}
    own |= {name: result.params[name] for name in ("average", "bounded") if name in result.params}
    return {name: value for name, value in own.items() if name not in _NOT_MEASURING}


def _why_other_data(before: AuditResult, after: AuditResult, name: str) -> str:
    cards = [next((card for card in audit.data if card.name == name), None) for audit in (before, after)]
    first, second = cards
    if first is None or second is None or first.digest == second.digest:
        return ""
    if first.n != second.n:
        return (
            f"the two audits did not see the same data: {name} has {first.n:,} rows in the baseline and {second.n:,} "
            "in the checkpoint's audit; leave those that only one could read out of both"
        )
    return f"the two audits did not see the same data: {name} has as many rows in both, with other contents"

"""Rows of the group table: the value of one group, or why there is none."""

from __future__ import annotations

from typing import Any

from fairaudit.core.estimates import Estimate
from fairaudit.core.intervals import group_interval
from fairaudit.core.outcomes import Outcomes
from fairaudit.core.sufficiency import kind_of, status_of


def group_row(one: Outcomes, feature: str, group: str, estimate: Estimate, *, kind: str = "") -> dict[str, Any]:
    """Return the row of a group's value; ``kind`` is that of its interval, if not the one that fits the outcomes."""
    status, note = status_of(estimate, estimate.n_clusters)
    low, high, method = group_interval(estimate, kind=kind or kind_of(one))
    return {"metric": one.metric, "feature": feature, "group": group, "value": estimate.value, "ci_low": low,
            "ci_high": high, "ci_method": method, "n": estimate.n, "n_clusters": estimate.n_clusters,
            "status": status, "note": note}  # fmt: skip


def not_estimable(metric: str, feature: str, group: str, note: str) -> dict[str, Any]:
    """Return the row of a group value that cannot be estimated, with its reason."""
    return {"metric": metric, "feature": feature, "group": group, "status": "not_estimable", "note": note,
            "n": 0, "n_clusters": 0}  # fmt: skip

"""Status of a value, and the row of the group table with the value or the reason for its absence.

A verdict needs enough independent units, enough events, and outcomes that vary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.intervals import group_interval
from fairaudit.stats.outcomes import Ints, Outcomes

MIN_CLUSTERS = 20
MIN_EVENTS = 5
NO_VARIATION = "the outcomes do not vary, so this number has no standard error"


def kind_of(outcomes: Outcomes, *, drawn: bool = False) -> str:
    """Return the kind of interval for the outcomes: ``binary``, ``share``, ``auroc`` or ``unbounded``.

    If the labels were ``drawn``, hits and misses are a share: the binomial standard error would be too small.
    """
    if outcomes.labels is not None:
        return "auroc"
    if not outcomes.unit_interval:
        return "unbounded"
    if outcomes.gallery is not None or outcomes.values.ndim > 1 or drawn:
        return "share"
    return "binary" if outcomes.independent_hits else "share"


def status_of(estimate: Estimate, n_clusters: Ints) -> tuple[str, str]:
    """Return the status of a row and its reason; ``n_clusters`` are those of the smaller side of a comparison."""
    if min(estimate.n, n_clusters) == 0:
        return "not_estimable", "no image was measured in this group"
    if not np.isfinite(estimate.value):
        return "not_estimable", "the images measured here do not vary enough for this number"
    if n_clusters < MIN_CLUSTERS:
        return "too_few", f"{n_clusters} independent units; at least {MIN_CLUSTERS} are needed"
    events = min(estimate.events, estimate.non_events)
    if estimate.std_error == 0 and np.isinf(events):
        return "too_few", NO_VARIATION
    if events < MIN_EVENTS:
        return "too_few", f"{events:.1f} expected events or non-events; at least {MIN_EVENTS} are needed"
    return "ok", ""


def group_row(outcomes: Outcomes, feature: str, group: str, estimate: Estimate, *, kind: str = "") -> dict[str, Any]:
    """Return the row of a group's value; ``kind``, if not empty, replaces the kind of the outcomes."""
    status, note = status_of(estimate, estimate.n_clusters)
    low, high, method = group_interval(estimate, kind=kind or kind_of(outcomes))
    return {"metric": outcomes.metric, "feature": feature, "group": group, "value": estimate.value, "ci_low": low,
            "ci_high": high, "ci_method": method, "n": estimate.n, "n_clusters": estimate.n_clusters,
            "status": status, "note": note}  # fmt: skip


def not_estimable(metric: str, feature: str, group: str, note: str) -> dict[str, Any]:
    """Return the row of a group value that cannot be estimated, with its reason."""
    return {"metric": metric, "feature": feature, "group": group, "status": "not_estimable", "note": note,
            "n": 0, "n_clusters": 0}  # fmt: skip

"""Status of a value, and the row of the group table with the value or the reason for its absence.

A verdict needs enough independent units, and degrees of freedom of its own: from a few clusters of unequal sizes no
test of any level can be made. An AUROC, and outcomes that share a gallery, also need clusters with either outcome.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.intervals import group_interval

MIN_CLUSTERS = 20
MIN_EVENTS = 5
#: Degrees of freedom of a number's own test. Its quantiles grow as they should: with three very rich homes of 40, or 40
#: clusters of lognormal sizes, tests hold their levels from here on (``benchmarks.null_audits``).
MIN_DF = 3
NO_VARIATION = "the outcomes do not vary, so this number has no standard error"
NOT_MEASURED = "no image was measured in this group"


class Judged(Protocol):
    """What the status of a number depends on."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def std_error(self) -> float:
        """Its standard error."""

    @property
    def df(self) -> float:
        """Degrees of freedom of its test."""


def status_of(estimate: Estimate) -> tuple[str, str]:
    """Return the status of a group's value, and the reason if it is not ok."""
    if not estimate.n:
        return "not_estimable", NOT_MEASURED
    return too_few(estimate, estimate.units, estimate.events, estimate.non_events, by_counts=not estimate.is_share)


def too_few(number: Judged, units: float, events: float, non_events: float, *, by_counts: bool) -> tuple[str, str]:
    """Return the status of a number and its reason.

    Parameters
    ----------
    number : Judged
    units : float
        Independent units, of the smaller side of a comparison.
    events, non_events : float
        Clusters with an event and with a non-event that are expected there; infinite for unbounded outcomes.
    by_counts : bool
        Whether its test needs outcomes that vary, with enough events. The score of shares does not.
    """
    if not np.isfinite(number.value):
        return "not_estimable", "the images measured here do not vary enough for this number"
    if units < MIN_CLUSTERS:
        return "too_few", f"{_number(units)} independent units; at least {MIN_CLUSTERS} are needed"
    if by_counts and number.std_error == 0 and np.isinf(events):
        return "too_few", NO_VARIATION
    few = min(events, non_events)
    if by_counts and few < MIN_EVENTS:
        return "too_few", f"{few:.1f} expected events or non-events; at least {MIN_EVENTS} are needed"
    if by_counts and number.std_error == 0:
        return "too_few", NO_VARIATION
    if number.df < MIN_DF:
        return "too_few", (
            f"clusters of unequal size or influence leave {number.df:.1f} degrees of freedom; at least {MIN_DF} are "
            "needed"
        )
    return "ok", ""


def _number(units: float) -> str:
    return f"{units:.0f}" if float(units).is_integer() else f"effectively {units:.1f}"


def group_row(metric: str, feature: str, group: str, estimate: Estimate) -> dict[str, Any]:
    """Return the row of a group's value."""
    status, note = status_of(estimate)
    low, high, method = group_interval(estimate)
    return {"metric": metric, "feature": feature, "group": group, "value": estimate.value, "ci_low": low,
            "ci_high": high, "ci_method": method, "n": estimate.n, "n_clusters": estimate.n_clusters,
            "status": status, "note": note}  # fmt: skip


def not_estimable(metric: str, feature: str, group: str, note: str) -> dict[str, Any]:
    """Return the row of a group value that cannot be estimated, with its reason."""
    return {"metric": metric, "feature": feature, "group": group, "status": "not_estimable", "note": note,
            "n": 0, "n_clusters": 0}  # fmt: skip

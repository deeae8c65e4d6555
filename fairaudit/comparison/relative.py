r"""Relative change of a group's value, :math:`\hat\theta_B/\hat\theta_A - 1`, between audits of the same data.

In the influences of clusters on either value (``sufficient_statistics``), the logarithm of the ratio has the variance

.. math:: \hat V = \frac{m}{m-1} \sum_c \left(\frac{\psi^B_c}{\hat\theta_B} - \frac{\psi^A_c}{\hat\theta_A}\right)^2

over the group's :math:`m` clusters (the delta method [1]_): the difficulty of a cluster for both models cancels. The
interval is that of the logarithm with :math:`m - 1` degrees of freedom, taken back.

References
----------
.. [1] Fleiss, Levin and Paik (2003), "Statistical Methods for Rates and Proportions", 3rd ed., section 6.4, for the
   interval of a ratio of rates from its logarithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.comparison.match import WHICH, Pairing, Side, Sums, pairing_of, why_not_paired
from fairaudit.core.audit import AuditResult
from fairaudit.core.result import RELATIVE_COLUMNS, table
from fairaudit.stats.intervals import t_interval
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.status import MIN_CLUSTERS, MIN_EVENTS, NO_VARIATION


def relative_changes(audits: Mapping[str, AuditResult], *, baseline: str) -> pd.DataFrame:
    """Return the relative change of each group's headline from the baseline to each other audit.

    Parameters
    ----------
    audits : mapping of str to AuditResult
    baseline : str
        Name of the audit that the others are compared with.

    Returns
    -------
    DataFrame
        Columns ``RELATIVE_COLUMNS``, a row for each group of a single feature and for everything. ``relative`` is .1 if
        the value is a tenth larger than the baseline's; NaN, with a reason, if it is not estimable. The intervals hold
        for each row by itself: they are exploratory, and not adjusted for their number.
    """
    rows: list[dict[str, Any]] = []
    for name, audit in audits.items():
        if name != baseline:
            changes = _rows(audits[baseline], audit)
            rows += [{"baseline": baseline, "checkpoint": name, **row} for row in changes]
    return table(rows, RELATIVE_COLUMNS)


def _rows(before: AuditResult, after: AuditResult) -> list[dict[str, Any]]:
    rows = []
    for result in before.results:
        pairing = pairing_of(before, after, result.indicator, result.dataset)
        if pairing is None:
            continue
        reason = why_not_paired(before, after, result.indicator, result.dataset)
        if not reason and pairing.after.headline != result.headline:
            reason = f"the headline is {pairing.after.headline} in the checkpoint's audit"
        if not reason and pairing.shares_gallery(result.headline):
            reason = "the images share a gallery, so a group's value is not the group's alone"
        identity = {"indicator": result.indicator, "dataset": result.dataset, "metric": result.headline}
        values = [_values(paired.groups, result.headline) for paired in (pairing.before, pairing.after)]
        for key in values[0]:
            if " & " not in key[0]:
                row = identity | dict(zip(("feature", "group"), key, strict=True))
                rows.append(row | _relative(pairing, result.headline, key, [v.get(key) for v in values], reason))
    return rows


def _values(groups: pd.DataFrame, metric: str) -> dict[tuple[str, str], Mapping[Any, Any]]:
    selected = groups[(groups["metric"] == metric) & (groups["control"] == "")]
    return {(str(row["feature"]), str(row["group"])): row for row in selected.to_dict("records")}


def _relative(
    pairing: Pairing, metric: str, key: tuple[str, str], group_rows: list[Mapping[Any, Any] | None], reason: str
) -> dict[str, Any]:
    """Return the columns of one row; ``reason``, if not empty, is why it has no value."""
    values = {
        c: group_row["value"]
        for c, group_row in zip(("value_before", "value"), group_rows, strict=True)
        if group_row is not None
    }
    side = pairing.side(metric, key[0], [key[1]])
    reason = reason or _why_not(group_rows, side)
    if reason:
        return {**values, "status": "not_estimable", "note": reason}
    m = len(side.clusters)
    psi = _of_logarithm(side.after) - _of_logarithm(side.before)
    std_error = float(np.sqrt(m / (m - 1) * (psi @ psi)))
    ratio = values["value"] / values["value_before"]
    moved = int((np.abs(side.changes) > 1e-12).sum())
    row = {**values, "relative": ratio - 1, "n": float(side.after.n.sum()), "n_clusters": m, "status": "ok"}
    if m < MIN_CLUSTERS or moved < MIN_EVENTS:
        note = f"the outcome changed in {moved:,} of {m:,} clusters; {MIN_EVENTS} of {MIN_CLUSTERS} are needed"
        row |= {"status": "too_few", "note": note}
    if std_error <= 1e-12:
        return row | {"status": "too_few", "note": row.get("note", NO_VARIATION)}
    low, high = t_interval(float(np.log(ratio)), std_error, m - 1)
    return row | {"ci_low": float(np.exp(low)) - 1, "ci_high": float(np.exp(high)) - 1}


def _why_not(group_rows: list[Mapping[Any, Any] | None], side: Side) -> str:
    for which, row, sums in zip(WHICH, group_rows, (side.before, side.after), strict=True):
        if row is None:
            return f"the group is not in the audit of {which}"
        if np.isnan(row["value"]):
            return f"not estimable in {which}: {row['note'] or 'no reason was recorded'}"
        if row["value"] <= 0:
            return f"the value in {which} is {row['value']:.3g}, and a ratio needs one above 0"
        if not np.isclose(sums.above.sum() / max(sums.below.sum(), 1e-300), row["value"]):
            return "the group's labels were drawn, so its clusters are not the same in each drawing"
    if len(side.clusters) < 2:
        return "one independent unit; at least 2 are needed"
    return side.why_not_same()


def _of_logarithm(sums: Sums) -> Floats:
    """Return the influence of each cluster (U,) on the logarithm of the value."""
    total, weight = sums.above.sum(), sums.below.sum()
    return np.asarray(sums.above / total - sums.below / weight)

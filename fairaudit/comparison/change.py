r"""Change of each disparity from one audit to another on the same data.

Both audits have an influence :math:`\psi_c` of each cluster on the disparity (``estimates``), so the change
:math:`d = \hat\theta_B - \hat\theta_A` has :math:`\psi^B_c - \psi^A_c`, and

.. math:: \hat V(d) = \sum_c (\psi^B_c - \psi^A_c)^2 .

The difficulty of a cluster for both models cancels. For the AUROC this is DeLong's paired test [1]_. Hits and misses of
independent rows have a score test instead (``matched_shares``), whose interval is its inversion. Where clusters of
several rows have outcomes in [0, 1], the variance is at least Agresti and Min's for matched pairs [2]_, so that a group
without changes has a positive variance. The degrees of freedom are the least of those of the two disparities and
Satterthwaite's for the change; if clusters lie on both sides or share a gallery, also of the clusters of the smaller
side less one.

**Size.** :math:`|\theta_B| < |\theta_A|` if and only if the change :math:`d` and the sum
:math:`s = \theta_B + \theta_A` have opposite signs. A disparity is called *smaller* or *larger* only if both :math:`d`
and :math:`s` differ from zero: an intersection-union test [3]_, whose p-value is the larger of the two.

**Many rows.** For each row at most one claim can be false at a time: that there is a change (:math:`d = 0`) or, if
there is one, its direction in size. So both share one level per row: Holm's method [4]_ steps over the p-values of
size, and every change is judged at the level that Holm has reached. The chance of any false claim is at most alpha.

References
----------
.. [1] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, for correlated AUROCs.
.. [2] Agresti and Min (2005), Statistics in Medicine 24, "Simple improved confidence intervals for comparing matched
   proportions": half an observation added to each of the four cells.
.. [3] Berger (1982), Technometrics 24, "Multiparameter hypothesis testing and acceptance sampling".
.. [4] Holm (1979), Scandinavian Journal of Statistics 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.comparison.match import WHICH, Pairing, pairing_of, why_not_paired
from fairaudit.comparison.paired_change import Change, estimate, not_estimable_change, why_not
from fairaudit.core.audit import AuditResult
from fairaudit.core.influences import ROW_KEY, influence_at
from fairaudit.core.plan import ALPHA
from fairaudit.core.result import CHANGE_COLUMNS, table
from fairaudit.stats.outcomes import Floats


def alpha_of(audit: AuditResult) -> float:
    """Return the error level of the audit's plan."""
    return float(audit.plan.get("alpha", ALPHA))


def changes_of(audits: Mapping[str, AuditResult], *, baseline: str) -> pd.DataFrame:
    """Return the change of every planned disparity from the baseline to each other audit.

    A value of ``change`` is the checkpoint's disparity less the baseline's, with its sign: a disparity of -.10 that
    becomes +.02 has a change of +.12 and is smaller.

    Parameters
    ----------
    audits : mapping of str to AuditResult
    baseline : str
        Name of the audit that the others are compared with.
        The chance of any false claim in the whole table is at most the alpha of its plan.

    Returns
    -------
    DataFrame
        Columns ``CHANGE_COLUMNS``. ``verdict``: ``smaller`` or ``larger`` (of the disparity's size), ``changed``
        (neither of the two is shown), ``not_shown``, or ``not_estimable`` with the reason in ``note``.
    """
    changes: list[Change] = []
    for name, audit in audits.items():
        if name != baseline:
            identity = {"baseline": baseline, "checkpoint": name}
            changes += [change.with_columns(identity) for change in _changes(audits[baseline], audit)]
    return judged(changes, CHANGE_COLUMNS, alpha_of(audits[baseline]))


def _changes(before: AuditResult, after: AuditResult) -> list[Change]:
    changes = []
    for indicator, dataset in dict.fromkeys((r.indicator, r.dataset) for r in (*before.results, *after.results)):
        reason = why_not_paired(before, after, indicator, dataset)
        pairing = pairing_of(before, after, indicator, dataset)
        results = [r for r in (*before.results, *after.results) if (r.indicator, r.dataset) == (indicator, dataset)]
        for key in dict.fromkeys(key for result in results for key in planned(result.disparities)):
            identity = {"indicator": indicator, "dataset": dataset, **dict(zip(ROW_KEY, key, strict=True))}
            change = _change(pairing, key, reason) if pairing else not_estimable_change(reason)
            changes.append(change.with_columns(identity))
    return changes


def planned(disparities: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return the keys (``ROW_KEY``) of the planned rows of a table of disparities."""
    rows = disparities.loc[disparities["family"] == "primary", list(ROW_KEY)]
    return [tuple(row) for row in rows.itertuples(index=False)]


def _change(pairing: Pairing, key: tuple[Any, ...], reason: str) -> Change:
    """Return the change of one row; ``reason``, if not empty, is why there is none."""
    entries = pairing.rows(key)
    values = {
        column: entry[1]["value"]
        for column, entry in zip(("value_before", "value"), entries, strict=True)
        if entry is not None
    }
    if reason:
        return not_estimable_change(reason).with_columns(values)
    for which, entry in zip(WHICH, entries, strict=True):
        if entry is None:
            return not_estimable_change(f"not among the planned comparisons of {which}").with_columns(values)
    (i, first), (j, second) = (entry for entry in entries if entry is not None)
    psi = [influence_at(r, at) for r, at in ((pairing.before, i), (pairing.after, j))]
    sides = pairing.sides(first)
    reason = why_not(first, second, psi, sides)
    if reason:
        return not_estimable_change(reason).with_columns(values)
    values |= {"n": second["n"], "n_clusters": second["n_clusters"]}
    shared = pairing.shares_gallery(str(first["metric"]))
    return estimate(first, second, psi, sides, shared=shared).with_columns(values)


def adjusted(p_change: Floats, p_size: Floats) -> tuple[Floats, Floats]:
    """Return the adjusted p-values of the changes and of their sizes, over all rows at once.

    Parameters
    ----------
    p_change, p_size : ndarray of float, shape (R,)
        ``p_size`` is at least ``p_change``.

    Returns
    -------
    tuple of ndarray of float, shape (R,)
        The least alpha at which the procedure in the head of this file makes the claim.
    """
    p_change, p_size = np.asarray(p_change, dtype=np.float64), np.asarray(p_size, dtype=np.float64)
    order, m = np.argsort(p_size, kind="stable"), len(p_size)
    left = m - np.arange(m)
    steps = np.minimum(np.maximum.accumulate(p_size[order] * left), 1.0)
    size = np.empty(m)
    size[order] = steps
    reached = np.concatenate([[0.0], steps])[:m]  # alpha from which on `left` rows are still open
    change = np.maximum(reached[:, None], left[:, None] * p_change[None, :]).min(axis=0, initial=1.0)
    return np.minimum(change, size), size


def judged(changes: Sequence[Change], columns: Sequence[str], alpha: float) -> pd.DataFrame:
    """Return the table of ``changes`` with adjusted p-values and intervals, and the verdict, at ``alpha``."""
    rows = table([change.columns for change in changes], columns)
    tested = rows["p_value"].notna()
    rows["verdict"] = pd.Series("not_estimable", index=rows.index, dtype="object")
    if not tested.any():
        return rows
    own = rows[tested]
    change, size = adjusted(own["p_value"].to_numpy(), own["p_size"].to_numpy())
    value, level = own["change"].to_numpy(), 1 - alpha / len(own)
    intervals = [change.interval for change, shown in zip(changes, tested, strict=True) if shown]
    low, high = np.array([interval(level) for interval in intervals if interval is not None], dtype=np.float64).T
    shown = change < alpha
    # Holm decides more than Bonferroni: the bound nearest to no change is then no change.
    low, high = (
        np.where(shown & (value > 0), np.maximum(low, 0), low),
        np.where(shown & (value < 0), np.minimum(high, 0), high),
    )
    opposite = np.sign(value) != np.sign(own["value"] + own["value_before"])
    verdict = np.where(size < alpha, np.where(opposite, "smaller", "larger"), np.where(shown, "changed", "not_shown"))
    more = {"p_adjusted": change, "p_size_adjusted": size, "ci_low_adjusted": low, "ci_high_adjusted": high}
    for name, column in {**more, "verdict": verdict.astype(object)}.items():
        rows.loc[tested, name] = column
    return rows

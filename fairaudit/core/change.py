r"""What became of each disparity from one audit to another of the same data.

Both audits have an influence :math:`\psi_c` of each cluster on the disparity (``estimates``), so the change
:math:`d = \hat\theta_B - \hat\theta_A` has :math:`\psi^B_c - \psi^A_c`, and

.. math:: \hat V(d) = \sum_c (\psi^B_c - \psi^A_c)^2 .

What both models find hard in a cluster cancels. For one row per cluster this is the paired t test within each group;
for the AUROC it is DeLong's paired test [1]_. Where outcomes lie in [0, 1], the variance is at least Agresti and
Min's for matched pairs [2]_, so that a group in which nothing changed does not pass for certain. The degrees of
freedom are the least of those of the two disparities and Satterthwaite's for the change; where clusters lie on both
sides or share a gallery, also of the clusters of the smaller side less one.

**Size.** :math:`|\theta_B| < |\theta_A|` if and only if the change :math:`d` and the sum
:math:`s = \theta_B + \theta_A` have opposite signs. A disparity is called *smaller* or *larger* only where both
:math:`d` and :math:`s` are away from zero: an intersection-union test [3]_, whose p-value is the larger of the two.

**Many rows.** For each row at most one claim can be false at a time: that there is a change (:math:`d = 0`), or, where
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
import numpy.typing as npt
import pandas as pd
from scipy import stats

from fairaudit.core.audit import AuditResult
from fairaudit.core.inference import Influence
from fairaudit.core.influences import ROW_KEY
from fairaudit.core.intervals import t_interval
from fairaudit.core.outcomes import Floats
from fairaudit.core.pairing import WHICH, Pairing, Row, Side, pairing_of, why_not_paired
from fairaudit.core.plan import ALPHA
from fairaudit.core.result import CHANGE_COLUMNS, table
from fairaudit.core.sufficiency import MIN_EVENTS

#: What is said of a change, a closed list: the size of the disparity, or whether there is a change at all.
CHANGES = ("smaller", "larger", "changed", "not_shown", "not_estimable")

_NO_SIZE = {
    "gap": "the highest and the lowest group may be others in the second audit, so nothing estimates the change of a "
    "gap; plan kind 'rest'",
    "omnibus": "a test of all groups at once has no size that could change; plan kind 'rest'",
}


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
        Which of them the others are compared with.
        The chance of any false claim in the whole table is at most the alpha of its plan.

    Returns
    -------
    DataFrame
        Columns ``CHANGE_COLUMNS``. ``verdict``: ``smaller`` or ``larger`` (of the disparity's size), ``changed`` (but
        which of the two cannot be told), ``not_shown``, or ``not_estimable`` with the reason in ``note``.
    """
    rows: list[dict[str, Any]] = []
    for name, audit in audits.items():
        if name != baseline:
            found = _changes(audits[baseline], audit)
            rows += [{"baseline": baseline, "checkpoint": name, **row} for row in found]
    return _judged(table(rows, CHANGE_COLUMNS), alpha_of(audits[baseline]))


def _changes(before: AuditResult, after: AuditResult) -> list[dict[str, Any]]:
    rows = []
    for indicator, dataset in dict.fromkeys((r.indicator, r.dataset) for r in (*before.results, *after.results)):
        reason = why_not_paired(before, after, indicator, dataset)
        pairing = pairing_of(before, after, indicator, dataset)
        results = [r for r in (*before.results, *after.results) if (r.indicator, r.dataset) == (indicator, dataset)]
        for key in dict.fromkeys(key for result in results for key in _planned(result.disparities)):
            row = {"indicator": indicator, "dataset": dataset, **dict(zip(ROW_KEY, key, strict=True))}
            rows.append(row | (_change(pairing, key, reason) if pairing else _nothing(reason)))
    return rows


def _planned(disparities: pd.DataFrame) -> list[tuple[Any, ...]]:
    rows = disparities.loc[disparities["family"] == "primary", list(ROW_KEY)]
    return [tuple(row) for row in rows.itertuples(index=False)]


def _nothing(reason: str) -> dict[str, Any]:
    return {"status": "not_estimable", "note": reason}


def _change(pairing: Pairing, key: tuple[Any, ...], reason: str) -> dict[str, Any]:
    """Return the change of one row; ``reason`` says why there can be none, if it is known already."""
    found = pairing.rows(key)
    values = {
        column: one[1]["value"] for column, one in zip(("value_before", "value"), found, strict=True) if one is not None
    }
    if reason:
        return values | _nothing(reason)
    for which, one in zip(WHICH, found, strict=True):
        if one is None:
            return values | _nothing(f"not among the planned comparisons of {which}")
    (i, first), (j, second) = (one for one in found if one is not None)
    psi = [r.influences.get(at) for r, at in ((pairing.before, i), (pairing.after, j))]
    sides = pairing.sides(first)
    reason = _why_not(first, second, psi, sides)
    if reason:
        return values | _nothing(reason)
    estimate = _estimate(first, second, psi, sides, shared=pairing.shares_gallery(str(first["metric"])))
    return values | estimate | {"n": second["n"], "n_clusters": second["n_clusters"]}


def _why_not(first: Row, second: Row, psi: Sequence[Influence | None], sides: Sequence[Side]) -> str:
    if first["kind"] in _NO_SIZE:
        return _NO_SIZE[first["kind"]]
    for which, row in zip(WHICH, (first, second), strict=True):
        if row["status"] == "not_estimable" or np.isnan(row["value"]):
            return f"not estimable in {which}: {row['note'] or 'no reason was recorded'}"
    for which, one in zip(WHICH, psi, strict=True):
        if one is None:
            return f"the audit of {which} holds no influence of clusters on this row; run it again"
    if not all(len(side.before.n) or len(side.after.n) for side in sides):
        return "the audits hold no statistics of these groups; run them again"
    if (first["n"], first["n_clusters"]) != (second["n"], second["n_clusters"]):
        return next(filter(None, (side.why_not_same() for side in sides)), "") or "other rows were compared"
    return next(filter(None, (side.why_not_same() for side in sides)), "")


def _estimate(
    first: Row, second: Row, psi: Sequence[Influence | None], sides: Sequence[Side], *, shared: bool
) -> dict[str, Any]:
    clusters, before, after = _aligned([one for one in psi if one is not None])
    moved = after - before
    change, total = float(second["value"] - first["value"]), float(second["value"] + first["value"])
    variance = max(float(moved @ moved), _least_variance(sides))
    std_error = np.sqrt(variance) if variance > 1e-24 else 0.0
    # What a disparity's own floor adds to its variance is added to that of the sum.
    floors = sum(float(row["std_error"]) ** 2 - float(p @ p) for row, p in ((first, before), (second, after)))
    of_total = np.sqrt(float((before + after) @ (before + after)) + max(floors, 0.0))
    df = min(float(first["df"]), float(second["df"]), _df(clusters, moved, sides, shared=shared))
    low, high = t_interval(change, std_error, df)
    status, note = _status(first, second, sides, std_error)
    row = {"change": change, "std_error": std_error, "df": df, "ci_low": low, "ci_high": high, "status": status,
           "note": note}  # fmt: skip
    if status == "ok":
        row["p_value"] = _p_value(change, std_error, df)
        row["p_size"] = max(row["p_value"], _p_value(total, of_total, df))
    return row


def _p_value(value: float, std_error: float, df: float) -> float:
    if std_error <= 0:
        return float(value == 0)
    return float(2 * stats.t.sf(abs(value) / std_error, max(df, 1.0)))


def _least_variance(sides: Sequence[Side]) -> float:
    """Return Agresti and Min's variance, summed over the two sides; 0 where it does not apply."""
    if len(sides) != 2 or not all(side.bounded for side in sides) or _overlap(sides):
        return 0.0
    squares = [side.changes**2 for side in sides]
    moved = sum(int((s > 0).sum()) for s in squares)
    one = sum(float(s.sum()) for s in squares) / max(moved, 1)  # of one cluster that changed; 1 for hits and misses
    parts = [
        ((s.sum() + one) / (len(s) + 2) - (side.changes.sum() / (len(s) + 2)) ** 2) / (len(s) + 2)
        for s, side in zip(squares, sides, strict=True)
    ]
    return float(sum(parts))


def _aligned(psi: Sequence[Influence]) -> tuple[npt.NDArray[np.str_], Floats, Floats]:
    """Return all clusters (U,), and their influence on either disparity; a cluster that is not there moves nothing."""
    clusters, code = np.unique(np.concatenate([p.clusters for p in psi]).astype(str), return_inverse=True)
    both = np.zeros((2, len(clusters)))
    both[0, code[: len(psi[0].values)]] = psi[0].values
    both[1, code[len(psi[0].values) :]] = psi[1].values
    return clusters, both[0], both[1]


def _df(clusters: npt.NDArray[np.str_], moved: Floats, sides: Sequence[Side], *, shared: bool) -> float:
    df, squares = np.inf, moved**2
    if shared and (squares > 0).any():  # a few hubs may carry most of the variance
        df = float(squares.sum() ** 2 / (squares**2).sum())
    if len(sides) != 2:
        return df
    dfs = [max(len(side.clusters) - 1, 1) for side in sides]
    if shared or _overlap(sides):
        return min(df, *dfs)
    parts = [float(squares[np.isin(clusters, side.clusters)].sum()) for side in sides]
    below = sum(v**2 / d for v, d in zip(parts, dfs, strict=True))
    return min(df, sum(parts) ** 2 / below if below > 0 else min(dfs))


def _overlap(sides: Sequence[Side]) -> bool:
    return bool(np.isin(sides[0].clusters, sides[1].clusters).any())


def _status(first: Row, second: Row, sides: Sequence[Side], std_error: float) -> tuple[str, str]:
    """Return the status of the change, and its reason: those of the two rows, and enough clusters that changed."""
    for which, row in zip(WHICH, (first, second), strict=True):
        if row["status"] != "ok":
            return str(row["status"]), f"in {which}: {row['note']}"
    moved = sum(int((np.abs(side.changes) > 1e-12).sum()) for side in sides)
    sizes = [len(side.clusters) for side in sides]
    expected = moved * min(sizes) / sum(sizes) if len(sides) == 2 else float(moved)
    if expected < MIN_EVENTS or std_error == 0:
        return "too_few", (
            f"the outcome changed in {moved:,} of {sum(sizes):,} clusters, {expected:.1f} of them to be expected on "
            f"the smaller side; at least {MIN_EVENTS} are needed"
        )
    return "ok", ""


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


def _judged(rows: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return ``rows`` with adjusted p-values and intervals, and the verdict."""
    tested = rows["p_value"].notna()
    rows["verdict"] = pd.Series("not_estimable", index=rows.index, dtype="object")
    if not tested.any():
        return rows
    own = rows[tested]
    change, size = adjusted(own["p_value"].to_numpy(), own["p_size"].to_numpy())
    value, level = own["change"].to_numpy(), 1 - alpha / len(own)
    low, high = t_interval(value, own["std_error"].to_numpy(), own["df"].to_numpy(), level=level)
    shown = change < alpha
    # Holm decides more than Bonferroni: the bound nearest to no change is then no change.
    low, high = (
        np.where(shown & (value > 0), np.maximum(low, 0), low),
        np.where(shown & (value < 0), np.minimum(high, 0), high),
    )
    opposite = np.sign(value) != np.sign(own["value"] + own["value_before"])
    verdict = np.where(size < alpha, np.where(opposite, "smaller", "larger"), np.where(shown, "changed", "not_shown"))
    columns = {"p_adjusted": change, "p_size_adjusted": size, "adjusted_low": low, "adjusted_high": high}
    for name, found in {**columns, "verdict": verdict.astype(object)}.items():
        rows.loc[tested, name] = found
    return rows

"""The change of one disparity between two measurements of the same clusters; see ``change`` for the method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from fairaudit.comparison.match import WHICH, Row, Side
from fairaudit.core.result import Influence
from fairaudit.stats.intervals import t_interval
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.status import MIN_EVENTS

_NO_SIZE = {
    "gap": "the highest and the lowest group may be others in the second audit, so nothing estimates the change of a "
    "gap; plan kind 'one_vs_rest'",
    "omnibus": "a test of all groups at once has no size that could change; plan kind 'one_vs_rest'",
}


class Between(NamedTuple):
    """Variance of a mean over several trainings, from one set of trainings to another.

    Attributes
    ----------
    of_change, of_total : float
        Variance of the change, and of the sum of the two disparities.
    df : float
        Degrees of freedom of both.
    """

    of_change: float
    of_total: float
    df: float


NOTHING_BETWEEN = Between(0.0, 0.0, np.inf)


def not_estimable_change(reason: str) -> dict[str, Any]:
    """Return the columns of a change that cannot be estimated."""
    return {"status": "not_estimable", "note": reason}


def why_not(
    first: Row,
    second: Row,
    psi: Sequence[Influence | None],
    sides: Sequence[Side],
    *,
    which: Sequence[str] = WHICH,
) -> str:
    """Return why the change between two rows is not estimable, else empty; ``which`` names the two audits."""
    if first["kind"] in _NO_SIZE:
        return _NO_SIZE[first["kind"]]
    for name, row in zip(which, (first, second), strict=True):
        if row["status"] == "not_estimable" or np.isnan(row["value"]):
            return f"not estimable in {name}: {row['note'] or 'no reason was recorded'}"
    for name, influence in zip(which, psi, strict=True):
        if influence is None:
            return f"the audit of {name} holds no influence of clusters on this row; run it again"
    if not all(len(side.before.n) or len(side.after.n) for side in sides):
        return "the audits hold no statistics of these groups; run them again"
    if (first["n"], first["n_clusters"]) != (second["n"], second["n_clusters"]):
        return next(filter(None, (side.why_not_same() for side in sides)), "") or "other rows were compared"
    return next(filter(None, (side.why_not_same() for side in sides)), "")


def estimate(
    first: Row,
    second: Row,
    psi: Sequence[Influence | None],
    sides: Sequence[Side],
    *,
    shared: bool,
    between: Between = NOTHING_BETWEEN,
) -> dict[str, Any]:
    """Return the change from ``first`` to ``second`` as columns of a table of changes.

    Parameters
    ----------
    first, second : Row
        The two disparities; ``value``, ``std_error``, ``df``, ``status`` and ``note`` are read.
    psi : sequence of Influence
        Influences of clusters on either disparity.
    sides : sequence of Side
        The clusters of the group and of its reference, or all clusters.
    shared : bool
        Whether outcomes share a gallery.
    between : Between
        Variance between trainings, if each disparity is a mean over several.

    Returns
    -------
    dict
        ``change``, ``std_error``, ``df``, ``ci_low``, ``ci_high``, ``status``, ``note`` and, if the status is ok,
        ``p_value`` of "no change" and ``p_size`` of "no change, or none in size".
    """
    clusters, before, after = _aligned([influence for influence in psi if influence is not None])
    moved = after - before
    change, total = float(second["value"] - first["value"]), float(second["value"] + first["value"])
    variance = max(float(moved @ moved), _least_variance(sides))
    variance = variance if variance > 1e-24 else 0.0
    # The floor of a disparity's variance is added to the variance of the sum.
    floors = sum(float(row["std_error"]) ** 2 - float(p @ p) for row, p in ((first, before), (second, after)))
    of_total = float((before + after) @ (before + after)) + max(floors, 0.0)
    df = min(float(first["df"]), float(second["df"]), _df(clusters, moved, sides, shared=shared))
    variance, df_change = _with(variance, df, between.of_change, between.df)
    of_total, df_total = _with(of_total, df, between.of_total, between.df)
    std_error = float(np.sqrt(variance))
    low, high = t_interval(change, std_error, df_change)
    status, note = _status(first, second, sides, std_error)
    row: dict[str, Any] = {"change": change, "std_error": std_error, "df": df_change, "ci_low": low, "ci_high": high,
           "status": status, "note": note}  # fmt: skip
    if status == "ok":
        row["p_value"] = _p_value(change, std_error, df_change)
        row["p_size"] = max(row["p_value"], _p_value(total, float(np.sqrt(of_total)), df_total))
    return row


def _with(variance: float, df: float, more: float, df_more: float) -> tuple[float, float]:
    """Return the sum of two variances and Satterthwaite's degrees of freedom of it."""
    if more <= 0:
        return variance, df
    below = variance**2 / df + more**2 / df_more
    return variance + more, (variance + more) ** 2 / below


def _p_value(value: float, std_error: float, df: float) -> float:
    if std_error <= 0:
        return float(value == 0)
    return float(2 * stats.t.sf(abs(value) / std_error, max(df, 1.0)))


def _least_variance(sides: Sequence[Side]) -> float:
    """Return Agresti and Min's variance, summed over the two sides; 0 if it does not apply."""
    if len(sides) != 2 or not all(side.bounded for side in sides) or _overlap(sides):
        return 0.0
    squares = [side.changes**2 for side in sides]
    moved = sum(int((s > 0).sum()) for s in squares)
    mean_square = sum(float(s.sum()) for s in squares) / max(
        moved, 1
    )  # of one cluster that changed; 1 for hits and misses
    parts = [
        ((s.sum() + mean_square) / (len(s) + 2) - (side.changes.sum() / (len(s) + 2)) ** 2) / (len(s) + 2)
        for s, side in zip(squares, sides, strict=True)
    ]
    return float(sum(parts))


def _aligned(psi: Sequence[Influence]) -> tuple[npt.NDArray[np.str_], Floats, Floats]:
    """Return all clusters (U,), and their influence on either disparity; 0 for a cluster that is absent."""
    clusters, code = np.unique(np.concatenate([p.clusters for p in psi]).astype(str), return_inverse=True)
    influences = np.zeros((2, len(clusters)))
    influences[0, code[: len(psi[0].values)]] = psi[0].values
    influences[1, code[len(psi[0].values) :]] = psi[1].values
    return clusters, influences[0], influences[1]


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

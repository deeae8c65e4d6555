"""The change of one disparity between two measurements of the same clusters; see ``change`` for the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fairaudit.comparison.match import WHICH, Row, Side
from fairaudit.comparison.matched_shares import MatchedShares
from fairaudit.core.comparison import Influence
from fairaudit.stats.auroc import PRIOR_DF
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.status import MIN_EVENTS
from fairaudit.stats.t_inference import TInference

_NO_SIZE = {
    "gap": "the highest and the lowest group may be others in the second audit, so nothing estimates the change of a "
    "gap; plan kind 'one_vs_rest'",
    "departure": "a test of departure from a line has no size that could change; plan kind 'one_vs_rest'",
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


class Change(NamedTuple):
    """Columns of a row in a table of changes, and the bounds of the change by level; None if not estimable."""

    columns: Mapping[str, Any]
    interval: Callable[[float], tuple[Floats, Floats]] | None = None

    def with_columns(self, columns: Mapping[str, Any]) -> Change:
        """Return the change with more columns."""
        return self._replace(columns={**columns, **self.columns})


def not_estimable_change(reason: str) -> Change:
    """Return the row of a change that cannot be estimated."""
    return Change({"status": "not_estimable", "note": reason})


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
    averaged: bool = False,
) -> Change:
    """Return the change from ``first`` to ``second``.

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
    averaged : bool
        Whether a disparity is a weighted sum over several audits.

    Returns
    -------
    Change
        Columns ``change``, ``std_error``, ``df``, ``ci_low``, ``ci_high``, ``status``, ``note`` and, if the status is
        ok, ``p_value`` of "no change" and ``p_size`` of "no change, or none in size". ``df`` is NaN for a score test.
    """
    change, total = float(second["value"] - first["value"]), float(second["value"] + first["value"])
    alone = not (shared or averaged or between.of_change) and len(sides) == 2
    if alone and all(side.independent_hits for side in sides):
        moved, hits = _pairs(sides, both=False), _pairs(sides, both=True)
        # Labels that were drawn have no such counts, and a cluster on both sides is not independent.
        if np.allclose((moved.value, hits.value), (change, total), atol=1e-9) and not _overlap(sides):
            return _scored(first, second, moved, hits)
    clusters, before, after = _aligned([influence for influence in psi if influence is not None])
    df = min(_finite(first["df"]), _finite(second["df"]), _df(clusters, after - before, sides, shared=shared))
    # What the variance of a disparity holds beyond its influences is added to the variance of the sum.
    more = sum(float(row["std_error"]) ** 2 - float(p @ p) for row, p in ((first, before), (second, after)))
    skewed = not shared and len(sides) == 2 and all(side.bounded for side in sides) and not _overlap(sides)
    of_change, of_size = (
        _inference(value, own, clusters, sides if skewed else (), (extra, df), (of_between, between.df))
        for value, own, extra, of_between in (
            (change, after - before, 0.0, between.of_change),
            (total, after + before, max(more, 0.0), between.of_total),
        )
    )
    status, note = _why_rows(first, second) or _why_few_changes(sides, of_change.std_error) or ("ok", "")
    columns: dict[str, Any] = {
        "change": change, "std_error": of_change.std_error, "df": of_change.df, "status": status, "note": note
    }  # fmt: skip
    if status == "ok":
        columns["p_value"] = of_change.p_value()
        columns["p_size"] = max(of_change.p_value(), of_size.p_value())
    return _with_interval(columns, of_change.interval)


def _inference(
    value: float,
    psi: Floats,
    clusters: npt.NDArray[np.str_],
    sides: Sequence[Side],
    own: tuple[float, float],
    more: tuple[float, float],
) -> TInference:
    """Return the t test of a change (or sum) from influences; ``own`` and ``more`` add variances, with their df.

    Where few clusters of a small side change, its variance is uncertain and the change is skewed. So the variance of a
    side is moderated (``stats.auroc``) around that of a cluster of both ``sides``, whose third moment is the side's.
    """
    variance, df, third = float(psi @ psi), own[1], 0.0
    if sides:
        n = np.array([len(side.clusters) for side in sides], dtype=np.float64)
        signed = zip((1.0, -1.0), sides, n, strict=True)
        of_clusters = [sign * size * psi[np.isin(clusters, side.clusters)] for sign, side, size in signed]
        square, cube = (sum(float((part**power).sum()) for part in of_clusters) / n.sum() for power in (2, 3))
        variances = np.array([float((part**2).sum()) / size**2 for part, size in zip(of_clusters, n, strict=True)])
        variances = ((n - 1) * variances + PRIOR_DF * square / n) / (n - 1 + PRIOR_DF)
        variance, parts = float(variances.sum()), float((variances**2 / (n - 1 + PRIOR_DF)).sum())
        df = variance**2 / parts if parts > 0 else df
        third = cube * float(n[0] ** -2 - n[1] ** -2)
    variance, df = _with(variance + own[0] if variance > 1e-24 else 0.0, df, *more)
    skewness = third / variance**1.5 if variance > 0 else 0.0
    return TInference(value, float(np.sqrt(variance)), df, skewness=skewness)


def _finite(df: Any) -> float:
    """Return degrees of freedom; infinite where a row has none of its own."""
    return float("inf") if np.isnan(df) else float(df)


def _scored(first: Row, second: Row, moved: MatchedShares, hits: MatchedShares) -> Change:
    """Return the change of shares of independent rows; their sum has the same distribution as their change.

    A row that is a hit in both audits counts 1 in the sum, and a miss in both counts -1, around the sum's middle.
    """
    status, note = _why_rows(first, second) or ("ok", "")
    columns: dict[str, Any] = {"change": float(moved.value), "std_error": float(moved.std_error), "df": np.nan,
                               "status": status, "note": note}  # fmt: skip
    if status == "ok":
        columns["p_value"] = float(moved.p_value())
        columns["p_size"] = max(columns["p_value"], float(hits.p_value()))
    return _with_interval(columns, moved.interval)


def _with_interval(columns: dict[str, Any], interval: Callable[[float], tuple[Any, Any]]) -> Change:
    low, high = interval(0.95)
    return Change({**columns, "ci_low": float(low), "ci_high": float(high)}, interval)


def _pairs(sides: Sequence[Side], *, both: bool) -> MatchedShares:
    """Return the rows of each side by gain and loss or, for the sum, by hits in ``both`` audits and misses in both."""
    counts = []
    for side in sides:
        after, before = side.after.above, side.before.above
        paired = before if both else 1 - before
        counts.append((after @ paired, (1 - after) @ (1 - paired), float(len(after))))
    return MatchedShares(*np.array(counts).T)


def _with(variance: float, df: float, more: float, df_more: float) -> tuple[float, float]:
    """Return the sum of two variances and Satterthwaite's degrees of freedom of it."""
    if more <= 0:
        return variance, df
    below = variance**2 / df + more**2 / df_more
    return variance + more, (variance + more) ** 2 / below


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


def _why_rows(first: Row, second: Row) -> tuple[str, str] | None:
    """Return status and reason of the first of two rows that is not ok."""
    for which, row in zip(WHICH, (first, second), strict=True):
        if row["status"] != "ok":
            return str(row["status"]), f"in {which}: {row['note']}"
    return None


def _why_few_changes(sides: Sequence[Side], std_error: float) -> tuple[str, str] | None:
    """Return status and reason if too few clusters changed for a t test."""
    moved = sum(int((np.abs(side.changes) > 1e-12).sum()) for side in sides)
    sizes = [len(side.clusters) for side in sides]
    expected = moved * min(sizes) / sum(sizes) if len(sides) == 2 else float(moved)
    if expected >= MIN_EVENTS and std_error > 0:
        return None
    return "too_few", (
        f"the outcome changed in {moved:,} of {sum(sizes):,} clusters, {expected:.1f} of them to be expected on "
        f"the smaller side; at least {MIN_EVENTS} are needed"
    )

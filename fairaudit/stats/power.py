r"""Least difference that a comparison would detect, before any model has run, from sizes of groups and clusters.

Outcomes are not known yet, so the correlation :math:`\rho` of rows of one cluster (person, household) is given, or both
extremes are: independent (0) and identical (1). From there it is the least difference that an audit prints: that of the
score of two shares (``score``) with the effective sizes of both sides (``side``) and the degrees of freedom of a
correlation that is estimated from such clusters, or that of a t test with the error of a slope (``slopes``) or of two
AUROCs [1]_. The share is that of the others, or the one with the largest least difference. The power is .8, at the
error level that an audit would give each of its planned comparisons.

References
----------
.. [1] Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating characteristic (ROC)
   curve", Radiology 143, for the variance of an AUROC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from fairaudit.core.errors import ConfigError
from fairaudit.core.plan import ALPHA
from fairaudit.stats.contrast import crossed, design_df
from fairaudit.stats.correlation import expected as expected_correlation
from fairaudit.stats.intervals import min_detectable
from fairaudit.stats.outcomes import Floats, Ints
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.side import Cells, Side
from fairaudit.stats.slopes import planned_error
from fairaudit.stats.status import MIN_CLUSTERS, too_few

Sizes = tuple[float, float]

#: Default of the expected AUROC: better than chance, far from perfect.
EXPECTED_AUROC = 0.7
#: Correlations of the rows of a cluster: independent, identical.
ENDS = (0.0, 1.0)
#: Shares searched for the largest least difference, which is the same for p and 1 - p.
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5)
#: Largest group that is tried for a difference: rows without clusters, clusters.
_LARGEST = (10**8, 10**5)


@dataclass(frozen=True)
class Detectable:
    """Least detectable difference at power .8, for independent and for identical rows of a cluster.

    Parameters
    ----------
    least, most : float
        For independent rows, and for identical rows of a cluster. NaN if no difference within the range would be
        detected.
    """

    least: float
    most: float


def effective_sizes(clusters: Ints) -> Sizes:
    """Return a group's effective sample size (Kish 1965), for independent and for identical rows of a cluster.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)
        Code of the cluster of each of its rows, from 0.
    """
    sizes = np.bincount(clusters).astype(np.float64) if len(clusters) else np.zeros(0)
    squares = float((sizes**2).sum())
    return float(sizes.sum()), float(sizes.sum()) ** 2 / squares if squares else 0.0


def planned_contrast(first: Side, second: Side, *, rho: float, share: float) -> ScoreContrast:
    """Return the comparison of two sides that an audit would make if both had the ``share`` and correlation ``rho``."""
    sides = (first, second)
    rhos = [expected_correlation(side.pairs, rho, share) for side in sides]
    kappa, df = crossed(first, second, design_df(sides, rhos), rho=rho)
    n = [1 / float(side.design(own.value)) for side, own in zip(sides, rhos, strict=True)]
    third = [float(side.third(own.value)) for side, own in zip(sides, rhos, strict=True)]
    return ScoreContrast.of(share, n[0], share, n[1], t_first=third[0], t_second=third[1], kappa=kappa, df=max(df, 1.0))


def share_difference(group: Side, others: Side, *, alpha: float, expected: float | None = None) -> Detectable:
    """Return the least detectable difference of a share, with the group's share moved towards one half.

    Parameters
    ----------
    group, others : Side
        Their outcomes are not used.
    alpha : float
        Level of the two-sided test.
    expected : float, optional
        Share of the others, in (0, 1). Default: the share with the largest least difference; NaN if at some share no
        difference is large enough.
    """
    if min(group.n_clusters, others.n_clusters) < 2:
        return Detectable(math.nan, math.nan)
    shares = _SHARES if expected is None else (expected,)
    found = [
        [planned_contrast(group, others, rho=rho, share=share).min_detectable(alpha)[0] for share in shares]
        for rho in ENDS
    ]
    return Detectable(*(float(np.max(of_end)) for of_end in found))


def slope(x: Floats, clusters: Ints, *, alpha: float, expected: float | None = None, macro: bool = False) -> Detectable:
    """Return the least detectable slope of a share, per unit of ``x``.

    Parameters
    ----------
    x : ndarray of float, shape (n,)
        Position of each row along the order: 0, 1, 2 ... or log2 of an income.
    clusters : ndarray of int, shape (n,)
        Code of the cluster of each row, from 0.
    alpha, expected
        As for ``share_difference``; a slope is hardest to detect at a share of .5.
    macro : bool
        Whether each cluster counts the same, instead of each row.
    """
    p = 0.5 if expected is None else expected
    width = float(np.ptp(x)) if len(x) else 0.0
    if not width > 0 or len(np.unique(clusters)) < 3:
        return Detectable(math.nan, math.nan)
    ends = (planned_error(x, clusters, rho=rho, macro=macro) for rho in ENDS)
    found = [float(min_detectable(math.sqrt(p * (1 - p)) * error, df, alpha=alpha)) for error, df in ends]
    return Detectable(*(least if least <= 1 / width else math.nan for least in found))


def auroc_difference(group: Sizes, others: Sizes, *, alpha: float, expected: float = EXPECTED_AUROC) -> float:
    """Return the least detectable AUROC difference between a group and others [1]_.

    Parameters
    ----------
    group, others : tuple of float
        Effective number of rows with label 1, and with label 0.
    alpha : float
        Level of the two-sided test.
    expected : float
        Assumed AUROC of both.
    """
    if min(*group, *others) < 1:
        return math.nan
    error = math.sqrt(_auroc_variance(*group, expected) + _auroc_variance(*others, expected))
    difference = float(min_detectable(error, sum(group) + sum(others) - 2, alpha=alpha))
    return difference if difference <= max(expected, 1 - expected) else math.nan


def _auroc_variance(n_1: float, n_0: float, a: float) -> float:
    q_1, q_2 = a / (2 - a), 2 * a**2 / (1 + a)
    return (a * (1 - a) + (n_1 - 1) * (q_1 - a**2) + (n_0 - 1) * (q_2 - a**2)) / (n_1 * n_0)


@dataclass(frozen=True)
class GroupPower:
    """What an audit of a group against the rest could show, at one correlation of the rows of a cluster.

    Parameters
    ----------
    icc : float or None
        The correlation; None for rows without clusters.
    effective_group, effective_rest : float
        Independent rows that would tell as much.
    difference, ratio : float
        Least difference found with power .8, and the ratio that it means; NaN if even the end of the range would not be
        found.
    direction : {"higher", "lower", ""}
        Of the group: towards one half, where a share varies more.
    why : str
        Why no verdict is possible; else empty.
    needed : int or None
        Rows of the group with which the asked difference is found; None if not asked, or not reachable.
    """

    icc: float | None
    effective_group: float
    effective_rest: float
    difference: float
    direction: str
    ratio: float
    why: str
    needed: int | None = None


class Planned(NamedTuple):
    """Sizes of a group and the rest, with the number of their clusters and the variation of the clusters' sizes."""

    group: int
    rest: int
    clusters: tuple[int, int] | None = None
    size_cv: float = 0.0

    def sides(self) -> tuple[Side, Side]:
        """Return both sides, with lognormal sizes of clusters if they vary."""
        if self.clusters is None:
            return _side(self.group, None), _side(self.rest, None)
        first, second = (
            _sizes(n, k, self.size_cv) for n, k in zip((self.group, self.rest), self.clusters, strict=True)
        )
        return _side(self.group, first), _side(self.rest, second, start=len(first))

    def with_units(self, units: int) -> Planned:
        """Return the sizes with another number of rows (or clusters) of the group."""
        if self.clusters is None:
            return self._replace(group=units)
        own, of_rest = self.clusters
        return self._replace(group=round(self.group / own * units), clusters=(units, of_rest))


def group_power(
    group: int,
    rest: int,
    share: float,
    *,
    rows: int = 1,
    clusters: tuple[int, int] | None = None,
    icc: float | None = None,
    size_cv: float = 0.0,
    difference: float | None = None,
) -> list[GroupPower]:
    """Return the least difference of a group from the rest that an audit would find with power .8.

    Parameters
    ----------
    group, rest : int
        Rows of the group, and all others.
    share : float
        Expected share of the rest.
    rows : int
        Planned comparisons of the audit, which share the level of 5 %.
    clusters : tuple of int, optional
        Clusters of the group, and of the rest. Default: all rows are independent.
    icc : float, optional
        Correlation of the rows of a cluster. Default: both 0 and 1.
    size_cv : float
        Coefficient of variation of the sizes of clusters (lognormal).
    difference : float, optional
        Difference for which the group's size is sought, with the rest and the mean size of a cluster as they are.

    Returns
    -------
    list of GroupPower
        One for each correlation.

    Raises
    ------
    ConfigError
        If a number is out of its range.
    """
    planned = Planned(group, rest, clusters, size_cv)
    _check(planned, share, rows=rows, icc=icc, difference=difference)
    ends: Sequence[float | None] = (None,) if clusters is None else ENDS if icc is None else (icc,)
    return [_power(planned, share, rho, alpha=ALPHA / rows, difference=difference) for rho in ends]


def _power(planned: Planned, share: float, icc: float | None, *, alpha: float, difference: float | None) -> GroupPower:
    def contrast(sizes: Planned) -> ScoreContrast:
        return planned_contrast(*sizes.sides(), rho=icc or 0.0, share=share)

    def enough(units: int) -> bool:
        return difference is not None and contrast(planned.with_units(units)).min_detectable(alpha)[0] <= difference

    now, sides = contrast(planned), planned.sides()
    least, direction = now.min_detectable(alpha)
    _, why = too_few(
        Number(0.0, 1.0, float(now.df[0])), min(side.units for side in sides), math.inf, math.inf, by_counts=False
    )
    ratio = (share + (least if direction == "higher" else -least)) / share
    units = None if difference is None else _least(enough, _LARGEST[planned.clusters is not None])
    return GroupPower(
        icc, float(now.n_first[0, 0]), float(now.n_second[0, 0]), least, direction, ratio, why,
        None if units is None else planned.with_units(units).group,
    )  # fmt: skip


class Number(NamedTuple):
    """A number before it is measured, for its status."""

    value: float
    std_error: float
    df: float


def _least(enough: Callable[[int], bool], largest: int) -> int | None:
    """Return the least number of units from ``MIN_CLUSTERS`` that is enough; None if the largest is not."""
    low, high = MIN_CLUSTERS, MIN_CLUSTERS
    while not enough(high):
        if high >= largest:
            return None
        low, high = high, min(2 * high, largest)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _sizes(n: int, k: int, cv: float) -> Floats:
    """Return the sizes of ``k`` clusters of ``n`` rows: 1 or more, and lognormal with the variation ``cv``."""
    mean = n / k
    if cv == 0 or mean <= 1:
        return np.full(k, mean)
    normal, asked = stats.norm.ppf((np.arange(k) + 0.5) / k), cv * mean / (mean - 1)

    def drawn(sigma: float) -> Floats:
        sizes = np.exp(sigma * (normal - normal[-1]))
        return np.asarray(sizes / sizes.mean())

    if not drawn(20.0).std() > asked:
        raise ConfigError(f"--size-cv must be smaller for {k:,} clusters of {mean:.3g} rows on average; got {cv:g}.")
    sigma = optimize.brentq(lambda s: float(drawn(s).std()) - asked, 0.0, 20.0)
    return np.asarray(1 + (mean - 1) * drawn(sigma))


def _side(n: int, sizes: Floats | None, *, start: int = 0) -> Side:
    def cells(m: Floats) -> Cells:
        return Cells(*[m if name in ("n", "w", "ww", "www") else np.zeros_like(m) for name in Cells._fields])

    if sizes is None:
        return Side.of(cells(np.array([float(n)])), cells(np.zeros(0)), np.zeros(0, dtype=np.int64))
    return Side.of(cells(np.zeros(1)), cells(sizes), np.arange(start, start + len(sizes)))


def _check(planned: Planned, share: float, *, rows: int, icc: float | None, difference: float | None) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"--share must be between 0 and 1; got {share:g}. It is the expected share of the rest.")
    for name, n in (("--group", planned.group), ("--rest", planned.rest), ("--rows", rows)):
        if n < 1:
            raise ConfigError(f"{name} must be at least 1; got {n}.")
    if planned.clusters is None and (icc is not None or planned.size_cv):
        raise ConfigError("--icc and --size-cv must have clusters; got none. Add --clusters, or --per-cluster.")
    for name, n, k in zip(("--group", "--rest"), planned[:2], planned.clusters or (1, 1), strict=True):
        if not 1 <= k <= n:
            raise ConfigError(f"--clusters must be from 1 to {n:,}, the rows of {name}; got {k:,}.")
    if icc is not None and not 0 <= icc <= 1:
        raise ConfigError(f"--icc must be from 0 (independent rows) to 1 (identical rows); got {icc:g}.")
    if not 0 <= planned.size_cv < math.inf:
        raise ConfigError(f"--size-cv must be 0 (equal clusters) or more; got {planned.size_cv:g}.")
    widest = max(share, 1 - share)
    if difference is not None and not 0 < difference < widest:
        raise ConfigError(
            f"--difference must be above 0 and below {widest:g}, the most that a share can differ from {share:g}; got "
            f"{difference:g}."
        )

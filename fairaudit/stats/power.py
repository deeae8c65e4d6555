r"""Minimum detectable disparity of a data set before any model has run, from its groups and clusters.

Outcomes are not known yet, so both extremes are given: images of one cluster (person, household) are independent, or
identical. With :math:`m_c` images of a group in cluster :math:`c`, the effective sample sizes of its mean are [1]_

.. math:: n = \sum_c m_c \qquad\text{and}\qquad n_{eff} = \frac{(\sum_c m_c)^2}{\sum_c m_c^2},

or, if each cluster counts once (an average over households), :math:`U^2 / \sum_c m_c^{-1}` and :math:`U`. A slope
along :math:`x` has the variances, with the weights :math:`w_i` of the images (1, or :math:`1 / m_c`),

.. math:: p(1 - p) \frac{\sum_i (w_i \tilde x_i)^2}{(\sum_i w_i \tilde x_i^2)^2} \qquad\text{and}\qquad
          p(1 - p) \frac{\sum_c (\sum_{i \in c} w_i \tilde x_i)^2}{(\sum_i w_i \tilde x_i^2)^2},
          \qquad \tilde x_i = x_i - \bar x.

The share is ``expected``, or the one with the largest minimum detectable difference: between two groups not always .5,
since the group that is moved towards it varies more. The power is .8, of a two-sided t-test at the error level that an
audit of this data would give each of its planned comparisons.

References
----------
.. [1] Kish (1965), "Survey Sampling", section 8.2: the design effect :math:`1 + (\bar m - 1)\rho`, here at
   :math:`\rho` 0 and 1 and with unequal sizes.
.. [2] Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating characteristic (ROC)
   curve", Radiology 143, for the variance of an AUROC.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from fairaudit.stats.outcomes import Floats, Ints

Sizes = tuple[float, float]

POWER = 0.8
#: Default of the expected AUROC: better than chance, far from perfect.
EXPECTED_AUROC = 0.7
#: Shares searched for the largest minimum detectable difference, which is the same for p and 1 - p.
_SHARES = tuple(np.linspace(0.02, 0.5, 25).tolist())


@dataclass(frozen=True)
class Detectable:
    """Minimum detectable difference at power .8, for independent and for identical images of a cluster.

    Parameters
    ----------
    least, most : float
        For independent images, and for identical images of a cluster. NaN if no difference within the range would be
        detected.
    """

    least: float
    most: float


def effective_sizes(clusters: Ints, *, average: str = "micro") -> Sizes:
    """Return a group's effective sample size, for independent and for identical images of a cluster.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)
        Code of the cluster of each of its images, from 0.
    average : {"micro", "macro"}
        Whether each image counts the same, or each cluster.
    """
    sizes = np.bincount(clusters).astype(np.float64) if len(clusters) else np.zeros(0)
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return 0.0, 0.0
    if average == "macro":
        return float(len(sizes) ** 2 / (1 / sizes).sum()), float(len(sizes))
    return float(sizes.sum()), float(sizes.sum() ** 2 / (sizes**2).sum())


def share_difference(group: Sizes, others: Sizes, *, alpha: float, expected: float | None = None) -> Detectable:
    """Return the minimum detectable difference of a share, with the group's share moved towards one half.

    Parameters
    ----------
    group, others : tuple of float
        ``effective_sizes`` of both.
    alpha : float
        Level of the two-sided test.
    expected : float, optional
        Share of the others, in (0, 1). Default: the share with the largest minimum detectable difference; NaN if at
        some share no difference is large enough.
    """
    shares = _SHARES if expected is None else (expected,)
    ends = zip(group, others, strict=True)
    return Detectable(*(float(np.max([_share(n, m, p, alpha) for p in shares])) for n, m in ends))


def slope(
    x: Floats, clusters: Ints, *, alpha: float, expected: float | None = None, average: str = "micro"
) -> Detectable:
    """Return the minimum detectable slope of a share, per unit of ``x``.

    Parameters
    ----------
    x : ndarray of float, shape (n,)
        Position of each image along the order: 0, 1, 2 ... or log2 of an income.
    clusters : ndarray of int, shape (n,)
        Code of the cluster of each image, from 0.
    alpha, expected, average
        As for ``share_difference`` and ``effective_sizes``; a slope is hardest to detect at a share of .5.
    """
    expected = 0.5 if expected is None else expected
    sizes = np.bincount(clusters).astype(np.float64) if len(clusters) else np.zeros(0)
    weights = 1 / sizes[clusters] if average == "macro" else np.ones(len(x))
    centred = x - np.average(x, weights=weights) if len(x) else x
    below = float((weights * centred**2).sum())
    if below <= 0:
        return Detectable(math.nan, math.nan)
    of_clusters = np.bincount(clusters, weights * centred)
    spread = math.sqrt(expected * (1 - expected)) / below
    n_clusters = int((sizes > 0).sum())
    alone = _quantiles(len(x) - 2, alpha) * spread * math.sqrt(float(((weights * centred) ** 2).sum()))
    alike = _quantiles(n_clusters - 2, alpha) * spread * math.sqrt(float((of_clusters**2).sum()))
    steepest = _steepest(float(centred.min()), float(centred.max()), expected)
    return Detectable(*(least if least <= steepest else math.nan for least in (alone, alike)))


def auroc_difference(group: Sizes, others: Sizes, *, alpha: float, expected: float = EXPECTED_AUROC) -> float:
    """Return the minimum detectable AUROC difference between a group and others [2]_.

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
    difference = _quantiles(sum(group) + sum(others) - 2, alpha) * error
    return difference if difference <= max(expected, 1 - expected) else math.nan


def moved_towards_half(p: float, needed: Callable[[float], float]) -> float:
    """Return the shift of a share ``p`` towards one half that is as large as ``needed`` there.

    NaN if even a share at the far end of the range is not far enough.
    """
    sign, widest = (1.0, 1 - p) if p < 0.5 else (-1.0, p)

    def lacking(shift: float) -> float:
        return needed(p + sign * shift) - shift

    return float(optimize.brentq(lacking, 0.0, widest, xtol=1e-12)) if lacking(widest) <= 0 else math.nan


def _auroc_variance(n_1: float, n_0: float, a: float) -> float:
    q_1, q_2 = a / (2 - a), 2 * a**2 / (1 + a)
    return (a * (1 - a) + (n_1 - 1) * (q_1 - a**2) + (n_0 - 1) * (q_2 - a**2)) / (n_1 * n_0)


def _share(n: float, m: float, p: float, alpha: float) -> float:
    if min(n, m) <= 1:
        return math.nan
    of_group, of_others = p * (1 - p) / n, p * (1 - p) / m
    # Satterthwaite's degrees of freedom, as the audit's comparison of two groups has them.
    df = (of_group + of_others) ** 2 / (of_group**2 / (n - 1) + of_others**2 / (m - 1))
    quantiles = _quantiles(df, alpha)
    return moved_towards_half(p, lambda moved: quantiles * math.sqrt(max(moved * (1 - moved), 0.0) / n + of_others))


def _steepest(lowest: float, highest: float, p: float) -> float:
    """Return the steepest line through ``p`` at 0 that stays in [0, 1] from ``lowest`` to ``highest``, up or down."""
    up = min((1 - p) / highest, p / -lowest)
    down = min(p / highest, (1 - p) / -lowest)
    return max(up, down)


def _quantiles(df: float, alpha: float) -> float:
    df = max(df, 1.0)
    return float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(POWER, df))

r"""The least disparity that data could show, known before any model has run: from who is in it, and how often.

Nothing is known yet of outcomes. So two ends are given: images of one cluster (person, household) tell as much as
images of different ones, or nothing beyond the first. With :math:`m_c` images of a group in cluster :math:`c`, its mean
is as sure as that of so many independent images [1]_:

.. math:: n = \sum_c m_c \qquad\text{and}\qquad n_{eff} = \frac{(\sum_c m_c)^2}{\sum_c m_c^2},

or, where each cluster counts once (an average over households), :math:`U^2 / \sum_c m_c^{-1}` and :math:`U`. A share
is taken to be the one that is ``expected``; .5 is the hardest. The difference is found with probability .8 by a
two-sided t-test at the error level that an audit of this data would give each of its planned comparisons.

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
import numpy.typing as npt
from scipy import stats

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

POWER = 0.8
#: The AUROC that is taken for expected: better than guessing, far from perfect.
EXPECTED_AUROC = 0.7


@dataclass(frozen=True)
class Detectable:
    """A difference that would be found with probability .8: where images of a cluster tell most, and least.

    Parameters
    ----------
    least, most : float
        With independent images, and with images of a cluster that are all alike. NaN where no difference within the
        range would be found.
    """

    least: float
    most: float


def effective_sizes(clusters: Ints, *, average: str = "micro") -> tuple[float, float]:
    """Return how many independent images a group is worth where its clusters tell most, and least.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)
        Code of the cluster of each of its images, from 0.
    average : {"micro", "macro"}
        Whether each image counts the same, or each cluster.
    """
    if not len(clusters):
        return 0.0, 0.0
    sizes = np.bincount(clusters).astype(np.float64)
    sizes = sizes[sizes > 0]
    if average == "macro":
        return float(len(sizes) ** 2 / (1 / sizes).sum()), float(len(sizes))
    return float(sizes.sum()), float(sizes.sum() ** 2 / (sizes**2).sum())


def share_difference(
    group: tuple[float, float], others: tuple[float, float], *, expected: float, alpha: float
) -> Detectable:
    """Return the least difference of a share between a group and others, the group's moved towards one half.

    Parameters
    ----------
    group, others : tuple of float
        ``effective_sizes`` of both.
    expected : float
        Share of the others, in (0, 1).
    alpha : float
        Level of the two-sided test.
    """
    return Detectable(*(_share(n, m, expected, alpha) for n, m in zip(group, others, strict=True)))


def slope(x: Floats, sizes: tuple[float, float], *, expected: float, alpha: float) -> Detectable:
    """Return the least slope of a share along ``x``, per unit of it.

    Parameters
    ----------
    x : ndarray of float, shape (n,)
        Where each image stands along the order: 0, 1, 2 ... or log2 of an income.
    sizes : tuple of float
        ``effective_sizes`` of all of them.
    expected, alpha : float
        As for ``share_difference``.
    """
    spread = float(np.var(x)) if len(x) else 0.0
    if spread <= 0:
        return Detectable(math.nan, math.nan)

    def least(n: float) -> float:
        return _quantiles(n - 2, alpha) * math.sqrt(expected * (1 - expected) / (n * spread)) if n > 2 else math.nan

    return Detectable(*(least(n) for n in sizes))


def auroc_difference(
    group: tuple[int, int], others: tuple[int, int], *, alpha: float, expected: float = EXPECTED_AUROC
) -> float:
    """Return the least difference of the AUROC between a group and others, from hateful and harmless rows of both [2]_.

    Parameters
    ----------
    group, others : tuple of int
        Rows with label 1, and with label 0.
    alpha : float
        Level of the two-sided test.
    expected : float
        AUROC that both are taken to have.
    """
    if min(*group, *others) < 1:
        return math.nan
    error = math.sqrt(_auroc_variance(*group, expected) + _auroc_variance(*others, expected))
    found = _quantiles(sum(group) + sum(others) - 2, alpha) * error
    return found if found <= max(expected, 1 - expected) else math.nan


def _auroc_variance(n_1: int, n_0: int, a: float) -> float:
    q_1, q_2 = a / (2 - a), 2 * a**2 / (1 + a)
    return (a * (1 - a) + (n_1 - 1) * (q_1 - a**2) + (n_0 - 1) * (q_2 - a**2)) / (n_1 * n_0)


def _share(n: float, m: float, p: float, alpha: float) -> float:
    """Return the root of shift = quantiles x standard error, which changes with the shift; NaN outside the range."""
    if n + m <= 2 or not min(n, m):
        return math.nan
    quantiles = _quantiles(n + m - 2, alpha)

    def error(moved: float) -> float:
        return math.sqrt(moved * (1 - moved) / n + p * (1 - p) / m)

    return moved_towards_half(p, quantiles * error(p), lambda moved: quantiles * error(moved))


def moved_towards_half(p: float, start: float, needed: Callable[[float], float]) -> float:
    """Return the shift of a share ``p`` towards one half that is as large as ``needed`` there; NaN beyond the range."""
    shift = start
    for _ in range(60):
        moved = p + shift if p < 0.5 else p - shift
        if not 0 <= moved <= 1:
            return math.nan
        shift = needed(moved)
    return shift


def _quantiles(df: float, alpha: float) -> float:
    df = max(df, 1.0)
    return float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(POWER, df))

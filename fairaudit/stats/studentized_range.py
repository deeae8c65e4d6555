r"""The largest :math:`|t|` over all pairs of groups: Tukey's studentised range, divided by the root of two.

scipy has the distribution, but takes seconds for the quantiles that one audit needs; here the two integrals are sums
over fixed grids. With :math:`R` the range of :math:`K` standard normals and :math:`s^2 \sim \chi^2_\nu / \nu`,

.. math:: P(R \le w) = K \int \varphi(z)\,[\Phi(z) - \Phi(z - w)]^{K-1}\,dz, \qquad
   P(\max |t| > t) = E\,[P(R > \sqrt 2\, t\, s)].

References
----------
.. [1] Copenhaver and Holland (1988), "Computation of the distribution of the maximum studentized range statistic",
   Journal of Statistical Computation and Simulation 30.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats

from fairaudit.stats.outcomes import Floats

_WIDTHS = np.linspace(0, 16, 801)
_T = np.linspace(0, 40, 2001)
_DF = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26, 36, 60, 120, 1e6])
_NORMAL_DF = 1e5  # from here on t is normal to all digits that matter


def critical_value(level: float, k: int, df: Floats) -> Floats:
    """Return the quantile ``level`` of the largest ``|t|`` over all pairs of ``k`` groups with equal means.

    Parameters
    ----------
    level : float
        In (0, 1).
    k : int
        Groups, at least two.
    df : ndarray of float
        Degrees of freedom, at least one, infinite allowed; between tabled ones by interpolation in their inverse.
    """
    table = _critical_table(round(level, 12), k)
    return np.asarray(np.interp(1 / np.clip(df, _DF[0], _DF[-1]), 1 / _DF[::-1], table[::-1]))


def tail_probability(t: float, k: int, df: float) -> float:
    """Return the probability that the largest ``|t|`` over all pairs of ``k`` groups with equal means exceeds ``t``.

    Of two groups it is that of t. Far out, where the grid is too coarse, it is Bonferroni's sum over pairs, which is
    exact in the limit.
    """
    bonferroni = float(k * (k - 1) * stats.t.sf(t, df))
    if k == 2 or bonferroni < 1e-4:
        return bonferroni
    return min(float(_tail(np.array([t]), k, df)[0]), bonferroni, 1.0)


@cache
def _critical_table(level: float, k: int) -> Floats:
    return np.array([np.interp(level, 1 - _tail(_T, k, df), _T) for df in _DF])


def _tail(t: Floats, k: int, df: float) -> Floats:
    if df >= _NORMAL_DF:
        scale, weights = np.ones(1), np.ones(1)
    else:
        nodes, weights = _gauss()
        scale, weights = np.sqrt(stats.chi2.ppf((nodes + 1) / 2, df) / df), weights / 2
    above = 1 - np.interp(np.sqrt(2) * t[:, None] * scale, _WIDTHS, _range_cdf(k))
    return np.asarray(above @ weights)


@cache
def _gauss() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(96)
    return np.asarray(nodes), np.asarray(weights)


@cache
def _range_cdf(k: int) -> Floats:
    z = np.linspace(-8, 24, 1601)
    inside = stats.norm.cdf(z) - stats.norm.cdf(z - _WIDTHS[:, None])
    cdf = k * (stats.norm.pdf(z) * inside ** (k - 1)).sum(axis=1) * (z[1] - z[0])
    return np.asarray(np.minimum(cdf, 1.0))

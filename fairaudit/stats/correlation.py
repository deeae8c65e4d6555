r"""Intraclass correlation of rows of one cluster, and how well it is known.

The rows of a cluster are taken as exchangeable: :math:`\mathrm{cov}(y_i, y_j) = \rho\,\sigma^2`. With :math:`m_c` rows
of cluster :math:`c`, residuals :math:`e_i` from the mean of their side and weights
:math:`w_c = [1 + (m_c - 1)\rho]^{-2}`, :math:`\rho` solves

.. math:: \sum_c w_c \sum_{i \ne j} e_i e_j = \sigma^2 \sum_c w_c\, m_c (m_c - 1)
   \Big[\rho\Big(1 - \tfrac{2 (m_c - 1)}{N} + \tfrac{M_2 - N}{N^2}\Big) - \tfrac1N\Big],
   \qquad M_2 = \textstyle\sum_c m_c^2,

which is the expectation of the left-hand side where the mean is estimated from the same :math:`N` rows. Its variance is
that of the pairs of hits and misses whose clusters have beta distributed shares [1]_. Fourth moments of these grow as
:math:`1/p`: where hits are rare, pairs say little, and the degrees of freedom of a comparison are few.

A small group cannot estimate a correlation of its own, and one that is pooled over both sides is wrong where the sides
differ. Each side's own :math:`\hat\rho_g` is shrunk to the pooled one by its variance :math:`v_g`,

.. math:: \rho_g = \hat\rho + \frac{\tau_g^2}{\tau_g^2 + v_g} (\hat\rho_g - \hat\rho), \qquad
   \tau_g^2 = \tau^2 + \max\big(0, (\hat\rho_g - \hat\rho)^2 - v_g\big), \qquad \tau = .1 .

Shape suffixes: C clusters of more than one row; arrays may have further axes, such as draws of a simulation.

References
----------
.. [1] Moments of the beta-binomial distribution: Johnson, Kemp and Kotz (2005), "Univariate Discrete Distributions",
   3rd ed., section 6.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Standard deviation of the correlations of different groups that is expected before they are seen.
PRIOR_SPREAD = 0.1
_STEPS = 3
_START = 0.1


@dataclass(frozen=True)
class Pairs:
    """Clusters of more than one row, of one side of a comparison.

    Parameters
    ----------
    rows, total, squares : ndarray of float, shape (C, ...)
        Number of rows of each cluster, sum of their outcomes, and sum of the squares.
    n, squared_sizes : ndarray of float, shape (...)
        Rows of the side, N, and sum of the squared sizes of its clusters, M2; clusters of one row included.
    mean, variance : ndarray of float, shape (...)
        Of the outcomes of all rows of the side.
    """

    rows: Floats
    total: Floats
    squares: Floats
    n: Floats
    squared_sizes: Floats
    mean: Floats
    variance: Floats

    def equation(self, rho: Floats) -> tuple[Floats, Floats]:
        """Return both sides of the estimating equation that is linear in the correlation, with weights at ``rho``."""
        m, n, excess = self.rows, self.n, (self.squared_sizes - self.n) / self.n**2
        weight = (1 + (m - 1) * np.maximum(rho, 0.0)) ** -2.0 * (m > 1)
        residual = self.total - m * self.mean
        within = self.squares - 2 * self.mean * self.total + m * self.mean**2
        products = (weight * (residual**2 - within)).sum(axis=0)
        counts = m * (m - 1)
        at_zero = -(weight * counts).sum(axis=0) / n
        slope = (weight * counts * (1 - 2 * (m - 1) / n + excess)).sum(axis=0)
        return products * (1 - 1 / n) - self.variance * at_zero, self.variance * slope + products * excess

    def noise(self, rho: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Return variance of the pairs' sum and their number, weighted, for hits and misses of a ``share``."""
        m, v = self.rows, np.maximum(share * (1 - share), 1e-9)
        weight = (1 + (m - 1) * rho) ** -2.0 * (m > 1)
        spread = (weight**2 * pair_variance(m, rho, v)).sum(axis=0)
        return v**2 * spread, v * (weight * m * (m - 1)).sum(axis=0)


def pair_variance(rows: Floats, rho: Floats, v: Floats) -> Floats:
    r"""Return the variance of :math:`\sum_{i \ne j} e_i e_j / v` in a cluster of ``rows`` hits and misses.

    Parameters
    ----------
    rows : ndarray of float
        Size of the cluster.
    rho : ndarray of float
        Correlation, in [0, 1].
    v : ndarray of float
        Variance p (1 - p) of one row, above 0.
    """
    skew2 = 1 - 4 * v  # (1 - 2p) squared
    two = 1 + skew2 * rho / v
    three = 2 * skew2 * rho**2 / ((1 + rho) * v) + rho
    excess = 6 * rho * (skew2 - v * (1 + rho)) / (v * (1 + rho) * (1 + 2 * rho))
    four = (3 + excess) * rho**2
    pairs = rows * (rows - 1)
    return np.asarray(
        2 * pairs * two + 4 * pairs * (rows - 2) * three + pairs * (rows - 2) * (rows - 3) * four - (pairs * rho) ** 2
    )


@dataclass(frozen=True)
class Correlation:
    """Correlation of the rows of a cluster, and the variance of its estimate; both 0 where no cluster has two rows."""

    value: Floats
    variance: Floats


def correlations(sides: Sequence[Pairs]) -> list[Correlation]:
    """Return the correlation within each side, shrunk to the one that is pooled over all of them."""
    if not any(side.rows.size for side in sides):
        return [Correlation(np.zeros_like(side.mean), np.zeros_like(side.mean)) for side in sides]
    pooled = _solve(sides)
    n = np.sum([side.n for side in sides], axis=0)
    share = np.clip(np.sum([side.n * side.mean for side in sides], axis=0) / n, 0.0, 1.0)
    found = []
    for side in sides:
        own, (noise, pairs) = _solve([side]), side.noise(pooled, share)
        variance = _ratio(noise, pairs**2)
        spread = PRIOR_SPREAD**2 + np.maximum((own - pooled) ** 2 - variance, 0.0)
        value = np.where(pairs > 0, pooled + spread / (spread + variance) * (own - pooled), 0.0)
        # What is known of a correlation is judged at the larger of the two: a small one may be small by chance.
        noise, pairs = side.noise(np.maximum(value, pooled), share)
        variance = _ratio(noise, pairs**2)
        found.append(Correlation(value, np.where(pairs > 0, variance * spread / (variance + spread), 0.0)))
    return found


def expected(side: Pairs, rho: float, share: float) -> Correlation:
    """Return what ``correlations`` would find if rows of a cluster had the correlation ``rho`` and a ``share``."""
    noise, pairs = side.noise(np.asarray(rho), np.asarray(share))
    variance, spread = _ratio(noise, pairs**2), PRIOR_SPREAD**2
    return Correlation(np.where(pairs > 0, rho, 0.0), np.where(pairs > 0, variance * spread / (variance + spread), 0.0))


def _solve(sides: Sequence[Pairs]) -> Floats:
    rho: Floats = np.asarray(_START)
    for _ in range(_STEPS):
        parts = [side.equation(rho) for side in sides]
        above, below = (np.sum([part[i] for part in parts], axis=0) for i in (0, 1))
        rho = np.clip(np.where(below > 0, _ratio(above, below), 0.0), 0.0, 1.0)
    return rho


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(above / np.where(below == 0, 1.0, below))

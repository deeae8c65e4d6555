r"""The omnibus test of equality of all groups.

Of shares of independent groups, Pearson's statistic at the pooled share and the effective sizes,

.. math:: W = \frac{N - 1}{N} \sum_g \frac{n_g (\hat p_g - \tilde p)^2}{\tilde p (1 - \tilde p)},

whose mean over all tables with the observed margins is :math:`K - 1` and whose variance is [1]_

.. math:: 2 \Big(\frac{N-1}{N}\Big)^2 \Big[\frac{N}{N-3} (v - w) \Big(\frac{N - 2}{N - 1} - u\Big)
   + \frac{N^2}{2 (N - 1)} u w\Big], \quad v = \frac{(K - 1)(N - K)}{N - 1}, \quad
   w = \frac{\sum_g N / n_g - K^2}{N - 2}, \quad u = \frac{1 / \tilde p (1 - \tilde p) - 4}{N - 2},

so it is compared with the multiple of chi-squared that has this mean and variance; with F where clusters leave few
degrees of freedom. All else: the quadratic form of the differences in the inverse of their covariance, against F.

References
----------
.. [1] Haldane (1940), "The mean and variance of chi-squared, when used as a test of homogeneity, when expectations are
   small", Biometrika 31.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from fairaudit.stats.gap import Gap
from fairaudit.stats.outcomes import Floats


@dataclass(frozen=True)
class Omnibus:
    """Result of the test: statistic, p-value and method; NaN where groups do not vary."""

    statistic: float
    p_value: float
    method: str


def omnibus(gap: Gap) -> Omnibus:
    """Test whether all groups of ``gap`` are equal."""
    shares = all(e.is_share for e in gap.estimates)
    return _pearson(gap) if shares and not np.any(np.triu(gap.correlation_KK, 1)) else _wald(gap)


def _pearson(gap: Gap) -> Omnibus:
    n, p = (np.array([getattr(e, name) for e in gap.estimates]) for name in ("n_effective", "value"))
    k, total = len(n), float(n.sum())
    pooled = float(n @ p) / total
    v = pooled * (1 - pooled)
    if v <= 0:
        return Omnibus(0.0, 1.0, "chi-squared")
    statistic = (total - 1) / total * float(n @ (p - pooled) ** 2) / v
    mean, variance = k - 1, _variance(n, v)
    freedom = 2 * mean**2 / max(variance, 1e-9)
    df = min(e.df for e in gap.estimates)
    method = "chi-squared, mean and variance matched" if np.isinf(df) else "F, mean and variance matched"
    tail = (
        stats.chi2.sf(statistic * freedom / mean, freedom)
        if np.isinf(df)
        else stats.f.sf(statistic / mean, freedom, df)
    )
    return Omnibus(statistic, float(tail), method)


def _variance(n: Floats, v: float) -> float:
    """Return the variance of the statistic over all tables with groups of ``n`` (K,) and the pooled variance ``v``."""
    k, total = len(n), float(n.sum())
    of_groups, of_hits = (float((total / n).sum()) - k**2) / (total - 2), (1 / v - 4) / (total - 2)
    spread = (k - 1) * (total - k) / (total - 1) - of_groups
    both = 2 * total / max(total - 3, 1) * spread * ((total - 2) / (total - 1) - of_hits)
    return ((total - 1) / total) ** 2 * (both + total**2 / (total - 1) * of_groups * of_hits)


def _wald(gap: Gap) -> Omnibus:
    value, error = np.array([e.value for e in gap.estimates]), np.array([e.std_error for e in gap.estimates])
    k = len(value)
    contrast = np.eye(k)[1:] - np.eye(k)[0]
    covariance = contrast @ (error[:, None] * error * gap.correlation_KK) @ contrast.T
    if not np.isfinite(value).all() or np.linalg.matrix_rank(covariance) < k - 1:
        return Omnibus(float("nan"), float("nan"), "")
    d = contrast @ value
    statistic = float(d @ np.linalg.solve(covariance, d))
    df = max(min(e.df for e in gap.estimates), 1.0)
    tail = stats.chi2.sf(statistic, k - 1) if np.isinf(df) else stats.f.sf(statistic / (k - 1), k - 1, df)
    return Omnibus(statistic, float(tail), "Wald, F")

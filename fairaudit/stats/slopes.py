r"""Least-squares slope of the outcome along an order, robust to clusters, and the departure from a line.

With :math:`X_c` the rows :math:`(1, x_i)` of cluster :math:`c`, weights :math:`W_c`, :math:`M = (X'WX)^{-1}` and the
residuals :math:`e_c`, the slope's variance is :math:`\sum_c (l' M X_c' W_c A_c e_c)^2` with
:math:`A_c = (I - H_{cc})^{-1/2}`, which makes up for the influence that a cluster has on its own fitted values (CR2
[1]_). The degrees of freedom are Satterthwaite's, :math:`(\mathrm{tr}\, P)^2 / \mathrm{tr}\, P^2`, where :math:`P`
holds the covariances of the terms under a working model [1]_: independent rows or, where rows of a cluster are alike,
their estimated correlation [2]_. A few homes with extreme incomes leave few degrees of freedom. All matrices are 2 x 2,
or 4 x 4 for :math:`P`, which is diagonal but for a matrix of rank 4.

Where an outcome is rare and few rows lie at one end of the order, the slope is skewed; ``t_inference`` takes account of
the skewness of the slope of beta-binomial clusters that all have one share (``side``).

The groups of an order depart from the line if their values scatter around it more than their errors allow:

.. math:: F = \frac{1}{K - 2} \sum_g \frac{(\hat\theta_g - \hat a - \hat b x_g)^2}{\hat V_g}

with the line that fits best under these variances; those of shares are taken at the line [3]_. Rare hits have heavy
tails: with the excess kurtosis :math:`\kappa_g = (1 - 6 p_g q_g) / (n_g p_g q_g)` of a share and the leverage
:math:`h_g` of a group, :math:`(K - 2) F` has the variance :math:`2 (K - 2) + \sum_g \kappa_g (1 - h_g)^2`, and the
degrees of freedom of F match it.

References
----------
.. [1] Bell and McCaffrey (2002), "Bias reduction in standard errors for linear regression with multi-stage samples",
   Survey Methodology 28(2).
.. [2] Imbens and Kolesar (2016), "Robust standard errors in small samples: some practical advice", Review of Economics
   and Statistics 98(4).
.. [3] Cochran (1954), "Some methods for strengthening the common chi-square tests", Biometrics 10, for the departure
   from a linear trend of shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fairaudit.stats.correlation import correlations
from fairaudit.stats.estimates import Estimate
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats, Ints, Outcomes

_ROUNDING = 1e-12
_FITS = 20


@dataclass(frozen=True, eq=False)
class Slope:
    """A slope.

    Parameters
    ----------
    value, std_error, df : float
        NaN if fewer than three clusters were measured, or all x are equal.
    n, n_clusters : int
    units : float
        Independent units: clusters or, of weighted rows, Kish's number if that is less.
    events, non_events : float
        Clusters with an event, and with a non-event; infinite for unbounded outcomes.
    psi : ndarray of float, shape (U,)
        Influence of each cluster.
    width : float
        Range of x.
    skewness : float
        Of the slope of a share; 0 for other outcomes.
    """

    value: float
    std_error: float
    df: float
    n: int
    n_clusters: int
    units: float
    events: float
    non_events: float
    psi: Floats
    width: float
    skewness: float = 0.0


def slope(outcomes: Outcomes, x: Floats) -> Slope:
    """Return the slope of the outcome on ``x`` (N,); rows without ``x`` (NaN) or outcome are left out."""
    use = ~np.isnan(x)
    sums = GroupSums.of(outcomes, [use])
    side, rows = sums.groups[0], sums.used
    weights, values, at = sums.row_weights(Members((0,)))[rows], outcomes.values[rows], x[rows]
    known, cluster = np.unique(outcomes.clusters[rows], return_inverse=True)
    mean = float(weights @ at) if len(rows) else 0.0
    centred = at - mean
    spread, width = float(weights @ centred**2), float(np.ptp(at)) if len(rows) else 0.0
    events = (side.events, side.non_events) if outcomes.unit_interval else (float("inf"), float("inf"))
    if side.n_clusters < 3 or not spread > 1e-12 * max(float(weights @ at**2), 1e-300):
        nan = float("nan")
        return Slope(nan, nan, 0.0, side.n, side.n_clusters, side.units, *events, np.zeros(outcomes.n_codes), width)
    b = weights * centred / spread
    value = float(b @ values)
    residual = values - side.value - value * centred
    rho = float(correlations([side.pairs])[0].value)
    own = _Rows(weights, centred / np.sqrt(spread), residual, cluster, len(known))
    terms, df = _cr2(own, rho)
    skewness = _skewness(own, rho, side.value) if outcomes.is_share else 0.0
    psi = np.zeros(outcomes.n_codes)
    psi[known] = terms / np.sqrt(spread)
    if outcomes.gallery is not None:
        of_rows = np.zeros(len(x))
        of_rows[rows] = b
        # Signed coefficients: those below and above the middle of the order are two sums.
        psi += outcomes.gallery.cluster_sums(np.where(of_rows == 0, -1, 0), 1, of_rows, n_codes=outcomes.n_codes)[:, 0]
        fourth = float((psi**4).sum())
        df = min(df, float(psi @ psi) ** 2 / fourth) if fourth > 0 else df
        noise = float(outcomes.gallery.pair_noise(of_rows[:, None])[0])
        total = float(psi @ psi)
        psi = psi * np.sqrt(max(total - noise, total / 2) / total) if total > 0 else psi
    error = float(np.sqrt(psi @ psi))
    error = error if error > _ROUNDING else 0.0
    return Slope(value, error, df, side.n, side.n_clusters, side.units, *events, psi, width, skewness)


def planned_error(x: Floats, clusters: Ints, *, rho: float, macro: bool) -> tuple[float, float]:
    """Return standard error and degrees of freedom of the slope on ``x`` (n,), for outcomes of variance one.

    Rows of a cluster have the correlation ``rho``. With ``macro``, each cluster counts the same.
    """
    known, cluster, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    weights = 1 / sizes[cluster] if macro else np.ones(len(x))
    weights = weights / weights.sum()
    centred = x - float(weights @ x)
    spread = float(weights @ centred**2)
    rows = _Rows(weights, centred / np.sqrt(spread), np.zeros(len(x)), cluster, len(known))
    b = weights * centred / spread
    variance = (1 - rho) * float(b @ b) + rho * float((rows.sums(b) ** 2).sum())
    return float(np.sqrt(variance)), _cr2(rows, rho)[1]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a line: weights that sum to one, x with mean 0 and mean square 1, residuals, and cluster codes."""

    weights: Floats
    x: Floats
    residual: Floats
    cluster: Ints
    n_clusters: int

    def sums(self, *factors: Floats) -> Floats:
        """Return the sum of a product of columns over each cluster."""
        product = np.prod(factors, axis=0)
        return np.bincount(self.cluster, weights=product, minlength=self.n_clusters).astype(np.float64)


def _cr2(rows: _Rows, rho: float) -> tuple[Floats, float]:
    """Return each cluster's term of the slope of the standardised rows, and Satterthwaite's degrees of freedom.

    X'WX is the identity for rows that are standardised, so that M drops out and H_cc is similar to X_c'W_c X_c.
    """
    w, x = rows.weights, rows.x
    own = _matrices(rows.sums(w), rows.sums(w, x), rows.sums(w, x, x))
    score = np.stack([rows.sums(w, rows.residual), rows.sums(w, x, rows.residual)], axis=1)
    adjust = _inverse_root(np.eye(2) - own)
    terms = (adjust @ score[:, :, None])[:, 1, 0]
    # g_c = W_c X_c v_c is what the term of a cluster takes from its residuals.
    v = adjust[:, 1, :]
    k = (own @ v[:, :, None])[:, :, 0]
    squares = _matrices(rows.sums(w, w), rows.sums(w, w, x), rows.sums(w, w, x, x))
    totals = np.stack([rows.sums(w), rows.sums(w, x)], axis=1)
    cross = (1 - rho) * squares + rho * totals[:, :, None] * totals[:, None, :]
    q = (cross @ v[:, :, None])[:, :, 0]
    diagonal = (v * q).sum(axis=1)
    middle = np.block([[np.zeros((2, 2)), -np.eye(2)], [-np.eye(2), cross.sum(axis=0)]])
    z = np.concatenate([q, k], axis=1)
    low_rank = ((z @ middle) * z).sum(axis=1)
    inner = middle @ (z.T @ z)
    trace = float(diagonal.sum() + low_rank.sum())
    squared = float((diagonal**2).sum() + 2 * (diagonal * low_rank).sum() + np.trace(inner @ inner))
    return terms, trace**2 / squared if squared > 0 else 0.0


def _skewness(rows: _Rows, rho: float, share: float) -> float:
    """Return the skewness of the slope of clusters whose hits all have one ``share``."""
    variance = share * (1 - share)
    b = rows.weights * rows.x
    one, two, three = (rows.sums(b**power) for power in (1, 2, 3))
    third = three.sum() + 3 * rho * (two * one - three).sum()
    third += 2 * rho**2 / (1 + rho) * (one**3 - 3 * one * two + 2 * three).sum()
    second = (1 - rho) * two.sum() + rho * (one**2).sum()
    return float((1 - 2 * share) * third / (np.sqrt(variance) * second**1.5)) if variance > 0 else 0.0


def _matrices(a: Floats, b: Floats, d: Floats) -> Floats:
    return np.stack([np.stack([a, b], axis=1), np.stack([b, d], axis=1)], axis=1)


def _inverse_root(matrices: Floats) -> Floats:
    """Return the inverse square root of symmetric 2 x 2 matrices (C, 2, 2); 0 in directions that have none."""
    values, vectors = np.linalg.eigh(matrices)
    roots = np.where(values > 1e-6, 1 / np.sqrt(np.maximum(values, 1e-6)), 0.0)
    return np.asarray((vectors * roots[:, None, :]) @ np.swapaxes(vectors, 1, 2))


@dataclass(frozen=True)
class Departure:
    """Test of groups against a line: statistic and p-value."""

    statistic: float
    p_value: float


def departure(estimates: Sequence[Estimate], x: Floats) -> Departure:
    """Return the test that the values of groups at ``x`` (K,), at least three, lie on a line; groups are independent.

    The null distribution is F with the least degrees of freedom of a group.
    """
    value, error = np.array([e.value for e in estimates]), np.array([e.std_error for e in estimates])
    share = all(e.kind in ("binary", "share") for e in estimates)
    n, excess, k = np.array([e.n_effective for e in estimates]), np.zeros(len(x)), len(x) - 2
    weight = n if share else 1 / np.where(error > 0, error, np.inf) ** 2
    line, leverage = _line(value, x, weight)
    for _ in range(_FITS if share else 0):
        p = np.clip(line, 0.5 / n, 1 - 0.5 / n)
        weight, excess = n / (p * (1 - p)), (1 / (p * (1 - p)) - 6) / n
        line, leverage = _line(value, x, weight)
    statistic = float((weight * (value - line) ** 2).sum()) / k
    freedom = 2 * k**2 / max(2 * k + float(excess @ (1 - leverage) ** 2), 1e-9)
    df = min(max(min(e.df for e in estimates), 1.0), 1e9)  # scipy has no F with infinite degrees of freedom
    return Departure(statistic, float(stats.f.sf(statistic, freedom, df)))


def _line(y: Floats, x: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return the weighted least-squares line at ``x`` (K,), and the leverage of each point."""
    middle = x - float(weight @ x / weight.sum())
    spread = float((weight * middle) @ middle)
    line = weight @ y / weight.sum() + float((weight * middle) @ y / spread) * middle
    return np.asarray(line), np.asarray(weight * (1 / weight.sum() + middle**2 / spread))

r"""Estimates with cluster-robust standard errors: group averages, contrasts, slopes, AUROC.

Every estimate here is summarised by its influence :math:`\psi_c` per cluster: how much cluster :math:`c` moves it.
The variance is :math:`U/(U-1)\,\sum_c \psi_c^2` over :math:`U` clusters (the infinitesimal jackknife, [1]_). For an
average with row weights :math:`b_i`, :math:`\psi_c = \sum_{i \in c} b_i (y_i - \hat\theta)`. Where outcomes share a
gallery, a cluster acts twice, and :math:`\psi_c` also holds its influence as a gallery item,
:math:`\sum_q b_q \sum_{j \in c} \partial y_q / \partial w_j` [2]_.

References
----------
.. [1] Efron, B. (1982), "The Jackknife, the Bootstrap and Other Resampling Plans", ch. 6.
.. [2] Cameron, Gelbach and Miller (2011), "Robust Inference With Multiway Clustering", JBES 29(2), for the reason
   why a second role must be counted; the two roles are added before squaring, so their covariance is kept.
.. [3] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, for the structural components of the AUROC.
.. [4] Satterthwaite (1946), Biometrics Bulletin 2(6), for the degrees of freedom of a difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from fairaudit.core.outcomes import Floats, Mask, Outcomes


@dataclass(frozen=True)
class Estimate:
    """A number and how sure it is.

    Parameters
    ----------
    value : float
        NaN when there is nothing to average.
    std_error : float
        Cluster-robust; 0 when every cluster has the same outcome.
    df : float
        Degrees of freedom of the t distribution that goes with it: from the number of clusters, or from the
        fewer clusters that carry the variance where outcomes share a gallery.
    n, n_clusters : int
        Images and clusters.
    events : float
        Least of the expected events and non-events, counted in clusters; infinite for unbounded outcomes.
    psi : ndarray, shape (U,)
        Influence of each cluster, with its small-sample factor.
    shares_gallery : bool
        Whether a few clusters, which stand in many neighbour lists, may carry most of the variance.
    """

    value: float
    std_error: float
    df: float
    n: int
    n_clusters: int
    events: float
    psi: Floats
    shares_gallery: bool = False


def average(outcomes: Outcomes, mask: Mask) -> Estimate:
    """Return the average outcome (or the AUROC) of the rows in ``mask``."""
    if outcomes.labels is not None:
        return _auroc(outcomes, mask)
    use = mask & outcomes.measured
    n, n_clusters = int(use.sum()), outcomes.n_clusters(mask)
    if n == 0:
        return Estimate(np.nan, np.nan, 0.0, 0, 0, 0.0, np.zeros(outcomes.n_codes))
    weights = outcomes.mean_weights(mask)
    values = np.where(use, outcomes.values, 0.0)
    value = float(weights @ values)
    if outcomes.unit_interval:
        value = min(max(value, 0.0), 1.0)  # a mean of ones may be rounded to above one
    psi = outcomes.cluster_sums(weights * (values - value)) + outcomes.gallery_sums(weights)
    psi = psi * _small_sample(n_clusters)
    events = n_clusters * min(value, 1 - value) if outcomes.unit_interval else np.inf
    shared = outcomes.gallery is not None
    return Estimate(value, _root(psi), _df(psi, n_clusters - 1, shared), n, n_clusters, events, psi, shared)


def difference(first: Estimate, second: Estimate, *, unit_interval: bool) -> Estimate:
    """Return ``first`` minus ``second``; clusters in both are accounted for through their influence.

    Expected events are those of the pooled average. The variance is at least that of Agresti and Caffo's
    interval at the effective sample sizes, so that a group without events does not pass for certain.
    """
    psi = first.psi - second.psi
    variances = np.array([first.std_error**2, second.std_error**2])
    variance = _root(psi) ** 2 if first.n and second.n else np.nan
    events = np.inf
    if unit_interval and first.n and second.n:
        floor = sum(_agresti_caffo(e) for e in (first, second))
        variance = max(variance, floor)
        pooled = (first.value * first.n_clusters + second.value * second.n_clusters) / (
            first.n_clusters + second.n_clusters
        )
        events = min(first.n_clusters, second.n_clusters) * min(pooled, 1 - pooled)
    dfs = np.array([max(first.df, 1), max(second.df, 1)])
    total = variances.sum()
    df = float(total**2 / (variances**2 / dfs).sum()) if total > 0 else float(dfs.min())
    shared = first.shares_gallery or second.shares_gallery
    return Estimate(
        first.value - second.value,
        float(np.sqrt(variance)),
        _df(psi, df, shared),
        first.n + second.n,
        first.n_clusters + second.n_clusters,
        events,
        psi,
        shared,
    )


def slope(outcomes: Outcomes, x: Floats) -> Estimate:
    """Return the least-squares slope of the outcome on ``x``, robust to clusters.

    Rows without ``x`` (NaN) or outcome are left out. The residual part of each cluster's influence is divided by
    one minus its leverage, which approximates the jackknife (CR3).
    """
    use = outcomes.measured & ~np.isnan(x)
    n, n_clusters = int(use.sum()), outcomes.n_clusters(use)
    weights = outcomes.mean_weights(use)
    x0 = np.where(use, x, 0.0)
    centred = np.where(use, x0 - weights @ x0, 0.0)
    spread = float(weights @ centred**2)
    # Rounding leaves a spread where all x are equal.
    if n_clusters < 3 or spread <= 1e-12 * float(weights @ x0**2):
        return Estimate(np.nan, np.nan, 0.0, n, n_clusters, 0.0, np.zeros(outcomes.n_codes))
    values = np.where(use, outcomes.values, 0.0)
    b = weights * centred / spread
    mean, value = float(weights @ values), float(b @ values)
    leverage = outcomes.cluster_sums(weights * (1 + centred**2 / spread))
    residual = outcomes.cluster_sums(b * (values - mean - value * centred))
    psi = residual / np.clip(1 - leverage, 0.05, 1) + outcomes.gallery_sums(b)
    events = n_clusters * min(mean, 1 - mean) if outcomes.unit_interval else np.inf
    shared = outcomes.gallery is not None
    return Estimate(value, _root(psi), _df(psi, n_clusters - 2, shared), n, n_clusters, events, psi, shared)


def _auroc(outcomes: Outcomes, mask: Mask) -> Estimate:
    assert outcomes.labels is not None
    use = mask & outcomes.measured
    positive, negative = use & (outcomes.labels == 1), use & (outcomes.labels == 0)
    m, n = int(positive.sum()), int(negative.sum())
    n_clusters = outcomes.n_clusters(mask)
    clusters_p, clusters_n = outcomes.n_clusters(positive), outcomes.n_clusters(negative)
    events = min(clusters_p, clusters_n)
    if events == 0:
        return Estimate(np.nan, np.nan, 0.0, m + n, n_clusters, 0.0, np.zeros(outcomes.n_codes))
    scores_p, scores_n = outcomes.values[positive], outcomes.values[negative]
    ranks = rankdata(np.concatenate([scores_p, scores_n]))
    above_p = (ranks[:m] - rankdata(scores_p)) / n  # share of negatives below each positive, ties half
    above_n = 1 - (ranks[m:] - rankdata(scores_n)) / m
    value = float(above_p.mean())
    rows = np.zeros(len(outcomes.values))
    rows[positive] = (above_p - value) / m * _small_sample(clusters_p)
    rows[negative] = (above_n - value) / n * _small_sample(clusters_n)
    psi = outcomes.cluster_sums(rows)
    return Estimate(value, _root(psi), events - 1, m + n, n_clusters, float(events), psi)


def _agresti_caffo(estimate: Estimate) -> float:
    n = effective_n(estimate) + 2
    p = (estimate.value * (n - 2) + 1) / n
    return p * (1 - p) / n


def effective_n(estimate: Estimate) -> float:
    """Return the number of independent hits and misses that would be as sure; the clusters where none differ."""
    if estimate.std_error <= 0 or not 0 < estimate.value < 1:
        return float(estimate.n_clusters)
    return float(estimate.value * (1 - estimate.value) / estimate.std_error**2)


def _small_sample(n_clusters: int) -> float:
    return float(np.sqrt(n_clusters / (n_clusters - 1))) if n_clusters > 1 else 1.0


def _root(psi: Floats) -> float:
    root = float(np.sqrt(psi @ psi))
    return root if root > 1e-12 else 0.0  # what rounding leaves where every cluster has the same outcome


def _df(psi: Floats, df: float, shares_gallery: bool) -> float:
    """Return ``df``, or the number of clusters that carry the variance, where hubs of a gallery make it smaller."""
    fourth = float((psi**4).sum())
    return min(df, float((psi @ psi) ** 2 / fourth)) if shares_gallery and fourth > 0 else df

r"""Estimates with cluster-robust standard errors: group averages, contrasts, slopes, AUROC.

Every estimate here is summarised by its influence :math:`\psi_c` per cluster: how much cluster :math:`c` moves it.
The variance is :math:`U/(U-1)\,\sum_c \psi_c^2` over :math:`U` clusters (the infinitesimal jackknife, [1]_). For an
average with row weights :math:`b_i`, :math:`\psi_c = \sum_{i \in c} b_i (y_i - \hat\theta)`. Where outcomes share a
gallery, a cluster acts twice, and :math:`\psi_c` also holds its influence as a gallery item,
:math:`\sum_q b_q \sum_{j \in c} \partial y_q / \partial w_j` [2]_.

The value and the standard error of a small group of clustered images are correlated: few hits leave few clusters to
estimate the variance from, and few wrong pairs give an AUROC a small standard error. A t test then rejects up to seven
times too often at :math:`p < .0025`. ``moderated`` shrinks each group's variance [6]_ with a prior of :math:`d_0 = 20`
degrees of freedom:

.. math:: V'_g = \frac{d_g V_g + d_0\, r\, u_g}{d_g + d_0}, \qquad r = \frac{\sum_g d_g V_g / u_g}{\sum_g d_g}

with :math:`u_g` the variance that a model gives at the value of both groups together, and :math:`r` the factor by which
clusters inflate it. Large groups keep their own variance.

References
----------
.. [1] Efron, B. (1982), "The Jackknife, the Bootstrap and Other Resampling Plans", ch. 6.
.. [2] Cameron, Gelbach and Miller (2011), "Robust Inference With Multiway Clustering", JBES 29(2), for the reason
   why a second role must be counted; the two roles are added before squaring, so their covariance is kept.
.. [3] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, for the structural components of the AUROC.
.. [4] Satterthwaite (1946), Biometrics Bulletin 2(6), for the degrees of freedom of a difference.
.. [5] Kish (1965), "Survey Sampling", section 11.7, for the number of units that unequal weights leave.
.. [6] Smyth (2004), "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in Microarray
   Experiments", Statistical Applications in Genetics and Molecular Biology 3(1), eq. 3, with fixed :math:`d_0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes

#: With fewer, an interval of a weighted sum undercovers: a part of 4 hits in 4 looks certain.
LEAST_DF = 10
_ROUNDING = 1e-12  # of a standard error: what is left where every cluster has the same outcome


@dataclass(frozen=True)
class Estimate:
    """An estimate with its standard error; arrays (M,) if the outcomes have M columns, else arrays without an axis.

    Parameters
    ----------
    value : ndarray of float
        NaN if there is nothing to average.
    std_error : ndarray of float
        Cluster-robust; 0 if every cluster has the same outcome.
    df : ndarray of float
        Degrees of freedom of its t distribution: from the number of clusters or, if outcomes share a gallery, from the
        fewer clusters that carry the variance.
    n, n_clusters : ndarray of int
        Images and clusters.
    events, non_events : ndarray of float
        Clusters with an event, and with a non-event: however many images a cluster has, it counts once in either
        (a share of an event counts as that share). Infinite for unbounded outcomes.
    psi : ndarray of float, shape (U,) or (U, M)
        Influence of each cluster, with its small-sample factor.
    shares_gallery : bool
        Whether outcomes share a gallery, so that a few clusters in many neighbour lists may carry most of the variance.
    """

    value: Floats
    std_error: Floats
    df: Floats
    n: Ints
    n_clusters: Ints
    events: Floats
    non_events: Floats
    psi: Floats
    shares_gallery: bool = False


def average(outcomes: Outcomes, mask: Mask) -> Estimate:
    """Return the average outcome (or the AUROC) of the rows in ``mask``."""
    if outcomes.labels is not None:
        return _auroc(outcomes, mask)
    use = outcomes.used(mask)
    n, n_clusters = use.sum(axis=0), outcomes.n_clusters(mask)
    weights = outcomes.mean_weights(mask)
    values = np.where(use, outcomes.values, 0.0)
    value = np.where(n > 0, (weights * values).sum(axis=0), np.nan)
    if outcomes.unit_interval:
        value = np.clip(value, 0.0, 1.0)  # a mean of ones may be rounded to above one
    psi = outcomes.cluster_sums(weights * (values - np.nan_to_num(value))) + outcomes.gallery_sums(weights)
    psi = psi * _small_sample(n_clusters)
    shared = outcomes.gallery is not None
    std_error = np.where(n > 0, _root(psi), np.nan)
    events = _events(outcomes, use)
    return Estimate(value, std_error, _df(psi, n_clusters - 1, shared), n, n_clusters, *events, psi, shared)


def from_influence(value: float, psi: Floats, outcomes: Outcomes, use: Mask) -> Estimate:
    """Return the estimate of one outcome with influence ``psi`` (U,) per cluster; two degrees of freedom are lost."""
    n_clusters = outcomes.n_clusters(use)
    psi, shared = psi * _small_sample(n_clusters), outcomes.gallery is not None
    std_error = _root(psi) if np.isfinite(value) else np.asarray(np.nan)
    df = _df(psi, n_clusters - 2, shared)
    return Estimate(np.asarray(value), std_error, df, use.sum(axis=0), n_clusters, *_events(outcomes, use), psi, shared)


def difference(first: Estimate, second: Estimate, *, unit_interval: bool) -> Estimate:
    """Return ``first`` minus ``second``; clusters in both are accounted for through their influence.

    Events are those that the smaller group would have if all clusters were alike. The variances of shares of clustered
    images are moderated (``moderated``), except where they share a gallery. The variance is at least that of Agresti
    and Caffo's interval at the effective sample sizes, so that a group without events has a positive variance.
    """
    psi, n_clusters = first.psi - second.psi, first.n_clusters + second.n_clusters
    value = (first.n_clusters * first.value + second.n_clusters * second.value) / np.maximum(n_clusters, 1)
    clustered = (first.n > first.n_clusters) | (second.n > second.n_clusters)
    shared = first.shares_gallery or second.shares_gallery
    model = value * (1 - value) if unit_interval and not shared else np.zeros_like(value)
    each = np.maximum([first.n_clusters, second.n_clusters], 1)
    variance, df = moderated_difference_variance(first, second, np.where(clustered, model, 0.0) / each)
    variance = np.where((first.n > 0) & (second.n > 0), variance, np.nan)
    if unit_interval:
        variance = np.maximum(variance, _agresti_caffo(first) + _agresti_caffo(second))
    smaller = np.minimum(first.n_clusters, second.n_clusters) / np.maximum(n_clusters, 1)
    return Estimate(
        first.value - second.value,
        np.sqrt(variance),
        _df(psi, df, shared),
        first.n + second.n,
        n_clusters,
        _share(smaller, first.events + second.events),
        _share(smaller, first.non_events + second.non_events),
        psi,
        shared,
    )


def moderated_difference_variance(first: Estimate, second: Estimate, expected: Floats) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom of a difference, each side moderated towards ``expected`` (2, ...).

    The covariance through clusters in both sides comes from their influences. Nothing is moderated if a side's expected
    variance is 0.
    """
    own = np.array([first.std_error**2, second.std_error**2])
    variances, dfs = moderated(own, np.maximum([first.df, second.df], 1), expected)
    norm = np.sqrt(own.prod(axis=0))
    correlation = (first.psi * second.psi).sum(axis=0) / np.where(norm > 0, norm, 1.0)
    total, parts = variances.sum(axis=0), (variances**2 / dfs).sum(axis=0)
    variance = total - 2 * correlation * np.sqrt(variances.prod(axis=0))
    variance = np.where(variance > _ROUNDING**2, variance, 0.0)
    return variance, np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1), dfs.min(axis=0))


def combination(parts: Sequence[Estimate], weights: Floats, *, units: float) -> Estimate:
    """Return the sum of estimates of one outcome, such as averages within levels, with fixed weights.

    The influences of a cluster on several parts are added before squaring. The degrees of freedom are Satterthwaite's
    over the parts [4]_, the fewer of those from observed and from equal variances, since the few clusters of a part may
    be alike by chance.

    Parameters
    ----------
    parts : sequence of Estimate
        Of the same outcomes, each of at least two clusters.
    weights : ndarray of float, shape (P,)
        Positive; they sum to one.
    units : float
        Effective number of clusters [5]_: the result's ``n_clusters``; its events are the weighted shares of this
        number. If equal variances leave fewer than ``LEAST_DF`` degrees of freedom, ``n_clusters`` is these plus one:
        the sum rests on a few clusters of one part.
    """
    each = np.array([part.n_clusters for part in parts], dtype=np.float64)
    value = weights @ np.array([part.value for part in parts])
    psi = weights @ np.stack([part.psi for part in parts])
    equal = _satterthwaite(weights**2 / each, each - 1)
    seen = _satterthwaite((weights * [part.std_error for part in parts]) ** 2, np.array([part.df for part in parts]))
    least = units if equal >= LEAST_DF else min(units, equal + 1)
    shared = any(part.shares_gallery for part in parts)
    events, non_events = (
        np.asarray(units * (weights / each) @ [getattr(part, name) for part in parts])
        for name in ("events", "non_events")
    )
    df = _df(psi, np.asarray(min(seen, equal, units - 1)), shared)
    n, n_clusters = np.asarray(sum(int(part.n) for part in parts)), np.asarray(int(least + 1e-9))
    return Estimate(np.asarray(value), _root(psi), df, n, n_clusters, events, non_events, psi, shared)


def _satterthwaite(variances: Floats, df: Floats) -> float:
    """Return the degrees of freedom of a sum of independent parts; infinite if none varies."""
    shares = float((variances**2 / np.maximum(df, 1)).sum())
    return float(variances.sum() ** 2) / shares if shares > 0 else float("inf")


def _share(share: Floats, events: Floats) -> Floats:
    """Return ``share`` of the events; infinite for unbounded outcomes, also for a group without a row."""
    finite = np.isfinite(events)
    return np.where(finite, share * np.where(finite, events, 0.0), np.inf)


def slope(outcomes: Outcomes, x: Floats) -> Estimate:
    """Return the least-squares slope of the outcome on ``x`` (N,), robust to clusters.

    Rows without ``x`` (NaN) or outcome are left out. The residual part of each cluster's influence is divided by
    one minus its leverage, which approximates the jackknife (CR3).
    """
    known = ~np.isnan(x)
    use = outcomes.used(known)
    n, n_clusters = use.sum(axis=0), outcomes.n_clusters(known)
    weights = outcomes.mean_weights(known)
    x = x if outcomes.values.ndim == 1 else x[:, None]
    x0 = np.where(use, x, 0.0)
    centred = np.where(use, x0 - (weights * x0).sum(axis=0), 0.0)
    spread = (weights * centred**2).sum(axis=0)
    # Rounding leaves a spread where all x are equal.
    fits = (n_clusters >= 3) & (spread > 1e-12 * (weights * x0**2).sum(axis=0))
    spread = np.where(fits, spread, 1.0)
    values = np.where(use, outcomes.values, 0.0)
    b = weights * centred / spread
    mean = (weights * values).sum(axis=0)
    value = np.where(fits, (b * values).sum(axis=0), np.nan)
    leverage = outcomes.cluster_sums(weights * (1 + centred**2 / spread))
    residual = outcomes.cluster_sums(b * (values - mean - np.nan_to_num(value) * centred))
    psi = residual / np.clip(1 - leverage, 0.05, 1) + outcomes.gallery_sums(b)
    psi = np.where(fits, psi, 0.0)
    std_error = np.where(fits, _root(psi), np.nan)
    shared, events = outcomes.gallery is not None, _events(outcomes, use)
    return Estimate(value, std_error, _df(psi, n_clusters - 2, shared), n, n_clusters, *events, psi, shared)


def _auroc(outcomes: Outcomes, mask: Mask) -> Estimate:
    assert outcomes.labels is not None
    use = mask & outcomes.measured
    positive, negative = use & (outcomes.labels == 1), use & (outcomes.labels == 0)
    m, n = positive.sum(), negative.sum()
    n_clusters = outcomes.n_clusters(mask)
    result = components(outcomes, mask)
    if result is None:
        missing, zero = np.asarray(np.nan), np.asarray(0.0)
        return Estimate(missing, missing, zero, m + n, n_clusters, zero, zero, np.zeros(outcomes.n_codes))
    value, above = result
    clusters_p, clusters_n = outcomes.n_clusters(positive), outcomes.n_clusters(negative)
    rows = np.where(positive, (above - value) / m * _small_sample(clusters_p), 0.0)
    rows += np.where(negative, (above - value) / n * _small_sample(clusters_n), 0.0)
    psi = outcomes.cluster_sums(rows)
    events, non_events = (np.asarray(clusters, dtype=np.float64) for clusters in (clusters_p, clusters_n))
    df = np.minimum(events, non_events) - 1
    return Estimate(value, _root(psi), df, m + n, n_clusters, events, non_events, psi)


def components(outcomes: Outcomes, mask: Mask) -> tuple[Floats, Floats] | None:
    """Return the AUROC of the rows in ``mask`` and DeLong's component of each row (N,); None if a label is missing.

    The component of a row of label 1 is the share of rows of label 0 that it scores above, ties half; that of a row
    of label 0 the share of rows of label 1 that score above it. It is 0 for rows that are not used.
    """
    assert outcomes.labels is not None
    use = mask & outcomes.measured
    positive, negative = use & (outcomes.labels == 1), use & (outcomes.labels == 0)
    m, n = int(positive.sum()), int(negative.sum())
    if min(m, n) == 0:
        return None
    scores_p, scores_n = outcomes.values[positive], outcomes.values[negative]
    ranks = rankdata(np.concatenate([scores_p, scores_n]))
    above = np.zeros(len(outcomes.values))
    above[positive] = (ranks[:m] - rankdata(scores_p)) / n
    above[negative] = 1 - (ranks[m:] - rankdata(scores_n)) / m
    return above[positive].mean(), above


def _agresti_caffo(estimate: Estimate) -> Floats:
    n = effective_n(estimate) + 2
    p = (estimate.value * (n - 2) + 1) / n
    return np.asarray(p * (1 - p) / n)


def effective_n(estimate: Estimate) -> Floats:
    """Return the effective sample size, in independent hits and misses; the number of clusters without variation."""
    varies = (estimate.std_error > 0) & (estimate.value > 0) & (estimate.value < 1)
    variance = np.where(varies, estimate.std_error, 1.0) ** 2
    return np.where(varies, estimate.value * (1 - estimate.value) / variance, estimate.n_clusters)


def _events(outcomes: Outcomes, use: Mask) -> tuple[Floats, Floats]:
    """Return the number of clusters with an event, and with a non-event."""
    if not outcomes.unit_interval:
        unbounded = np.full(outcomes.values.shape[1:], np.inf)
        return unbounded, unbounded
    hits = outcomes.cluster_sums(np.where(use, outcomes.values, 0.0))
    misses = outcomes.cluster_sums(np.where(use, 1.0 - outcomes.values, 0.0))
    return np.minimum(hits, 1).sum(axis=0), np.minimum(misses, 1).sum(axis=0)


def _small_sample(n_clusters: Ints) -> Floats:
    return np.sqrt(np.where(n_clusters > 1, n_clusters / np.maximum(n_clusters - 1, 1), 1.0))


def _root(psi: Floats) -> Floats:
    root = np.sqrt((psi**2).sum(axis=0))
    return np.where(root > _ROUNDING, root, 0.0)


def _df(psi: Floats, df: Floats | Ints, shares_gallery: bool) -> Floats:
    """Return ``df`` or, if hubs of a gallery make it smaller, the number of clusters that carry the variance."""
    if not shares_gallery:
        return np.asarray(df, dtype=np.float64)
    fourth = (psi**4).sum(axis=0)
    carrying = (psi**2).sum(axis=0) ** 2 / np.where(fourth > 0, fourth, 1)
    return np.where(fourth > 0, np.minimum(df, carrying), df)


PRIOR_DF = 20


def moderated(variances: Floats, df: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """Return the variance of each group, shrunk towards the model's by a common factor, and its degrees of freedom.

    Parameters
    ----------
    variances, df : ndarray of float, shape (G, ...)
        Of each group alone; ``df`` at least 1.
    expected : ndarray of float, shape (G, ...)
        Variance by the model, up to a factor that all groups share; if one is not above 0, nothing is moderated.
    """
    known = (expected > 0).all(axis=0)
    expected = np.where(known, expected, 1.0)
    r = (df * variances / expected).sum(axis=0) / df.sum(axis=0)
    pulled = (df * variances + PRIOR_DF * r * expected) / (df + PRIOR_DF)
    return np.where(known, pulled, variances), np.where(known, df + PRIOR_DF, df)

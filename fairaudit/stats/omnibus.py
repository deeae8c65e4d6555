r"""The omnibus test of equality of all groups.

Group labels are permuted over clusters and the studentised statistic

.. math:: W = \sum_g (\hat\theta_g - \tilde\theta)^2 / \hat V_g, \qquad
   \tilde\theta = \sum_g \hat\theta_g \hat V_g^{-1} / \sum_g \hat V_g^{-1}

is computed anew from each cluster's sums. The studentised permutation test is exact for exchangeable labels, and valid
for large groups if equal averages have unequal variances [1]_. If labels cannot be permuted (a cluster lies in several
groups, outcomes share a gallery, or the metric is the AUROC), :math:`W` with the full covariance of the groups is
compared with its F distribution; so is a p-value at the floor of the permutations.

References
----------
.. [1] Chung and Romano (2013), "Exact and asymptotically robust permutation tests", Annals of Statistics 41(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes

_LEAST, _MOST, _WORK = 199, 1999, 4e7  # bounds of the number of permutations, and cluster labels permuted in all
_BLOCK = 1e6  # labels permuted at once


@dataclass(frozen=True)
class Omnibus:
    """Result of the test: statistic, p-value and method."""

    statistic: float
    p_value: float
    method: str


def omnibus(outcomes: Outcomes, masks: Sequence[Mask], estimates: Sequence[Estimate]) -> Omnibus:
    """Test whether the groups of ``masks``, whose averages are ``estimates``, are all equal."""
    analytic = _wald(estimates)
    recorded = np.logical_or.reduce(list(masks))
    apart = sum(int(outcomes.n_clusters(m)) for m in masks) == int(outcomes.n_clusters(recorded))
    if not apart or outcomes.gallery is not None or outcomes.labels is not None or not np.isfinite(analytic.statistic):
        return analytic
    sums_US, codes = _cluster_sums(outcomes, masks, recorded)
    n_permutations, k = int(np.clip(_WORK / len(codes), _LEAST, _MOST)), len(masks)
    observed = float(_statistics(sums_US, codes[None], k)[0])
    rng, beaten, left = np.random.default_rng(0), 0, n_permutations
    while left:
        block = min(left, max(int(_BLOCK / len(codes)), 1))
        moved_BU = rng.permuted(np.tile(codes, (block, 1)), axis=1)
        beaten += int((_statistics(sums_US, moved_BU, k) >= observed - 1e-9).sum())
        left -= block
    p = (1 + beaten) / (1 + n_permutations)
    if beaten == 0:  # the floor says only "less than"
        return Omnibus(observed, min(p, analytic.p_value), f"{n_permutations} permutations, then F")
    return Omnibus(observed, p, f"{n_permutations} permutations")


def _cluster_sums(outcomes: Outcomes, masks: Sequence[Mask], recorded: Mask) -> tuple[Floats, Ints]:
    """Return total and weight of each measured cluster (U, 2) and its group code (U,)."""
    use = recorded & outcomes.measured
    counts = outcomes.cluster_sums(use.astype(np.float64))
    totals = outcomes.cluster_sums(np.where(use, outcomes.values, 0.0))
    member_UK = np.stack([outcomes.cluster_sums((m & use).astype(np.float64)) for m in masks], axis=1)
    kept = counts > 0
    if outcomes.average == "macro":
        totals, counts = np.where(kept, totals / np.maximum(counts, 1), 0.0), kept.astype(np.float64)
    sums_US, codes = np.stack([totals, counts], axis=1)[kept], member_UK[kept].argmax(axis=1)
    order = np.lexsort((sums_US[:, 1], sums_US[:, 0], codes))  # the order of rows must not change a permutation
    return sums_US[order], codes[order]


def _statistics(sums_US: Floats, codes_BU: Ints, k: int) -> Floats:
    """Return the statistic (B,) of each labelling of the clusters."""
    total, count = sums_US.T
    parts_UF = np.stack([total, count, total**2, total * count, count**2, np.ones_like(total)], axis=1)
    b = len(codes_BU)
    cells_N = (codes_BU * b + np.arange(b)[:, None]).ravel()  # group and labelling: all are counted in one pass
    per_FKB = np.stack([np.bincount(cells_N, np.tile(part, b), k * b).reshape(k, b) for part in parts_UF.T])
    t, n, tt, tn, nn, clusters = per_FKB
    theta = t / n
    factor = clusters / np.maximum(clusters - 1, 1)
    variance = (tt - 2 * theta * tn + theta**2 * nn) / n**2 * factor
    # A group without variation: as if its clusters had the spread of all.
    pooled = max(float(((total - total.sum() / count.sum() * count) ** 2).mean()), 1e-15)
    weight = 1 / np.where(variance > 1e-15, variance, pooled * clusters / n**2)
    middle = (weight * theta).sum(axis=0) / weight.sum(axis=0)
    return np.asarray((weight * (theta - middle) ** 2).sum(axis=0))


def _wald(estimates: Sequence[Estimate]) -> Omnibus:
    theta = np.array([float(e.value) for e in estimates])
    psi_UK = np.stack([e.psi for e in estimates], axis=1)
    k = len(theta)
    contrast = np.eye(k)[1:] - np.eye(k)[0]
    covariance = contrast @ (psi_UK.T @ psi_UK) @ contrast.T
    if not np.isfinite(theta).all() or np.linalg.matrix_rank(covariance) < k - 1:
        return Omnibus(float("nan"), float("nan"), "")
    d = contrast @ theta
    statistic = float(d @ np.linalg.solve(covariance, d))
    df = max(min(float(e.df) for e in estimates), 1.0)
    return Omnibus(statistic, float(stats.f.sf(statistic / (k - 1), k - 1, df)), "Wald, F")

r"""Area under the ROC curve of a group, and the difference of two, robust to clusters.

The influence of a row is its structural component [1]_, summed over clusters. A small group with few wrong pairs looks
surest where it is most wrong, so the variance of each group is shrunk [2]_ with :math:`d_0 = 20` degrees of freedom to
the one that a model gives at the AUROC of both together, Hanley and McNeil's [3]_ times the factor :math:`r` by which
clusters inflate it:

.. math:: V'_g = \frac{d_g V_g + d_0\, r\, u_g}{d_g + d_0}, \qquad r = \frac{\sum_g d_g V_g / u_g}{\sum_g d_g} .

References
----------
.. [1] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44.
.. [2] Smyth (2004), "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in Microarray
   Experiments", Statistical Applications in Genetics and Molecular Biology 3(1), eq. 3, with fixed :math:`d_0`.
.. [3] Hanley and McNeil (1982), "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC)
   Curve", Radiology 143(1), eq. 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from fairaudit.stats.outcomes import Floats, Mask, Outcomes

PRIOR_DF = 20


@dataclass(frozen=True, eq=False)
class Auroc:
    """The AUROC of a group.

    Parameters
    ----------
    value, std_error, df : float
        NaN and 0 if a label is missing.
    n, n_clusters : int
    positives, negatives : float
        Clusters with a row of label 1, and of label 0.
    share : float
        Share of rows with label 1.
    psi : ndarray of float, shape (U,)
        Influence of each cluster, with its small-sample factor.
    """

    value: float
    std_error: float
    df: float
    n: int
    n_clusters: int
    positives: float
    negatives: float
    share: float
    psi: Floats


def auroc(outcomes: Outcomes, mask: Mask) -> Auroc:
    """Return the AUROC of the rows in ``mask``."""
    assert outcomes.labels is not None
    use = mask & outcomes.measured
    positive, negative = use & (outcomes.labels == 1), use & (outcomes.labels == 0)
    m, n, n_clusters = int(positive.sum()), int(negative.sum()), outcomes.n_clusters(mask)
    result = components(outcomes, mask)
    if result is None:
        nan = float("nan")
        return Auroc(nan, nan, 0.0, m + n, n_clusters, 0.0, 0.0, nan, np.zeros(outcomes.n_codes))
    value, above = result
    clusters_p, clusters_n = outcomes.n_clusters(positive), outcomes.n_clusters(negative)
    rows = np.where(positive, (above - value) / m * _small_sample(clusters_p), 0.0)
    rows += np.where(negative, (above - value) / n * _small_sample(clusters_n), 0.0)
    psi = outcomes.cluster_sums(rows)
    error, df = float(np.sqrt(psi @ psi)), float(min(clusters_p, clusters_n) - 1)
    error = error if error > 1e-12 else 0.0
    return Auroc(value, error, df, m + n, n_clusters, float(clusters_p), float(clusters_n), m / (m + n), psi)


def components(outcomes: Outcomes, mask: Mask) -> tuple[float, Floats] | None:
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
    return float(above[positive].mean()), above


def difference_variance(first: Auroc, second: Auroc) -> tuple[float, float]:
    """Return the variance of a difference and Satterthwaite's degrees of freedom; covariance through influences."""
    variances, dfs = np.array([first.std_error, second.std_error]) ** 2, np.array([first.df, second.df])
    dfs = np.maximum(dfs, 1.0)
    total = float(variances.sum())
    norms = float(np.sqrt((first.psi @ first.psi) * (second.psi @ second.psi)))
    correlation = float(first.psi @ second.psi) / norms if norms > 0 else 0.0
    if min(first.positives, first.negatives, second.positives, second.negatives) >= 1:
        n = np.array([first.n, second.n], dtype=np.float64)
        pooled = float(n @ [first.value, second.value] / n.sum())
        pooled = float(np.clip(pooled, 0.5 / n.sum(), 1 - 0.5 / n.sum()))
        positives = n * [first.share, second.share]
        expected = hanley_mcneil(pooled, positives, n - positives)
        r = float((dfs * variances / expected).sum() / dfs.sum())
        variances, dfs = (dfs * variances + PRIOR_DF * r * expected) / (dfs + PRIOR_DF), dfs + PRIOR_DF
        total = float(variances.sum())
    parts = float((variances**2 / dfs).sum())
    df = total**2 / parts if parts > 0 else float(dfs.min())
    return max(total - 2 * correlation * float(np.sqrt(variances.prod())), 0.0), df


def hanley_mcneil(value: float, positives: Floats, negatives: Floats) -> Floats:
    """Return Hanley and McNeil's variance of an AUROC, from exponential scores of both labels [3]_."""
    q1, q2 = value / (2 - value) - value**2, 2 * value**2 / (1 + value) - value**2
    pairs = np.maximum(positives * negatives, 1.0)
    return np.asarray((value * (1 - value) + (positives - 1) * q1 + (negatives - 1) * q2) / pairs, dtype=np.float64)


def _small_sample(n_clusters: int) -> float:
    return float(np.sqrt(n_clusters / (n_clusters - 1))) if n_clusters > 1 else 1.0

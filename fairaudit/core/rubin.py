r"""One estimate from several labellings of the same rows, by Rubin's rules.

With estimates :math:`\hat\theta_m` and variances :math:`\hat V_m` of :math:`M` labellings,

.. math:: \bar\theta = \frac1M\sum_m \hat\theta_m, \qquad T = \bar V + \left(1 + \frac1M\right) B, \qquad
   B = \frac{1}{M-1} \sum_m (\hat\theta_m - \bar\theta)^2

[1]_. With :math:`\gamma = (1 + 1/M) B / T` and the degrees of freedom :math:`\nu` that certain labels would have, those
of the t distribution are :math:`(1/\nu_M + 1/\nu_\text{obs})^{-1}`, where :math:`\nu_M = (M - 1)/\gamma^2` and
:math:`\nu_\text{obs} = \frac{\nu + 1}{\nu + 3}\, \nu\, (1 - \gamma)` [2]_.

Labels are drawn without a look at the outcome. For rows that were sampled independently :math:`\bar V` then holds their
noise once already, so that the interval is wider than it need be for what the draws average to.

Shape suffixes: K groups, M labellings.

References
----------
.. [1] Rubin (1987), "Multiple Imputation for Nonresponse in Surveys", section 3.3.
.. [2] Barnard and Rubin (1999), "Small-sample degrees of freedom with multiple imputation", Biometrika 86(4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairaudit.core.estimates import Estimate
from fairaudit.core.outcomes import Floats


def combine(values: npt.ArrayLike, std_errors: npt.ArrayLike, dfs: npt.ArrayLike) -> tuple[float, float, float]:
    """Return value, standard error and degrees of freedom of at least two labellings; each argument has shape (M,)."""
    estimates, errors = np.asarray(values, dtype=np.float64), np.asarray(std_errors, dtype=np.float64)
    n = len(estimates)
    between = (1 + 1 / n) * float(estimates.var(ddof=1))
    total = float((errors**2).mean()) + between
    share = between / total if total > 0 else 0.0
    complete = max(float(np.asarray(dfs, dtype=np.float64).mean()), 1.0)
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    inverse = share**2 / (n - 1) + (1 / observed if observed > 0 else np.inf)
    return float(estimates.mean()), float(np.sqrt(total)), float(1 / inverse)


def pooled(*estimates: Estimate) -> Estimate:
    """Return one estimate of one number from its estimates in M labellings; of one labelling, that itself."""
    return pooled_together([estimates])[0]


def pooled_together(estimates: Sequence[Sequence[Estimate]]) -> list[Estimate]:
    """Return one estimate for each of K groups, whose errors go together as they do over M labellings.

    A row that moves leaves one group and joins another, so the groups are not independent. ``psi`` of the result has K
    entries, whose products are the groups' covariances: mean within labellings, and between them. Counts are means
    over the labellings, those of rows and clusters rounded.

    Parameters
    ----------
    estimates : sequence (K) of sequence (M) of Estimate
        M is the same for all.
    """
    if len(estimates[0]) == 1:
        return [one for (one,) in estimates]
    n = len(estimates[0])
    values_KM = np.array([[float(one.value) for one in of_group] for of_group in estimates])
    within_KK = np.zeros((len(estimates), len(estimates)))
    for draw in range(n):
        psi_UK = np.stack([of_group[draw].psi for of_group in estimates], axis=1)
        within_KK += psi_UK.T @ psi_UK / n
    between_KK = (1 + 1 / n) * np.atleast_2d(np.cov(values_KM))
    sizes, directions = np.linalg.eigh(np.nan_to_num(within_KK + between_KK))
    psi_KK = directions * np.sqrt(np.maximum(sizes, 0.0))
    return [_pooled(of_group, psi) for of_group, psi in zip(estimates, psi_KK, strict=True)]


def _pooled(estimates: Sequence[Estimate], psi: Floats) -> Estimate:
    value, std_error, df = combine(
        [one.value for one in estimates], [one.std_error for one in estimates], [one.df for one in estimates]
    )
    return Estimate(
        value=np.asarray(value),
        std_error=np.asarray(std_error),
        df=np.asarray(df),
        n=np.rint(np.mean([one.n for one in estimates])).astype(np.int64),
        n_clusters=np.rint(np.mean([one.n_clusters for one in estimates])).astype(np.int64),
        events=np.mean([one.events for one in estimates], axis=0),
        non_events=np.mean([one.non_events for one in estimates], axis=0),
        psi=psi,
        shares_gallery=any(one.shares_gallery for one in estimates),
    )

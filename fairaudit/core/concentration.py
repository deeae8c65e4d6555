r"""The concentration index: whether good outcomes lie with those at one end of an order, such as the rich.

.. math:: C = \frac{2}{\mu} \sum_i w_i\, y_i\, (R_i - \tfrac12)

with fractional ranks :math:`R_i` along the order. 0: outcomes do not follow the order; positive: they are higher at its
upper end; it lies in (-1, 1) for outcomes that are never negative [1]_. The standard error counts that the ranks are
themselves estimated [1]_, here summed over clusters.

References
----------
.. [1] Kakwani, Wagstaff and van Doorslaer (1997), "Socioeconomic inequalities in health: measurement, computation, and
   statistical inference", Journal of Econometrics 77, equations 3 and 14.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from fairaudit.core.estimates import Estimate, from_influence
from fairaudit.core.outcomes import Floats, Outcomes


def concentration(outcomes: Outcomes, x: Floats) -> Estimate:
    """Return the concentration index of one outcome along ``x`` (N,); rows without either are left out.

    NaN where fewer than three clusters were measured, no outcome is positive or all ``x`` are equal.
    """
    use = outcomes.measured & ~np.isnan(x)
    rows = np.flatnonzero(use)
    weights, y = outcomes.mean_weights(~np.isnan(x))[rows], outcomes.values[rows]
    mean = float(weights @ y)
    if outcomes.n_clusters(use) < 3 or mean <= 0 or np.ptp(x[rows]) == 0:
        return from_influence(np.nan, np.zeros(outcomes.n_codes), outcomes, use, lost=2)
    place = rankdata(x[rows], method="dense") - 1
    mass = np.bincount(place, weights=weights)  # ties of x share one rank, the middle of theirs
    rank = (np.cumsum(mass) - mass / 2)[place]
    value = float(2 * (weights * y) @ (rank - 0.5) / mean)
    share = np.bincount(place, weights=weights * y) / mean
    below = (np.cumsum(share) - share / 2)[place]
    a = y / mean * (2 * rank - 1 - value) + 2 - 2 * below
    psi_rows = np.zeros(len(outcomes.values))
    psi_rows[rows] = weights * (a - (1 + value))
    psi = outcomes.cluster_sums(psi_rows)
    if outcomes.gallery is not None:
        moved = np.zeros(len(outcomes.values))
        moved[rows] = weights * (2 * rank - 1 - value) / mean
        psi = psi + outcomes.gallery_sums(moved)
    return from_influence(value, psi, outcomes, use, lost=2)

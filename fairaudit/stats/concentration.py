r"""Concentration index of the outcome along an order.

.. math:: C = \frac{2}{\mu} \sum_i w_i\, y_i\, (R_i - \tfrac12)

with fractional ranks :math:`R_i` along the order. 0: outcomes do not follow the order; positive: they are higher at its
upper end; it lies in (-1, 1) for outcomes that are never negative. The standard error accounts for the estimation of
the ranks [1]_, here summed over clusters.

References
----------
.. [1] Kakwani, Wagstaff and van Doorslaer (1997), "Socioeconomic inequalities in health: measurement, computation, and
   statistical inference", Journal of Econometrics 77, equations 3 and 14.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats, Outcomes
from fairaudit.stats.slopes import Slope


def concentration(outcomes: Outcomes, x: Floats) -> Slope:
    """Return the concentration index of one outcome along ``x`` (N,); rows without either are left out.

    NaN if fewer than three clusters were measured, no outcome is positive or all ``x`` are equal.
    """
    sums = GroupSums.of(outcomes, [~np.isnan(x)])
    side, rows = sums.groups[0], sums.used
    counts = (side.n, side.n_clusters, side.units, side.events, side.non_events)
    weights, y = sums.row_weights(Members((0,)))[rows], outcomes.values[rows]
    mean = float(weights @ y) if len(rows) else 0.0
    if side.n_clusters < 3 or mean <= 0 or np.ptp(x[rows]) == 0:
        nan = float("nan")
        return Slope(nan, nan, 0.0, *counts, np.zeros(outcomes.n_codes), 1.0)
    place = rankdata(x[rows], method="dense") - 1
    mass = np.bincount(place, weights=weights)  # ties of x share their middle rank
    rank = (np.cumsum(mass) - mass / 2)[place]
    value = float(2 * (weights * y) @ (rank - 0.5) / mean)
    share = np.bincount(place, weights=weights * y) / mean
    below = (np.cumsum(share) - share / 2)[place]
    a = y / mean * (2 * rank - 1 - value) + 2 - 2 * below
    of_rows = np.zeros(len(outcomes.values))
    of_rows[rows] = weights * (a - (1 + value))
    psi, df = outcomes.cluster_sums(of_rows), float(side.n_clusters - 2)
    if outcomes.gallery is not None:
        moved = np.zeros(len(outcomes.values))
        moved[rows] = weights * (2 * rank - 1 - value) / mean
        psi += outcomes.gallery.cluster_sums(np.where(moved == 0, -1, 0), 1, moved, n_codes=outcomes.n_codes)[:, 0]
    psi = psi * np.sqrt(side.n_clusters / (side.n_clusters - 1))
    total, fourth = float(psi @ psi), float((psi**4).sum())
    if outcomes.gallery is not None and fourth > 0:
        df = min(df, total**2 / fourth)
    error = float(np.sqrt(total))
    return Slope(value, error if error > 1e-12 else 0.0, df, *counts, psi, 1.0)

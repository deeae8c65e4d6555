r"""``Estimate``: the value of each group with what its interval needs.

A share has an effective number of independent rows (``side``). Other means have the influence :math:`\psi_c` of each
cluster, and the variance :math:`\sum_c f_c\, \psi_c^2`, where

.. math:: f_c = \frac{w_c}{w_c (1 - 2 h_c) + \sum_j h_j^2 w_j}, \qquad w_c = \frac{1 + (m_c - 1) \rho}{m_c}

with the weight :math:`h_c` of the cluster makes up for the mean that was estimated (CR2 under the working correlation
:math:`\rho` [1]_), on :math:`(\sum v_c)^2 / \sum v_c^2 - 1` degrees of freedom, :math:`v_c = h_c^2 w_c` [2]_.

Where outcomes share a gallery, a cluster acts twice: :math:`\psi_c` also holds its influence as a gallery item, the
noise that a pair of clusters counts at both ends is taken off (``gallery``), at most half of the variance. A few hubs
may carry it: for the factor :math:`u / (u - 1)` and the degrees of freedom :math:`u - 1`, the number of clusters is at
most :math:`u = (\sum \psi^2)^2 / \sum \psi^4`.

References
----------
.. [1] Bell and McCaffrey (2002), "Bias reduction in standard errors for linear regression with multi-stage samples",
   Survey Methodology 28(2).
.. [2] Satterthwaite (1946), Biometrics Bulletin 2(6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairaudit.stats import auroc
from fairaudit.stats.correlation import Correlation, correlations
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats, Mask, Outcomes
from fairaudit.stats.side import Side, dispersion

Kind = Literal["binary", "share", "auroc", "unbounded"]
_ROUNDING = 1e-12  # of a standard error: what is left where every cluster has the same outcome


@dataclass(frozen=True, eq=False)
class Estimate:
    """The value of a group.

    Parameters
    ----------
    value, std_error : float
        NaN if nothing was measured; the standard error is 0 if all outcomes are equal.
    df : float
        Degrees of freedom of its variance.
    n, n_clusters : int
        Rows that count, and their clusters.
    units : float
        Independent units: clusters or, of weighted rows, Kish's number if that is less.
    events, non_events : float
        Clusters with an event, and with a non-event; infinite for unbounded outcomes.
    kind : {"binary", "share", "auroc", "unbounded"}
        Form of the interval.
    n_effective : float
        Number of independent rows that would tell as much; of a share, else NaN.
    third : float
        Third central moment over p q (1 - 2p); of a share.
    """

    value: float
    std_error: float
    df: float
    n: int
    n_clusters: int
    units: float
    events: float
    non_events: float
    kind: Kind
    n_effective: float = float("nan")
    third: float = float("nan")

    @property
    def is_share(self) -> bool:
        """Whether it is a share whose variance follows from its value."""
        return bool(np.isfinite(self.third))


def kind_of(outcomes: Outcomes) -> Kind:
    """Return the form of intervals for the outcomes."""
    if outcomes.labels is not None:
        return "auroc"
    if not outcomes.unit_interval:
        return "unbounded"
    return "binary" if outcomes.gallery is None and outcomes.independent_hits else "share"


def average(outcomes: Outcomes, mask: Mask) -> Estimate:
    """Return the average outcome (or the AUROC) of the rows in ``mask``."""
    return estimates(GroupSums.of(outcomes, [mask]))[0]


def estimates(sums: GroupSums) -> list[Estimate]:
    """Return the value of each group; correlations within clusters are shrunk to the one of all groups."""
    outcomes, kind = sums.outcomes, kind_of(sums.outcomes)
    if outcomes.labels is not None:
        return [_auroc(outcomes, sums.codes == group) for group in range(sums.n_groups)]
    sides = sums.groups
    found = [_missing(kind)] * len(sides)
    known = [group for group, side in enumerate(sides) if side.n]
    if outcomes.gallery is not None:
        for group in known:
            own, side = Members((group,)), sides[group]
            found[group] = of_gallery(sums, own, side, sums.influence(own, side.value))
        return found
    kept = [sides[group] for group in known]
    rhos = correlations([side.pairs for side in kept]) if kept else []
    phi = dispersion(kept)
    for group, side, rho in zip(known, kept, rhos, strict=True):
        found[group] = share_of(side, rho, phi, kind) if outcomes.unit_interval else mean_of(side, rho)
    return found


def share_of(side: Side, correlation: Correlation, phi: float, kind: Kind) -> Estimate:
    """Return the share of a side, with the dispersion ``phi`` of outcomes between 0 and 1."""
    value = min(max(side.value, 0.0), 1.0)  # a mean of ones may be rounded to above one
    rho = correlation.value
    design, noise = float(side.design(rho)), float(side.design_noise(correlation))
    df = 2 * design**2 / noise if noise > 0 else float("inf")
    n = 1 / (phi * design)
    return Estimate(
        value, float(np.sqrt(value * (1 - value) / n)), df, side.n, side.n_clusters, side.units, side.events,
        side.non_events, kind, n, float(side.third(rho)) * 2 * phi**2 / (1 + phi),
    )  # fmt: skip


def mean_of(side: Side, correlation: Correlation) -> Estimate:
    """Return the mean of a side of unbounded outcomes."""
    variance, df = cluster_variance(side, float(correlation.value))
    return Estimate(side.value, _root(variance), df, side.n, side.n_clusters, side.units, float("inf"), float("inf"),
                    "unbounded")  # fmt: skip


def cluster_variance(side: Side, rho: float) -> tuple[float, float]:
    """Return the variance of a mean from the influences of its clusters, and its degrees of freedom."""
    m = side.pairs.rows
    w = (1 + (m - 1) * rho) / np.maximum(m, 1)
    ones, psi_ones = side.singles
    h = side.weight
    all_squares = float((h**2 * w).sum()) + ones
    factor = w / np.maximum(w * (1 - 2 * h) + all_squares, 1e-3 * w)
    n_single = side.n_clusters - len(m)
    h_single = (1 - float(h.sum())) / n_single if n_single else 0.0
    single_factor = 1 / max(1 - 2 * h_single + all_squares, 1e-3)
    variance = float((factor * side.psi**2).sum()) + single_factor * psi_ones
    v = h**2 * w
    fourth = float((v**2).sum()) + (ones**2 / n_single if n_single else 0.0)
    return variance, all_squares**2 / fourth - 1 if fourth > 0 else 0.0


def gallery_variance(psi: Floats, noise: float, n_clusters: int) -> tuple[float, float]:
    """Return variance and degrees of freedom of a weighted sum of outcomes that share a gallery.

    Parameters
    ----------
    psi : ndarray of float, shape (U,)
        Influence of each cluster in both roles.
    noise : float
        What pairs of clusters add to its squares.
    n_clusters : int
        Clusters of the rows, or of the smaller side.
    """
    squares = psi * psi
    total, fourth = (
        float(squares.sum()),
        float((squares * squares).sum()),
    )  # not BLAS, whose threads wait for each other
    carrying = min(float(n_clusters), total**2 / fourth) if fourth > 0 else float(n_clusters)
    factor = carrying / (carrying - 1) if carrying > 1 else 1.0
    return factor * max(total - noise, total / 2), carrying - 1


def of_gallery(sums: GroupSums, members: Members, side: Side, psi: Floats) -> Estimate:
    """Return the average of a side whose outcomes share a gallery, from the influences ``psi`` (U,) on it."""
    variance, df = gallery_variance(psi, sums.pair_noise((1.0, members)), side.n_clusters)
    value, error = side.value, _root(variance)
    events = (side.events, side.non_events) if sums.outcomes.unit_interval else (float("inf"), float("inf"))
    n = value * (1 - value) / error**2 if error > 0 and 0 < value < 1 else float(side.n_clusters)
    kind = kind_of(sums.outcomes)
    return Estimate(value, error, df, side.n, side.n_clusters, side.units, *events, kind, n)


def _auroc(outcomes: Outcomes, mask: Mask) -> Estimate:
    part = auroc.auroc(outcomes, mask)
    clusters = (part.n, part.n_clusters, float(part.n_clusters))
    return Estimate(part.value, part.std_error, part.df, *clusters, part.positives, part.negatives, "auroc")


def _missing(kind: Kind) -> Estimate:
    nan = float("nan")
    return Estimate(nan, nan, 0.0, 0, 0, 0.0, 0.0, 0.0, kind)


def _root(variance: float) -> float:
    root = float(np.sqrt(max(variance, 0.0)))
    return root if root > _ROUNDING else 0.0

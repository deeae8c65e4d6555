"""Simulated hits and misses of groups whose images come in clusters: the tables of ``coverage`` and ``power``.

Shape suffixes: K groups, N images of all groups, D draws.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.outcomes import Floats, Ints
from fairaudit.stats.status import MIN_CLUSTERS, MIN_EVENTS, status_of

#: Images in a cluster, and how alike they are (intraclass correlation).
DEPENDENCE = ((1, 0.0), (2, 0.0), (2, 0.2), (2, 0.5), (15, 0.0), (15, 0.2), (15, 0.5))
_BY_DRAW = ("value", "std_error", "df", "n", "n_clusters", "events", "non_events")


@dataclass(frozen=True)
class Dependence:
    """Groups of ``n`` images, ``per_cluster`` to a cluster, with intraclass correlation ``icc``."""

    n: int
    per_cluster: int
    icc: float

    @property
    def n_clusters(self) -> int:
        """Clusters of a group; what is left of its images is not used."""
        return self.n // self.per_cluster

    def judged(self, shares_K: Floats) -> bool:
        """Whether the shares exist and an audit is expected to give verdicts."""
        if shares_K.min() <= 0 or shares_K.max() >= 1:
            return False
        events = self.n * np.minimum(shares_K, 1 - shares_K).min()
        return bool(self.n_clusters >= MIN_CLUSTERS and events >= MIN_EVENTS - 1e-9)

    def draw(self, shares_KD: Floats, rng: np.random.Generator) -> tuple[Floats, Ints]:
        """Return hits and misses (N, D) of all groups, one behind the other, and the clusters (N,).

        Shares of clusters are beta distributed around those of their group.
        """
        parts = []
        for p_D in shares_KD:
            size = (self.n_clusters, 1, len(p_D))
            rate = np.broadcast_to(p_D, size)
            if self.icc > 0:
                ab = (1 - self.icc) / self.icc
                rate = rng.beta(p_D * ab, (1 - p_D) * ab, size)
            hits = rng.random((self.n_clusters, self.per_cluster, len(p_D))) < rate
            parts.append(hits.reshape(-1, len(p_D)))
        clusters = np.repeat(np.arange(self.n_clusters * len(shares_KD)), self.per_cluster)
        return np.concatenate(parts).astype(np.float64), clusters


def one_draw(estimate: Estimate, d: int) -> Estimate:
    """Return the estimate of draw ``d`` as an audit has it: numbers, not arrays."""
    numbers = {n: np.asarray(getattr(estimate, n))[d] for n in _BY_DRAW}
    return dataclasses.replace(estimate, psi=estimate.psi[:, d], **numbers)


def withheld(estimate: Estimate, smaller: Ints) -> list[str]:
    """Return by draw why an audit gives no verdict on ``estimate``; empty where it does.

    ``smaller`` holds the clusters (D,) of the smaller side of a comparison, or of the group.
    """
    return [status_of(one_draw(estimate, d), n)[1] for d, n in enumerate(smaller)]

"""``Outcomes``: one number per row, the clusters that it depends on, and the type of average.

Shape suffixes: N rows, U clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import DataError
from fairaudit.stats.gallery import GalleryRole

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcomes:
    """One outcome per row, as measured by an indicator, ready for inference.

    Parameters
    ----------
    metric : str
        Column value of the result tables, e.g. ``"balanced_precision@10"``.
    values : ndarray of float, shape (N,)
        The outcome; NaN where it was not measured (such a row counts nowhere).
    clusters : ndarray of int, shape (N,)
        Cluster code of each row, from 0. Rows of one cluster are not independent.
    average : {"micro", "macro"}
        ``"micro"``: mean over rows. ``"macro"``: mean over clusters of the mean within the cluster.
    unit_interval : bool
        Whether outcomes lie in [0, 1], so that intervals do too.
    gallery : GalleryRole or None
        Present if outcomes share a gallery.
    labels : ndarray of {0, 1} or None, shape (N,)
        Present if the metric is the AUROC of ``values`` as scores of these labels.
    weights : ndarray of float or None, shape (N,)
        How much each row counts, 0 or more and in any unit; a row of weight 0 counts nowhere. None: all count alike.
    """

    metric: str
    values: Floats
    clusters: Ints
    average: Literal["micro", "macro"] = "micro"
    unit_interval: bool = True
    gallery: GalleryRole | None = None
    labels: Ints | None = None
    weights: Floats | None = None

    def __post_init__(self) -> None:
        if self.clusters.ndim != 1 or self.values.shape != self.clusters.shape:
            raise DataError(
                f"outcomes of '{self.metric}' must have one cluster per value; got {self.values.shape} values and "
                f"{self.clusters.shape} clusters. Align both by sample_id."
            )
        self._check_weights()
        measured = self.values[~np.isnan(self.values)]
        if self.unit_interval and len(measured) and (measured.min() < 0 or measured.max() > 1):
            raise DataError(
                f"outcomes of '{self.metric}' must lie in [0, 1]; got {measured.min():g} to {measured.max():g}. "
                "Set unit_interval=False for others."
            )

    def _check_weights(self) -> None:
        weights = self.weights
        if weights is None:
            return
        if weights.shape != self.clusters.shape or not ((weights >= 0) & (weights < np.inf)).all():
            raise DataError(
                f"weights of '{self.metric}' must be a finite number of 0 or more for each of its {len(self.values):,} "
                f"rows; got {weights.shape} numbers, {int(((weights < 0) | ~np.isfinite(weights)).sum()):,} of them "
                "negative or not finite. Correct the weights."
            )
        if self.labels is not None:
            raise DataError(
                f"outcomes of '{self.metric}' must not be weighted: it is an AUROC, and those count rows alike. "
                "Leave out sample_weight."
            )

    @property
    def is_share(self) -> bool:
        """Whether averages are shares: in [0, 1], of rows that do not share a gallery, and no AUROC."""
        return self.unit_interval and self.gallery is None and self.labels is None

    @property
    def bounded(self) -> bool:
        """Whether averages lie in [0, 1] and are no AUROC."""
        return self.unit_interval and self.labels is None

    @cached_property
    def measured(self) -> Mask:
        """Rows that count: they have an outcome and a weight above 0."""
        known = ~np.isnan(self.values)
        return known if self.weights is None else known & (self.weights > 0)

    @cached_property
    def n_codes(self) -> int:
        """One more than the largest cluster code in either role."""
        largest = int(self.clusters.max(initial=-1)) + 1
        return largest if self.gallery is None else max(largest, self.gallery.n_codes)

    @cached_property
    def one_row_each(self) -> bool:
        """Whether no cluster has two rows that count."""
        return int(np.bincount(self.clusters[self.measured], minlength=1).max()) <= 1

    @cached_property
    def independent_hits(self) -> bool:
        """Whether every outcome is a hit or a miss of a cluster of its own, and no row weighs more than another."""
        values = self.values[self.measured]
        return self.one_row_each and self.weights is None and bool(((values == 0) | (values == 1)).all())

    def n_clusters(self, mask: Mask) -> int:
        """Return the number of clusters with a row in ``mask`` (N,) that counts."""
        use = mask & self.measured
        return int(use.sum()) if self.one_row_each else int(np.count_nonzero(np.bincount(self.clusters[use])))

    def cluster_sums(self, row_values: Floats) -> Floats:
        """Return the sums over clusters (U,) of a value per row (N,)."""
        return np.bincount(self.clusters, weights=row_values, minlength=self.n_codes).astype(np.float64)

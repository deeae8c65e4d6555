"""``Outcomes``: one number per image, the clusters that it depends on, and the type of average.

Shape suffixes: N images, U clusters, M metrics that are averaged in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from fairaudit.core.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GalleryRole:
    """Dependence of each outcome on gallery items, the second role of a cluster.

    Parameters
    ----------
    clusters : ndarray of int, shape (N, K)
        Cluster code of each item in the neighbour list of each row.
    influence : ndarray of float, shape (N, K)
        Derivative of the row's outcome with respect to the weight of that item, which displaces others: 0 for an item
        that matches as well as those.
    by_class : ndarray of float, shape (N, C), or None
        Derivative of the row's outcome with respect to the logarithm of each class's share of the gallery, where
        the outcome is adjusted for the shares. Without it, intervals would include sampling noise of the shares that
        the adjustment removes.
    class_parts : ndarray of float, shape (U, C), or None
        Relative change of each class's share when a cluster's weight grows (``class_parts``).
    """

    clusters: Ints
    influence: Floats
    by_class: Floats | None = None
    class_parts: Floats | None = None


def class_parts(classes: Ints, clusters: Ints) -> Floats:
    """Return the relative change (U, C) of each class's share of a gallery as a cluster's weight grows.

    Parameters
    ----------
    classes, clusters : ndarray of int, shape (G,)
        Codes of the gallery items; every class from 0 to the largest occurs.
    """
    counts_UC = np.zeros((int(clusters.max()) + 1, int(classes.max()) + 1))
    np.add.at(counts_UC, (clusters, classes), 1.0)
    parts = counts_UC / counts_UC.sum(axis=0) - counts_UC.sum(axis=1, keepdims=True) / len(classes)
    return np.asarray(parts, dtype=np.float64)


@dataclass(frozen=True)
class Outcomes:
    """One outcome per image, as measured by an indicator, ready for inference.

    Parameters
    ----------
    metric : str
        Column value of the result tables, e.g. ``"balanced_precision@10"``.
    values : ndarray of float, shape (N,) or (N, M)
        The outcome; NaN where it was not measured (such a row counts nowhere). With a second axis, M outcomes of
        the same rows (other metrics, or draws of a simulation) are estimated at once, each by itself.
    clusters : ndarray of int, shape (N,)
        Cluster code of each row, from 0. Rows of one cluster are not independent.
    average : {"micro", "macro"}
        ``"micro"``: mean over images. ``"macro"``: mean over clusters of the mean within the cluster.
    unit_interval : bool
        Whether outcomes lie in [0, 1], so that intervals do too.
    gallery : GalleryRole or None
        Present if outcomes share a gallery.
    labels : ndarray of {0, 1} or None, shape (N,)
        Present if the metric is the AUROC of ``values`` as scores of these labels.
    """

    metric: str
    values: Floats
    clusters: Ints
    average: Literal["micro", "macro"] = "micro"
    unit_interval: bool = True
    gallery: GalleryRole | None = None
    labels: Ints | None = None

    def __post_init__(self) -> None:
        if self.clusters.ndim != 1 or self.values.ndim not in (1, 2) or len(self.values) != len(self.clusters):
            raise DataError(
                f"outcomes of '{self.metric}' must have one cluster per value; got {self.values.shape} values and "
                f"{self.clusters.shape} clusters. Align both by sample_id."
            )
        if self.values.ndim == 2 and (self.gallery is not None or self.labels is not None):
            raise DataError(
                f"outcomes of '{self.metric}' must have one column where they share a gallery or are scores; got "
                f"{self.values.shape[1]}. Make one Outcomes for each."
            )
        measured = self.values[~np.isnan(self.values)]
        if self.unit_interval and len(measured) and (measured.min() < 0 or measured.max() > 1):
            raise DataError(
                f"outcomes of '{self.metric}' must lie in [0, 1]; got {measured.min():g} to {measured.max():g}. "
                "Set unit_interval=False for others."
            )

    @cached_property
    def measured(self) -> Mask:
        """Rows that have an outcome."""
        return ~np.isnan(self.values)

    @cached_property
    def independent_hits(self) -> bool:
        """Whether every outcome is a hit or a miss of a cluster of its own."""
        values = self.values[self.measured]
        return bool(self.cluster_sums(self.measured.astype(np.float64)).max(initial=0) <= 1) and bool(
            ((values == 0) | (values == 1)).all()
        )

    def used(self, mask: Mask) -> Mask:
        """Return the rows of ``mask`` (N,) that have an outcome, in the shape of ``values``."""
        return self.measured & (mask if self.values.ndim == 1 else mask[:, None])

    def mean_weights(self, mask: Mask) -> Floats:
        """Return weights that sum to one over the measured rows of ``mask`` and give its average, shaped as values."""
        use = self.used(mask)
        if self.average == "micro":
            return np.asarray(use / np.maximum(use.sum(axis=0), 1), dtype=np.float64)
        per_cluster = self.cluster_sums(use.astype(np.float64))
        share = 1 / (np.maximum(per_cluster, 1) * np.maximum((per_cluster > 0).sum(axis=0), 1))
        return np.where(use, share[self.clusters], 0.0)

    @cached_property
    def n_codes(self) -> int:
        """One more than the largest cluster code in either role."""
        largest = int(self.clusters.max(initial=-1))
        if self.gallery is not None:
            largest = max(largest, int(self.gallery.clusters.max(initial=-1)))
            if self.gallery.class_parts is not None:
                largest = max(largest, len(self.gallery.class_parts) - 1)
        return largest + 1

    def n_clusters(self, mask: Mask) -> Ints:
        """Return the number of clusters with a measured row in ``mask``, or one number for each metric (M,)."""
        counts: Ints = (self.cluster_sums(self.used(mask).astype(np.float64)) > 0).sum(axis=0)
        return counts

    def cluster_sums(self, row_values: Floats) -> Floats:
        """Return the sums over clusters, (U,) or (U, M), of a value per row, (N,) or (N, M)."""
        if row_values.ndim == 1:
            sums = np.bincount(self.clusters, weights=row_values, minlength=self.n_codes)
            return np.asarray(sums, dtype=np.float64)
        return np.asarray(self._member_UN @ row_values)

    @cached_property
    def _member_UN(self) -> csr_array:
        n = len(self.clusters)
        return csr_array((np.ones(n), (self.clusters, np.arange(n))), shape=(self.n_codes, n))

    def gallery_sums(self, row_weights: Floats) -> Floats:
        """Return the influence of each cluster (U,), as part of the gallery, on the weighted sum of outcomes."""
        if self.gallery is None:
            return np.zeros((self.n_codes, *row_weights.shape[1:]))
        weighted = row_weights[:, None] * self.gallery.influence
        sums: Floats = np.bincount(
            self.gallery.clusters.ravel(), weights=weighted.ravel(), minlength=self.n_codes
        ).astype(np.float64)
        if self.gallery.by_class is not None and self.gallery.class_parts is not None:
            parts = self.gallery.class_parts
            sums[: len(parts)] += parts @ (row_weights @ self.gallery.by_class)
        return sums

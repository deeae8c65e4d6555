"""``Retrieval``: neighbour lists of queries, the gallery of each query, and the outcomes measured on the lists.

A gallery may be declared fixed: all that will ever be searched. Every interval is then conditional on that gallery.

Shape suffixes: Q queries, G gallery items, K neighbours, C classes (values of the attribute), U clusters.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from fairaudit.core.result import Measured
from fairaudit.core.samples import Samples
from fairaudit.measures import ranking
from fairaudit.measures.ranking import BEHIND, Measure
from fairaudit.stats.outcomes import Floats, GalleryRole, Ints, Mask, Outcomes, class_parts


def cluster_codes(samples: Samples, gallery: Samples) -> tuple[Ints, Ints]:
    """Return cluster codes of both sets in one code space; two different sets share no cluster."""
    same = gallery.name == samples.name
    keys_Q = samples.table["cluster_id"].astype(str)
    keys_G = keys_Q if same else "gallery/" + gallery.table["cluster_id"].astype(str)
    codes, _ = pd.factorize(pd.concat([keys_Q, keys_G], ignore_index=True))
    codes = codes.astype(np.int64)
    return codes[: len(keys_Q)], codes[len(keys_Q) :]


@dataclass(frozen=True)
class Gallery:
    """The gallery of each query: all items but those of the query's own cluster.

    Parameters
    ----------
    clusters_Q, clusters_G : ndarray of int, shapes (Q,) and (G,)
        One code space for both.
    class_G : ndarray of int, shape (G,)
        Class of each gallery item; every class from 0 to the largest occurs.
    """

    clusters_Q: Ints
    clusters_G: Ints
    class_G: Ints

    @cached_property
    def counts_QC(self) -> Floats:
        """Number of items of each class in a query's gallery."""
        counts_C = np.bincount(self.class_G).astype(np.float64)
        own_UC = np.zeros((max(int(self.clusters_Q.max()), int(self.clusters_G.max())) + 1, len(counts_C)))
        np.add.at(own_UC, (self.clusters_G, self.class_G), 1.0)
        return np.asarray(counts_C - own_UC[self.clusters_Q], dtype=np.float64)

    @cached_property
    def share_QC(self) -> Floats:
        """Share of each class in a query's gallery."""
        return np.asarray(self.counts_QC / self.counts_QC.sum(axis=1, keepdims=True))

    @cached_property
    def weight_QC(self) -> Floats:
        """Weight of an item by query and class: every class weighs the same in a query's gallery."""
        total_Q1 = self.counts_QC.sum(axis=1, keepdims=True)
        return np.asarray(total_Q1 / (self.counts_QC.shape[1] * np.maximum(self.counts_QC, 1)), dtype=np.float64)

    def length(self, k: int) -> int:
        """Return the length of lists that every measure at ``k`` needs, with items that would replace a lost one."""
        return int(np.ceil((k + max(k, BEHIND)) / min(self.weight_QC.min(), 1.0))) + 1


@dataclass(frozen=True)
class Retrieval:
    """Neighbour lists of all queries; every measure is one ``Outcomes`` over the queries.

    Parameters
    ----------
    gallery : Gallery
    neighbours_QK : ndarray of int, shape (Q, K)
        Gallery items of each query, nearest first.
    class_Q : ndarray of int, shape (Q,)
        Class of each query; -1 if the gallery has no such class. Such a query counts nowhere.
    """

    gallery: Gallery
    neighbours_QK: Ints
    class_Q: Ints

    @property
    def known_Q(self) -> Mask:
        """Queries whose class occurs in the gallery."""
        return np.asarray(self.class_Q >= 0)

    @cached_property
    def class_QK(self) -> Ints:
        """Class of each neighbour."""
        return self.gallery.class_G[self.neighbours_QK]

    @cached_property
    def hit_QK(self) -> Floats:
        """1 where a neighbour is of the query's own class."""
        return np.asarray(self.class_QK == self.class_Q[:, None], dtype=np.float64)

    def precision(self, k: int, *, misses: bool = False) -> Outcomes:
        """Return the share of the first ``k`` that are of the query's class; 0 without one if ``misses``."""
        value, influence = ranking.share(self.hit_QK, np.ones(self.neighbours_QK.shape), k)
        value = np.where(self.known_Q, value, 0.0 if misses else np.nan)
        role = GalleryRole(self._clusters(k), self._of_known(influence)[:, :k])
        return Outcomes(f"precision@{k}", value, self.gallery.clusters_Q, gallery=role)

    def lift(self, k: int) -> Outcomes:
        """Return lift: precision over the share of the query's class in its gallery; NaN if that share is 0."""
        value, influence = ranking.share(self.hit_QK, np.ones(self.neighbours_QK.shape), k)
        chance_Q = np.take_along_axis(self.gallery.share_QC, np.maximum(self.class_Q, 0)[:, None], axis=1)[:, 0]
        chance_Q = np.where(chance_Q > 0, chance_Q, np.nan)
        own_QC = self.class_Q[:, None] == np.arange(self.gallery.share_QC.shape[1])
        lift_Q = value / chance_Q
        by_class = np.where(own_QC, -np.nan_to_num(lift_Q)[:, None], 0.0)
        return self._outcomes(f"lift@{k}", Measure(lift_Q, np.nan_to_num(influence / chance_Q[:, None]), by_class), k)

    def balanced_precision(self, k: int) -> Outcomes:
        """Return class-balanced precision: every class weighs the same in the gallery, and the list weighs ``k``."""
        weight_QK = np.take_along_axis(self.gallery.weight_QC, self.class_QK, axis=1)
        value, influence = ranking.share(self.hit_QK, weight_QK, k)
        # A class that grows in the gallery loses weight: each of its items counts for less.
        classes = range(self.gallery.weight_QC.shape[1])
        by_class = -np.stack([np.where(self.class_QK == c, influence, 0).sum(axis=1) for c in classes], axis=1)
        end = int(np.flatnonzero(influence[self.known_Q].any(axis=0)).max(initial=0)) + 1
        return self._outcomes(f"balanced_precision@{k}", Measure(value, influence, by_class), end, unit_interval=True)

    def max_skew(self, k: int) -> Outcomes:
        """Return MaxSkew of the first ``k`` (``ranking.max_skew``)."""
        return self._outcomes(f"max_skew@{k}", ranking.max_skew(self.class_QK, self.gallery.share_QC, k), k)

    def ndkl(self, k: int) -> Outcomes:
        """Return NDKL of the first ``k`` (``ranking.ndkl``)."""
        return self._outcomes(f"ndkl@{k}", ranking.ndkl(self.class_QK, self.gallery.share_QC, k), k)

    def _outcomes(self, metric: str, measure: Measure, end: int, *, unit_interval: bool = False) -> Outcomes:
        value = np.where(self.known_Q, measure.value, np.nan)
        influence, by_class = self._of_known(measure.influence)[:, :end], self._of_known(measure.by_class)
        role = GalleryRole(self._clusters(end), influence, by_class, self._parts_UC)
        return Outcomes(metric, value, self.gallery.clusters_Q, unit_interval=unit_interval, gallery=role)

    def _clusters(self, end: int) -> Ints:
        return self.gallery.clusters_G[self.neighbours_QK[:, :end]]

    def _of_known(self, moves: Floats) -> Floats:
        return np.where(self.known_Q[:, None], moves, 0.0)

    @cached_property
    def _parts_UC(self) -> Floats:
        return class_parts(self.gallery.class_G, self.gallery.clusters_G)


CONDITIONAL = "conditional on this gallery"
CONDITIONAL_WARNING = (
    f"Intervals, tests and verdicts are {CONDITIONAL}: they account for the sampling of queries, not of the gallery, "
    "and do not hold for another gallery. With only the queries resampled on 2,564 UTKFace images, labels without "
    "meaning raised false alarms in 56 to 74 % of audits (34 % with a gallery of other images), and in 0.3 % with the "
    "gallery as a sample, too."
)


def conditional(measured: Measured) -> Measured:
    """Return the tables with ``CONDITIONAL`` beside every interval and test."""
    tables = []
    for rows in (measured.groups, measured.disparities):
        with_interval = rows["ci_method"] != ""
        note = (rows["note"] + "; " + CONDITIONAL).str.removeprefix("; ")
        tables.append(
            rows.assign(
                ci_method=(rows["ci_method"] + ", " + CONDITIONAL).where(with_interval, ""),
                note=note.where(with_interval, rows["note"]),
            )
        )
    return dataclasses.replace(measured, groups=tables[0], disparities=tables[1])

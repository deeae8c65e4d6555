"""``Retrieval``: neighbour lists of queries, the gallery of each query, and the outcomes measured on the lists.

A gallery may be declared fixed: all that will ever be searched. Every interval is then conditional on that gallery.

Shape suffixes: Q queries, G gallery items, K neighbours, C classes (values of the attribute), U clusters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.result import Measured
from fairaudit.core.samples import Samples
from fairaudit.measures import ranking
from fairaudit.measures.ranking import BEHIND, Measure
from fairaudit.stats.gallery import BLOCK_ROWS, GalleryRole, Moves, class_parts
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes


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
    def alone(self) -> bool:
        """Whether every query, and every item, is the only one of its cluster."""
        return max(int(np.bincount(codes).max()) for codes in (self.clusters_Q, self.clusters_G)) == 1

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
        return int(np.ceil((k + max(k, BEHIND)) / min(self._least_weight, 1.0))) + 1

    @cached_property
    def _least_weight(self) -> float:
        return float(self.weight_QC.min())


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
    neighbours_QK: npt.NDArray[np.int32]
    class_Q: Ints

    @property
    def known_Q(self) -> Mask:
        """Queries whose class occurs in the gallery."""
        return np.asarray(self.class_Q >= 0)

    def precision(self, k: int, *, misses: bool = False) -> Outcomes:
        """Return the share of the first ``k`` that are of the query's class; 0 without one if ``misses``."""

        def measure(rows: Ints) -> Measure:
            value, influence = ranking.share(self._hits(rows, k), None, k)
            return Measure(value, influence, None)

        return self._outcomes(f"precision@{k}", measure, unknown=0.0 if misses else np.nan, unit_interval=True)

    def lift(self, k: int) -> Outcomes:
        """Return lift: precision over the share of the query's class in its gallery; NaN if that share is 0."""

        def measure(rows: Ints) -> Measure:
            value, influence = ranking.share(self._hits(rows, k), None, k)
            share_BC, class_B1 = self.gallery.share_QC[rows], self.class_Q[rows, None]
            chance_B = np.take_along_axis(share_BC, np.maximum(class_B1, 0), axis=1)[:, 0]
            lift_B = value / np.where(chance_B > 0, chance_B, np.nan)
            by_class = np.where(class_B1 == np.arange(share_BC.shape[1]), -np.nan_to_num(lift_B)[:, None], 0.0)
            return Measure(lift_B, influence / np.where(chance_B > 0, chance_B, np.inf)[:, None], by_class)

        return self._outcomes(f"lift@{k}", measure)

    def balanced_precision(self, k: int) -> Outcomes:
        """Return class-balanced precision: every class weighs the same in the gallery, and the list weighs ``k``."""
        length = self.gallery.length(k)

        def measure(rows: Ints) -> Measure:
            class_BK, weight_BC = self._classes(rows, length), self.gallery.weight_QC[rows]
            weight_BK = np.take_along_axis(weight_BC, class_BK, axis=1)
            value, influence = ranking.share(class_BK == self.class_Q[rows, None], weight_BK, k)
            # A class that grows in the gallery loses weight: each of its items counts for less.
            by_class = -ranking.sums_by_class(class_BK[:, : influence.shape[1]], influence, weight_BC.shape[1])
            return Measure(value, influence, by_class)

        return self._outcomes(f"balanced_precision@{k}", measure, unit_interval=True)

    def max_skew(self, k: int) -> Outcomes:
        """Return MaxSkew of the first ``k`` (``ranking.max_skew``)."""
        return self._outcomes(f"max_skew@{k}", lambda rows: ranking.max_skew(*self._mix(rows, k), k))

    def ndkl(self, k: int) -> Outcomes:
        """Return NDKL of the first ``k`` (``ranking.ndkl``)."""
        return self._outcomes(f"ndkl@{k}", lambda rows: ranking.ndkl(*self._mix(rows, k), k))

    def _classes(self, rows: Ints, length: int) -> Ints:
        """Return the class of each of the first neighbours."""
        return self.gallery.class_G[self.neighbours_QK[rows, :length]]

    def _hits(self, rows: Ints, k: int) -> Mask:
        return np.asarray(self._classes(rows, k + max(k, BEHIND)) == self.class_Q[rows, None])

    def _mix(self, rows: Ints, k: int) -> tuple[Ints, Floats]:
        return self._classes(rows, k + max(k, BEHIND)), self.gallery.share_QC[rows]

    def _outcomes(
        self,
        metric: str,
        measure: Callable[[Ints], Measure],
        *,
        unknown: float = np.nan,
        unit_interval: bool = False,
    ) -> Outcomes:
        """Return the outcomes of a measure that takes the positions of queries."""

        def moves(rows: Ints) -> Moves:
            _, influence, by_class = measure(rows)
            known = self.known_Q[rows, None]
            items = self.neighbours_QK[rows, : influence.shape[1]]
            by_known = None if by_class is None else np.where(known, by_class, 0.0)
            return Moves(self.gallery.clusters_G[items], np.where(known, influence, 0.0), by_known)

        blocks = np.split(np.arange(len(self.class_Q)), range(BLOCK_ROWS, len(self.class_Q), BLOCK_ROWS))
        value = np.where(self.known_Q, np.concatenate([measure(rows).value for rows in blocks]), unknown)
        clusters = self.gallery.clusters_Q
        role = GalleryRole(moves, clusters, int(self.gallery.clusters_G.max()) + 1, self._parts_UC, self.gallery.alone)
        return Outcomes(metric, value, clusters, unit_interval=unit_interval, gallery=role)

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
    """Return ``measured`` with the condition in method and note of every row that has an interval."""
    groups = measured.groups
    there = groups["ci_method"] != ""
    note = (groups["note"] + "; " + CONDITIONAL).str.removeprefix("; ")
    groups = groups.assign(
        ci_method=(groups["ci_method"] + ", " + CONDITIONAL).where(there, ""), note=note.where(there, groups["note"])
    )
    rows = tuple(
        dataclasses.replace(row, ci_method=f"{row.ci_method}, {CONDITIONAL}").noted(CONDITIONAL)
        if row.ci_method
        else row
        for row in measured.comparisons
    )
    return dataclasses.replace(measured, groups=groups, comparisons=rows)

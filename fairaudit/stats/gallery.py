r"""``GalleryRole``: the second role of a cluster, as part of the gallery that outcomes share.

Derivatives of outcomes by the weights of gallery items are made for a block of rows when they are needed, and added up
at once: no array has a number for every entry of every list.

**What pairs add.** An outcome depends on its query and on the items of its list. To second order, a weighted sum of
outcomes is therefore a sum over clusters of :math:`f_c` and over pairs of them of :math:`f_{cc'}`, all uncorrelated,
with the variance :math:`\sum f_c^2 + \sum f_{cc'}^2` (Hoeffding). The influence :math:`\psi_c` holds every pair of
:math:`c`, so that :math:`\sum \psi_c^2` counts pairs twice [1]_. What a pair adds is the mixed difference of leaving
out both: the query's term in the sum, by the item's weight, :math:`R_{cc'} = \sum_{q \in c} b_q \sum_{j \in c'}
\partial y_q / \partial w_j`, over the entries of lists [2]_. ``pair_noise`` is :math:`\sum_{c \ne c'} R_{cc'}^2`.

:math:`\partial y_q / \partial w_j` is the hit less the share of hits among those that would replace it, so :math:`R` is
centred where it must be, at the query's own surroundings. It is not centred over the items of a list or the lists of an
item: whether an item is in a list is itself a matter of chance, and a two-way fit to list entries would remove just
what is counted twice (an item's label times being found). Over the complete table, zeros and all, a two-way fit
takes away at most :math:`1/Q + 1/G` of the variance, for Q and G clusters.
The products :math:`R_{cc'} R_{c'c}` of items that find each other are left out; to lists, third items matter as well,
and those products would take part of that away (``benchmarks.gallery_variance``).

References
----------
.. [1] Efron and Stein (1981), "The Jackknife Estimate of Variance", Annals of Statistics 9, eq. 2.6 to 2.11.
.. [2] Aronow, Samii and Assenova (2015), "Cluster-Robust Variance Estimation for Dyadic Data", Political Analysis 23.

Shape suffixes: N rows, U cluster codes, K entries of a list, G groups, C classes; of one block, B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Rows whose derivatives are held at once.
BLOCK_ROWS = 2048


class Moves(NamedTuple):
    """Derivatives of the outcomes of some rows.

    Parameters
    ----------
    clusters : ndarray of int, shape (B, K)
        Cluster code of each item in the neighbour list of each row.
    influence : ndarray of float, shape (B, K)
        Derivative by the weight of that item, which displaces others: 0 for an item that matches as well as those.
    by_class : ndarray of float, shape (B, C), or None
        Derivative by the logarithm of each class's share of the gallery, where the outcome is adjusted for the shares.
        Without it, intervals would include sampling noise of the shares that the adjustment removes.
    """

    clusters: npt.NDArray[np.integer]
    influence: Floats
    by_class: Floats | None = None


@dataclass(frozen=True, eq=False)
class GalleryRole:
    """Dependence of each outcome on gallery items.

    Parameters
    ----------
    moves : callable
        Gives the ``Moves`` of rows, named by their positions (B,).
    clusters : ndarray of int, shape (N,)
        Cluster code of each row.
    n_codes : int
        One more than the largest cluster code on the gallery side.
    class_parts : ndarray of float, shape (U, C), or None
        Relative change of each class's share when a cluster's weight grows (``class_parts``).
    alone : bool
        Whether every row, and every item of the gallery, is the only one of its cluster.
    """

    moves: Callable[[Ints], Moves]
    clusters: Ints
    n_codes: int
    class_parts: Floats | None = None
    alone: bool = False

    @classmethod
    def of(cls, moves: Moves, clusters: Ints, class_parts: Floats | None = None) -> GalleryRole:
        """Return the role from the derivatives of all rows, for few rows."""

        def some(rows: Ints) -> Moves:
            by_class = None if moves.by_class is None else moves.by_class[rows]
            return Moves(moves.clusters[rows], moves.influence[rows], by_class)

        largest = max(int(moves.clusters.max(initial=-1)), len([] if class_parts is None else class_parts) - 1)
        return cls(some, clusters, largest + 1, class_parts)

    def cluster_sums(self, codes: Ints, n_groups: int, weights: Floats, n_codes: int = 0) -> Floats:
        """Return the influence of each cluster, as part of the gallery, on a sum of outcomes for each group.

        Parameters
        ----------
        codes : ndarray of int, shape (N,)
            Group of each row, below ``n_groups``; -1 for none.
        n_groups : int
        weights : ndarray of float, shape (N,)
            Of the outcomes in the sums.
        n_codes : int
            Least number of rows of the result.

        Returns
        -------
        ndarray of float, shape (U, G)
        """
        return self.partition_sums([(codes, n_groups, weights)], n_codes)[0]

    def partition_sums(self, partitions: Sequence[tuple[Ints, int, Floats]], n_codes: int = 0) -> list[Floats]:
        """Return ``cluster_sums`` for several groupings of the rows, whose derivatives are made once."""
        n_rows = max(n_codes, self.n_codes)
        # A column of the result is contiguous: it is what is asked for.
        sums = [np.zeros((n_groups, n_rows)) for _, n_groups, _ in partitions]
        n_classes = 0 if self.class_parts is None else self.class_parts.shape[1]
        of_class = [np.zeros((n_groups, n_classes)) for _, n_groups, _ in partitions]
        squares_N = np.zeros(len(self.clusters))
        for block in self._blocks:
            rows = block[np.any([(codes[block] >= 0) & (w[block] != 0) for codes, _, w in partitions], axis=0)]
            moves = self.moves(rows)
            if self.alone:
                squares_N[rows] = _squares(moves, self.clusters[rows])
            for (codes, _, weights), sums_GU, of_class_GC in zip(partitions, sums, of_class, strict=True):
                inside = codes[rows] >= 0
                groups, weights_B1 = codes[rows][inside], weights[rows, None][inside]
                at_BK = moves.clusters[inside] + groups[:, None] * np.int64(n_rows)
                np.add.at(sums_GU.reshape(-1), at_BK.ravel(), (weights_B1 * moves.influence[inside]).ravel())
                if moves.by_class is not None and n_classes:
                    np.add.at(of_class_GC, groups, weights_B1 * moves.by_class[inside])
        if self.class_parts is not None:
            for sums_GU, of_class_GC in zip(sums, of_class, strict=True):
                sums_GU[:, : len(self.class_parts)] += of_class_GC @ self.class_parts.T
        if self.alone and all((codes >= 0).all() for codes, _, _ in partitions[:1]):
            self.__dict__["_squares_N"] = squares_N  # where ``cached_property`` keeps it
        return [sums_GU.T for sums_GU in sums]

    def group_noise(self, codes: Ints, n_groups: int, weights: Floats) -> Floats:
        """Return ``pair_noise`` of the weighted sum of each group (G,); arguments as in ``cluster_sums``."""
        if self.alone:
            inside = codes >= 0
            return np.bincount(codes[inside], (weights**2 * self._squares_N)[inside], n_groups).astype(np.float64)
        return self.pair_noise(weights[:, None] * (codes[:, None] == np.arange(n_groups)))

    def pair_noise(self, coefficients: Floats) -> Floats:
        """Return what pairs of clusters add to the sum of squared influences beyond their variance.

        Parameters
        ----------
        coefficients : ndarray of float, shape (N, B)
            Signed weight of each outcome in each of B contrasts, such as 1/n of one group and -1/m of another.

        Returns
        -------
        ndarray of float, shape (B,)
        """
        if self.alone:
            return np.asarray(self._squares_N @ coefficients**2)
        noise = np.zeros(coefficients.shape[1])
        for rows, matrix, squared in self._pairs:
            b_BC = coefficients[rows]
            noise += (b_BC * (matrix @ b_BC) if squared else (matrix.T @ b_BC) ** 2).sum(axis=0)
        return noise

    @cached_property
    def _squares_N(self) -> Floats:
        """Sum of the squared influences of the items in each row's list; of rows and items that are alone."""
        return np.concatenate([_squares(self.moves(rows), self.clusters[rows]) for rows in self._blocks])[
            np.argsort(np.concatenate(self._blocks))
        ]

    @cached_property
    def _pairs(self) -> list[tuple[Ints, csr_array, bool]]:
        """For the rows of each block, their influence by cell, or its product with itself where that is smaller.

        A cell is the cluster of a row with another cluster of items.
        """
        pairs = []
        for rows in self._blocks:
            moves, own_B1 = self.moves(rows), self.clusters[rows, None]
            influence_BK = np.where(moves.clusters == own_B1, 0.0, moves.influence)
            cells, at = np.unique(own_B1 * np.int64(self.n_codes) + moves.clusters, return_inverse=True)
            starts = np.arange(len(rows) + 1) * influence_BK.shape[1]
            by_cell = csr_array((influence_BK.ravel(), at.ravel(), starts), shape=(len(rows), len(cells)))
            squared = int((np.unique(own_B1, return_counts=True)[1] ** 2).sum()) <= influence_BK.size
            pairs.append((rows, csr_array(by_cell @ by_cell.T) if squared else by_cell, squared))
        return pairs

    @cached_property
    def _blocks(self) -> list[Ints]:
        """The positions of rows, some at a time; rows of one cluster are never apart."""
        order = np.argsort(self.clusters, kind="stable")
        starts = np.flatnonzero(np.diff(self.clusters[order], prepend=-1))
        cuts = np.searchsorted(starts, np.arange(BLOCK_ROWS, len(order), BLOCK_ROWS))
        return np.split(order, np.unique(starts[cuts[cuts < len(starts)]]))


def _squares(moves: Moves, clusters: Ints) -> Floats:
    influence = np.where(moves.clusters == clusters[:, None], 0.0, moves.influence)
    return np.asarray(np.einsum("bk,bk->b", influence, influence), dtype=np.float64)


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

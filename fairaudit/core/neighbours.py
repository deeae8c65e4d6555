"""Exact nearest neighbours by cosine similarity: blocked, deterministic, without torch.

Similarities are taken in float32, a tile of queries and gallery rows at a time, so that memory does not grow with
either set. A tile is compared with the k-th largest similarity that each query is known to reach, and only what reaches
it is kept. Rounding in a matrix product depends on its shape and on the number of threads: candidates that are nearer
to each other than rounding can tell apart are ordered by their products in float64, and equal ones by index. So lists
are the same for every size of a tile and every number of threads.

Shape suffixes: Q queries, G gallery items, U distinct vectors among them, D dimensions, K neighbours; of one tile, B
queries and C columns; P pairs of a query and a distinct vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import DataError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Similarities held at once: 2 Mi floats are 8 MiB, which caches hold.
_TILE_CELLS = 2**21
#: Columns of a tile, or twice the length of a list, if that is more.
_TILE_COLUMNS = 2048
#: Pairs kept at once; where more are too near to each other to be told apart, fewer queries are taken together.
_MOST_PAIRS = 2**23
#: Numbers in float64 that are multiplied at once.
_EXACT_CELLS = 2**21
#: Cosines nearer than this are told apart in float64; it grows with the root of the dimensions beyond 1,024.
_NEAR = 4e-6
_NOBODY = -1


def unit_length(vectors_ND: npt.NDArray[np.floating]) -> Floats:
    """Return rows scaled to length one, float32; a row of zeros stays zero."""
    unit_ND = np.empty(vectors_ND.shape, dtype=np.float32)
    rows = max(1, 2**18 // max(1, vectors_ND.shape[1]))
    for start in range(0, len(vectors_ND), rows):
        part = vectors_ND[start : start + rows]
        # Divided by the largest entry first: squares of very large or small numbers leave the range of float32.
        largest = np.abs(part).max(axis=1, keepdims=True, initial=0)
        scaled = np.asarray(part / np.where(largest == 0, 1, largest), dtype=np.float32)
        norms = np.linalg.norm(scaled, axis=1, keepdims=True)
        np.divide(scaled, np.where(norms == 0, 1, norms), out=unit_ND[start : start + rows])
    return unit_ND


def nearest(
    queries_QD: npt.NDArray[np.floating],
    gallery_GD: npt.NDArray[np.floating],
    *,
    k: int,
    query_clusters: Ints,
    gallery_clusters: Ints,
) -> Ints:
    """Return the ``k`` most similar gallery rows of each query, nearest first.

    A gallery row of the query's own cluster (the same image, person or household) is never a neighbour. Equal
    similarities are ordered by gallery index; copies of a vector are compared with a query once, for all of them.

    Parameters
    ----------
    queries_QD, gallery_GD : ndarray, shapes (Q, D) and (G, D)
        Need not be normalised.
    k : int
        1 <= k <= the number of gallery rows outside any query's own cluster.
    query_clusters, gallery_clusters : ndarray of int, shapes (Q,) and (G,)
        One code space for both, from 0.

    Returns
    -------
    ndarray of int64, shape (Q, k)

    Raises
    ------
    DataError
        If the dimensions differ, or a query has fewer than ``k`` rows left to find.
    """
    if queries_QD.shape[1] != gallery_GD.shape[1]:
        raise DataError(
            f"queries and gallery must have vectors of one length; got {queries_QD.shape[1]} and "
            f"{gallery_GD.shape[1]}. Extract both with the same checkpoint."
        )
    sizes = np.bincount(gallery_clusters, minlength=int(query_clusters.max(initial=0)) + 1)
    left = len(gallery_clusters) - int(sizes[query_clusters].max(initial=0))
    if not 1 <= k <= left:
        raise DataError(
            f"k must be from 1 to the {left} gallery images outside a query's own cluster; got {k}. "
            "Choose a smaller k or a larger gallery."
        )
    gallery = _Gallery.of(unit_length(gallery_GD), gallery_clusters)
    found = np.empty((len(queries_QD), k), dtype=np.int64)
    rows = max(1, _TILE_CELLS // max(_TILE_COLUMNS, 2 * k))
    blocks = [(start, min(start + rows, len(found))) for start in range(0, len(found), rows)]
    while blocks:
        start, stop = blocks.pop()
        queries, clusters = unit_length(queries_QD[start:stop]), query_clusters[start:stop]
        pairs = gallery.candidates(queries, clusters, k)
        if pairs is None:
            blocks += [(start, (start + stop) // 2), ((start + stop) // 2, stop)]
        else:
            found[start:stop] = gallery.ordered(queries, clusters, pairs, k)
    return found


@dataclass(frozen=True)
class _Pairs:
    """Queries of a block (by row) and distinct vectors that may be among their nearest, with their similarity."""

    rows_P: Ints
    columns_P: Ints
    similarity_P: Floats


@dataclass(frozen=True)
class _Gallery:
    """The distinct vectors of a gallery, in the order of their first items.

    ``clusters_U`` is the cluster of all items of a vector, or ``_NOBODY`` where they are of several. The items of
    vector u are ``items_G[starts_U[u] : starts_U[u] + sizes_U[u]]``, ascending.
    """

    vectors_UD: Floats
    clusters_U: Ints
    items_G: Ints
    starts_U: Ints
    sizes_U: Ints
    clusters_G: Ints

    @classmethod
    def of(cls, vectors_GD: Floats, clusters_G: Ints) -> _Gallery:
        """Return the gallery of unit vectors."""
        first_U, copy_of_G, sizes_U = np.unique(_first_copies(vectors_GD), return_inverse=True, return_counts=True)
        if len(first_U) < len(vectors_GD):
            vectors_GD = vectors_GD[first_U]
        items_G, starts_U = np.argsort(copy_of_G, kind="stable"), np.cumsum(sizes_U) - sizes_U
        by_vector_G = clusters_G[items_G]
        same_U = np.minimum.reduceat(by_vector_G, starts_U) == np.maximum.reduceat(by_vector_G, starts_U)
        clusters_U = np.where(same_U, clusters_G[first_U], _NOBODY)
        return cls(vectors_GD, clusters_U, items_G, starts_U, sizes_U, clusters_G)

    @property
    def near(self) -> float:
        """How far apart two similarities must be for float32 to say which is larger."""
        return _NEAR * float(np.sqrt(max(1.0, self.vectors_UD.shape[1] / 1024)))

    def candidates(self, queries_BD: Floats, clusters_B: Ints, k: int) -> _Pairs | None:
        """Return all pairs that reach the ``k``-th largest similarity of their query; None if they are too many."""
        top_BK = np.full((len(queries_BD), k), -np.inf, dtype=np.float32)
        found: list[_Pairs] = []
        columns = max(_TILE_COLUMNS, 2 * k)
        for start in range(0, len(self.vectors_UD), columns):
            tile_BC = queries_BD @ self.vectors_UD[start : start + columns].T
            tile_BC[_equal_pairs(clusters_B, self.clusters_U[start : start + columns])] = -np.inf
            top_BK = _raised(top_BK, tile_BC)
            # A cosine is at least -1: what is of the own cluster is never reached.
            least_B = np.maximum(top_BK[:, 0] - np.float32(self.near), -2)
            at = np.flatnonzero(tile_BC >= least_B[:, None])
            rows, cols = np.divmod(at, tile_BC.shape[1])
            found.append(_Pairs(rows, cols + start, tile_BC.ravel()[at]))
            if sum(len(pairs.rows_P) for pairs in found) > _MOST_PAIRS and len(queries_BD) > 1:
                return None
        rows_P, columns_P, similarity_P = (
            np.concatenate([getattr(pairs, name) for pairs in found])
            for name in ("rows_P", "columns_P", "similarity_P")
        )
        keep = similarity_P >= least_B[rows_P]
        return _Pairs(rows_P[keep], columns_P[keep], similarity_P[keep])

    def ordered(self, queries_BD: Floats, clusters_B: Ints, pairs: _Pairs, k: int) -> Ints:
        """Return the items (B, K) of the first pairs of each query, by similarity and then by index."""
        # By query, and then by similarity, which lies within 2 of zero.
        order = np.argsort(4.0 * pairs.rows_P - pairs.similarity_P)
        rows_P, columns_P, similarity_P = pairs.rows_P[order], pairs.columns_P[order], pairs.similarity_P[order]
        linked = (rows_P[1:] == rows_P[:-1]) & (similarity_P[:-1] - similarity_P[1:] <= self.near)
        chain_P = np.concatenate([[0], np.cumsum(~linked)])
        unsure_P = np.concatenate([linked, [False]]) | np.concatenate([[False], linked])
        exact_P = similarity_P.astype(np.float64)
        exact_P[unsure_P] = _exact(queries_BD, self.vectors_UD, rows_P[unsure_P], columns_P[unsure_P])
        items = self.items_G[self.starts_U[columns_P]]
        if len(self.items_G) > len(self.vectors_UD):
            of_pair = np.repeat(np.arange(len(rows_P)), self.sizes_U[columns_P])
            items = self.items_G[_ranges(self.starts_U[columns_P], self.sizes_U[columns_P])]
            other = self.clusters_G[items] != clusters_B[rows_P[of_pair]]
            items, of_pair = items[other], of_pair[other]
            rows_P, chain_P, exact_P, unsure_P = (x[of_pair] for x in (rows_P, chain_P, exact_P, unsure_P))
        at = np.flatnonzero(unsure_P)
        items[at] = items[at[np.lexsort((items[at], -exact_P[at], chain_P[at]))]]
        starts_B = np.searchsorted(rows_P, np.arange(len(queries_BD)))
        return np.asarray(items[starts_B[:, None] + np.arange(k)], dtype=np.int64)


def _first_copies(vectors_GD: Floats) -> Ints:
    """Return for each row the first row that is equal to it (itself, mostly)."""
    sums_G = vectors_GD.sum(axis=1, dtype=np.float64)
    _, first, inverse = np.unique(sums_G, return_index=True, return_inverse=True)
    first_G = first[inverse]
    for row in np.flatnonzero(first_G != np.arange(len(first_G))):
        if not np.array_equal(vectors_GD[row], vectors_GD[first_G[row]]):
            first_G[row] = row  # another vector with the same sum
    return np.asarray(first_G, dtype=np.int64)


def _raised(top_BK: Floats, tile_BC: Floats) -> Floats:
    """Return K similarities by row that are among those seen, the least of them first, as large as is quickly known.

    Columns are folded, and the largest of those that fall together stands for them: the K-th largest of these is at
    most the K-th largest of all.
    """
    folds = max(1, tile_BC.shape[1] // (2 * top_BK.shape[1]))
    width = tile_BC.shape[1] // folds
    folded_BW = tile_BC[:, : folds * width].reshape(len(tile_BC), folds, width).max(axis=1)
    both = np.concatenate([top_BK, folded_BW], axis=1)
    return np.partition(both, width, axis=1)[:, width:]


def _equal_pairs(first_B: Ints, second_C: Ints) -> tuple[Ints, Ints]:
    """Return rows and columns where the codes of both are equal."""
    order = np.argsort(second_C, kind="stable")
    starts, ends = (np.searchsorted(second_C, first_B, side=side, sorter=order) for side in ("left", "right"))
    return np.repeat(np.arange(len(first_B)), ends - starts), order[_ranges(starts, ends - starts)]


def _ranges(starts: Ints, sizes: Ints) -> Ints:
    """Return ``starts[i], starts[i] + 1, ...`` (``sizes[i]`` of them) for one i after the other."""
    ends = np.cumsum(sizes)
    places: Ints = np.arange(int(sizes.sum())) + np.repeat(starts - (ends - sizes), sizes)
    return places


def _exact(queries_BD: Floats, vectors_UD: Floats, rows_P: Ints, columns_P: Ints) -> Doubles:
    """Return similarities in float64; each depends on its two vectors alone."""
    exact_P = np.empty(len(rows_P))
    step = max(1, _EXACT_CELLS // vectors_UD.shape[1])
    for start in range(0, len(rows_P), step):
        part = slice(start, start + step)
        # Not a matrix product: numpy sums the products of each row by themselves.
        exact_P[part] = (vectors_UD[columns_P[part]].astype(np.float64) * queries_BD[rows_P[part]]).sum(axis=1)
    return exact_P

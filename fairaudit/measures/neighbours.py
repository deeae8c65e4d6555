"""Exact nearest neighbours by cosine similarity: blocked, deterministic, without torch.

Similarities are taken in float32, a tile of queries and gallery rows at a time, so that memory does not grow with
either set. A tile is compared with the k-th largest similarity that each query is known to reach, and only similarities
that reach it are kept. Rounding in a matrix product depends on its shape and on the number of threads: candidates that
are nearer to each other than rounding can tell apart are ordered by their cosines in float64, and equal ones by index.
So lists are the same for every size of a tile and every number of threads.

Shape suffixes: Q queries, G gallery items, U distinct vectors among them, D dimensions, K neighbours; of one tile, B
queries and C columns; P pairs of a query and a distinct vector.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from fairaudit.core.errors import DataError

Floats32 = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Similarities that a thread holds at once, 12 MiB: smaller products are slower, larger ones leave the cache.
_TILE_CELLS = 3 * 2**20
#: Columns of a tile; more for long lists.
_TILE_COLUMNS = 2000
#: Columns that are folded into one, their largest.
_FOLDS = 8
#: Pairs kept at once; if more are too near to each other to be ordered, fewer queries are taken together.
_MOST_PAIRS = 2**21
#: Numbers in float64 that are multiplied at once.
_EXACT_CELLS = 2**21
#: Cosines nearer than this are told apart in float64: five times the observed rounding at 1,024 dimensions; it grows
#: with the root of more.
_NEAR = 4e-6
_NOBODY = -1
#: Entries whose squares float32 holds without loss, whatever the dimensions; so are those below one over it.
_LEAST_ENTRY = 1e-12


def unit_length(vectors_ND: npt.NDArray[np.floating]) -> Floats32:
    """Return rows scaled to length one, float32; a row of zeros stays zero."""
    unit_ND = np.empty(vectors_ND.shape, dtype=np.float32)
    rows = max(1, 2**18 // max(1, vectors_ND.shape[1]))
    for start in range(0, len(vectors_ND), rows):
        part = vectors_ND[start : start + rows]
        largest = np.maximum(part.max(axis=1, initial=0), -part.min(axis=1, initial=0))
        # Squares of very large or small numbers leave the range of float32: such rows are divided by their largest.
        extreme = (largest > 0) & ((largest < _LEAST_ENTRY) | (largest > 1 / _LEAST_ENTRY))
        if extreme.any():
            part = part / np.where(extreme, largest, 1)[:, None]
        part = np.asarray(part, dtype=np.float32)
        squares = np.einsum("nd,nd->n", part, part)
        np.multiply(part, 1 / np.sqrt(np.where(squares == 0, 1, squares))[:, None], out=unit_ND[start : start + rows])
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
    gallery = _Gallery.of(gallery_GD, gallery_clusters)
    neighbours_QK = np.empty((len(queries_QD), k), dtype=np.int64)

    def search(start: int, stop: int) -> None:
        queries, clusters = queries_QD[start:stop], query_clusters[start:stop]
        pairs = gallery.candidates(unit_length(queries), clusters, k)
        if pairs is None:
            middle = (start + stop) // 2
            search(start, middle)
            search(middle, stop)
        else:
            neighbours_QK[start:stop] = gallery.ordered(queries, clusters, pairs, k)

    # Each thread has queries of its own, for not only the products take time; BLAS has one thread in each.
    threads = max([1, *(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")])
    blocks = -(-len(neighbours_QK) // max(1, _TILE_CELLS // _columns(k, len(gallery.vectors_UD))))
    bounds = np.unique(np.linspace(0, len(neighbours_QK), -(-blocks // threads) * threads + 1).astype(int)).tolist()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(search, bounds[:-1], bounds[1:]))
    return neighbours_QK


def _columns(k: int, n_vectors: int) -> int:
    """Return how many gallery rows are compared at once: if there are that many, twice ``k`` are left when folded."""
    return min(max(_TILE_COLUMNS, 2 * k * _FOLDS), -(-n_vectors // _FOLDS) * _FOLDS)


@dataclass(frozen=True)
class _Pairs:
    """Queries of a block (by row) and distinct vectors that may be among their nearest, with their similarity."""

    rows_P: Ints
    columns_P: Ints
    similarity_P: Floats32


@dataclass(frozen=True)
class _Gallery:
    """The distinct vectors of a gallery, of length one, in the order of their first items.

    ``raw_GD`` holds all items, unscaled. ``clusters_U`` is the cluster of all items of a vector, or ``_NOBODY`` for
    several. The items of vector u are ``items_G[starts_U[u] : starts_U[u] + sizes_U[u]]``, ascending.
    """

    raw_GD: npt.NDArray[np.floating]
    vectors_UD: Floats32
    clusters_U: Ints
    items_G: Ints
    starts_U: Ints
    sizes_U: Ints
    clusters_G: Ints

    @classmethod
    def of(cls, raw_GD: npt.NDArray[np.floating], clusters_G: Ints) -> _Gallery:
        """Return the gallery of vectors that need not be normalised."""
        first_U, copy_of_G, sizes_U = np.unique(_first_copies(raw_GD), return_inverse=True, return_counts=True)
        vectors_UD = unit_length(raw_GD if len(first_U) == len(raw_GD) else raw_GD[first_U])
        items_G, starts_U = np.argsort(copy_of_G, kind="stable"), np.cumsum(sizes_U) - sizes_U
        by_vector_G = clusters_G[items_G]
        same_U = np.minimum.reduceat(by_vector_G, starts_U) == np.maximum.reduceat(by_vector_G, starts_U)
        clusters_U = np.where(same_U, clusters_G[first_U], _NOBODY)
        return cls(raw_GD, vectors_UD, clusters_U, items_G, starts_U, sizes_U, clusters_G)

    @property
    def near(self) -> float:
        """Least difference of two similarities that float32 can order."""
        return _NEAR * float(np.sqrt(max(1.0, self.vectors_UD.shape[1] / 1024)))

    def candidates(self, queries_BD: Floats32, clusters_B: Ints, k: int) -> _Pairs | None:
        """Return all pairs that reach the ``k``-th largest similarity of their query; None if they are too many."""
        top_BK = np.full((len(queries_BD), k), -np.inf, dtype=np.float32)
        kept: list[_Pairs] = []
        columns = _columns(k, len(self.vectors_UD))
        width, folds = columns // _FOLDS, np.arange(_FOLDS)
        tile_BC = np.empty((len(queries_BD), columns), dtype=np.float32)
        for start in range(0, len(self.vectors_UD), columns):
            vectors_CD = self.vectors_UD[start : start + columns]
            np.matmul(queries_BD, vectors_CD.T, out=tile_BC[:, : len(vectors_CD)])
            tile_BC[:, len(vectors_CD) :] = -np.inf
            tile_BC[_equal_pairs(clusters_B, self.clusters_U[start : start + columns])] = -np.inf
            # Columns are folded, and the largest of those that fall together stands for them, so that most are never
            # looked at: the K-th largest of such is at most the K-th largest of all.
            folded_BW = tile_BC.reshape(-1, _FOLDS, width).max(axis=1)
            top_BK = np.partition(np.concatenate([top_BK, folded_BW], axis=1), width, axis=1)[:, width:]
            # A cosine is at least -1: items of the query's own cluster are never reached.
            least_B = np.maximum(top_BK[:, 0] - np.float32(self.near), -2)
            rows, cols = np.divmod(np.flatnonzero(folded_BW >= least_B[:, None]), width)
            rows, cols = np.repeat(rows, _FOLDS), (cols[:, None] + width * folds).ravel()
            values = tile_BC[rows, cols]
            reached = values >= least_B[rows]
            kept.append(_Pairs(rows[reached], cols[reached] + start, values[reached]))
            if sum(len(pairs.rows_P) for pairs in kept) > _MOST_PAIRS and len(queries_BD) > 1:
                return None
        rows_P, columns_P, similarity_P = (
            np.concatenate([getattr(pairs, name) for pairs in kept]) for name in ("rows_P", "columns_P", "similarity_P")
        )
        keep = similarity_P >= least_B[rows_P]
        return _Pairs(rows_P[keep], columns_P[keep], similarity_P[keep])

    def ordered(self, queries_BD: npt.NDArray[np.floating], clusters_B: Ints, pairs: _Pairs, k: int) -> Ints:
        """Return the items (B, K) of the first pairs of each query, by similarity and then by index."""
        # By query, and then by similarity, which lies within 2 of zero.
        order = np.argsort(4.0 * pairs.rows_P - pairs.similarity_P)
        rows_P, columns_P, similarity_P = pairs.rows_P[order], pairs.columns_P[order], pairs.similarity_P[order]
        linked = (rows_P[1:] == rows_P[:-1]) & (similarity_P[:-1] - similarity_P[1:] <= self.near)
        chain_P = np.concatenate([[0], np.cumsum(~linked)])
        unsure_P = np.concatenate([linked, [False]]) | np.concatenate([[False], linked])
        exact_P = similarity_P.astype(np.float64)
        items = self.items_G[self.starts_U[columns_P]]
        exact_P[unsure_P] = _exact(queries_BD, self.raw_GD, rows_P[unsure_P], items[unsure_P])
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


def _first_copies(vectors_GD: npt.NDArray[np.floating]) -> Ints:
    """Return for each row the first row that is equal to it (itself, mostly)."""
    half = vectors_GD.shape[1] // 2
    sums_G = vectors_GD[:, :half].sum(axis=1) + 1j * vectors_GD[:, half:].sum(axis=1)
    _, first, inverse = np.unique(sums_G, return_index=True, return_inverse=True)
    first_G = first[inverse]
    for row in np.flatnonzero(first_G != np.arange(len(first_G))):
        if not np.array_equal(vectors_GD[row], vectors_GD[first_G[row]]):
            first_G[row] = row  # another vector with the same sums
    return np.asarray(first_G, dtype=np.int64)


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


def _exact(
    queries_BD: npt.NDArray[np.floating], gallery_GD: npt.NDArray[np.floating], rows_P: Ints, items_P: Ints
) -> Doubles:
    """Return cosines in float64, to 12 decimals; each depends on its two vectors alone."""
    queries = queries_BD.astype(np.float64)
    squares_B = (queries * queries).sum(axis=1)
    exact_P = np.empty(len(rows_P))
    step = max(1, _EXACT_CELLS // gallery_GD.shape[1])
    for start in range(0, len(rows_P), step):
        rows, vectors = rows_P[start : start + step], gallery_GD[items_P[start : start + step]].astype(np.float64)
        # Not a matrix product: numpy sums the products of each row by themselves.
        lengths = np.sqrt(squares_B[rows] * (vectors * vectors).sum(axis=1))
        exact_P[start : start + step] = (vectors * queries[rows]).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    return exact_P.round(12)

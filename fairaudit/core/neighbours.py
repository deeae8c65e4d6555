"""Exact nearest neighbours by cosine similarity: blocked, deterministic, without torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import DataError

# Shape suffixes: Q queries, G gallery items, D dimensions, K neighbours, B queries of one block.

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

#: Similarities held at once: 64 Mi floats are 256 MiB.
_BLOCK_CELLS = 2**26
#: Cosines nearer than this are told apart in float64: rounding in a matrix product differs with its shape.
_NEAR = 4e-6


def unit_length(vectors_ND: npt.NDArray[np.floating]) -> Floats:
    """Return rows scaled to length one, float32; a row of zeros stays zero."""
    # Divided by the largest entry first: squares of very large or small numbers leave the range of float32.
    largest = np.abs(vectors_ND).max(axis=1, keepdims=True, initial=0)
    vectors = np.asarray(vectors_ND / np.where(largest == 0, 1, largest), dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms == 0, 1, norms), dtype=np.float32)


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
    similarities are ordered by gallery index, so that the result does not depend on the block size.

    Parameters
    ----------
    queries_QD, gallery_GD : ndarray, shapes (Q, D) and (G, D)
        Need not be normalised.
    k : int
        1 <= k <= the number of gallery rows outside any query's own cluster.
    query_clusters, gallery_clusters : ndarray of int, shapes (Q,) and (G,)
        One code space for both.

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
    gallery, queries = unit_length(gallery_GD), unit_length(queries_QD)
    block = max(1, _BLOCK_CELLS // len(gallery))
    found = np.empty((len(queries), k), dtype=np.int64)
    for start in range(0, len(queries), block):
        queries_BD = queries[start : start + block]
        similarity_BG = queries_BD @ gallery.T
        own = query_clusters[start : start + block, None] == gallery_clusters[None, :]
        similarity_BG[own] = -np.inf
        found[start : start + block] = _top(similarity_BG, k, queries_BD, gallery)
    return found


def _top(similarity_BG: Floats, k: int, queries_BD: Floats, gallery_GD: Floats) -> Ints:
    """Return the columns of the ``k`` largest values by row, ties by column."""
    some_BK = np.argpartition(-similarity_BG, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(similarity_BG, some_BK, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    top = np.take_along_axis(some_BK, order, axis=1).astype(np.int64)
    values = np.take_along_axis(values, order, axis=1)
    least = values[:, -1:] - _NEAR
    unsure = ((similarity_BG >= least).sum(axis=1) > k) | (values[:, :-1] - values[:, 1:] <= _NEAR).any(axis=1)
    for row in np.flatnonzero(unsure):
        columns = np.flatnonzero(similarity_BG[row] >= least[row])
        # Products are summed row by row, so that copies of an image get one value wherever they stand.
        exact = (gallery_GD[columns].astype(np.float64) * queries_BD[row]).sum(axis=1)
        top[row] = columns[np.argsort(-exact, kind="stable")[:k]]
    return top

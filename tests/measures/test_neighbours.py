"""Exact neighbours: against a full sort, in every block size, with ties, and never of the own cluster."""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from fairaudit.core.errors import DataError
from fairaudit.measures import neighbours
from fairaudit.measures.neighbours import nearest, unit_length
from tests.reference.retrieval import ranking

Ints = npt.NDArray[np.int64]


def sorted_in_full(
    queries: npt.ArrayLike, gallery: npt.ArrayLike, own: Ints, clusters: Ints, k: int
) -> list[list[int]]:
    rows = np.asarray(queries)
    return [ranking(q, gallery, c, list(clusters))[:k] for q, c in zip(rows, own, strict=True)]


@pytest.mark.parametrize("k", [1, 3, 10, 34])
def test_equals_a_full_sort(rng: np.random.Generator, k: int) -> None:
    queries, gallery = rng.standard_normal((20, 6)), rng.standard_normal((40, 6))
    own, clusters = rng.integers(0, 12, 20), rng.permutation(np.arange(40) % 10)
    found = nearest(queries, gallery, k=k, query_clusters=own, gallery_clusters=clusters)
    assert found.shape == (20, k)
    assert found.dtype == np.int64
    assert found.tolist() == sorted_in_full(queries, gallery, own, clusters, k)


def test_never_of_the_own_cluster_even_when_identical(rng: np.random.Generator) -> None:
    vectors = np.repeat(rng.standard_normal((15, 8)), 4, axis=0)
    clusters = np.arange(60) // 4
    found = nearest(vectors, vectors, k=56, query_clusters=clusters, gallery_clusters=clusters)
    assert (clusters[found] != clusters[:, None]).all()
    assert all(len(set(row)) == 56 for row in found.tolist())


def test_ties_are_ordered_by_index() -> None:
    gallery = np.array([[0.0, 1], [1, 0], [2, 0], [-1, 0], [0.5, 0], [3, 0]])
    found = nearest(
        np.array([[1.0, 0]]), gallery, k=3, query_clusters=np.array([9]), gallery_clusters=np.arange(6, dtype=np.int64)
    )
    assert found.tolist() == [[1, 2, 4]]
    # A row of zeros is as far from everything: then the order is the index alone.
    nowhere = nearest(
        np.zeros((1, 2)), gallery, k=5, query_clusters=np.array([9]), gallery_clusters=np.arange(6, dtype=np.int64)
    )
    assert nowhere.tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("cells", [1, 57, 200, 1000])
@pytest.mark.parametrize("dimensions", [3, 64, 129])
def test_the_block_size_changes_nothing(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, cells: int, dimensions: int
) -> None:
    """Also where the same picture lies in the gallery several times, so that rounding must not decide."""
    vectors = rng.standard_normal((57, dimensions)).astype(np.float32)
    vectors[rng.integers(0, 57, 30)] = vectors[0]
    clusters = np.arange(57)
    whole = nearest(vectors, vectors, k=9, query_clusters=clusters, gallery_clusters=clusters)
    monkeypatch.setattr(neighbours, "_TILE_CELLS", 8 * cells)
    monkeypatch.setattr(neighbours, "_TILE_COLUMNS", 8)
    blocks = nearest(vectors, vectors, k=9, query_clusters=clusters, gallery_clusters=clusters)
    np.testing.assert_array_equal(whole, blocks)


def collapsed(rng: np.random.Generator, n: int, dimensions: int, spread: float) -> npt.NDArray[np.float32]:
    """All vectors nearly alike: cosines differ by less than float32 tells apart, and every tenth is a copy."""
    vectors = (1 + spread * rng.standard_normal((n, dimensions))).astype(np.float32)
    vectors[::10] = vectors[0]
    return vectors


def float64_order(vectors: npt.NDArray[np.float32], k: int) -> Ints:
    """A stable sort of cosines in float64, to 12 decimals; images of the own cluster left out."""
    long = vectors.astype(np.float64)
    unit = long / np.linalg.norm(long, axis=1, keepdims=True)
    similarity = (unit @ unit.T).round(12)
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("spread", [1e-3, 1e-6, 0.0])
def test_vectors_that_float32_does_not_tell_apart(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, spread: float
) -> None:
    vectors, clusters = collapsed(rng, 300, 200, spread), np.arange(300)
    expected = float64_order(vectors, 20)
    whole = nearest(vectors, vectors, k=20, query_clusters=clusters, gallery_clusters=clusters)
    np.testing.assert_array_equal(whole, expected)
    monkeypatch.setattr(neighbours, "_MOST_PAIRS", 500)  # fewer queries are then taken together
    monkeypatch.setattr(neighbours, "_EXACT_CELLS", 20000)
    split = nearest(vectors, vectors, k=20, query_clusters=clusters, gallery_clusters=clusters)
    np.testing.assert_array_equal(split, expected)


def test_the_number_of_threads_changes_nothing(rng: np.random.Generator) -> None:
    vectors, clusters = collapsed(rng, 600, 64, 3e-3), np.arange(600) // 3
    lists = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            lists.append(nearest(vectors, vectors, k=50, query_clusters=clusters, gallery_clusters=clusters))
    np.testing.assert_array_equal(lists[0], lists[1])
    np.testing.assert_array_equal(lists[0], lists[2])


def test_memory_does_not_grow_with_both_sets(rng: np.random.Generator) -> None:
    """All similarities at once would take 240 MB; tiles, the gallery and what is kept take less than a quarter."""
    queries, gallery = rng.standard_normal((2000, 8), dtype=np.float32), rng.standard_normal((30000, 8), np.float32)
    codes = np.arange(32000)
    tracemalloc.start()
    nearest(queries, gallery, k=50, query_clusters=codes[:2000], gallery_clusters=codes[2000:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6


def test_copies_of_a_picture_are_ordered_by_index(rng: np.random.Generator) -> None:
    vectors = rng.standard_normal((200, 33)).astype(np.float32)
    copies = np.sort(rng.choice(200, 50, replace=False))
    vectors[copies] = vectors[copies[0]]
    clusters = np.arange(200)
    found = nearest(vectors, vectors, k=20, query_clusters=clusters, gallery_clusters=clusters)
    for i in copies:
        assert found[i].tolist() == [int(c) for c in copies if c != i][:20]


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 7.0, 1e30])
def test_scaling_vectors_changes_nothing(rng: np.random.Generator, scale: float) -> None:
    vectors = rng.standard_normal((50, 5)).astype(np.float32)
    clusters = np.arange(50) // 2
    plain = nearest(vectors, vectors, k=7, query_clusters=clusters, gallery_clusters=clusters)
    for scaled in (vectors * np.float32(scale), vectors.astype(np.float64) * scale):
        again = nearest(scaled, scaled, k=7, query_clusters=clusters, gallery_clusters=clusters)
        np.testing.assert_array_equal(plain, again)


def test_unit_length() -> None:
    vectors = unit_length(np.array([[3.0, 4], [0, 0], [0, -2]]))
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(np.array([[0.6, 0.8], [0, 0], [0, -1]]), abs=1e-7)


def test_single_pictures_and_no_queries() -> None:
    one = np.ones((1, 2))
    found = nearest(
        np.empty((0, 2)), one, k=1, query_clusters=np.empty(0, dtype=np.int64), gallery_clusters=np.array([0])
    )
    assert found.shape == (0, 1)


@pytest.mark.parametrize("k", [0, -1, 7, 100])
def test_k_out_of_range(rng: np.random.Generator, k: int) -> None:
    vectors = rng.standard_normal((10, 3))
    clusters = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3, 3])
    with pytest.raises(DataError) as caught:
        nearest(vectors, vectors, k=k, query_clusters=clusters, gallery_clusters=clusters)
    assert str(caught.value) == (
        f"k must be from 1 to the 6 gallery images outside a query's own cluster; got {k}. "
        "Choose a smaller k or a larger gallery."
    )


def test_vectors_of_two_models() -> None:
    with pytest.raises(DataError) as caught:
        nearest(
            np.ones((2, 3)), np.ones((2, 4)), k=1, query_clusters=np.array([0, 1]), gallery_clusters=np.array([0, 1])
        )
    assert str(caught.value) == (
        "queries and gallery must have vectors of one length; got 3 and 4. Extract both with the same checkpoint."
    )

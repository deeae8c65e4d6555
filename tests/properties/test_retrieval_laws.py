"""What holds for any neighbour lists: precision lies in [0, 1], and is the reference's."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fairaudit.measures import neighbours
from fairaudit.measures.neighbours import nearest
from fairaudit.measures.ranking import max_skew, ndkl, share
from fairaudit.measures.retrieval import Gallery
from tests.reference import retrieval


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([1, 7, 1000]))
def test_neighbours_with_many_ties_and_copies(seed: int, n: int, cells: int) -> None:
    """Directions on a grid: most vectors have copies and most similarities are shared. A full sort says the order."""
    rng = np.random.default_rng(seed)
    gallery, queries = rng.integers(-1, 2, (n, 3)), rng.integers(-1, 2, (5, 3))
    clusters, own = rng.integers(0, 4, n), rng.integers(0, 4, 5)
    left = n - int(np.bincount(clusters, minlength=4)[own].max())
    assume(left > 0)
    k = int(rng.integers(1, left + 1))
    with patch.multiple(neighbours, _TILE_CELLS=cells, _TILE_COLUMNS=4):
        found = nearest(
            queries.astype(float), gallery.astype(float), k=k, query_clusters=own, gallery_clusters=clusters
        )
    for i in range(5):
        lengths = np.linalg.norm(gallery, axis=1) * np.linalg.norm(queries[i])
        cosines = (gallery @ queries[i] / np.where(lengths > 0, lengths, 1)).round(6)
        order = [g for g in np.lexsort((np.arange(n), -cosines)) if clusters[g] != own[i]]
        assert found[i].tolist() == order[:k]


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 12))
def test_precision(seed: int, n_classes: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    classes = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    persons = rng.integers(0, 25, n)
    vectors = rng.standard_normal((n, 3))
    left = n - int(np.bincount(persons).max())
    found = nearest(vectors, vectors, k=left, query_clusters=persons, gallery_clusters=persons)
    of_found = classes[found]
    match = (of_found == classes[:, None]).astype(float)
    weight = np.take_along_axis(Gallery(persons, persons, classes).weight_QC, of_found, axis=1)
    raw, influence = share(match, None, k)
    assert share(match, np.ones_like(match), k)[1] == pytest.approx(influence)
    balanced, _ = share(match, weight, k)
    for values in (raw, balanced):
        assert ((values >= 0) & (values <= 1)).all()
    assert influence.shape == (n, k)
    for i in range(0, n, 7):
        order = retrieval.ranking(vectors[i], vectors, persons[i], list(persons))
        assert raw[i] == pytest.approx(retrieval.precision(order, list(classes), classes[i], k))
        if len(order) == left and len(set(classes[order])) == n_classes:
            expected = retrieval.balanced_precision(order, list(classes), classes[i], k)
            assert balanced[i] == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_all_or_nothing(seed: int, k: int) -> None:
    """Lists in which everything, or nothing, matches give 1 or 0, whatever the weights."""
    weight = np.random.default_rng(seed).uniform(0.3, 4, (3, 60))
    for match, expected in ((1.0, 1.0), (0.0, 0.0)):
        value, influence = share(np.full((3, 60), match), weight, k)
        assert value == pytest.approx([expected] * 3)
        assert np.abs(influence).max() < 1e-12


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 20))
def test_distance_from_the_mix(seed: int, n_classes: int, k: int) -> None:
    """Neither skew is negative, nor above the logarithm of one over the rarest share; both are the reference's."""
    rng = np.random.default_rng(seed)
    lists = rng.integers(0, n_classes, (6, 40))
    mix = rng.dirichlet(np.full(n_classes, 2.0), 6) * 0.98 + 0.02 / n_classes
    skew, divergence = max_skew(lists, mix, k).value, ndkl(lists, mix, k).value
    for found in (skew, divergence):
        assert (found >= -1e-12).all()
        assert (found <= np.log(1 / mix.min(axis=1)) + 1e-12).all()
    for i in range(6):
        assert skew[i] == pytest.approx(retrieval.max_skew(lists[i].tolist(), dict(enumerate(mix[i])), k))
        assert divergence[i] == pytest.approx(retrieval.ndkl(lists[i].tolist(), dict(enumerate(mix[i])), k))

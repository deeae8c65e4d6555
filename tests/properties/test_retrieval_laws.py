"""What holds for any neighbour lists: precision lies in [0, 1], and is the reference's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.core.neighbours import nearest
from fairaudit.indicators.representation_disparity import _class_weights, _precision
from tests.reference import retrieval


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
    weight = np.take_along_axis(_class_weights(persons, persons, classes), of_found, axis=1)
    everyone = np.ones(n, dtype=bool)
    raw, influence = _precision(match, np.ones_like(match), k, everyone)
    balanced, _ = _precision(match, weight, k, everyone)
    for values in (raw, balanced):
        assert ((values >= 0) & (values <= 1)).all()
    assert (influence[:, k:] == 0).all()
    for i in range(0, n, 7):
        order = retrieval.ranking(vectors[i], vectors, persons[i], list(persons))
        assert raw[i] == pytest.approx(retrieval.precision(order, list(classes), classes[i], k))
        if len(order) == left and len(set(classes[order])) == n_classes:
            expected = retrieval.balanced_precision(order, list(classes), classes[i], k)
            assert balanced[i] == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_all_or_nothing(seed: int, k: int) -> None:
    """Lists in which everything, or nothing, matches give 1 or 0, whatever the weights; unknown queries give NaN."""
    weight = np.random.default_rng(seed).uniform(0.3, 4, (3, 60))
    for match, expected in ((1.0, 1.0), (0.0, 0.0)):
        known = np.array([True, True, False])
        value, influence = _precision(np.full((3, 60), match), weight, k, known)
        assert value[:2] == pytest.approx([expected] * 2)
        assert np.isnan(value[2])
        assert influence == pytest.approx(np.zeros((3, 60)), abs=1e-12)

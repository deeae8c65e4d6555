"""``Embeddings`` and ``Predictions``: what they refuse, and what they write and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import DataError, RequirementError
from fairaudit.core.tables import Embeddings, Predictions


@pytest.mark.parametrize("shape", [(2, 4), (3,), (3, 2, 2), (0, 4)])
def test_embeddings_have_one_row_per_sample(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError) as caught:
        Embeddings(("a", "b", "c"), np.zeros(shape, dtype=np.float32))
    assert str(caught.value) == (
        f"embeddings must be a matrix with one row per sample; got shape {shape} for 3 samples. Extract them again."
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_embeddings_are_finite(bad: float) -> None:
    vectors = np.zeros((2, 3), dtype=np.float32)
    vectors[1, 2] = bad
    with pytest.raises(DataError) as caught:
        Embeddings(("a", "b"), vectors)
    assert str(caught.value) == "embeddings must be finite; got NaN or infinity. Check the checkpoint's weights."


@pytest.mark.parametrize(("value", "word"), [(0.0, "zero"), (2.5, "equal")])
def test_embeddings_that_are_all_equal_are_refused(value: float, word: str) -> None:
    """In several blocks, and but for rounding; one vector, and two that differ by more, are none."""
    vectors = np.full((9000, 3), value, dtype=np.float32)
    vectors[-1] *= np.float32(1 + 2e-7)
    ids = tuple(map(str, range(9000)))
    with pytest.raises(DataError) as caught:
        Embeddings(ids, vectors)
    assert str(caught.value) == (
        f"embeddings must differ between images; all 9,000 vectors are {word}. Check the checkpoint's weights and the "
        "preprocessing of images, or the program that computed the features."
    )
    assert len(Embeddings(("a",), vectors[:1]).vectors) == 1
    vectors[-1, 0] += 0.001
    assert len(Embeddings(ids, vectors).vectors) == 9000


def test_a_vector_without_a_direction_is_named() -> None:
    vectors = np.ones((5000, 2), dtype=np.float32)
    vectors[:, 0] = np.arange(5000)
    Embeddings(tuple(map(str, range(5000))), vectors).check_directions("faces")
    vectors[[4300, 4500]] = 0
    with pytest.raises(RequirementError) as caught:
        Embeddings(tuple(map(str, range(5000))), vectors).check_directions("faces")
    assert str(caught.value) == (
        "embeddings of 'faces' must have directions that differ, for neighbours are found by them; 2 of 5,000 vectors "
        "are zero, first that of '4300'. Leave these images out of the data, or take an earlier layer of the model."
    )


def test_vectors_that_differ_in_length_alone_are_refused(rng: np.random.Generator) -> None:
    vectors = (rng.random((50, 1)) + 1) * np.array([[0.3, -2.0, 0.01]])
    lengths = Embeddings(tuple(map(str, range(50))), vectors.astype(np.float32))
    with pytest.raises(RequirementError, match=r"'faces' .*; all 50 vectors point one way, and differ in length alone"):
        lengths.check_directions("faces")
    vectors[7] *= -1
    Embeddings(lengths.sample_ids, vectors.astype(np.float32)).check_directions("faces")


def test_embeddings_are_loaded_as_a_map(tmp_path: Path, rng: np.random.Generator) -> None:
    vectors = rng.standard_normal((3, 5)).astype(np.float32)
    np.save(tmp_path / "embeddings.npy", vectors)
    pd.DataFrame({"sample_id": [7, 8, 9]}).to_parquet(tmp_path / "samples.parquet")
    loaded = Embeddings.load(tmp_path)
    assert loaded.sample_ids == ("7", "8", "9")
    assert isinstance(loaded.vectors, np.memmap)
    np.testing.assert_array_equal(loaded.vectors, vectors)


def test_predictions_have_one_score_per_label() -> None:
    with pytest.raises(DataError) as caught:
        Predictions(("a", "b"), np.array([["x", "y"]] * 2), np.zeros((2, 1), dtype=np.float32), ("x", "y"), "head")
    assert str(caught.value) == (
        "predictions must have one row per sample and one score per label; got labels (2, 2) and scores (2, 1) "
        "for 2 samples. Predict them again."
    )


def test_predictions_as_a_long_table() -> None:
    labels = np.array([["cat", "dog"], ["dog", "cat"]])
    scores = np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32)
    frame = Predictions(("a", "b"), labels, scores, ("cat", "dog"), "head").to_frame()
    assert frame.to_dict("records") == [
        {"sample_id": "a", "rank": 1, "label": "cat", "score": 0.75},
        {"sample_id": "a", "rank": 2, "label": "dog", "score": 0.25},
        {"sample_id": "b", "rank": 1, "label": "dog", "score": 0.5},
        {"sample_id": "b", "rank": 2, "label": "cat", "score": 0.5},
    ]
    assert frame["score"].dtype == np.float32

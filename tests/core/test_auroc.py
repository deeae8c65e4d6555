"""The AUROC under weights, against scikit-learn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fairaudit.core.auroc import weighted_auroc
from fairaudit.core.errors import DataError

Floats = npt.NDArray[np.float64]


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_equals_scikit_learn(seed: int, n: int, n_levels: int) -> None:
    """With few levels of scores, most pairs tie."""
    rng = np.random.default_rng(seed)
    scores: Floats = rng.integers(0, n_levels, n) / n_levels
    labels = rng.permutation(np.arange(n) % 2)
    weights = np.stack([rng.random(n) + 0.01, rng.integers(0, 4, n) + (np.arange(n) == 0) + 1e-9, np.ones(n)])
    expected = [roc_auc_score(labels, scores, sample_weight=w) for w in weights]
    assert weighted_auroc(scores, labels, weights) == pytest.approx(expected, abs=1e-9)


def test_a_weight_repeats_a_row(rng: np.random.Generator) -> None:
    scores, labels, weights = rng.random(40), rng.integers(0, 2, 40), rng.integers(0, 5, (1, 40))
    often = np.repeat(np.arange(40), weights[0])
    expected = roc_auc_score(labels[often], scores[often])
    assert weighted_auroc(scores, labels, weights) == pytest.approx([expected], abs=1e-12)


def test_without_weight_on_a_label_it_does_not_exist() -> None:
    scores, labels = np.array([0.2, 0.8]), np.array([0, 1])
    weights = np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    assert np.isnan(weighted_auroc(scores, labels, weights)).tolist() == [False, True, True, True]
    assert np.isnan(weighted_auroc(np.empty(0), np.empty(0, dtype=np.int64), np.empty((3, 0)))).all()


@pytest.mark.parametrize(
    ("scores", "labels", "weights", "message"),
    [
        ([0.1, 0.2], [0, 1], [[1, 1, 1]], r"must have the same N; got \(2,\), \(2,\) and \(1, 3\)\. Align them"),
        ([0.1, 0.2], [0, 1, 1], [[1, 1]], r"must have the same N; got \(2,\), \(3,\) and \(1, 2\)\. Align them"),
        ([0.1, np.nan], [0, 1], [[1, 1]], r"scores must be finite; got NaN or an infinite one\. Leave out rows"),
        ([0.1, 0.2], [0, 2], [[1, 1]], r"labels must be 0 or 1; got \[0, 2\]\. Code the positive class as 1"),
        ([0.1, 0.2], [0, 1], [[1, -2]], r"weights must be at least 0; got -2\. Check how they were made"),
        ([0.1, 0.2], [0, 1], [[1, np.nan]], r"weights must be at least 0; got nan\."),
    ],
)
def test_errors(scores: list[float], labels: list[int], weights: list[list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        weighted_auroc(np.array(scores), np.array(labels), np.array(weights))

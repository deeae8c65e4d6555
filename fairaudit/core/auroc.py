"""The AUROC of weighted rows, for many weightings at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import DataError
from fairaudit.core.outcomes import Floats, Ints


def weighted_auroc(scores: Floats, labels: Ints, weights: npt.NDArray[Any]) -> Floats:
    """Return the share of weighted pairs of a 1 and a 0 in which the 1 has the higher score; ties count half.

    The weight of a pair is the product of the two rows' weights, as in ``sklearn.metrics.roc_auc_score`` [1]_.

    Parameters
    ----------
    scores : ndarray of float, shape (N,)
        Finite; the higher, the more a row looks like label 1.
    labels : ndarray of {0, 1}, shape (N,)
    weights : ndarray, shape (B, N)
        At least 0; a row for each weighting.

    Returns
    -------
    ndarray of float, shape (B,)
        In [0, 1]; NaN where the rows of one label have no weight.

    Raises
    ------
    DataError
        If lengths differ, a score is not finite, a label is neither 0 nor 1, or a weight is below zero.

    References
    ----------
    .. [1] Fawcett (2006), "An Introduction to ROC Analysis", Pattern Recognition Letters 27, section 7.
    """
    _check(scores, labels, weights)
    if len(scores) == 0:
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    positive = labels[order] == 1
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)  # the first row of each distinct score
    sorted_BN = weights[:, order].astype(np.float64)
    positives = np.add.reduceat(np.where(positive, sorted_BN, 0.0), starts, axis=1)
    negatives = np.add.reduceat(np.where(positive, 0.0, sorted_BN), starts, axis=1)
    below = np.cumsum(negatives, axis=1)
    pairs = positives.sum(axis=1) * below[:, -1]
    below -= negatives / 2
    won = np.einsum("bs,bs->b", positives, below)
    found: Floats = np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
    return found


def _check(scores: Floats, labels: Ints, weights: npt.NDArray[Any]) -> None:
    if scores.ndim != 1 or labels.shape != scores.shape or weights.ndim != 2 or weights.shape[1:] != scores.shape:
        raise DataError(
            f"scores (N,), labels (N,) and weights (B, N) must have the same N; got {scores.shape}, {labels.shape} and "
            f"{weights.shape}. Align them by sample_id."
        )
    if not np.isfinite(scores).all():
        raise DataError("scores must be finite; got NaN or an infinite one. Leave out rows without a score.")
    if not np.isin(labels, (0, 1)).all():
        raise DataError(f"labels must be 0 or 1; got {np.unique(labels)[:5].tolist()}. Code the positive class as 1.")
    if not (weights >= 0).all():
        raise DataError(f"weights must be at least 0; got {weights.min():g}. Check how they were made.")

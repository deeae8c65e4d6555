"""``top_labels``: scores over all labels of a head to the most probable ones of each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.measures.labels import LabelIndex

# Legend of shape suffixes: N images, B images at once, D dimensions, C labels, K labels kept.

_ROWS_AT_ONCE = 8192


def top_labels(
    embeddings: Embeddings,
    logits: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]],
    labels: tuple[str, ...],
    *,
    k: int,
    source: str,
    classes: Sequence[str] = (),
    data: str = "",
) -> Predictions:
    """Return the ``k`` most probable labels of each embedding; scores are softmax over all that may be said.

    Parameters
    ----------
    embeddings : Embeddings
        Shape (N, D).
    logits : callable
        From embeddings (B, D) to float64 (B, C).
    labels : tuple of str
        The C labels.
    k : int
        Labels to keep; all if there are fewer.
    source : str
        As in ``Predictions``.
    classes : sequence of str
        The only labels that may be said: the scores of others count as minus infinity. Empty for all.
    data : str
        Name of the data set to which they belong, for messages.

    Raises
    ------
    DataError
        If a class is not among ``labels``.
    """
    columns = LabelIndex(labels).mask(classes, data=data)
    n, k = len(embeddings.vectors), min(max(k, 1), len(columns))
    labels_C = np.array(labels, dtype=np.str_)[columns]
    labels_NK = np.empty((n, k), dtype=labels_C.dtype)
    scores_NK = np.empty((n, k), dtype=np.float32)
    for start in range(0, n, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        scores_BC = softmax(logits(embeddings.vectors[rows])[:, columns])
        # Stable: equal scores keep the order of the labels, so that a tie is the same on every machine.
        order_BK = np.argsort(-scores_BC, axis=1, kind="stable")[:, :k]
        labels_NK[rows] = labels_C[order_BK]
        scores_NK[rows] = np.take_along_axis(scores_BC, order_BK, axis=1)
    return Predictions(embeddings.sample_ids, labels_NK, scores_NK, tuple(labels_C.tolist()), source)


def softmax(logits_BC: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rows that sum to 1, float64, shape (B, C)."""
    scores_BC: npt.NDArray[np.float64] = np.exp(logits_BC - logits_BC.max(axis=1, keepdims=True))
    scores_BC /= scores_BC.sum(axis=1, keepdims=True)
    return scores_BC

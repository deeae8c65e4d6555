"""``top_labels``: select the most probable labels of each image from the logits of a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

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
    """Return the ``k`` most probable labels of each embedding; scores are softmax over all labels, or ``classes``.

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
        The only labels that may be predicted: the scores of others count as minus infinity. Empty for all.
    data : str
        Name of the data set of ``classes``, for messages.

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
        scores_BC = softmax(logits(embeddings.vectors[rows])[:, columns], axis=1)
        # Stable: a tie keeps the order of the labels, on every machine.
        order_BK = np.argsort(-scores_BC, axis=1, kind="stable")[:, :k]
        labels_NK[rows] = labels_C[order_BK]
        scores_NK[rows] = np.take_along_axis(scores_BC, order_BK, axis=1)
    return Predictions(embeddings.sample_ids, labels_NK, scores_NK, tuple(labels_C.tolist()), source)

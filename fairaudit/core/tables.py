"""``Embeddings`` and ``Predictions``: outputs of a model for each sample, as arrays with ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import read_parquet
from fairaudit.core.open_file import check_file


@dataclass(frozen=True)
class Embeddings:
    """Vectors of a model, one row per sample.

    Parameters
    ----------
    sample_ids : tuple of str
        Length N, unique, in row order.
    vectors : ndarray of float32, shape (N, D)
        Finite; not necessarily normalised. May be memory-mapped.
    layer : str
        Layer of the model, e.g. ``"trunk, average-pooled"``.
    """

    sample_ids: tuple[str, ...]
    vectors: npt.NDArray[np.float32]
    layer: str = "trunk, average-pooled"

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.sample_ids):
            raise DataError(
                f"embeddings must be a matrix with one row per sample; got shape {self.vectors.shape} "
                f"for {len(self.sample_ids)} samples. Extract them again."
            )
        if not np.isfinite(self.vectors).all():
            raise DataError("embeddings must be finite; got NaN or infinity. Check the checkpoint's weights.")

    @classmethod
    def load(cls, folder: Path) -> Embeddings:
        """Read ``embeddings.npy`` and the ids of ``samples.parquet`` from ``out/tables/DATA``."""
        samples, vectors = folder / "samples.parquet", folder / "embeddings.npy"
        ids = read_parquet(samples, "table", ["sample_id"], fix="Run the audit again.")["sample_id"]
        check_file(vectors, "embeddings")
        return cls(tuple(ids.astype(str)), np.load(vectors, mmap_mode="r", allow_pickle=False))


@dataclass(frozen=True)
class Predictions:
    """The K most probable labels of each sample.

    Parameters
    ----------
    sample_ids : tuple of str
        Length N, unique, in row order.
    labels : ndarray of str, shape (N, K)
        By falling score.
    scores : ndarray of float32, shape (N, K)
        Softmax over all labels of the head, in [0, 1].
    known_labels : tuple of str
        All labels that the head can predict.
    source : str
        Origin of the labels: ``"head of the checkpoint"`` or ``"linear probe on FILE"``.
    """

    sample_ids: tuple[str, ...]
    labels: npt.NDArray[np.str_]
    scores: npt.NDArray[np.float32]
    known_labels: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.labels.shape == self.scores.shape or len(self.labels) != len(self.sample_ids):
            raise DataError(
                f"predictions must have one row per sample and one score per label; got labels {self.labels.shape} "
                f"and scores {self.scores.shape} for {len(self.sample_ids)} samples. Predict them again."
            )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of ``predictions.parquet``: ``sample_id``, ``rank`` (from 1), ``label``, ``score``."""
        n, k = self.labels.shape
        return pd.DataFrame(
            {
                "sample_id": np.repeat(np.asarray(self.sample_ids, dtype=object), k),
                "rank": np.tile(np.arange(1, k + 1, dtype=np.int32), n),
                "label": self.labels.ravel().astype(object),
                "score": self.scores.ravel().astype(np.float32),
            }
        )

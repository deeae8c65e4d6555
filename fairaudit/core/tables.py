"""``Embeddings`` and ``Predictions``: outputs of a model for each sample, as arrays with ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError, RequirementError
from fairaudit.core.files import read_parquet
from fairaudit.core.open_file import check_file

#: Vectors that are looked at together.
_ROWS = 4096
#: Of the largest number of a vector: batches of other sizes round the same output differently.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Embeddings:
    """Vectors of a model, one row per sample.

    Parameters
    ----------
    sample_ids : tuple of str
        Length N, unique, in row order.
    vectors : ndarray of float32, shape (N, D)
        Finite and not all equal; not necessarily normalised. May be memory-mapped.
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
        n = len(self.vectors)
        if n > 1 and _all_equal(self.vectors):
            raise DataError(
                f"embeddings must differ between images; all {n:,} vectors are "
                f"{'equal' if self.vectors[0].any() else 'zero'}. Check the checkpoint's weights and the preprocessing "
                "of images, or the program that computed the features."
            )

    def check_directions(self, dataset: str) -> None:
        """Check that the vectors of ``dataset`` can be compared by their directions.

        Raises
        ------
        RequirementError
            If a vector is zero, or all point one way.
        """
        zero_N = np.logical_not(self.vectors.any(axis=1))
        n, zero = len(self.vectors), int(zero_N.sum())
        rule = f"embeddings of '{dataset}' must have directions that differ, for neighbours are found by them"
        if zero:
            raise RequirementError(
                f"{rule}; {zero:,} of {n:,} vectors {'is' if zero == 1 else 'are'} zero, first that of "
                f"'{self.sample_ids[int(np.argmax(zero_N))]}'.",
                what_to_do="Leave these images out of the data, or take an earlier layer of the model.",
            )
        if n > 1 and _all_equal(self.vectors, scaled=True):
            raise RequirementError(
                f"{rule}; all {n:,} vectors point one way, and differ in length alone.",
                what_to_do="Take an earlier layer of the model, with more than one number for each image.",
            )

    @classmethod
    def load(cls, folder: Path) -> Embeddings:
        """Read ``embeddings.npy`` and the ids of ``samples.parquet`` from ``out/tables/DATA``."""
        samples, vectors = folder / "samples.parquet", folder / "embeddings.npy"
        ids = read_parquet(samples, "table", ["sample_id"], fix="Run the audit again.")["sample_id"]
        check_file(vectors, "embeddings")
        return cls(tuple(ids.astype(str)), np.load(vectors, mmap_mode="r", allow_pickle=False))


def _all_equal(vectors_ND: npt.NDArray[np.float32], *, scaled: bool = False) -> bool:
    """Whether all vectors are equal but for rounding; if ``scaled``, each divided by its largest number."""

    def part(start: int) -> npt.NDArray[np.float64]:
        block = vectors_ND[start : start + _ROWS].astype(np.float64)
        return block / np.abs(block).max(axis=1, keepdims=True) if scaled else block

    first = part(0)[0]
    near = _ROUNDING * np.abs(first).max(initial=0)
    return all(bool((np.abs(part(start) - first) <= near).all()) for start in range(0, len(vectors_ND), _ROWS))


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

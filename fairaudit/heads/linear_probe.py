"""``LinearProbe``: labels read off frozen embeddings by one linear layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from fairaudit.core.errors import DataError
from fairaudit.core.intervals import wilson
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.heads.logistic import (
    DEFAULT_STRENGTH,
    MAX_ITERATIONS,
    STRENGTHS,
    LogisticFit,
    choose_strength,
    fit_logistic,
    split_parts,
)
from fairaudit.heads.probe_table import ProbeTable, read_probe_table

if TYPE_CHECKING:
    from fairaudit.core.model import Model

__all__ = ["LinearProbe", "ProbeTable", "fit_embeddings", "fit_probe", "read_probe_table"]

# Legend of shape suffixes: N rows, D dimensions, C labels, K labels kept.

_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class LinearProbe:
    """A multinomial logistic regression on standardised embeddings, fitted on every image of its table.

    Parameters
    ----------
    table : ProbeTable
        From what it was learned.
    classes : tuple of str
        The C labels it can say, sorted.
    weights_CD, bias_C : ndarray of float64
        Act on raw embeddings: the standardisation is folded in.
    strength : float
        ``C`` of scikit-learn: the smaller, the more the weights are pulled to zero.
    n_images : int
        Images that were fitted; fewer than the table has if some could not be read.
    n_held_out, n_correct : int
        Images that took no part in fitting or choosing the strength, and how many of them got their own label by a
        probe fitted on the others. 0 and 0 if no label has two images.
    seed : int
        Of the split.
    layer : str
        ``Embeddings.layer`` on which it was fitted.
    notes : tuple of str
        Sentences for the report.
    """

    table: ProbeTable
    classes: tuple[str, ...]
    weights_CD: npt.NDArray[np.float64]
    bias_C: npt.NDArray[np.float64]
    strength: float
    n_images: int
    n_held_out: int
    n_correct: int
    seed: int
    layer: str
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of held-out images with the right label, in [0, 1]; NaN where none was held out."""
        return self.n_correct / self.n_held_out if self.n_held_out else float("nan")

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of ``accuracy``; NaN, NaN where nothing was held out."""
        if not self.n_held_out:
            return float("nan"), float("nan")
        low, high = wilson(self.accuracy, self.n_held_out, float(stats.norm.ppf(0.975)))
        return float(low), float(high)

    def predict(self, embeddings: Embeddings, *, top_k: int = 10) -> Predictions:
        """Return the most probable labels of each embedding; scores are softmax over all labels.

        Parameters
        ----------
        embeddings : Embeddings
            Of the model on which the probe was fitted, shape (N, D).
        top_k : int, default 10
            Labels to keep; all if there are fewer.

        Raises
        ------
        DataError
            If the embeddings have another length than those that were fitted.
        """
        n, dims = embeddings.vectors.shape
        if dims != self.weights_CD.shape[1]:
            raise DataError(
                f"embeddings must have the {self.weights_CD.shape[1]} dimensions on which the probe was fitted; "
                f"got {dims}. Fit the probe on the same model."
            )
        k = min(max(top_k, 1), len(self.classes))
        labels_C = np.array(self.classes, dtype=np.str_)
        labels_NK = np.empty((n, k), dtype=labels_C.dtype)
        scores_NK = np.empty((n, k), dtype=np.float32)
        for start in range(0, n, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            scores_NC = self._probabilities(embeddings.vectors[rows])
            # Stable: equal scores keep the order of the labels, so that a tie is the same on every machine.
            order_NK = np.argsort(-scores_NC, axis=1, kind="stable")[:, :k]
            labels_NK[rows] = labels_C[order_NK]
            scores_NK[rows] = np.take_along_axis(scores_NC, order_NK, axis=1)
        return Predictions(
            sample_ids=embeddings.sample_ids,
            labels=labels_NK,
            scores=scores_NK,
            known_labels=self.classes,
            source=f"linear probe on {self.table.path.name}",
        )

    def params(self) -> dict[str, Any]:
        """Return what a report says of the probe, as JSON values; None for what could not be measured."""
        measured = self.n_held_out > 0
        low, high = self.accuracy_interval
        return {
            "table": self.table.path.name,
            "table_digest": self.table.digest,
            "n_images": self.n_images,
            "classes": list(self.classes),
            "layer": self.layer,
            "strength": self.strength,
            "strengths_tried": list(STRENGTHS),
            "seed": self.seed,
            "held_out_n": self.n_held_out,
            "held_out_accuracy": self.accuracy if measured else None,
            "held_out_ci_low": low if measured else None,
            "held_out_ci_high": high if measured else None,
            "held_out_ci_method": "Wilson" if measured else None,
            "notes": list(self.notes),
        }

    def _probabilities(self, vectors_ND: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        logits_NC = vectors_ND.astype(np.float64) @ self.weights_CD.T + self.bias_C
        scores_NC: npt.NDArray[np.float64] = np.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
        scores_NC /= scores_NC.sum(axis=1, keepdims=True)
        return scores_NC


def fit_probe(
    model: Model,
    table: ProbeTable,
    *,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
    batch_size: int = 64,
    threads: int | None = None,
    cache: Path | None = None,
) -> LinearProbe:
    """Embed the images of ``table`` with the frozen ``model`` and fit a probe on them.

    Parameters
    ----------
    model : Model
        Its weights do not change.
    table : ProbeTable
        From ``read_probe_table``.
    progress : callable, optional
        Called with the number of images done and of all images.
    seed : int
        Of the split into fitting, choosing and held-out images.
    batch_size, threads, cache
        Passed on to ``extract``.
    """
    from fairaudit.extraction import extract  # takes torch, which reading a table or predicting does not need

    extraction = extract(model, table.samples(), batch_size=batch_size, threads=threads, progress=progress, cache=cache)
    labels = extraction.samples.table["label"].astype(str).tolist()
    return fit_embeddings(extraction.embeddings, labels, table, seed=seed)


def fit_embeddings(embeddings: Embeddings, labels: Sequence[str], table: ProbeTable, *, seed: int = 0) -> LinearProbe:
    """Fit a probe on embeddings that are there already.

    The rows are split by label: some 60 % are fitted with each strength, 20 % choose the strength by log loss, and
    20 % measure the accuracy of the chosen strength fitted on the other 80 %: measured on the rows that chose, it
    would be too high. The probe that is returned is then fitted on all rows. Labels are not weighted.

    Parameters
    ----------
    embeddings : Embeddings
        Shape (N, D).
    labels : sequence of str
        Length N, in the same order, at least two different ones.
    table : ProbeTable
        From where the rows come; only named in the result.
    seed : int
        Of the split.
    """
    y_N = np.array([str(label) for label in labels], dtype=np.str_)
    x_ND = np.asarray(embeddings.vectors, dtype=np.float64)
    if len(y_N) != len(x_ND):
        raise DataError(
            f"labels must be as many as embeddings; got {len(y_N)} for {len(x_ND)}. Extract the table again."
        )
    if len(set(y_N)) < 2:
        raise DataError(
            f"probe table {table.path.name} must keep at least two labels; only '{', '.join(sorted(set(y_N)))}' has "
            "images that could be read. Repair or replace the images."
        )
    part_N = split_parts(y_N, seed)
    strength = choose_strength(x_ND, y_N, part_N)
    held_out_N = part_N == "held out"
    n_correct = 0
    if held_out_N.any():
        probe = fit_logistic(x_ND[~held_out_N], y_N[~held_out_N], strength)
        n_correct = int((probe.predict(x_ND[held_out_N]) == y_N[held_out_N]).sum())
    final = fit_logistic(x_ND, y_N, strength)
    return LinearProbe(
        table=table,
        classes=tuple(str(c) for c in final.classes),
        weights_CD=final.weights_CD,
        bias_C=final.bias_C,
        strength=strength,
        n_images=len(y_N),
        n_held_out=int(held_out_N.sum()),
        n_correct=n_correct,
        seed=seed,
        layer=embeddings.layer,
        notes=(*table.notes, *_fit_notes(final, len(y_N), table, part_N)),
    )


def _fit_notes(final: LogisticFit, n_images: int, table: ProbeTable, part_N: npt.NDArray[np.str_]) -> tuple[str, ...]:
    notes = []
    if not final.converged:
        notes.append(
            f"The probe's solver stopped after {MAX_ITERATIONS} iterations before its tolerance was reached; "
            "its weights are nearly, not fully, optimal."
        )
    if n_images < len(table.labels):
        n_lost = len(table.labels) - n_images
        notes.append(f"{n_lost:,} images of {table.path.name} could not be read and were not learned.")
    if not (part_N == "held out").any():
        notes.append("No label has two images, so nothing was held out and the probe's accuracy is not known.")
    elif not (part_N == "choose").any():
        notes.append(f"No label has three images, so the strength was not chosen but set to {DEFAULT_STRENGTH}.")
    return tuple(notes)

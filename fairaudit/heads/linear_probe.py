"""``LinearProbe``: predict labels from frozen embeddings by one linear layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.files import json_value
from fairaudit.core.progress import Advance
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.heads.held_out import HeldOut
from fairaudit.heads.learned_images import LearnedImages
from fairaudit.heads.logistic import (
    DEFAULT_STRENGTH,
    MAX_ITERATIONS,
    STRENGTHS,
    Losses,
    best_strength,
    fit_logistic,
    strength_losses,
)
from fairaudit.heads.probe_table import ProbeTable, read_probe_table
from fairaudit.heads.split import OUT, Labels, split_parts
from fairaudit.heads.top_labels import top_labels

if TYPE_CHECKING:
    from fairaudit.core.model import Model

__all__ = ["LinearProbe", "ProbeTable", "fit_embeddings", "fit_probe", "read_probe_table"]

# Legend of shape suffixes: N rows, D dimensions, C labels, K labels kept.


@dataclass(frozen=True)
class LinearProbe:
    """A multinomial logistic regression on standardised embeddings, fitted on every image of its table.

    Parameters
    ----------
    table, table_digest : str
        Name of the training table, and SHA-256 of its bytes.
    classes : tuple of str
        The C labels, sorted.
    weights_CD, bias_C : ndarray of float64
        Act on raw embeddings: the standardisation is folded in.
    strength : float
        ``C`` of scikit-learn; a smaller value shrinks the weights more.
    n_images : int
        Fitted images: those of the table that could be read.
    held_out : tuple of HeldOut
        For each split, at least one: accuracy on images that took no part in fitting or choosing the strength, of a
        probe fitted on the others.
    layer : str
        ``Embeddings.layer`` on which the probe was fitted.
    images : LearnedImages
        The fitted images, so that an audit can leave them out; empty if only embeddings were given.
    notes : tuple of str
        Sentences for the report.
    """

    table: str
    table_digest: str
    classes: tuple[str, ...]
    weights_CD: npt.NDArray[np.float64]
    bias_C: npt.NDArray[np.float64]
    strength: float
    n_images: int
    held_out: tuple[HeldOut, ...]
    layer: str
    images: LearnedImages = field(default_factory=LearnedImages)
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of held-out images of the first split with the right label; NaN if none was held out."""
        return self.held_out[0].value

    def predict(
        self, embeddings: Embeddings, *, k: int = 10, classes: Sequence[str] = (), data: str = ""
    ) -> Predictions:
        """Return the most probable labels of each embedding; scores are softmax over all labels, or over ``classes``.

        Parameters
        ----------
        embeddings : Embeddings
            Of the model on which the probe was fitted, shape (N, D).
        k, classes, data
            As in ``top_labels``.

        Raises
        ------
        DataError
            If the embeddings do not have the D dimensions of the fit, or a class is unknown.
        """
        dims = embeddings.vectors.shape[1]
        if dims != self.weights_CD.shape[1]:
            raise DataError(
                f"embeddings must have the {self.weights_CD.shape[1]} dimensions on which the probe was fitted; "
                f"got {dims}. Fit the probe on the same model."
            )
        return top_labels(
            embeddings,
            lambda vectors_ND: vectors_ND.astype(np.float64) @ self.weights_CD.T + self.bias_C,
            self.classes,
            k=k,
            source=f"linear probe on {self.table}",
            classes=classes,
            data=data,
        )

    def params(self) -> dict[str, Any]:
        """Return the probe's entries in a report, as JSON values; None for values that were not measured."""
        first = self.held_out[0]
        values: dict[str, Any] = {
            "table": self.table,
            "table_digest": self.table_digest,
            "n_images": self.n_images,
            "classes": list(self.classes),
            "layer": self.layer,
            "strength": self.strength,
            "strengths_tried": list(STRENGTHS),
            "seed": first.seed,
            "held_out_n": first.n,
            "held_out_n_clusters": int(first.overall["n_clusters"]),
            "held_out_accuracy": first.value,
            "held_out_ci_low": first.interval[0],
            "held_out_ci_high": first.interval[1],
            "held_out_ci_method": str(first.overall["ci_method"]) or None,
            "held_out_accuracy_by_seed": {str(split.seed): split.value for split in self.held_out},
            "notes": list(self.notes),
        }
        return {key: json_value(value) for key, value in values.items()}


def fit_probe(
    model: Model,
    table: ProbeTable,
    *,
    progress: Advance | None = None,
    seed: int = 0,
    seeds: int = 1,
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
    seed, seeds : int
        As in ``fit_embeddings``.
    progress, batch_size, threads, cache
        As in ``extract``.
    """
    from fairaudit.extraction.extract import extract  # imports torch, which reading and predicting do not need

    extraction = extract(model, table.samples(), batch_size=batch_size, threads=threads, progress=progress, cache=cache)
    rows = extraction.samples.table
    probe = fit_embeddings(
        extraction.embeddings,
        rows["label"].astype(str).tolist(),
        table,
        seed=seed,
        seeds=seeds,
        clusters=rows["cluster_id"].astype(str).tolist() if table.clusters else (),
    )
    return dataclasses.replace(probe, images=LearnedImages.of(extraction.samples, extraction.content_digests))


def fit_embeddings(
    embeddings: Embeddings,
    labels: Sequence[str],
    table: ProbeTable,
    *,
    seed: int = 0,
    seeds: int = 1,
    clusters: Sequence[str] = (),
) -> LinearProbe:
    """Fit a probe on existing embeddings.

    The rows are split by label, a cluster never in two parts: some 60 % are fitted with each strength, 20 % choose the
    strength by log loss, and 20 % measure the accuracy of the chosen strength fitted on the other 80 %: the accuracy on
    the rows that choose would be too high. The returned probe is fitted on all rows, with the strength of the least log
    loss over all splits. Labels are not weighted.

    Parameters
    ----------
    embeddings : Embeddings
        Shape (N, D).
    labels : sequence of str
        Length N, in the same order, at least two different ones.
    table : ProbeTable
        Source of the rows; only named in the result.
    seed, seeds : int
        Seed of the first split, and number of splits: ``seed``, ``seed + 1`` and so on.
    clusters : sequence of str
        Person, household or source image of each row; empty if every row is its own cluster.

    Raises
    ------
    DataError
        If there are more or fewer labels than embeddings, or fewer than two different labels.
    ConfigError
        If ``seeds`` is below 1.
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
    if seeds < 1:
        raise ConfigError(f"seeds must be at least 1; got {seeds}. Give for example seeds=5.")
    splits, losses = [], []
    for split_seed in range(seed, seed + seeds):
        part_N = split_parts(y_N, split_seed, clusters=clusters)
        losses.append(strength_losses(x_ND, y_N, part_N))
        splits.append(_held_out(x_ND, y_N, part_N, best_strength(losses[-1]), clusters, seed=split_seed))
    tried = [split_losses for split_losses in losses if len(split_losses)]
    strength = best_strength(np.mean(tried, axis=0) if tried else np.empty(0))
    final = fit_logistic(x_ND, y_N, strength)
    return LinearProbe(
        table=table.path.name,
        table_digest=table.digest,
        classes=tuple(str(c) for c in final.classes),
        weights_CD=np.ascontiguousarray(final.weights_CD),  # as in a saved probe, so that sums are bit-equal
        bias_C=final.bias_C,
        strength=strength,
        n_images=len(y_N),
        held_out=tuple(splits),
        layer=embeddings.layer,
        notes=(*table.notes, *_fit_notes(len(y_N), table, splits[0], losses[0], converged=final.converged)),
    )


def _held_out(
    x_ND: npt.NDArray[np.float64], y_N: Labels, part_N: Labels, strength: float, clusters: Sequence[str], *, seed: int
) -> HeldOut:
    """Return the accuracy on the held-out rows of a probe fitted on the others."""
    out_N = part_N == OUT
    right_N = np.empty(0, dtype=bool)
    if out_N.any():
        right_N = fit_logistic(x_ND[~out_N], y_N[~out_N], strength).predict(x_ND[out_N]) == y_N[out_N]
    held_clusters = [clusters[row] for row in np.flatnonzero(out_N).tolist()] if len(clusters) else ()
    return HeldOut.of(right_N, y_N[out_N], held_clusters, seed=seed, classes=np.unique(y_N).tolist())


def _fit_notes(n_images: int, table: ProbeTable, split: HeldOut, losses: Losses, *, converged: bool) -> tuple[str, ...]:
    unit = "clusters" if table.clusters else "images"
    notes = []
    if not converged:
        notes.append(
            f"The probe's solver stopped after {MAX_ITERATIONS} iterations before its tolerance was reached; "
            "its weights are nearly, not fully, optimal."
        )
    if n_images < len(table.labels):
        n_lost = len(table.labels) - n_images
        notes.append(f"{n_lost:,} images of {table.path.name} could not be read and were not learned.")
    if not split.n:
        notes.append(f"No label has two {unit}, so nothing was held out and the probe's accuracy is not known.")
    elif not len(losses):
        notes.append(f"No label has three {unit}, so the strength was not chosen but set to {DEFAULT_STRENGTH}.")
    return tuple(notes)

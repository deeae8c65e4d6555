"""``join``: features that were computed elsewhere, matched to samples by their ids; no image is opened."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import CheckpointError
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.extraction.extract import Extraction, data_digest
from fairaudit.images.decode import MAX_UNREADABLE

if TYPE_CHECKING:
    from fairaudit.images.table import ImageTable
    from fairaudit.models.features_folder import FeatureRows, Features

_COLUMNS = ("sample_id", "rank", "label", "score")


def join(features: Features, samples: Samples, *, allow_missing: bool = False) -> Extraction:
    """Return the extraction of features that were computed elsewhere.

    Rows are matched by ``sample_id``, never by position; features of other samples are ignored. If the table of
    features has no ``digest`` of the images, the digest of the data covers only the ids.

    Parameters
    ----------
    features : Features
        From ``open_model`` of a folder of features.
    samples : Samples
    allow_missing : bool
        Whether to go on if more than 1 % of the samples have no features.

    Raises
    ------
    CheckpointError
        If no sample has features, too many have none, a number is not finite, or labels do not fit.
    """
    rows = features.rows(samples.name)
    place = {sample_id: row for row, sample_id in enumerate(rows.sample_ids)}
    matches = [place.get(sample_id, -1) for sample_id in samples.sample_ids]
    missing = [sample_id for sample_id, row in zip(samples.sample_ids, matches, strict=True) if row < 0]
    _check_missing(rows, samples, missing, allowed=allow_missing)
    if missing:
        samples = samples.select(
            [row >= 0 for row in matches],
            note=f"{len(missing)} of {len(matches)} samples have no features and were left out.",
            reason="no features were computed for it",
        )
    index = np.array([row for row in matches if row >= 0], dtype=np.int64)
    ids = samples.sample_ids
    contents = tuple(
        rows.content_digests[row] if rows.content_digests else hashlib.sha256(rows.sample_ids[row].encode()).hexdigest()
        for row in index
    )
    return Extraction(
        samples=samples,
        embeddings=Embeddings(ids, _vectors(rows, index), layer=features.layer),
        predictions=None if rows.predictions is None else _predictions(rows.predictions, rows, ids),
        digest=data_digest(ids, contents),
        content_digests=contents,
    )


def _check_missing(rows: FeatureRows, samples: Samples, missing: list[str], *, allowed: bool) -> None:
    rule = f"features in '{rows.folder.name}' must fit the samples of data set '{samples.name}' by their sample_id"
    if len(missing) == len(samples):
        raise CheckpointError(
            f"{rule}; got none that does, there '{rows.sample_ids[0]}' and here '{missing[0]}'. Write the ids that the "
            f"reader '{samples.reader}' gives, and put features of several data sets into a folder for each."
        )
    if not allowed and len(missing) > MAX_UNREADABLE * len(samples):
        raise CheckpointError(
            f"{rule}, for at least {1 - MAX_UNREADABLE:.0%} of them; got none for {len(missing):,} of "
            f"{len(samples):,}, first '{missing[0]}'. Compute them too, or go on without these samples: "
            "--allow-unreadable."
        )


def _vectors(rows: FeatureRows, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # too large values become infinite, and are refused below
        vectors_ND = np.asarray(rows.vectors[index], dtype=np.float32)
    finite_N = np.isfinite(vectors_ND).all(axis=1)
    if not finite_N.all():
        first = rows.sample_ids[index[int(np.argmin(finite_N))]]
        raise CheckpointError(
            f"features in '{rows.folder.name}' must be finite as float32; got NaN or infinity in "
            f"{int((~finite_N).sum()):,} rows, first that of '{first}'. Compute them again."
        )
    return vectors_ND


def _predictions(table: ImageTable, rows: FeatureRows, ids: tuple[str, ...]) -> Predictions:
    """Return the labels of ``ids``; each must have the ranks 1 to K, and scores that fall with the rank."""
    name = f"{table.path.name} in '{rows.folder.name}'"
    table.check_columns(_COLUMNS, "column")
    frame = pd.concat([batch.to_pandas() for batch in table.batches(_COLUMNS)], ignore_index=True)
    frame = frame.assign(
        rank=pd.to_numeric(frame["rank"], errors="coerce"),
        score=pd.to_numeric(frame["score"], errors="coerce").astype(np.float32),
    )
    frame = frame.assign(place=frame["sample_id"].map({sample_id: row for row, sample_id in enumerate(ids)}))
    frame = frame[frame["place"].notna()].sort_values(["place", "rank"])
    n, k = len(ids), int(np.nan_to_num(frame["rank"].max(), nan=0)) if len(frame) else 0
    complete = len(frame) == n * k and (frame["rank"].to_numpy() == np.tile(np.arange(1, k + 1), n)).all()
    if not k or not complete or frame["place"].nunique() != n:
        raise CheckpointError(
            f"{name} must have each rank from 1 to {max(k, 1)} once for every sample that has features; got other "
            "rows. Write the K most probable labels of each."
        )
    scores_NK = frame["score"].to_numpy().reshape(n, k)
    labels_NK = frame["label"].to_numpy(dtype=np.str_).reshape(n, k)
    if not ((scores_NK >= 0) & (scores_NK <= 1)).all() or (np.diff(scores_NK, axis=1) > 0).any():
        raise CheckpointError(
            f"{name} must have scores from 0 to 1 that do not rise with the rank; got others. Write the softmax over "
            "all labels, and 1 for the most probable one."
        )
    known = rows.known_labels or tuple(sorted(set(labels_NK.ravel())))
    strange = sorted(set(labels_NK.ravel()) - set(known))
    if strange or "" in known:
        raise CheckpointError(
            f"{name} must have labels that are not empty, each a line of labels.txt where that is there; got "
            f"'{strange[0] if strange else ''}'. Correct the labels."
        )
    return Predictions(ids, labels_NK, scores_NK, known, f"{table.path.name}, computed elsewhere")

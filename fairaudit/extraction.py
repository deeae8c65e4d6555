"""Images to ``Embeddings`` and ``Predictions`` in one pass: decoded ahead of the model, in order, and hashed."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.files import write_npy, write_parquet
from fairaudit.core.images import ImageError, image_digest, open_image
from fairaudit.core.label_mask import LabelIndex
from fairaudit.core.model import Model
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Embeddings, Predictions

#: How many labels of its own head are kept for each image.
TOP_K = 10
#: Share of images that may be unreadable without the user allowing it.
MAX_UNREADABLE = 0.01


@dataclass(frozen=True)
class Extraction:
    """What one pass over the images gave.

    Parameters
    ----------
    samples : Samples
        Those whose image could be read; the others stand in ``samples.skipped`` with the reason.
    embeddings : Embeddings
        One row per sample, in the order of ``samples``.
    predictions : Predictions or None
        The most probable labels of the model's own head, if it has one.
    digest : str
        SHA-256 over the ids and contents of the samples, whatever their order; 64 hex digits.
    content_digests : tuple of str
        SHA-256 of each image file, in row order.
    """

    samples: Samples
    embeddings: Embeddings
    predictions: Predictions | None
    digest: str
    content_digests: tuple[str, ...]


@dataclass
class _Collected:
    """Results by row, filled while the pass goes on."""

    vectors_ND: npt.NDArray[np.float32]
    scores_NK: npt.NDArray[np.float32]
    labels_NK: npt.NDArray[np.int64]
    columns: list[int]
    digests: dict[int, str] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)


def extract(
    model: Model,
    samples: Samples,
    *,
    batch_size: int = 64,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    allow_unreadable: bool = False,
) -> Extraction:
    """Embed all images of ``samples``, and label them where the model has a head of its own.

    Where ``samples.classes`` names labels, only these are said: the others' scores count as minus infinity.

    The result does not depend on ``batch_size`` or ``threads`` (up to rounding of float32).

    Parameters
    ----------
    model : Model
    samples : Samples
    batch_size : int
        Images per pass through the network, >= 1.
    threads : int, optional
        Threads that decode and prepare images while the network computes; by default one per processor, at
        most 8.
    progress : callable, optional
        Called as ``progress(done, total)`` after each batch.
    allow_unreadable : bool
        Whether to go on when more than 1 % of the images cannot be read.

    Raises
    ------
    ConfigError
        If ``batch_size`` or ``threads`` is below 1.
    DataError
        If more than 1 % of the images cannot be read and that is not allowed, if none can, if an embedding is
        not finite, or if the head does not know one of ``samples.classes``.
    """
    threads = min(8, os.cpu_count() or 1) if threads is None else threads
    for name, value in (("batch_size", batch_size), ("threads", threads)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1; got {value}. Use the default.")
    columns = LabelIndex(model.labels).mask(samples.classes, data=samples.name)
    n, k = len(samples), min(TOP_K, len(columns))
    found = _Collected(
        np.empty((n, model.card.embedding_dim), dtype=np.float32),
        np.empty((n, k), dtype=np.float32),
        np.empty((n, k), dtype=np.int64),
        columns,
    )
    rows: list[int] = []
    tensors: list[torch.Tensor] = []
    paths = samples.paths
    for row, prepared in _prepared(model, paths, ahead=2 * batch_size, threads=threads):
        if isinstance(prepared, ImageError):
            # The file is named beside it, relative to the data: a saved audit tells no folders of this computer.
            found.problems[row] = str(prepared).removeprefix(f"image {paths[row]} ").removeprefix("image ")
            if not allow_unreadable and len(found.problems) > MAX_UNREADABLE * n:
                raise _too_many(samples, found.problems, seen=row + 1)
        else:
            found.digests[row], tensor = prepared
            rows.append(row)
            tensors.append(tensor)
        if tensors and (len(tensors) == batch_size or row == n - 1):
            _run(model, rows, torch.stack(tensors), found)
            rows, tensors = [], []
            if progress is not None:
                progress(row + 1, n)
    return _finish(model, samples, found)


def save_tables(folder: Path, extraction: Extraction) -> None:
    """Write ``samples.parquet`` (with a column ``digest``), ``embeddings.npy`` and ``predictions.parquet``.

    Other files of the folder stay; predictions of an earlier pass are removed if there are none now.
    """
    table = extraction.samples.table.assign(digest=list(extraction.content_digests))
    write_parquet(folder / "samples.parquet", table)
    write_npy(folder / "embeddings.npy", extraction.embeddings.vectors)
    if extraction.predictions is not None:
        write_parquet(folder / "predictions.parquet", extraction.predictions.to_frame())
    else:
        (folder / "predictions.parquet").unlink(missing_ok=True)


def data_digest(sample_ids: tuple[str, ...], content_digests: tuple[str, ...]) -> str:
    """Return the SHA-256 over ids and contents, sorted by id; 64 hex digits."""
    digest = hashlib.sha256()
    for sample_id, content in sorted(zip(sample_ids, content_digests, strict=True)):
        digest.update(f"{sample_id}\0{content}\n".encode())
    return digest.hexdigest()


def _prepared(
    model: Model, paths: list[Path], *, ahead: int, threads: int
) -> Iterator[tuple[int, tuple[str, torch.Tensor] | ImageError]]:
    """Yield row by row, in order, the digest and tensor of its image, or why it cannot be read."""

    def prepare(path: Path) -> tuple[str, torch.Tensor] | ImageError:
        try:
            tensor = model.preprocess(open_image(path))  # first: it looks at the size and kind of the file
            return image_digest(path), tensor
        except ImageError as error:
            return error

    # At most ``ahead`` images wait for the model: memory stays bounded however slow it is.
    waiting: deque[tuple[int, Future[tuple[str, torch.Tensor] | ImageError]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for row, path in enumerate(paths):
                waiting.append((row, pool.submit(prepare, path)))
                if len(waiting) > ahead:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:  # on an error nothing that still waits is worth decoding
            for _, future in waiting:
                future.cancel()


def _run(model: Model, rows: list[int], batch: torch.Tensor, found: _Collected) -> None:
    vectors_BD, scores_BC = model.embed_and_predict(batch) if model.labels else (model.embed(batch), None)
    found.vectors_ND[rows] = vectors_BD.numpy()
    if scores_BC is not None:
        if len(found.columns) < scores_BC.shape[1]:  # a softmax over the others as if those outside were not there
            scores_BC = scores_BC[:, found.columns]
            scores_BC = scores_BC / scores_BC.sum(dim=1, keepdim=True).clamp_min(torch.finfo(scores_BC.dtype).tiny)
        # Stable: equal scores keep the order of the labels, on every machine and for every batch size.
        scores, order = torch.sort(scores_BC, dim=1, descending=True, stable=True)
        k = found.scores_NK.shape[1]
        found.scores_NK[rows] = scores[:, :k].numpy()
        found.labels_NK[rows] = order[:, :k].numpy()


def _finish(model: Model, samples: Samples, found: _Collected) -> Extraction:
    n = len(samples)
    keep = [row for row in range(n) if row not in found.problems]
    if not keep:
        raise _too_many(samples, found.problems, seen=n)
    if found.problems:
        samples = _without(samples, found.problems)
        found.vectors_ND, found.scores_NK, found.labels_NK = (
            found.vectors_ND[keep], found.scores_NK[keep], found.labels_NK[keep]
        )  # fmt: skip
    ids = samples.sample_ids
    digests = tuple(found.digests[row] for row in keep)
    predictions = None
    if model.labels:
        labels = tuple(model.labels[column] for column in found.columns)
        predictions = Predictions(
            sample_ids=ids,
            labels=np.asarray(labels, dtype=np.str_)[found.labels_NK],
            scores=found.scores_NK,
            known_labels=labels,
            source="head of the checkpoint",
        )
    return Extraction(
        samples=samples,
        embeddings=Embeddings(ids, found.vectors_ND, layer=str(getattr(model, "layer", "output of the model"))),
        predictions=predictions,
        digest=data_digest(ids, digests),
        content_digests=digests,
    )


def _without(samples: Samples, problems: dict[int, str]) -> Samples:
    """Return the samples without the unreadable ones, each of which stands in ``skipped`` with its own reason."""
    n = len(samples)
    left = samples.select(
        [row not in problems for row in range(n)],
        note=f"{len(problems)} of {n} images could not be read and were left out.",
        reason="unreadable",
    )
    skipped = left.skipped.copy()
    # ``select`` appends the removed rows in row order, behind what was skipped before.
    skipped.loc[skipped.index[len(samples.skipped) :], "reason"] = [problems[row] for row in sorted(problems)]
    return replace(left, skipped=skipped)


def _too_many(samples: Samples, problems: dict[int, str], *, seen: int) -> DataError:
    first = " ".join(f"{samples.table['path'].iloc[row]} {reason}" for row, reason in list(problems.items())[:3])
    return DataError(
        f"data set '{samples.name}' must have at most {MAX_UNREADABLE:.0%} unreadable images; got {len(problems)} "
        f"among the first {seen} of {len(samples)}: {first} Repair the files, or go on without them: "
        "--allow-unreadable."
    )

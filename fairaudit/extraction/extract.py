"""``extract``: ``Embeddings`` and ``Predictions`` of images in one pass, decoded ahead of the model, and cached."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.model import Model
from fairaudit.core.progress import Advance
from fairaudit.core.samples import Box, Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.extraction.cache import EmbeddingCache
from fairaudit.images.decode import MAX_UNREADABLE, EncodedImage, ImageError, cut, read_image
from fairaudit.measures.labels import LabelIndex

# Legend of shape suffixes: N samples, B images of a batch, D dimensions, C labels, K labels kept.

#: Number of labels that are kept for each image.
TOP_K = 10
#: Digest of a row, and its tensor or row of the cache; or the error of its image.
_Prepared = tuple[str, torch.Tensor | np.void] | ImageError


@dataclass(frozen=True)
class Extraction:
    """Embeddings and predictions of one pass over the images.

    Parameters
    ----------
    samples : Samples
        Samples with a readable image; ``samples.skipped`` lists the others with the reason.
    embeddings : Embeddings
        One row per sample, in the order of ``samples``.
    predictions : Predictions or None
        The most probable labels of the model's own head, if it has one.
    digest : str
        SHA-256 over the ids and contents of the samples, whatever their order; 64 hex digits.
    content_digests : tuple of str
        SHA-256 of each image file, in row order; of file and box if a row is a part of its image.
    from_cache : int
        Number of samples whose row is from an earlier pass.
    """

    samples: Samples
    embeddings: Embeddings
    predictions: Predictions | None
    digest: str
    content_digests: tuple[str, ...]
    from_cache: int = 0


def extract(
    model: Model,
    samples: Samples,
    *,
    batch_size: int = 64,
    threads: int | None = None,
    progress: Advance | None = None,
    allow_unreadable: bool = False,
    cache: Path | None = None,
) -> Extraction:
    """Embed all images of ``samples``, and predict their labels if the model has a head of its own.

    If ``samples.classes`` names labels, only these are predicted: the scores of others count as minus infinity.

    All batches have one size, the last one is padded: the bytes of a row depend neither on its position nor on the
    other images of the batch (measured on processors for RegNet, ConvNeXt and ViT), nor on ``threads``, ``cache`` or an
    earlier interruption. ``batch_size`` can change the last bits of float32.

    Parameters
    ----------
    model : Model
    samples : Samples
    batch_size : int
        Images per pass through the network, >= 1; for fewer images, the next power of two.
    threads : int, optional
        Threads that decode and prepare images while the network computes; by default one per processor, at
        most 8.
    progress : callable, optional
        Called as ``progress(done, total)`` after each batch.
    allow_unreadable : bool
        Whether to go on if more than 1 % of the images cannot be read.
    cache : Path, optional
        Folder of an ``EmbeddingCache``, which holds the rows of earlier passes and gets the new ones; every file is
        read and hashed in any case. The weights of ``model`` must have the digest of its card.

    Raises
    ------
    ConfigError
        If ``batch_size`` or ``threads`` is below 1, or ``cache`` is a file.
    DataError
        If more than 1 % of the images cannot be read and that is not allowed, if none can, if an embedding is
        not finite, or if the head lacks one of ``samples.classes``.
    """
    threads = min(8, _processors()) if threads is None else threads
    for name, value in (("batch_size", batch_size), ("threads", threads)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1; got {value}. Use the default.")
    columns = LabelIndex(model.labels).mask(samples.classes, data=samples.name)
    n, paths, boxes = len(samples), samples.paths, samples.boxes
    batch = min(batch_size, 1 << (n - 1).bit_length())
    saved = None
    if cache is not None:
        saved = EmbeddingCache(cache, model, batch=batch, labels=min(TOP_K, len(columns)), columns=columns)
    rows = _Pass(model, n, batch=batch, cache=saved, columns=columns)
    images = list(zip(paths, boxes, strict=True))
    try:
        for row, prepared in enumerate(_prepared(model, images, saved, ahead=2 * batch, threads=threads)):
            if isinstance(prepared, ImageError):
                # ``skipped`` names the file relative to the data: a saved audit holds no folders of this computer.
                rows.problems[row] = str(prepared).removeprefix(f"image {paths[row]} ").removeprefix("image ")
                if not allow_unreadable and len(rows.problems) > MAX_UNREADABLE * n:
                    raise _too_many(samples, rows.problems, seen=row + 1)
            else:
                rows.take(row, *prepared)
            last = row == n - 1
            if last:
                rows.run()
            if progress is not None and (last or (row + 1) % batch == 0):
                progress(row + 1, n)
    finally:  # computed rows are saved, whatever ends the pass
        if saved is not None:
            saved.close()
    return rows.finish(samples)


class _Pass:
    """The rows of a pass, filled image by image; images with the same bytes are computed once."""

    def __init__(self, model: Model, n: int, *, batch: int, cache: EmbeddingCache | None, columns: list[int]) -> None:
        k = min(TOP_K, len(columns))
        self._model, self._batch, self._cache, self._columns = model, batch, cache, columns
        self._vectors_ND = np.empty((n, model.card.embedding_dim), dtype=np.float32)
        self._scores_NK = np.empty((n, k), dtype=np.float32)
        self._labels_NK = np.empty((n, k), dtype=np.int64)
        self._digests: dict[int, str] = {}
        self._first: dict[str, int] = {}  # first row with these bytes
        self._from_cache: set[str] = set()
        self._waiting: list[tuple[int, torch.Tensor]] = []
        self.problems: dict[int, str] = {}

    def take(self, row: int, digest: str, prepared: torch.Tensor | np.void) -> None:
        """Add an image for the network, or its row of the cache."""
        self._digests[row] = digest
        if self._first.setdefault(digest, row) != row:
            return
        if isinstance(prepared, torch.Tensor):
            self._waiting.append((row, prepared))
            if len(self._waiting) == self._batch:
                self.run()
        else:
            self._from_cache.add(digest)
            self._vectors_ND[row], self._scores_NK[row] = prepared["vector"], prepared["scores"]
            self._labels_NK[row] = prepared["labels"]

    def run(self) -> None:
        """Compute the waiting images."""
        if not self._waiting:
            return
        rows, tensors = zip(*self._waiting, strict=True)
        self._waiting = []
        # The batch size decides the kernels: only batches of one size give an image the same bytes.
        filled = torch.stack([*tensors, *[tensors[0]] * (self._batch - len(tensors))])
        model, n = self._model, len(tensors)
        vectors_BD, scores_BC = model.embed_and_predict(filled) if model.labels else (model.embed(filled), None)
        index = list(rows)
        self._vectors_ND[index] = vectors_BD[:n].numpy()
        if scores_BC is not None:
            if len(self._columns) < scores_BC.shape[1]:  # a softmax over these columns alone
                scores_BC = scores_BC[:, self._columns]
                scores_BC = scores_BC / scores_BC.sum(dim=1, keepdim=True).clamp_min(torch.finfo(scores_BC.dtype).tiny)
            # Stable: equal scores keep the order of the labels, on every machine and for every batch size.
            scores, order = torch.sort(scores_BC[:n], dim=1, descending=True, stable=True)
            k = self._scores_NK.shape[1]
            self._scores_NK[index] = scores[:, :k].numpy()
            self._labels_NK[index] = order[:, :k].numpy()
        if self._cache is not None:
            digests = [self._digests[row] for row in index]
            self._cache.add(digests, self._vectors_ND[index], self._scores_NK[index], self._labels_NK[index])

    def finish(self, samples: Samples) -> Extraction:
        """Return the rows of the readable images."""
        n = len(samples)
        keep = [row for row in range(n) if row not in self.problems]
        if not keep:
            raise _too_many(samples, self.problems, seen=n)
        if self.problems:
            samples = _without(samples, self.problems)
        digests = tuple(self._digests[row] for row in keep)
        source = [self._first[digest] for digest in digests]
        vectors_ND, scores_NK, labels_NK = self._vectors_ND, self._scores_NK, self._labels_NK
        if source != list(range(n)):
            vectors_ND, scores_NK, labels_NK = vectors_ND[source], scores_NK[source], labels_NK[source]
        ids, model = samples.sample_ids, self._model
        predictions = None
        if model.labels:
            known = tuple(model.labels[column] for column in self._columns)
            predictions = Predictions(
                sample_ids=ids,
                labels=np.asarray(known, dtype=np.str_)[labels_NK],
                scores=scores_NK,
                known_labels=known,
                source="head of the checkpoint",
            )
        return Extraction(
            samples=samples,
            embeddings=Embeddings(ids, vectors_ND, layer=str(getattr(model, "layer", "output of the model"))),
            predictions=predictions,
            digest=data_digest(ids, digests),
            content_digests=digests,
            from_cache=sum(digest in self._from_cache for digest in digests),
        )


def data_digest(sample_ids: tuple[str, ...], content_digests: tuple[str, ...]) -> str:
    """Return the SHA-256 over ids and contents, sorted by id; 64 hex digits."""
    digest = hashlib.sha256()
    for sample_id, content in sorted(zip(sample_ids, content_digests, strict=True)):
        digest.update(f"{sample_id}\0{content}\n".encode())
    return digest.hexdigest()


def row_digest(image: str, box: Box | None) -> str:
    """Return the digest of a row, from that of its image and its box: one image may show several people."""
    return image if box is None else hashlib.sha256(f"{image} {box}".encode()).hexdigest()


def _prepared(
    model: Model, images: list[tuple[Path, Box | None]], cache: EmbeddingCache | None, *, ahead: int, threads: int
) -> Iterator[_Prepared]:
    """Yield, for each row in order, the digest of its image and its tensor or cached row, or the image's error."""

    def prepare(path: Path, box: Box | None) -> _Prepared:
        try:
            content = read_image(path)  # once, so that the decoded bytes are the hashed ones
            digest = row_digest(hashlib.sha256(content).hexdigest(), box)
            known = cache.get(digest) if cache is not None else None
            if known is not None:
                return digest, known
            image = EncodedImage(content, name=str(path)).decode()
            return digest, model.preprocess(image if box is None else cut(image, box, name=str(path)))
        except ImageError as error:
            return error

    # At most ``ahead`` images wait for the model: memory stays bounded, however slow the model is.
    waiting: deque[Future[_Prepared]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for path, box in images:
                waiting.append(pool.submit(prepare, path, box))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # after an error the rest need not be decoded
            for future in waiting:
                future.cancel()


def _processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _without(samples: Samples, problems: dict[int, str]) -> Samples:
    """Move the unreadable samples to ``skipped``, each with its own reason."""
    n = len(samples)
    readable = samples.select(
        [row not in problems for row in range(n)],
        note=f"{len(problems)} of {n} images could not be read and were left out.",
        reason="unreadable",
    )
    skipped = readable.skipped.copy()
    # ``select`` appends the removed rows in row order.
    skipped.loc[skipped.index[len(samples.skipped) :], "reason"] = [problems[row] for row in sorted(problems)]
    return replace(readable, skipped=skipped)


def _too_many(samples: Samples, problems: dict[int, str], *, seen: int) -> DataError:
    first = " ".join(f"{samples.table['path'].iloc[row]} {reason}" for row, reason in list(problems.items())[:3])
    return DataError(
        f"data set '{samples.name}' must have at most {MAX_UNREADABLE:.0%} unreadable images; got {len(problems)} "
        f"among the first {seen} of {len(samples)}: {first} Repair the files, or go on without them: "
        "--allow-unreadable."
    )

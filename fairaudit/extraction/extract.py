"""Images to ``Embeddings`` and ``Predictions`` in one pass: decoded ahead of the model, in order, hashed and cached."""

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

#: How many labels of its own head are kept for each image.
TOP_K = 10


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
        SHA-256 of each image file, in row order; where a row is a part of its image, of file and box.
    from_cache : int
        Samples whose row had been computed by an earlier pass.
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
    """Embed all images of ``samples``, and label them where the model has a head of its own.

    Where ``samples.classes`` names labels, only these are said: the others' scores count as minus infinity.

    The network always gets batches of one size, the last one filled up: then the bytes of a row depend neither on its
    place nor on the other images of the batch (measured on processors for RegNet, ConvNeXt and ViT), and not on
    ``threads``, ``cache`` or where an earlier pass was interrupted. ``batch_size`` can change the last bits of float32.

    Parameters
    ----------
    model : Model
    samples : Samples
    batch_size : int
        Images per pass through the network, >= 1. Where there are fewer, the next power of two.
    threads : int, optional
        Threads that decode and prepare images while the network computes; by default one per processor, at
        most 8.
    progress : callable, optional
        Called as ``progress(done, total)`` after each batch.
    allow_unreadable : bool
        Whether to go on when more than 1 % of the images cannot be read.
    cache : Path, optional
        Folder of an ``EmbeddingCache``: what an earlier pass with this model made of the same image files is taken
        from there, and what is computed is added. Every file is read and hashed in any case. Default: none. The
        weights of ``model`` must be those that its card has the digest of.

    Raises
    ------
    ConfigError
        If ``batch_size`` or ``threads`` is below 1, or ``cache`` is a file.
    DataError
        If more than 1 % of the images cannot be read and that is not allowed, if none can, if an embedding is
        not finite, or if the head does not know one of ``samples.classes``.
    """
    threads = min(8, _processors()) if threads is None else threads
    for name, value in (("batch_size", batch_size), ("threads", threads)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1; got {value}. Use the default.")
    columns = LabelIndex(model.labels).mask(samples.classes, data=samples.name)
    n, paths, boxes = len(samples), samples.paths, samples.boxes
    batch = min(batch_size, 1 << (n - 1).bit_length())
    kept = None
    if cache is not None:
        kept = EmbeddingCache(cache, model, batch=batch, labels=min(TOP_K, len(columns)), columns=columns)
    going = _Pass(model, n, batch=batch, cache=kept, columns=columns)
    try:
        for row, prepared in _prepared(
            model, list(zip(paths, boxes, strict=True)), kept, ahead=2 * batch, threads=threads
        ):
            if isinstance(prepared, ImageError):
                # The file is named beside it, relative to the data: a saved audit tells no folders of this computer.
                going.problems[row] = str(prepared).removeprefix(f"image {paths[row]} ").removeprefix("image ")
                if not allow_unreadable and len(going.problems) > MAX_UNREADABLE * n:
                    raise _too_many(samples, going.problems, seen=row + 1)
            else:
                going.take(row, *prepared)
            last = row == n - 1
            if last:
                going.run()
            if progress is not None and (last or (row + 1) % batch == 0):
                progress(row + 1, n)
    finally:  # what was computed is kept, whatever ends the pass
        if kept is not None:
            kept.close()
    return going.finish(samples)


class _Pass:
    """What came of each row, filled while the images go by; images with the same bytes are computed once."""

    def __init__(self, model: Model, n: int, *, batch: int, cache: EmbeddingCache | None, columns: list[int]) -> None:
        k = min(TOP_K, len(columns))
        self._model, self._batch, self._cache, self._columns = model, batch, cache, columns
        self._vectors_ND = np.empty((n, model.card.embedding_dim), dtype=np.float32)
        self._scores_NK = np.empty((n, k), dtype=np.float32)
        self._labels_NK = np.empty((n, k), dtype=np.int64)
        self._digests: dict[int, str] = {}
        self._first: dict[str, int] = {}  # row that stands for all with these bytes
        self._from_cache: set[str] = set()
        self._waiting: list[tuple[int, torch.Tensor]] = []
        self.problems: dict[int, str] = {}

    def take(self, row: int, digest: str, prepared: torch.Tensor | np.void) -> None:
        """Take up an image that is to be computed, or its row of the cache."""
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
        """Compute what waits."""
        if not self._waiting:
            return
        rows, tensors = zip(*self._waiting, strict=True)
        self._waiting = []
        # Kernels are chosen by the size of a batch, so an image has the same bytes only in batches of one size.
        filled = torch.stack([*tensors, *[tensors[0]] * (self._batch - len(tensors))])
        model, n = self._model, len(tensors)
        vectors_BD, scores_BC = model.embed_and_predict(filled) if model.labels else (model.embed(filled), None)
        at = list(rows)
        self._vectors_ND[at] = vectors_BD[:n].numpy()
        if scores_BC is not None:
            if len(self._columns) < scores_BC.shape[1]:  # a softmax over the others as if those outside were not there
                scores_BC = scores_BC[:, self._columns]
                scores_BC = scores_BC / scores_BC.sum(dim=1, keepdim=True).clamp_min(torch.finfo(scores_BC.dtype).tiny)
            # Stable: equal scores keep the order of the labels, on every machine and for every batch size.
            scores, order = torch.sort(scores_BC[:n], dim=1, descending=True, stable=True)
            k = self._scores_NK.shape[1]
            self._scores_NK[at] = scores[:, :k].numpy()
            self._labels_NK[at] = order[:, :k].numpy()
        if self._cache is not None:
            digests = [self._digests[row] for row in at]
            self._cache.add(digests, self._vectors_ND[at], self._scores_NK[at], self._labels_NK[at])

    def finish(self, samples: Samples) -> Extraction:
        """Return what was found of the images that could be read."""
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
    """Return the digest of a row from that of its image: one image may show several people."""
    return image if box is None else hashlib.sha256(f"{image} {box}".encode()).hexdigest()


def _prepared(
    model: Model, images: list[tuple[Path, Box | None]], cache: EmbeddingCache | None, *, ahead: int, threads: int
) -> Iterator[tuple[int, tuple[str, torch.Tensor | np.void] | ImageError]]:
    """Yield row by row, in order, the digest of its image and its tensor or cached row, or why it cannot be read."""

    def prepare(path: Path, box: Box | None) -> tuple[str, torch.Tensor | np.void] | ImageError:
        try:
            content = read_image(path)  # once: what is decoded is what was hashed
            digest = row_digest(hashlib.sha256(content).hexdigest(), box)
            known = cache.get(digest) if cache is not None else None
            if known is not None:
                return digest, known
            image = EncodedImage(content, name=str(path)).decode()
            return digest, model.preprocess(image if box is None else cut(image, box, name=str(path)))
        except ImageError as error:
            return error

    # At most ``ahead`` images wait for the model: memory stays bounded however slow it is.
    waiting: deque[tuple[int, Future[tuple[str, torch.Tensor | np.void] | ImageError]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for row, (path, box) in enumerate(images):
                waiting.append((row, pool.submit(prepare, path, box)))
                if len(waiting) > ahead:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:  # on an error nothing that still waits is worth decoding
            for _, future in waiting:
                future.cancel()


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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

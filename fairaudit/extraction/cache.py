"""``EmbeddingCache``: embeddings and predicted labels on disk, by the contents of model and image."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import ConfigError, InputError
from fairaudit.core.files import temporary_sibling
from fairaudit.core.open_file import home_folder, open_file, read_at

if TYPE_CHECKING:
    from fairaudit.core.model import Model

# Legend of shape suffixes: B images of a batch, D dimensions, K labels kept.

#: Increment when the file format or the computed embeddings change.
VERSION = 1
#: Bytes of all files together; above, the files of the least recently used models are removed.
MAX_BYTES = 10_000_000_000

_MOST_WAITING = 64 * 1024**2  # bytes of rows that are not written yet
_LEAST_SECONDS = 1.0  # between two files
_SHARE_LOST = 0.01  # of the time of a pass, if its process is killed
_STALE_SECONDS = 24 * 3600.0  # age from which a half-written file counts as left by a dead process
_FOLDER = re.compile(r"[0-9a-f]{32}")
_SUFFIX = ".rows"


@dataclass(frozen=True)
class _Shard:
    """A file of rows, and the byte at which they begin."""

    path: Path
    start: int


class EmbeddingCache:
    """Rows of one model: embedding, and the most probable labels, by the SHA-256 of an image file.

    The rows of a model are in a folder named by a digest of everything that decides their bytes: weights, layer,
    preprocessing, batch size, versions, threads, and the model's outputs for two drawn pictures, which also depend on
    its code. A row is returned only if its check sum, which includes that digest and the image's, is right. Each file
    is written whole or not at all, under a new name: a killed process loses a second or 1 % of its time, and several
    processes may share a folder.

    Parameters
    ----------
    folder : Path
        For all models; made if it is missing. Foreign files in it are left alone.
    model : Model
        Its weights must not change while the cache is used.
    batch : int
        Constant batch size of the network: another one can change the last bits of a row.
    labels : int
        K, the number of labels in a row.
    columns : sequence of int, optional
        Outputs of the model's head that may be predicted, all by default; a row's labels are positions in it.

    Raises
    ------
    ConfigError
        If ``folder`` is a file.
    """

    def __init__(
        self, folder: Path, model: Model, *, batch: int, labels: int, columns: Sequence[int] | None = None
    ) -> None:
        check_folder(folder)
        self._root, self._key = folder, model_key(model, batch=batch, columns=columns)
        self._folder = folder / self._key[:32]
        self._type = np.dtype([
            ("vector", "<f4", (model.card.embedding_dim,)), ("scores", "<f4", (labels,)), ("labels", "<i4", (labels,)),
            ("check", "u1", (16,)),
        ])  # fmt: skip
        self._where: dict[bytes, tuple[_Shard, int]] = {}
        self._lock = threading.Lock()
        self._digests: list[bytes] = []
        self._waiting: list[npt.NDArray[np.void]] = []
        self._began = self._saved = time.monotonic()
        self._writes = True
        for path in sorted(self._folder.glob(f"[!.]*{_SUFFIX}")):  # a leading dot: another process is writing it
            self._open(path)

    def get(self, digest: str) -> np.void | None:
        """Return the row of the image with this SHA-256, or None; may be called from several threads.

        Its fields are ``vector`` (D,), ``scores`` (K,) and ``labels`` (K,), indices of labels.
        """
        name = bytes.fromhex(digest)
        shard, position = self._where.get(name, (None, 0))
        if shard is None:
            return None
        try:
            start = shard.start + position * self._type.itemsize
            content = read_at(shard.path, "cache file", start=start, size=self._type.itemsize)
        except InputError:  # another process made room, or the disk is gone: the row is computed again
            self._forget(shard)
            return None
        if len(content) == self._type.itemsize:
            row: np.void = np.frombuffer(content, self._type)[0]
            if row["check"].tobytes() == self._check(name, row):
                return row
        self._remove(shard.path)
        self._forget(shard)
        return None

    def add(
        self,
        digests: Sequence[str],
        vectors_BD: npt.NDArray[np.float32],
        scores_BK: npt.NDArray[np.float32],
        labels_BK: npt.NDArray[np.int64],
    ) -> None:
        """Add computed rows; they are written from time to time, and by ``save``."""
        if not self._writes:
            return
        rows = np.zeros(len(digests), self._type)
        rows["vector"], rows["scores"], rows["labels"] = vectors_BD, scores_BK, labels_BK
        names = [bytes.fromhex(digest) for digest in digests]
        for name, row in zip(names, rows, strict=True):
            row["check"] = np.frombuffer(self._check(name, row), np.uint8)
        self._digests += names
        self._waiting.append(rows)
        now = time.monotonic()
        pause = max(_LEAST_SECONDS, _SHARE_LOST * (now - self._began))
        if now - self._saved >= pause or len(self._digests) * self._type.itemsize >= _MOST_WAITING:
            self.save()

    def save(self) -> None:
        """Write the waiting rows; if that fails, warn and keep no more rows."""
        if not self._digests:
            return
        names = np.frombuffer(b"".join(self._digests), np.uint8).reshape(-1, 32)
        rows = np.concatenate(self._waiting)
        self._digests, self._waiting = [], []
        try:
            # Embeddings of people's faces: only the owner may read them.
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            target = self._folder / f"{secrets.token_hex(8)}{_SUFFIX}"
            with temporary_sibling(target) as temporary, temporary.open("wb") as file:
                np.save(file, names, allow_pickle=False)
                np.save(file, rows, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._writes = False
            warnings.warn(
                f"cache {self._root} must be writable; got {error.strerror or error}. What is computed from now on is "
                "not kept. Free space on the disk, or choose another folder with --cache DIR.",
                stacklevel=2,
            )
        self._saved = time.monotonic()

    def close(self) -> None:
        """Write the waiting rows, and remove the least recently used models until ``MAX_BYTES`` are left."""
        self.save()
        with suppress(OSError):  # nothing was written
            os.utime(self._folder)
        sizes = {folder: _bytes_of(folder) for folder in _folders(self._root)}
        for folder in sorted(sizes, key=_last_used):
            if sum(sizes.values()) <= MAX_BYTES:
                break
            if folder != self._folder:
                _clear(folder)
                del sizes[folder]

    def _open(self, path: Path) -> None:
        """Read the digests of a file; ``get`` checks its rows one by one."""
        try:
            with open_file(path, "cache file") as file:
                size = os.fstat(file.fileno()).st_size
                shape, kind = _header(file)
                if kind != np.uint8 or len(shape) != 2 or shape[1] != 32 or shape[0] * 32 > size:
                    raise ValueError("no digests")
                names = file.read(shape[0] * 32)
                rows, kind = _header(file)
                shard = _Shard(path, file.tell())
                if kind != self._type or rows != shape[:1] or size != shard.start + rows[0] * kind.itemsize:
                    raise ValueError("no rows")
        except Exception:  # numpy raises anything on damaged bytes
            self._remove(path)
            return
        for position in range(shape[0]):
            self._where[names[32 * position : 32 * position + 32]] = shard, position

    def _forget(self, shard: _Shard) -> None:
        with self._lock:
            self._where = {name: place for name, place in self._where.items() if place[0] is not shard}

    def _remove(self, path: Path) -> None:
        if not path.exists():  # another thread has removed it
            return
        warnings.warn(
            f"cache file {path.parent.name}/{path.name} must be as it was written; got a damaged one. It was removed, "
            "and its images are computed again.",
            stacklevel=2,
        )
        with suppress(OSError):
            path.unlink()

    def _check(self, name: bytes, row: np.void) -> bytes:
        content = row.tobytes()[: -self._type["check"].itemsize]
        return hashlib.blake2b(name + content, key=self._key.encode(), digest_size=16).digest()


def check_folder(folder: Path) -> None:
    """Raise ConfigError if ``folder`` is a file."""
    if os.path.exists(folder) and not os.path.isdir(folder):  # unlike pathlib's, False without permission
        raise ConfigError(f"cache {folder} must be a folder; got a file of that name. Choose another with --cache DIR.")


def user_folder() -> Path | None:
    """Return ``$FAIRAUDIT_CACHE``, or ``fairaudit`` in ``$XDG_CACHE_HOME`` or else in ``.cache`` of the home folder.

    None for a user without a home folder.
    """
    if folder := os.environ.get("FAIRAUDIT_CACHE"):
        return Path(folder)
    home = home_folder()
    if parent := os.environ.get("XDG_CACHE_HOME") or (home and home / ".cache"):
        return Path(parent) / "fairaudit"
    return None


def default_folder() -> Path | None:
    """Return ``user_folder()``; warn if there is none."""
    if folder := user_folder():
        return folder
    warnings.warn("embeddings are not kept: there is no home folder. Name a folder with --cache DIR.", stacklevel=2)
    return None


def cache_size(folder: Path) -> int:
    """Return the bytes of all files that caches have written below ``folder``."""
    return sum(map(_bytes_of, _folders(folder)))


def model_key(model: Model, *, batch: int, columns: Sequence[int] | None = None) -> str:
    """Return the SHA-256 (64 hex digits) of everything but the image that decides the bytes of a row."""
    import torch
    from PIL import Image

    decides = {
        "version": VERSION,
        "weights": model.card.digest,
        "layer": str(getattr(model, "layer", "")),
        "labels": list(model.labels) if columns is None else [model.labels[column] for column in columns],
        "preprocessing": model.card.preprocessing,
        "batch": batch,
        "threads": torch.get_num_threads(),
        "machine": [platform.machine(), torch.backends.cpu.get_cpu_capability(), _device(model)],
        "torch": [torch.__version__, torch.version.cuda, torch.backends.cudnn.version()],  # type: ignore[no-untyped-call]
        "pillow": Image.__version__,  # type: ignore[attr-defined]  # missing in its stubs
        "witness": _witness(model),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()


def _witness(model: Model) -> str:
    """Return the SHA-256 of two drawn pictures after preprocessing, and of the model's outputs for them.

    A user's own module, or a library, can compute other outputs with the same weights.
    """
    import torch
    from PIL import Image

    noise_HWC = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    noise = Image.fromarray(noise_HWC)
    smooth = Image.fromarray(noise_HWC[:15, :10]).resize((400, 600), Image.Resampling.BICUBIC)
    batch = torch.stack([model.preprocess(noise), model.preprocess(smooth)])
    vectors_BD, scores_BC = model.embed_and_predict(batch) if model.labels else (model.embed(batch), None)
    digest = hashlib.sha256()
    for tensor in (batch, vectors_BD, scores_BC):
        if tensor is not None:
            digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def _device(model: Model) -> str:
    """Return the name of the model's device, ``"cpu"`` if it has none."""
    import torch

    device = getattr(model, "device", None)
    if isinstance(device, torch.device) and device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(device or "cpu")


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the ``.npy`` array at the file's position."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("another version")
    shape, fortran_order, kind = np.lib.format.read_array_header_1_0(file)
    if fortran_order:
        raise ValueError("another order")
    return shape, kind


def _folders(root: Path) -> list[Path]:
    return [path for path in root.glob("*") if _FOLDER.fullmatch(path.name) and path.is_dir()]


def _bytes_of(folder: Path) -> int:
    """Return the bytes of a folder's files, and remove the half-written files of dead processes."""
    total = 0
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            status = path.stat()
        except FileNotFoundError:  # another process has removed it
            continue
        if path.name.startswith(".") and time.time() - status.st_mtime > _STALE_SECONDS:
            path.unlink(missing_ok=True)
        else:
            total += status.st_size
    return total


def _last_used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _clear(folder: Path) -> None:
    for path in folder.glob(f"*{_SUFFIX}"):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # a foreign file, or another process writes
        folder.rmdir()

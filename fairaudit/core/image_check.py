"""Images of a data set opened once, to see which cannot be read and which are the same; nothing is kept of them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairaudit.core.images import EncodedImage, ImageError, image_size, read_image

Advance = Callable[[int, int], None]

_THREADS = 4
_AHEAD = 64  # images that may wait for their turn: memory stays bounded


@dataclass(frozen=True)
class OpenedImages:
    """What came of each image.

    Parameters
    ----------
    sizes : mapping of str to (int, int)
        Width and height of those that could be read, upright; empty unless asked for.
    problems : mapping of str to str
        Why the others could not.
    digests : mapping of str to str
        SHA-256 of files that share their number of bytes with another one; others have no copy.
    """

    sizes: Mapping[str, tuple[int, int]]
    problems: Mapping[str, str]
    digests: Mapping[str, str]


def open_images(
    root: Path, files: Sequence[str], *, decode: bool, with_sizes: bool = True, progress: Advance | None = None
) -> OpenedImages:
    """Open each image, several at a time.

    Parameters
    ----------
    root : Path
    files : sequence of str
        Paths from ``root``, each once.
    decode : bool
        Whether pixels are decoded; else only headers are read (of other files than JPEG also the pixels behind them),
        and files that may have a copy.
    with_sizes : bool
        Whether sizes are kept.
    progress : callable, optional
        Called with what is done and what there is in all.
    """
    bytes_of = np.fromiter((_bytes(root / file) for file in files), dtype=np.int64, count=len(files))
    values, counts = np.unique(bytes_of, return_counts=True)
    may_be_copies = np.isin(bytes_of, values[(counts > 1) & (values >= 0)])
    sizes: dict[str, tuple[int, int]] = {}
    problems: dict[str, str] = {}
    digests: dict[str, str] = {}

    def look(file: str, hashed: bool) -> tuple[tuple[int, int], str]:
        path = root / file
        content = read_image(path) if decode or hashed else None
        digest = hashlib.sha256(content).hexdigest() if hashed and content is not None else ""
        if decode and content is not None:
            return EncodedImage(content, name=str(path)).decode().size, digest
        return image_size(path), digest

    waiting: deque[tuple[str, Future[tuple[tuple[int, int], str]]]] = deque()

    def take() -> None:
        file, future = waiting.popleft()
        try:
            size, digest = future.result()
        except ImageError as error:
            problems[file] = str(error).removeprefix(f"image {root / file} ")
        else:
            if with_sizes:
                sizes[file] = size
            if digest:
                digests[file] = digest

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="check") as pool:
        for done, (file, hashed) in enumerate(zip(files, may_be_copies.tolist(), strict=True), start=1):
            waiting.append((file, pool.submit(look, file, hashed)))
            if len(waiting) > _AHEAD:
                take()
            if progress:
                progress(done, len(files))
        while waiting:
            take()
    return OpenedImages(sizes, problems, digests)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1

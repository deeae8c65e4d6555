"""``ImageStore``: the images of a run, decoded once and kept small as uint8, or read from disk at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fairaudit.core.errors import DataError
from fairaudit.core.progress import Advance
from fairaudit.images.decode import ImageError
from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.augment import resize

CACHE_BYTES = 4 * 1024**3  # images beyond this are decoded at every use
LARGEST_ASPECT = 2.0  # of a longer image only the middle is kept
UNREADABLE_SHARE = 0.01
CHECKED_FROM = 10_000  # number of tried images from which the share of unreadable ones is checked

T = TypeVar("T")


class Picture:
    """An image of known size, (width, height) in pixels, that ``decode(shrink)`` decodes."""

    def __init__(self, size: tuple[int, int], decode: Callable[[float], Tensor]) -> None:
        self.size, self._decode = size, decode

    def pixels(self, *, shrink: float) -> Tensor:
        """Return uint8 pixels (3, H, W) with sides divided by at most ``shrink`` (JPEG: by 1, 2, 4 or 8)."""
        return self._decode(shrink)


class ImageStore:
    """Images by position.

    Parameters
    ----------
    files : ImageFiles
        Images of the store.
    short_side : int
        Short side in pixels to which all images are resized when the store is made, so that a damaged file is known
        before training. 0: images are neither read beforehand nor kept, but decoded at every use, as small as their
        views allow.
    progress : callable, optional
        Called as ``progress(done, total)`` after each image that is read beforehand.

    Attributes
    ----------
    kept : sequence of int
        Positions in ``files`` of the images of the store; index i of the store is ``kept[i]``.
    skipped : list of (str, str)
        Name and reason of each unreadable image, in the order of reading.
    short_sides : list of int
        Short sides in pixels of the files that were read beforehand.

    Raises
    ------
    DataError
        If more than 1 % of the images cannot be read.
    """

    def __init__(self, files: ImageFiles, *, short_side: int, progress: Advance | None = None) -> None:
        self._files, self._short_side = files, short_side
        self._pixels: dict[int, Tensor] = {}
        self._unreadable: set[int] = set()
        self._tried = 0
        self._pool = ThreadPoolExecutor(max_workers=torch.get_num_threads(), thread_name_prefix="images")
        self.skipped: list[tuple[str, str]] = list(files.refused)
        self.short_sides: list[int] = []
        self.kept: Sequence[int] = range(len(files))
        if short_side:
            self._read_all(progress)
        self._check_share(tried=len(files) if short_side else 0)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def readable(self) -> int:
        """Number of images of the store without those found unreadable later."""
        return len(self.kept) - len(self._unreadable)

    def each(self, indices: Sequence[int], make: Callable[[int, Picture], T]) -> tuple[list[int], list[T]]:
        """Return the indices and the results of ``make(index, picture)`` in order, computed in several threads.

        An unreadable image is skipped, counted and listed, and the next readable image takes its place, so that a
        batch depends on the images alone.

        Raises
        ------
        DataError
            If more than 1 % of the images are unreadable, counted from 10,000 images or all images on.
        """
        attempt = partial(_attempt, lambda index: make(index, self._open(self.kept[index])))
        used, results = [], []
        for index, result in zip(indices, self._pool.map(attempt, indices), strict=True):
            self._tried += 1
            while isinstance(result, ImageError):
                self._skip(index, str(result))
                index = (index + 1) % len(self)
                result = attempt(index)
            used.append(index)
            results.append(result)
        return used, results

    def _skip(self, index: int, reason: str) -> None:
        if index not in self._unreadable:
            self._unreadable.add(index)
            self.skipped.append((self._files.name(self.kept[index]), reason))
            self._check_share(tried=self._tried)

    def _check_share(self, *, tried: int) -> None:
        total = min(len(self._files) + len(self._files.refused), max(tried, CHECKED_FROM))
        if len(self.skipped) > UNREADABLE_SHARE * total:
            name, reason = self.skipped[0]
            raise DataError(
                f"at most 1 % of the images must be unreadable; got {len(self.skipped)} of {total}, "
                f"the first '{name}': {reason} Repair or remove them, or check that the data are the right ones."
            )

    def _read_all(self, progress: Advance | None) -> None:
        kept, budget = [], CACHE_BYTES
        for at, result in enumerate(self._pool.map(partial(_attempt, self._read), range(len(self._files)))):
            if isinstance(result, ImageError):
                self.skipped.append((self._files.name(at), str(result)))
            else:
                pixels, short_side = result
                if pixels.numel() <= budget:
                    self._pixels[at] = pixels
                    budget -= pixels.numel()
                kept.append(at)
                self.short_sides.append(short_side)
            if progress:
                progress(at + 1, len(self._files))
        self.kept = tuple(kept)

    def _open(self, at: int) -> Picture:
        if not self._short_side:
            image = self._files.open(at)
            return Picture(image.size, lambda shrink: _tensor(image.decode(shrink=shrink)))
        kept = self._pixels.get(at)
        pixels = self._read(at)[0] if kept is None else kept
        return Picture((pixels.shape[2], pixels.shape[1]), lambda _: pixels)

    def _read(self, at: int) -> tuple[Tensor, int]:
        """Return an image (the middle of a very long one) at the size of the store, and the short side of its file."""
        image = self._files.open(at)
        pixels = _tensor(image.decode(shrink=min(image.size) / self._short_side))
        height, width = pixels.shape[1:]
        longest = round(LARGEST_ASPECT * min(width, height))
        w, h = min(width, longest), min(height, longest)
        scale = self._short_side / min(w, h)
        box = ((width - w) // 2, (height - h) // 2, w, h)
        return resize(pixels, box, (round(h * scale), round(w * scale))), min(image.size)


def _attempt(read: Callable[[int], T], at: int) -> T | ImageError:
    try:
        return read(at)
    except ImageError as error:
        return error


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)

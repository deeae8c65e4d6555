"""``ImageStore``: the images of a run, decoded once and kept small as uint8, or read from disk at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fairaudit.core.errors import DataError
from fairaudit.core.progress import Advance
from fairaudit.images.decode import EncodedImage, ImageError
from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.augment import resize

CACHE_BYTES = 4 * 1024**3  # images beyond this are decoded again whenever they are needed
LARGEST_ASPECT = 2.0  # of a longer image that is kept small the middle is kept
UNREADABLE_SHARE = 0.01
JUDGED_FROM = 10_000  # so many images are tried before their share of unreadable ones is judged

T = TypeVar("T")


class Picture(Protocol):
    """An image whose size is known and whose pixels can be asked for once."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def pixels(self, *, shrink: float) -> Tensor:
        """Return uint8 pixels (3, H, W); their sides may be divided by ``shrink``, at most."""
        ...


class KeptPicture:
    """An image that is kept, or was decoded, at the size of the store."""

    def __init__(self, pixels: Tensor) -> None:
        self._pixels = pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._pixels.shape[2], self._pixels.shape[1]

    def pixels(self, *, shrink: float) -> Tensor:
        """Return the pixels as they are."""
        return self._pixels


class FilePicture:
    """An image on disk whose header was read."""

    def __init__(self, image: EncodedImage) -> None:
        self._image, self.size = image, image.size

    def pixels(self, *, shrink: float) -> Tensor:
        """Return the pixels, of a JPEG at 1, 1/2, 1/4 or 1/8 of its size."""
        return _tensor(self._image.decode(shrink=shrink))


class ImageStore:
    """Images by position.

    Parameters
    ----------
    files : ImageFiles
        What to read.
    short_side : int
        In pixels: all images are decoded once when the store is made, so that a damaged file is known before training,
        and kept with this short side; smaller ones are made larger. 0: nothing is read beforehand nor kept, and images
        are decoded whenever they are needed, as a whole or as small as their views allow.
    progress : callable, optional
        Called as ``progress(done, total)`` after each image that is read beforehand.

    Attributes
    ----------
    kept : sequence of int
        Positions in ``files`` of the images of the store; index i of the store is ``kept[i]``.
    skipped : list of (str, str)
        Name and reason of the images that could not be read, in the order in which they were met.
    short_sides : list of int
        Of the images that were read beforehand, in pixels of the file.

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
        self._judge(tried=len(files) if short_side else 0)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def readable(self) -> int:
        """Images of the store, less those that turned out to be unreadable later."""
        return len(self.kept) - len(self._unreadable)

    def each(self, indices: Sequence[int], make: Callable[[int, Picture], T]) -> tuple[list[int], list[T]]:
        """Return the indices and what ``make`` makes of each index and its image, in order; made in several threads.

        An image that cannot be read is skipped, counted and listed, and the next one that can be takes its place: so a
        batch depends on the images alone.

        Raises
        ------
        DataError
            If more than 1 % of the images cannot be read, counted when 10,000 or all were tried.
        """

        def attempt(index: int) -> T | ImageError:
            try:
                return make(index, self._open(self.kept[index]))
            except ImageError as error:
                return error

        used, made = [], []
        for index, result in zip(indices, self._pool.map(attempt, indices), strict=True):
            at, found = index, result
            self._tried += 1
            while isinstance(found, ImageError):
                self._skip(at, str(found))
                at = (at + 1) % len(self)
                found = attempt(at)
            used.append(at)
            made.append(found)
        return used, made

    def _skip(self, index: int, reason: str) -> None:
        if index not in self._unreadable:
            self._unreadable.add(index)
            self.skipped.append((self._files.name(self.kept[index]), reason))
            self._judge(tried=self._tried)

    def _judge(self, *, tried: int) -> None:
        judged = min(len(self._files) + len(self._files.refused), max(tried, JUDGED_FROM))
        if len(self.skipped) > UNREADABLE_SHARE * judged:
            name, reason = self.skipped[0]
            raise DataError(
                f"at most 1 % of the images must be unreadable; got {len(self.skipped)} of {judged}, "
                f"the first '{name}': {reason} Repair or remove them, or check that the data are the right ones."
            )

    def _read_all(self, progress: Advance | None) -> None:
        kept, budget = [], CACHE_BYTES
        for at, result in enumerate(self._pool.map(self._try_read, range(len(self._files)))):
            if isinstance(result, str):
                self.skipped.append((self._files.name(at), result))
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
            return FilePicture(self._files.open(at))
        pixels = self._pixels.get(at)
        return KeptPicture(self._read(at)[0] if pixels is None else pixels)

    def _try_read(self, at: int) -> tuple[Tensor, int] | str:
        try:
            return self._read(at)
        except ImageError as error:
            return str(error)

    def _read(self, at: int) -> tuple[Tensor, int]:
        """Return an image at the size of the store, of a very long one the middle, and its short side in the file."""
        image = self._files.open(at)
        pixels = _tensor(image.decode(shrink=min(image.size) / self._short_side))
        height, width = pixels.shape[1:]
        longest = round(LARGEST_ASPECT * min(width, height))
        w, h = min(width, longest), min(height, longest)
        scale = self._short_side / min(w, h)
        box = ((width - w) // 2, (height - h) // 2, w, h)
        return resize(pixels, box, (round(h * scale), round(w * scale))), min(image.size)


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)

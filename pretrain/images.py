"""``ImageStore``: the images of one or several folders, decoded once and kept small as uint8.

Shapes: B images of a batch, H and W the largest height and width among them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fairaudit.core.errors import DataError
from fairaudit.core.images import ImageError, find_images, image_digest, open_image

CACHE_BYTES = 4 * 1024**3  # images beyond this are decoded again whenever they are needed
HASHED_BYTES = 2 * 1024**3  # larger data sets are told apart by names and sizes alone
LARGEST_ASPECT = 2.0  # of a longer image the middle is kept
UNREADABLE_SHARE = 0.01


@dataclass(frozen=True)
class ImageFiles:
    """Image files to train on, in a fixed order.

    Parameters
    ----------
    paths : tuple of Path
    names : tuple of str
        Path relative to its folder, after the number of the folder, e.g. ``"0/cats/a.jpg"``.
    digest : str
        SHA-256 over names, sizes and, up to 2 GiB in all, contents; 64 hex digits.
    """

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    digest: str

    @classmethod
    def of(cls, paths: Sequence[Path], names: Sequence[str]) -> ImageFiles:
        """Return the files with their digest.

        Raises
        ------
        DataError
            If one of them does not exist.
        """
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise DataError(
                f"every image must exist; got {len(missing)} of {len(paths)} missing, the first {missing[0]}. "
                "Correct the list or the folder it stands in."
            )
        sizes = [path.stat().st_size for path in paths]
        whole = sum(sizes) <= HASHED_BYTES
        digest = hashlib.sha256()
        for path, name, size in zip(paths, names, sizes, strict=True):
            digest.update(f"{name}\0{size}\0{image_digest(path) if whole else ''}\0".encode())
        return cls(tuple(paths), tuple(names), digest.hexdigest())

    def __len__(self) -> int:
        return len(self.paths)


def list_images(folders: Sequence[Path]) -> ImageFiles:
    """Return all images below the folders, each file once.

    Raises
    ------
    DataError
        If no folder is given, or one does not exist or holds no image.
    """
    if not folders:
        raise DataError("data must name at least one folder of images; got none. Give a folder.")
    found: dict[str, tuple[Path, str]] = {}
    for number, folder in enumerate(folders):
        for path in find_images(folder):
            name = f"{number}/{path.relative_to(folder).as_posix()}"
            found.setdefault(os.path.realpath(path), (path, name))
    return ImageFiles.of([path for path, _ in found.values()], [name for _, name in found.values()])


class ImageStore:
    """Decoded images with a short side of ``short_side`` pixels, by index.

    Parameters
    ----------
    files : ImageFiles
        What to read. All are decoded once when the store is made, so that a damaged file is known before training.
    short_side : int
        In pixels; images are made larger, too, where they are smaller.
    advance : callable, optional
        Called after each image, for a progress bar.

    Attributes
    ----------
    kept : tuple of int
        Positions in ``files`` of the images that could be read; index i of the store is ``kept[i]``.
    skipped : tuple of (str, str)
        Name and reason of those that could not.

    Raises
    ------
    DataError
        If more than 1 % of the images cannot be read.
    """

    def __init__(self, files: ImageFiles, *, short_side: int, advance: Callable[[], object] | None = None) -> None:
        self._files, self._short_side = files, short_side
        self._pixels: dict[int, Tensor] = {}
        kept: list[int] = []
        skipped: list[tuple[str, str]] = []
        budget = CACHE_BYTES
        with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
            for at, result in enumerate(pool.map(self._try_read, files.paths)):
                if isinstance(result, str):
                    skipped.append((files.names[at], result))
                else:
                    if result.numel() <= budget:
                        self._pixels[at] = result
                        budget -= result.numel()
                    kept.append(at)
                if advance:
                    advance()
        self.kept, self.skipped = tuple(kept), tuple(skipped)
        if len(skipped) > UNREADABLE_SHARE * len(files):
            name, reason = skipped[0]
            raise DataError(
                f"at most 1 % of the images must be unreadable; got {len(skipped)} of {len(files)}, "
                f"the first '{name}': {reason} "
                "Repair or remove them, or check that the folder is the right one."
            )

    def __len__(self) -> int:
        return len(self.kept)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return uint8 pixels (B, 3, H, W), padded with zeros, and heights and widths (B,)."""
        images = [self._get(self.kept[i]) for i in indices]
        heights = torch.tensor([image.shape[1] for image in images])
        widths = torch.tensor([image.shape[2] for image in images])
        pixels = torch.zeros(len(images), 3, int(heights.max()), int(widths.max()), dtype=torch.uint8)
        for row, image in enumerate(images):
            pixels[row, :, : image.shape[1], : image.shape[2]] = image
        return pixels, heights, widths

    def _get(self, at: int) -> Tensor:
        image = self._pixels.get(at)
        return self._read(self._files.paths[at]) if image is None else image

    def _try_read(self, path: Path) -> Tensor | str:
        try:
            return self._read(path)
        except ImageError as error:
            return str(error)

    def _read(self, path: Path) -> Tensor:
        image = open_image(path)
        width, height = image.size
        box = _middle(width, height)
        scale = self._short_side / min(box[2] - box[0], box[3] - box[1])
        size = (max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale)))
        small = image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
        return torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()


def _middle(width: int, height: int) -> tuple[float, float, float, float]:
    """Return the box of the image, cut to the largest aspect around its middle."""
    longest = LARGEST_ASPECT * min(width, height)
    cut_x, cut_y = max(0.0, (width - longest) / 2), max(0.0, (height - longest) / 2)
    return (cut_x, cut_y, width - cut_x, height - cut_y)

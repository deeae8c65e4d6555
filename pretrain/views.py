"""``Views``: from positions in a store to what the network sees, in a part for other threads and one for the device.

``cut`` opens images and cuts their views as uint8; ``finish`` blurs and colours them in batches. What they give depends
on the recipe, the epoch and the positions alone.

Shapes: B images, V views of each, S side of a view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fairaudit.pretrain.augment import (
    FLIP,
    Box,
    Numbers,
    crop_box,
    normalise,
    recolour,
    resize,
    view_numbers,
)
from fairaudit.pretrain.images import ImageStore, Picture
from fairaudit.pretrain.recipe import Recipe

Wanted = tuple[int, tuple[float, float]]


@dataclass(frozen=True)
class Cut:
    """Views of a batch before they are coloured.

    Parameters
    ----------
    indices : list of int
        Positions in the store; where an image was unreadable, of the one that took its place.
    numbers : ndarray, shape (V, B, DRAWS)
        Random numbers of the views.
    views : list of Tensor of uint8
        V of them, largest first, each (B, 3, S, S).
    """

    indices: list[int]
    numbers: Numbers
    views: list[Tensor]


class Views:
    """The views of a recipe.

    Parameters
    ----------
    store : ImageStore
    recipe : Recipe
    device : device
        Where views are finished.
    first : int, optional
        Make only so many views of each image, the same as if all were made.
    """

    def __init__(self, store: ImageStore, recipe: Recipe, device: torch.device, *, first: int | None = None) -> None:
        crops = recipe.crops
        groups = zip(crops.sizes, crops.counts, crops.scales, strict=True)
        self._wanted = [(size, scale) for size, count, scale in groups for _ in range(count)][:first]
        self._store, self._recipe, self._device = store, recipe, device

    def cut(self, indices: Sequence[int], epoch: int) -> Cut:
        """Read images and cut their views.

        Raises
        ------
        DataError
            If too many images are unreadable (``ImageStore.each``).
        """
        drawn = dict(zip(indices, self._numbers(indices, epoch), strict=True))

        def cut(index: int, picture: Picture) -> tuple[Numbers, list[Tensor]]:
            numbers_VN = drawn[index] if index in drawn else self._numbers([index], epoch)[0]
            return numbers_VN, cut_views(picture, numbers_VN, self._wanted, flip=self._recipe.crops.flip)

        used, made = self._store.each(indices, cut)
        views = [torch.stack(one) for one in zip(*(views for _, views in made), strict=True)]
        return Cut(used, np.stack([numbers for numbers, _ in made], axis=1), views)

    def finish(self, cut: Cut) -> list[Tensor]:
        """Return the views, normalised float32, largest first, each (B, 3, S, S), on the device."""
        return [
            recolour(view.to(self._device), numbers, self._recipe.crops)
            for view, numbers in zip(cut.views, cut.numbers, strict=True)
        ]

    def _numbers(self, indices: Sequence[int], epoch: int) -> Numbers:
        """Return (B, V, DRAWS)."""
        samples, views = np.array([self._store.kept[index] for index in indices]), np.arange(len(self._wanted))
        drawn = view_numbers(
            np.repeat(samples, len(views)), seed=self._recipe.seed, epoch=epoch, view=np.tile(views, len(samples))
        )
        return drawn.reshape(len(samples), len(views), -1)


def cut_views(picture: Picture, numbers: Numbers, wanted: Sequence[Wanted], *, flip: float) -> list[Tensor]:
    """Return the wanted views of an image, uint8, each (3, S, S).

    The image is decoded at the smallest scale at which every box has at least as many pixels as its view.

    Parameters
    ----------
    numbers : ndarray, shape (V, DRAWS)
        From ``view_numbers``.
    wanted : sequence (V) of (int, (float, float))
        Side of each view, and the least and largest share of the image's area.
    flip : float
        Probability of a left-right flip.
    """
    width, height = picture.size
    rows = numbers.tolist()
    boxes = [crop_box(row, width, height, scale) for row, (_, scale) in zip(rows, wanted, strict=True)]
    pixels = picture.pixels(shrink=min(min(box[2:]) / size for box, (size, _) in zip(boxes, wanted, strict=True)))
    views = []
    for row, box, (size, _) in zip(rows, boxes, wanted, strict=True):
        view = resize(pixels, scaled(box, picture.size, pixels), (size, size))
        views.append(view.flip(-1) if row[FLIP] < flip else view)
    return views


def scaled(box: Box, size: tuple[int, int], pixels: Tensor) -> Box:
    """Return a box of an image of that size (width, height) on its pixels (3, H, W) at a half, a quarter or an eighth.

    It is rounded to whole pixels there, which have at most the size of those of its view.
    """
    factor = 2 ** round(math.log2(max(size) / max(pixels.shape[1:])))
    left, top, width, height = box
    width_in, height_in = round(width / factor), round(height / factor)
    left_in = min(round(left / factor), pixels.shape[2] - width_in)
    return left_in, min(round(top / factor), pixels.shape[1] - height_in), width_in, height_in


def plain_views(
    store: ImageStore, indices: Sequence[int], *, size: int, device: torch.device
) -> tuple[list[int], Tensor]:
    """Return the middle squares of images, unchanged but for their size, normalised, (B, 3, S, S), and their positions.

    Positions are other ones where an image was unreadable.
    """

    def middle(_: int, picture: Picture) -> Tensor:
        short = min(picture.size)
        left, top = ((side - short) // 2 for side in picture.size)
        pixels = picture.pixels(shrink=short / size)
        return resize(pixels, scaled((left, top, short, short), picture.size, pixels), (size, size))

    used, made = store.each(indices, middle)
    return used, normalise(torch.stack(made).to(device))

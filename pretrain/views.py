"""``Views``: from positions in a store to the network's input, in a step for other threads and a step for the device.

``cut`` opens images and cuts their views as uint8; ``finish`` blurs and colours them in batches. The results depend on
the recipe, the epoch and the positions alone.

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
        Positions in the store; an unreadable image is replaced by the position of its substitute.
    numbers : ndarray, shape (V, B, DRAWS)
        Random numbers of the views.
    views : list of Tensor of uint8
        V tensors, largest first, each (B, 3, S, S).
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
        Device of the finished views.
    first : int, optional
        Number of views per image, by default all; they equal the first of all views.
    """

    def __init__(self, store: ImageStore, recipe: Recipe, device: torch.device, *, first: int | None = None) -> None:
        crops = recipe.crops
        groups = zip(crops.sizes, crops.counts, crops.scales, strict=True)
        self._wanted = [(size, scale) for size, count, scale in groups for _ in range(count)][:first]
        self._store, self._recipe, self._device = store, recipe, device

    def cut(self, indices: Sequence[int], epoch: int) -> Cut:
        """Read images and cut their views; too many unreadable images raise ``DataError`` (``ImageStore.each``)."""
        drawn = dict(zip(indices, self._numbers(indices, epoch), strict=True))

        def cut(index: int, picture: Picture) -> tuple[Numbers, list[Tensor]]:
            numbers_VN = drawn[index] if index in drawn else self._numbers([index], epoch)[0]
            return numbers_VN, cut_views(picture, numbers_VN, self._wanted, flip=self._recipe.crops.flip)

        used, cuts = self._store.each(indices, cut)
        views = [torch.stack(batch) for batch in zip(*(views for _, views in cuts), strict=True)]
        return Cut(used, np.stack([numbers for numbers, _ in cuts], axis=1), views)

    def finish(self, cut: Cut) -> list[Tensor]:
        """Return the views, normalised float32, largest first, each (B, 3, S, S), on the device."""
        return [
            recolour(view.to(self._device), numbers, self._recipe.crops)
            for view, numbers in zip(cut.views, cut.numbers, strict=True)
        ]

    def _numbers(self, indices: Sequence[int], epoch: int) -> Numbers:
        """Return the random numbers, shape (B, V, DRAWS)."""
        samples, views = np.array([self._store.kept[index] for index in indices]), np.arange(len(self._wanted))
        drawn = view_numbers(
            np.repeat(samples, len(views)), seed=self._recipe.seed, epoch=epoch, view=np.tile(views, len(samples))
        )
        return drawn.reshape(len(samples), len(views), -1)


def cut_views(picture: Picture, numbers: Numbers, wanted: Sequence[Wanted], *, flip: float) -> list[Tensor]:
    """Return the views of an image, uint8, each (3, S, S).

    The image is decoded at the smallest scale at which no box is smaller than its view.

    Parameters
    ----------
    numbers : ndarray, shape (V, DRAWS)
        From ``view_numbers``.
    wanted : sequence (V) of (int, (float, float))
        Side of each view, and the lowest and highest share of the image's area.
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
    """Return the box of an image of ``size`` (width, height) on its pixels (3, H, W) at 1, 1/2, 1/4 or 1/8.

    The box is rounded to whole pixels.
    """
    factor = 2 ** round(math.log2(max(size) / max(pixels.shape[1:])))
    left, top, width, height = box
    width_in, height_in = round(width / factor), round(height / factor)
    left_in = min(round(left / factor), pixels.shape[2] - width_in)
    return left_in, min(round(top / factor), pixels.shape[1] - height_in), width_in, height_in


def plain_views(
    store: ImageStore, indices: Sequence[int], *, size: int, device: torch.device
) -> tuple[list[int], Tensor]:
    """Return the positions and the middle squares of images, resized and normalised, shape (B, 3, S, S).

    The position of an unreadable image is that of its substitute.
    """

    def middle(_: int, picture: Picture) -> Tensor:
        short = min(picture.size)
        left, top = ((side - short) // 2 for side in picture.size)
        pixels = picture.pixels(shrink=short / size)
        return resize(pixels, scaled((left, top, short, short), picture.size, pixels), (size, size))

    used, squares = store.each(indices, middle)
    return used, normalise(torch.stack(squares).to(device))

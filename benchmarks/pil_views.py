"""The usual augmentation: each view of each image made by Pillow alone, as the published training scripts do.

The definitions are those of arXiv:2006.09882, appendix B: a crop of random area and aspect, a flip, brightness,
contrast, saturation and hue in random order with probability 0.8, grey with probability 0.2, a Gaussian blur.
"""

from __future__ import annotations

import math
import random

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor

from fairaudit.pretrain.augment import MEAN, STD
from fairaudit.pretrain.settings import Crops

_MEAN, _STD = (torch.tensor(x)[:, None, None] for x in (MEAN, STD))


def pil_views(image: Image.Image, crops: Crops, dice: random.Random) -> list[Tensor]:
    """Return the views of one image, largest first, each (3, S, S), normalised."""
    return [
        _view(image, size, scale, crops, dice)
        for size, count, scale in zip(crops.sizes, crops.counts, crops.scales, strict=True)
        for _ in range(count)
    ]


def _view(image: Image.Image, size: int, scale: tuple[float, float], crops: Crops, dice: random.Random) -> Tensor:
    left, top, w, h = _box(image.width, image.height, scale, dice)
    # Cropped first: Pillow then resizes a small image, which is faster than resize(box=...) of a large one.
    view = image.crop((left, top, left + w, top + h)).resize((size, size), Image.Resampling.BILINEAR)
    if dice.random() < crops.flip:
        view = ImageOps.mirror(view)
    if dice.random() < crops.colour_probability:
        view = _jitter(view, crops.colour, dice)
    if dice.random() < crops.grayscale:
        view = ImageOps.grayscale(view).convert("RGB")
    if dice.random() < crops.blur:
        view = view.filter(ImageFilter.GaussianBlur(dice.uniform(0.1, 2.0)))
    pixels = torch.from_numpy(np.array(view)).permute(2, 0, 1)
    return pixels.contiguous().float().div_(255).sub_(_MEAN).div_(_STD)


def _box(width: int, height: int, scale: tuple[float, float], dice: random.Random) -> tuple[int, int, int, int]:
    """Return left, top, width and height: the first of ten attempts that fits, else the middle."""
    for _ in range(10):
        area = width * height * dice.uniform(*scale)
        aspect = math.exp(dice.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return dice.randint(0, width - w), dice.randint(0, height - h), w, h
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (width - w) // 2, (height - h) // 2, w, h


def _jitter(view: Image.Image, strength: float, dice: random.Random) -> Image.Image:
    """Change brightness, contrast and saturation by up to 0.8 of one, and hue by up to 0.2 turns, at strength 1."""

    def factor() -> float:
        return dice.uniform(max(0.0, 1 - 0.8 * strength), 1 + 0.8 * strength)

    changes = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color, None]
    dice.shuffle(changes)
    for change in changes:
        view = _turn_hue(view, dice.uniform(-0.2, 0.2) * strength) if change is None else change(view).enhance(factor())
    return view


def _turn_hue(view: Image.Image, turns: float) -> Image.Image:
    hue, saturation, value = view.convert("HSV").split()
    turned = np.array(hue) + np.uint8(round(turns * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")

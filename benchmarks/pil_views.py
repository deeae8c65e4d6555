"""The usual augmentation: each view of each image made by PIL alone, as the published training scripts do.

A crop of random area and aspect, a flip, brightness, contrast, saturation and hue in random order, grey, a Gaussian
blur (arXiv:2006.09882, appendix B), in the fastest usual form: crop and resize are one ``resize(box=...)``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor

from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.augment import MEAN, REFERENCE_SIDE, STD
from fairaudit.pretrain.settings import Crops


def encoded(files: ImageFiles, at: int) -> bytes:
    """Return the bytes of an image as they are on disk."""
    source = files.source(at)
    return source if isinstance(source, bytes) else source.read_bytes()


def pil_views(content: bytes, crops: Crops, rng: np.random.Generator) -> list[Tensor]:
    """Return the views of an encoded image, largest first, each (3, S, S), normalised."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    groups = zip(crops.sizes, crops.counts, crops.scales, strict=True)
    return [_pil_view(image, size, scale, crops, rng) for size, n, scale in groups for _ in range(n)]


def _pil_view(
    image: Image.Image, size: int, scale: tuple[float, float], crops: Crops, rng: np.random.Generator
) -> Tensor:
    view = image.resize((size, size), Image.Resampling.BILINEAR, box=_pil_box(image.size, scale, rng))
    if rng.random() < crops.flip:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < crops.colour_probability:
        changes: list[Callable[[Image.Image, float], Image.Image]] = [
            lambda v, f: ImageEnhance.Brightness(v).enhance(f),
            lambda v, f: ImageEnhance.Contrast(v).enhance(f),
            lambda v, f: ImageEnhance.Color(v).enhance(f),
        ]
        spread = 0.8 * crops.colour
        for change in rng.permutation(4):
            if change == 3:
                view = _pil_hue(view, rng.uniform(-0.2, 0.2) * crops.colour)
            else:
                view = changes[change](view, rng.uniform(max(0.0, 1 - spread), 1 + spread))
    if rng.random() < crops.grayscale:
        view = Image.merge("RGB", [view.convert("L")] * 3)
    if rng.random() < crops.blur:
        view = view.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 2.0) * size / REFERENCE_SIDE))
    pixels = torch.from_numpy(np.array(view)).permute(2, 0, 1).contiguous().float().div_(255)
    return pixels.sub_(torch.tensor(MEAN)[:, None, None]).div_(torch.tensor(STD)[:, None, None])


def _pil_box(
    size: tuple[int, int], scale: tuple[float, float], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    width, height = size
    for _ in range(10):
        area, aspect = width * height * rng.uniform(*scale), math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if w <= width and h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (width - w) // 2, (height - h) // 2, (width + w) // 2, (height + h) // 2


def _pil_hue(view: Image.Image, turn: float) -> Image.Image:
    h, s, v = view.convert("HSV").split()
    turned = np.asarray(h) + np.uint8(int(turn * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(turned), s, v)).convert("RGB")

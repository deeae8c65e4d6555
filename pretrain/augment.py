"""Augmentation of images: crop and flip for one view, blur and colour for a whole batch, from counted random numbers.

Every random number is a function of (seed, epoch, sample, view). It does not depend on the order of images, the size of
the batch or the number of machines, and a resumed run sees the same views as an unbroken one.

A view is cut from its image as uint8, on the processor: crop, antialiased resize and flip, with PIL's results. The
training device then changes a whole batch: a Gaussian blur is one matrix for rows and columns; brightness, contrast,
saturation, hue, grey and normalisation are one 3x3 matrix with an offset. At the end values are limited to [0, 1].

Shapes: B images, C = 3 channels, H and W sides of the image, S side of the view, T attempts at a crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from fairaudit.pretrain.settings import Crops

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
GREY = (0.299, 0.587, 0.114)
REFERENCE_SIDE = 224  # widths of blur are published for views of this side
ATTEMPTS = 10
Numbers = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]  # left, top, width, height in pixels
# Position of each draw among the numbers of a view.
SCALE, ASPECT, LEFT, TOP = (slice(i * ATTEMPTS, (i + 1) * ATTEMPTS) for i in range(4))
FLIP, RECOLOUR, BRIGHTNESS, CONTRAST, SATURATION, HUE, GREYED, BLURRED, SIGMA = range(4 * ATTEMPTS, 4 * ATTEMPTS + 9)
DRAWS = 4 * ATTEMPTS + 9


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64 bits, as SplitMix64 does (Steele, Lea and Flood 2014, "Fast splittable generators")."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def view_numbers(samples: npt.ArrayLike, *, seed: int, epoch: int, view: npt.ArrayLike, draws: int = DRAWS) -> Numbers:
    """Return uniform numbers in [0, 1), shape (B, draws); a row depends on its sample, seed, epoch and view alone.

    One of ``samples`` and ``view`` has shape (B,), the other () or (B,).
    """
    state = _mix(np.array([seed], dtype=np.uint64))
    for value in (np.array([epoch]), np.asarray(samples), np.atleast_1d(view)):
        state = _mix(state ^ value.astype(np.uint64))
    bits = _mix(state[:, None] ^ _mix(np.arange(1, draws + 1, dtype=np.uint64))[None, :])
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def crop_box(numbers: Sequence[float], width: int, height: int, scale: tuple[float, float]) -> Box:
    """Return a box in whole pixels with the distribution of torchvision's RandomResizedCrop.

    The area is uniform in ``scale`` times the image's area, and the logarithm of the aspect is uniform between those of
    3/4 and 4/3. The box is the first of ten attempts that fits, else the middle of the image, cut to an allowed aspect.

    Parameters
    ----------
    numbers : sequence (DRAWS) of float
        A row of ``view_numbers``; a list is faster than an array here.
    """
    draws = zip(numbers[SCALE], numbers[ASPECT], numbers[LEFT], numbers[TOP], strict=True)
    for share, aspect, left, top in draws:
        area = width * height * (scale[0] + (scale[1] - scale[0]) * share)
        ratio = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * aspect)
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(left * (width - w + 1)), int(top * (height - h + 1)), w, h
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (width - w) // 2, (height - h) // 2, w, h


def resize(pixels: Tensor, box: Box, size: tuple[int, int]) -> Tensor:
    """Return the pixels in a box, antialiased, within 1/255 of PIL's ``crop(box).resize(size, BILINEAR)``.

    Parameters
    ----------
    pixels : Tensor of uint8, shape (3, H, W)
    box : (int, int, int, int)
        Left, top, width, height.
    size : (int, int)
        Height and width.
    """
    left, top, width, height = box
    piece = pixels[None, :, top : top + height, left : left + width]
    return F.interpolate(piece, size=size, mode="bilinear", antialias=True)[0]


def blur_matrix(sigma_B: Tensor, *, size: int) -> Tensor:
    """Return the Gaussian blurs along one axis, shape (B, size, size); sigma in pixels, rows sum to one."""
    place_S = torch.arange(size, device=sigma_B.device)
    kernel_BS = torch.exp(-0.5 * (place_S / sigma_B[:, None]) ** 2)
    kernel_BS[kernel_BS < 1e-6] = 0  # beyond five sigma; denormal numbers slow a product several times
    both_sides = torch.cat([kernel_BS.flip(1)[:, :-1], kernel_BS], dim=1)
    weight_BSS = both_sides.unfold(1, size, 1).flip(1)
    return weight_BSS / weight_BSS.sum(dim=-1, keepdim=True)


def colour_map(numbers_BN: Tensor, mean_BC: Tensor, crops: Crops) -> tuple[Tensor, Tensor]:
    """Return matrices (B, 3, 3) and offsets (B, 3) that change colours in [0, 1].

    They change brightness, contrast (around the view's mean grey), saturation and hue, in this order, and then remove
    colour from grey views. At strength 1 factors are within 0.8 of one, and hue turns the IQ plane of YIQ by up to 0.2.

    Parameters
    ----------
    numbers_BN : Tensor, shape (B, DRAWS)
    mean_BC : Tensor, shape (B, 3)
        Mean colour of each view.
    """
    batch, device = len(mean_BC), mean_BC.device
    eye, grey = torch.eye(3, device=device), torch.tensor(GREY, device=device)
    to_grey = grey.expand(3, 3)
    spread = 0.8 * crops.colour
    changed_B = numbers_BN[:, RECOLOUR] < crops.colour_probability

    def factor(draw: int) -> Tensor:
        low = max(0.0, 1 - spread)
        drawn = low + (1 + spread - low) * numbers_BN[:, draw]
        return torch.where(changed_B, drawn, torch.ones_like(drawn))[:, None, None]

    matrix = factor(BRIGHTNESS) * eye
    contrast = factor(CONTRAST)
    middle_B = (matrix @ mean_BC[:, :, None])[:, :, 0] @ grey
    matrix, offset_BC = contrast * matrix, ((1 - contrast[:, :, 0]) * middle_B[:, None]).expand(batch, 3)
    saturation = factor(SATURATION)
    angle_B = torch.where(changed_B, 0.2 * crops.colour * (2 * numbers_BN[:, HUE] - 1) * 2 * math.pi, 0.0)
    after = _hue_turn(angle_B) @ (saturation * eye + (1 - saturation) * to_grey)
    greyed = (numbers_BN[:, GREYED] < crops.grayscale)[:, None, None]
    after = torch.where(greyed, to_grey @ after, after)
    return after @ matrix, (after @ offset_BC[:, :, None])[:, :, 0]


def _hue_turn(angle_B: Tensor) -> Tensor:
    yiq = torch.tensor([GREY, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)], device=angle_B.device)
    turn = torch.zeros(len(angle_B), 3, 3, device=angle_B.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = torch.cos(angle_B)
    turn[:, 1, 2], turn[:, 2, 1] = -torch.sin(angle_B), torch.sin(angle_B)
    turned: Tensor = torch.linalg.inv(yiq) @ turn @ yiq
    return turned


def normalise(views: Tensor) -> Tensor:
    """Return uint8 colours (B, 3, S, S) as float32, scaled to [0, 1] and standardised as for ImageNet."""
    mean, std = torch.tensor(MEAN, device=views.device), torch.tensor(STD, device=views.device)
    return (views / 255 - mean[:, None, None]) / std[:, None, None]


def recolour(views: Tensor, numbers: Numbers, crops: Crops) -> Tensor:
    """Return cut views, blurred, recoloured and normalised, float32, shape (B, 3, S, S).

    Parameters
    ----------
    views : Tensor of uint8, shape (B, 3, S, S)
    numbers : ndarray, shape (B, DRAWS)
        From ``view_numbers``.
    """
    drawn_BN = torch.from_numpy(numbers).float().to(views.device)
    view = views.contiguous().float()
    blurred = np.flatnonzero(numbers[:, BLURRED] < crops.blur)
    size = views.shape[-1]
    sigma_B = (0.1 + 1.9 * drawn_BN[blurred, SIGMA]) * size / REFERENCE_SIDE
    for row, matrix in zip(blurred, blur_matrix(sigma_B, size=size), strict=True):
        torch.bmm(matrix.expand(3, size, size), view[row] @ matrix.T, out=view[row])
    matrix, offset = colour_map(drawn_BN, view.mean(dim=(2, 3)) / 255, crops)
    mean, std = torch.tensor(MEAN, device=views.device), torch.tensor(STD, device=views.device)
    # Scale, colours and normalisation are one product; its limits are the images of 0 and 1.
    matrix, offset = matrix / (255 * std[:, None]), (offset - mean) / std
    coloured = torch.baddbmm(offset[:, :, None], matrix, view.flatten(2)).view_as(view)
    for channel, (middle, deviation) in enumerate(zip(MEAN, STD, strict=True)):
        coloured[:, channel].clamp_(-middle / deviation, (1 - middle) / deviation)
    return coloured

"""Views of images: crop, flip, blur and colour for a whole batch at once, from numbers that depend on nothing else.

Every random number is a function of (seed, epoch, sample, view): the order of images, the size of the batch and
the number of machines change nothing, and a resumed run sees what an unbroken one would have seen.

A view is a linear map of the image. Crop, flip and antialiased resize are one matrix for rows and one for columns,
a Gaussian blur multiplies those, and brightness, contrast, saturation, hue and grey are one 3x3 matrix with an
offset. Values are limited to [0, 1] once, at the end.

Shapes: B images, C = 3 channels, H and W sides of the image, S side of the view, T attempts at a crop.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fairaudit.pretrain.settings import Crops

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
GREY = (0.299, 0.587, 0.114)
REFERENCE_SIDE = 224  # widths of blur are published for views of this side
ATTEMPTS = 10
Numbers = npt.NDArray[np.float64]
# Where each draw of a view stands among its numbers.
SCALE, ASPECT, LEFT, TOP = (slice(i * ATTEMPTS, (i + 1) * ATTEMPTS) for i in range(4))
FLIP, RECOLOUR, BRIGHTNESS, CONTRAST, SATURATION, HUE, GREYED, BLURRED, SIGMA = range(4 * ATTEMPTS, 4 * ATTEMPTS + 9)
DRAWS = 4 * ATTEMPTS + 9


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64 bits, as SplitMix64 does (Steele, Lea and Flood 2014, "Fast splittable generators")."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def view_numbers(samples: npt.ArrayLike, *, seed: int, epoch: int, view: int, draws: int = DRAWS) -> Numbers:
    """Return uniform numbers in [0, 1), shape (B, draws): row i depends on samples[i], seed, epoch and view alone."""
    state = _mix(np.array([seed], dtype=np.uint64))
    for value in (np.array([epoch]), np.asarray(samples), np.array([view])):
        state = _mix(state ^ value.astype(np.uint64))
    bits = _mix(state[:, None] ^ _mix(np.arange(1, draws + 1, dtype=np.uint64))[None, :])
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def crop_boxes(numbers: Numbers, heights: npt.ArrayLike, widths: npt.ArrayLike, scale: tuple[float, float]) -> Numbers:
    """Return boxes (B, 4) as left, top, width, height in pixels.

    Area is uniform in ``scale`` times the image's area and the logarithm of the aspect uniform between those of
    3/4 and 4/3; the first of ten attempts that fits is taken, else the whole image cut to an allowed aspect.
    """
    height_B, width_B = np.asarray(heights, dtype=np.float64), np.asarray(widths, dtype=np.float64)
    area_BT = (height_B * width_B)[:, None] * (scale[0] + (scale[1] - scale[0]) * numbers[:, SCALE])
    aspect_BT = np.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * numbers[:, ASPECT])
    w_BT, h_BT = np.sqrt(area_BT * aspect_BT), np.sqrt(area_BT / aspect_BT)
    fits_BT = (w_BT <= width_B[:, None]) & (h_BT <= height_B[:, None])
    rows, first = np.arange(len(numbers)), fits_BT.argmax(axis=1)
    some = fits_BT.any(axis=1)
    w = np.where(some, w_BT[rows, first], np.minimum(width_B, height_B * 4 / 3))
    h = np.where(some, h_BT[rows, first], np.minimum(height_B, width_B * 4 / 3))
    left = np.where(some, numbers[:, LEFT][rows, first], 0.5) * (width_B - w)
    top = np.where(some, numbers[:, TOP][rows, first], 0.5) * (height_B - h)
    return np.stack([left, top, w, h], axis=1)


def resize_matrix(start_B: Tensor, length_B: Tensor, side_B: Tensor, *, size: int, largest: int) -> Tensor:
    """Return (B, size, largest): the linear filter that resizes ``length`` pixels from ``start`` to ``size``.

    It is the antialiased bilinear filter of PIL's ``resize(box=...)``: a triangle that widens when shrinking, over
    the pixels of the image (``side`` of them), with weights that sum to one.
    """
    step_B = length_B / size
    centre_BS = start_B[:, None] + (torch.arange(size, device=start_B.device) + 0.5) * step_B[:, None]
    pixel_W = torch.arange(largest, device=start_B.device)
    distance_BSW = (pixel_W + 0.5 - centre_BS[:, :, None]) / step_B.clamp_min(1.0)[:, None, None]
    weight_BSW = (1 - distance_BSW.abs()).clamp_min(0) * (pixel_W < side_B[:, None, None])
    return weight_BSW / weight_BSW.sum(dim=-1, keepdim=True)


def blur_matrix(sigma_B: Tensor, *, size: int) -> Tensor:
    """Return (B, size, size): a Gaussian blur along one axis; sigma in pixels, rows sum to one."""
    distance_SS = torch.arange(size, device=sigma_B.device)[:, None] - torch.arange(size, device=sigma_B.device)
    weight_BSS = torch.exp(-0.5 * (distance_SS / sigma_B[:, None, None]) ** 2)
    return weight_BSS / weight_BSS.sum(dim=-1, keepdim=True)


def colour_map(numbers_BN: Tensor, mean_BC: Tensor, crops: Crops) -> tuple[Tensor, Tensor]:
    """Return matrices (B, 3, 3) and offsets (B, 3) that change colours in [0, 1].

    Brightness, contrast (around the view's mean grey), saturation and hue, in this order, each by a factor within
    0.8 of one at strength 1, hue by up to 0.2 turns; then grey. Hue turns the IQ plane of YIQ.

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
    """Return colours in [0, 1] (B, 3, S, S) with ImageNet's mean taken off and divided by its deviation."""
    mean, std = torch.tensor(MEAN, device=views.device), torch.tensor(STD, device=views.device)
    return (views - mean[:, None, None]) / std[:, None, None]


def _resample(pixels: Tensor, rows_BSH: Tensor, columns_BSW: Tensor) -> Tensor:
    """Return (B, 3, S, S) in [0, 1]."""
    batch, channels, height, width = pixels.shape
    lines = pixels.view(batch, channels * height, width).float().div_(255)
    wide = (lines @ columns_BSW.transpose(1, 2)).view(batch, channels, height, -1)
    return rows_BSH[:, None] @ wide


def random_view(
    pixels: Tensor,
    heights: Tensor,
    widths: Tensor,
    *,
    numbers: Numbers,
    size: int,
    scale: tuple[float, float],
    crops: Crops,
) -> Tensor:
    """Return one random view of each image, normalised, float32, shape (B, 3, size, size).

    Parameters
    ----------
    pixels : Tensor of uint8, shape (B, 3, H, W)
        Padded images; ``heights`` and ``widths`` (B,) say how far each reaches.
    numbers : ndarray, shape (B, DRAWS)
        From ``view_numbers``.
    """
    device = pixels.device
    boxes = torch.from_numpy(crop_boxes(numbers, heights.numpy(), widths.numpy(), scale)).float().to(device)
    drawn_BN = torch.from_numpy(numbers).float().to(device)
    columns = resize_matrix(boxes[:, 0], boxes[:, 2], widths.to(device), size=size, largest=pixels.shape[3])
    rows = resize_matrix(boxes[:, 1], boxes[:, 3], heights.to(device), size=size, largest=pixels.shape[2])
    flipped = (drawn_BN[:, FLIP] < crops.flip)[:, None, None]
    columns = torch.where(flipped, columns.flip(1), columns)
    if crops.blur > 0:
        sigma = (0.1 + 1.9 * drawn_BN[:, SIGMA]) * size / REFERENCE_SIDE
        blur = blur_matrix(torch.where(drawn_BN[:, BLURRED] < crops.blur, sigma, 1e-3), size=size)
        columns, rows = blur @ columns, blur @ rows
    view = _resample(pixels, rows, columns)
    matrix, offset = colour_map(drawn_BN, view.mean(dim=(2, 3)), crops)
    coloured = (matrix @ view.flatten(2)).view_as(view) + offset[:, :, None, None]
    return normalise(coloured.clamp_(0, 1))


def make_views(
    batch: tuple[Tensor, Tensor, Tensor],
    samples: npt.ArrayLike,
    *,
    crops: Crops,
    seed: int,
    epoch: int,
    first: int | None = None,
) -> list[Tensor]:
    """Return the views of a batch, largest first, each (B, 3, S, S).

    Parameters
    ----------
    batch : (Tensor, Tensor, Tensor)
        Pixels, heights and widths from ``ImageStore.batch``.
    samples : array of int, shape (B,)
        Number of each image in the data set.
    first : int, optional
        Make only so many views, the same as if all were made.
    """
    pixels, heights, widths = batch
    wanted = [
        (size, scale)
        for size, count, scale in zip(crops.sizes, crops.counts, crops.scales, strict=True)
        for _ in range(count)
    ]
    views: list[Tensor] = []
    for number, (size, scale) in enumerate(wanted[:first]):
        numbers = view_numbers(samples, seed=seed, epoch=epoch, view=number)
        views.append(random_view(pixels, heights, widths, numbers=numbers, size=size, scale=scale, crops=crops))
    return views


def plain_view(batch: tuple[Tensor, Tensor, Tensor], *, size: int) -> Tensor:
    """Return the middle square of each image, unchanged but for its size, normalised, shape (B, 3, size, size)."""
    pixels, heights, widths = batch
    short = torch.minimum(heights, widths).float()
    left, top = (widths - short) / 2, (heights - short) / 2
    columns = resize_matrix(left, short, widths, size=size, largest=pixels.shape[3]).to(pixels.device)
    rows = resize_matrix(top, short, heights, size=size, largest=pixels.shape[2]).to(pixels.device)
    return normalise(_resample(pixels, rows, columns).clamp_(0, 1))

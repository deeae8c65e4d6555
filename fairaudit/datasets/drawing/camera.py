"""The camera: light from one side, exposure, sensor noise, and the image file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.dice import Dice


@dataclass(frozen=True)
class Exposure:
    """Light, noise and colour error of a photograph.

    Parameters
    ----------
    gain : float
        Factor of all pixel values, and so of contrast; 1 is a well-exposed photograph, 0 is black.
    noise : float
        Standard deviation of the sensor's noise in steps of 8-bit pixel values, independent of ``gain``.
    cast : float
        Standard deviation of the natural logarithm of each colour channel's gain, one draw a photograph: in little
        light, a camera misjudges brightness and white balance.
    """

    gain: float = 1.0
    noise: float = 2.0
    cast: float = 0.0


WELL_EXPOSED = Exposure()


@cache
def _grid(pixels: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    line = np.linspace(-1, 1, pixels, dtype=np.float32)
    return line[None, :, None], line[:, None, None]


def photograph(canvas: Canvas, dice: Dice, exposure: Exposure = WELL_EXPOSED) -> Image.Image:
    """Return a photograph of the canvas: light from a random side, then exposure, then noise.

    Light and noise depend on the dice alone, not on the exposure.
    """
    x, y = _grid(canvas.pixels)
    angle, slope = dice.uniform(0, 2 * math.pi), dice.uniform(0.0, 0.16)
    light = dice.uniform(0.88, 1.06) * exposure.gain
    noise_HWC = dice.normal((canvas.pixels, canvas.pixels, 3))
    noise_HWC *= exposure.noise
    channels_C = np.exp(dice.normal((3,)) * exposure.cast)
    pixels_HWC: npt.NDArray[np.float32] = np.asarray(canvas.reduced(), dtype=np.float32)
    light_HWC = (light * (1 + slope * (math.cos(angle) * x + math.sin(angle) * y))) * channels_C
    pixels_HWC = pixels_HWC * light_HWC.astype(np.float32)
    pixels_HWC += noise_HWC
    pixels_HWC += 0.5
    return Image.fromarray(pixels_HWC.clip(0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path) -> None:
    """Write the picture as PNG."""
    image.save(path, format="PNG", compress_level=1)

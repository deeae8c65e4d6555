"""Preprocessing from an RGB image to the tensor that a model was trained on; no value is guessed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from fairaudit.core import open_file
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.typed_values import build
from fairaudit.images.decode import MAX_PIXELS, ImageError

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_EXAMPLE = (
    'Use for example {"size": 224, "crop_pct": 0.875, "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], '
    '"std": [0.229, 0.224, 0.225]} with the values the checkpoint was trained with.'
)


class Preprocess(Protocol):
    """Preprocessing of one image, with a description of its values."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return float32, shape (3, H, W)."""

    def describe(self) -> dict[str, Any]:
        """Return all values as JSON values, for the model card."""


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, scale to [0, 1], subtract the mean, divide by the standard deviation.

    Parameters
    ----------
    resize : int or (int, int)
        New length of the shorter side (the other follows, rounded down), or exactly (height, width).
    crop : (int, int) or None
        Height and width of the centre crop after resizing.
    interpolation : str
        Key of ``INTERPOLATIONS``.
    mean, std : (float, float, float)
        By channel, on the scale [0, 1], in the order of ``channels``.
    channels : {"RGB", "BGR"}
        Order of the channels in the model's input.
    rounded : bool
        Whether resized pixels are rounded to whole numbers, as usual; False for DINOv3.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int] | None
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: Literal["RGB", "BGR"] = "RGB"
    rounded: bool = True

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return float32, shape (3, H, W).

        Raises
        ------
        ImageError
            If the image has more than ``MAX_PIXELS`` once it is resized, because its sides are very unequal.
        """
        height, width = self._resized(image)
        if height * width > MAX_PIXELS:
            raise ImageError(
                f"image must have at most {MAX_PIXELS:,} pixels once it is resized; got {width} x {height} from "
                f"{image.width} x {image.height}. Crop or remove it."
            )
        pixels_HWC = self._resize(image, (width, height))
        if self.crop is not None:
            top, left = (height - self.crop[0]) // 2, (width - self.crop[1]) // 2
            pixels_HWC = pixels_HWC[top : top + self.crop[0], left : left + self.crop[1]]
        if self.channels == "BGR":
            pixels_HWC = pixels_HWC[:, :, ::-1]
        std = np.asarray(self.std, dtype=np.float32)
        pixels_HWC = (
            pixels_HWC.astype(np.float32) * (np.float32(1 / 255) / std) - np.asarray(self.mean, dtype=np.float32) / std
        )
        return torch.from_numpy(np.ascontiguousarray(pixels_HWC.transpose(2, 0, 1)))

    def describe(self) -> dict[str, Any]:
        """Return all values as JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def _resize(self, image: Image.Image, size: tuple[int, int]) -> npt.NDArray[Any]:
        """Return the pixels at (width, height): whole numbers, or float32 if they are not rounded."""
        if size == image.size:
            return np.asarray(image)
        resampling = INTERPOLATIONS[self.interpolation]
        if self.rounded:
            return np.asarray(image.resize(size, resampling))
        planes = [Image.fromarray(plane) for plane in np.asarray(image, dtype=np.float32).transpose(2, 0, 1)]
        return np.stack([np.asarray(plane.resize(size, resampling)) for plane in planes], axis=2)

    def _resized(self, image: Image.Image) -> tuple[int, int]:
        if not isinstance(self.resize, int):
            return self.resize
        if image.width <= image.height:
            return int(self.resize * image.height / image.width), self.resize
        return self.resize, int(self.resize * image.width / image.height)


@dataclass(frozen=True)
class _Keys:
    """The keys of ``preprocessing_from_mapping``."""

    size: int | tuple[int, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_pct: float = 1.0
    interpolation: str = "bilinear"
    channels: str = "RGB"

    def __post_init__(self) -> None:
        sides = self.sides
        for key, holds, must in (
            ("size", len(sides) in (1, 2) and all(1 <= s <= 4096 for s in sides), "one or two numbers from 1 to 4096"),
            ("crop_pct", 0 < self.crop_pct <= 1, "above 0 and at most 1"),
            ("crop_pct", len(sides) == 1 or self.crop_pct == 1, "1 or left out where size has two numbers"),
            ("mean", all(abs(n) < 1e6 for n in self.mean), "three numbers below a million"),
            ("std", all(0 < n < 1e6 for n in self.std), "three numbers above zero and below a million"),
        ):
            if not holds:
                raise ConfigError(f"{key} must be {must}; got {getattr(self, key)}. {_EXAMPLE}")
        for key, name, options in (
            ("interpolation", self.interpolation.lower(), INTERPOLATIONS),
            ("channels", self.channels.upper(), ("RGB", "BGR")),
        ):
            if name not in options:
                raise unknown_name(key, getattr(self, key), options)

    @property
    def sides(self) -> tuple[int, ...]:
        return (self.size,) if isinstance(self.size, int) else self.size


def preprocessing_from_mapping(values: object, *, source: str) -> Preprocessing:
    """Return the preprocessing that a mapping of plain values describes; ``source`` names the mapping in errors.

    Keys: ``size`` (int: shorter side, then centre crop; or [height, width]: exactly these sides, without a crop),
    ``mean`` and ``std`` (three numbers on the scale [0, 1]); optional ``crop_pct`` (share of the shorter side that
    the crop keeps, in (0, 1], default 1), ``interpolation`` (default bilinear) and ``channels`` (default RGB).

    Raises
    ------
    ConfigError
        If a key is missing, unknown or out of its range.
    """
    keys = build(_Keys, values, where=source, advice=_EXAMPLE)
    first, *second = keys.sides
    resize: int | tuple[int, int] = (first, second[0]) if second else int(first / keys.crop_pct)
    crop = None if second else (first, first)
    channels: Literal["RGB", "BGR"] = "BGR" if keys.channels.upper() == "BGR" else "RGB"
    return Preprocessing(resize, crop, keys.interpolation.lower(), keys.mean, keys.std, channels)


def read_json(path: Path) -> Any:
    """Return the JSON content of the preprocessing file, or raise ``ConfigError``."""
    return open_file.read_json(path, "preprocessing file", limit=open_file.SETTINGS, error=ConfigError)

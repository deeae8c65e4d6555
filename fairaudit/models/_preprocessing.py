"""From an RGB image to the tensor that a model was trained on; every value is given, none is guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from fairaudit.core.errors import ConfigError, did_you_mean
from fairaudit.core.open_file import SETTINGS, read_bytes
from fairaudit.images.decode import MAX_PIXELS, ImageError

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
REQUIRED_KEYS = ("size", "mean", "std")
OPTIONAL_KEYS = ("crop_pct", "interpolation", "channels")


class Preprocess(Protocol):
    """What turns an image into a tensor, and can say how."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return float32, shape (3, H, W)."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return all its values as JSON values, for the model card."""
        ...


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
        Order in which the model wants the channels.
    rounded : bool
        Whether resized pixels are whole numbers again, as nearly everywhere; DINOv3 does not round.
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
            If the sides of the image are so unequal that it would not fit into memory once resized.
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
        """Return the pixels at (width, height): whole numbers, or float32 where they are not rounded."""
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


def preprocessing_from_mapping(values: object, *, source: str) -> Preprocessing:
    """Return the preprocessing that a mapping of plain values describes.

    Keys: ``size`` (int: shorter side, then centre crop; or [height, width]: exactly this, without a crop),
    ``mean`` and ``std`` (three numbers on the scale [0, 1]); optional ``crop_pct`` (share of the shorter side that
    the crop keeps, in (0, 1], default 1), ``interpolation`` (default bilinear) and ``channels`` (default RGB).

    Raises
    ------
    ConfigError
        If a key is missing, unknown or out of its range; ``source`` names where it stands.
    """
    allowed = (*REQUIRED_KEYS, *OPTIONAL_KEYS)
    if not isinstance(values, Mapping):
        raise _wrong(source, f"a mapping with {', '.join(REQUIRED_KEYS)}", f"a {type(values).__name__}")
    for key in values:
        if key not in allowed:
            raise _wrong(source, f"a mapping with keys among {', '.join(allowed)}", f"'{key}'", str(key))
    for key in REQUIRED_KEYS:
        if key not in values:
            raise _wrong(source, f"a mapping with {', '.join(REQUIRED_KEYS)}", f"none for '{key}'")
    interpolation = str(values.get("interpolation", "bilinear")).lower()
    if interpolation not in INTERPOLATIONS:
        raise _wrong(source, f"an 'interpolation' among {', '.join(INTERPOLATIONS)}", f"'{interpolation}'")
    channels = str(values.get("channels", "RGB")).upper()
    if channels not in ("RGB", "BGR"):
        raise _wrong(source, "'channels' RGB or BGR", f"{values['channels']!r}")
    resize, crop = _size(values, source)
    mean, std = _three(values, "mean", source), _three(values, "std", source)
    if min(std) <= 0:
        raise _wrong(source, "a 'std' above zero", f"{list(std)}")
    return Preprocessing(resize, crop, interpolation, mean, std, "BGR" if channels == "BGR" else "RGB")


def read_json(path: Path) -> Any:
    """Return what the preprocessing file holds.

    Raises
    ------
    ConfigError
        If there is no such file or it is no JSON.
    """
    content = read_bytes(path, "preprocessing file", limit=SETTINGS, error=ConfigError)
    try:
        return json.loads(content)
    except ValueError as error:
        raise ConfigError(f"preprocessing file {path} must be JSON; got: {error}. Correct the file.") from error


def _size(values: Mapping[str, Any], source: str) -> tuple[int | tuple[int, int], tuple[int, int] | None]:
    size, share = values["size"], values.get("crop_pct", 1)
    sides = [size] if isinstance(size, int) else size
    if (
        not isinstance(sides, (list, tuple))
        or len(sides) not in (1, 2)
        or not all(isinstance(s, int) and not isinstance(s, bool) and 1 <= s <= 4096 for s in sides)
    ):
        raise _wrong(source, "a 'size' of one or two whole numbers from 1 to 4096", f"{size!r}")
    if len(sides) == 2:
        if "crop_pct" in values:
            raise _wrong(source, "a 'crop_pct' only beside a single 'size'", f"size {list(sides)}")
        return (sides[0], sides[1]), None
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise _wrong(source, "a 'crop_pct' above 0 and at most 1", f"{share!r}")
    return int(sides[0] / share), (sides[0], sides[0])


def _three(values: Mapping[str, Any], key: str, source: str) -> tuple[float, float, float]:
    numbers = values[key]
    if (
        not isinstance(numbers, (list, tuple))
        or len(numbers) != 3
        or not all(isinstance(n, (int, float)) and not isinstance(n, bool) and abs(n) < 1e6 for n in numbers)
    ):
        raise _wrong(source, f"a '{key}' of three numbers", f"{numbers!r}")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def _wrong(source: str, must: str, got: str, key: str | None = None) -> ConfigError:
    hint = did_you_mean(key, (*REQUIRED_KEYS, *OPTIONAL_KEYS)) if key else ""
    return ConfigError(
        f"{source} must be or have {must}; got {got}. {hint}Use for example "
        '{"size": 224, "crop_pct": 0.875, "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], '
        '"std": [0.229, 0.224, 0.225]} with the values the checkpoint was trained with.'
    )

"""Image processors of ``transformers``: converted to our own preprocessing if the result is the same, else wrapped."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image
from torch import Tensor

from fairaudit.models._from_pretrained import load, no_preprocessor
from fairaudit.models._preprocessing import (
    INTERPOLATIONS,
    Preprocess,
    Preprocessing,
    preprocessing_from_mapping,
    read_json,
)
from fairaudit.pretrain.export import quiet

_NAMES = {value: name for name, value in INTERPOLATIONS.items()}
#: Processors that resize the shorter side and crop the centre, and processors that resize to a rectangle.
_SHORTER_SIDE = ("BitImageProcessor", "CLIPImageProcessor")
_RECTANGLE = ("ViTImageProcessor", "SiglipImageProcessor")
#: The only processor in use that transformers implements for torchvision alone.
_DINOV3 = "DINOv3ViTImageProcessor"


class ProcessorPreprocess:
    """An image processor of ``transformers`` with steps that ``Preprocessing`` does not have."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, image: Image.Image) -> Tensor:
        """Return float32, shape (3, H, W)."""
        pixels: Tensor = self._processor(images=image, return_tensors="pt")["pixel_values"][0]
        return pixels.float()

    def describe(self) -> dict[str, Any]:
        """Return the values of the processor."""
        return {str(key): value for key, value in self._processor.to_dict().items() if value is not None}


def preprocessing_from_file(path: Path) -> Preprocess:
    """Return the preprocessing of a file with our own keys, or of a ``preprocessor_config.json``.

    Raises
    ------
    ConfigError
        If the file is missing or wrong.
    CheckpointError
        If ``transformers`` does not know the processor of a ``preprocessor_config.json``.
    """
    values = read_json(path)
    if not (isinstance(values, dict) and ("image_processor_type" in values or "image_mean" in values)):
        return preprocessing_from_mapping(values, source=f"preprocessing file {path}")
    with tempfile.TemporaryDirectory() as folder, quiet():
        Path(folder, "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
        return saved_preprocessing(folder, str(path), {"local_files_only": True, "trust_remote_code": False})


def saved_preprocessing(where: str, name: str, options: dict[str, Any]) -> Preprocess:
    """Return the preprocessing saved at ``where`` (folder or Hub name).

    Raises
    ------
    CheckpointError
        If no processor is saved there, or ``transformers`` does not know it.
    """
    import transformers

    # Read the values without making a processor: that of DINOv3 needs torchvision.
    reader = SimpleNamespace(from_pretrained=transformers.ImageProcessingMixin.get_image_processor_dict)
    values, _ = load(reader, where, name, "preprocessor", {"local_files_only": options["local_files_only"]})
    if str(values.get("image_processor_type", "")).removesuffix("Fast") == _DINOV3:
        return _dinov3(values, name)
    return from_processor(load(transformers.AutoImageProcessor, where, name, "preprocessor", options, backend="pil"))


def from_processor(processor: Any) -> Preprocess:
    """Return ``Preprocessing`` if its result equals that of ``processor`` (a test compares them), else a wrapper."""
    kind, size = type(processor).__name__.removesuffix("Pil").removesuffix("Fast"), processor.size
    mean, std = processor.image_mean, processor.image_std
    plain = (
        processor.do_resize
        and processor.do_rescale
        and processor.do_normalize
        and abs(processor.rescale_factor - 1 / 255) < 1e-9
        and not getattr(processor, "do_pad", None)
        and isinstance(mean, (list, tuple))
        and isinstance(std, (list, tuple))
        and len(mean) == len(std) == 3
        and processor.resample in list(_NAMES)
    )
    if not plain:
        return ProcessorPreprocess(processor)
    resize: int | tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    if kind == "ConvNextImageProcessor" and size.shortest_edge and not processor.do_center_crop:
        edge = int(size.shortest_edge)
        # Its rule: resize and crop below 384; from 384 on, resize the whole image to a square.
        resize, crop = (int(edge / processor.crop_pct), (edge, edge)) if edge < 384 else ((edge, edge), None)
    elif kind in _RECTANGLE and size.height and size.width and not processor.do_center_crop:
        resize = (int(size.height), int(size.width))
    elif kind in _SHORTER_SIDE and size.shortest_edge and not size.longest_edge:
        resize = int(size.shortest_edge)
        if processor.do_center_crop:
            crop = (int(processor.crop_size.height), int(processor.crop_size.width))
    if resize is None or (crop is not None and isinstance(resize, int) and max(crop) > resize):
        return ProcessorPreprocess(processor)
    return Preprocessing(resize, crop, _NAMES[Image.Resampling(processor.resample)], tuple(mean), tuple(std))


def _dinov3(values: Mapping[str, Any], name: str) -> Preprocess:
    """Return the preprocessing of DINOv3: pixels are scaled to [0, 1] before resizing and not rounded afterwards."""
    steps = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_center_crop": False, "do_pad": False}
    for key, usual in steps.items():
        got = values.get(key, usual)
        if bool(got) != usual:
            raise no_preprocessor(name, f"{key} {got}, which the processor of DINOv3 is not known to do")
    size = values.get("size") or {}
    try:
        resize = (int(size["height"]), int(size["width"]))
        interpolation = _NAMES[Image.Resampling(values.get("resample", Image.Resampling.BILINEAR))]
        mean, std = (tuple(float(value) for value in values[key]) for key in ("image_mean", "image_std"))
        rescale = abs(float(values.get("rescale_factor", 1 / 255)) - 1 / 255) < 1e-9
    except (KeyError, TypeError, ValueError) as error:
        raise no_preprocessor(name, f"a processor of DINOv3 without {error}") from error
    if not (rescale and len(mean) == len(std) == 3 and min(*resize, *std) > 0):
        raise no_preprocessor(name, "values that the processor of DINOv3 is not known to have")
    return Preprocessing(resize, None, interpolation, mean, std, rounded=False)

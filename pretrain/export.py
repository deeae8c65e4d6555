"""The trained network as a folder that ``transformers`` opens: safetensors, configuration, preprocessing, card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from fairaudit.core.files import atomic_write
from fairaudit.core.output_folder import OutputFolder
from fairaudit.pretrain.augment import MEAN, STD

WHOLE_BELOW = 160  # smaller images are not cropped: nothing of a face or an object may get lost
BILINEAR = 2  # PIL's number; views are made with the same filter


def image_processor(size: int) -> Any:
    """Return the processor of ``transformers`` that is saved beside a network trained at ``size`` pixels.

    It resizes the short side and keeps the middle square of ``size`` pixels; from 160 pixels on it resizes to
    size * 256 / 224 first, as is usual.
    """
    from transformers import ConvNextImageProcessorPil

    share = 1.0 if size < WHOLE_BELOW else 224 / 256
    return ConvNextImageProcessorPil(
        size={"shortest_edge": size}, crop_pct=share, resample=BILINEAR, image_mean=list(MEAN), image_std=list(STD)
    )


def model_folder(folder: Path) -> OutputFolder:
    """Return the folder that ``export_model`` fills; an earlier network that nobody changed is replaced."""
    files = ("config.json", "model.safetensors", "preprocessor_config.json", "README.md")
    return OutputFolder(folder, "exported network", files, overwrite=True)


def export_model(model: nn.Module, folder: Path, *, size: int, card: str = "") -> None:
    """Write ``model`` (a RegNetModel or RegNetForImageClassification) with its image processor to ``folder``.

    ``card`` becomes its ``README.md``. An earlier network there is replaced when all is written; other files stay.
    """
    exported: Any = model
    with model_folder(folder).replaced() as temporary, _no_bar():
        exported.save_pretrained(temporary)
        image_processor(size).save_pretrained(temporary)
        if card:
            atomic_write(temporary / "README.md", card)


@contextmanager
def _no_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar of its own below ours."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]

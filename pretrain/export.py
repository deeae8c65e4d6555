"""Export of a network to a folder that ``transformers`` opens: safetensors, configuration, preprocessing, card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from fairaudit.core.files import atomic_write
from fairaudit.core.output_folder import OutputFolder
from fairaudit.pretrain.augment import MEAN, STD

WHOLE_BELOW = 160  # smaller images are not cropped, to keep the whole face or object
BILINEAR = 2  # PIL's number; views are made with the same filter


def image_processor(size: int) -> Any:
    """Return the processor of ``transformers`` for a network trained at ``size`` pixels.

    The processor resizes the short side, as usual to size * 256 / 224 from 160 pixels on and to ``size`` below, and
    keeps the middle square of ``size`` pixels.
    """
    from transformers import ConvNextImageProcessorPil

    share = 1.0 if size < WHOLE_BELOW else 224 / 256
    return ConvNextImageProcessorPil(
        size={"shortest_edge": size}, crop_pct=share, resample=BILINEAR, image_mean=list(MEAN), image_std=list(STD)
    )


def model_folder(folder: Path) -> OutputFolder:
    """Return the folder that ``export_model`` fills; it replaces an earlier network that is unchanged."""
    files = ("config.json", "model.safetensors", "preprocessor_config.json", "README.md")
    return OutputFolder(folder, "exported network", files, overwrite=True)


def export_model(model: nn.Module, folder: Path, *, size: int, card: str = "") -> None:
    """Write ``model`` (a RegNetModel or RegNetForImageClassification) with its image processor to ``folder``.

    ``card`` becomes its ``README.md``. An earlier network is replaced after all files are written; other files stay.
    """
    exported: Any = model
    with model_folder(folder).replaced() as temporary, quiet():
        exported.save_pretrained(temporary)
        image_processor(size).save_pretrained(temporary)
        if card:
            atomic_write(temporary / "README.md", card)


@contextmanager
def quiet() -> Iterator[None]:
    """Switch off the tables and progress bars of ``transformers`` inside the block; errors are still raised."""
    from transformers import utils

    logging: Any = utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

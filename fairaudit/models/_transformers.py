"""Vision networks of ``transformers``, from a folder or the Hub: weights from safetensors, remote code off."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.models._preprocessing import (
    INTERPOLATIONS,
    Preprocess,
    Preprocessing,
    preprocessing_from_mapping,
    read_json,
)
from fairaudit.models._torch_model import TorchModel, first_line

#: ``model_type`` of the configuration, and where the embedding is read.
FAMILIES = {
    "regnet": "trunk, average-pooled",
    "resnet": "trunk, average-pooled",
    "convnext": "trunk, average-pooled and layer-normalised",
    "convnextv2": "trunk, average-pooled and layer-normalised",
    "vit": "trunk, class token",
    "dinov2": "trunk, class token",
}
_NAMES = {value: name for name, value in INTERPOLATIONS.items()}


def open_transformers(
    where: str,
    *,
    name: str,
    kind: str,
    preprocessing: Path | None,
    device: str,
    local: bool,
    notes: list[str] | None = None,
) -> TorchModel:
    """Return the network at ``where`` (folder or Hub name) with its own head if its configuration names one.

    Parameters
    ----------
    local : bool
        Whether nothing may be fetched.

    Raises
    ------
    CheckpointError
        If configuration, weights or preprocessor are missing, of an unknown family, or do not fit together.
    """
    import transformers

    notes = [] if notes is None else notes
    options: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    with _quiet():
        config = _load(transformers.AutoConfig, where, name, "config.json", options)
        family = str(config.model_type)
        if family not in FAMILIES:
            raise CheckpointError(
                f"checkpoint '{name}' must be of the family {', '.join(FAMILIES)}; got '{family}'. "
                "Open it as module:function."
            )
        has_head = any(a.endswith("ForImageClassification") for a in config.architectures or ()) and config.num_labels
        preprocess = (
            preprocessing_from_file(preprocessing)
            if preprocessing is not None
            else _from_processor(_load(transformers.AutoImageProcessor, where, name, "preprocessor", options))
        )
        network = _network(where, name, family, options, head=bool(has_head))
    labels = tuple(str(config.id2label[i]) for i in range(config.num_labels)) if has_head else ()
    if labels and all(label == f"LABEL_{i}" for i, label in enumerate(labels)):
        notes.append("The labels of its head have no names: LABEL_0 and so on are placeholders.")
    return TorchModel(
        network,
        _reader(network, family),
        preprocess,
        name=name,
        kind=kind,
        architecture=type(network).__name__,
        layer=FAMILIES[family],
        labels=labels,
        notes=notes,
        device=device,
    )


def model_in_memory(network: Any, processor: Any, *, name: str, kind: str) -> TorchModel:
    """Return a trunk of one of the ``FAMILIES`` that was never saved, as if it had been and were opened again.

    Parameters
    ----------
    network : PreTrainedModel
        Without a head. It is put into evaluation mode and takes no gradients any more.
    processor : image processor
        What would be saved beside it.
    """
    family = str(network.config.model_type)
    with _quiet():
        return TorchModel(
            network,
            _reader(network, family),
            _from_processor(processor),
            name=name,
            kind=kind,
            architecture=type(network).__name__,
            layer=FAMILIES[family],
        )


def preprocessing_from_file(path: Path) -> Preprocess:
    """Return what a preprocessing file describes: our own keys, or a ``preprocessor_config.json``.

    Raises
    ------
    ConfigError
        If the file is missing or wrong.
    CheckpointError
        If it is a ``preprocessor_config.json`` that ``transformers`` does not know.
    """
    values = read_json(path)
    if not (isinstance(values, dict) and ("image_processor_type" in values or "image_mean" in values)):
        return preprocessing_from_mapping(values, source=f"preprocessing file {path}")
    import transformers

    with tempfile.TemporaryDirectory() as folder, _quiet():
        shutil.copyfile(path, Path(folder) / "preprocessor_config.json")
        options = {"local_files_only": True, "trust_remote_code": False}
        return _from_processor(_load(transformers.AutoImageProcessor, folder, str(path), "preprocessor", options))


class ProcessorPreprocess:
    """An image processor of ``transformers`` that has steps of its own, used as it is."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, image: Image.Image) -> Tensor:
        """Return float32, shape (3, H, W)."""
        pixels: Tensor = self._processor(images=image, return_tensors="pt")["pixel_values"][0]
        return pixels.float()

    def describe(self) -> dict[str, Any]:
        """Return the values of the processor."""
        return {str(key): value for key, value in self._processor.to_dict().items() if value is not None}


def _load(loader: Any, where: str, name: str, what: str, options: dict[str, Any], **more: Any) -> Any:
    """Run ``loader.from_pretrained``; whatever goes wrong becomes one sentence."""
    if what == "preprocessor":
        more = {**more, "backend": "pil"}
    try:
        return loader.from_pretrained(where, **options, **more)
    except CheckpointError:
        raise
    except Exception as error:  # transformers and the hub raise many kinds, none of them ours
        if what == "preprocessor":
            raise CheckpointError(
                f"checkpoint '{name}' must say how images are prepared, in preprocessor_config.json; got "
                f"{first_line(error)}. Give the values it was trained with: --preprocessing FILE."
            ) from error
        raise CheckpointError(
            f"checkpoint '{name}' must be readable by transformers; its {what} gave {type(error).__name__}: "
            f"{first_line(error)}. Check the path or the name."
        ) from error


def _network(where: str, name: str, family: str, options: dict[str, Any], *, head: bool) -> nn.Module:
    import transformers

    loader = transformers.AutoModelForImageClassification if head else transformers.AutoModel
    # Without this, ViT gets a pooler with random weights wherever the file has none; the class token is used instead.
    more = {"add_pooling_layer": False} if family == "vit" and not head else {}
    network, info = _load(
        loader,
        where,
        name,
        "safetensors weights",
        options,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        **more,
    )
    absent = sorted(info["missing_keys"])
    if absent:
        raise CheckpointError(
            f"checkpoint '{name}' must hold all weights of {type(network).__name__}; {len(absent)} are missing, "
            f"first '{absent[0]}'. They would be random: correct 'architectures' in config.json or save it again."
        )
    assert isinstance(network, nn.Module)
    return network


def _reader(network: nn.Module, family: str) -> Any:
    trunk = getattr(network, str(network.base_model_prefix), network)

    def pooled(output: Any) -> Tensor:
        vectors: Tensor = output.last_hidden_state[:, 0] if family == "vit" else output.pooler_output
        return vectors.flatten(1)

    def read(batch: Tensor, predict: bool) -> tuple[Tensor, Tensor | None]:
        if not predict:
            return pooled(trunk(batch)), None
        kept: list[Any] = []
        # One pass gives both: the head's scores, and on the way what the trunk hands to it.
        hook = trunk.register_forward_hook(lambda module, inputs, output: kept.append(output))
        try:
            logits_BC = network(batch).logits
        finally:
            hook.remove()
        return pooled(kept[0]), logits_BC.float().softmax(dim=1)

    return read


def _from_processor(processor: Any) -> Preprocess:
    """Return our own preprocessing where it does the same as ``processor`` (a test compares them), else a wrapper."""
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
        # Its rule: below 384 it resizes and crops, from there on it takes the whole image as a square.
        resize, crop = (int(edge / processor.crop_pct), (edge, edge)) if edge < 384 else ((edge, edge), None)
    elif kind == "ViTImageProcessor" and size.height and size.width and not processor.do_center_crop:
        resize = (int(size.height), int(size.width))
    elif kind == "BitImageProcessor" and size.shortest_edge and not size.longest_edge:
        resize = int(size.shortest_edge)
        if processor.do_center_crop:
            crop = (int(processor.crop_size.height), int(processor.crop_size.width))
    if resize is None or (crop is not None and isinstance(resize, int) and max(crop) > resize):
        return ProcessorPreprocess(processor)
    return Preprocessing(resize, crop, _NAMES[Image.Resampling(processor.resample)], tuple(mean), tuple(std))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tables and progress bars of ``transformers`` off the user's terminal; what matters is raised."""
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

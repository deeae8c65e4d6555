"""A file of weights (.safetensors, .pt, ...), read as data and never as code; the network follows from the shapes."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fairaudit.core.errors import CheckpointError
from fairaudit.core.model import Model
from fairaudit.core.open_file import check_file
from fairaudit.models._opening import Opening
from fairaudit.models._preprocessing import read_json
from fairaudit.models._processor import preprocessing_from_file
from fairaudit.models._torch_model import TorchModel, first_line
from fairaudit.models._trunk import Trunk, make_network, recognise_trunk

ORDER = 30
SUFFIXES = (".pt", ".pth", ".pth.tar", ".torch", ".bin", ".safetensors")
READS = f"a file of RegNet or ResNet weights ({', '.join(SUFFIXES)}) with --preprocessing FILE"


class _Skipped:
    """Placeholder for objects that training scripts save beside the weights and that are not needed here."""

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


#: Settings (DINO, timm) and numbers of numpy (learning rates of SwAV) become ``_Skipped``: no content of the file
#: reaches argparse or numpy.
_SKIPPED: list[Any] = [
    (_Skipped, name)
    for name in (
        "argparse.Namespace",
        "numpy.dtype",
        "numpy.ndarray",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    )
]


def recognises(source: str) -> bool:
    """Return whether ``source`` is a file with one of the suffixes."""
    path = Path(source)
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the trunk whose weights the file holds.

    Raises
    ------
    CheckpointError
        If the file would execute code, is damaged, holds weights of an unknown network, or comes without
        preprocessing.
    """
    path = Path(source)
    opening.require_trunk(source, "a file of weights, of which only the trunk is read")
    _refuse_part_of_folder(source, path)
    trunk = recognise_trunk(source, find_tensors(source, read_file(path)))
    preprocessing = opening.require_preprocessing(source, "a file of weights")
    _require_channels(source, trunk, preprocessing)
    network = make_network(source, trunk)

    def read(batch: Tensor, predict: bool) -> tuple[Tensor, Tensor | None]:
        return network(batch).pooler_output.flatten(1), None

    return TorchModel(
        network,
        read,
        preprocessing_from_file(preprocessing),
        name=path.name,
        kind=f"weights file ({trunk.convention} names)",
        architecture=type(network).__name__,
        layer="trunk, average-pooled",
        notes=trunk.notes,
        device=opening.device,
    )


def _require_channels(source: str, trunk: Trunk, preprocessing: Path) -> None:
    """Refuse a preprocessing file without ``channels`` if the project that trained the network used both orders."""
    values = read_json(preprocessing)
    own_keys = isinstance(values, dict) and "size" in values and "image_mean" not in values
    used_both = trunk.family == "RegNet" and trunk.convention in ("VISSL", "ClassyVision")
    if used_both and own_keys and "channels" not in values:
        raise CheckpointError(
            f"checkpoint '{source}' must come with the order of its channels: RegNets with names of {trunk.convention} "
            "were trained on RGB (SEER, SwAV) or on BGR (supervised RegNetY-64GF and 128GF of VISSL); got none in "
            f'{preprocessing.name}. Add "channels": "RGB" or "BGR".'
        )


def _refuse_part_of_folder(source: str, path: Path) -> None:
    """Refuse a file of a folder that can be opened as a whole, since the folder holds more."""
    shard = path.name.startswith(("model", "pytorch_model")) and (path.parent / "config.json").is_file()
    runs = [folder for folder in (path.parent, path.parent.parent) if (folder / "recipe.toml").is_file()]
    folder = path.parent if shard else runs[0] if runs else None
    if folder is not None:
        maker = "transformers" if shard else "fairaudit pretrain"
        raise CheckpointError(
            f"checkpoint '{source}' must be given as its folder, which {maker} made; got one file out of it. "
            f"Give '{folder}' instead."
        )


def read_file(path: Path) -> Any:
    """Return the tensors of the file in plain containers, without executing anything.

    Tensors are mapped into memory if the format allows it: heads and the state of the optimiser, which can be larger
    than the network, are then not read.

    Raises
    ------
    CheckpointError
        If the file is damaged, or holds anything but tensors, numbers, texts and containers.
    """
    check_file(path, "checkpoint", error=CheckpointError)
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_SKIPPED):
            warnings.simplefilter("ignore")  # remarks on old pickle protocols; what matters is raised
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:
        text = str(error)
        if isinstance(error, pickle.UnpicklingError) or "TorchScript" in text:
            raise CheckpointError(
                f"checkpoint '{path}' must hold tensors only; got a file that asks to execute code when it is "
                "loaded. It was refused and nothing was executed. Save the state_dict as safetensors and give that."
            ) from error
        raise _damaged(path, error) from error


def find_tensors(source: str, content: Any) -> dict[str, Tensor]:
    """Return all tensors in ``content`` and its nested mappings by their keys, joined by full stops.

    Raises
    ------
    CheckpointError
        If there are none.
    """
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", content)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, Tensor) and name:
            tensors[name] = value
        elif isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))  # a pickle can contain itself
            stack.extend((f"{name}.{key}" if name else str(key), inner) for key, inner in value.items())
    if not tensors:
        raise CheckpointError(
            f"checkpoint '{source}' must hold weights by name; got a {type(content).__name__} without tensors. "
            "Save the state_dict of the network."
        )
    return tensors


def _damaged(path: Path, error: BaseException) -> CheckpointError:
    return CheckpointError(
        f"checkpoint '{path}' must be a whole file of weights; got {type(error).__name__}: {first_line(error)}. "
        "Copy or save it again."
    )

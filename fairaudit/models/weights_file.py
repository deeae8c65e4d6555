"""A file of weights (.safetensors, .pt, ...): read as data, never as code; the network follows from the shapes."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.core.model import Model
from fairaudit.models._regnet_keys import RegNetWeights, recognise_regnet
from fairaudit.models._torch_model import TorchModel, first_line
from fairaudit.models._transformers import preprocessing_from_file

ORDER = 30
SUFFIXES = (".pt", ".pth", ".torch", ".bin", ".safetensors")
READS = f"a file of RegNet weights ({', '.join(SUFFIXES)}) with --preprocessing FILE"


def recognises(source: str) -> bool:
    """Whether it is a file with one of the suffixes."""
    path = Path(source)
    return path.is_file() and path.name.lower().endswith((*SUFFIXES, ".pth.tar"))


def open_checkpoint(source: str, *, preprocessing: Path | None, device: str) -> Model:
    """Return the trunk whose weights the file holds.

    Raises
    ------
    CheckpointError
        If the file would have to execute code, is damaged, holds weights of an unknown network, or nothing says
        how images are prepared.
    """
    path = Path(source)
    _refuse_part_of_folder(source, path)
    state = find_state(source, read_tensors(path))
    weights = recognise_regnet(state)
    if weights is None:
        raise CheckpointError(
            f"checkpoint '{source}' must hold the weights of a RegNet with the key names of transformers, VISSL, "
            f"torchvision or timm; got {len(state)} tensors such as '{next(iter(sorted(state)))}'. "
            "Open other networks as a transformers folder or as module:function."
        )
    if preprocessing is None:
        raise CheckpointError(
            f"checkpoint '{source}' must come with how images are prepared, which a file of weights does not say; "
            "got no preprocessing. Give the values it was trained with: --preprocessing FILE."
        )
    network = _fill(source, weights)

    def read(batch: Tensor, predict: bool) -> tuple[Tensor, Tensor | None]:
        return network(batch).pooler_output.flatten(1), None

    return TorchModel(
        network,
        read,
        preprocessing_from_file(preprocessing),
        name=path.name,
        kind=f"weights file ({weights.convention} names)",
        architecture=type(network).__name__,
        layer="trunk, average-pooled",
        notes=[weights.note] if weights.note else [],
        device=device,
    )


def _refuse_part_of_folder(source: str, path: Path) -> None:
    """Refuse a file that says less than the folder it lies in, which can be opened as it is."""
    shard = path.name.startswith(("model", "pytorch_model")) and (path.parent / "config.json").is_file()
    runs = [folder for folder in (path.parent, path.parent.parent) if (folder / "recipe.toml").is_file()]
    folder = path.parent if shard else runs[0] if runs else None
    if folder is not None:
        what = "transformers" if shard else "fairaudit pretrain"
        raise CheckpointError(
            f"checkpoint '{source}' must be given as its folder, which {what} made; got one file out of it. "
            f"Give '{folder}' instead."
        )


def read_tensors(path: Path) -> Any:
    """Return what the file holds: tensors in plain containers, and nothing that was executed.

    Raises
    ------
    CheckpointError
        If it is damaged, or holds anything but tensors, numbers, texts and containers.
    """
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on old pickle protocols; what matters is raised
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = str(error)
        if isinstance(error, pickle.UnpicklingError) or "TorchScript" in text:
            raise CheckpointError(
                f"checkpoint '{path}' must hold tensors only; got a file that asks to execute code when it is "
                "loaded. It was refused and nothing was executed. Save the state_dict as safetensors and give that."
            ) from error
        raise _damaged(path, error) from error


def find_state(source: str, content: Any) -> dict[str, Tensor]:
    """Return the largest mapping of names to tensors, looking into nested mappings.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    found: list[dict[str, Tensor]] = []
    stack: list[Any] = [content]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            tensors = {str(k): v for k, v in value.items() if isinstance(v, Tensor)}
            found.append(tensors)
            stack.extend(v for v in value.values() if isinstance(v, Mapping))
    best = max(found, key=len, default={})
    if not best:
        raise CheckpointError(
            f"checkpoint '{source}' must hold weights by name; got a {type(content).__name__} without tensors. "
            "Save the state_dict of the network."
        )
    return best


def _fill(source: str, weights: RegNetWeights) -> nn.Module:
    from transformers import RegNetConfig, RegNetModel

    config = RegNetConfig(
        embedding_size=weights.stem,
        hidden_sizes=list(weights.widths),
        depths=list(weights.depths),
        groups_width=weights.group_width,
        layer_type="y" if weights.squeeze else "x",
    )
    # Built without memory, then given the tensors of the file themselves: no time for random numbers.
    with torch.device("meta"):
        network = RegNetModel(config)
    state = {name: t if t.dtype == torch.int64 else t.to(torch.float32) for name, t in weights.state.items()}
    for name, empty in network.state_dict().items():
        if name.endswith("num_batches_tracked") and name not in state:
            state[name] = torch.zeros((), dtype=empty.dtype)
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"checkpoint '{source}' must hold all weights of the RegNet that its shapes describe; got {detail}. "
            "Save the whole state_dict."
        ) from error
    assert isinstance(network, nn.Module)
    return network


def _damaged(path: Path, error: BaseException) -> CheckpointError:
    return CheckpointError(
        f"checkpoint '{path}' must be a whole file of weights; got {type(error).__name__}: {first_line(error)}. "
        "Copy or save it again."
    )

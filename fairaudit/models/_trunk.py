"""A RegNet or ResNet trunk among tensors: its network follows from the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.models._trunk_names import STEM, NamedTrunk, find_trunks
from fairaudit.pretrain.regnet import RegNetShape, regnet_config

#: Words of a prefix that mark one of several copies of a trunk. As in the evaluations of the projects that write such
#: files, averaged weights (timm, DINO) are preferred, and the second encoder of MoCo or BYOL comes last.
_AVERAGED = {"ema", "teacher"}
_SECOND = {"student", "momentum", "target", "k"}
_STRIDES = {
    "RegNet": "each stage halves the side, as in the published RegNets",
    "ResNet": "each stage but the first halves the side, in the 3x3 convolution of its first block, as in torchvision",
}


@dataclass(frozen=True)
class Trunk:
    """The tensors of a trunk and the configuration of its network.

    Parameters
    ----------
    convention : str
        Project whose names the file uses.
    family : str
        ``"RegNet"`` or ``"ResNet"``.
    config : PretrainedConfig
        Configuration of ``transformers``.
    state : dict
        Tensors by the name of ``transformers``.
    file_names : dict
        Name in the file by the name of ``transformers``.
    notes : list of str
        Sentences for the model card.
    """

    convention: str
    family: str
    config: Any
    state: dict[str, Tensor]
    file_names: Mapping[str, str]
    notes: list[str]


def recognise_trunk(source: str, tensors: Mapping[str, Tensor]) -> Trunk:
    """Return the trunk that ``tensors`` hold; its notes count the tensors that are no part of it.

    Raises
    ------
    CheckpointError
        If there is no trunk, several without one averaged trunk, or a trunk with the shapes of another network.
    """
    named, notes = _choose(source, find_trunks(tensors), tensors)
    if named.strange:
        raise _another(source, f"'{named.strange[0]}' inside a block")
    state = {name: tensors[file_name] for name, file_name in named.names.items()}
    # In transformers RegNet and ResNet share their names; the first convolution is 3x3 in RegNet and 7x7 in ResNet.
    family = named.convention.family or ("ResNet" if state[f"{STEM}.weight"].shape[-1] == 7 else "RegNet")
    depths = _depths(source, state)
    if family == "RegNet":
        squeeze = any(".attention." in name for name in state)
        last = ".layer.3." if squeeze else ".layer.2."
        state = {name.replace(".layer.C.", last): tensor for name, tensor in state.items()}
        config = _regnet(source, state, depths, squeeze=squeeze)
    else:
        config = _resnet(source, state, depths)
    notes.append(f"Strides are not in the file: {_STRIDES[family]}.")
    if n_unused := len(tensors) - len(state):
        notes.append(f"{n_unused} of {len(tensors)} tensors are no part of the trunk and were not used.")
    file_names = dict(zip(state, named.names.values(), strict=True))
    return Trunk(named.convention.name, family, config, state, file_names, notes)


def make_network(source: str, trunk: Trunk) -> nn.Module:
    """Return the network in float32 with copies of the trunk's tensors.

    Raises
    ------
    CheckpointError
        If a weight is missing, left over, of another shape, or not floating-point.
    """
    from transformers import RegNetModel, ResNetModel

    # Built without memory before the tensors are assigned: this saves drawing random weights.
    with torch.device("meta"):
        network: nn.Module = (RegNetModel if trunk.family == "RegNet" else ResNetModel)(trunk.config)
    empty = network.state_dict()
    wrong = list(_misfits(empty, trunk))
    if wrong:
        raise CheckpointError(
            f"checkpoint '{source}' must hold exactly the weights of the {_describe(trunk)} that its first blocks "
            f"have; got {wrong[0]}{f' and {len(wrong) - 1} more that do not fit' if wrong[1:] else ''}. Save the whole "
            "state_dict, or open other networks as module:function."
        )
    state = {}
    for name, wanted in empty.items():
        if name not in trunk.state:  # a count of batches, which torch saves since 0.4.1
            state[name] = torch.zeros((), dtype=wanted.dtype)
        else:
            # Copied, because a memory-mapped file may change or vanish while the audit runs.
            state[name] = trunk.state[name].detach().to(wanted.dtype, copy=True)
    network.load_state_dict(state, strict=True, assign=True)
    return network


def _choose(source: str, trunks: list[NamedTrunk], tensors: Mapping[str, Tensor]) -> tuple[NamedTrunk, list[str]]:
    if not trunks:
        raise CheckpointError(
            f"checkpoint '{source}' must hold the weights of a RegNet or ResNet with the key names of transformers, "
            f"VISSL, ClassyVision, torchvision or timm; got {len(tensors)} tensors such as '{min(tensors)}'. "
            "Open other networks as a transformers folder or as module:function."
        )
    if len(trunks) == 1:
        return trunks[0], []
    best = min(_rank(trunk.prefix) for trunk in trunks)
    chosen = [trunk for trunk in trunks if _rank(trunk.prefix) == best]
    listed = ", ".join(f"'{trunk.prefix}'" for trunk in trunks)
    if len(chosen) > 1:
        raise CheckpointError(
            f"checkpoint '{source}' must hold one trunk, or name the averaged one (ema, teacher); got {len(trunks)}: "
            f"{listed}. Save the state_dict of the one to audit in a file of its own."
        )
    return chosen[0], [f"The file holds {len(trunks)} trunks ({listed}): '{chosen[0].prefix}' was used."]


def _rank(prefix: str) -> int:
    words = set(re.split(r"[._]", prefix))
    return 0 if words & _AVERAGED else 2 if words & _SECOND else 1


def _depths(source: str, state: Mapping[str, Tensor]) -> list[int]:
    """Return the number of blocks by stage."""
    blocks = {
        (int(m[1]), int(m[2])) for name in state if (m := re.match(r"encoder\.stages\.(\d+)\.layers\.(\d+)", name))
    }
    depths = []
    for stage in range(1 + max(stage for stage, _ in blocks)):
        present = {block for s, block in blocks if s == stage}
        depth = next(block for block in count() if block not in present)
        if depth < max(1, len(present)):
            raise CheckpointError(
                f"checkpoint '{source}' must hold every block of its trunk; got nothing of block {depth + 1} in stage "
                f"{stage + 1}. Save the whole state_dict."
            )
        depths.append(depth)
    return depths


def _regnet(source: str, state: Mapping[str, Tensor], depths: list[int], *, squeeze: bool) -> Any:
    widths, groups = [], []
    for stage in range(len(depths)):
        width, group, *kernel = _shape(source, state, f"encoder.stages.{stage}.layers.0.layer.1.convolution.weight")
        widths.append(width)
        groups.append(group)
        if kernel != [3, 3] or width % group:
            raise CheckpointError(
                f"checkpoint '{source}' must hold 3x3 convolutions whose width is a multiple of their group width; got "
                f"shape {(width, group, *kernel)} in stage {stage + 1}. It is no RegNet, or damaged: open other "
                "networks as module:function."
            )
    # A stage that is narrower than the group width is a single group of its own width.
    if any(group != min(width, max(groups)) for width, group in zip(widths, groups, strict=True)):
        raise _another(source, f"group widths {groups} for widths {widths}, which no single group width gives")
    stem = _shape(source, state, f"{STEM}.weight")[0]
    return regnet_config(RegNetShape(tuple(widths), tuple(depths), max(groups), stem=stem, squeeze=squeeze))


def _resnet(source: str, state: Mapping[str, Tensor], depths: list[int]) -> Any:
    from transformers import ResNetConfig

    bottleneck = "encoder.stages.0.layers.0.layer.2.convolution.weight" in state
    last = f"layers.0.layer.{2 if bottleneck else 1}.convolution.weight"
    return ResNetConfig(
        embedding_size=_shape(source, state, f"{STEM}.weight")[0],
        hidden_sizes=[_shape(source, state, f"encoder.stages.{stage}.{last}")[0] for stage in range(len(depths))],
        depths=depths,
        layer_type="bottleneck" if bottleneck else "basic",
    )


def _shape(source: str, state: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    shape = tuple(state[name].shape) if name in state else ()
    if len(shape) != 4:
        raise CheckpointError(
            f"checkpoint '{source}' must hold a convolution as '{name}' (the name of transformers); got "
            f"{f'shape {shape}' if name in state else 'none'}. Save the whole state_dict."
        )
    return shape


def _misfits(empty: Mapping[str, Tensor], trunk: Trunk) -> Iterator[str]:
    """Yield the defect of each weight that does not fit."""
    for name, wanted in empty.items():
        if name not in trunk.state:
            if not name.endswith("num_batches_tracked"):
                yield f"no '{name}' (the name of transformers)"
            continue
        tensor = trunk.state[name]
        if tensor.shape != wanted.shape:
            yield f"'{trunk.file_names[name]}' of shape {tuple(tensor.shape)} instead of {tuple(wanted.shape)}"
        elif wanted.is_floating_point() and not tensor.is_floating_point():
            yield f"'{trunk.file_names[name]}' of type {tensor.dtype}"
    yield from (f"'{trunk.file_names[name]}' in addition" for name in trunk.state if name not in empty)


def _describe(trunk: Trunk) -> str:
    config = trunk.config
    kind = f"{trunk.family}{f'-{config.layer_type.upper()}' if trunk.family == 'RegNet' else ''}"
    return f"{kind} with widths {list(config.hidden_sizes)} and depths {list(config.depths)}"


def _another(source: str, got: str) -> CheckpointError:
    return CheckpointError(
        f"checkpoint '{source}' must hold the weights of a plain RegNet or ResNet; got {got}. "
        "Open other networks as module:function."
    )

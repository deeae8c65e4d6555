"""RegNet weights under the names that VISSL, torchvision, timm and ``transformers`` give them; shapes say the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

#: Convention: how the name of a block begins, with stage and block as numbers, and from what these count.
_BLOCKS = {
    "transformers": (r"(?:.*\.)?encoder\.stages\.(\d+)\.layers\.(\d+)", 0, 0),
    "VISSL": (r"(?:.*\.)?_feature_blocks\.res(\d+)\.(?:block\d+-part\d+\.)?block\d+-(\d+)", 2, 0),
    "torchvision": (r"(?:.*\.)?trunk_output\.block(\d+)\.block\d+-(\d+)", 1, 0),
    "timm": (r"(?:.*\.)?s(\d+)\.b(\d+)", 1, 1),
}

#: Our part of a block (the names of transformers; C is the last convolution) and what the others call it.
_PARTS = {
    "shortcut.convolution": r"proj(?:\.0)?|downsample\.conv",
    "shortcut.normalization": r"bn|proj\.1|downsample\.bn",
    "layer.0.convolution": r"f\.a\.0|conv1\.conv",
    "layer.0.normalization": r"f\.a\.1|conv1\.bn",
    "layer.1.convolution": r"f\.b\.0|conv2\.conv",
    "layer.1.normalization": r"f\.b\.1|conv2\.bn",
    "layer.2.attention.0": r"f\.se\.(?:excitation\.0|fc1)|se\.fc1",
    "layer.2.attention.2": r"f\.se\.(?:excitation\.2|fc2)|se\.fc2",
    "layer.C.convolution": r"f\.c(?:\.0)?|conv3\.conv",
    "layer.C.normalization": r"f\.final_bn|f\.c\.1|conv3\.bn",
}
_STEM = {
    "embedder.embedder.convolution": r"(?:.*\.)?(?:embedder\.embedder\.convolution|(?:conv1\.)?stem\.(?:0|conv))",
    "embedder.embedder.normalization": r"(?:.*\.)?(?:embedder\.embedder\.normalization|(?:conv1\.)?stem\.(?:1|bn))",
}
_LEAF = r"\.(weight|bias|running_mean|running_var|num_batches_tracked)"


@dataclass(frozen=True)
class RegNetWeights:
    """A RegNet trunk, found in a mapping of tensors.

    Parameters
    ----------
    convention : str
        Whose names the file has.
    state : mapping
        Tensors under the names of ``transformers.RegNetModel``.
    stem : int
        Channels of the first convolution.
    widths, depths : tuple of int
        Channels and blocks by stage.
    group_width : int
        Channels per group of the 3x3 convolutions, where a stage has that many.
    squeeze : bool
        Whether the blocks have squeeze-and-excitation (RegNetY) or not (RegNetX).
    note : str
        A sentence for the model card.
    """

    convention: str
    state: Mapping[str, Tensor]
    stem: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    group_width: int
    squeeze: bool
    note: str


def recognise_regnet(tensors: Mapping[str, Tensor]) -> RegNetWeights | None:
    """Return the RegNet trunk in ``tensors``, or None if they are those of another network.

    Tensors that are no part of a trunk (classifier, projection head, prototypes) are left out and counted in the
    note.
    """
    for convention, (block, first_stage, first_block) in _BLOCKS.items():
        renamed = {}
        for name, tensor in tensors.items():
            new = _rename(name, block, first_stage, first_block, own=convention == "transformers")
            if new is not None:
                renamed[new] = tensor
        if any(".layers." in name for name in renamed) and "embedder.embedder.convolution.weight" in renamed:
            return _describe(convention, renamed, n_unused=len(tensors) - len(renamed))
    return None


def _rename(name: str, block: str, first_stage: int, first_block: int, *, own: bool) -> str | None:
    for new, pattern in _STEM.items():
        if match := re.fullmatch(f"{pattern}{_LEAF}", name):
            return f"{new}.{match[1]}"
    match = re.fullmatch(rf"{block}\.(.+?){_LEAF}", name)
    if match is None:
        return None
    stage, layer, part, leaf = int(match[1]) - first_stage, int(match[2]) - first_block, match[3], match[4]
    if not own:
        found = [new for new, pattern in _PARTS.items() if re.fullmatch(pattern, part)]
        if not found:
            return None
        part = found[0]
    return f"encoder.stages.{stage}.layers.{layer}.{part}.{leaf}"


def _describe(convention: str, renamed: dict[str, Tensor], *, n_unused: int) -> RegNetWeights | None:
    squeeze = any(".attention." in name for name in renamed)
    state = {name.replace(".layer.C.", ".layer.3." if squeeze else ".layer.2."): t for name, t in renamed.items()}
    blocks = {
        (int(m[1]), int(m[2])) for name in state if (m := re.match(r"encoder\.stages\.(\d+)\.layers\.(\d+)", name))
    }
    depths = [sum(stage == s for s, _ in blocks) for stage in range(1 + max(s for s, _ in blocks))]
    middle = [state.get(f"encoder.stages.{stage}.layers.0.layer.1.convolution.weight") for stage in range(len(depths))]
    if any(weight is None or weight.ndim != 4 for weight in middle):
        return None
    shapes = [tuple(weight.shape) for weight in middle if weight is not None]
    note = "Strides are not in the file: each stage halves the side, as in the published RegNets."
    if n_unused:
        note += f" {n_unused} tensors that are no part of the trunk were not used."
    return RegNetWeights(
        convention=convention,
        state=state,
        stem=int(state["embedder.embedder.convolution.weight"].shape[0]),
        widths=tuple(int(shape[0]) for shape in shapes),
        depths=tuple(depths),
        # A stage narrower than the group width is one single group: the widest group is the width itself.
        group_width=max(int(shape[1]) for shape in shapes),
        squeeze=squeeze,
        note=note,
    )

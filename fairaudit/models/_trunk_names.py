"""What other projects call the parts of a RegNet or ResNet, and the trunks that a list of such names holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

STEM = "embedder.embedder.convolution"
_STEM_NORM = "embedder.embedder.normalization"
_LEAF = r"(weight|bias|running_mean|running_var|num_batches_tracked)"

#: Our part of a RegNet block (the names of transformers; C is the last convolution) and what the others call it.
_REGNET = {
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
_RESNET = {
    "shortcut.convolution": r"downsample\.0",
    "shortcut.normalization": r"downsample\.1",
    **{f"layer.{i}.convolution": f"conv{i + 1}" for i in range(3)},
    **{f"layer.{i}.normalization": f"bn{i + 1}" for i in range(3)},
}
_OWN = {
    name: re.escape(name)
    for name in (*_REGNET, *(f"layer.{i}.{part}" for i in (2, 3) for part in ("convolution", "normalization")))
    if not name.startswith("layer.C")
}


@dataclass(frozen=True)
class Convention:
    """How a project names the weights of a network.

    Parameters
    ----------
    name : str
        The project.
    family : str
        ``"RegNet"`` or ``"ResNet"``; empty where both have the same names.
    stem : (str, str)
        Patterns of the first convolution and of its normalisation.
    block : str
        Pattern of how the name of a block begins, with the numbers of its stage and of the block as groups.
    first : (int, int)
        From what these two numbers count.
    parts : dict
        Part of a block under the name of ``transformers``, and the pattern of what it is called here.
    """

    name: str
    family: str
    stem: tuple[str, str]
    block: str
    first: tuple[int, int]
    parts: dict[str, str]

    def locate(self, name: str) -> tuple[str, str | None] | None:
        """Return what stands before the trunk in ``name``, and the name of ``transformers`` for the rest of it.

        None if ``name`` is no part of a trunk; a second value of None if it is an unknown part of a block.
        """
        if match := re.fullmatch(rf"((?:.*\.)?){self.block}\.(.+)\.{_LEAF}", name):
            prefix, stage, block, theirs, leaf = match.groups()
            part = next((ours for ours, pattern in self.parts.items() if re.fullmatch(pattern, theirs)), None)
            s, b = int(stage) - self.first[0], int(block) - self.first[1]
            known = part is not None and min(s, b) >= 0
            return prefix, f"encoder.stages.{s}.layers.{b}.{part}.{leaf}" if known else None
        for ours, pattern in zip((STEM, _STEM_NORM), self.stem, strict=True):
            if match := re.fullmatch(rf"((?:.*\.)?){pattern}\.{_LEAF}", name):
                return match[1], f"{ours}.{match[2]}"
        return None


_TRUNK_OUTPUT = r"trunk_output\.block(\d+)\.block\d+-(\d+)"
CONVENTIONS = (
    Convention("transformers", "", (STEM, _STEM_NORM), r"encoder\.stages\.(\d+)\.layers\.(\d+)", (0, 0), _OWN),
    Convention(
        "VISSL",
        "RegNet",
        (r"_feature_blocks\.conv1\.stem\.0", r"_feature_blocks\.conv1\.stem\.1"),
        # The largest networks are trained in parts, which the names keep: res4.block3-part1.block3-10.
        r"_feature_blocks\.res(\d+)\.(?:block\d+-part\d+\.)?block\d+-(\d+)",
        (2, 0),
        _REGNET,
    ),
    Convention("ClassyVision", "RegNet", (r"stem\.stem\.0", r"stem\.stem\.1"), _TRUNK_OUTPUT, (1, 0), _REGNET),
    Convention("torchvision", "RegNet", (r"stem\.0", r"stem\.1"), _TRUNK_OUTPUT, (1, 0), _REGNET),
    Convention("timm", "RegNet", (r"stem\.conv", r"stem\.bn"), r"s(\d+)\.b(\d+)", (1, 1), _REGNET),
    Convention("torchvision", "ResNet", ("conv1", "bn1"), r"layer(\d+)\.(\d+)", (1, 0), _RESNET),
)


@dataclass(frozen=True)
class NamedTrunk:
    """A trunk by its names only.

    Parameters
    ----------
    convention : Convention
        Whose names it has.
    prefix : str
        What stands before them in the file, such as ``teacher.backbone``.
    names : dict
        From the name of ``transformers`` to that of the file.
    strange : list of str
        Names of the file that stand inside a block and are no part of such a block.
    """

    convention: Convention
    prefix: str
    names: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)


def find_trunks(names: Iterable[str]) -> list[NamedTrunk]:
    """Return every trunk of which ``names`` has the first convolution and something of a block, sorted by prefix."""
    names = list(names)
    trunks = []
    for convention in CONVENTIONS:
        by_prefix: dict[str, NamedTrunk] = {}
        for name in names:
            if (located := convention.locate(name)) is None:
                continue
            prefix, ours = located
            trunk = by_prefix.setdefault(prefix, NamedTrunk(convention, prefix.rstrip(".")))
            if ours is None:
                trunk.strange.append(name)
            else:
                trunk.names[ours] = name
        trunks += [
            trunk
            for trunk in by_prefix.values()
            if f"{STEM}.weight" in trunk.names and any(".layers." in name for name in trunk.names)
        ]
    return sorted(trunks, key=lambda trunk: trunk.prefix)

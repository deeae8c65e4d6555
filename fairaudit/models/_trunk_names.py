"""Names of the parts of a RegNet or ResNet in other projects, and the trunks in a list of such names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

STEM = "embedder.embedder.convolution"
_STEM_NORM = "embedder.embedder.normalization"
_LEAF = r"(weight|bias|running_mean|running_var|num_batches_tracked)"

#: Name of transformers for a part of a RegNet block (C: the last convolution), and the pattern of its other names.
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
    """A project's names for the weights of a network.

    Parameters
    ----------
    name : str
        The project.
    family : str
        ``"RegNet"`` or ``"ResNet"``; empty if both have the same names.
    stem : (str, str)
        Patterns of the first convolution and of its normalisation.
    block : str
        Pattern of the beginning of a block's names; its groups are the numbers of stage and block.
    first : (int, int)
        Numbers of the first stage and of the first block.
    parts : dict
        Pattern of each part of a block, by the name of ``transformers``.
    """

    name: str
    family: str
    stem: tuple[str, str]
    block: str
    first: tuple[int, int]
    parts: dict[str, str]

    def locate(self, name: str) -> tuple[str, str | None] | None:
        """Return the prefix before the trunk in ``name``, and the name of ``transformers`` for the rest.

        Return None if ``name`` is no part of a trunk, and (prefix, None) if it is an unknown part of a block.
        """
        if match := re.fullmatch(rf"((?:.*\.)?){self.block}\.(.+)\.{_LEAF}", name):
            prefix, stage, block, rest, leaf = match.groups()
            part = next((part for part, pattern in self.parts.items() if re.fullmatch(pattern, rest)), None)
            s, b = int(stage) - self.first[0], int(block) - self.first[1]
            known = part is not None and min(s, b) >= 0
            return prefix, f"encoder.stages.{s}.layers.{b}.{part}.{leaf}" if known else None
        for part, pattern in zip((STEM, _STEM_NORM), self.stem, strict=True):
            if match := re.fullmatch(rf"((?:.*\.)?){pattern}\.{_LEAF}", name):
                return match[1], f"{part}.{match[2]}"
        return None


_TRUNK_OUTPUT = r"trunk_output\.block(\d+)\.block\d+-(\d+)"
CONVENTIONS = (
    Convention("transformers", "", (STEM, _STEM_NORM), r"encoder\.stages\.(\d+)\.layers\.(\d+)", (0, 0), _OWN),
    Convention(
        "VISSL",
        "RegNet",
        (r"_feature_blocks\.conv1\.stem\.0", r"_feature_blocks\.conv1\.stem\.1"),
        # Names of the largest networks keep the parts in which they were trained: res4.block3-part1.block3-10.
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
    """The names of a trunk in a file.

    Parameters
    ----------
    convention : Convention
        Project whose names the file uses.
    prefix : str
        Prefix of the names in the file, such as ``teacher.backbone``.
    names : dict
        Name in the file by the name of ``transformers``.
    strange : list of str
        Names inside a block that are no known part of a block.
    """

    convention: Convention
    prefix: str
    names: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)


def find_trunks(names: Iterable[str]) -> list[NamedTrunk]:
    """Return every trunk with its first convolution and a part of a block among ``names``, sorted by prefix."""
    names = list(names)
    trunks = []
    for convention in CONVENTIONS:
        by_prefix: dict[str, NamedTrunk] = {}
        for name in names:
            if (located := convention.locate(name)) is None:
                continue
            prefix, known = located
            trunk = by_prefix.setdefault(prefix, NamedTrunk(convention, prefix.rstrip(".")))
            if known is None:
                trunk.strange.append(name)
            else:
                trunk.names[known] = name
        trunks += [
            trunk
            for trunk in by_prefix.values()
            if f"{STEM}.weight" in trunk.names and any(".layers." in name for name in trunk.names)
        ]
    return sorted(trunks, key=lambda trunk: trunk.prefix)

"""RegNet-Y: from the five numbers of the width rule to a ``transformers`` network.

Shapes need no torch; only ``regnet_config`` and ``build_trunk`` import torch and transformers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairaudit.core.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

QUANTUM = 8  # widths are first rounded to multiples of this
STEM = 32


@dataclass(frozen=True)
class RegNetShape:
    """Widths and depths of a RegNet.

    Parameters
    ----------
    widths, depths : tuple of int
        Channels and blocks by stage.
    group_width : int
        Channels per group of the 3x3 convolutions; every width is a multiple of it, or smaller.
    stem : int
        Channels of the first convolution.
    downsample_first : bool
        Whether the first stage also halves the side; False for small images, so that 64 px end as 4x4.
    squeeze : bool
        Whether blocks have squeeze-and-excitation (RegNet-Y) or not (RegNet-X).

    Raises
    ------
    ConfigError
        If a width is no multiple of the group width, or a stage has no block.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    group_width: int
    stem: int = STEM
    downsample_first: bool = True
    squeeze: bool = True

    def __post_init__(self) -> None:
        positive = min((*self.widths, *self.depths, self.group_width)) >= 1
        if not self.widths or len(self.widths) != len(self.depths) or not positive:
            raise ConfigError(
                "network must have a width and a depth of 1 or more for each stage, and a group_width of 1 or more; "
                f"got widths {self.widths}, depths {self.depths} and group_width {self.group_width}. Correct them."
            )
        for width in self.widths:
            if width > self.group_width and width % self.group_width:
                fitting = nearest_multiple(width, self.group_width)
                raise ConfigError(
                    f"network must have widths that are multiples of its group width, or smaller; got width {width} "
                    f"with group_width {self.group_width}. Use {fitting}, or a group_width that divides {width}."
                )


def nearest_multiple(width: int, group_width: int) -> int:
    """Return the multiple of ``group_width`` that is nearest to ``width``, the even one if two are.

    This is the rule of ClassyVision, VISSL (with every published SEER) and timm.
    """
    return round(width / group_width) * group_width


def torchvision_multiple(width: int, group_width: int) -> int:
    """Return the multiple of ``group_width`` to which torchvision rounds ``width``.

    It is the nearest multiple, the higher one if two are, or the next one if that is below 0.9 of the width. Of
    torchvision's RegNet-Y, 800MF and 8GF therefore differ from ``nearest_multiple``; timm calls these two ``_tv``.
    """
    multiple = max(group_width, (width + group_width // 2) // group_width * group_width)
    return multiple + group_width if multiple < 0.9 * width else multiple


#: From a width and a group width to the width of the stage.
Rounding = Callable[[int, int], int]


def width_rule(
    depth: int, w_0: int, w_a: float, w_m: float, group_width: int, *, rounding: Rounding = nearest_multiple
) -> RegNetShape:
    """Return the shape of the quantised linear rule.

    Block j has the width ``w_0 + w_a * j``, moved to the nearest ``w_0 * w_m ** s`` with whole s and rounded to a
    multiple of 8. Blocks of one width form a stage, whose width ``rounding`` moves to a multiple of the group width
    [1]_. A group width that is larger than a stage becomes that stage's width.

    Parameters
    ----------
    depth : int
        Total number of blocks, >= 4.
    w_0 : int
        First width, a positive multiple of 8.
    w_a : float
        Slope, > 0.
    w_m : float
        Ratio between stages, > 1.
    group_width : int
        >= 1.
    rounding : callable
        ``nearest_multiple`` or ``torchvision_multiple``.

    Raises
    ------
    ConfigError
        If a number is out of its range, or the rule does not yield four stages.

    References
    ----------
    .. [1] Radosavovic et al. (2020), "Designing Network Design Spaces", arXiv:2003.13678.
    """
    if depth < 4 or w_0 < QUANTUM or w_0 % QUANTUM or w_a <= 0 or w_m <= 1 or group_width < 1:
        raise ConfigError(
            "network must have depth >= 4, w_0 a multiple of 8, w_a > 0, w_m > 1 and group_width >= 1; "
            f"got depth {depth}, w_0 {w_0}, w_a {w_a}, w_m {w_m}, group_width {group_width}. "
            "Correct them or use a preset."
        )
    widths: list[int] = []
    for j in range(depth):
        exponent = round(math.log((w_0 + w_a * j) / w_0) / math.log(w_m))
        widths.append(QUANTUM * round(w_0 * w_m**exponent / QUANTUM))
    stages = sorted(set(widths))
    if len(stages) != 4:
        raise ConfigError(
            f"network must have four stages; got {len(stages)} from depth {depth}, w_0 {w_0}, w_a {w_a}, w_m {w_m}. "
            "Change w_a, w_m or depth, or use a preset."
        )
    groups = [min(group_width, w) for w in stages]
    return RegNetShape(
        widths=tuple(rounding(w, g) for w, g in zip(stages, groups, strict=True)),
        depths=tuple(widths.count(w) for w in stages),
        group_width=group_width,
    )


PRESETS: dict[str, RegNetShape] = {
    "tiny": RegNetShape((16, 32, 64, 128), (1, 1, 2, 1), 16, stem=16, downsample_first=False),
    "tiny_narrow": RegNetShape((8, 16, 32, 64), (1, 1, 2, 1), 8, stem=8, downsample_first=False),
    "tiny_wide": RegNetShape((32, 64, 128, 256), (1, 1, 2, 1), 32, stem=32, downsample_first=False),
    "y_200mf": width_rule(13, 24, 36.44, 2.49, 8),
    "y_400mf": width_rule(16, 48, 27.89, 2.09, 8),
    "y_800mf": width_rule(14, 56, 38.84, 2.4, 16),
    "y_800mf_torchvision": width_rule(14, 56, 38.84, 2.4, 16, rounding=torchvision_multiple),
    "y_1_6gf": width_rule(27, 48, 20.71, 2.65, 24),
    "y_3_2gf": width_rule(21, 80, 42.63, 2.66, 24),
    "y_8gf": width_rule(17, 192, 76.82, 2.19, 56),
    "y_8gf_torchvision": width_rule(17, 192, 76.82, 2.19, 56, rounding=torchvision_multiple),
    "y_16gf": width_rule(18, 200, 106.23, 2.48, 112),
    "y_32gf": width_rule(20, 232, 115.89, 2.53, 232),
    "seer_64gf": width_rule(20, 352, 147.48, 2.4, 328),
    "seer_128gf": width_rule(27, 456, 160.83, 2.52, 264),
    "seer_256gf": width_rule(27, 640, 230.83, 2.53, 373),
    "seer_10b": width_rule(27, 1744, 620.83, 2.52, 1010),
}
"""Named shapes; ``tiny_narrow`` and ``tiny_wide`` have half and twice every width of ``tiny``.

In ClassyVision 256GF and, before its change 730680d, 64GF are other networks.
"""


def regnet_config(shape: RegNetShape, *, labels: tuple[str, ...] = ()) -> Any:
    """Return the ``transformers.RegNetConfig`` of ``shape``; ``labels`` fill ``id2label``."""
    from transformers import RegNetConfig

    named: dict[str, Any] = {}
    if labels:
        named = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    return RegNetConfig(
        embedding_size=shape.stem,
        hidden_sizes=list(shape.widths),
        depths=list(shape.depths),
        groups_width=shape.group_width,
        layer_type="y" if shape.squeeze else "x",
        downsample_in_first_stage=shape.downsample_first,
        **named,
    )


def build_trunk(shape: RegNetShape) -> nn.Module:
    """Return a ``transformers.RegNetModel`` with random weights from torch's current random state."""
    from transformers import RegNetModel

    model: nn.Module = RegNetModel(regnet_config(shape))
    return model

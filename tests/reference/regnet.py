"""RegNet-Y and RegNet-X in plain torch with the module names of ClassyVision, VISSL, torchvision and timm.

Structure: Radosavovic et al. (2020), "Designing Network Design Spaces", arXiv:2003.13678, figure 4. Module names: the
listings in tests/models/checkpoint_names, which the projects' own classes made; tests compare them name by name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

#: Channels of the first convolution, widths and depths by stage, channels per group.
STEM, WIDTHS, DEPTHS, GROUP = 32, (8, 16, 32, 64), (1, 1, 2, 1), 16


def conv(n_in: int, n_out: int, side: int = 1, stride: int = 1, groups: int = 1, *, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, side, stride, side // 2, groups=groups, bias=bias)


class Excitation(nn.Module):
    """Squeeze-and-excitation of ClassyVision: one sequence."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        down, up = conv(width, narrow, bias=True), conv(narrow, width, bias=True)
        self.excitation = nn.Sequential(down, nn.ReLU(), up, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.excitation(x.mean((2, 3), keepdim=True))
        return x * gate


class TwoLayers(nn.Module):
    """Squeeze-and-excitation of torchvision and timm: fc1 and fc2."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = conv(width, narrow, bias=True), conv(narrow, width, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class ClassyBlock(nn.Module):
    def __init__(self, n_in: int, width: int, stride: int, groups: int, squeeze: bool) -> None:
        super().__init__()
        self.changes = stride != 1 or n_in != width
        if self.changes:
            self.proj, self.bn = conv(n_in, width, 1, stride), nn.BatchNorm2d(width)
        a = nn.Sequential(conv(n_in, width), nn.BatchNorm2d(width), nn.ReLU())
        b = nn.Sequential(conv(width, width, 3, stride, groups), nn.BatchNorm2d(width), nn.ReLU())
        se = {"se": Excitation(width, round(n_in * 0.25))} if squeeze else {}
        last = nn.BatchNorm2d(width)
        self.f = nn.Sequential(OrderedDict(a=a, b=b, **se, c=conv(width, width), final_bn=last))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu((self.bn(self.proj(x)) if self.changes else x) + self.f(x))


class TorchvisionBlock(nn.Module):
    def __init__(self, n_in: int, width: int, stride: int, groups: int, squeeze: bool) -> None:
        super().__init__()
        self.proj = None
        if stride != 1 or n_in != width:
            self.proj = nn.Sequential(conv(n_in, width, 1, stride), nn.BatchNorm2d(width))
        a = nn.Sequential(conv(n_in, width), nn.BatchNorm2d(width), nn.ReLU())
        b = nn.Sequential(conv(width, width, 3, stride, groups), nn.BatchNorm2d(width), nn.ReLU())
        c = nn.Sequential(conv(width, width), nn.BatchNorm2d(width))
        se = {"se": TwoLayers(width, round(n_in * 0.25))} if squeeze else {}
        self.f = nn.Sequential(OrderedDict(a=a, b=b, **se, c=c))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu((x if self.proj is None else self.proj(x)) + self.f(x))


class ConvNorm(nn.Module):
    """Of timm: a convolution called conv and its normalisation called bn."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.conv, self.bn = convolution, nn.BatchNorm2d(convolution.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return y


class TimmBlock(nn.Module):
    def __init__(self, n_in: int, width: int, stride: int, groups: int, squeeze: bool) -> None:
        super().__init__()
        self.conv1 = ConvNorm(conv(n_in, width))
        self.conv2 = ConvNorm(conv(width, width, 3, stride, groups))
        self.se = TwoLayers(width, round(n_in * 0.25)) if squeeze else nn.Identity()
        self.conv3 = ConvNorm(conv(width, width))
        same = stride == 1 and n_in == width
        self.downsample = nn.Identity() if same else ConvNorm(conv(n_in, width, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        y = self.se(torch.relu(self.conv2(torch.relu(self.conv1(x)))))
        return torch.relu(self.conv3(y) + self.downsample(x))


def stages(block: type[nn.Module], name: Callable[[int, int], str], squeeze: bool) -> list[nn.Sequential]:
    """The four stages; ``name`` gives the name of a block from its stage and place, both from 0; dots make parts."""
    made, n_in = [], STEM
    for s, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
        stage = nn.Sequential()
        for i in range(depth):
            *part, inner = name(s, i).split(".")
            if part and part[0] not in dict(stage.named_children()):
                stage.add_module(part[0], nn.Sequential())
            before, stride = (n_in, 2) if i == 0 else (width, 1)
            made_block = block(before, width, stride, max(1, width // GROUP), squeeze)
            stage.get_submodule(".".join(part)).add_module(inner, made_block)
        made.append(stage)
        n_in = width
    return made


class ClassyStem(nn.Sequential):
    def __init__(self, squeeze: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, STEM, 3, 2), nn.BatchNorm2d(STEM), nn.ReLU())


class ClassyVision(nn.Module):
    def __init__(self, squeeze: bool = True) -> None:
        super().__init__()
        self.stem = ClassyStem()
        made = stages(ClassyBlock, lambda s, i: f"block{s + 1}-{i}", squeeze)
        self.trunk_output = nn.Sequential(OrderedDict((f"block{s + 1}", stage) for s, stage in enumerate(made)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.trunk_output(self.stem(x)).mean((2, 3))
        return y


class Vissl(nn.Module):
    """``parts``: which part of its stage each block lies in, for networks that are trained in parts."""

    def __init__(self, squeeze: bool = True, parts: tuple[tuple[int, ...], ...] = ()) -> None:
        super().__init__()

        def name(s: int, i: int) -> str:
            return f"{f'block{s + 1}-part{parts[s][i]}.' if parts else ''}block{s + 1}-{i}"

        self._feature_blocks = nn.Sequential(OrderedDict(conv1=ClassyStem()))
        for s, stage in enumerate(stages(ClassyBlock, name, squeeze)):
            self._feature_blocks.add_module(f"res{s + 2}", stage)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self._feature_blocks(x).mean((2, 3))
        return y


class Torchvision(nn.Module):
    def __init__(self, squeeze: bool = True) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, STEM, 3, 2), nn.BatchNorm2d(STEM), nn.ReLU())
        made = stages(TorchvisionBlock, lambda s, i: f"block{s + 1}-{i}", squeeze)
        self.trunk_output = nn.Sequential(OrderedDict((f"block{s + 1}", stage) for s, stage in enumerate(made)))
        self.fc = nn.Linear(WIDTHS[-1], 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.trunk_output(self.stem(x)).mean((2, 3))
        return y


class Timm(nn.Module):
    def __init__(self, squeeze: bool = True) -> None:
        super().__init__()
        self.stem = ConvNorm(conv(3, STEM, 3, 2))
        self.s1, self.s2, self.s3, self.s4 = stages(TimmBlock, lambda s, i: f"b{i + 1}", squeeze)
        self.head = nn.Sequential(OrderedDict(fc=nn.Linear(WIDTHS[-1], 3)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.s4(self.s3(self.s2(self.s1(torch.relu(self.stem(x))))))
        return y.mean((2, 3))

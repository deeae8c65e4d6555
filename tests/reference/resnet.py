"""ResNet in plain torch with the module names of torchvision and SwAV.

Structure: He et al. (2016), "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1; torchvision
moves the stride of a bottleneck from its first 1x1 to its 3x3 convolution. Module names: the listings in
tests/models/checkpoint_names, which the projects' own classes made; tests compare them name by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Blocks by stage.
DEPTHS = (1, 2, 1, 1)


class Bottleneck(nn.Module):
    growth = 4

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        n_out = width * self.growth
        self.conv1, self.bn1 = nn.Conv2d(n_in, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, n_out, 1, bias=False), nn.BatchNorm2d(n_out)
        self.downsample = shortcut(n_in, n_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(nn.Module):
    growth = 1

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.downsample = shortcut(n_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x)))


def shortcut(n_in: int, n_out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and n_in == n_out:
        return None
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))


class Torchvision(nn.Module):
    """With a classifier of three labels; ``forward`` gives what goes into it."""

    padding = 3

    def __init__(self, block: type[Bottleneck | BasicBlock] = BasicBlock) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, self.padding, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        n_in = 64
        for s, depth in enumerate(DEPTHS):
            width = 64 * 2**s
            blocks = [block(n_in, width, 1 if s == 0 else 2)]
            n_in = width * block.growth
            blocks += [block(n_in, width, 1) for _ in range(depth - 1)]
            self.add_module(f"layer{s + 1}", nn.Sequential(*blocks))
        self.n_out = n_in
        self.add_heads()

    def add_heads(self) -> None:
        self.fc = nn.Linear(self.n_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for s in range(len(DEPTHS)):
            x = self.get_submodule(f"layer{s + 1}")(x)
        return x.mean((2, 3))


class Swav(Torchvision):
    """Pads the image by one before a convolution that pads by two, and has the heads of SwAV."""

    padding = 2

    def __init__(self) -> None:
        super().__init__(Bottleneck)

    def add_heads(self) -> None:
        self.projection_head = nn.Sequential(nn.Linear(self.n_out, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
        self.prototypes = nn.Linear(8, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.pad(x, (1, 1, 1, 1)))

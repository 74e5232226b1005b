"""DRN-D-22 in plain PyTorch, with the names and the upsampling of the authors' code."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tools.parity_numbers import CLASSES

MODEL: dict[str, Any] = {
    "backbone": {"name": "drn_d_22", "kwargs": {}},
    "head": {"name": "drn_seg", "kwargs": {}},
}
SIZES = ((64, 96), (65, 99))
CONVENTIONS: dict[str, Any] = {}

SMALL_MODEL = {
    "backbone": {"name": "drn_d_22", "kwargs": {"width": 0.125}},
    "head": {"name": "drn_seg", "kwargs": {}},
}
SMALL_SIZE = (33, 50)


def conv3x3(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the identity, or its projection."""

    def __init__(self, inputs: int, planes: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, planes, stride, dilation), nn.BatchNorm2d(planes)
        self.conv2 = conv3x3(planes, planes, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(planes)
        if stride != 1 or inputs != planes:
            conv = nn.Conv2d(inputs, planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(planes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (self.downsample(x) if "downsample" in self._modules else x))


class Net(nn.Module):
    """layer0 to layer8, a 1x1 classifier, and the fixed transposed convolution."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        w = [round(c * width) for c in (16, 32, 64, 128, 256, 512)]
        first = nn.Conv2d(3, w[0], 7, 1, 3, bias=False)
        self.layer0 = nn.Sequential(first, nn.BatchNorm2d(w[0]), nn.ReLU())
        self.layer1 = self._conv(w[0], w[0], 1, 1)
        self.layer2 = self._conv(w[0], w[1], 2, 1)
        self.layer3 = self._blocks(w[1], w[2], 2, 1)
        self.layer4 = self._blocks(w[2], w[3], 2, 1)
        self.layer5 = self._blocks(w[3], w[4], 1, 2)
        self.layer6 = self._blocks(w[4], w[5], 1, 4)
        self.layer7 = self._conv(w[5], w[5], 1, 2)
        self.layer8 = self._conv(w[5], w[5], 1, 1)
        self.seg = nn.Conv2d(w[5], CLASSES, 1)
        self.up = nn.ConvTranspose2d(CLASSES, CLASSES, 16, 8, padding=4, groups=CLASSES, bias=False)
        self.up.weight.requires_grad = False
        fill_up_weights(self.up)

    @staticmethod
    def _conv(inputs: int, outputs: int, stride: int, dilation: int) -> nn.Sequential:
        conv = conv3x3(inputs, outputs, stride, dilation)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    @staticmethod
    def _blocks(inputs: int, planes: int, stride: int, dilation: int) -> nn.Sequential:
        first = BasicBlock(inputs, planes, stride, dilation)
        return nn.Sequential(first, BasicBlock(planes, planes, 1, dilation))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """All stages, and the logits, cut to the size of the images."""
        found, size = {}, x.shape[2:]
        for index in range(9):
            layer = getattr(self, f"layer{index}")
            if 3 <= index <= 6:
                for block in range(2):
                    x = found[f"backbone/layer{index}_{block}"] = layer[block](x)
            else:
                x = found[f"backbone/layer{index}"] = layer(x)
            if index == 3:
                found["backbone.0"] = x
        found["backbone.1"] = x
        found["logits"] = self.up(self.seg(x))[:, :, : size[0], : size[1]]
        return found


def fill_up_weights(up: nn.ConvTranspose2d) -> None:
    """The bilinear kernel, as the authors' code fills it in."""
    side = up.weight.shape[2]
    factor = -(-side // 2)
    center = (2 * factor - 1 - factor % 2) / (2.0 * factor)
    tent = torch.tensor([1 - abs(index / factor - center) for index in range(side)])
    with torch.no_grad():
        up.weight.copy_((tent[:, None] * tent[None]).expand_as(up.weight))


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net()


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(0.125)

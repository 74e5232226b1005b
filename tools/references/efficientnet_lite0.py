"""EfficientNet-Lite0 with the names of its published file, under DeepLabv3+."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import DeepLab

MODEL: dict[str, Any] = {
    "backbone": {"name": "efficientnet_lite0", "kwargs": {"output_stride": 16}},
    "head": {"name": "deeplab_v3_plus", "kwargs": {}},
}
SIZES = ((96, 128), (97, 131))
CONVENTIONS: dict[str, Any] = {
    "padding": "same",
    "norm_eps": 1e-3,
    "mean": (127 / 255,) * 3,
    "std": (128 / 255,) * 3,
}

SMALL_MODEL = {
    "backbone": {"name": "efficientnet_lite0", "kwargs": {"width": 0.25}},
    "head": {
        "name": "deeplab_v3_plus",
        "kwargs": {"aspp_channels": 16, "low_level_channels": 8, "rates": (1, 2)},
    },
}
SMALL_SIZE = (33, 50)

ROWS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride, expansion, channels."""


class Conv2dSame(nn.Conv2d):
    """Padded as in TensorFlow: as few zeros as the output needs, an odd one behind."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The convolved images."""
        pads = []
        for side, kernel, stride, dilation in zip(
            x.shape[:1:-1],
            self.kernel_size[::-1],
            self.stride[::-1],
            self.dilation[::-1],
            strict=True,
        ):
            outputs = (side + stride - 1) // stride
            total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(
            functional.pad(x, pads),
            self.weight,
            None,
            self.stride,
            dilation=self.dilation,
            groups=self.groups,
        )


def norm(channels: int) -> nn.Module:
    """As TensorFlow's networks have it."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)


class MBConv(nn.Module):
    """A block."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, dilation: int
    ) -> None:
        super().__init__()
        wide = inputs * expansion
        if expansion != 1:
            self._expand_conv = Conv2dSame(inputs, wide, 1, bias=False)
            self._bn0 = norm(wide)
        self._depthwise_conv = Conv2dSame(
            wide, wide, kernel, stride, dilation=dilation, groups=wide, bias=False
        )
        self._bn1 = norm(wide)
        self._project_conv = Conv2dSame(wide, outputs, 1, bias=False)
        self._bn2 = norm(outputs)
        self.has_skip = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output, without drop-connect."""
        y = x
        if "_expand_conv" in self._modules:
            y = functional.relu6(self._bn0(self._expand_conv(y)))
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.has_skip else y


class Backbone(nn.Module):
    """The first convolution and the blocks."""

    def __init__(self, channels: Mapping[int, int], dilated: bool = True) -> None:
        super().__init__()
        self._conv_stem = Conv2dSame(3, channels[32], 3, 2, bias=False)
        self._bn0 = norm(channels[32])
        self._blocks = nn.ModuleList()
        inputs = channels[32]
        for blocks, kernel, stride, expansion, features in ROWS:
            for index in range(blocks):
                step = stride if index == 0 and not (dilated and features == 192) else 1
                dilation = 2 if dilated and features == 320 else 1
                outputs = channels[features]
                block = MBConv(inputs, outputs, kernel, step, expansion, dilation)
                self._blocks.append(block)
                inputs = outputs


class Net(DeepLab):
    """The backbone at output stride 16."""

    def stages(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """All blocks, and the maps at stride 4, 8 and 16."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        found, maps = {}, []
        for index, block in enumerate(self._blocks):
            x = found[f"backbone/blocks_{index}"] = block(x)
            if index in (2, 4, 10, 15):
                maps.append(x)
        return {**found, **{f"backbone.{index}": x for index, x in enumerate(maps)}}


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    backbone = Backbone({c: c for c in (16, 24, 32, 40, 80, 112, 192, 320)})
    return Net(backbone, (24, 320), CLASSES)


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    narrow = {16: 8, 24: 8, 32: 8, 40: 16, 80: 24, 112: 32, 192: 48, 320: 80}
    return Net(Backbone(narrow), (8, 80), CLASSES, 16, 8, (1, 2))

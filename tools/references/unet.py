"""U-Net in plain PyTorch: double convolutions, group normalization, bilinear upsampling."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import resize

GROUPED = {"norm": "group"}
MODEL: dict[str, Any] = {
    "backbone": {"name": "unet", "kwargs": {**GROUPED}},
    "head": {"name": "unet", "kwargs": {**GROUPED}},
}
SIZES = ((64, 96), (65, 99))
CONVENTIONS: dict[str, Any] = {}

SMALL_MODEL = {
    "backbone": {"name": "unet", "kwargs": {**GROUPED, "channels": 8, "depth": 2}},
    "head": {"name": "unet", "kwargs": {"channels": 4}},
}
SMALL_SIZE = (21, 30)


def norm(kind: str, channels: int) -> nn.Module:
    return nn.GroupNorm(min(8, channels), channels) if kind == "group" else nn.BatchNorm2d(channels)


class DoubleConv(nn.Module):
    """Twice a 3x3 convolution, normalization, ReLU."""

    def __init__(self, inputs: int, outputs: int, kind: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = norm(kind, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = norm(kind, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The images with other channels."""
        x = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(x)))


class Net(nn.Module):
    """Encoder and decoder."""

    def __init__(self, width: int, depth: int, up: int, kinds: tuple[str, str]) -> None:
        super().__init__()
        self.depth, inputs = depth, 3
        for level in range(depth + 1):
            setattr(self, f"level{level}", DoubleConv(inputs, width * 2**level, kinds[0]))
            inputs = width * 2**level
        for level in reversed(range(depth)):
            both = inputs + width * 2**level
            setattr(self, f"up{level}", DoubleConv(both, up * 2**level, kinds[1]))
            inputs = up * 2**level
        self.classify = nn.Conv2d(inputs, CLASSES, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """All stages and the logits."""
        found: dict[str, torch.Tensor] = {}
        for level in range(self.depth + 1):
            x = functional.max_pool2d(x, 2) if level else x
            x = found[f"backbone/level{level}"] = getattr(self, f"level{level}")(x)
        for level in reversed(range(self.depth)):
            skip = found[f"backbone/level{level}"]
            x = torch.cat([skip, resize(x, skip.shape[2:])], 1)
            x = found[f"up{level}"] = getattr(self, f"up{level}")(x)
        found["logits"] = self.classify(x)
        return found


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(64, 4, 64, ("group", "group"))


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(8, 2, 4, ("group", "batch"))

"""torchvision's ResNet-101 under the light decoder."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import conv_norm, conv_norm_relu, resize
from tools.references.resnet50 import resnet, stages

MODEL: dict[str, Any] = {
    "backbone": {"name": "resnet101", "kwargs": {"output_stride": 16}},
    "head": {"name": "light", "kwargs": {}},
}
SIZES = ((64, 96), (65, 99))
CONVENTIONS: dict[str, Any] = {}

SMALL_MODEL = {
    "backbone": {
        "name": "resnet101",
        "kwargs": {"width": 0.125, "blocks": (1, 1, 2, 1), "output_stride": 32},
    },
    "head": {"name": "light", "kwargs": {"channels": 8}},
}
SMALL_SIZE = (33, 50)


class Net(nn.Module):
    """The backbone's parts, and those of the decoder beside them."""

    def __init__(self, backbone: nn.Module, fine: int, coarse: int, channels: int = 64) -> None:
        super().__init__()
        for name, child in backbone.named_children():
            self.add_module(name, child)
        self.context = conv_norm(coarse, channels)
        self.gate = nn.Conv2d(coarse, channels, 1)
        self.low = conv_norm(fine, channels)
        conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.spatial = nn.ModuleDict({"conv": conv, "norm": nn.BatchNorm2d(channels)})
        self.classify = nn.Conv2d(channels, CLASSES, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """All stages, and the logits at the size of the images."""
        found = dict(stages(self, x))
        fine, coarse = found["backbone.0"], found["backbone.3"]
        context = found["context"] = conv_norm_relu(self.context, coarse)
        context = context * torch.sigmoid(self.gate(coarse.mean((2, 3), keepdim=True)))
        low = found["low_norm"] = self.low["norm"](self.low["conv"](fine))
        both = functional.relu(low + resize(context, low.shape[2:]))
        y = conv_norm_relu(self.spatial, both)
        found["logits"] = resize(self.classify(y), x.shape[2:])
        return found


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(resnet((3, 4, 23, 3), 16), 256, 2048)


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(resnet((1, 1, 2, 1), 32, 0.125), 32, 256, 8)

"""torchvision's MobileNetV2 under DeepLabv3+."""

from collections.abc import Mapping
from typing import Any

import torch
from torchvision.models import mobilenet_v2

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import DeepLab

MODEL: dict[str, Any] = {}
SIZES = ((64, 96), (65, 99))
CONVENTIONS: dict[str, Any] = {}

SMALL_MODEL = {
    "backbone": {"name": "mobilenet_v2", "kwargs": {"width": 0.35}},
    "head": {
        "name": "deeplab_v3_plus",
        "kwargs": {"aspp_channels": 16, "low_level_channels": 8, "rates": (1, 2, 3)},
    },
}
SMALL_SIZE = (33, 50)


class Net(DeepLab):
    """The backbone at output stride 16."""

    def stages(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """The first convolution and all blocks."""
        found = {}
        for index, block in enumerate(list(self.features)[:18]):
            x = found[f"backbone/features_{index}"] = block(x)
            if index == 3:
                found["backbone.0"] = x
        return found | {"backbone.1": x}


def _at_stride_16(width: float) -> Any:
    backbone = mobilenet_v2(width_mult=width)
    backbone.features[14].conv[1][0].stride = (1, 1)
    last = backbone.features[17].conv[1][0]
    last.dilation = last.padding = (2, 2)
    return backbone


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(_at_stride_16(1.0), (24, 320), CLASSES)


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(_at_stride_16(0.35), (8, 112), CLASSES, 16, 8, (1, 2, 3))

"""torchvision's ResNet-50 at stride 8 under the pyramid of DeepLabv3, without a decoder."""

from collections.abc import Mapping
from typing import Any

import torch

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import DeepLab
from tools.references.resnet50 import resnet, stages

MODEL: dict[str, Any] = {
    "backbone": {"name": "resnet50", "kwargs": {"output_stride": 8}},
    "head": {"name": "deeplab_v3", "kwargs": {"rates": (2, 4, 6)}},
}
SIZES = ((64, 96), (65, 99))
CONVENTIONS: dict[str, Any] = {}

SMALL_MODEL = {
    "backbone": {
        "name": "resnet50",
        "kwargs": {"width": 0.125, "blocks": (1, 1, 2, 2), "output_stride": 8},
    },
    "head": {"name": "deeplab_v3", "kwargs": {"aspp_channels": 8, "rates": (1, 2)}},
}
SMALL_SIZE = (33, 50)


class Net(DeepLab):
    """The backbone's blocks and maps."""

    def stages(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """See `resnet50.stages`."""
        return stages(self, x)


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(resnet((3, 4, 6, 3), 8), (256, 2048), CLASSES, low=0, rates=(2, 4, 6))


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(resnet((1, 1, 2, 2), 8, 0.125), (32, 256), CLASSES, 8, 0, (1, 2))

"""torchvision's ResNet-50 under DeepLabv3+."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torchvision.models.resnet import Bottleneck, ResNet

from tools.parity_numbers import CLASSES
from tools.references.deeplab_heads import DeepLab

MODEL: dict[str, Any] = {
    "backbone": {"name": "resnet50", "kwargs": {"output_stride": 16}},
    "head": {"name": "deeplab_v3_plus", "kwargs": {}},
}
SIZES = ((64, 96), (65, 99))
CONVENTIONS: dict[str, Any] = {}

SMALL_MODEL = {
    "backbone": {"name": "resnet50", "kwargs": {"width": 0.125, "blocks": (1, 1, 1, 2)}},
    "head": {
        "name": "deeplab_v3_plus",
        "kwargs": {"aspp_channels": 8, "low_level_channels": 4, "rates": (1, 2)},
    },
}
SMALL_SIZE = (33, 50)


def stages(net: Any, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
    """The blocks of a ResNet, and the four maps."""
    x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    found = {}
    maps = {}
    for number, layer in enumerate((net.layer1, net.layer2, net.layer3, net.layer4)):
        for index, block in enumerate(layer):
            x = found[f"backbone/layer{number + 1}_{index}"] = block(x)
        maps[f"backbone.{number}"] = x
    return {**found, **maps}


def resnet(
    blocks: Sequence[int], output_stride: int, width: float = 1.0, classes: int = 1000
) -> Any:
    """torchvision's network; a narrow one is made of its own blocks."""
    dilate = {8: [False, True, True], 16: [False, False, True], 32: [False] * 3}[output_stride]
    net = ResNet(Bottleneck, list(blocks), classes, replace_stride_with_dilation=dilate)
    if width != 1.0:
        narrow = round(64 * width)
        net.inplanes, net.dilation = narrow, 1
        net.conv1 = torch.nn.Conv2d(3, narrow, 7, 2, 3, bias=False)
        net.bn1 = torch.nn.BatchNorm2d(narrow)
        net.layer1 = net._make_layer(Bottleneck, narrow, blocks[0])
        for index, dilated in enumerate(dilate):
            layer = net._make_layer(
                Bottleneck, narrow * 2 ** (index + 1), blocks[index + 1], 2, dilated
            )
            setattr(net, f"layer{index + 2}", layer)
    return net


class Net(DeepLab):
    """The backbone's blocks and maps."""

    def stages(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """See `stages`."""
        return stages(self, x)


def build(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(resnet((3, 4, 6, 3), 16), (256, 2048), CLASSES)


def build_small(seed: int) -> Any:
    torch.manual_seed(seed)
    return Net(resnet((1, 1, 1, 2), 16, 0.125), (32, 256), CLASSES, 8, 4, (1, 2))

"""The heads of DeepLab in plain PyTorch, with the names that our files give their tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional


def conv_norm(inputs: int, outputs: int, size: int = 1, dilation: int = 1) -> nn.ModuleDict:
    """A convolution without bias and its normalization."""
    pad = dilation * (size // 2)
    conv = nn.Conv2d(inputs, outputs, size, padding=pad, dilation=dilation, bias=False)
    return nn.ModuleDict({"conv": conv, "norm": nn.BatchNorm2d(outputs)})


def conv_norm_relu(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """What a `conv_norm` gives, and ReLU."""
    return functional.relu(layer["norm"](layer["conv"](x)))


def resize(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bilinear, with aligned corners."""
    return functional.interpolate(x, list(size), mode="bilinear", align_corners=True)


def pyramid(inputs: int, wide: int, rates: Sequence[int]) -> dict[str, nn.Module]:
    """The layers of atrous spatial pyramid pooling, by name."""
    rings = {str(rate): conv_norm(inputs, wide, 3, rate) for rate in rates}
    aspp = {"point": conv_norm(inputs, wide), **rings, "image": conv_norm(inputs, wide)}
    project = conv_norm((len(rates) + 2) * wide, wide)
    return {"aspp": nn.ModuleDict(aspp), "project": project}


def pool(net: Any, x: torch.Tensor) -> torch.Tensor:
    """Atrous spatial pyramid pooling of `x` with the layers of `pyramid`."""
    *local, image = net.aspp.values()
    branches = [conv_norm_relu(layer, x) for layer in local]
    mean = conv_norm_relu(image, x.mean((2, 3), keepdim=True))
    branches.append(mean.expand(-1, -1, *x.shape[2:]))
    return conv_norm_relu(net.project, torch.cat(branches, 1))


class DeepLab(nn.Module):
    """A backbone, whose parts lie beside those of the head as they do in a file, and a head."""

    def __init__(
        self,
        backbone: nn.Module,
        channels: tuple[int, int],
        classes: int,
        wide: int = 256,
        low: int = 48,
        rates: Sequence[int] = (6, 12, 18),
    ) -> None:
        super().__init__()
        for name, child in backbone.named_children():
            self.add_module(name, child)
        for name, part in pyramid(channels[1], wide, rates).items():
            self.add_module(name, part)
        if low:
            self.low, self.decode = conv_norm(channels[0], low), conv_norm(wide + low, wide, 3)
        self.classify = nn.Conv2d(wide, classes, 1)

    def stages(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """The backbone's stages; "backbone.0" is the finest map and the last one the coarsest."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """All stages, and the logits at the size of the images."""
        found = dict(self.stages(x))
        fine, coarse = found["backbone.0"], list(found.values())[-1]
        context = found["project"] = pool(self, coarse)
        if "low" in self._modules:
            low = conv_norm_relu(self.low, fine)
            both = torch.cat([resize(context, low.shape[2:]), low], 1)
            context = found["decode"] = conv_norm_relu(self.decode, both)
        found["logits"] = resize(self.classify(context), x.shape[2:])
        return found

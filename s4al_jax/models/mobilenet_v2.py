"""MobileNetV2 as a backbone, without its last 1x1 convolution and its classifier.

Modules are named after torchvision's: what is `features.3.conv.1.0` there is
`features_3/conv_1_0` here, so `weights.torchvision_name` finds all tensors in a file.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv, Depthwise
from s4al_jax.types import InputError


class Stage(NamedTuple):
    """A row of the paper's table 2: so many equal blocks, of which only the first has a stride."""

    expansion: int
    features: int
    blocks: int
    stride: int
    dilation: int


def late_reaches(output_stride: int) -> tuple[tuple[int, int], ...]:
    """(stride, dilation) of the last four stages; below a stride of 32, strides become dilations.

    At 16 only the last block is dilated, as in the network of the S4AL paper.
    """
    reaches = {
        32: ((2, 1), (1, 1), (2, 1), (1, 1)),
        16: ((2, 1), (1, 1), (1, 1), (1, 2)),
        8: ((1, 2), (1, 2), (1, 4), (1, 4)),
    }
    if output_stride not in reaches:
        raise InputError(f"output_stride is {output_stride}; use 8, 16 or 32")
    return reaches[output_stride]


def stages(output_stride: int) -> tuple[Stage, ...]:
    """All stages, the late ones as `late_reaches` says."""
    head = (Stage(1, 16, 1, 1, 1), Stage(6, 24, 2, 2, 1), Stage(6, 32, 3, 2, 1))
    widths = ((64, 4), (96, 3), (160, 3), (320, 1))
    tail = zip(widths, late_reaches(output_stride), strict=True)
    return head + tuple(Stage(6, *width, *reach) for width, reach in tail)


def make_divisible(features: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below `features`."""
    nearest = max(8, int(features + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * features else nearest


class InvertedResidual(nn.Module):
    """1x1 up, 3x3 depthwise, 1x1 down; added to its input where the shapes allow."""

    features: int
    expansion: int
    stride: int
    dilation: int
    conv: ConvConfig

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The block's output."""

        def normalize(y: jax.Array, name: str) -> jax.Array:
            return BatchNorm(self.conv, name=name)(y, groups=groups)

        # torchvision numbers the layers of a block, and the first block has one less.
        y, part = x, 0
        if self.expansion != 1:
            y = Conv(x.shape[-1] * self.expansion, conv=self.conv, name="conv_0_0")(y)
            y, part = jax.nn.relu6(normalize(y, "conv_0_1")), 1
        y = Depthwise(self.stride, self.dilation, conv=self.conv, name=f"conv_{part}_0")(y)
        y = jax.nn.relu6(normalize(y, f"conv_{part}_1"))
        y = Conv(self.features, conv=self.conv, name=f"conv_{part + 1}")(y)
        y = normalize(y, f"conv_{part + 2}")
        return x + y if x.shape == y.shape and self.stride == 1 else y


class Stem(nn.Module):
    """The first 3x3 convolution, stride 2."""

    features: int
    conv: ConvConfig

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The image at half size."""
        y = Conv(self.features, 3, stride=2, conv=self.conv, name="0")(x)
        return jax.nn.relu6(BatchNorm(self.conv, name="1")(y, groups=groups))


class MobileNetV2(nn.Module):
    """Normalized images in; features at stride 4 (24 channels) and at the output stride (320)."""

    width: float = 1.0
    output_stride: int = 16
    conv: ConvConfig = ConvConfig()

    @staticmethod
    def layer_depth(path: tuple[str, ...]) -> int:
        """The stem's variables are at depth 0, those of the last block at 17."""
        return int(path[0].removeprefix("features_"))

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> tuple[Float[jax.Array, "b h4 w4 low"], Float[jax.Array, "b h16 w16 high"]]:
        """(low-level features, high-level features)."""
        if self.width <= 0.0:
            raise InputError(f"the backbone's width is {self.width}: give a factor above 0")
        x = Stem(make_divisible(32 * self.width), self.conv, name="features_0")(x, groups=groups)
        low, index = x, 1
        for stage in stages(self.output_stride):
            for block in range(stage.blocks):
                x = InvertedResidual(
                    features=make_divisible(stage.features * self.width),
                    expansion=stage.expansion,
                    stride=stage.stride if block == 0 else 1,
                    dilation=stage.dilation,
                    conv=self.conv,
                    name=f"features_{index}",
                )(x, groups=groups)
                index += 1
            if stage.features == 24:
                low = x
        return low, x

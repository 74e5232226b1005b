"""MobileNetV2 as a backbone: torchvision's layers and names, without its last 1x1 and classifier.

The batch statistics and parameters of torchvision's `features.3.conv.1.0` lie at
`features_3/conv_1_0`, and so on: a path here, with dots for "/" and "_", is a name there.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.layers import Conv, Depthwise
from s4al_jax.ops.formulations import Formulations
from s4al_jax.ops.padding import Padding
from s4al_jax.types import InputError


class Stage(NamedTuple):
    """A row of the paper's table 2: `blocks` alike, only the first of them strides."""

    expansion: int
    features: int
    blocks: int
    stride: int
    dilation: int


def plan(output_stride: int) -> tuple[Stage, ...]:
    """The stages; below an output stride of 32, late strides become dilation.

    At 16 only the last block is dilated, which is how the S4AL paper's network has it.
    """
    tails = {
        32: ((2, 1), (1, 1), (2, 1), (1, 1)),
        16: ((2, 1), (1, 1), (1, 1), (1, 2)),
        8: ((1, 2), (1, 2), (1, 4), (1, 4)),
    }
    if output_stride not in tails:
        raise InputError(f"output_stride is {output_stride}; use 8, 16 or 32")
    head = (Stage(1, 16, 1, 1, 1), Stage(6, 24, 2, 2, 1), Stage(6, 32, 3, 2, 1))
    widths = ((64, 4), (96, 3), (160, 3), (320, 1))
    tail = zip(widths, tails[output_stride], strict=True)
    return head + tuple(Stage(6, *width, *reach) for width, reach in tail)


def rounded(features: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below `features`."""
    nearest = max(8, int(features + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * features else nearest


class InvertedResidual(nn.Module):
    """1x1 up, 3x3 depthwise, 1x1 down; added to its input where the shapes allow."""

    features: int
    expansion: int
    stride: int
    dilation: int
    padding: Padding
    norm_eps: float
    norm_momentum: float
    how: Formulations
    dtype: Any

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The block's output."""

        def normed(y: jax.Array, name: str) -> jax.Array:
            eps, momentum = self.norm_eps, self.norm_momentum
            return BatchNorm(eps, momentum, self.dtype, name=name)(y, groups=groups)

        def pointwise(features: int, name: str) -> Conv:
            return Conv(features, 1, 1, 1, self.padding, self.how, self.dtype, name=name)

        y, part = x, 0
        if self.expansion != 1:
            y = pointwise(x.shape[-1] * self.expansion, "conv_0_0")(y)
            y, part = jax.nn.relu6(normed(y, "conv_0_1")), 1
        reach = (self.stride, self.dilation, self.padding, self.how, self.dtype)
        y = Depthwise(*reach, name=f"conv_{part}_0")(y)
        y = jax.nn.relu6(normed(y, f"conv_{part}_1"))
        y = pointwise(self.features, f"conv_{part + 1}")(y)
        y = normed(y, f"conv_{part + 2}")
        return x + y if x.shape == y.shape and self.stride == 1 else y


class Stem(nn.Module):
    """The first 3x3 convolution, stride 2."""

    features: int
    padding: Padding
    norm_eps: float
    norm_momentum: float
    how: Formulations
    dtype: Any

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w 3"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The image at half size."""
        y = Conv(self.features, 3, 2, 1, self.padding, self.how, self.dtype, name="0")(x)
        eps, momentum = self.norm_eps, self.norm_momentum
        y = BatchNorm(eps, momentum, self.dtype, name="1")(y, groups=groups)
        return jax.nn.relu6(y)


class MobileNetV2(nn.Module):
    """Normalized images in; features at stride 4 (24 channels) and at the output stride (320)."""

    width: float = 1.0
    output_stride: int = 16
    padding: Padding = "symmetric"
    norm_eps: float = 1e-5
    norm_momentum: float = 0.9
    how: Formulations = Formulations()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w 3"], *, groups: Groups
    ) -> tuple[Float[jax.Array, "b h4 w4 low"], Float[jax.Array, "b h16 w16 high"]]:
        """(low-level features, high-level features)."""
        if self.width <= 0.0:
            raise InputError(f"the backbone's width is {self.width}: give a factor above 0")
        common: dict[str, Any] = {
            "padding": self.padding,
            "norm_eps": self.norm_eps,
            "norm_momentum": self.norm_momentum,
            "how": self.how,
            "dtype": self.dtype,
        }
        x = Stem(rounded(32 * self.width), name="features_0", **common)(x, groups=groups)
        low, index = x, 1
        for stage in plan(self.output_stride):
            for block in range(stage.blocks):
                x = InvertedResidual(
                    features=rounded(stage.features * self.width),
                    expansion=stage.expansion,
                    stride=stage.stride if block == 0 else 1,
                    dilation=stage.dilation,
                    name=f"features_{index}",
                    **common,
                )(x, groups=groups)
                index += 1
            if stage.features == 24:
                low = x
        return low, x

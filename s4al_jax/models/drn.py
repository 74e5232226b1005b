"""DRN-D-22: a dilated residual network, whose features stay at an eighth of the image.

Yu, Koltun, Funkhouser, "Dilated residual networks", CVPR 2017, as in the authors' code. Modules
have its names, with "_" for "." (`layer3_0/conv1/kernel` is `layer3.0.conv1.weight`).
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv
from s4al_jax.ops.transposed_bilinear import transposed_bilinear
from s4al_jax.types import InputError, Prediction


class Level(NamedTuple):
    """A part of the network: residual blocks, or a single convolution where there are none."""

    features: int
    blocks: int
    stride: int
    dilation: int
    kernel_size: int = 3


LEVELS = (
    Level(16, 0, 1, 1, kernel_size=7),
    Level(16, 0, 1, 1),
    Level(32, 0, 2, 1),
    Level(64, 2, 2, 1),
    Level(128, 2, 2, 1),
    Level(256, 2, 1, 2),
    Level(512, 2, 1, 4),
    Level(512, 0, 1, 2),
    Level(512, 0, 1, 1),
)
"""layer0 to layer8."""

FINE = 3
"""The level whose features, at stride 4, are the fine ones."""


class Layer(nn.Module):
    """A convolution, batch normalization, ReLU."""

    level: Level
    conv: ConvConfig

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The three in a row."""
        features, _, stride, dilation, size = self.level
        x = Conv(features, size, stride, dilation, conv=self.conv, name="0")(x)
        return jax.nn.relu(BatchNorm(self.conv, name="1")(x, groups=groups))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, both dilated, added to the input; that is projected to their size."""

    features: int
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

        conv, dilation = self.conv, self.dilation
        y = Conv(self.features, 3, self.stride, dilation, conv=conv, name="conv1")(x)
        y = jax.nn.relu(normalize(y, "bn1"))
        y = Conv(self.features, 3, dilation=dilation, conv=conv, name="conv2")(y)
        y = normalize(y, "bn2")
        if x.shape != y.shape:
            x = Conv(self.features, 1, self.stride, conv=conv, name="downsample_0")(x)
            x = normalize(x, "downsample_1")
        return jax.nn.relu(x + y)


class DRND22(nn.Module):
    """Normalized images in; features at stride 4 (64 channels) and at stride 8 (512)."""

    width: float = 1.0
    conv: ConvConfig = ConvConfig()

    @staticmethod
    def layer_depth(path: tuple[str, ...]) -> int:
        """layer0 is at depth 0; each convolution or residual block after it one deeper."""
        level, _, block = path[0].removeprefix("layer").partition("_")
        return sum(max(before.blocks, 1) for before in LEVELS[: int(level)]) + int(block or 0)

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> tuple[Float[jax.Array, "b h4 w4 low"], Float[jax.Array, "b h8 w8 high"]]:
        """(low-level features, high-level features)."""
        if self.width <= 0.0:
            raise InputError(f"the backbone's width is {self.width}: give a factor above 0")
        low = x
        for index, level in enumerate(LEVELS):
            level = level._replace(features=max(1, round(level.features * self.width)))
            if not level.blocks:
                x = Layer(level, self.conv, name=f"layer{index}")(x, groups=groups)
            for block in range(level.blocks):
                x = BasicBlock(
                    level.features,
                    stride=1 if block else level.stride,
                    dilation=level.dilation,
                    conv=self.conv,
                    name=f"layer{index}_{block}",
                )(x, groups=groups)
            if index == FINE:
                low = x
        return low, x


class DRNSeg(nn.Module):
    """A linear classifier of the coarsest features, upsampled by a fixed transposed convolution."""

    backbone: nn.Module
    num_classes: int
    factor: int = 8
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups, extras: tuple[str, ...] = ()
    ) -> Prediction:
        """Logits `factor` times as large as the features, cut to the images where they are larger.

        Args:
          x: normalized images.
          groups: see `BatchNorm`.
          extras: none are offered.

        Returns:
          The logits in float32, and the coarsest features.
        """
        del extras
        if self.factor < 2 or self.factor % 2:
            raise InputError(f"the head's factor is {self.factor}: give an even one, from 2")
        *_, features = self.backbone(x, groups=groups)
        classify = Conv(self.num_classes, bias=True, conv=self.conv, name="seg")
        logits = classify(features).astype(jnp.float32)
        logits = transposed_bilinear(logits, self.factor)[:, : x.shape[1], : x.shape[2]]
        return Prediction(logits, features, {})

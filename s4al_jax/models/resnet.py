"""ResNet-50 and -101 as backbones, without their classifier.

He et al., "Deep residual learning for image recognition", CVPR 2016, as torchvision has them: the
stride is in the 3x3 convolution of a block. Modules have torchvision's names, with "_" for ".", so
`weights.torchvision_name` finds all tensors in a file.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv, max_pool3x3
from s4al_jax.types import InputError

EXPANSION = 4
"""How many times more channels the last convolution of a block has."""


def strides_and_dilations(output_stride: int) -> tuple[tuple[int, int, int], ...]:
    """(stride, dilation of the first block, dilation of the others) of the four stages.

    A stride that is left out becomes a dilation, as by `replace_stride_with_dilation` of
    torchvision: the first block of a stage keeps the dilation of the stage before it.
    """
    tails = {
        32: ((2, 1, 1), (2, 1, 1)),
        16: ((2, 1, 1), (1, 1, 2)),
        8: ((1, 1, 2), (1, 2, 4)),
    }
    if output_stride not in tails:
        raise InputError(f"output_stride is {output_stride}; use 8, 16 or 32")
    return ((1, 1, 1), (2, 1, 1), *tails[output_stride])


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up; added to its input, which the first block of a stage projects."""

    features: int
    stride: int
    dilation: int
    project: bool
    conv: ConvConfig

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The block's output, of four times `features` channels."""

        def normalize(y: jax.Array, name: str) -> jax.Array:
            return BatchNorm(self.conv, name=name)(y, groups=groups)

        wide, conv = EXPANSION * self.features, self.conv
        y = Conv(self.features, conv=conv, name="conv1")(x)
        y = jax.nn.relu(normalize(y, "bn1"))
        y = Conv(self.features, 3, self.stride, self.dilation, conv=conv, name="conv2")(y)
        y = jax.nn.relu(normalize(y, "bn2"))
        y = normalize(Conv(wide, conv=conv, name="conv3")(y), "bn3")
        if self.project:
            x = Conv(wide, 1, self.stride, conv=conv, name="downsample_0")(x)
            x = normalize(x, "downsample_1")
        return jax.nn.relu(x + y)


class ResNet50(nn.Module):
    """Normalized images in; features of the four stages: at stride 4, 8 and up to the last one."""

    width: float = 1.0
    output_stride: int = 16
    blocks: Sequence[int] = (3, 4, 6, 3)
    conv: ConvConfig = ConvConfig()

    def layer_depth(self, path: tuple[str, ...]) -> int:
        """The first convolution's variables are at depth 0, those of a block one below the last."""
        stage, _, block = path[0].removeprefix("layer").partition("_")
        return 1 + sum(self.blocks[: int(stage) - 1]) + int(block) if block else 0

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> tuple[jax.Array, ...]:
        """The features of each stage, of 256, 512, 1024 and 2048 channels at width 1."""
        if self.width <= 0.0:
            raise InputError(f"the backbone's width is {self.width}: give a factor above 0")
        if len(self.blocks) != 4 or min(self.blocks) < 1:
            raise InputError(f"the backbone's blocks are {tuple(self.blocks)}: give 4 from 1 on")
        narrow = max(1, round(64 * self.width))
        x = Conv(narrow, 7, stride=2, conv=self.conv, name="conv1")(x)
        x = jax.nn.relu(BatchNorm(self.conv, name="bn1")(x, groups=groups))
        x = max_pool3x3(x, self.conv.padding)
        found = []
        for stage, (stride, first, dilation) in enumerate(
            strides_and_dilations(self.output_stride)
        ):
            for block in range(self.blocks[stage]):
                x = Bottleneck(
                    features=narrow * 2**stage,
                    stride=1 if block else stride,
                    dilation=dilation if block else first,
                    project=block == 0,
                    conv=self.conv,
                    name=f"layer{stage + 1}_{block}",
                )(x, groups=groups)
            found.append(x)
        return tuple(found)


class ResNet101(ResNet50):
    """As ResNet-50, with 23 blocks in the third stage."""

    blocks: Sequence[int] = (3, 4, 23, 3)

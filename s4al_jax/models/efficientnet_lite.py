"""EfficientNet-Lite0 as a backbone, without its last 1x1 convolution and its classifier.

Tan and Le, "EfficientNet", ICML 2019, in the variant for mobile devices: no squeeze-and-excitation
and ReLU6. Modules are named after the published file's: `_blocks.3._expand_conv` there is
`blocks_3/expand_conv` here.
"""

from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv, Depthwise
from s4al_jax.models.mobilenet_v2 import late_reaches, make_divisible
from s4al_jax.models.weights import LEAVES, TORCHVISION, Weights
from s4al_jax.types import InputError

DROP_RATE, BLOCKS = 0.2, 16
"""Block i of 16 loses its layers for a share of 0.2 * i / 16 of the images of a step."""


class Stage(NamedTuple):
    """So many equal blocks, of which only the first has a stride."""

    blocks: int
    kernel_size: int
    expansion: int
    features: int
    stride: int
    dilation: int


def stages(output_stride: int, last_stage: bool = True) -> tuple[Stage, ...]:
    """The stages, of which the late ones reach as far as those of MobileNetV2.

    Args:
      output_stride: 8, 16 or 32; how much smaller the last features are than the image.
      last_stage: whether the blocks of 192 and 320 channels are there.
    """
    reaches = late_reaches(output_stride)
    if output_stride == 32 and not last_stage:
        raise InputError("output_stride is 32 and last_stage False; what is left ends at stride 16")
    head = (Stage(1, 3, 1, 16, 1, 1), Stage(2, 3, 6, 24, 2, 1), Stage(2, 5, 6, 40, 2, 1))
    sizes = ((3, 3, 6, 80), (3, 5, 6, 112), (4, 5, 6, 192), (1, 3, 6, 320))
    tail = zip(sizes, reaches, strict=True)
    found = head + tuple(Stage(*size, *reach) for size, reach in tail)
    return found if last_stage else found[:5]


class Block(nn.Module):
    """1x1 up, depthwise, 1x1 down; added to its input where the shapes allow."""

    stage: Stage
    features: int
    stride: int
    drop_rate: float
    conv: ConvConfig

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h2 w2 c2"]:
        """The block's output."""

        def normalize(y: jax.Array, name: str) -> jax.Array:
            return BatchNorm(self.conv, name=name)(y, groups=groups)

        y = x
        if self.stage.expansion != 1:
            wide = x.shape[-1] * self.stage.expansion
            y = Conv(wide, conv=self.conv, name="expand_conv")(y)
            y = jax.nn.relu6(normalize(y, "bn0"))
        y = Depthwise(
            self.stride,
            self.stage.dilation,
            self.stage.kernel_size,
            self.conv,
            name="depthwise_conv",
        )(y)
        y = jax.nn.relu6(normalize(y, "bn1"))
        y = normalize(Conv(self.features, conv=self.conv, name="project_conv")(y), "bn2")
        if x.shape != y.shape or self.stride != 1:
            return y
        if groups is not None and self.drop_rate and self.has_rng("dropout"):
            y = drop_images(self.make_rng("dropout"), y, self.drop_rate)
        return x + y


def drop_images(
    key: jax.Array, x: Float[jax.Array, "b h w c"], rate: float
) -> Float[jax.Array, "b h w c"]:
    """All zeros for a share of the images; the others are scaled, so that the mean is the same."""
    kept = jax.random.bernoulli(key, 1 - rate, (x.shape[0], 1, 1, 1))
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


class EfficientNetLite0(nn.Module):
    """Normalized images in; features at stride 4 (24 channels), 8 (40), 16 (112), the last (320).

    In training, blocks lose their layers for some images if a key "dropout" is given (stochastic
    depth).
    """

    width: float = 1.0
    """factor on the channels of all layers; published weights are for 1"""
    output_stride: int = 16
    """8, 16 or 32: whatever would be coarser is as fine as that"""
    last_stage: bool = True
    """False leaves out the blocks of 192 and 320 channels, which have three quarters of the
    parameters: the last features are the 112 at stride 16 then"""
    conv: ConvConfig = ConvConfig()
    conventions: ClassVar[Weights] = TORCHVISION._replace(
        padding="same", norm_eps=1e-3, mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    )
    """of the published weights: (255 x - 127) / 128, and TensorFlow's padding"""

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> tuple[Float[jax.Array, "b h2 w2 c"], ...]:
        """Features, the finest first."""
        if self.width <= 0.0:
            raise InputError(f"the backbone's width is {self.width}: give a factor above 0")
        first = make_divisible(32 * self.width)
        x = Conv(first, 3, stride=2, conv=self.conv, name="conv_stem")(x)
        x = jax.nn.relu6(BatchNorm(self.conv, name="bn0")(x, groups=groups))
        found: list[jax.Array] = []
        index = 0
        for stage in stages(self.output_stride, self.last_stage):
            for block in range(stage.blocks):
                x = Block(
                    stage,
                    make_divisible(stage.features * self.width),
                    stage.stride if block == 0 else 1,
                    DROP_RATE * index / BLOCKS,
                    self.conv,
                    name=f"blocks_{index}",
                )(x, groups=groups)
                index += 1
            if stage.features in (24, 40, 112, 320):
                found.append(x)
        return tuple(found)

    def weight_name(self, path: tuple[str, ...]) -> str:
        """`("blocks_3", "bn0", "scale")` is `_blocks.3._bn0.weight`."""
        *modules, variable = path
        parts = ["_" + module.replace("blocks_", "blocks.") for module in modules]
        return ".".join([*parts, LEAVES.get(variable, variable)])

"""The head of a dense prediction transformer (DPT): four maps, refined from coarse to fine.

Ranftl, Bochkovskiy, Koltun, "Vision transformers for dense prediction", ICCV 2021, as UniMatch V2
has it over DINOv2 (Yang et al., TPAMI 2025). A transformer's maps all have one size; they are
brought to four sizes first. Maps of a convolutional backbone have different sizes already and stay
as they are, as in the paper's hybrid. The authors' `refinenet4.resConfUnit1`, which is never used,
is left out.
"""

from collections.abc import Sequence
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import Groups
from s4al_jax.models.classifier import classify
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.init import StandardInit, kaiming_normal
from s4al_jax.models.layers import Conv
from s4al_jax.ops.convolve import pointwise
from s4al_jax.ops.remat import save_for_backward
from s4al_jax.ops.resize import bilinear_align_corners
from s4al_jax.types import InputError, Prediction

MAPS = 4


class Upscale(StandardInit):
    """A transposed convolution whose kernel is as large as its stride.

    As in PyTorch's files, the output channels of the kernel come before those of the input there,
    and the other way round in the file.
    """

    features: int
    factor: int
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h2 w2 c2"]:
        """Every pixel as a square of `factor` pixels on a side."""
        batch, height, width, channels = x.shape
        side, conv = self.factor, self.conv
        shape = (side, side, self.features, channels)
        kernel = jnp.asarray(self.param("kernel", kaiming_normal, shape, jnp.float32), conv.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        y = pointwise(x.astype(conv.dtype), kernel.reshape(-1, channels).T, conv.matmul_dtype)
        y = save_for_backward(y).reshape(batch, height, width, side, side, self.features)
        y = y.swapaxes(2, 3).reshape(batch, height * side, width * side, self.features)
        return y + jnp.asarray(bias, conv.dtype)[None, None, None]


class ResidualUnit(nn.Module):
    """Twice ReLU and a 3x3 convolution, added to the input."""

    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h w c"]:
        """The unit's output."""
        y = x
        for part in (1, 2):
            y = Conv(x.shape[-1], 3, bias=True, conv=self.conv, name=f"conv{part}")(jax.nn.relu(y))
        return x + y


class Refine(nn.Module):
    """Adds a level to what comes from the coarser ones, and brings the sum to a size."""

    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(
        self,
        x: Float[jax.Array, "b h w c"],
        level: Float[jax.Array, "b h w c"] | None,
        size: tuple[int, int],
    ) -> Float[jax.Array, "b h2 w2 c"]:
        """The refined features; at the coarsest level there is nothing to add."""
        if level is not None:
            x = x + ResidualUnit(self.conv, name="unit1")(level)
        x = ResidualUnit(self.conv, name="unit2")(x)
        # The authors resize first: the same numbers, from four times as many products.
        x = Conv(x.shape[-1], bias=True, conv=self.conv, name="out")(x)
        return bilinear_align_corners(x, size, formulation=self.conv.formulations.resize)


class DPT(nn.Module):
    """Four maps of a backbone, refined to twice the size of the finest, and a classifier.

    ViT-B takes twice as many `features` and `channels`.
    """

    backbone: nn.Module
    num_classes: int
    features: int = 64
    channels: Sequence[int] = (48, 96, 192, 384)
    dropout: float = 0.0
    conv: ConvConfig = ConvConfig()
    offers: ClassVar[tuple[str, ...]] = ("embedding",)

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups, extras: tuple[str, ...] = ()
    ) -> Prediction:
        """Logits of eight times the size of a transformer's map; what calls this resizes them.

        Args:
          x: normalized images.
          groups: goes on to the backbone.
          extras: "embedding" is what the classifier is applied to, `[b, h2, w2, features]`.

        Returns:
          The logits in float32, the backbone's last map as `features`, and the extras.
        """
        self._check()
        maps = self.backbone(x, groups=groups)
        if len(maps) != MAPS:
            raise InputError(
                f"the head dpt needs {MAPS} maps of features, and the backbone "
                f"{type(self.backbone).__name__} gives {len(maps)}: choose another head, or a "
                "backbone such as dinov2_vits14 or resnet50"
            )
        levels = self._levels(maps)
        finest = levels[0].shape[1:3]
        sizes = [(level.shape[1], level.shape[2]) for level in levels]
        last = [min(2 * side, limit) for side, limit in zip(finest, x.shape[1:3], strict=True)]
        y, *finer = reversed(levels)
        y = Refine(self.conv, name="refine4")(y, None, sizes[2])
        for number, level in zip((3, 2, 1), finer, strict=True):
            size = sizes[number - 2] if number > 1 else (last[0], last[1])
            y = Refine(self.conv, name=f"refine{number}")(y, level, size)
        y = jax.nn.relu(Conv(self.features, 3, bias=True, conv=self.conv, name="output")(y))
        dropped = nn.Dropout(self.dropout, deterministic=not self.has_rng("dropout"))(y)
        return classify(dropped, maps[-1], extras, num_classes=self.num_classes, conv=self.conv)

    def _levels(self, maps: Sequence[jax.Array]) -> list[jax.Array]:
        """The maps at four sizes, the finest first, of `features` channels each."""
        one_size = len({level.shape[1:3] for level in maps}) == 1
        levels = []
        for index, (level, channels) in enumerate(zip(maps, self.channels, strict=True)):
            conv = self.conv
            level = Conv(channels, bias=True, conv=conv, name=f"projects_{index}")(level)
            if one_size and index < 2:
                factor = (4, 2)[index]
                level = Upscale(channels, factor, conv, name=f"resize_{index}")(level)
            if one_size and index == 3:
                down = Conv(channels, 3, 2, bias=True, conv=conv, name=f"resize_{index}")
                level = down(level)
            levels.append(Conv(self.features, 3, conv=conv, name=f"scratch_{index}")(level))
        return levels

    def _check(self) -> None:
        if len(self.channels) != MAPS or min(self.channels) < 1:
            raise InputError(
                f"the head's channels are {tuple(self.channels)}: give {MAPS} numbers, from 1"
            )
        if self.features < 1 or not 0.0 <= self.dropout < 1.0:
            raise InputError(
                f"the head's features are {self.features} and its dropout {self.dropout}: give 1 "
                "feature or more and a dropout from 0 to below 1"
            )

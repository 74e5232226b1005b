"""U-Net: its encoder as a backbone, and its decoder as a head, which goes over any backbone.

Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation",
MICCAI 2015. Convolutions keep the size of images, as in most implementations since; the decoder
upsamples bilinearly to the size of the map that it goes on with, so that images may have any size.
Use "group" as `norm` of both where batches are small.
"""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import Groups
from s4al_jax.models.classifier import classify
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.group_norm import normalize
from s4al_jax.models.layers import Conv
from s4al_jax.ops.resize import bilinear_align_corners
from s4al_jax.types import InputError, Prediction


class DoubleConv(nn.Module):
    """Twice a 3x3 convolution, normalization, ReLU."""

    features: int
    norm: str
    conv: ConvConfig

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h w c2"]:
        """The images with `features` channels."""
        for part in (1, 2):
            x = Conv(self.features, 3, conv=self.conv, name=f"conv{part}")(x)
            x = normalize(self.norm, x, groups=groups, conv=self.conv, name=f"norm{part}")
            x = jax.nn.relu(x)
        return x


class UNetEncoder(nn.Module):
    """Normalized images in; features at stride 1, 2, 4 and so on, twice as many at each."""

    channels: int = 64
    depth: int = 4
    norm: str = "batch"
    conv: ConvConfig = ConvConfig()

    @staticmethod
    def layer_depth(path: tuple[str, ...]) -> int:
        """The depth of a level is its number."""
        return int(path[0].removeprefix("level"))

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups
    ) -> tuple[jax.Array, ...]:
        """`depth` + 1 maps of features; that at stride 1 has `channels`."""
        if min(self.channels, self.depth) < 1:
            raise InputError(
                f"the backbone's channels are {self.channels} and its depth {self.depth}: "
                "give 1 or more"
            )
        if min(x.shape[1:3]) < 2**self.depth:
            raise InputError(
                f"the backbone's depth is {self.depth}, and images of {x.shape[1]}x{x.shape[2]} "
                "cannot be halved so often: choose less"
            )
        found = []
        for level in range(self.depth + 1):
            if level:
                x = nn.max_pool(x, (2, 2), (2, 2))
            block = DoubleConv(self.channels * 2**level, self.norm, self.conv, name=f"level{level}")
            x = block(x, groups=groups)
            found.append(x)
        return tuple(found)


class UNet(nn.Module):
    """From the coarsest features up to the finest, each time with those of the backbone beside."""

    backbone: nn.Module
    num_classes: int
    channels: int = 64
    norm: str = "batch"
    conv: ConvConfig = ConvConfig()
    offers: ClassVar[tuple[str, ...]] = ("embedding",)

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups, extras: tuple[str, ...] = ()
    ) -> Prediction:
        """Logits of the size of the finest features.

        Args:
          x: normalized images.
          groups: see `BatchNorm`.
          extras: "embedding" is what the classifier is applied to, `[b, h, w, channels]`.

        Returns:
          The logits in float32, the backbone's coarsest map as `features`, and the extras.
        """
        if self.channels < 1:
            raise InputError(f"the head's channels are {self.channels}: give 1 or more")
        *skips, coarse = self.backbone(x, groups=groups)
        y = coarse
        for level, skip in reversed(list(enumerate(skips))):
            size = (skip.shape[1], skip.shape[2])
            if y.shape[1:3] != size:
                y = bilinear_align_corners(y, size, formulation=self.conv.formulations.resize)
            both = jnp.concatenate([skip, y], axis=-1)
            block = DoubleConv(self.channels * 2**level, self.norm, self.conv, name=f"up{level}")
            y = block(both, groups=groups)
        return classify(y, coarse, extras, num_classes=self.num_classes, conv=self.conv)

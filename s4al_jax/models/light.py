"""A light decoder: for CPUs, and wherever the head should not cost more than the backbone.

Nine tenths of the arithmetic of DeepLabv3+ over MobileNetV2 is in the head: dense 3x3 convolutions
of 304 channels at stride 4, and of the pyramid at stride 16. Here, as in LR-ASPP (Howard et al.,
"Searching for MobileNetV3", ICCV 2019), context comes from a gate that sees the whole image, both
maps are brought to a few channels by 1x1 convolutions, and the only 3x3 convolution is depthwise.
"""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.classifier import classify
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.layers import Conv, ConvNormReLU, Depthwise
from s4al_jax.ops.resize import bilinear_align_corners
from s4al_jax.types import InputError, Prediction


class Light(nn.Module):
    """The coarsest features, gated by their mean, added to the finest; a depthwise 3x3."""

    backbone: nn.Module
    num_classes: int
    channels: int = 64
    embedding_dropout: float = 0.0
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
          extras: "embedding" is what the classifier is applied to, `[b, h4, w4, channels]`.

        Returns:
          The logits in float32, the sum of both maps as `features`, and the extras.
        """
        if self.channels < 1 or not 0.0 <= self.embedding_dropout < 1.0:
            raise InputError(
                f"the head's channels are {self.channels} and its embedding_dropout "
                f"{self.embedding_dropout}: give 1 channel or more and a dropout from 0 to below 1"
            )
        fine, *_, coarse = self.backbone(x, groups=groups)
        context = ConvNormReLU(self.channels, conv=self.conv, name="context")(coarse, groups=groups)
        mean = jnp.mean(coarse, axis=(1, 2), keepdims=True)
        gate = Conv(self.channels, bias=True, conv=self.conv, name="gate")(mean)
        context = context * jax.nn.sigmoid(gate)
        low = Conv(self.channels, conv=self.conv, name="low_conv")(fine)
        low = BatchNorm(self.conv, name="low_norm")(low, groups=groups)
        size = (low.shape[1], low.shape[2])
        features = low + bilinear_align_corners(
            context, size, formulation=self.conv.formulations.resize
        )
        y = Depthwise(conv=self.conv, name="spatial_conv")(jax.nn.relu(features))
        y = jax.nn.relu(BatchNorm(self.conv, name="spatial_norm")(y, groups=groups))
        y = nn.Dropout(self.embedding_dropout, deterministic=not self.has_rng("dropout"))(y)
        return classify(y, features, extras, num_classes=self.num_classes, conv=self.conv)

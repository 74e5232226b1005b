"""The heads of DeepLabv3 and DeepLabv3+: context at several ranges; "+" adds a decoder.

Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017, and
"Encoder-decoder with atrous separable convolution", ECCV 2018.
"""

from collections.abc import Sequence
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.atrous_rates import scaled_rates
from s4al_jax.models.batch_norm import Groups
from s4al_jax.models.classifier import classify
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.decoder import Decoder
from s4al_jax.models.layers import ConvNormReLU
from s4al_jax.ops.resize import bilinear_align_corners
from s4al_jax.types import InputError, Prediction


class DeepLabV3(nn.Module):
    """Atrous spatial pyramid pooling on a backbone's coarsest features, and a linear classifier."""

    backbone: nn.Module
    num_classes: int
    aspp_channels: int = 256
    rates: Sequence[int] = (6, 12, 18)
    scale_rates: bool = False
    dropout: float = 0.5
    map_size: tuple[int, int] | None = None
    conv: ConvConfig = ConvConfig()
    offers: ClassVar[tuple[str, ...]] = ("embedding",)

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups, extras: tuple[str, ...] = ()
    ) -> Prediction:
        """Logits of the size of the coarsest features.

        Args:
          x: normalized images.
          groups: see `BatchNorm`.
          extras: "embedding" is what the classifier is applied to, `[b, h16, w16, aspp_channels]`.

        Returns:
          The logits in float32, the same context as `features`, and the extras.
        """
        if self.aspp_channels < 1:
            raise InputError(f"the head's aspp_channels are {self.aspp_channels}: give 1 or more")
        *_, coarse = self.backbone(x, groups=groups)
        context = self._pyramid(coarse, groups=groups)
        return classify(context, context, extras, num_classes=self.num_classes, conv=self.conv)

    def _pyramid(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h w c2"]:
        """Atrous spatial pyramid pooling: each pixel, three rings around it, the whole image."""
        if min(self.rates, default=0) < 1 or not 0.0 <= self.dropout < 1.0:
            raise InputError(
                f"the head's rates are {tuple(self.rates)} and its dropout {self.dropout}: give "
                "rates from 1 and a dropout from 0 to below 1"
            )
        wide, rates = self.aspp_channels, tuple(self.rates)
        if self.scale_rates:
            rates = scaled_rates(rates, self.map_size or (x.shape[1], x.shape[2]))
        branches = [self._layer("aspp_point", wide)(x, groups=groups)]
        branches += [self._layer(f"aspp_{r}", wide, 3, r)(x, groups=groups) for r in rates]
        mean = jnp.mean(x, axis=(1, 2), keepdims=True)
        mean = self._layer("aspp_image", wide)(mean, groups=groups)
        branches.append(jnp.broadcast_to(mean, (*x.shape[:3], wide)))
        y = self._layer("project", wide)(jnp.concatenate(branches, axis=-1), groups=groups)
        # Not `groups is None`: units may be dropped with running statistics, too.
        return nn.Dropout(self.dropout, deterministic=not self.has_rng("dropout"))(y)

    def _layer(
        self, name: str, features: int, kernel_size: int = 1, dilation: int = 1
    ) -> ConvNormReLU:
        return ConvNormReLU(features, kernel_size, dilation, self.conv, name=name)


class DeepLabV3Plus(DeepLabV3):
    """Atrous spatial pyramid pooling on a backbone's coarsest features, decoded with its finest."""

    low_level_channels: int = 48

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w bands"], *, groups: Groups, extras: tuple[str, ...] = ()
    ) -> Prediction:
        """Logits of the size of the finest features.

        Args:
          x: normalized images.
          groups: see `BatchNorm`.
          extras: "embedding" is what the classifier is applied to, `[b, h4, w4, aspp_channels]`.

        Returns:
          The logits in float32, what goes into the decoder as `features`, and the extras.
        """
        if min(self.aspp_channels, self.low_level_channels) < 1:
            raise InputError(
                f"the head's aspp_channels are {self.aspp_channels} and its low_level_channels "
                f"{self.low_level_channels}: give 1 or more"
            )
        fine, *_, coarse = self.backbone(x, groups=groups)
        context = self._pyramid(coarse, groups=groups)
        low = self._layer("low", self.low_level_channels)(fine, groups=groups)
        upsampled = bilinear_align_corners(
            context, (low.shape[1], low.shape[2]), formulation=self.conv.formulations.resize
        )
        features = jnp.concatenate([upsampled, low], axis=-1)
        decoder = Decoder(self.aspp_channels, self.conv, name="decode")
        embedding = decoder(context, low, features, groups=groups)
        return classify(embedding, features, extras, num_classes=self.num_classes, conv=self.conv)

"""The decoder of DeepLabv3+: a 3x3 convolution of an upsampled map and a fine one, side by side."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.init import StandardInit, kaiming_normal
from s4al_jax.ops.convolve import convolve
from s4al_jax.ops.remat import save_for_backward
from s4al_jax.ops.upsample_conv import upsample_conv3x3


class Decoder(nn.Module):
    """A 3x3 convolution, batch normalization, ReLU."""

    features: int
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(
        self,
        coarse: Float[jax.Array, "b h w c"],
        fine: Float[jax.Array, "b h2 w2 c2"],
        both: Float[jax.Array, "b h2 w2 c3"],
        *,
        groups: Groups,
    ) -> Float[jax.Array, "b h2 w2 f"]:
        """Of `both`: the channels of `coarse`, upsampled with aligned corners, then of `fine`."""
        x = PairConv(self.features, self.conv, name="conv")(coarse, fine, both)
        return jax.nn.relu(BatchNorm(self.conv, name="norm")(x, groups=groups))


class PairConv(StandardInit):
    """The convolution of a `Decoder`, with zeros outside of the image and without bias."""

    features: int
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(
        self,
        coarse: Float[jax.Array, "b h w c"],
        fine: Float[jax.Array, "b h2 w2 c2"],
        both: Float[jax.Array, "b h2 w2 c3"],
    ) -> Float[jax.Array, "b h2 w2 f"]:
        """The convolution of `both`; "coarse_first" computes it from `coarse` and `fine`."""
        conv = self.conv
        shape = (3, 3, both.shape[-1], self.features)
        kernel = jnp.asarray(self.param("kernel", kaiming_normal, shape, jnp.float32), conv.dtype)
        if conv.formulations.upsample_conv == "direct":
            return save_for_backward(self._conv3x3(both, kernel))
        # A convolution is a sum over its input channels, so each part can take a path of its own.
        for_coarse, for_fine = jnp.split(kernel, [coarse.shape[-1]], axis=2)
        upsampled = upsample_conv3x3(
            coarse.astype(conv.dtype), for_coarse, fine.shape[1:3], conv.matmul_dtype
        )
        return save_for_backward(upsampled + self._conv3x3(fine, for_fine))

    def _conv3x3(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(
            x.astype(self.conv.dtype),
            kernel,
            pads=((1, 1), (1, 1)),
            formulation=self.conv.formulations.convolution,
            matmul_dtype=self.conv.matmul_dtype,
        )

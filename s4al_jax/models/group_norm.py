"""Normalization of an image by itself, in groups of channels: for batches of one or two images.

Wu, He, "Group normalization", ECCV 2018. It has no running statistics, so training and inference
compute the same.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.init import StandardInit
from s4al_jax.types import InputError

MOST_GROUPS = 8
"""The most groups; fewer where that does not divide the channels."""


class GroupNorm(StandardInit):
    """Group normalization with moments in float32."""

    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h w c"]:
        """Each image with mean 0 and variance 1 in each group, then scaled and shifted."""
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (channels,), jnp.float32)
        count = next(n for n in range(MOST_GROUPS, 0, -1) if channels % n == 0)
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        wide = wide.reshape(*x.shape[:3], count, channels // count)
        mean = wide.mean((1, 2, 4), keepdims=True)
        centered = wide - mean
        var = jnp.square(centered).mean((1, 2, 4), keepdims=True)
        y = (centered * jax.lax.rsqrt(var + self.conv.norm_eps)).reshape(x.shape)
        return (y * scale[None, None, None] + bias[None, None, None]).astype(self.conv.dtype)


def normalize(
    kind: str, x: Float[jax.Array, "b h w c"], *, groups: Groups, conv: ConvConfig, name: str
) -> Float[jax.Array, "b h w c"]:
    """The images, normalized by a new layer of the module that calls this.

    Args:
      kind: "batch" or "group".
      x: the images.
      groups: see `BatchNorm`.
      conv: how layers compute.
      name: of the layer.
    """
    if kind == "batch":
        return BatchNorm(conv, name=name)(x, groups=groups)
    if kind != "group":
        raise InputError(f"the network's norm is {kind!r}: give batch or group")
    return GroupNorm(conv, name=name)(x)

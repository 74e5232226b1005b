"""Batch normalization of several batches that go through the network in one pass.

Each batch is normalized by its own statistics, as in a pass of its own, and updates the running
statistics in turn. One pass over twelve images is compiled once and runs faster than three passes
over four images each.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.init import StandardInit
from s4al_jax.ops.remat import save_for_backward

Groups = tuple[int, ...] | None
"""How many images each batch has, in order; None: the running statistics normalize all images."""


class BatchNorm(StandardInit):
    """Batch normalization with statistics in float32.

    The running variance is the mean squared deviation; PyTorch's is n/(n-1) of that. The two
    hardly differ except after image pooling, where n is the batch size. A batch of one pixel has
    variance 0 and comes out as the bias; PyTorch raises an error there.

    With `conv.frozen_statistics` a training pass uses the running statistics and keeps them, as
    where batches are too small to say much; scale and bias are learned all the same.
    """

    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h w c"]:
        """The images with mean 0 and variance 1 in each channel, then scaled and shifted."""
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        if groups is None or self.conv.frozen_statistics:
            mean, var = running_mean.value[None], running_var.value[None]
        else:
            mean, var = group_moments(x, groups)
            if not self.is_initializing():
                running_mean.value = running_average(
                    running_mean.value, mean, self.conv.norm_momentum
                )
                running_var.value = running_average(running_var.value, var, self.conv.norm_momentum)
            mean, var = per_image(mean, groups), per_image(var, groups)
        factor = jax.lax.rsqrt(var + self.conv.norm_eps) * scale[None]
        shift = bias[None] - mean * factor
        y = x * factor[:, None, None, :] + shift[:, None, None, :]
        return y.astype(self.conv.dtype)


def group_moments(
    x: Float[jax.Array, "b h w c"], groups: tuple[int, ...]
) -> tuple[Float[jax.Array, "g c"], Float[jax.Array, "g c"]]:
    """Mean and variance of each channel in each group of images."""
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    weights = jnp.asarray(_membership(groups) / np.array(groups, np.float32)[:, None])
    mean = _weighted_sum(weights, x.mean((1, 2)))
    # All images have as many pixels, so the mean over a group is the mean of its images' means.
    square = _weighted_sum(weights, jnp.square(x).mean((1, 2)))
    return save_for_backward(mean), save_for_backward(jnp.maximum(square - jnp.square(mean), 0.0))


def per_image(values: Float[jax.Array, "g c"], groups: tuple[int, ...]) -> Float[jax.Array, "b c"]:
    """The value of its group for each image."""
    return _weighted_sum(jnp.asarray(_membership(groups).T), values)


def running_average(
    old: Float[jax.Array, " c"], new: Float[jax.Array, "g c"], momentum: float
) -> Float[jax.Array, " c"]:
    """The running statistic after the value of each group in turn has updated it."""
    for value in new:
        old = momentum * old + (1 - momentum) * value
    return old


def _membership(groups: tuple[int, ...]) -> np.ndarray:
    """float32 `[groups, images]`: 1 where an image belongs to a group."""
    return np.repeat(np.eye(len(groups), dtype=np.float32), groups, axis=1)


def _weighted_sum(weights: jax.Array, values: jax.Array) -> jax.Array:
    # Without `highest`, GPUs and TPUs round the factors to a few bits.
    return jnp.matmul(weights, values, precision="highest")

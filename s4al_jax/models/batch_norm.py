"""Batch normalization for images that come in several batches and go through in one pass.

Each batch is normalized by its own statistics, as if it had come alone, and the running ones are
updated batch after batch. One pass over twelve images is compiled once and runs faster than three
passes over four.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from s4al_jax.ops.remat import save_for_backward

Groups = tuple[int, ...] | None
"""How many images each batch has, in order; None: normalize by the running statistics."""


class BatchNorm(nn.Module):
    """Batch normalization with statistics in float32.

    The running variance is the mean squared deviation; PyTorch's is n/(n-1) of that. The two
    differ by a hair except after image pooling, where n is the batch size. A batch of one pixel
    has variance 0 and comes out as the bias, where PyTorch refuses.
    """

    eps: float = 1e-5
    momentum: float = 0.9
    dtype: Any = jnp.float32

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
        if groups is None:
            mean, var = running_mean.value[None], running_var.value[None]
        else:
            mean, var = group_moments(x, groups)
            if not self.is_initializing():
                running_mean.value = running(running_mean.value, mean, self.momentum)
                running_var.value = running(running_var.value, var, self.momentum)
            mean, var = of_each_image(mean, groups), of_each_image(var, groups)
        factor = jax.lax.rsqrt(var + self.eps) * scale[None]
        shift = bias[None] - mean * factor
        y = x * factor[:, None, None, :] + shift[:, None, None, :]
        return y.astype(self.dtype)


def group_moments(
    x: Float[jax.Array, "b h w c"], groups: tuple[int, ...]
) -> tuple[Float[jax.Array, "g c"], Float[jax.Array, "g c"]]:
    """Mean and variance of each channel in each group of images."""
    x = x.astype(jnp.float32)
    weights = jnp.asarray(_membership(groups) / np.array(groups, np.float32)[:, None])
    mean = _weighted(weights, x.mean((1, 2)))
    # Groups have whole images of one size, so a mean over images of means over pixels will do.
    square = _weighted(weights, jnp.square(x).mean((1, 2)))
    return save_for_backward(mean), save_for_backward(jnp.maximum(square - jnp.square(mean), 0.0))


def of_each_image(
    values: Float[jax.Array, "g c"], groups: tuple[int, ...]
) -> Float[jax.Array, "b c"]:
    """What holds for a group, for each image of it."""
    return _weighted(jnp.asarray(_membership(groups).T), values)


def running(
    old: Float[jax.Array, " c"], new: Float[jax.Array, "g c"], momentum: float
) -> Float[jax.Array, " c"]:
    """The running statistic after each group in turn has moved it."""
    for value in new:
        old = momentum * old + (1 - momentum) * value
    return old


def _membership(groups: tuple[int, ...]) -> np.ndarray:
    """1 where image (column) belongs to group (row)."""
    return np.repeat(np.eye(len(groups), dtype=np.float32), groups, axis=1)


def _weighted(weights: jax.Array, values: jax.Array) -> jax.Array:
    # Without `highest`, GPUs and TPUs round the factors to a few bits.
    return jnp.matmul(weights, values, precision="highest")

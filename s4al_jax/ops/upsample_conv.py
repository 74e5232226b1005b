"""A 3x3 convolution of an image that is upsampled first.

In the decoder of DeepLabv3+ this is half of the network's arithmetic, most of it on interpolated
pixels. Upsampling and convolving are both linear, so the small image can be convolved first: each
of the nine taps is a 1x1 convolution of it, which is then upsampled, shifted by its tap and added.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from s4al_jax.ops.convolve import pointwise
from s4al_jax.ops.resize import interpolation_matrix

Formulation = Literal["direct", "coarse_first"]


def preferred_formulation(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu"), as far as it was measured."""
    return "coarse_first" if platform == "cpu" else "direct"


def upsample_conv3x3(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "3 3 c f"],
    size: tuple[int, ...],
    matmul_dtype: Any = None,
) -> Float[jax.Array, "b h2 w2 f"]:
    """A 3x3 convolution (zeros outside) of `x` upsampled to `size`, computed where `x` is small.

    Args:
      x: the small image.
      kernel: height, width, input channels, output channels.
      size: height and width to upsample to, bilinearly with aligned corners.
      matmul_dtype: the type that factors of the 1x1 convolutions are rounded to; None: not at all.
    """
    batch, height, width, channels = x.shape
    down, across = (
        _shifted_interpolation(old, new) for old, new in zip((height, width), size, strict=True)
    )
    # What is summed over lies side by side already, so that XLA need not transpose: columns and
    # taps here, rows and taps below.
    across = across.transpose(1, 2, 0).reshape(size[1], -1)
    down = down.transpose(1, 0, 2).reshape(size[0], -1)
    by_row = []
    for row in kernel:
        weights = row.transpose(1, 0, 2).reshape(channels, -1)
        taps = pointwise(x, weights, matmul_dtype).reshape(batch * height, 3 * width, -1)
        by_row.append(_interpolate(across, taps).reshape(batch, height, -1))
    return _interpolate(down, jnp.concatenate(by_row, axis=1)).reshape(batch, *size, -1)


def _interpolate(matrix: np.ndarray, x: Float[jax.Array, "b k n"]) -> Float[jax.Array, "b m n"]:
    """The product of `matrix` with each element of the batch."""
    # A copy of the matrix for each: with a single one XLA merges the batch into one large matrix,
    # which it has to transpose first.
    each = jnp.broadcast_to(jnp.asarray(matrix, x.dtype), (len(x), *matrix.shape))
    # Without `highest`, GPUs and TPUs round the factors to a few bits.
    return jnp.einsum("bmk,bkn->bmn", each, x, precision="highest")


def _shifted_interpolation(old: int, new: int) -> np.ndarray:
    """float32 `[3, new, old]`: an axis upsampled, read one pixel before, at, and after each."""
    matrix = np.pad(interpolation_matrix(old, new), ((1, 1), (0, 0)))
    return np.stack([matrix[tap : tap + new] for tap in range(3)])

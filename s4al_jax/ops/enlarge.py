"""A 3x3 convolution of a picture that is enlarged first.

In the decoder it is half of the network's arithmetic, and most of that on pixels that were
interpolated. Enlarging and convolving are both linear, so the coarse picture can be convolved
first: each of the nine taps is a 1x1 convolution of it, which is then enlarged, shifted by its tap
and added.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from s4al_jax.ops.convolve import pointwise
from s4al_jax.ops.resize import interpolation

Formulation = Literal["direct", "coarse_first"]


def preferred(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu"), as far as it was measured."""
    return "coarse_first" if platform == "cpu" else "direct"


def conv3x3_of_enlarged(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "3 3 c f"],
    size: tuple[int, ...],
    factors: Any = None,
) -> Float[jax.Array, "b h2 w2 f"]:
    """A 3x3 convolution of `x` enlarged to `size`, computed where `x` is small."""
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
        taps = pointwise(x, weights, factors).reshape(batch * height, 3 * width, -1)
        by_row.append(_interpolated(across, taps).reshape(batch, height, -1))
    return _interpolated(down, jnp.concatenate(by_row, axis=1)).reshape(batch, *size, -1)


def _interpolated(matrix: np.ndarray, x: Float[jax.Array, "b k n"]) -> Float[jax.Array, "b m n"]:
    """The matrix, times each of `x`."""
    # One copy of it each: with a single one XLA makes a matrix of all `x`, and transposes that.
    each = jnp.broadcast_to(jnp.asarray(matrix, x.dtype), (len(x), *matrix.shape))
    # Without `highest`, GPUs and TPUs round the factors to a few bits.
    return jnp.einsum("bmk,bkn->bmn", each, x, precision="highest")


def _shifted_interpolation(old: int, new: int) -> np.ndarray:
    """float32 `[3, new, old]`: an axis enlarged and read one pixel before, at, and after each."""
    matrix = np.pad(interpolation(old, new), ((1, 1), (0, 0)))
    return np.stack([matrix[tap : tap + new] for tap in range(3)])

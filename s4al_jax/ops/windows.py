"""The windows of an image that lie under each tap of a kernel."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from s4al_jax.ops.padding import PadWidths


def zero_pad(x: Float[jax.Array, "b h w c"], pads: PadWidths) -> Float[jax.Array, "b h2 w2 c"]:
    """`x` with zeros before and after its rows, then its columns."""
    return jnp.pad(x, ((0, 0), *pads, (0, 0)))


def windows(
    x: Float[jax.Array, "b h w c"], kernel: tuple[int, ...], *, stride: int = 1, dilation: int = 1
) -> list[Float[jax.Array, "b h2 w2 c"]]:
    """For each tap of a kernel of so many rows and columns, what it reads for every output pixel.

    Taps come row by row. `x` is padded already.
    """
    batch, _, _, channels = x.shape
    spans = [
        (side - dilation * (reach - 1) - 1) // stride * stride + 1
        for side, reach in zip(x.shape[1:3], kernel, strict=True)
    ]
    return [
        lax.slice(
            x,
            (0, top, left, 0),
            (batch, top + spans[0], left + spans[1], channels),
            (1, stride, stride, 1),
        )
        for top in range(0, dilation * kernel[0], dilation)
        for left in range(0, dilation * kernel[1], dilation)
    ]

"""Bilinear upsampling as a fixed transposed convolution, as in FCN and in DRN.

The kernel is a tent of 2 * factor pixels, the stride `factor`, the padding half of that. Unlike
`resize.bilinear_align_corners`, a pixel becomes `factor` pixels around it, and what lies outside of
the image counts as 0: the border fades.
"""

import jax
import numpy as np
from jaxtyping import Float

from s4al_jax.ops.resize import resize_by_matrices


def transposed_bilinear(
    x: Float[jax.Array, "b h w c"], factor: int
) -> Float[jax.Array, "b h2 w2 c"]:
    """`x` at `factor` times its size; the factor is even."""
    # A tent in the plane is the product of two.
    return resize_by_matrices(x, *(tent_matrix(side, factor) for side in x.shape[1:3]))


def tent_matrix(side: int, factor: int) -> np.ndarray:
    """float32 `[factor * side, side]`: the weight of each source pixel in each target pixel."""
    # Where the center of a source pixel lies among the target pixels.
    centers = factor * np.arange(side) + (factor - 1) / 2
    distance = np.abs(np.arange(factor * side)[:, None] - centers)
    return np.maximum(0.0, 1 - distance / factor).astype(np.float32)

"""Bicubic resizing as PyTorch computes it from a factor, which a table of positions is resized by.

`jax.image.resize` uses another kernel (a = -0.5, not -0.75) and blurs what it shrinks.
"""

import jax
import numpy as np
from jaxtyping import Float

from s4al_jax.ops.resize import resize_by_matrices

SHARPNESS = -0.75
"""The parameter "a" of the kernel of Keys."""


def bicubic(
    x: Float[jax.Array, "h w c"], size: tuple[int, int], factors: tuple[float, float]
) -> Float[jax.Array, "h2 w2 c"]:
    """`x` at `size` (height, width).

    Args:
      x: the table.
      size: how many rows and columns there will be.
      factors: pixel i is read at (i + 0.5) / factor - 0.5. They need not be the exact ratio of the
        sizes, as in PyTorch with `scale_factor`.
    """
    matrices = (
        cubic_matrix(old, new, factor)
        for old, new, factor in zip(x.shape[:2], size, factors, strict=True)
    )
    return resize_by_matrices(x[None], *matrices)[0]


def cubic_matrix(source: int, target: int, factor: float) -> np.ndarray:
    """float64 `[target, source]`: the weight of each source pixel in each target pixel.

    What lies outside of the image counts as its border. Nothing is blurred where it shrinks.
    """
    position = (np.arange(target) + 0.5) / factor - 0.5
    matrix = np.zeros((target, source))
    for step in range(-1, 3):
        index = np.floor(position).astype(int) + step
        weight = _kernel(np.abs(position - index))
        np.add.at(matrix, (np.arange(target), np.clip(index, 0, source - 1)), weight)
    return matrix


def _kernel(distance: np.ndarray) -> np.ndarray:
    """The weight of a pixel by its distance, from 0 to 2."""
    a, d = SHARPNESS, distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, far)

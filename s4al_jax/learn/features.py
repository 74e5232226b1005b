"""Features of a frozen backbone as one array, which goes where an image would go.

A backbone gives maps of several sizes. Each cell of the coarsest map holds, in its channels, what
all maps know of the same part of the image, so that maps of one image are one array `[rows, cols,
channels]` of float16. An image of the pool has twice the channels: the second half is of the
mirrored image, because a convolution of a mirrored image is not the mirrored convolution.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, Float16, Shaped


class Layout(NamedTuple):
    """How maps lie in an array."""

    image: tuple[int, int]
    """height and width of the images"""
    maps: tuple[tuple[int, int, int], ...]
    """rows, columns and channels of each map, the finest first, the coarsest last"""

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self.maps[-1][:2]

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """For each map, how many of its rows and columns lie in a cell."""
        rows, cols = self.grid
        return tuple((-(-height // rows), -(-width // cols)) for height, width, _ in self.maps)

    @property
    def channels(self) -> int:
        """Of an array, without the mirrored half."""
        cells = zip(self.parts, self.maps, strict=True)
        return sum(down * across * deep for (down, across), (_, _, deep) in cells)

    def logits_size(self, grid: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the pixels that so many rows and columns of cells stand for."""
        if grid == self.grid:
            return self.image
        (rows, cols), (height, width) = self.grid, self.image
        return grid[0] * height // rows, grid[1] * width // cols


def pack(
    maps: Sequence[Float[jax.Array, "b ..."]], layout: Layout
) -> Float16[jax.Array, "b rows cols channels"]:
    """The maps as one array, rounded; what a cell has beyond a map's edge repeats the edge."""
    rows, cols = layout.grid
    packed = []
    for values, (down, across) in zip(maps, layout.parts, strict=True):
        batch, height, width, deep = values.shape
        beyond = ((0, 0), (0, rows * down - height), (0, cols * across - width), (0, 0))
        cells = jnp.pad(values, beyond, "edge").reshape(batch, rows, down, cols, across, deep)
        packed.append(cells.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows, cols, -1))
    return jnp.concatenate(packed, axis=-1).astype(jnp.float16)


def unpack(
    packed: Float[jax.Array, "b rows cols channels"], layout: Layout
) -> tuple[Float[jax.Array, "b ..."], ...]:
    """The maps of an array, or of a crop of it; those of the mirrored images are left out."""
    batch, rows, cols, _ = packed.shape
    maps, first = [], 0
    for (height, width, deep), (down, across) in zip(layout.maps, layout.parts, strict=True):
        last = first + down * across * deep
        cells = packed[..., first:last].reshape(batch, rows, cols, down, across, deep)
        values = cells.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * down, cols * across, deep)
        # Of a crop, no cell reaches beyond an edge.
        maps.append(values[:, :height, :width])
        first = last
    return tuple(maps)


def mirrored_first(
    packed: Shaped[jax.Array, "b rows cols channels"],
) -> Shaped[jax.Array, "b rows cols channels"]:
    """The array of the mirrored images: both halves exchanged."""
    half = packed.shape[-1] // 2
    return jnp.concatenate([packed[..., half:], packed[..., :half]], axis=-1)

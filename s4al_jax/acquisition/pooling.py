"""From pixels to regions, on the device: a reshape where regions are cells of a grid."""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Integer

from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, Batch


def region_sums(
    pixels: Float[jax.Array, "b h w *d"], batch: Batch, regions: Regions
) -> Float[jax.Array, "b r *d"]:
    """The sum over each region.

    Args:
      pixels: a number, or a vector of `d` numbers, for each pixel.
      batch: the images that they belong to; where regions are no grid, `batch.extra["regions"]`
        says in which region each pixel lies.
      regions: of which an image has at most `r`.

    Returns:
      A sum for each region; 0 where an image has fewer than `r`.
    """
    if regions.cell_size is not None:
        return _cell_sums(pixels, regions, *regions.cell_size)
    return _segment_sums(pixels, batch.extra["regions"], regions.max_regions)


def region_means(
    pixels: Float[jax.Array, "b h w *d"],
    batch: Batch,
    regions: Regions,
    *,
    include_annotated: bool = False,
) -> Float[jax.Array, "b r *d"]:
    """The mean over each region, of all the pixels that it has.

    Args:
      pixels: a number, or a vector of `d` numbers, for each pixel.
      batch: the images that they belong to, as for `region_sums`.
      regions: of which an image has at most `r`.
      include_annotated: whether pixels count that are annotated already; else they count as 0, so
        that a region is worth less the more of it is known.

    Returns:
      A mean for each region; 0 where an image has fewer than `r`.
    """
    vectors = pixels.ndim - 3
    if not include_annotated:
        is_open = (batch.label == UNLABELED).reshape(batch.label.shape + (1,) * vectors)
        pixels = jnp.where(is_open, pixels, 0.0)
    sizes = _region_sizes(batch, regions)
    return region_sums(pixels, batch, regions) / sizes.reshape(sizes.shape + (1,) * vectors)


def _region_sizes(batch: Batch, regions: Regions) -> Float[jax.Array, "b r"]:
    """Pixels of each region, at least 1; one row for all images where regions are a grid."""
    if regions.cell_size is not None:
        return jnp.asarray(regions.costs(0), jnp.float32)[None]
    ids = batch.extra["regions"]
    return jnp.maximum(_segment_sums(jnp.ones(ids.shape), ids, regions.max_regions), 1.0)


def _cell_sums(
    pixels: Float[jax.Array, "b h w *d"], regions: Regions, cell_height: int, cell_width: int
) -> Float[jax.Array, "b r *d"]:
    """The cells at the lower and right edge may be smaller: 0 is added beyond the image."""
    rows, cols = -(-regions.height // cell_height), -(-regions.width // cell_width)
    below, beside = rows * cell_height - regions.height, cols * cell_width - regions.width
    batch, _, _, *vector = pixels.shape
    padded = jnp.pad(pixels, ((0, 0), (0, below), (0, beside), *[(0, 0)] * len(vector)))
    cells = padded.reshape(batch, rows, cell_height, cols, cell_width, *vector)
    return cells.sum(axis=(2, 4)).reshape(batch, rows * cols, *vector)


def _segment_sums(
    pixels: Float[jax.Array, "b h w *d"], ids: Integer[jax.Array, "b h w"], most: int
) -> Float[jax.Array, "b r *d"]:
    """The sum over the pixels of each id; a GPU adds them in no fixed order."""

    def of_image(values: jax.Array, segments: jax.Array) -> jax.Array:
        flat = values.reshape(-1, *values.shape[2:])
        return jax.ops.segment_sum(flat, segments.ravel().astype(jnp.int32), num_segments=most)

    return jax.vmap(of_image)(pixels, ids)

"""Regions in the pixels of an original picture, which may be larger or smaller than is learned.

Networks see every image at one working size; people label pictures at the size they have. The
working label of a pixel is that of the original pixel in its middle (`files.resize.resize_ids`).
"""

import numpy as np

from s4al_jax.files.resize import nearest_indices
from s4al_jax.regions.protocol import Regions, in_original
from s4al_jax.types import UNLABELED, Box, RegionRef


def locate(
    regions: Regions, region: RegionRef, size: tuple[int, int] | None = None
) -> tuple[Box, np.ndarray | None]:
    """Where a region lies in a picture of some size.

    Args:
      regions: the regions of the pool, which are defined at the working size.
      region: one of them.
      size: height and width of the picture; None: the working size.

    Returns:
      Its box and its mask, bool of the box's size; None: the region is all of its box.
    """
    working = (regions.height, regions.width)
    box, mask = regions.box(region), regions.mask(region)
    if mask is not None and mask.all():
        mask = None
    if size is None:
        return box, mask
    return in_original(box, working, size), mask_in_original(mask, box, working, size)


def mask_in_original(
    mask: np.ndarray | None, box: Box, working: tuple[int, int], size: tuple[int, int]
) -> np.ndarray | None:
    """The mask of a region in a picture of another size; None: all of its box there.

    A pixel belongs to the region if its center lies in it, or if a working pixel of the region gets
    its label from it. Without the latter, a thin region could have no pixel in a smaller picture.

    Args:
      mask: bool of the size of `box`, or None.
      box: around the region, at the working size.
      working: height and width of the working size.
      size: height and width of the picture.

    Returns:
      bool of the size of `in_original(box, working, size)`, or None.
    """
    if mask is None or size == working:
        return mask
    outer = in_original(box, working, size)
    rows = nearest_indices(working[0], size[0])[outer.top : outer.bottom] - box.top
    cols = nearest_indices(working[1], size[1])[outer.left : outer.right] - box.left
    # The outermost pixels of `outer` may be touched by the box and have their center outside of it.
    height, width = mask.shape
    inside = np.ix_((rows >= 0) & (rows < height), (cols >= 0) & (cols < width))
    found = np.zeros(outer.shape, bool)
    found[inside] = mask[np.ix_(rows.clip(0, height - 1), cols.clip(0, width - 1))][inside]
    rows, cols = _sources(box, working, size)
    down, across = np.nonzero(mask)
    found[rows[down], cols[across]] = True
    return found


def cut_to_size(
    labels: np.ndarray,
    mask: np.ndarray | None,
    box: Box,
    working: tuple[int, int],
    size: tuple[int, int],
) -> np.ndarray:
    """What a network learns from a region's labels in the pixels of a picture of another size.

    Args:
      labels: uint8 of the size of `in_original(box, working, size)`.
      mask: bool of the size of `box`; None: all of it.
      box: around the region, at the working size.
      working: height and width of the working size.
      size: height and width of the picture.

    Returns:
      uint8 of the size of `box`: what cutting it out of the whole label map would give, if that
      were resized as by `resized_ids`; `UNLABELED` outside of the mask.
    """
    cut = labels[np.ix_(*_sources(box, working, size))]
    return cut if mask is None else np.where(mask, cut, np.uint8(UNLABELED))


def _sources(
    box: Box, working: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """For each row and column of a box, the one in the picture from which it gets its labels.

    Counted from the corner of the box in the picture.
    """
    outer = in_original(box, working, size)
    rows = nearest_indices(size[0], working[0])[box.top : box.bottom] - outer.top
    cols = nearest_indices(size[1], working[1])[box.left : box.right] - outer.left
    return rows, cols

"""How a picture of any size meets the working size: padded, cropped, stretched, or in tiles.

Everything else knows the working size and the size of a picture, and goes from one to the other by
stretching height and width. So a picture of other proportions is first brought to those of the
working size, in its own pixels: padded below or on the right, or cropped around its middle.
Coordinates count from the top left, so padding changes none of them. A tile is of the working size
or smaller, and keeps its scale: see `files.tile_grid`.
"""

import numpy as np
from numpy.typing import ArrayLike

from s4al_jax.files.bands import per_band
from s4al_jax.files.resize import nearest_indices
from s4al_jax.types import Box, ImageSet, InputError

FITS = ("pad", "crop", "stretch", "tile")

MEAN_COLOR = (124, 116, 104)
"""of photographs: what padding shows, which is near 0 once a network has normalized it"""


def mean_color(channels: int) -> tuple[int, ...]:
    """What padding shows in each band: `MEAN_COLOR` in three, see `files.bands.per_band`."""
    return tuple(round(number) for number in per_band(MEAN_COLOR, channels))


Size = tuple[int, int]
"""height and width"""


def check_fit(fit: str) -> None:
    """Refuse what is no way to fit a picture."""
    if fit not in FITS:
        raise InputError(f"config.data.kwargs.fit is {fit!r}: one of {', '.join(FITS)}")


def frame(size: Size, working: Size, fit: str) -> Box:
    """What of a picture's plane is brought to the working size.

    Args:
      size: of the picture.
      working: the working size.
      fit: "pad": the frame goes on below the picture, or on its right; "crop": it lies inside, in
        the middle; "stretch": it is the picture, whatever its proportions; "tile": it
        has the working size, and the picture, which is a tile, is no larger.

    Returns:
      A box with the proportions of the working size, to a pixel, unless it is stretched.
    """
    (height, width), (rows, cols) = size, working
    if fit == "tile":
        return Box(0, 0, rows, cols)
    is_wide = width * rows > height * cols
    if fit == "pad" and is_wide:
        height = -(-width * rows // cols)
    elif fit == "pad":
        width = -(-height * cols // rows)
    elif fit == "crop" and is_wide:
        width = max(1, height * cols // rows)
    elif fit == "crop":
        height = max(1, width * rows // cols)
    top, left = max(0, size[0] - height) // 2, max(0, size[1] - width) // 2
    return Box(top, left, top + height, left + width)


def cut_frame(
    array: np.ndarray, working: Size, fit: str, *, fill: int | tuple[int, ...]
) -> np.ndarray:
    """The pixels of a picture's frame; `fill` where the frame reaches beyond the picture.

    Args:
      array: `[height, width]` or `[height, width, bands]`.
      working: the working size.
      fit: see `frame`.
      fill: of the array's kind.
    """
    box = frame((array.shape[0], array.shape[1]), working, fit)
    inside = array[box.slices]
    if inside.shape[:2] == box.shape:
        return inside
    padded = np.empty((*box.shape, *array.shape[2:]), array.dtype)
    padded[:] = fill
    padded[: inside.shape[0], : inside.shape[1]] = inside
    return padded


def uncut_frame(
    framed: np.ndarray, size: Size, working: Size, fit: str, *, fill: int
) -> np.ndarray:
    """What a picture of some size has of an array over its frame; `fill` outside of the frame."""
    box = frame(size, working, fit)
    bottom, right = min(box.bottom, size[0]), min(box.right, size[1])
    whole = np.full(size, fill, framed.dtype)
    whole[box.top : bottom, box.left : right] = framed[: bottom - box.top, : right - box.left]
    return whole


def content(size: Size, working: Size, fit: str) -> Size:
    """How many rows and columns of the working size, from the top left, show a padded picture."""
    box = frame(size, working, fit)
    rows = int((nearest_indices(box.shape[0], working[0]) < size[0]).sum())
    cols = int((nearest_indices(box.shape[1], working[1]) < size[1]).sum())
    return max(rows, 1), max(cols, 1)


def shown_part(images: ImageSet, index: int) -> tuple[slice, slice]:
    """The rows and columns of an image that are no padding."""
    rows, cols = images.shown(index) if images.shown else (None, None)
    return slice(rows), slice(cols)


def fill_padding(image: np.ndarray, content: Size, value: ArrayLike) -> None:
    """Overwrite what lies below the content of an image or label map, and on its right."""
    rows, cols = content
    image[rows:], image[:, cols:] = value, value

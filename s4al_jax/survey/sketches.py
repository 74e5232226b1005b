"""What is kept of a picture and its mask once they were seen: a few kilobytes, whatever their size.

`s4al check` reads every file once, and compares all of them with each other when it has. For that
it keeps a sketch of each: how its classes are spread, where its edges are, a small gray copy.
"""

from typing import NamedTuple

import numpy as np

from s4al_jax.data.thumbs import thumb
from s4al_jax.files.resize import resize_ids, resize_image

LONG_SIDE = 256
"""Pixels of the longer side of what is compared; a larger picture is made smaller before."""
REACH = 8
"""How far a mask is moved over its image, in those pixels, in each direction."""
EDGES = (32, 48)
"""Rows and columns of the small maps of edges."""
TRAITS = ("share", "row", "spread", "red", "green", "blue", "texture")
"""What is kept of each class in a mask; see `class_traits`."""


class Sketch(NamedTuple):
    """What is kept of one picture."""

    label: str
    """split/name"""
    size: tuple[int, int]
    """height and width in which it was seen"""
    thumb: np.ndarray
    """uint8 `THUMB`: the picture in gray"""
    edges: np.ndarray
    """float16 `EDGES`: how strong its edges are, against their surroundings"""
    outlines: np.ndarray | None = None
    """float16 `EDGES`: where its mask has boundaries; None: there is no mask"""
    traits: np.ndarray | None = None
    """float32 `[classes, len(TRAITS)]` of the mask's classes; nan but for the share where absent"""
    shifts: np.ndarray | None = None
    """float32 `[2 REACH + 1, 2 REACH + 1]`: how well the mask fits when moved by so much"""


def sketch(label: str, image: np.ndarray, truth: np.ndarray | None, num_classes: int) -> Sketch:
    """What is kept of a picture, uint8 `[h, w, 3]`, and its mask, uint8 `[h, w]`, if it has one."""
    height, width = image.shape[:2]
    rows, cols = small_size(height, width)
    small = resize_image(image, rows, cols)
    edges = _edges(small)
    kept = Sketch(label, (height, width), thumb(image), _reduce(edges))
    if truth is None:
        return kept
    labels = resize_ids(truth, rows, cols)
    outlines = _outlines(labels)
    return kept._replace(
        outlines=_reduce(outlines),
        traits=class_traits(small, labels, num_classes),
        shifts=shift_fits(edges, outlines),
    )


def small_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns in which a picture is compared."""
    scale = min(1.0, LONG_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def class_traits(image: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """float32 `[classes, len(TRAITS)]`: of each class its share of what is not void, the mean and
    the standard deviation of its rows (0 is the top, 1 the bottom), its mean color (0 to 1), and
    the logarithm of the mean difference between neighboring pixels."""
    known = labels < num_classes
    ids = labels[known].astype(np.intp)
    rows = np.nonzero(known)[0] / max(1, len(labels) - 1)
    count = np.bincount(ids, minlength=num_classes)
    traits = np.full((num_classes, len(TRAITS)), np.nan, np.float32)
    traits[:, 0] = count / max(1, len(ids))
    there = count > 0

    def means(values: np.ndarray) -> np.ndarray:
        return np.bincount(ids, values, num_classes)[there] / count[there]

    mean = means(rows)
    traits[there, 1] = mean
    traits[there, 2] = np.sqrt(np.maximum(means(rows**2) - mean**2, 0))
    for channel in range(3):
        traits[there, 3 + channel] = means(image[..., channel][known] / 255)
    traits[there, 6] = np.log(means(_steps(image)[known]) + 1)
    return traits


def shift_fits(edges: np.ndarray, outlines: np.ndarray) -> np.ndarray:
    """float32 `[2 REACH + 1, 2 REACH + 1]`: the mean of an image's edges where its mask has
    boundaries, less their mean everywhere and in their standard deviations, for every shift.

    The entry in the middle is the mask as it is; the one to the right of it is of the mask moved a
    column to the right.
    """
    side = 2 * REACH + 1
    spread = float(edges.std())
    if not outlines.any() or spread < 1e-6:
        return np.zeros((side, side), np.float32)
    height, width = edges.shape
    shape = (max(height + REACH, side), max(width + REACH, side))
    strength = np.fft.rfft2((edges - edges.mean()) / spread, shape)
    there = np.fft.rfft2(outlines, shape)
    inside = np.fft.rfft2(np.ones_like(edges), shape)
    total = np.fft.irfft2(strength * there.conj(), shape)
    count = np.fft.irfft2(inside * there.conj(), shape)
    fits = total / np.maximum(count, 1)
    return np.roll(fits, (REACH, REACH), (0, 1))[:side, :side].astype(np.float32)


def _edges(image: np.ndarray) -> np.ndarray:
    """float32 `[h, w]`: the steps to the pixels right and below, against those around them."""
    steps = _steps(image)
    around = _blur(_blur(steps, 8, 0), 8, 1)
    return steps / (around + 6)


def _steps(image: np.ndarray) -> np.ndarray:
    values = image.astype(np.float32)
    steps = np.zeros(image.shape[:2], np.float32)
    steps[:, :-1] += np.abs(np.diff(values, axis=1)).sum(2)
    steps[:-1] += np.abs(np.diff(values, axis=0)).sum(2)
    return steps


def _blur(values: np.ndarray, reach: int, axis: int) -> np.ndarray:
    """The mean of `2 reach + 1` values along an axis; at the border, of those that there are."""
    sums = np.cumsum(values, axis, dtype=np.float64)
    length = values.shape[axis]
    here = np.arange(length)
    last, first = np.minimum(here + reach, length - 1), np.maximum(here - reach, 0)
    zero = np.zeros_like(np.take(sums, [0], axis))
    sums = np.concatenate([zero, sums], axis)
    total = np.take(sums, last + 1, axis) - np.take(sums, first, axis)
    count = (last + 1 - first).reshape([-1 if axis == i else 1 for i in range(values.ndim)])
    return (total / count).astype(np.float32)


def _outlines(labels: np.ndarray) -> np.ndarray:
    """float32 `[h, w]`: 1 where the pixel to the right or below is of another class."""
    found = np.zeros(labels.shape, np.float32)
    found[:, :-1] = labels[:, 1:] != labels[:, :-1]
    found[:-1] = np.maximum(found[:-1], labels[1:] != labels[:-1])
    return found


def _reduce(values: np.ndarray) -> np.ndarray:
    return resize_image(values.astype(np.float32), *EDGES).astype(np.float16)

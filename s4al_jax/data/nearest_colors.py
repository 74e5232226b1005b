"""Color masks whose edges are soft, or that were saved as JPEG: every pixel to a class, or void.

The color on a soft edge is a blend of the two beside it, and may by chance be nearest to that of a
third class, which is nowhere near. So a pixel whose color is no class's takes one that is there
around it:

    clear     within `LEVELS` of one color alone, in every channel
    patch     a clear pixel and three or more of its eight neighbors, clear and of the same color
    around    the colors of the patches among the 5 x 5 pixels around a pixel

A clear pixel takes its color where that is around. Any other takes, of all blends of one or two
colors around it, the nearest (the smallest Euclidean distance in RGB), and of that the color that
has the larger part; it is void if that blend is farther than `LIMIT`, or if nothing is around.
Pixels with exactly the color of a class keep it.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.files.images import Color, ImageFile, read_rgb
from s4al_jax.types import VOID

LEVELS = 8
"""How far a color may lie from a class's to be clear, in any channel."""
LIMIT = 48
"""How far a color may lie from a blend, as a Euclidean distance."""
ROUNDING = 4
"""The same for colors of which it is only said that they are blends."""
REACH = 2
"""How many pixels away in each direction is still around."""
FEWEST = 3
"""Neighbors of the same color that a pixel of a patch has."""


class Change(NamedTuple):
    """What the nearest color has changed in a mask."""

    file: str
    pixels: int
    changed: int
    """how many had no class's color"""
    void: int
    """how many of these became void"""


_changes: ContextVar[list[Change] | None] = ContextVar("_changes", default=None)


@contextlib.contextmanager
def changes() -> Iterator[list[Change]]:
    """A list, to which each mask is added that is read inside and has colors of no class."""
    found: list[Change] = []
    token = _changes.set(found)
    try:
        yield found
    finally:
        _changes.reset(token)


def read_nearest_ids(file: ImageFile, codes: Mapping[Color, int]) -> np.ndarray:
    """uint8 `[height, width]`: what the color of each pixel stands for, or the one it is meant as.

    The file may be a JPEG.
    """
    return counted_nearest_ids(file.name, read_rgb(file), codes)


def counted_nearest_ids(name: str, picture: np.ndarray, codes: Mapping[Color, int]) -> np.ndarray:
    """The class ids of a mask in colors; what has changed is counted where `changes` are wanted."""
    labels, changed = nearest_ids(picture, codes)
    if changed.any() and (found := _changes.get()) is not None:
        void = int((labels[changed] == VOID).sum())
        found.append(Change(name, labels.size, int(changed.sum()), void))
    return labels


def nearest_ids(picture: np.ndarray, codes: Mapping[Color, int]) -> tuple[np.ndarray, np.ndarray]:
    """The class ids of a mask in colors, and which of its pixels had no class's color.

    Args:
      picture: uint8 `[height, width, 3]`.
      codes: what the colors of classes stand for.

    Returns:
      uint8 `[height, width]` and bool `[height, width]`.
    """
    colors = np.array(list(codes), np.int64)
    meaning = np.array([*codes.values(), VOID], np.uint8)
    exact, clear = _known_colors(picture, colors)
    patches = _patches(clear)
    rows, cols = np.nonzero(exact < 0)
    there = np.unique(patches[patches >= 0])
    around = (
        np.stack([_reach(patches == one)[rows, cols] for one in there], 1)
        if len(there)
        else (np.zeros((len(rows), 0), bool))
    )
    chosen = _nearest_blends(picture[rows, cols].astype(np.float64), colors[there], around)
    chosen = np.append(there, -1)[chosen]
    own = clear[rows, cols]
    is_own = (around & (there == own[:, None])).any(1)
    chosen[is_own] = own[is_own]
    found = exact.copy()
    found[rows, cols] = chosen
    return meaning[found], exact < 0


def are_between(colors: Sequence[Any], codes: Mapping[Any, int]) -> np.ndarray:
    """bool `[colors]`: which are a blend of two of those that have `codes`, but for rounding."""
    found, ends = np.array(colors, np.float64).reshape(-1, 3), np.array(list(codes), np.int64)
    everything = np.ones((len(found), len(ends)), bool)
    is_blend: np.ndarray = _nearest_blends(found, ends, everything, ROUNDING) >= 0
    return is_blend


def _known_colors(picture: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64 `[height, width]` twice: whose color each pixel has exactly, and clearly; else -1."""
    numbers = picture.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    found, where = np.unique(numbers, return_inverse=True)
    levels = np.stack([found >> 16, found >> 8 & 255, found & 255], 1)
    steps = np.abs(levels[:, None] - colors).max(2)
    near = steps <= LEVELS
    clear = np.where(near.sum(1) == 1, near.argmax(1), -1)
    exact = np.where((steps == 0).any(1), steps.argmin(1), -1)
    clear = np.where(exact >= 0, exact, clear)
    return exact[where].reshape(numbers.shape), clear[where].reshape(numbers.shape)


def _patches(clear: np.ndarray) -> np.ndarray:
    """int64 `[height, width]`: the clear color of pixels with enough neighbors of it; else -1."""
    height, width = clear.shape
    padded = np.pad(clear, 1, constant_values=-1)
    same = np.zeros(clear.shape, np.int64)
    for down in range(3):
        for right in range(3):
            same += padded[down : down + height, right : right + width] == clear
    # A pixel is counted as its own neighbor.
    return np.where(same > FEWEST, clear, -1)


def _reach(there: np.ndarray) -> np.ndarray:
    """bool `[height, width]`: whether anything is there within `REACH` pixels."""
    for axis in (0, 1):
        length = there.shape[axis]
        padded = np.pad(there, [(REACH, REACH) if axis == other else (0, 0) for other in (0, 1)])
        steps = (np.take(padded, range(s, s + length), axis) for s in range(2 * REACH + 1))
        there = np.logical_or.reduce(list(steps))
    return there


def _nearest_blends(
    pixels: np.ndarray, colors: np.ndarray, around: np.ndarray, limit: float = LIMIT
) -> np.ndarray:
    """int64 `[pixels]`: the color with the larger part in the nearest blend; -1: too far from all.

    Args:
      pixels: `[pixels, 3]`.
      colors: `[colors, 3]`.
      around: bool `[pixels, colors]`: which of them may be in a blend.
      limit: the largest distance.
    """
    best, least = np.full(len(pixels), -1), np.full(len(pixels), limit**2 + 1e-6)
    for first in range(len(colors)):
        for second in range(first, len(colors)):
            (at,) = np.nonzero(around[:, first] & around[:, second])
            start, way = colors[first], colors[second] - colors[first]
            part = np.clip((pixels[at] - start) @ way / max(1, way @ way), 0, 1)
            far = ((pixels[at] - start - part[:, None] * way) ** 2).sum(1)
            better = far < least[at]
            least[at[better]] = far[better]
            best[at[better]] = np.where(part[better] > 0.5, second, first)
    return best

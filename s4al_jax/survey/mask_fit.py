"""Whether the boundaries of masks lie on the edges of their images: at all, only after a shift, or
better on those of another image."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.data.names import natural_key
from s4al_jax.survey.sketches import REACH, Sketch, small_size

FEWEST = 5
"""With fewer masks nothing is said of all of them."""
GAIN = 0.15
"""How much better (in standard deviations of the edges) a mask fits elsewhere than where it is,"""
RATIO = 1.3
"""and how many times as well."""
GAIN_OF_ALL = 0.05
"""The same for the mean over all masks, in which the chances of single ones are gone."""
NOWHERE = 0.33
"""A mask that fits no better than this part of the median fit does not fit."""
NEIGHBORS = 2
"""How far the other image may lie in the order of names."""
BETTER = 0.06
"""How much larger the correlation with the other image has to be."""


class Shift(NamedTuple):
    """Where a mask fits better than where it is."""

    mask: int
    """which sketch; -1: all of them"""
    down: float
    """the part of the height"""
    right: float
    """the part of the width"""
    gain: float


class Neighbor(NamedTuple):
    """Whose edges a mask fits better than its own image's."""

    mask: int
    other: int
    step: int
    """how far the other is in the order of names"""
    gain: float


def shifted_masks(sketches: Sequence[Sketch]) -> list[Shift]:
    """Masks that fit better after a shift, the clearest first; or, if it is the same one for all,
    that alone."""
    fits = [(i, one.shifts) for i, one in enumerate(sketches) if one.shifts is not None]
    if len(fits) >= FEWEST:
        mean = np.mean([fit for _, fit in fits], axis=0)
        down, right = _peak(mean)
        gain = float(mean.max() - mean[REACH, REACH])
        if (down or right) and gain > GAIN_OF_ALL:
            return [_shift(-1, down, right, gain, sketches[fits[0][0]])]
    # A mask of another image fits best somewhere, too, but not well.
    least = NOWHERE * float(np.median([fit.max() for _, fit in fits])) if fits else 0.0
    found = []
    for index, fit in fits:
        near = float(fit[REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].max())
        best = float(fit.max())
        if best - near > GAIN and best > max(RATIO * near, least):
            found.append(_shift(index, *_peak(fit), best - near, sketches[index]))
    return sorted(found, key=lambda shift: -shift.gain)


def misfits(sketches: Sequence[Sketch]) -> list[tuple[int, float]]:
    """The masks whose boundaries lie on no edges, unlike the others'; with how well they fit, as a
    part of the median."""
    fits = [(i, float(s.shifts.max())) for i, s in enumerate(sketches) if s.shifts is not None]
    if len(fits) < FEWEST:
        return []
    usual = float(np.median([fit for _, fit in fits]))
    # A mask without any boundary fits by 0, and says nothing.
    return [(i, fit / usual) for i, fit in fits if fit != 0 and fit < NOWHERE * usual]


def better_neighbors(sketches: Sequence[Sketch]) -> list[Neighbor]:
    """Masks that fit the edges of an image near theirs in the order of names better than their own.

    What all images have in common, as a horizon, is taken away before.
    """
    order = sorted(range(len(sketches)), key=lambda i: natural_key(name_of(sketches[i])))
    labeled = [i for i in order if sketches[i].outlines is not None]
    if len(labeled) < FEWEST:
        return []
    edges = _centered([sketches[i].edges for i in order])
    outlines = _centered([sketches[i].outlines for i in labeled])
    place = {index: at for at, index in enumerate(order)}
    found = []
    for row, index in zip(outlines, labeled, strict=True):
        at = place[index]
        own = float(row @ edges[at])
        steps = [s for s in range(-NEIGHBORS, NEIGHBORS + 1) if s and 0 <= at + s < len(order)]
        step = max(steps, key=lambda s: float(row @ edges[at + s]))
        gain = float(row @ edges[at + step]) - own
        if gain > BETTER and own < gain:
            found.append(Neighbor(index, order[at + step], step, gain))
    return sorted(found, key=lambda one: -one.gain)


def name_of(sketch: Sketch) -> str:
    """The name of a picture without its split."""
    return sketch.label.split("/", 1)[1]


def _centered(maps: Sequence[np.ndarray | None]) -> np.ndarray:
    """float32 `[maps, pixels]`: each of length 1, less the mean of all."""
    rows = np.stack([np.asarray(one, np.float32).ravel() for one in maps])
    rows -= rows.mean(1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    centered: np.ndarray = rows - rows.mean(0)
    return centered


def _peak(fit: np.ndarray) -> tuple[int, int]:
    down, right = np.unravel_index(int(fit.argmax()), fit.shape)
    return int(down) - REACH, int(right) - REACH


def _shift(index: int, down: int, right: int, gain: float, of: Sketch) -> Shift:
    rows, cols = small_size(*of.size)
    return Shift(index, down / rows, right / cols, gain)

"""Whether the classes of a mask were mistaken for each other: its classes against all other masks'.

Every class has a usual share of a picture, a usual height in it, a usual color and texture. Of each
of these the median over all masks, and the spread around it, say how surprising it is that what
this mask calls `a` is a `b`: minus the logarithm of the probability. Should another assignment of
the mask's classes be far more probable than the one it has, they were probably exchanged.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

FEWEST = 8
"""With fewer masks nothing is known about what is usual."""
FAR = 13.0
"""How much less probable than the best assignment a mask has to be, as a natural logarithm,"""
BEYOND = 6.0
"""and by how many spreads that lies beyond what it is for the other masks."""
WIDEST = np.array([1.0, 0.15, 0.1, 0.15, 0.15, 0.15, 0.5])
"""The spread of each trait (the share as log odds) that is assumed of a class seen few times."""
PRIOR = 4
"""How many masks that assumption is worth."""
FREEDOM = 4
"""Of Student's t around the median: outliers are common."""
DEPENDENCE = 0.5
"""What a trait is worth, as the traits of a class depend on each other."""
FREQUENT = 0.8
"""A class that so many masks have is expected in every one."""


class Exchange(NamedTuple):
    """How the classes of one mask fit what is usual."""

    mask: int
    meant: np.ndarray
    """int `[classes]`: for each class of the mask, which class it looks like"""
    gain: float
    """how much better that fits: a natural logarithm"""


def exchanged_classes(traits: np.ndarray) -> list[Exchange]:
    """The masks whose classes fit much better when they are exchanged, the clearest first.

    `traits` is float `[masks, classes, traits]`, see `sketches.class_traits`.
    """
    if len(traits) < FEWEST or traits.shape[1] < 2:
        return []
    fits = all_exchanges(traits)
    gains = np.array([fit.gain for fit in fits])
    middle = np.median(gains)
    least = max(FAR, middle + BEYOND * 1.4826 * float(np.median(np.abs(gains - middle))))
    return sorted((fit for fit in fits if fit.gain > least), key=lambda fit: -fit.gain)


def all_exchanges(traits: np.ndarray) -> list[Exchange]:
    """The best assignment of the classes of every mask."""
    values, there = _comparable(traits)
    middle, spread = _usual(values, there)
    seen = (there.sum(0) + 0.5) / (len(there) + 1)
    fits = []
    for mask, (own, present) in enumerate(zip(values, there, strict=True)):
        away = (own[:, None] - middle) / spread
        surprise = (FREEDOM + 1) / 2 * np.log1p(away**2 / FREEDOM) + np.log(spread)
        density = DEPENDENCE * np.where(present[:, None, None], surprise, 0).sum(-1)
        cost = np.where(present[:, None], density - np.log(seen), -np.log(1 - seen))
        rows, meant = linear_sum_assignment(cost)
        fits.append(Exchange(mask, meant, float(np.trace(cost) - cost[rows, meant].sum())))
    return fits


def lacking_classes(traits: np.ndarray) -> list[int]:
    """The masks that show classes, but none of those that nearly all others have."""
    if len(traits) < FEWEST:
        return []
    there = traits[..., 0] > 0
    frequent = there.mean(0) >= FREQUENT
    if not frequent.any():
        return []
    lacks = there.any(1) & ~there[:, frequent].any(1)
    return np.flatnonzero(lacks).tolist()


def _comparable(traits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The traits with shares as log odds and colors against the picture's mean, and bool
    `[masks, classes]`: which classes are there. What is not is nan."""
    values, there = traits.astype(np.float64), traits[..., 0] > 0
    share, color = values[..., :1], values[..., 3:6]
    color -= (share * np.where(there[..., None], color, 0)).sum(1, keepdims=True)
    odds = np.clip(share[..., 0], 1e-4, 1 - 1e-4)
    values[..., 0] = np.log(odds / (1 - odds))
    values[~there] = np.nan
    return values, there


def _usual(values: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float `[classes, traits]` twice: the median of each trait, and the spread around it."""
    middle = np.zeros(values.shape[1:])
    spread = np.tile(WIDEST, (values.shape[1], 1))
    for index, present in enumerate(there.T):
        count = int(present.sum())
        if not count:
            continue
        of_class = values[present, index]
        middle[index] = np.median(of_class, axis=0)
        found = 1.4826 * np.median(np.abs(of_class - middle[index]), axis=0)
        variance = (count * found**2 + PRIOR * WIDEST**2) / (count + PRIOR)
        spread[index] = np.maximum(np.sqrt(variance), 0.1 * WIDEST)
    return middle, spread

"""Which of very many pictures are nearly the same, found without comparing each with each.

A picture's hash says, of 64 places in its small gray copy, whether it grows brighter to the right
there. Hashes that differ in a few places are the same in one of several bands: only pictures that
share a band are compared, and then by the gray values themselves.
"""

from collections.abc import Iterable

import numpy as np

from s4al_jax.data.thumbs import THUMB

PLACES = 5
"""Places in which the hashes of near-duplicates may differ: one fewer than there are bands."""
DIFFERENCE = 6.0
"""Gray levels (of 255, root mean square, brightness aside) by which the copies may differ,"""
PART = 0.2
"""and which part of the picture's own contrast that may be."""
FLATTEST = 3.0
"""A picture with less contrast shows nothing that could be compared."""
FARTHEST = 200
"""Pictures with the same band are sorted by their hashes, and compared with so many of the next."""


def hashes(thumbs: np.ndarray) -> np.ndarray:
    """uint64 `[pictures]` of gray copies, uint8 `[pictures, *THUMB]`."""
    rows, cols = THUMB[0] // 2, THUMB[1] // 2
    cells = thumbs.reshape(-1, rows, 2, cols, 2).astype(np.uint16).sum((2, 4))
    bits = (cells[..., 1:] > cells[..., :-1]).reshape(len(thumbs), 64)
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def near_duplicates(thumbs: np.ndarray) -> list[list[int]]:
    """Groups of pictures that are nearly the same, by way of others if not directly, sorted.

    Args:
      thumbs: uint8 `[pictures, *THUMB]`, see `thumbs.thumb`.
    """
    if not len(thumbs):
        return []
    # Equal copies are one, so that a picture which is there ten thousand times is compared once.
    unique, where = np.unique(thumbs.reshape(len(thumbs), -1), axis=0, return_inverse=True)
    where = where.ravel()
    values = unique.astype(np.float32)
    contrast = values.std(1)
    values -= values.mean(1, keepdims=True)
    codes = hashes(unique.reshape(-1, *THUMB))
    together = Groups(len(unique))
    for left, right in _candidates(codes):
        far = np.bitwise_count(codes[left] ^ codes[right]) > PLACES
        left, right = left[~far], right[~far]
        difference = np.sqrt(((values[left] - values[right]) ** 2).mean(1))
        near = difference <= np.minimum(DIFFERENCE, PART * np.minimum(*contrast[[left, right]]))
        together.join_pairs(left[near], right[near])
    members: dict[int, list[int]] = {}
    for picture, one in enumerate(where.tolist()):
        if contrast[one] >= FLATTEST:
            members.setdefault(together.find(one), []).append(picture)
    return [group for group in members.values() if len(group) > 1]


def _candidates(codes: np.ndarray) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Pairs of pictures that share a band."""
    edges = np.linspace(0, 64, PLACES + 2).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        band = (codes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.lexsort((codes, band))
        ordered = band[order]
        for step in range(1, min(FARTHEST, len(codes) - 1) + 1):
            same = ordered[step:] == ordered[:-step]
            if not same.any():
                break
            yield order[:-step][same], order[step:][same]


class Groups:
    """Numbers from 0 that belong together, as they are joined pair by pair."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def find(self, number: int) -> int:
        """The smallest number of its group."""
        above = self._above
        while above[number] != number:
            above[number] = above[above[number]]
            number = above[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Put two groups together."""
        low, high = sorted((self.find(one), self.find(other)))
        self._above[high] = low

    def join_pairs(self, ones: np.ndarray, others: np.ndarray) -> None:
        """Put the groups of many pairs together."""
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            self.join(one, other)

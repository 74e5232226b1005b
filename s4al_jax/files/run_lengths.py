"""Masks as run lengths, as COCO writes them: going down the columns, out, in, out, in, ...

Counts are a list of numbers, or a text of COCO's own that packs each into signs of six bits.
"""

from collections.abc import Sequence

import numpy as np


def run_lengths(mask: np.ndarray) -> list[int]:
    """How many pixels are out, in, out, in, ... going down the columns of a bool mask."""
    pixels = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    counts = np.diff(np.concatenate([[0], edges, [pixels.size]])).tolist()
    return [0, *counts] if pixels[0] else counts


def mask_of_runs(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """bool `[height, width]`: the mask that run lengths stand for; `ValueError`: for none."""
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("run lengths are whole numbers from 0")
    if sum(counts) != height * width:
        raise ValueError(f"run lengths of {sum(counts)} pixels, not {height} x {width}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape((height, width), order="F")


def runs_of_text(text: str) -> list[int]:
    """The counts in a text of COCO's; `ValueError`: it is none.

    A sign is 48 and six bits: five of a number, the lowest first, and a sixth that says whether
    there are more. The highest of all five-bit groups has the sign. From the fourth count on, it is
    the difference to the count before the last that is written.
    """
    counts: list[int] = []
    value = shift = 0
    for sign in text:
        bits = ord(sign) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{sign!r} is no sign of run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("run lengths end within a number")
    return counts

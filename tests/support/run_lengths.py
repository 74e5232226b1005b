"""Writers of other programs' run lengths, plain and slow, for files to be read.

Not a test: others read what these write.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

SIZES = (3, 4, 8, 16)
"""Bits of a length, as Label Studio writes them."""


def text_of_runs(counts: Sequence[int]) -> str:
    """The text into which COCO's tools pack counts."""
    signs = ""
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            signs += chr(48 + bits + 32 * more)
    return signs


def brush_bytes(values: Sequence[int], *, one_by_one: bool = False) -> list[int]:
    """Label Studio's bytes for values from 0 to 255; `one_by_one`: without any repetition."""
    bits = f"{len(values):032b}{8 - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)
    if one_by_one:
        for start in range(0, len(values), 2 ** SIZES[1]):
            part = values[start : start + 2 ** SIZES[1]]
            bits += f"0{1:02b}{len(part) - 1:04b}" + "".join(f"{value:08b}" for value in part)
    else:
        for value, run in groupby(values):
            left = len(list(run))
            while left:
                which = next((n for n, size in enumerate(SIZES) if left <= 2**size), 3)
                length = min(left, 2 ** SIZES[which])
                bits += f"1{which:02b}{length - 1:0{SIZES[which]}b}{value:08b}"
                left -= length
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def brush_of(mask: np.ndarray, *, one_by_one: bool = False) -> list[int]:
    """The bytes of a bool mask: opaque where it is true, transparent elsewhere."""
    values = np.repeat(np.where(mask, 255, 0).ravel(), 4).tolist()
    return brush_bytes(values, one_by_one=one_by_one)

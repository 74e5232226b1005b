"""Label Studio's run lengths of brush strokes.

A list of bytes, read bit by bit from the highest: 32 bits with the count of all values, 5 with the
bits of a value less one, four times 4 with the bits of a length less one. Then come runs: one bit
says whether it is one value again and again, two bits which of the four sizes its length has, then
the length less one, then the value, or as many values. Values are red, green, blue and opacity of
one pixel after another, row by row.
"""

from typing import Any

import numpy as np

CHANNELS = 4


class _Bits:
    """Bytes, read some bits at a time."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.place = 0

    def read(self, count: int) -> int:
        end = self.place + count
        if end > 8 * len(self.content):
            raise ValueError("it ends too early")
        inside = int.from_bytes(self.content[self.place // 8 : (end + 7) // 8], "big")
        self.place = end
        return inside >> (-end % 8) & ((1 << count) - 1)


def stroke_mask(rle: Any, height: int, width: int) -> np.ndarray:
    """bool `[height, width]`: the pixels that a brush has touched, wherever it is not transparent.

    Args:
      rle: the list of bytes.
      height: of the picture.
      width: of it.

    Raises:
      ValueError: it is no list of bytes, damaged, or of a picture of another size.
    """
    if not isinstance(rle, list):
        raise ValueError("it is no list of bytes")
    bits = _Bits(bytes(rle))
    count, value_bits = bits.read(32), bits.read(5) + 1
    if count != CHANNELS * height * width:
        raise ValueError(f"{count} values for {height} x {width} pixels of four channels")
    length_bits = [bits.read(4) + 1 for _ in range(4)]
    touched = np.zeros(count, bool)
    place = 0
    while place < count:
        is_one_value = bits.read(1)
        end = place + bits.read(length_bits[bits.read(2)]) + 1
        if end > count:
            raise ValueError("a run goes beyond the picture")
        if is_one_value:
            touched[place:end] = bits.read(value_bits) > 0
        else:
            touched[place:end] = [bits.read(value_bits) > 0 for _ in range(end - place)]
        place = end
    return touched.reshape(height, width, CHANNELS)[..., 3]

"""How many zeros a convolution adds around an image: PyTorch's convention, and TensorFlow's.

Pretrained weights expect the one that they were trained with. On an even side a convolution of
stride 2 reads pixels that differ by one between the two, which costs a pretrained network several
points of accuracy. So every convolution takes the convention as an argument.
"""

from collections.abc import Sequence
from typing import Literal

Padding = Literal["symmetric", "same"]
"""PyTorch's `padding=dilation * (kernel // 2)`, or TensorFlow's `SAME`."""

PadWidths = tuple[tuple[int, int], tuple[int, int]]
"""Zeros before and after the rows, then before and after the columns."""


def pad_widths(
    size: Sequence[int], *, kernel: int, stride: int, dilation: int, padding: Padding
) -> PadWidths:
    """The zeros around an image of `size` (height, width) for a square kernel."""
    height, width = (_pad_width(side, kernel, stride, dilation, padding) for side in size)
    return height, width


def _pad_width(
    side: int, kernel: int, stride: int, dilation: int, padding: Padding
) -> tuple[int, int]:
    if padding == "symmetric":
        return dilation * (kernel // 2), dilation * (kernel // 2)
    if padding != "same":
        raise ValueError(f"padding is 'symmetric' or 'same', not {padding!r}")
    reach = dilation * (kernel - 1) + 1
    total = max((-(-side // stride) - 1) * stride + reach - side, 0)
    # TensorFlow puts an odd zero behind the last pixel.
    return total // 2, total - total // 2

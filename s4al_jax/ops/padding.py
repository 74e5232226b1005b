"""Where a convolution looks beyond the border: PyTorch's habit and TensorFlow's.

Weights are trained with one of the two. On an even side a stride of 2 tells them apart by one
pixel, which costs a pretrained network several points: every convolution takes it as an argument.
"""

from typing import Literal

Padding = Literal["symmetric", "same"]
Margins = tuple[tuple[int, int], tuple[int, int]]
"""Zeros to put before and after rows, then columns."""


def margins(
    size: int, *, kernel: int, stride: int, dilation: int, padding: Padding
) -> tuple[int, int]:
    """Zeros to put before and after a side of `size` pixels."""
    if padding == "symmetric":
        return dilation * (kernel // 2), dilation * (kernel // 2)
    if padding != "same":
        raise ValueError(f"padding is 'symmetric' or 'same', not {padding!r}")
    reach = dilation * (kernel - 1) + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2

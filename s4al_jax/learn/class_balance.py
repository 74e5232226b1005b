"""Head and tail: which classes are frequent among the labeled pixels, and which are not."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def head_and_tail(class_pixels: Any, *, factor: float = 0.5) -> tuple[Any, Any]:
    """Two rows of booleans: the frequent classes, and all others.

    A class is frequent when its share of the labeled pixels is at least `factor` times the share
    that it would have if all classes were equal. A class never seen is in the tail.
    """
    total = class_pixels.sum()
    share = class_pixels / (total + (total == 0))
    head = (share >= factor / class_pixels.shape[0]) & (class_pixels > 0)
    return head, ~head


def class_groups(
    class_pixels: np.ndarray, head: Sequence[int], tail: Sequence[int], factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Head and tail as named; where one is not named, all other classes; where none is, counted."""
    ids = np.arange(len(class_pixels))
    in_head, in_tail = np.isin(ids, head), np.isin(ids, tail)
    if not head and not tail:
        in_head, in_tail = head_and_tail(np.asarray(class_pixels), factor=factor)
    elif not head:
        in_head = ~in_tail
    elif not tail:
        in_tail = ~in_head
    return in_head, in_tail

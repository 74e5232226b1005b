"""Whether pictures of 16 bits use so few of their numbers that a value range should be given."""

from collections.abc import Iterable

import numpy as np

from s4al_jax.files.bands import TOP
from s4al_jax.survey.suspicions import Suspicion

SHARE = 8
"""Pictures whose numbers all lie in this part of what 16 bits can hold are worth a remark: sensors
of 12 bits use a sixteenth."""
TAIL = 0.001
"""The part of all numbers that the suggested range leaves out at each of its ends."""


def range_suspicion(pictures: Iterable[np.ndarray | None]) -> Suspicion | None:
    """That no picture of 16 bits uses more than an eighth of its numbers, and a range that does.

    Args:
      pictures: uint16 of each picture, None of one with 8 bits; they are taken one by one.

    Returns:
      None where a picture uses more, or none has 16 bits.
    """
    counts = np.zeros(TOP + 1, np.int64)
    for picture in pictures:
        if picture is not None:
            counts += np.bincount(picture.ravel(), minlength=TOP + 1)
            if counts[(TOP + 1) // SHARE :].any():
                return None
    there = np.flatnonzero(counts)
    if not len(there):
        return None
    lowest, highest = int(there[0]), int(there[-1])
    low, high = _tails(counts)
    levels = (highest >> 8) - (lowest >> 8) + 1
    return Suspicion(
        "",
        f"pictures of 16 bits hold numbers from {lowest} to {highest} alone, which become {levels} "
        f"of 256 levels: --config.data.kwargs.value_range={low},{high} spreads {1 - 2 * TAIL:.1%} "
        "of them over all",
        "",
    )


def _tails(counts: np.ndarray) -> tuple[int, int]:
    """The numbers below and above which so few lie; different ones, whatever there is."""
    up_to = np.cumsum(counts)
    low = int(np.searchsorted(up_to, TAIL * up_to[-1], side="right"))
    high = int(np.searchsorted(up_to, (1 - TAIL) * up_to[-1]))
    return (low, high) if low < high else (low, low + 1)

"""Dilations of a pyramid that fit a map of features.

A 3x3 convolution of rate r reads pixels r to each side. Where a map has no more than r pixels,
these lie outside for every pixel: eight of nine weights see zeros, and what is left is a 1x1
convolution.
"""

from collections.abc import Sequence

PAPER_SIDE = 23
"""The shorter side of the map that the paper's rates are for: 360x480 pixels at stride 16."""


def scaled_rates(rates: Sequence[int], map_size: tuple[int, int]) -> tuple[int, ...]:
    """The rates as they are to the paper's map, for one of this size: distinct, and at least 1.

    Args:
      rates: for a map of 23x30 features.
      map_size: rows and columns of features.
    """
    found: list[int] = []
    for rate in sorted(rates):
        scaled = round(rate * min(map_size) / PAPER_SIDE)
        found.append(max(1, scaled, found[-1] + 1 if found else 1))
    return tuple(found)


def rates_warning(rates: Sequence[int], map_size: tuple[int, int]) -> str:
    """A line about the rates that see zeros only on a map of this size; "" if there are none.

    Args:
      rates: of the branches.
      map_size: rows and columns of features.
    """
    if max(rates, default=0) < min(map_size):
        return ""
    fitting = ", ".join(map(str, scaled_rates(rates, map_size)))
    return (
        f"warning: the head's rates are {', '.join(map(str, rates))}, and there are "
        f"{map_size[0]}x{map_size[1]} features: around every pixel a rate of {min(map_size)} or "
        f"more sees zeros only. {fitting} fit (config.model.head.kwargs.rates, or scale_rates=True)"
    )

"""Names of files in the order in which a person counts them, and which are nearly the same."""

import difflib
import re
from collections.abc import Iterable

ALIKE = 0.85
"""How much of two names has to be the same, as `difflib` counts it."""


def natural_key(name: str) -> list[tuple[int, str]]:
    """A key that puts `b2` before `b10`."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def nearest_name(name: str, others: Iterable[str]) -> str | None:
    """The name that was probably meant: one that has other zeros, signs or capitals (`IMG_001` and
    `img-0001`) or says that it is a mask, else the one with the most letters in common."""
    others = sorted(others)
    for other in others:
        if _plain(other) == _plain(name):
            return other
    close = difflib.get_close_matches(name, others, n=1, cutoff=ALIKE)
    return close[0] if close else None


def _plain(name: str) -> str:
    letters = re.sub(r"[^a-z0-9/]", "", name.lower())
    without_zeros = re.sub(r"0*(\d+)", r"\1", letters)
    return re.sub(r"(mask|masks|label|labels|labelids|gt|seg|annot)$", "", without_zeros)

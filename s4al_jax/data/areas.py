"""Label maps from areas: what was drawn on a picture, and what the pixels beside it are.

Tools that write polygons or brush strokes say of each area what is in it. Three things they leave
open, and no guess would always be right; so they are options of every dataset that is read so:

    outside       pixels in no area: "void" (not known), or "background" (a class)
    overlap       pixels in areas of several classes: "void", the area with the fewest pixels
                  ("smallest"), or the one that comes last in the file ("last")
    unannotated   pictures without any area: "unlabeled" (of the pool), or "background" throughout
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.types import UNLABELED, VOID, InputError

BACKGROUND = "background"

CHOICES = {
    "outside": ("void", BACKGROUND),
    "overlap": ("void", "smallest", "last"),
    "unannotated": ("unlabeled", BACKGROUND),
}
"""Option -> its values."""


class Area(NamedTuple):
    """Pixels of one class."""

    class_id: int
    """or `VOID`"""
    mask: Callable[[], np.ndarray]
    """-> bool, of the picture's size"""


class Rules(NamedTuple):
    """What is made of that which the areas leave open."""

    outside: str
    overlap: str
    unannotated: str


def make_rules(outside: str, overlap: str, unannotated: str) -> Rules:
    """The rules, or an error that names the option."""
    rules = Rules(outside, overlap, unannotated)
    for option, value in rules._asdict().items():
        check_choice(option, value, CHOICES[option])
    if unannotated == BACKGROUND != outside:
        raise InputError(
            'config.data.kwargs.unannotated is "background" while config.data.kwargs.outside is '
            '"void": set both to "background", or neither'
        )
    return rules


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that an option does not have."""
    if value not in choices:
        raise InputError(f"config.data.kwargs.{option} is {value!r}: {' or '.join(choices)}")


def class_names(names: Sequence[str], rules: Rules, where: str) -> list[str]:
    """The names of the classes in their order, the background before all others if there is one.

    A class that is called "background" already is the background.
    """
    if rules.outside == BACKGROUND and BACKGROUND not in names:
        return [BACKGROUND, *names]
    if len(names) == 1 and rules.outside == "void":
        raise InputError(
            f"{where} has the one class {names[0]!r}, and all other pixels are void: set "
            "config.data.kwargs.outside to background, or there is nothing to be told apart"
        )
    return list(names)


def label_map(
    areas: Iterable[Area], height: int, width: int, *, outside: int, overlap: str
) -> np.ndarray:
    """uint8 `[height, width]`: class ids and `VOID`, one area drawn after the other.

    `outside` is the id of pixels in no area. Of areas with equally many pixels, the later one is
    the smaller.
    """
    labels = np.full((height, width), UNLABELED, np.uint8)
    smallest = np.full((height, width), height * width, np.int64)
    for class_id, read_mask in areas:
        mask = read_mask()
        if overlap == "void":
            taken = labels != UNLABELED
            labels[mask & taken & (labels != class_id)] = VOID
            mask = mask & ~taken
        elif overlap == "smallest":
            size = np.count_nonzero(mask)
            mask = mask & (size <= smallest)
            smallest[mask] = size
        labels[mask] = class_id
    labels[labels == UNLABELED] = outside
    return labels

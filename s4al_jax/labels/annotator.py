"""What an annotator is: three functions, given the regions that are to be labeled."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.regions.protocol import Regions
from s4al_jax.types import Annotation, RegionRef

Guess = Callable[[Sequence[int]], Iterator[np.ndarray]]
"""Images -> what a network predicts for each: uint8 `[height, width]` at the working size."""


def _post_nothing(
    refs: Sequence[RegionRef], regions: Regions, cycle: int, guess: Guess | None
) -> None:
    """An annotator who answers at once needs no written requests."""


def _default_reminder(refs: Sequence[RegionRef], regions: Regions, cycle: int) -> str:
    return f"{len(refs)} regions have no answer yet; run the same command again to go on"


class Annotator(NamedTuple):
    """Gives labels for regions, at once or some day.

    All three functions take the regions that are to be labeled, the partition that they belong to,
    and the cycle that will learn from them.
    """

    answers: Callable[[Sequence[RegionRef], Regions, int], Iterator[list[Annotation]]]
    """(refs, regions, cycle) -> annotations, in lists that are recorded one after the other; a
    region that has no answer yet is left out"""
    post: Callable[[Sequence[RegionRef], Regions, int, Guess | None], None] = _post_nothing
    """(refs, regions, cycle, guess) -> nothing: puts requests where somebody will find them; a
    second call for the same cycle changes nothing"""
    reminder: Callable[[Sequence[RegionRef], Regions, int], str] = _default_reminder
    """(refs, regions, cycle) -> what to tell the user while these regions have no answer"""

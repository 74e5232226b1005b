"""Who answers when regions are asked about; the only room in which the pool's truth is read."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from s4al_jax.pool.regions import RegionGrid
from s4al_jax.types import Annotation, InputError, RegionRef

Guess = Callable[[Sequence[int]], Iterator[np.ndarray]]
"""images -> what a network takes each for: uint8 `[height, width]` at the working size"""


def _asked_on_the_spot(
    regions: Sequence[RegionRef], grid: RegionGrid, cycle: int, guess: Guess | None
) -> None:
    """Nothing has to be written down for an annotator who answers at once."""


def _left_open(regions: Sequence[RegionRef], grid: RegionGrid, cycle: int) -> str:
    return f"{len(regions)} regions have no answer yet; run the same command again to go on"


class Oracle(NamedTuple):
    """Somebody who can be asked. All three take regions, their grid and the cycle that asks."""

    answers: Callable[[Sequence[RegionRef], RegionGrid, int], Iterator[list[Annotation]]]
    """answers in parcels, each worth remembering at once; what has none yet is left out"""
    post: Callable[[Sequence[RegionRef], RegionGrid, int, Guess | None], None] = _asked_on_the_spot
    """puts the questions, with a network's guess, where somebody will find them; once"""
    reminder: Callable[[Sequence[RegionRef], RegionGrid, int], str] = _left_open
    """what to tell the user when these regions have not been answered"""


def simulated(read_truth: Callable[[int], np.ndarray], annotator: str = "simulated") -> Oracle:
    """An annotator who knows the truth and never errs: one parcel an image, in the images' order.

    `read_truth` is the pool's own; nothing but an oracle may hold it. Whatever else learns from
    the pool sees the answers alone, through a `LabelStore`.
    """

    def answers(
        regions: Sequence[RegionRef], grid: RegionGrid, cycle: int
    ) -> Iterator[list[Annotation]]:
        # Sorted, so that what is left of an interrupted round is answered in the same order.
        for image, of_image in groupby(sorted(regions), key=lambda region: int(region.image)):
            truth = _truth(read_truth, image, grid)
            boxes = ((region, grid.box(int(region.row), int(region.col))) for region in of_image)
            yield [
                Annotation(region, truth[box.slices].copy(), annotator, cycle)
                for region, box in boxes
            ]

    return Oracle(answers)


def _truth(read_truth: Callable[[int], np.ndarray], image: int, grid: RegionGrid) -> np.ndarray:
    truth = read_truth(image)
    if truth.shape != (grid.height, grid.width):
        raise InputError(
            f"the truth of image {image} has shape {truth.shape}, its regions are cut from "
            f"{grid.height} x {grid.width} pixels: use one size for both"
        )
    return truth

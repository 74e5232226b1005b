"""Who answers when regions are asked about; the only room in which the pool's truth is read."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from s4al_jax.regions import RegionGrid, in_original
from s4al_jax.types import Annotation, Box, ImageSet, InputError, Original, RegionRef

PARCEL_PIXELS = 2**24
"""Answers that cost nothing are remembered so many pixels at a time: each time waits for a disk."""

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


def simulated(
    pool: ImageSet, annotator: str = "simulated", *, parcel_pixels: int = PARCEL_PIXELS
) -> Oracle:
    """An annotator who knows the truth and never errs: parcels of whole images, in their order.

    Only an oracle may read the truth of `pool`. Whatever else learns from it sees the answers
    alone, through a `LabelStore`.
    """

    def answers(
        regions: Sequence[RegionRef], grid: RegionGrid, cycle: int
    ) -> Iterator[list[Annotation]]:
        parcel: list[Annotation] = []
        pixels = 0
        # Sorted, so that what is left of an interrupted round is answered in the same order.
        for image, of_image in groupby(sorted(regions), key=lambda region: int(region.image)):
            truth = _truth(pool, image, grid)
            whole = pool.read_original_truth(image) if pool.read_original_truth else truth
            for region in of_image:
                box = grid.box(int(region.row), int(region.col))
                labels, original = truth[box.slices].copy(), _original(whole, box, grid)
                parcel.append(Annotation(region, labels, annotator, cycle, "", original))
                pixels += labels.size if original is None else original.labels.size
            if pixels >= parcel_pixels:
                yield parcel
                parcel, pixels = [], 0
        if parcel:
            yield parcel

    return Oracle(answers)


def _truth(pool: ImageSet, image: int, grid: RegionGrid) -> np.ndarray:
    truth = pool.read_truth(image)
    if truth.shape != (grid.height, grid.width):
        raise InputError(
            f"the truth of image {image} has shape {truth.shape}, its regions are cut from "
            f"{grid.height} x {grid.width} pixels: use one size for both"
        )
    return truth


def _original(whole: np.ndarray, box: Box, grid: RegionGrid) -> Original | None:
    """What stands in a box of the grid, in the pixels of a truth of another size."""
    height, width = whole.shape
    if (height, width) == (grid.height, grid.width):
        return None
    place = in_original(box, (grid.height, grid.width), (height, width))
    return Original(place, (height, width), whole[place.slices].copy())

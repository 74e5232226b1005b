"""Who answers when regions are asked about; the only room in which the pool's truth is read."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np

from s4al_jax.pool.regions import RegionGrid
from s4al_jax.types import Annotation, InputError, RegionRef

Oracle = Callable[[Sequence[RegionRef], RegionGrid, int], Iterator[list[Annotation]]]
"""(regions, their grid, the cycle that asks) -> answers in parcels, each worth remembering at once.

An oracle that cannot answer everything yet raises `AnnotationsPending` after its last parcel.
"""


def simulated(read_truth: Callable[[int], np.ndarray]) -> Oracle:
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
                Annotation(region, truth[box.slices].copy(), "simulated", cycle)
                for region, box in boxes
            ]

    return answers


def _truth(read_truth: Callable[[int], np.ndarray], image: int, grid: RegionGrid) -> np.ndarray:
    truth = read_truth(image)
    if truth.shape != (grid.height, grid.width):
        raise InputError(
            f"the truth of image {image} has shape {truth.shape}, its regions are cut from "
            f"{grid.height} x {grid.width} pixels: use one size for both"
        )
    return truth

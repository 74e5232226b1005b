"""The annotator that knows the truth; nothing else reads the truth of the pool."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from s4al_jax.labels.annotator import Annotator
from s4al_jax.labels.original import locate
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, Annotation, ImageSet, InputError, RegionRef

PARCEL_PIXELS = 2**24
"""Each list of answers is synced to disk before the next is read: it should be worth the wait."""


def oracle(
    pool: ImageSet, annotator: str = "simulated", *, parcel_pixels: int = PARCEL_PIXELS
) -> Annotator:
    """An annotator that answers at once and never errs.

    Whatever else learns from the truth of `pool` sees these answers alone, in a `LabelStore`.

    Args:
      pool: the images and their truth; where the truth exists in original pixels, the answers are
        given in those.
      annotator: the name that the ledger keeps.
      parcel_pixels: a list of answers ends with the image that brings it to so many pixels.
    """

    def answers(
        refs: Sequence[RegionRef], regions: Regions, cycle: int
    ) -> Iterator[list[Annotation]]:
        parcel: list[Annotation] = []
        pixels = 0
        # Sorted, so that a run that was interrupted and goes on writes the same ledger.
        for image, of_image in groupby(sorted(refs), key=lambda ref: int(ref.image)):
            truth, size = _truth(pool, image, regions)
            for ref in of_image:
                labels = _labels(truth, size, ref, regions)
                parcel.append(Annotation(ref, labels, annotator, cycle, size=size))
                pixels += labels.size
            if pixels >= parcel_pixels:
                yield parcel
                parcel, pixels = [], 0
        if parcel:
            yield parcel

    return Annotator(answers)


def _labels(
    truth: np.ndarray, size: tuple[int, int] | None, ref: RegionRef, regions: Regions
) -> np.ndarray:
    """What the truth says of a region."""
    box, mask = locate(regions, ref, size)
    if mask is None:
        return truth[box.slices].copy()
    return np.where(mask, truth[box.slices], np.uint8(UNLABELED))


def _truth(
    pool: ImageSet, image: int, regions: Regions
) -> tuple[np.ndarray, tuple[int, int] | None]:
    """The truth of an image in original pixels if there is one, and its size if that is another."""
    truth = (pool.read_original_truth or pool.read_truth)(image)
    if truth.shape == (regions.height, regions.width):
        return truth, None
    if pool.read_original_truth is None:
        raise InputError(
            f"the truth of image {image} has shape {truth.shape}, its regions are cut from "
            f"{regions.height} x {regions.width} pixels: use one size for both"
        )
    height, width = truth.shape
    return truth, (height, width)

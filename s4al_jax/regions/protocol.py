"""What a part of an image is that can be annotated as one unit."""

from typing import Protocol, runtime_checkable

import numpy as np

from s4al_jax.types import Box, RegionRef

MOST_REGIONS = 2**16 - 1
"""Of an image: ids of regions travel as uint16."""


@runtime_checkable
class Regions(Protocol):
    """Where one can be asked: every pixel of an image belongs to exactly one region of it.

    A region of 0 pixels is none: it is never asked for.
    """

    @property
    def height(self) -> int:
        """Of all images, in pixels."""

    @property
    def width(self) -> int:
        """Of all images, in pixels."""

    @property
    def max_regions(self) -> int:
        """The most that any image has: the static size of arrays on a device."""

    @property
    def cell_size(self) -> tuple[int, int] | None:
        """Height and width of the cells of a regular grid; None: `id_map` says what is where."""

    @property
    def uniform(self) -> bool:
        """Whether all images have the same regions."""

    def count(self, image: int) -> int:
        """How many regions an image has."""

    def costs(self, image: int) -> np.ndarray:
        """int64 `[count]`: the pixels of each."""

    def box(self, region: RegionRef) -> Box:
        """The smallest rectangle around a region."""

    def mask(self, region: RegionRef) -> np.ndarray | None:
        """bool of the box's size: the pixels of the region; None: all of its box."""

    def id_map(self, image: int) -> np.ndarray:
        """uint16 `[height, width]`: the region of each pixel."""

    def overlapping(self, image: int, box: Box, mask: np.ndarray | None) -> np.ndarray:
        """int `[any]`: the regions that share a pixel with a box, or with its mask."""

    def title(self, region: RegionRef) -> str:
        """What a message calls it: "cell (3, 4)"."""

    def stem(self, region: RegionRef) -> str:
        """What a file name calls it: "r03_c04"."""


def in_original(box: Box, size: tuple[int, int], original: tuple[int, int]) -> Box:
    """The pixels that a box over a picture of one size touches where it has its original size."""
    (height, width), (original_height, original_width) = size, original
    return Box(
        box.top * original_height // height,
        box.left * original_width // width,
        -(-box.bottom * original_height // height),
        -(-box.right * original_width // width),
    )


def region_costs(regions: Regions, images: int) -> np.ndarray:
    """int64 `[images, max_regions]`: the pixels of each region; 0 where an image has fewer."""
    if regions.uniform:
        return np.broadcast_to(regions.costs(0), (images, regions.max_regions))
    costs = np.zeros((images, regions.max_regions), np.int64)
    for image in range(images):
        costs[image, : regions.count(image)] = regions.costs(image)
    return costs

"""Regions of images that are padded: only what shows the picture can be asked about."""

import functools
from typing import Any, NamedTuple, cast

import numpy as np

from s4al_jax.regions.protocol import Regions
from s4al_jax.types import Box, RegionRef


class ContentRegions(NamedTuple):
    """Regions cut to the content of each image; one that shows none of it costs nothing."""

    uncut: Regions
    contents: np.ndarray
    """int64 `[images, 2]`: rows and columns from the top left that are no padding"""

    @property
    def height(self) -> int:
        """Of all images."""
        return self.uncut.height

    @property
    def width(self) -> int:
        """Of all images."""
        return self.uncut.width

    @property
    def max_regions(self) -> int:
        """The most that any image has."""
        return self.uncut.max_regions

    @property
    def cell_size(self) -> tuple[int, int] | None:
        """Of a cell that nothing cuts."""
        return self.uncut.cell_size

    @property
    def uniform(self) -> bool:
        """No: images differ in what pads them."""
        return False

    def count(self, image: int) -> int:
        """How many regions an image has, those of padding alone included."""
        return self.uncut.count(image)

    def costs(self, image: int) -> np.ndarray:
        """int64 `[count]`: the pixels of each that are no padding."""
        rows, cols = self.contents[image].tolist()
        if (rows, cols) == (self.height, self.width):
            return self.uncut.costs(image)
        # Where images have the same regions, only the size of the content matters.
        return _costs(cast(Any, self.uncut), 0 if self.uncut.uniform else image, rows, cols)

    def box(self, region: RegionRef) -> Box:
        """The rectangle around what is no padding; without area where all of it is."""
        top, left, bottom, right = self.uncut.box(region)
        rows, cols = self.contents[region.image].tolist()
        return Box(top, left, max(top, min(bottom, rows)), max(left, min(right, cols)))

    def mask(self, region: RegionRef) -> np.ndarray | None:
        """bool of the box's size, or None."""
        mask, box = self.uncut.mask(region), self.box(region)
        return None if mask is None else mask[: box.bottom - box.top, : box.right - box.left]

    def id_map(self, image: int) -> np.ndarray:
        """uint16 `[height, width]`: the region of each pixel, of padding too."""
        return self.uncut.id_map(image)

    def overlapping(self, image: int, box: Box, mask: np.ndarray | None) -> np.ndarray:
        """int `[any]`: the regions that share a pixel with a box, or with its mask."""
        return self.uncut.overlapping(image, box, mask)

    def title(self, region: RegionRef) -> str:
        """What a message calls it."""
        return self.uncut.title(region)

    def stem(self, region: RegionRef) -> str:
        """What a file name calls it."""
        return self.uncut.stem(region)


@functools.lru_cache(maxsize=2**12)
def _costs(regions: Any, image: int, rows: int, cols: int) -> np.ndarray:
    ids = regions.id_map(image)[:rows, :cols]
    costs = np.bincount(ids.ravel(), minlength=regions.count(image)).astype(np.int64)
    costs.flags.writeable = False
    return costs


def regions_of_content(regions: Regions, contents: np.ndarray | None) -> Regions:
    """The regions without padding; they themselves where nothing is padded."""
    if contents is None or isinstance(regions, ContentRegions):
        return regions
    return ContentRegions(regions, contents)

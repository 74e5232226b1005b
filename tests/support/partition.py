"""Regions of any shape, given as a map of ids for each image: what superpixels would be.

Not a test. Nothing else in the code knows this class: it is the proof that `Regions` is open.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from s4al_jax.types import Box, RegionRef

SYMBOLS = "0123456789"


class Partition(NamedTuple):
    """One map of region ids for each image; each has its own number of regions, from 0 up."""

    maps: tuple[np.ndarray, ...]
    """uint16 `[height, width]` of each image"""

    @property
    def height(self) -> int:
        return self.maps[0].shape[0]

    @property
    def width(self) -> int:
        return self.maps[0].shape[1]

    @property
    def max_regions(self) -> int:
        return max(map(self.count, range(len(self.maps))))

    @property
    def cell_size(self) -> None:
        return None

    @property
    def uniform(self) -> bool:
        return False

    def count(self, image: int) -> int:
        return int(self.maps[image].max()) + 1

    def costs(self, image: int) -> np.ndarray:
        return np.bincount(self.maps[image].ravel(), minlength=self.count(image))

    def box(self, region: RegionRef) -> Box:
        rows, cols = np.nonzero(self.maps[region.image] == region.region)
        return Box(*(int(n) for n in (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)))

    def mask(self, region: RegionRef) -> np.ndarray | None:
        inside = self.maps[region.image][self.box(region).slices] == region.region
        return None if inside.all() else inside

    def id_map(self, image: int) -> np.ndarray:
        return self.maps[image]

    def overlapping(self, image: int, box: Box, mask: np.ndarray | None) -> np.ndarray:
        inside = self.maps[image][box.slices]
        return np.unique(inside if mask is None else inside[mask]).astype(np.int64)

    def title(self, region: RegionRef) -> str:
        return f"superpixel {region.region}"

    def stem(self, region: RegionRef) -> str:
        return f"s{region.region:03d}"


def partition(*drawings: str) -> Partition:
    """A partition as it is drawn: a digit for each pixel, a line for each row."""
    rows = [[list(map(SYMBOLS.index, line)) for line in one.split()] for one in drawings]
    return Partition(tuple(np.array(one, np.uint16) for one in rows))


def random_partition(rng: np.random.Generator, images: int, height: int, width: int) -> Partition:
    """Images of one to nine regions each; neighboring pixels often belong to the same one."""
    maps = []
    for _ in range(images):
        coarse = rng.integers(0, rng.integers(1, 10), (-(-height // 2), -(-width // 2)))
        ids = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        # Some pixels alone: regions with holes, and of several parts.
        ids = np.where(rng.random((height, width)) < 0.1, rng.choice(ids.ravel(), ids.shape), ids)
        maps.append(np.unique(ids, return_inverse=True)[1].reshape(height, width))
    return Partition(tuple(ids.astype(np.uint16) for ids in maps))


@st.composite
def partitions(draw: st.DrawFn, images: int, height: int, width: int) -> Partition:
    """Any partition of images of this size."""
    seed = draw(st.integers(0, 2**32 - 1))
    return random_partition(np.random.default_rng(seed), images, height, width)


IRREGULAR = partition(
    # 0 has a hole, which is 1; 2 is in two parts; 3 is a rectangle.
    """
    0002233
    0102233
    0002244
    2244444
    2244444
    """,
    # The whole image.
    """
    0000000
    0000000
    0000000
    0000000
    0000000
    """,
    """
    0011222
    0111122
    0000122
    3333122
    3333322
    """,
)
"""Three images of 5 x 7 pixels with five, one and four regions."""

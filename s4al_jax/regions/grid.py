"""Regions that are the cells of a grid, or the whole image."""

import functools
from typing import NamedTuple

import numpy as np

from s4al_jax.regions.protocol import MOST_REGIONS
from s4al_jax.types import Box, InputError, RegionRef


class RegionGrid(NamedTuple):
    """Cells of one size from the top left; the last row and column cover what is left.

    All images have the same cells, counted row by row.
    """

    height: int
    width: int
    cell_height: int
    cell_width: int

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return -(-self.height // self.cell_height)

    @property
    def cols(self) -> int:
        """Cells from left to right."""
        return -(-self.width // self.cell_width)

    @property
    def max_regions(self) -> int:
        """Cells of every image."""
        return self.rows * self.cols

    @property
    def cell_size(self) -> tuple[int, int]:
        """Height and width of a cell that no edge cuts."""
        return self.cell_height, self.cell_width

    @property
    def uniform(self) -> bool:
        """Yes."""
        return True

    def count(self, image: int) -> int:
        """How many cells an image has."""
        return self.max_regions

    def costs(self, image: int) -> np.ndarray:
        """int64 `[max_regions]`: the pixels that each cell covers."""
        return _cell_costs(self)

    def cell(self, region: RegionRef) -> tuple[int, int]:
        """The row and column of a cell."""
        if not 0 <= region.region < self.max_regions:
            raise InputError(
                f"region {region.region} is outside the grid of {self.rows} x {self.cols} cells: "
                f"use 0 to {self.max_regions - 1}"
            )
        return divmod(int(region.region), self.cols)

    def box(self, region: RegionRef) -> Box:
        """The pixels of a cell."""
        row, col = self.cell(region)
        top, left = row * self.cell_height, col * self.cell_width
        bottom = min(top + self.cell_height, self.height)
        return Box(top, left, bottom, min(left + self.cell_width, self.width))

    def mask(self, region: RegionRef) -> None:
        """None: a cell is all of its box."""

    def id_map(self, image: int) -> np.ndarray:
        """uint16 `[height, width]`: the cell of each pixel."""
        rows = np.arange(self.height) // self.cell_height
        cols = np.arange(self.width) // self.cell_width
        return (rows[:, None] * self.cols + cols).astype(np.uint16)

    def overlapping(self, image: int, box: Box, mask: np.ndarray | None) -> np.ndarray:
        """int64 `[any]`: the cells that share a pixel with a box, or with a mask of its size."""
        if mask is not None:
            return np.unique(self.id_map(image)[box.slices][mask]).astype(np.int64)
        return _cells(self, box)

    def title(self, region: RegionRef) -> str:
        """What a message calls a cell."""
        row, col = self.cell(region)
        return f"cell ({row}, {col})"

    def stem(self, region: RegionRef) -> str:
        """What a file name calls a cell."""
        row, col = self.cell(region)
        return f"r{row:02d}_c{col:02d}"


# A pool of 10^5 images has the same costs and the same few boxes in each of them. Finding an array
# again takes a tenth of the time of computing it; nobody can write into what others share.
@functools.lru_cache(maxsize=2**4)
def _cell_costs(grid: RegionGrid) -> np.ndarray:
    tops = np.arange(0, grid.height, grid.cell_height, dtype=np.int64)
    lefts = np.arange(0, grid.width, grid.cell_width, dtype=np.int64)
    heights = np.diff(np.append(tops, grid.height))
    widths = np.diff(np.append(lefts, grid.width))
    costs = np.outer(heights, widths).ravel()
    costs.flags.writeable = False
    return costs


@functools.lru_cache(maxsize=2**12)
def _cells(grid: RegionGrid, box: Box) -> np.ndarray:
    rows = np.arange(box.top // grid.cell_height, -(-box.bottom // grid.cell_height))
    cols = np.arange(box.left // grid.cell_width, -(-box.right // grid.cell_width))
    cells = (rows[:, None] * grid.cols + cols).ravel()
    cells.flags.writeable = False
    return cells


def region_grid(height: int, width: int, cell_height: int, cell_width: int) -> RegionGrid:
    """The grid of cells of one size over images of one size; need not divide them evenly."""
    if height < 1 or width < 1:
        raise InputError(f"images of {height} x {width} pixels hold no region: use 1 x 1 or more")
    if not (1 <= cell_height <= height and 1 <= cell_width <= width):
        raise InputError(
            f"a cell of {cell_height} x {cell_width} pixels does not fit an image of "
            f"{height} x {width}: choose from 1 x 1 up to the size of the image"
        )
    grid = RegionGrid(int(height), int(width), int(cell_height), int(cell_width))
    if grid.max_regions > MOST_REGIONS:
        raise InputError(
            f"cells of {cell_height} x {cell_width} pixels are {grid.max_regions} in an image, and "
            f"at most {MOST_REGIONS} can be told apart: make them larger"
        )
    return grid


def whole_image(height: int, width: int) -> RegionGrid:
    """The grid of one cell: asking for whole images."""
    return region_grid(height, width, height, width)

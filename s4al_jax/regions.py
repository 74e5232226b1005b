"""Where a person can be asked: a fixed grid of cells over an image; a whole image is one cell."""

from typing import NamedTuple

import numpy as np

from s4al_jax.types import Box, InputError


class RegionGrid(NamedTuple):
    """Cells of one size from the top left; the last row and column cover what is left."""

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
    def costs(self) -> np.ndarray:
        """int64 `[rows, cols]`: the pixels that each cell covers."""
        heights = np.diff(np.append(self._tops, self.height))
        widths = np.diff(np.append(self._lefts, self.width))
        return np.outer(heights, widths)

    def box(self, row: int, col: int) -> Box:
        """The pixels of one cell."""
        if not (0 <= row < self.rows and 0 <= col < self.cols):
            raise InputError(
                f"cell ({row}, {col}) is outside the grid of {self.rows} x {self.cols} cells: "
                "count rows and columns from 0"
            )
        top, left = int(row) * self.cell_height, int(col) * self.cell_width
        bottom = min(top + self.cell_height, self.height)
        return Box(top, left, bottom, min(left + self.cell_width, self.width))

    @property
    def boxes(self) -> list[list[Box]]:
        """The pixels of every cell, as `boxes[row][col]`."""
        return [[self.box(row, col) for col in range(self.cols)] for row in range(self.rows)]

    @property
    def _tops(self) -> np.ndarray:
        return np.arange(0, self.height, self.cell_height, dtype=np.int64)

    @property
    def _lefts(self) -> np.ndarray:
        return np.arange(0, self.width, self.cell_width, dtype=np.int64)


def region_grid(height: int, width: int, cell_height: int, cell_width: int) -> RegionGrid:
    """The grid of cells of one size over images of one size; need not divide them evenly."""
    if height < 1 or width < 1:
        raise InputError(f"images of {height} x {width} pixels hold no region: use 1 x 1 or more")
    if not (1 <= cell_height <= height and 1 <= cell_width <= width):
        raise InputError(
            f"a cell of {cell_height} x {cell_width} pixels does not fit an image of "
            f"{height} x {width}: choose from 1 x 1 up to the size of the image"
        )
    return RegionGrid(int(height), int(width), int(cell_height), int(cell_width))


def whole_image(height: int, width: int) -> RegionGrid:
    """The grid of one cell: asking for whole images."""
    return region_grid(height, width, height, width)


def in_original(box: Box, size: tuple[int, int], original: tuple[int, int]) -> Box:
    """The pixels that a box over a picture of one size touches where it has its original size."""
    (height, width), (original_height, original_width) = size, original
    return Box(
        box.top * original_height // height,
        box.left * original_width // width,
        -(-box.bottom * original_height // height),
        -(-box.right * original_width // width),
    )


def cell_sums(maps: np.ndarray, grid: RegionGrid) -> np.ndarray:
    """Sums of `[..., height, width]` over each cell, `[..., rows, cols]`; counts are int64."""
    if maps.shape[-2:] != (grid.height, grid.width):
        raise InputError(
            f"maps of shape {maps.shape} do not end in the grid's {grid.height} x {grid.width}: "
            "build the grid for the size of the maps"
        )
    dtype = np.float64 if np.issubdtype(maps.dtype, np.floating) else np.int64
    by_row = np.add.reduceat(maps, grid._tops, axis=-2, dtype=dtype)
    return np.add.reduceat(by_row, grid._lefts, axis=-1, dtype=dtype)

"""Grids of cells: what they cover, and that every pixel is in exactly one cell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4al_jax.regions import RegionGrid, cell_sums, region_grid, whole_image
from s4al_jax.types import Box, InputError


@st.composite
def grids(draw: st.DrawFn) -> RegionGrid:
    height, width = draw(st.integers(1, 23)), draw(st.integers(1, 23))
    return region_grid(height, width, draw(st.integers(1, height)), draw(st.integers(1, width)))


def test_camvid_has_12_rows_of_16_cells_of_900_pixels() -> None:
    grid = region_grid(360, 480, 30, 30)
    assert (grid.rows, grid.cols) == (12, 16)
    assert grid.box(11, 15) == Box(330, 450, 360, 480)
    assert grid.costs.shape == (12, 16)
    assert np.all(grid.costs == 900)
    assert grid.costs.dtype == np.int64


def test_edge_cells_are_smaller_and_cost_what_they_cover() -> None:
    grid = region_grid(5, 7, 2, 3)
    assert (grid.rows, grid.cols) == (3, 3)
    assert grid.costs.tolist() == [[6, 6, 2], [6, 6, 2], [3, 3, 1]]
    assert grid.box(2, 2) == Box(4, 6, 5, 7)
    assert grid.box(0, 1) == Box(0, 3, 2, 6)


def test_a_whole_image_is_a_grid_of_one_cell() -> None:
    grid = whole_image(4, 6)
    assert (grid.rows, grid.cols) == (1, 1)
    assert grid.box(0, 0) == Box(0, 0, 4, 6)
    assert grid.costs.tolist() == [[24]]


@pytest.mark.parametrize("cell", [(0, 2), (2, 0), (-1, 2), (5, 2), (2, 7)])
def test_a_cell_that_does_not_fit_is_refused_with_both_sizes(cell: tuple[int, int]) -> None:
    with pytest.raises(InputError) as refused:
        region_grid(4, 6, *cell)
    assert f"{cell[0]} x {cell[1]}" in str(refused.value)
    assert "4 x 6" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_image_without_pixels_and_a_cell_outside_the_grid_are_refused() -> None:
    with pytest.raises(InputError, match="0 x 6"):
        whole_image(0, 6)
    grid = region_grid(4, 6, 2, 2)
    for row, col in [(2, 0), (0, 3), (-1, 0), (0, -1)]:
        with pytest.raises(InputError, match="outside the grid of 2 x 3"):
            grid.box(row, col)


@given(grids())
def test_every_pixel_is_in_exactly_one_cell_and_costs_add_up(grid: RegionGrid) -> None:
    covered = np.zeros((grid.height, grid.width), int)
    for row in range(grid.rows):
        for col in range(grid.cols):
            box = grid.box(row, col)
            covered[box.slices] += 1
            assert grid.costs[row, col] == box.area > 0
    assert np.all(covered == 1)
    assert grid.costs.sum() == grid.height * grid.width


@given(grids(), st.integers(0, 2**32 - 1))
def test_cell_sums_are_what_a_loop_over_the_cells_gives(grid: RegionGrid, seed: int) -> None:
    random = np.random.default_rng(seed)
    maps = random.integers(0, 256, (2, grid.height, grid.width)).astype(np.uint8)
    sums = cell_sums(maps, grid)
    assert sums.shape == (2, grid.rows, grid.cols)
    assert sums.dtype == np.int64
    for image, row, col in np.ndindex(*sums.shape):
        pixels = maps[image][grid.box(row, col).slices]
        assert sums[image, row, col] == sum(int(pixel) for pixel in pixels.ravel())


def test_cell_sums_count_booleans_and_keep_fractions() -> None:
    grid = region_grid(2, 3, 2, 2)
    known = np.array([[True, True, False], [True, False, True]])
    assert cell_sums(known, grid).tolist() == [[3, 1]]
    assert cell_sums(np.full((2, 3), 0.25, np.float32), grid).tolist() == [[1.0, 0.5]]
    with pytest.raises(InputError, match="2 x 3"):
        cell_sums(np.zeros((3, 2)), grid)

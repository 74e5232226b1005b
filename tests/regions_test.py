"""Regions: what they cover, and that every pixel is in exactly one of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s4al_jax.regions.grid import RegionGrid, region_grid, whole_image
from s4al_jax.regions.protocol import Regions, region_costs
from s4al_jax.types import Box, InputError, RegionRef
from tests.support.partition import IRREGULAR, partitions


@st.composite
def grids(draw: st.DrawFn) -> RegionGrid:
    height, width = draw(st.integers(1, 23)), draw(st.integers(1, 23))
    return region_grid(height, width, draw(st.integers(1, height)), draw(st.integers(1, width)))


@st.composite
def small_partitions(draw: st.DrawFn) -> Regions:
    return draw(partitions(2, draw(st.integers(1, 9)), draw(st.integers(1, 9))))


def test_camvid_has_192_cells_of_900_pixels() -> None:
    grid = region_grid(360, 480, 30, 30)
    assert (grid.rows, grid.cols, grid.max_regions, grid.count(5)) == (12, 16, 192, 192)
    assert grid.box(RegionRef(0, 191)) == Box(330, 450, 360, 480)
    assert grid.costs(0).shape == (192,)
    assert np.all(grid.costs(0) == 900)
    assert grid.costs(0).dtype == np.int64


def test_edge_cells_are_smaller_and_cost_what_they_cover() -> None:
    grid = region_grid(5, 7, 2, 3)
    assert (grid.rows, grid.cols, grid.cell_size) == (3, 3, (2, 3))
    assert grid.costs(0).tolist() == [6, 6, 2, 6, 6, 2, 3, 3, 1]
    assert grid.box(RegionRef(0, 8)) == Box(4, 6, 5, 7)
    assert grid.box(RegionRef(0, 1)) == Box(0, 3, 2, 6)


def test_a_whole_image_is_a_grid_of_one_cell() -> None:
    grid = whole_image(4, 6)
    assert (grid.rows, grid.cols) == (1, 1)
    assert grid.box(RegionRef(0, 0)) == Box(0, 0, 4, 6)
    assert grid.costs(0).tolist() == [24]


def test_a_cell_is_named_by_its_row_and_column() -> None:
    grid = region_grid(40, 60, 2, 3)
    assert grid.cell(RegionRef(7, 64)) == (3, 4)
    assert grid.title(RegionRef(7, 64)) == "cell (3, 4)"
    assert grid.stem(RegionRef(7, 64)) == "r03_c04"
    assert grid.stem(RegionRef(*np.array([7, 399]))) == "r19_c19"


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
    for region in (6, 7, -1):
        with pytest.raises(InputError, match=r"region -?\d is outside the grid of 2 x 3"):
            grid.box(RegionRef(0, region))


def test_more_cells_than_an_id_map_can_tell_apart_are_refused() -> None:
    with pytest.raises(InputError, match="are 65536 in an image, and at most 65535"):
        region_grid(256, 256, 1, 1)
    assert region_grid(257, 255, 1, 1).id_map(0).max() == 257 * 255 - 1


def check_regions(regions: Regions, image: int) -> None:
    """Assert that the parts of `Regions` say the same of an image."""
    ids, count = regions.id_map(image), regions.count(image)
    assert ids.shape == (regions.height, regions.width) and ids.dtype == np.uint16
    assert 1 <= count <= regions.max_regions
    assert np.array_equal(np.unique(ids), np.arange(count))
    costs = regions.costs(image)
    assert costs.dtype == np.int64 and costs.sum() == ids.size
    for region in range(count):
        ref = RegionRef(image, region)
        box, mask = regions.box(ref), regions.mask(ref)
        inside = np.zeros(ids.shape, bool)
        inside[box.slices] = True if mask is None else mask
        assert np.array_equal(inside, ids == region)
        assert inside[box.slices].any(axis=0)[[0, -1]].all()
        assert inside[box.slices].any(axis=1)[[0, -1]].all()
        assert costs[region] == inside.sum()
        assert regions.overlapping(image, box, mask).tolist() == [region]
    names = {regions.stem(RegionRef(image, region)) for region in range(count)}
    assert len(names) == count and all("/" not in name for name in names)


@given(grids())
def test_every_pixel_is_in_exactly_one_cell_and_costs_add_up(grid: RegionGrid) -> None:
    check_regions(grid, 0)


@given(small_partitions())
def test_every_pixel_is_in_exactly_one_region_of_a_partition(regions: Regions) -> None:
    check_regions(regions, 0)
    check_regions(regions, 1)


@given(st.one_of(grids(), small_partitions()), st.data())
def test_overlapping_regions_share_a_pixel_with_the_box_or_its_mask(
    regions: Regions, data: st.DataObject
) -> None:
    top, left = (data.draw(st.integers(0, n - 1)) for n in (regions.height, regions.width))
    bottom = data.draw(st.integers(top + 1, regions.height))
    box = Box(top, left, bottom, data.draw(st.integers(left + 1, regions.width)))
    ids = regions.id_map(0)[box.slices]
    assert regions.overlapping(0, box, None).tolist() == np.unique(ids).tolist()
    seed = data.draw(st.integers(0, 2**32 - 1))
    mask = np.random.default_rng(seed).random(ids.shape) < 0.5
    assert regions.overlapping(0, box, mask).tolist() == np.unique(ids[mask]).tolist()


def test_the_cost_of_a_region_that_an_image_does_not_have_is_0() -> None:
    costs = region_costs(IRREGULAR, 3)
    assert costs.tolist() == [[8, 1, 10, 4, 12], [35, 0, 0, 0, 0], [7, 8, 11, 9, 0]]
    assert costs.dtype == np.int64
    assert region_costs(region_grid(5, 7, 2, 3), 2).tolist() == 2 * [[6, 6, 2, 6, 6, 2, 3, 3, 1]]

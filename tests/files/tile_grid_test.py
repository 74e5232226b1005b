"""Tiles cover a picture once, and their names say where they lie."""

import numpy as np
import pytest

from s4al_jax.files.tile_grid import TileName, parse_tile_name, tile_boxes
from s4al_jax.types import Box


def test_tiles_by_hand() -> None:
    # 5 x 8 pixels in tiles of 4 x 4: the second row has one row of pixels.
    found = {str(name): box for name, box in tile_boxes("a", (5, 8), (4, 4))}
    assert found == {
        "a@r0c0": Box(0, 0, 4, 4),
        "a@r0c1": Box(0, 4, 4, 8),
        "a@r1c0": Box(4, 0, 5, 4),
        "a@r1c1": Box(4, 4, 5, 8),
    }
    assert [box for _, box in tile_boxes("a", (2, 3), (4, 4))] == [Box(0, 0, 2, 3)]


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (5, 7), (12, 18), (13, 1), (3, 100)])
def test_every_pixel_is_in_one_tile_whose_name_says_where(size: tuple[int, int]) -> None:
    covered = np.zeros(size, int)
    for name, box in tile_boxes("x/y", size, (4, 6)):
        covered[box.slices] += 1
        assert parse_tile_name(str(name)).box((4, 6), box.shape) == box
        assert min(box.shape) > 0 and box.shape[0] <= 4 and box.shape[1] <= 6
    np.testing.assert_array_equal(covered, 1)


@pytest.mark.parametrize("picture", ["a", "deep/b c", "tile@r0c1", "@r1c1@r2c2", ""])
def test_a_name_is_read_as_it_was_written_whatever_the_picture_is_called(picture: str) -> None:
    tile = TileName(picture, 3, 12)
    assert str(tile) == f"{picture}@r3c12" and parse_tile_name(str(tile)) == tile

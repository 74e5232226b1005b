"""Tiles of the working size that cover a picture from its top left, at the picture's own scale.

A tile is called by its picture and its place, `trip/a@r0c1`: row 0, column 1. As every tile has
such an ending, and the grid is regular, the name alone says which pixels a tile has.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from s4al_jax.types import Box

Size = tuple[int, int]
"""height and width"""

_ENDING = re.compile(r"(?s)(.*)@r(\d+)c(\d+)")


class TileName(NamedTuple):
    """What the name of a tile says."""

    picture: str
    """the name of the picture"""
    row: int
    """in the grid, counted in tiles"""
    col: int

    def __str__(self) -> str:
        return f"{self.picture}@r{self.row}c{self.col}"

    def box(self, working: Size, shown: Size) -> Box:
        """The pixels of the picture that the tile shows.

        Args:
          working: height and width of a tile.
          shown: its rows and columns that are no padding.
        """
        top, left = self.row * working[0], self.col * working[1]
        return Box(top, left, top + shown[0], left + shown[1])


def parse_tile_name(name: str) -> TileName:
    """The parts of a tile's name."""
    found = _ENDING.fullmatch(name)
    assert found is not None, f"{name} is the name of no tile"
    return TileName(found[1], int(found[2]), int(found[3]))


def tile_boxes(picture: str, size: Size, working: Size) -> Iterator[tuple[TileName, Box]]:
    """The tiles of a picture, row by row; those of the last row and column end where it does."""
    for row in range(-(-size[0] // working[0])):
        for col in range(-(-size[1] // working[1])):
            name = TileName(picture, row, col)
            top, left = row * working[0], col * working[1]
            shown = min(working[0], size[0] - top), min(working[1], size[1] - left)
            yield name, name.box(working, shown)

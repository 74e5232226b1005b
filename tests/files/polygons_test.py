"""Polygons are drawn by the centers of pixels: by hand, and against a slow twin in fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s4al_jax.files.polygons import polygon_mask

HEIGHT, WIDTH = 7, 9
QUARTERS = st.integers(-12, 48).map(lambda n: n / 4)
"""Corners inside and outside of the picture, many of them on centers and edges of pixels."""


def drawn(*corners: tuple[float, float], height: int = 4, width: int = 5) -> list[str]:
    mask = polygon_mask(np.array(corners, float), height, width)
    return ["".join("#" if inside else "." for inside in row) for row in mask]


def is_inside(corners: list[tuple[float, float]], row: int, col: int) -> bool:
    """A ray to the left of a center crosses the outline an odd number of times."""
    x, y = Fraction(2 * col + 1, 2), Fraction(2 * row + 1, 2)
    crossings = 0
    for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True):
        ax, ay, cx, cy = map(Fraction, (a, b, c, d))
        if (ay <= y) != (cy <= y):
            crossings += ax + (y - ay) * (cx - ax) / (cy - ay) <= x
    return crossings % 2 == 1


def test_a_rectangle_has_the_pixels_whose_centers_it_covers() -> None:
    # From 1.4 to 3.5 are the centers 1.5 and 2.5: 3.5 lies on the edge and belongs to the right.
    assert drawn((1.4, 0.6), (3.5, 0.6), (3.5, 3.4), (1.4, 3.4)) == [
        ".....",
        ".##..",
        ".##..",
        ".....",
    ]


def test_a_triangle_by_hand() -> None:
    # The right edge is at x = 4 - y: 3.5, 2.5, 1.5 and 0.5, which are centers and out.
    assert drawn((0, 0), (4, 0), (0, 4)) == ["###..", "##...", "#....", "....."]


def test_what_is_crossed_twice_is_out() -> None:
    ring = [(0, 0), (5, 0), (5, 4), (0, 4), (0, 0), (1, 1), (1, 3), (4, 3), (4, 1), (1, 1)]
    assert drawn(*ring) == ["#####", "#...#", "#...#", "#####"]


def test_a_polygon_beyond_the_picture_is_cut_and_a_line_has_no_pixels() -> None:
    assert drawn((-50, -50), (2, -50), (2, 60), (-50, 60)) == ["##..."] * 4
    assert drawn((-9, 1), (-3, 1), (-3, 3)) == ["....."] * 4
    assert drawn((0, 1.5), (5, 1.5), (2, 1.5)) == ["....."] * 4


@given(st.lists(st.tuples(QUARTERS, QUARTERS), min_size=3, max_size=8))
def test_every_polygon_is_drawn_as_the_slow_twin_says(corners: list[tuple[float, float]]) -> None:
    mask = polygon_mask(np.array(corners), HEIGHT, WIDTH)
    slow = [[is_inside(corners, row, col) for col in range(WIDTH)] for row in range(HEIGHT)]
    assert mask.tolist() == slow


@given(st.lists(st.tuples(QUARTERS, QUARTERS), min_size=3, max_size=8))
def test_the_direction_of_the_outline_does_not_matter(corners: list[tuple[float, float]]) -> None:
    points = np.array(corners)
    np.testing.assert_array_equal(
        polygon_mask(points, HEIGHT, WIDTH), polygon_mask(points[::-1], HEIGHT, WIDTH)
    )


@given(st.floats(0, 9), st.floats(0, 9))
def test_two_polygons_with_a_common_edge_cover_every_pixel_once(top: float, low: float) -> None:
    left = polygon_mask(np.array([(0, 0), (top, 0), (low, 7), (0, 7)]), HEIGHT, WIDTH)
    right = polygon_mask(np.array([(9, 0), (9, 7), (low, 7), (top, 0)]), HEIGHT, WIDTH)
    assert np.all(left ^ right)

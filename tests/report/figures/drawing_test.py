"""Masks are covered exactly, pictures keep their pixels, outlines lie around their regions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_hex

from s4al_jax.regions.grid import region_grid
from s4al_jax.report.figures import drawing
from s4al_jax.types import RegionRef

MASKS = arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6)))


@given(MASKS)
def test_rectangles_cover_a_mask_and_every_pixel_once(mask: np.ndarray) -> None:
    covered = np.zeros(mask.shape, int)
    for box in drawing.rectangles(mask):
        covered[box.slices] += 1
    np.testing.assert_array_equal(covered, mask)


def test_a_block_is_one_rectangle() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 2:5] = True
    assert drawing.rectangles(mask) == [(1, 2, 4, 5)]
    mask[4, 0] = True
    assert len(drawing.rectangles(mask)) == 2


def test_outlines_lie_around_the_chosen_regions() -> None:
    figure, axes = drawing.picture_rows(1, 1, (5, 7), extra=0.5)
    drawing.outline_regions(axes[0, 0], region_grid(5, 7, 2, 3), [RegionRef(0, 7)])
    (patch,) = axes[0, 0].patches
    assert patch.get_xy() == (2.5, 3.5)
    assert (patch.get_width(), patch.get_height()) == (3, 1), "the last row is cut off"


def test_missing_scores_are_gray_and_others_never() -> None:
    colors = drawing.score_colors()
    assert to_hex(colors(np.nan)) == to_hex(drawing.LABELED_GRAY)
    assert to_hex(drawing.LABELED_GRAY) not in {to_hex(colors(value)) for value in range(256)}


def test_a_faint_image_is_gray_and_light() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    faint = drawing.faint_image(image)
    assert faint.dtype == np.uint8 and faint.min() >= 127
    assert (faint == faint[..., :1]).all()
    assert faint[0, 0, 0] == pytest.approx(image[0, 0].mean() / 2 + 127, abs=1)

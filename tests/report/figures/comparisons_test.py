"""Acquisition functions show the scores they gave; a difference covers the pixels it is about."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from s4al_jax.regions.grid import region_grid
from s4al_jax.report.figures import drawing
from s4al_jax.report.figures.acquisition import score_picture
from s4al_jax.report.figures.comparisons import (
    Overlap,
    acquisitions,
    chosen_pixels,
    difference,
    overlap,
)
from s4al_jax.types import RegionRef
from tests.support.stripes import Stripes

GRID = region_grid(5, 7, 2, 3)
POOL = (7, 2)
"""which images of the pool stand in the rows"""
IMAGES = list(np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8))
NAMES = ("first", "second")


def chosen(*cells: tuple[int, int, int]) -> list[RegionRef]:
    """Cells by (row of the figure, row, column) of the grid."""
    return [RegionRef(POOL[index], 3 * row + col) for index, row, col in cells]


def covered(axis: Axes, color: str) -> np.ndarray:
    """The pixels under an axis's patches of one color."""
    mask = np.zeros((5, 7), int)
    for patch in axis.patches:
        if to_hex(patch.get_facecolor()) == color.lower():
            left, top = (round(value + 0.5) for value in patch.get_xy())
            right, bottom = left + round(patch.get_width()), top + round(patch.get_height())
            mask[top:bottom, left:right] += 1
    return mask


def test_every_acquisition_function_has_a_scale_of_its_own() -> None:
    scores = {"a": np.arange(18.0).reshape(2, 9), "b": np.full((2, 9), 0.5)}
    scores["a"][0, 4] = np.nan
    queried = {"a": chosen((1, 2, 2), (1, 0, 0)), "b": [*chosen((0, 0, 1)), RegionRef(0, 0)]}
    figure = acquisitions(IMAGES, POOL, scores, queried, GRID, NAMES)
    pictures = [axis for axis in figure.axes if axis.images]
    titles = [axis.get_title() for axis in pictures]
    assert titles == ["image", "a", "b", "", "", ""]
    assert [pictures[0].get_ylabel(), pictures[3].get_ylabel()] == list(NAMES)
    for row, image in enumerate(IMAGES):
        line = pictures[3 * row : 3 * row + 3]
        np.testing.assert_array_equal(line[0].images[0].get_array(), image)
        for axis, name in zip(line[1:], scores, strict=True):
            drawn = np.ma.filled(axis.images[0].get_array(), np.nan)
            wanted = score_picture(scores[name][row], GRID, POOL[row])
            np.testing.assert_array_equal(drawn, wanted)
            of_image = [region for region in queried[name] if region.image == POOL[row]]
            assert len(axis.patches) == len(of_image)
    assert pictures[1].images[0].get_clim() == pictures[4].images[0].get_clim() == (0, 17)
    assert pictures[5].patches == [] or len(pictures[5].patches) == 0
    (below,) = [axis for axis in figure.axes if axis.get_legend()]
    assert [text.get_text() for text in below.get_legend().get_texts()] == [
        "queried",
        "labeled before",
    ]


def test_overlap_counts_pixels() -> None:
    one, other = np.array([[1, 1, 1, 0, 0]], bool), np.array([[0, 0, 1, 1, 0]], bool)
    assert overlap(one, other) == Overlap(only_one=2, only_other=1, both=1)
    assert overlap(one, other).share == pytest.approx(1 / 4)
    assert overlap(one, one).share == 1.0
    assert overlap(one, ~one).share == 0.0
    assert overlap(one & ~one, one & ~one).share == 1.0


def test_chosen_regions_become_their_pixels() -> None:
    irregular = Stripes(5, 7)
    (covered,) = chosen_pixels([RegionRef(3, 2), RegionRef(0, 1)], irregular, [3])
    np.testing.assert_array_equal(covered, irregular.id_map(3) == 2)
    found = chosen_pixels(chosen((0, 2, 2), (1, 0, 0)), GRID, POOL)
    assert found.dtype == bool and found.shape == (2, 5, 7)
    assert np.argwhere(found[0]).tolist() == [[4, 6]]
    assert found[1].sum() == 6 and found[1, :2, :3].all()


def test_a_difference_covers_each_part_in_its_color_and_hatching() -> None:
    coarse = region_grid(5, 7, 4, 7)
    one = chosen_pixels(chosen((0, 0, 0), (0, 2, 0), (1, 0, 0)), GRID, POOL)
    other = chosen_pixels([RegionRef(POOL[0], 0)], coarse, POOL)
    figure = difference(IMAGES, one, other, ("small", "large"), NAMES)
    assert [axis.get_title() for axis in figure.axes] == list(NAMES)
    for axis, image, mine, yours in zip(figure.axes, IMAGES, one, other, strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), drawing.faint_image(image))
        np.testing.assert_array_equal(covered(axis, drawing.ORANGE), mine & ~yours)
        np.testing.assert_array_equal(covered(axis, drawing.BLUE), yours & ~mine)
        np.testing.assert_array_equal(covered(axis, drawing.GREEN), mine & yours)
    hatches = {patch.get_hatch() for axis in figure.axes for patch in axis.patches}
    assert len(hatches) == 3 and None not in hatches
    # 3 + 6 pixels of small cells alone, 22 of the large one, 6 of both: 37 in all
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["only small: 24 %", "only large: 59 %", "both: 16 %"]

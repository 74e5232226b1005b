"""Figures show each region's score where the region is, and outline exactly the queried ones."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from s4al_jax.regions.grid import region_grid
from s4al_jax.report.figures.acquisition import (
    acquisition,
    contact_sheet,
    label_picture,
    pixels,
    save,
    score_picture,
)
from s4al_jax.types import UNLABELED, VOID, RegionRef
from tests.support.stripes import Stripes

GRID = region_grid(5, 7, 2, 3)
SCORES = np.arange(9, dtype=np.float32)
PICTURE = np.zeros((5, 7, 3), np.uint8)


def test_labels_take_their_colors_and_unlabeled_pixels_are_black() -> None:
    labels = np.array([[0, 1], [VOID, UNLABELED]], np.uint8)
    picture = label_picture(labels, ((128, 64, 128), (1, 2, 3)))
    assert picture.dtype == np.uint8 and picture.shape == (2, 2, 3)
    assert picture[0].tolist() == [[128, 64, 128], [1, 2, 3]]
    assert not picture[1].any()


def test_a_score_fills_its_region_and_nothing_else() -> None:
    picture = score_picture(SCORES, GRID, 0)
    assert picture.shape == (5, 7)
    assert picture[0].tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert picture[:, 6].tolist() == [2, 2, 5, 5, 8], "the last cells are smaller"
    irregular = Stripes(5, 7)
    found = score_picture(np.array([0.5, 2.0, 8.0, 9.0]), irregular, 1)
    np.testing.assert_array_equal(found == 2.0, irregular.id_map(1) == 1)


def test_the_queried_regions_are_outlined_in_both_pictures() -> None:
    chosen = [RegionRef(0, 0), RegionRef(0, 5), RegionRef(1, 3)]
    figure = acquisition(PICTURE, np.random.default_rng(0).random(9), GRID, 0, chosen)
    assert isinstance(figure, Figure)
    for axis in figure.axes[:2]:
        frames = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        assert len(frames) == 2
        assert frames[0].get_xy() == (-0.5, -0.5)
        assert (frames[0].get_width(), frames[0].get_height()) == (3, 2)
        assert (frames[1].get_xy(), frames[1].get_width()) == ((5.5, 1.5), 1)
    figure.savefig(file := io.BytesIO(), format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_a_region_of_any_shape_is_outlined_along_its_pixels() -> None:
    regions = Stripes(5, 7)
    figure = acquisition(PICTURE, np.zeros(4), regions, 2, [RegionRef(2, 1)])
    inside = regions.id_map(2) == 1
    assert 0 < inside.sum() < 35
    for axis in figure.axes[:2]:
        (patch,) = axis.patches
        assert isinstance(patch, PathPatch)
        rows, cols = np.indices((5, 7))
        centers = np.stack([cols.ravel(), rows.ravel()], axis=1)
        found = patch.get_path().contains_points(centers).reshape(5, 7)
        np.testing.assert_array_equal(found, inside)


def test_where_nothing_was_queried_nothing_is_outlined() -> None:
    figure = acquisition(PICTURE, np.zeros(9), GRID, 0, [])
    assert [len(axis.patches) for axis in figure.axes[:2]] == [0, 0]


def test_names_in_any_script_and_with_any_sign_are_drawn(tmp_path: Path) -> None:
    """Warnings are errors here: the font lacks the first, and the second looks like a formula."""
    picture, label = np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), np.uint8)
    names, palette = ("\u5929\u7a7a", "$a_$"), ((1, 2, 3), (4, 5, 6))
    figure = contact_sheet([picture, picture], [label, None], names, names, palette)
    save(figure, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_region_that_was_labeled_before_has_no_score() -> None:
    scores = SCORES.copy()
    scores[0] = np.nan
    figure = acquisition(PICTURE, scores, GRID, 0, [])
    heat = figure.axes[1].images[0]
    assert np.ma.getmaskarray(heat.get_array())[:2, :3].all()
    assert np.ma.getmaskarray(heat.get_array()).sum() == 6
    assert heat.get_clim() == (1, 8)


def test_pixels_are_those_of_the_figure() -> None:
    blank = acquisition(PICTURE[:4, :4], np.zeros(1), region_grid(4, 4, 4, 4), 0, [])
    picture = pixels(blank)
    assert picture.dtype == np.uint8 and picture.shape == (400, 1000, 3)
    assert picture[0, 0].tolist() == [255, 255, 255]

"""Figures show each cell's score where the cell is, and frame exactly the chosen ones."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from s4al_jax.regions import region_grid
from s4al_jax.report.figures.acquisition import (
    acquisition,
    cell_map,
    colored,
    contact_sheet,
    save,
)
from s4al_jax.types import UNLABELED, VOID

GRID = region_grid(5, 7, 2, 3)
BOXES = GRID.boxes


def test_labels_take_their_colors_and_the_unknown_is_black() -> None:
    labels = np.array([[0, 1], [VOID, UNLABELED]], np.uint8)
    picture = colored(labels, ((128, 64, 128), (1, 2, 3)))
    assert picture.dtype == np.uint8 and picture.shape == (2, 2, 3)
    assert picture[0].tolist() == [[128, 64, 128], [1, 2, 3]]
    assert not picture[1].any()


def test_a_score_fills_its_cell_and_nothing_else() -> None:
    scores = np.arange(9, dtype=np.float32).reshape(3, 3)
    picture = cell_map(scores, BOXES, (5, 7))
    assert picture.shape == (5, 7)
    assert picture[0].tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert picture[:, 6].tolist() == [2, 2, 5, 5, 8], "the last cells are smaller"


def test_the_chosen_cells_are_framed_in_both_pictures() -> None:
    chosen = np.zeros((3, 3), bool)
    chosen[1, 2] = chosen[0, 0] = True
    image = np.zeros((5, 7, 3), np.uint8)
    figure = acquisition(image, np.random.default_rng(0).random((3, 3)), BOXES, chosen)
    assert isinstance(figure, Figure)
    for axis in figure.axes[:2]:
        frames = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        assert len(frames) == 2
        assert frames[0].get_xy() == (-0.5, -0.5)
        assert (frames[0].get_width(), frames[0].get_height()) == (3, 2)
        assert (frames[1].get_xy(), frames[1].get_width()) == ((5.5, 1.5), 1)
    figure.savefig(file := io.BytesIO(), format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_where_nothing_was_chosen_nothing_is_framed() -> None:
    scores = np.zeros((3, 3))
    figure = acquisition(np.zeros((5, 7, 3), np.uint8), scores, BOXES, np.zeros((3, 3), bool))
    assert [len(axis.patches) for axis in figure.axes[:2]] == [0, 0]


def test_names_in_any_script_and_with_any_sign_are_drawn(tmp_path: Path) -> None:
    """Warnings are errors here: the font lacks the first, and the second looks like a formula."""
    picture, label = np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), np.uint8)
    names, palette = ("\u5929\u7a7a", "$a_$"), ((1, 2, 3), (4, 5, 6))
    figure = contact_sheet([picture, picture], [label, None], names, names, palette)
    save(figure, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_known_before_has_no_score() -> None:
    scores = np.arange(9, dtype=np.float32).reshape(3, 3)
    scores[0, 0] = np.nan
    figure = acquisition(np.zeros((5, 7, 3), np.uint8), scores, BOXES, np.zeros((3, 3), bool))
    heat = figure.axes[1].images[0]
    assert np.ma.getmaskarray(heat.get_array())[:2, :3].all()
    assert np.ma.getmaskarray(heat.get_array()).sum() == 6
    assert heat.get_clim() == (1, 8)

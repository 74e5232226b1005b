"""Predictions stand beside the truth pixel by pixel; changes are shown in color and numbers."""

import numpy as np
from matplotlib.colors import to_rgb

from s4al_jax.regions.grid import region_grid
from s4al_jax.report.figures import drawing
from s4al_jax.report.figures.acquisition import label_picture
from s4al_jax.report.figures.predictions import Queried, before_after, changes, uncertainty
from s4al_jax.types import UNLABELED, VOID, RegionRef

PALETTE = ((255, 0, 0), (0, 255, 0))
CLASSES = ("red", "green")
IMAGES = list(np.random.default_rng(0).integers(0, 256, (2, 2, 5, 3), np.uint8))
TRUTHS = [
    np.array([[0, 0, 1, 1, VOID], [0, 0, 0, 0, UNLABELED]], np.uint8),
    np.full((2, 5), UNLABELED, np.uint8),
]
BEFORE = np.array([[[1, 0, 1, 1, 0], [0, 0, 0, 0, 1]]] * 2, np.uint8)
AFTER = np.array([[[0, 1, 0, 1, 1], [0, 0, 0, 0, 0]]] * 2, np.uint8)
GRID = region_grid(2, 5, 2, 3)


def test_only_known_pixels_change_for_better_or_worse() -> None:
    gained, lost = changes(BEFORE[0], AFTER[0], TRUTHS[0])
    assert np.argwhere(gained).tolist() == [[0, 0]]
    assert np.argwhere(lost).tolist() == [[0, 1], [0, 2]]


def test_each_picture_stands_where_its_title_says() -> None:
    chosen = [RegionRef(5, 0), RegionRef(9, 1), RegionRef(1, 0)]
    figure = before_after(
        IMAGES, TRUTHS, {"old": BEFORE, "new": AFTER}, CLASSES, PALETTE, ("a", "b"),
        queried=Queried(GRID, chosen, (9, 5)),
    )  # fmt: skip
    axes = np.reshape(figure.axes, (2, 5))
    assert [axis.get_title() for axis in axes[0]] == [
        *("image", "truth", "old", "new", "what changed")
    ]
    for row, line in enumerate(axes):
        wanted = (
            IMAGES[row],
            *(label_picture(m, PALETTE) for m in (TRUTHS[row], BEFORE[row], AFTER[row])),
        )
        for axis, picture in zip(line[:4], wanted, strict=True):
            np.testing.assert_array_equal(axis.images[0].get_array(), picture)
        (patch,) = line[0].patches
        assert patch.get_xy()[0] == (2.5, -0.5)[row]
    # Of eight known pixels seven were right, six are now: one was gained, two were lost.
    assert [axis.get_xlabel() for axis in axes[0, 2:]] == [
        "87.5 % right", "75.0 % right", "now right 12.5 %, now wrong 25.0 %",
    ]  # fmt: skip
    assert axes[1, 2].get_xlabel() == "no truth"
    shown = axes[0, 4].images[0].get_array()
    for place, color in (((0, 0), drawing.BLUE), ((0, 1), drawing.ORANGE)):
        np.testing.assert_allclose(shown[place], np.multiply(255, to_rgb(color)), atol=1)
    np.testing.assert_array_equal(shown[1], drawing.faint_image(IMAGES[0])[1])
    legends = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
    assert legends == [["0 red", "1 green"], ["now right", "now wrong"]]


def test_one_network_alone_changes_nothing() -> None:
    figure = before_after(IMAGES, TRUTHS, {"now": AFTER}, CLASSES, PALETTE, ("a", "b"))
    assert [axis.get_title() for axis in figure.axes[:3]] == ["image", "truth", "now"]
    assert len(figure.axes) == 6 and len(figure.legends) == 1


def test_uncertainty_is_shown_on_one_scale() -> None:
    old, new = np.full((2, 2, 5), 0.25), np.linspace(0, 1, 20).reshape(2, 2, 5)
    queried = Queried(GRID, [RegionRef(0, 0), RegionRef(0, 1)], (0, 1))
    figure = uncertainty(IMAGES, {"old": old, "new": new}, ("a", "b"), queried=queried)
    axes = np.reshape(figure.axes[:6], (2, 3))
    for row, line in enumerate(axes):
        np.testing.assert_array_equal(line[1].images[0].get_array(), old[row])
        np.testing.assert_array_equal(line[2].images[0].get_array(), new[row])
        assert {axis.images[0].get_clim() for axis in line[1:]} == {(0, 1)}
        assert [len(axis.patches) for axis in line] == [(2, 0)[row]] * 3
    assert axes[0, 1].get_xlabel() == "mean 0.25" and axes[1, 2].get_xlabel() == "mean 0.76"

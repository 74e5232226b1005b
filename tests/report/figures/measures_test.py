"""Curves, tables and bars show the numbers that they were given."""

import numpy as np
from matplotlib.axes import Axes

from s4al_jax.report.figures.measures import (
    Curve,
    class_iou,
    class_shares,
    confusion_matrix,
    learning_curve,
)


def written(axis: Axes) -> dict[tuple[int, int], str]:
    """(row, column) -> the number that a table says there."""
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text()
        for text in axis.texts
    }


def test_a_curve_is_drawn_in_percent_and_says_its_points() -> None:
    curves = {
        "entropy": Curve((0.10, 0.12), (0.25, 0.375), (0.01, 0.02)),
        "random": Curve((0.10, 0.12), (0.25, 0.30)),
    }
    figure = learning_curve(curves, levels={"all labels": 0.40})
    (axis,) = figure.axes
    lines = {container.get_label(): container.lines[0] for container in axis.containers}
    np.testing.assert_allclose(lines["entropy"].get_xydata(), [[10, 25], [12, 37.5]])
    np.testing.assert_allclose(lines["random"].get_xydata(), [[10, 25], [12, 30]])
    looks = {(line.get_marker(), line.get_linestyle()) for line in lines.values()}
    assert len(looks) == 2, "color alone does not tell them apart"
    (segments,) = axis.containers[0].lines[2]
    np.testing.assert_allclose(segments.get_segments()[1][:, 1], [35.5, 39.5])
    assert [text.get_text() for text in axis.texts] == ["25.0", "37.5", "25.0", "30.0"]
    (level,) = [line for line in axis.lines if line.get_label() == "all labels"]
    np.testing.assert_allclose(level.get_ydata(), 40)
    assert {text.get_text() for text in axis.get_legend().get_texts()} == {
        *("entropy", "random", "all labels")
    }


def test_no_curve_is_left_out_however_many_there_are() -> None:
    figure = learning_curve({str(index): Curve((0.1,), (0.2,)) for index in range(9)})
    assert len(figure.axes[0].containers) == 9


def test_shares_are_of_each_purchase_and_ordered_by_the_first() -> None:
    pixels = {"at the start": np.array([10, 70, 20]), "bought": np.array([3, 0, 1])}
    figure = class_shares(pixels, ("car", "road", "sky"))
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["road", "sky", "car"]
    widths = [[bar.get_width() for bar in bars] for bars in axis.containers]
    np.testing.assert_allclose(widths, [[70, 20, 10], [0, 25, 75]])
    middles = np.array([[bar.get_y() + bar.get_height() / 2 for bar in b] for b in axis.containers])
    np.testing.assert_allclose(middles.mean(axis=0), [0, 1, 2], atol=1e-9)
    assert (middles[0] < middles[1]).all()
    assert {bars[0].get_hatch() for bars in axis.containers} == {"", "////"}
    low, high = axis.get_ylim()
    assert low > high, "the commonest on top"
    assert [text.get_text() for text in axis.texts] == [
        "70.0",
        "20.0",
        "10.0",
        "0.0",
        "25.0",
        "75.0",
    ]
    left, right = axis.get_xlim()
    assert left == 0 and right > 75


def test_each_class_has_a_row_and_each_cycle_a_column() -> None:
    ious = {"cycle 0": np.array([0.5, np.nan]), "cycle 1": np.array([0.625, 0.0])}
    (axis,) = class_iou(ious, ("sky", "fence")).axes
    table = np.ma.filled(axis.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(table, [[50, 62.5], [np.nan, 0]])
    assert written(axis) == {(0, 0): "50.0", (0, 1): "62.5", (1, 1): "0.0"}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["sky", "fence"]
    assert [label.get_text() for label in axis.get_xticklabels()] == list(ious)


def test_a_confusion_is_in_percent_of_the_true_class() -> None:
    confusion = np.array([[30, 10, 0], [1, 999, 0], [0, 0, 0]])
    (axis,) = confusion_matrix(confusion, ("a", "b", "never there")).axes
    table = np.ma.filled(axis.images[0].get_array(), np.nan)
    np.testing.assert_allclose(table[:2], [[75, 25, 0], [0.1, 99.9, 0]])
    assert np.isnan(table[2]).all()
    assert written(axis) == {(0, 0): "75", (0, 1): "25", (1, 1): "100"}
    assert axis.images[0].get_clim() == (0, 100)

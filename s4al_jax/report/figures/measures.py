"""Pictures of results: mIoU over labels, IoU of each class, classes of the annotations."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from s4al_jax.report.figures.drawing import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    RED,
    empty_figure,
    score_colors,
)

_LINES = tuple(
    zip((BLUE, RED, GREEN, PINK, ORANGE, BLACK), "osD^vP", ("-", "--", "-.", ":") * 2, strict=False)
)
"""color, marker and dashes of each line of a figure"""

_BARS = tuple(
    zip((BLUE, ORANGE, GREEN, PINK, RED), ("", "////", "....", "\\\\\\\\", "xxxx"), strict=True)
)
"""color and hatching"""


class Curve(NamedTuple):
    """mIoU or IoU of a run or of several, cycle by cycle; fractions from 0 to 1."""

    shares: Sequence[float]
    """of the pool's pixels that were labeled"""
    mious: Sequence[float]
    stds: Sequence[float] | None = None


def learning_curve(
    curves: Mapping[str, Curve], *, levels: Mapping[str, float] | None = None
) -> Figure:
    """mIoU over labeled pixels, in %; `levels` are lines to compare with, as full supervision."""
    figure = empty_figure(7.5, 4.5)
    axis = figure.subplots()
    draw_curves(axis, curves, levels=levels or {}, numbers=True)
    axis.margins(0.1, 0.2)
    axis.set_xlabel("labeled pixels, % of the pool")
    axis.set_ylabel("mIoU, %")
    axis.legend(fontsize=9)
    return figure


def draw_curves(
    axis: Axes,
    curves: Mapping[str, Curve],
    *,
    levels: Mapping[str, float],
    points: Mapping[str, tuple[float, float]] | None = None,
    numbers: bool = False,
) -> None:
    """Draw learning curves into axes in %, without a legend.

    Args:
      axis: where to.
      curves: lines with their spread, by name.
      levels: mIoU that do not depend on the labeled share, by name: lines across.
      points: (share, mIoU) that belong to no curve, by name.
      numbers: whether each mIoU of a curve stands beside it.
    """
    for (name, curve), (color, marker, dashes) in zip(curves.items(), cycle(_LINES), strict=False):
        axis.errorbar(
            100 * np.asarray(curve.shares),
            100 * np.asarray(curve.mious),
            yerr=None if curve.stds is None else 100 * np.asarray(curve.stds),
            color=color,
            marker=marker,
            markersize=5,
            linestyle=dashes,
            capsize=4,
            label=name,
        )
        for share, miou in zip(curve.shares, curve.mious, strict=True) if numbers else ():
            axis.annotate(
                f"{100 * miou:.1f}",
                (100 * share, 100 * miou),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=color,
            )
    for (name, level), dashes in zip(levels.items(), cycle(("--", ":", "-.")), strict=False):
        axis.axhline(100 * level, color="0.35", linestyle=dashes, linewidth=1.2, label=name)
    for (name, point), marker in zip((points or {}).items(), cycle("x+^v"), strict=False):
        axis.plot([100 * point[0]], [100 * point[1]], marker, color="0.35", label=name)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def class_shares(pixels: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Each class's share of the annotated pixels, in groups of annotations by name.

    The classes are in the order of the first group, the most frequent on top. The scale is linear
    up to 1 % and logarithmic above, so that rare classes are visible.
    """
    shares = {name: 100 * of / max(of.sum(), 1) for name, of in pixels.items()}
    order = np.argsort(-next(iter(shares.values())), kind="stable")
    figure = empty_figure(9.0, 0.16 * len(classes) * (len(shares) + 0.5) + 0.9)
    axis = figure.subplots()
    thick = 0.8 / len(shares)
    for index, (name, share) in enumerate(shares.items()):
        color, hatch = _BARS[index % len(_BARS)]
        places = np.arange(len(classes)) + (index - (len(shares) - 1) / 2) * thick
        bars = axis.barh(
            places,
            share[order],
            height=0.9 * thick,
            color=color,
            edgecolor="black",
            linewidth=0.5,
            hatch=hatch,
            label=name,
        )
        axis.bar_label(bars, fmt="%.1f", fontsize=8, padding=3)
    axis.set_xscale("symlog", linthresh=1.0)
    axis.set_xlim(0, 1.6 * max(1.0, *(share.max() for share in shares.values())))
    axis.set_xticks([0, 1, 10, 50], ["0", "1", "10", "50"])
    axis.set_yticks(np.arange(len(classes)), [classes[index] for index in order])
    axis.set_ylim(len(classes) - 0.4, -0.6)
    axis.set_xlabel("% of the labeled pixels (logarithmic from 1 %)")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=9, loc="lower right")
    return figure


def class_iou(ious: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Each class's IoU from 0 to 1, nan where it has none: a column for each cycle, by its name."""
    table = 100 * np.stack(list(ious.values()), axis=1)
    figure = empty_figure(2.2 + 1.1 * len(ious), 0.34 * len(classes) + 1.1)
    axis = figure.subplots()
    _numbers(axis, table, rows=classes, cols=list(ious), largest=100, digits=1)
    axis.set_title("IoU of each class, %", fontsize=11)
    return figure


def confusion_matrix(confusion: np.ndarray, classes: Sequence[str]) -> Figure:
    """`[true class, predicted class]` in pixels, as % of the true class; blank below 0.5 %."""
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, 100 * confusion / np.maximum(totals, 1), np.nan)
    size = 0.62 * len(classes)
    figure = empty_figure(size + 2.0, 0.7 * size + 1.7)
    axis = figure.subplots()
    _numbers(axis, shares, rows=classes, cols=classes, largest=100, digits=0)
    axis.set_title("predictions (columns) of each true class (rows), % of its pixels", fontsize=11)
    return figure


def _numbers(
    axis: Axes,
    table: np.ndarray,
    *,
    rows: Sequence[str],
    cols: Sequence[str],
    largest: float,
    digits: int,
) -> None:
    """Draw a table of numbers with colors from 0 to `largest`; nan is blank."""
    axis.imshow(table, cmap=score_colors(missing="white"), vmin=0, vmax=largest, aspect="auto")
    for row, col in np.argwhere(np.isfinite(table)):
        text = f"{table[row, col]:.{digits}f}"
        if float(text) or digits:
            color = "black" if table[row, col] > 0.55 * largest else "white"
            axis.text(col, row, text, ha="center", va="center", color=color, fontsize=9)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_xticks(range(len(cols)), cols)
    if max(map(len, cols)) > 9:
        for label in axis.get_xticklabels():
            label.set(rotation=40, ha="left", rotation_mode="anchor")
    axis.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axis.spines[:].set_visible(False)

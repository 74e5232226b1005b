"""Pictures of what a network saw and asked for; each function returns a matplotlib figure."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.labels.requests import overlay
from s4al_jax.report.figures.drawing import frame, heat, shown
from s4al_jax.types import Box, InputError


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file of whatever kind its ending says."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes; the report spells it.
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot write ({reason}); name a .png in a folder") from error


def pixels(figure: Figure) -> np.ndarray:
    """The figure as a picture: uint8 `[height, width, 3]`."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def colored(labels: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A label map in its classes' colors; void and unknown pixels are black."""
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    return colors[labels]


def cell_map(
    scores: np.ndarray, boxes: Sequence[Sequence[Box]], size: tuple[int, int]
) -> np.ndarray:
    """A grid of scores `[rows, cols]` as a picture of `size`; `boxes[row][col]` says where."""
    picture = np.zeros(size, np.float32)
    for row, line in enumerate(boxes):
        for col, box in enumerate(line):
            picture[box.slices] = scores[row, col]
    return picture


def class_patches(classes: Sequence[str], palette: Sequence[tuple[int, int, int]]) -> list[Patch]:
    """What a legend of the classes is made of."""
    return [
        Patch(color="#" + bytes(palette[index]).hex(), label=f"{index} {name}")
        for index, name in enumerate(classes)
    ]


def acquisition(
    image: np.ndarray, scores: np.ndarray, boxes: Sequence[Sequence[Box]], chosen: np.ndarray
) -> Figure:
    """An image beside its cells' scores, the chosen cells `[rows, cols]` framed in both.

    A score that is nan, because the cell was known before, is gray.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    shown(axes[0], image)
    axes[0].set_title("image and chosen cells")
    drawn = shown(axes[1], cell_map(scores, boxes, image.shape[:2]), cmap=heat())
    axes[1].set_title("score of each cell")
    figure.colorbar(drawn, ax=axes[1], fraction=0.046)
    for axis in axes:
        frame(axis, chosen, boxes)
    return figure


def contact_sheet(
    pictures: Sequence[np.ndarray],
    labels: Sequence[np.ndarray | None],
    names: Sequence[str],
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
) -> Figure:
    """Pictures in rows of four, half covered by the colors of their classes, with a legend.

    Where a picture has no labels it is shown as it is.
    """
    rows = max(1, -(-len(pictures) // 4))
    figure = Figure(figsize=(13, 2.7 * rows + 1.0), layout="constrained")
    axes = figure.subplots(rows, 4, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture, label, name in zip(axes.flat, pictures, labels, names, strict=False):
        axis.imshow(picture if label is None else overlay(picture, label, palette))
        title = name if label is not None else f"{name} (no mask)"
        axis.set_title(title, fontsize=7, parse_math=False)
    legend = figure.legend(
        handles=class_patches(classes, palette), loc="outside lower center", ncols=8, fontsize=8
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure

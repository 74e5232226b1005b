"""Pictures of what a network saw and asked for; each function returns a matplotlib figure."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from s4al_jax.pool.request_files import overlay
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


def colored(labels: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A label map in its classes' colours; void and unknown pixels are black."""
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


def acquisition(
    image: np.ndarray, scores: np.ndarray, boxes: Sequence[Sequence[Box]], chosen: np.ndarray
) -> Figure:
    """An image beside its cells' scores, the chosen cells `[rows, cols]` framed in both."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    axes[0].imshow(image)
    axes[0].set_title("image and chosen regions")
    heat = axes[1].imshow(cell_map(scores, boxes, image.shape[:2]), cmap="viridis")
    axes[1].set_title("score of each cell")
    figure.colorbar(heat, ax=axes[1], fraction=0.046)
    for axis in axes:
        axis.set_axis_off()
        for row, col in np.argwhere(chosen):
            box = boxes[row][col]
            corner, width, height = (box.left - 0.5, box.top - 0.5), box.right - box.left, 0
            height = box.bottom - box.top
            axis.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="red", lw=1.5))
    return figure


def contact_sheet(
    pictures: Sequence[np.ndarray],
    labels: Sequence[np.ndarray | None],
    names: Sequence[str],
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
) -> Figure:
    """Pictures in rows of four, half covered by the colours of their classes, with a legend.

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
    patches = [
        Patch(color="#" + bytes(palette[index]).hex(), label=f"{index} {name}")
        for index, name in enumerate(classes)
    ]
    legend = figure.legend(handles=patches, loc="outside lower center", ncols=8, fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure

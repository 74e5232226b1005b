"""Pictures of what a network saw and asked for; each function returns a matplotlib figure."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from s4al_jax.types import Box


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

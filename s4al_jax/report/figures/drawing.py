"""What figures are drawn with: pictures in rows, outlines of regions, masks in color and hatching.

Colors are viridis and those of Okabe and Ito, which most people can tell apart, and none stands
alone: outlines are white and black, masks are hatched or differ in lightness, numbers stand beside.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from s4al_jax.regions.protocol import Regions
from s4al_jax.report.outlines import region_outline
from s4al_jax.types import Box, RegionRef

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    *("#000000", "#E69F00", "#56B4E9", "#009E73"),
    *("#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
)
"""Okabe and Ito's colors."""

LABELED_GRAY = "0.75"
"""Regions that could not be queried, since they were labeled."""

WIDTH = 12.0
"""of every figure, in inches"""


def empty_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that arranges its axes itself."""
    return Figure((width, height), layout=ConstrainedLayoutEngine(h_pad=0.07, w_pad=0.05))


def picture_rows(
    rows: int, cols: int, shape: Sequence[int], *, extra: float
) -> tuple[Figure, np.ndarray]:
    """A figure of pictures of one `shape` and its axes `[rows, cols]`; `extra` inches for text."""
    figure = empty_figure(WIDTH, _rows_height(rows, cols, shape) + extra)
    return figure, figure.subplots(rows, cols, squeeze=False)


def picture_rows_with_scales(
    rows: int, cols: int, shape: Sequence[int], *, extra: float
) -> tuple[Figure, np.ndarray, np.ndarray]:
    """As `picture_rows`, and below each column narrow axes for its scale, `[cols]`."""
    tall = _rows_height(rows, cols, shape)
    figure = empty_figure(WIDTH, tall + extra)
    axes = figure.subplots(
        rows + 1, cols, squeeze=False, height_ratios=[*[1.0] * rows, 0.12 * rows / tall]
    )
    return figure, axes[:-1], axes[-1]


def _rows_height(rows: int, cols: int, shape: Sequence[int]) -> float:
    return rows * (0.95 * WIDTH / cols * shape[0] / shape[1] + 0.15)


def draw_picture(axis: Axes, picture: np.ndarray, **how: Any) -> AxesImage:
    """Draw a picture pixel by pixel, with nothing but a thin line around it."""
    drawn = axis.imshow(picture, interpolation="nearest", **how)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_linewidth(0.5)
    return drawn


def score_colors(missing: str = LABELED_GRAY) -> Colormap:
    """The colors of scores, and of nan."""
    return colormaps["viridis"].with_extremes(bad=missing)


def outline_regions(axis: Axes, regions: Regions, chosen: Iterable[RegionRef]) -> None:
    """Outline regions of the image that an axis shows, so that it is visible on every color."""
    around = [patheffects.Stroke(linewidth=2.8, foreground="black"), patheffects.Normal()]
    for region in chosen:
        patch = _outline(regions, region, fill=False, edgecolor="white", linewidth=1.4)
        patch.set_path_effects(around)
        axis.add_patch(patch)


def _outline(regions: Regions, region: RegionRef, **how: Any) -> Patch:
    if regions.mask(region) is None:
        return _rectangle(regions.box(region), **how)
    vertices: list[tuple[float, float]] = []
    codes: list[np.uint8] = []
    for ring in region_outline(regions, region):
        vertices += [(col - 0.5, row - 0.5) for row, col in (*ring, ring[0])]
        codes += [Path.MOVETO, *[Path.LINETO] * (len(ring) - 1), Path.CLOSEPOLY]
    return PathPatch(Path(vertices, codes), **how)


def hatch_mask(axis: Axes, mask: np.ndarray, color: str, hatch: str) -> None:
    """Cover a bool map of pixels with a color and a hatching."""
    for box in rectangles(mask):
        how = {"facecolor": color, "edgecolor": "black", "hatch": hatch, "linewidth": 0.6}
        axis.add_patch(_rectangle(box, alpha=0.75, **how))


def faint_image(image: np.ndarray) -> np.ndarray:
    """An image in light gray, uint8 RGB, to draw something over."""
    gray = (image.mean(axis=-1, keepdims=True) / 2 + 127).astype(np.uint8)
    return np.repeat(gray, 3, axis=-1)


def rectangles(mask: np.ndarray) -> list[Box]:
    """Boxes that cover a bool map exactly, each pixel once: runs of a row, joined downwards."""
    open_runs: dict[tuple[int, int], int] = {}
    found: list[Box] = []
    below = np.zeros_like(mask[:1])
    for row, line in enumerate(np.concatenate([mask, below])):
        edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0)).tolist()
        runs = list(zip(edges[::2], edges[1::2], strict=True))
        for left, right in [run for run in open_runs if run not in runs]:
            found.append(Box(open_runs.pop((left, right)), left, row, right))
        for run in runs:
            open_runs.setdefault(run, row)
    return found


def _rectangle(box: Box, **how: Any) -> Rectangle:
    corner = (box.left - 0.5, box.top - 0.5)
    return Rectangle(corner, box.right - box.left, box.bottom - box.top, **how)

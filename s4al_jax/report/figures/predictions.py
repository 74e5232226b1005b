"""Pictures of predictions: beside the truth, what changed, and where networks are uncertain."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.files.images import Color
from s4al_jax.regions.protocol import Regions
from s4al_jax.report.figures.acquisition import class_patches, label_picture
from s4al_jax.report.figures.drawing import (
    BLUE,
    ORANGE,
    draw_picture,
    faint_image,
    outline_regions,
    picture_rows,
)
from s4al_jax.types import RegionRef


class Queried(NamedTuple):
    """Regions to outline in the images of a figure."""

    regions: Regions
    chosen: Sequence[RegionRef]
    images: Sequence[int]
    """which image of the pool stands in each row of the figure"""

    def in_row(self, row: int) -> list[RegionRef]:
        """The regions of the image in a row."""
        return [region for region in self.chosen if region.image == self.images[row]]


def before_after(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Mapping[str, np.ndarray],
    classes: Sequence[str],
    palette: Sequence[Color],
    names: Sequence[str],
    *,
    queried: Queried | None = None,
) -> Figure:
    """A row for each image: the image, its truth, and the prediction of each network.

    Where there are several networks, a last column shows what changed from the first to the last.

    Args:
      images: uint8 `[height, width, 3]` each.
      truths: uint8 `[height, width]`; `VOID` and `UNLABELED` pixels count as neither right nor
        wrong.
      predictions: title -> uint8 `[images, height, width]`, in order of time.
      classes: their names.
      palette: their colors.
      names: of the images.
      queried: regions to outline in the images.
    """
    maps = list(predictions.values())
    several = len(maps) > 1
    titles = ["image", "truth", *predictions, *(["what changed"] if several else [])]
    figure, axes = picture_rows(len(images), len(titles), images[0].shape, extra=1.1)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    for row, (line, image, truth) in enumerate(zip(axes, images, truths, strict=True)):
        draw_picture(line[0], image)
        line[0].set_ylabel(names[row], fontsize=9)
        draw_picture(line[1], label_picture(truth, palette))
        if queried:
            outline_regions(line[0], queried.regions, queried.in_row(row))
        for axis, predicted in zip(line[2:], maps, strict=False):
            draw_picture(axis, label_picture(predicted[row], palette))
            axis.set_xlabel(_accuracy(predicted[row], truth, len(classes)), fontsize=9)
        if several:
            gained, lost = changes(maps[0][row], maps[-1][row], truth)
            draw_picture(line[-1], _changes_picture(image, gained, lost))
            share = 100 / max((truth < len(classes)).sum(), 1)
            text = f"now right {gained.sum() * share:.1f} %, now wrong {lost.sum() * share:.1f} %"
            line[-1].set_xlabel(text, fontsize=8)
    legend = class_patches(classes, palette)
    figure.legend(handles=legend, loc="outside lower left", ncols=6, fontsize=9)
    if several:
        legend = [Patch(color=BLUE, label="now right"), Patch(color=ORANGE, label="now wrong")]
        figure.legend(handles=legend, loc="outside lower right", fontsize=9)
    return figure


def changes(
    before: np.ndarray, after: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """bool maps: wrong before and right now, and right before and wrong now.

    Where there is no truth, no prediction is right.
    """
    was, now = before == truth, after == truth
    return ~was & now, was & ~now


def uncertainty(
    images: Sequence[np.ndarray],
    maps: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    queried: Queried | None = None,
) -> Figure:
    """A row for each image: the uncertainty of each network from 0 to 1, all on one scale.

    Args:
      images: uint8 `[height, width, 3]` each.
      maps: title -> float `[images, height, width]`.
      names: of the images.
      queried: regions to outline in all pictures.
    """
    figure, axes = picture_rows(len(images), 1 + len(maps), images[0].shape, extra=1.2)
    for axis, title in zip(axes[0], ("image", *maps), strict=True):
        axis.set_title(title)
    for row, (line, image) in enumerate(zip(axes, images, strict=True)):
        draw_picture(line[0], image)
        line[0].set_ylabel(names[row], fontsize=9)
        for axis, values in zip(line[1:], maps.values(), strict=True):
            drawn = draw_picture(axis, values[row], cmap="viridis", vmin=0, vmax=1)
            axis.set_xlabel(f"mean {values[row].mean():.2f}", fontsize=9)
        for axis in line:
            if queried:
                outline_regions(axis, queried.regions, queried.in_row(row))
    below = list(axes.flat)
    bar = figure.colorbar(drawn, ax=below, location="bottom", shrink=0.5, aspect=45, pad=0.02)
    bar.set_label("entropy (1: every class is as likely)", fontsize=9)
    return figure


def _accuracy(predicted: np.ndarray, truth: np.ndarray, num_classes: int) -> str:
    known = truth < num_classes
    if not known.any():
        return "no truth"
    return f"{100 * (predicted == truth)[known].mean():.1f} % right"


def _changes_picture(image: np.ndarray, gained: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The image in light gray, blue where it is right now, orange where it is wrong now."""
    picture = faint_image(image)
    for mask, color in ((gained, BLUE), (lost, ORANGE)):
        picture[mask] = tuple(bytes.fromhex(color[1:]))
    return picture

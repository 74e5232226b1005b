"""Pictures of what networks take images for: beside the truth, what changed, where in doubt."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.data.images import Color
from s4al_jax.report.figures.acquisition import class_patches, colored
from s4al_jax.report.figures.drawing import BLUE, ORANGE, faint, frame, picture_rows, shown
from s4al_jax.types import Box


class Cells(NamedTuple):
    """Cells to frame in some images."""

    chosen: np.ndarray
    """bool `[images, rows, cols]`"""
    boxes: Sequence[Sequence[Box]]


def before_after(
    images: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    predictions: Mapping[str, np.ndarray],
    classes: Sequence[str],
    palette: Sequence[Color],
    names: Sequence[str],
    *,
    asked: Cells | None = None,
) -> Figure:
    """A row for each image: the image, its truth, and what each network takes it for.

    `predictions` are uint8 `[images, height, width]` by their titles, in order of time; where there
    are several, a last column says what changed from the first to the last. Where a truth is not
    known (`VOID`, `UNLABELED`), nothing is right or wrong. `asked` frames cells in the images.
    """
    maps = list(predictions.values())
    several = len(maps) > 1
    titles = ["image", "truth", *predictions, *(["what changed"] if several else [])]
    figure, axes = picture_rows(len(images), len(titles), images[0].shape, extra=1.1)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    for row, (line, image, truth) in enumerate(zip(axes, images, truths, strict=True)):
        shown(line[0], image)
        line[0].set_ylabel(names[row], fontsize=9)
        shown(line[1], colored(truth, palette))
        if asked:
            frame(line[0], asked.chosen[row], asked.boxes)
        for axis, seen in zip(line[2:], maps, strict=False):
            shown(axis, colored(seen[row], palette))
            axis.set_xlabel(_right(seen[row], truth, len(classes)), fontsize=9)
        if several:
            mended, broken = changes(maps[0][row], maps[-1][row], truth)
            shown(line[-1], _laid_over(image, mended, broken))
            share = 1 / max((truth < len(classes)).sum(), 1)
            gained, lost = mended.sum() * share, broken.sum() * share
            said = f"now right {100 * gained:.1f} %, now wrong {100 * lost:.1f} %"
            line[-1].set_xlabel(said, fontsize=8)
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

    Where the truth is not known, no prediction is right.
    """
    was, now = before == truth, after == truth
    return ~was & now, was & ~now


def uncertainty(
    images: Sequence[np.ndarray],
    maps: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    asked: Cells | None = None,
) -> Figure:
    """A row for each image: where each network is unsure, from 0 to 1, all on one scale.

    `maps` are float `[images, height, width]` by their titles; `asked` frames cells in all of them.
    """
    figure, axes = picture_rows(len(images), 1 + len(maps), images[0].shape, extra=1.2)
    for axis, title in zip(axes[0], ("image", *maps), strict=True):
        axis.set_title(title)
    for row, (line, image) in enumerate(zip(axes, images, strict=True)):
        shown(line[0], image)
        line[0].set_ylabel(names[row], fontsize=9)
        for axis, unsure in zip(line[1:], maps.values(), strict=True):
            drawn = shown(axis, unsure[row], cmap="viridis", vmin=0, vmax=1)
            axis.set_xlabel(f"mean {unsure[row].mean():.2f}", fontsize=9)
        for axis in line:
            if asked:
                frame(axis, asked.chosen[row], asked.boxes)
    below = list(axes.flat)
    bar = figure.colorbar(drawn, ax=below, location="bottom", shrink=0.5, aspect=45, pad=0.02)
    bar.set_label("entropy (1: every class is as likely)", fontsize=9)
    return figure


def _right(seen: np.ndarray, truth: np.ndarray, num_classes: int) -> str:
    known = truth < num_classes
    if not known.any():
        return "no truth"
    return f"{100 * (seen == truth)[known].mean():.1f} % right"


def _laid_over(image: np.ndarray, mended: np.ndarray, broken: np.ndarray) -> np.ndarray:
    """The image in light gray, blue where it is right now, orange where it is wrong now."""
    picture = faint(image)
    for mask, color in ((mended, BLUE), (broken, ORANGE)):
        picture[mask] = tuple(bytes.fromhex(color[1:]))
    return picture

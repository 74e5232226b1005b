"""Pictures of questions to a network: what each asked for, and how far two of them agree."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.report.figures.acquisition import cell_map
from s4al_jax.report.figures.drawing import (
    BLUE,
    GREEN,
    KNOWN_GRAY,
    ORANGE,
    faint,
    frame,
    hatched,
    heat,
    picture_rows,
    picture_rows_with_scales,
    shown,
)
from s4al_jax.types import Box


class Overlap(NamedTuple):
    """Pixels that only one of two choices has, and those that both have."""

    only_one: int
    only_other: int
    both: int

    @property
    def share(self) -> float:
        """What both have, of all that either has; 1 where neither has anything."""
        return self.both / sum(self) if any(self) else 1.0


def overlap(one: np.ndarray, other: np.ndarray) -> Overlap:
    """Of two choices as bool maps of pixels, whatever the cells that they were made of."""
    only_one, only_other, both = _parts(one, other)
    return Overlap(int(only_one.sum()), int(only_other.sum()), int(both.sum()))


def chosen_pixels(
    chosen: np.ndarray, boxes: Sequence[Sequence[Box]], size: tuple[int, int]
) -> np.ndarray:
    """bool `[images, height, width]` of chosen cells, bool `[images, rows, cols]`."""
    return np.stack([cell_map(cells, boxes, size) > 0 for cells in chosen])


def questions(
    images: Sequence[np.ndarray],
    scores: Mapping[str, np.ndarray],
    chosen: Mapping[str, np.ndarray],
    boxes: Sequence[Sequence[Box]],
    names: Sequence[str],
) -> Figure:
    """A row for each image: how every question scores its cells, with the chosen ones framed.

    `scores` and `chosen` are `[images, rows, cols]` by question; a score that is nan was known
    before. Each question has a scale of its own.
    """
    size = images[0].shape[:2]
    figure, axes, scales = picture_rows_with_scales(len(images), 1 + len(scores), size, extra=0.8)
    axes[0, 0].set_title("image")
    for axis, image, name in zip(axes[:, 0], images, names, strict=True):
        shown(axis, image)
        axis.set_ylabel(name, fontsize=9)
    columns = zip(axes[:, 1:].T, scales[1:], scores.items(), strict=True)
    for column, below, (question, cells) in columns:
        column[0].set_title(question)
        scale = {"vmin": np.nanmin(cells), "vmax": np.nanmax(cells)}
        for index, axis in enumerate(column):
            drawn = shown(axis, cell_map(cells[index], boxes, size), cmap=heat(), **scale)
            frame(axis, chosen[question][index], boxes)
        figure.colorbar(drawn, cax=below, orientation="horizontal")
        below.tick_params(labelsize=8)
    scales[0].set_axis_off()
    scales[0].legend(
        handles=[
            Patch(facecolor="white", edgecolor="black", linewidth=1.5, label="chosen"),
            Patch(facecolor=KNOWN_GRAY, label="known before"),
        ],
        loc="upper left",
        ncols=2,
        fontsize=9,
        frameon=False,
        borderaxespad=0.0,
    )
    return figure


def difference(
    images: Sequence[np.ndarray],
    one: np.ndarray,
    other: np.ndarray,
    labels: tuple[str, str],
    names: Sequence[str],
) -> Figure:
    """A picture for each image: what only one, only the other, and both of two choices have.

    The choices are bool `[images, height, width]`, so their cells may be of different sizes. The
    legend says the parts' shares of all that is chosen in these images.
    """
    figure, axes = picture_rows(1, len(images), images[0].shape, extra=0.8)
    looks = ((ORANGE, "////"), (BLUE, "\\\\\\\\"), (GREEN, "xxxx"))
    for axis, image, name, mine, yours in zip(axes[0], images, names, one, other, strict=True):
        shown(axis, faint(image))
        axis.set_title(name, fontsize=9)
        for part, (color, hatch) in zip(_parts(mine, yours), looks, strict=True):
            hatched(axis, part, color, hatch)
    found = overlap(one, other)
    handles = [
        Patch(
            facecolor=color,
            edgecolor="black",
            alpha=0.75,
            hatch=hatch,
            label=f"{text}: {100 * pixels / max(sum(found), 1):.0f} %",
        )
        for text, pixels, (color, hatch) in zip(
            (f"only {labels[0]}", f"only {labels[1]}", "both"), found, looks, strict=True
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=10)
    return figure


def _parts(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return one & ~other, other & ~one, one & other

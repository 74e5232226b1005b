"""Pictures that compare acquisition functions: what each queries, and how far two of them agree."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.regions.protocol import Regions
from s4al_jax.report.figures.acquisition import score_picture
from s4al_jax.report.figures.drawing import (
    BLUE,
    GREEN,
    LABELED_GRAY,
    ORANGE,
    draw_picture,
    faint_image,
    hatch_mask,
    outline_regions,
    picture_rows,
    picture_rows_with_scales,
    score_colors,
)
from s4al_jax.types import RegionRef


class Overlap(NamedTuple):
    """Pixels that only one of two selections has, and those that both have."""

    only_one: int
    only_other: int
    both: int

    @property
    def share(self) -> float:
        """What both have, of all that either has; 1 where neither has anything."""
        return self.both / sum(self) if any(self) else 1.0


def overlap(one: np.ndarray, other: np.ndarray) -> Overlap:
    """Of two selections as bool maps of pixels, whatever their regions are."""
    only_one, only_other, both = _parts(one, other)
    return Overlap(int(only_one.sum()), int(only_other.sum()), int(both.sum()))


def chosen_pixels(
    chosen: Iterable[RegionRef], regions: Regions, images: Sequence[int]
) -> np.ndarray:
    """bool `[images, height, width]`: the pixels of chosen regions in some images of the pool."""
    covered = np.zeros((len(images), regions.height, regions.width), bool)
    rows = {image: row for row, image in enumerate(images)}
    for region in chosen:
        if region.image in rows:
            mask = regions.mask(region)
            inside = covered[rows[region.image]][regions.box(region).slices]
            inside |= True if mask is None else mask
    return covered


def acquisitions(
    pictures: Sequence[np.ndarray],
    images: Sequence[int],
    scores: Mapping[str, np.ndarray],
    chosen: Mapping[str, Sequence[RegionRef]],
    regions: Regions,
    names: Sequence[str],
) -> Figure:
    """A row for each image: its scores by every acquisition function, each on a scale of its own.

    Args:
      pictures: uint8 `[height, width, 3]` each.
      images: which images of the pool they are.
      scores: acquisition function -> float `[images, max_regions]`; nan: labeled before.
      chosen: acquisition function -> what it queries, which is outlined.
      regions: of the pool.
      names: of the images.
    """
    rows, size = len(pictures), pictures[0].shape
    figure, axes, scales = picture_rows_with_scales(rows, 1 + len(scores), size, extra=0.8)
    axes[0, 0].set_title("image")
    for axis, picture, name in zip(axes[:, 0], pictures, names, strict=True):
        draw_picture(axis, picture)
        axis.set_ylabel(name, fontsize=9)
    columns = zip(axes[:, 1:].T, scales[1:], scores.items(), strict=True)
    for column, below, (function, of_images) in columns:
        column[0].set_title(function)
        scale = {"vmin": np.nanmin(of_images), "vmax": np.nanmax(of_images)}
        for axis, image, of_image in zip(column, images, of_images, strict=True):
            scored = score_picture(of_image, regions, image)
            drawn = draw_picture(axis, scored, cmap=score_colors(), **scale)
            here = [region for region in chosen[function] if region.image == image]
            outline_regions(axis, regions, here)
        figure.colorbar(drawn, cax=below, orientation="horizontal")
        below.tick_params(labelsize=8)
    scales[0].set_axis_off()
    scales[0].legend(
        handles=[
            Patch(facecolor="white", edgecolor="black", linewidth=1.5, label="queried"),
            Patch(facecolor=LABELED_GRAY, label="labeled before"),
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
    """A picture for each image: what only one, only the other, and both of two selections have.

    Both are bool `[images, height, width]`, so that their regions may differ. The legend has the
    share of each part in all that either selects.
    """
    figure, axes = picture_rows(1, len(images), images[0].shape, extra=0.8)
    looks = ((ORANGE, "////"), (BLUE, "\\\\\\\\"), (GREEN, "xxxx"))
    for axis, image, name, mine, yours in zip(axes[0], images, names, one, other, strict=True):
        draw_picture(axis, faint_image(image))
        axis.set_title(name, fontsize=9)
        for part, (color, hatch) in zip(_parts(mine, yours), looks, strict=True):
            hatch_mask(axis, part, color, hatch)
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

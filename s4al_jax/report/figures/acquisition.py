"""Pictures of scores and label maps; figures are matplotlib's."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from s4al_jax.labels.requests import overlay
from s4al_jax.regions.protocol import Regions
from s4al_jax.report.figures.drawing import draw_picture, outline_regions, score_colors
from s4al_jax.types import InputError, RegionRef


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file of whatever kind its ending says."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # Characters that the font lacks are drawn as boxes; the text of a report has the name.
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


def label_picture(labels: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A label map in its classes' colors; void and unlabeled pixels are black."""
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    return colors[labels]


def score_picture(scores: np.ndarray, regions: Regions, image: int) -> np.ndarray:
    """The scores of an image's regions, `[max_regions]`, as a picture: each pixel its region's."""
    return np.asarray(scores[regions.id_map(image)])


def class_patches(classes: Sequence[str], palette: Sequence[tuple[int, int, int]]) -> list[Patch]:
    """The entries of a legend of the classes."""
    return [
        Patch(color="#" + bytes(palette[index]).hex(), label=f"{index} {name}")
        for index, name in enumerate(classes)
    ]


def acquisition(
    picture: np.ndarray,
    scores: np.ndarray,
    regions: Regions,
    image: int,
    chosen: Iterable[RegionRef],
) -> Figure:
    """An image beside the scores of its regions, the chosen ones outlined in both.

    Args:
      picture: uint8 `[height, width, 3]`.
      scores: float `[max_regions]`; nan where a region was labeled before: it is gray.
      regions: of the pool.
      image: which image of the pool it is.
      chosen: regions; those of other images are left out.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    draw_picture(axes[0], picture)
    axes[0].set_title("image and queried regions")
    drawn = draw_picture(axes[1], score_picture(scores, regions, image), cmap=score_colors())
    axes[1].set_title("score of each region")
    figure.colorbar(drawn, ax=axes[1], fraction=0.046)
    here = [region for region in chosen if region.image == image]
    for axis in axes:
        outline_regions(axis, regions, here)
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

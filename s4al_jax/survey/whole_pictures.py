"""Puts the tiles of a picture together again, small, for what only a whole picture tells.

Where the edges of a tile lie says little: most have few boundaries, and neighbors look alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from s4al_jax.files.resize import resize_ids, resize_image
from s4al_jax.files.tile_grid import Size, parse_tile_name
from s4al_jax.survey.sketches import Sketch, sketch, small_size
from s4al_jax.survey.validate import Look
from s4al_jax.types import VOID, DatasetSpec, ImageSet


@dataclass
class _Canvas:
    """A small copy of a picture, of which some tiles are there."""

    size: Size
    """of the picture"""
    missing: int
    """tiles"""
    image: np.ndarray
    truth: np.ndarray
    has_truth: bool = False


def sketcher(spec: DatasetSpec, found: list[Sketch]) -> Look:
    """A function that is given every picture for people, and its mask; sketches go into `found`.

    The sketch of a picture in tiles is made when the last of its tiles was given.
    """
    if spec.fit != "tile":
        return lambda label, image, truth: found.append(
            sketch(label, image, truth, len(spec.classes))
        )
    working = spec.height, spec.width
    begun = {
        f"{split}/{picture}": _blank(size, tiles)
        for split, images in (("train", spec.train), ("val", spec.val), ("test", spec.test))
        for picture, (size, tiles) in _pictures(images, working).items()
    }

    def add(label: str, image: np.ndarray, truth: np.ndarray | None) -> None:
        tile = parse_tile_name(label)
        canvas = begun[tile.picture]
        _paste(canvas, image, truth, (tile.row * working[0], tile.col * working[1]))
        if not canvas.missing:
            del begun[tile.picture]
            whole = canvas.truth if canvas.has_truth else None
            seen = sketch(tile.picture, canvas.image, whole, len(spec.classes))
            found.append(seen._replace(size=canvas.size))

    return add


def middle_tiles(spec: DatasetSpec) -> Mapping[str, str]:
    """split/picture -> split/name of the tile in its middle, which stands for it on a sheet."""
    found: dict[str, str] = {}
    for split, images in (("train", spec.train), ("val", spec.val), ("test", spec.test)):
        tiles: dict[str, list[str]] = {}
        for name in images.names:
            tiles.setdefault(f"{split}/{parse_tile_name(name).picture}", []).append(name)
        found |= {picture: f"{split}/{of[len(of) // 2]}" for picture, of in tiles.items()}
    return found


def _pictures(images: ImageSet, working: Size) -> dict[str, tuple[Size, int]]:
    """name -> height and width of each picture, and how many tiles it has."""
    found: dict[str, tuple[Size, int]] = {}
    for index, name in enumerate(images.names):
        tile = parse_tile_name(name)
        box = tile.box(working, images.shown(index) if images.shown else working)
        (height, width), tiles = found.get(tile.picture, ((0, 0), 0))
        found[tile.picture] = ((max(height, box.bottom), max(width, box.right)), tiles + 1)
    return found


def _blank(size: Size, tiles: int) -> _Canvas:
    rows, cols = small_size(*size)
    image = np.zeros((rows, cols, 3), np.uint8)
    return _Canvas(size, tiles, image, np.full((rows, cols), VOID, np.uint8))


def _paste(canvas: _Canvas, image: np.ndarray, truth: np.ndarray | None, corner: Size) -> None:
    """Put a tile where it belongs, as small as the rest."""
    (height, width), (rows, cols) = canvas.size, canvas.truth.shape
    bottom, right = corner[0] + image.shape[0], corner[1] + image.shape[1]
    first, last = round(corner[0] * rows / height), round(bottom * rows / height)
    left, end = round(corner[1] * cols / width), round(right * cols / width)
    canvas.missing -= 1
    canvas.has_truth |= truth is not None
    if last > first and end > left:
        place = np.s_[first:last, left:end]
        canvas.image[place] = resize_image(image, last - first, end - left)
        if truth is not None:
            canvas.truth[place] = resize_ids(truth, last - first, end - left)

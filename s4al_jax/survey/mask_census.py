"""What is in the masks of a folder, before anybody says what it means: numbers, colors, palettes.

From that a `classes.json` can be suggested for a folder that has none, and colors be found that are
nearly those of classes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.data.classes import ClassList
from s4al_jax.data.folder_files import Mask, folder_files
from s4al_jax.data.instance_masks import class_name
from s4al_jax.data.masks import color_of, is_ramp
from s4al_jax.files.images import (
    MAX_PIXELS,
    Color,
    ImageFile,
    has_colors,
    image_file,
    list_images,
    read_numbers,
    read_rgb,
)
from s4al_jax.files.paths import resolve_path
from s4al_jax.survey.stray_summary import near_class
from s4al_jax.survey.suspicions import Suspicion
from s4al_jax.types import InputError

MOST_COLORS = 4096
"""A picture with more is no mask."""


MOST_ROWS = 30
"""Lines of a table."""


class Census(NamedTuple):
    """Over all masks: how many pixels there are of what."""

    numbers: Counter[int]
    """in masks that have no palette"""
    colors: Counter[Color]
    """in masks that are color pictures"""
    shown: Counter[tuple[int, Color]]
    """in masks with a palette: the number and the color that it is shown in"""
    first: dict[Color, str]
    """the first mask with that color"""
    masks: int
    photographs: tuple[str, ...]
    """those with so many colors that they are no masks"""
    class_files: Counter[str]
    """class names by which files of one class each are called, and how many; "" for a number"""


def mask_census(masks: Mapping[str, Mask], max_pixels: int = MAX_PIXELS) -> Census:
    """Read all masks as they are; what cannot be read is left to whoever names it.

    Of masks of one class each the names of the files say all.
    """
    found = Census(Counter(), Counter(), Counter(), {}, len(masks), (), Counter())
    photographs = []
    for path in masks.values():
        if isinstance(path, tuple):
            found.class_files.update(class_name(file.stem) for file in path)
            continue
        file = image_file(path, max_pixels)
        try:
            if not _count(file, found):
                photographs.append(file.name)
        except InputError:
            continue
    return found._replace(photographs=tuple(photographs))


def folder_census(root: str, max_pixels: int = MAX_PIXELS) -> tuple[Path, Census]:
    """The folder, and what is in the masks of a user's own dataset there."""
    place = resolve_path(root)
    try:
        masks: Mapping[str, Mask] = folder_files(place).masks
    except InputError:  # it is named by whoever reads the images
        masks = list_images(place / "masks")
    return place, mask_census(masks, max_pixels)


def census_table(census: Census) -> str:
    """What is in the masks, as a table: the most frequent values first."""
    rows = [*((str(value), "", n) for value, n in census.numbers.items())]
    rows += [("", str(color), n) for color, n in census.colors.items()]
    rows += [(str(value), str(color), n) for (value, color), n in census.shown.items()]
    total = sum(n for *_, n in rows)
    rows.sort(key=lambda row: -row[2])
    lines = [
        f"| {value} | {color} | {100 * n / total:.3g} |" for value, color, n in rows[:MOST_ROWS]
    ]
    more = [f"and {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else []
    odd = [f"{name} has too many colors to be a mask" for name in census.photographs]
    if census.class_files:
        most = census.class_files.most_common(MOST_ROWS)
        named = ", ".join(f"{name or 'a number'} ({n})" for name, n in most)
        odd.append(f"masks of one class each are called {named}")
    if not rows:
        return "\n".join([*odd, ""])
    heads = ["| in the masks | color | % of their pixels |", "| --- | --- | --- |"]
    return "\n".join([*heads, *lines, *more, *odd, ""])


def near_colors(census: Census, classes: ClassList) -> Iterator[Suspicion]:
    """Colors of palettes that are nearly a class's: where no color is exactly one's, a mask is read
    by its numbers, which may mean something else."""
    known = dict(classes.colors)
    for (number, color), pixels in census.shown.most_common():
        near = None if color in known else near_class(color, known)
        if near:
            yield Suspicion(
                "",
                f"{census.first[color]} shows {number} in the color {color} ({pixels} pixels "
                f"in all masks), {near[1]} levels from that of "
                f"{classes.names[near[0]]!r}: give the class "
                "this color in classes.json, or correct the palette",
                "",
            )


def _count(file: ImageFile, into: Census) -> bool:
    """Add what a mask holds; False: it is no mask."""
    if has_colors(file):
        picture = read_rgb(file).astype(np.int64)
        codes = (picture[..., 0] << 16) | (picture[..., 1] << 8) | picture[..., 2]
        found, counts = np.unique(codes, return_counts=True)
        if len(found) > MOST_COLORS:
            return False
        for code, count in zip(found.tolist(), counts.tolist(), strict=True):
            color = (code >> 16, code >> 8 & 255, code & 255)
            into.colors[color] += count
            into.first.setdefault(color, file.name)
        return True
    numbers, palette = read_numbers(file)
    found, counts = np.unique(numbers, return_counts=True)
    by_number = palette is None or is_ramp(palette)
    for number, count in zip(found.tolist(), counts.tolist(), strict=True):
        if by_number:
            into.numbers[number] += count
        else:
            color = color_of(palette, number)  # type: ignore[arg-type]
            into.shown[number, color] += count
            into.first.setdefault(color, file.name)
    return True

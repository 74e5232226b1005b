"""Masks in several files for one image: each shows the pixels of one class, or of one thing.

A file is called after its class, with or without a number: `car.png`, `car_3.png`, `car-3.png`,
`3_car.png`. Where there is one class beside the background, files may be called by numbers alone,
or by hashes: `0001.png`, `07a9bf1d.png`. `void.png` shows pixels that are none of the classes.

In a file 0, or black, is outside, and one other number or color is inside. What is in no file is of
the class "background" if there is one, else void. Pixels in files of two classes are refused, or
what `overlap` says: "void", or "last", the class that comes last in the list. Void comes after all.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s4al_jax.data.areas import BACKGROUND
from s4al_jax.data.classes import ClassList
from s4al_jax.data.masks import all_colors, is_ramp
from s4al_jax.files.images import (
    ImageFile,
    check_same_size,
    has_colors,
    read_exact_rgb,
    read_numbers,
    read_size,
)
from s4al_jax.files.stray_values import ClassListError
from s4al_jax.types import UNLABELED, VOID, InputError

OVERLAPS = ("refuse", "void", "last")
"""What may become of pixels in files of two classes."""

_COUNTED = re.compile(r"(?=.*\d)[0-9a-fA-F]+")
"""A number or a hash: a name that says nothing of a class."""


def read_instances(
    files: Sequence[ImageFile],
    codes: Sequence[int],
    image: ImageFile,
    classes: ClassList,
    overlap: str = "refuse",
) -> np.ndarray:
    """uint8 `[height, width]`: class ids and `VOID` from masks of one class each.

    Args:
      files: the masks, of the size of the image.
      codes: the class of each or `VOID`, see `class_codes`.
      image: the picture.
      classes: what there is to be told apart.
      overlap: one of `OVERLAPS`.
    """
    size = read_size(image)
    labels, owner = np.full(size, UNLABELED, np.uint8), np.zeros(size, np.int64)
    torn = np.zeros(size, bool)
    for index in sorted(range(len(files)), key=lambda at: codes[at]):
        inside = read_binary(files[index])
        check_same_size(inside, files[index], image)
        both = inside & (labels != UNLABELED) & (labels != codes[index])
        if codes[index] != VOID and both.any():
            if overlap == "refuse":
                _refuse_overlap(files, index, owner[both])
            torn |= both
        labels[inside], owner[inside] = codes[index], index
    names = classes.names
    outside = names.index(BACKGROUND) if BACKGROUND in names else VOID
    labels[labels == UNLABELED] = outside
    if overlap == "void":
        labels[torn] = VOID
    return labels


def class_codes(files: Sequence[Path], classes: ClassList) -> tuple[int, ...]:
    """The class of each file, or `VOID`, by its name."""
    if len(classes.names) == 1:
        raise ClassListError(
            f"{files[0]} is a mask of the one class {classes.names[0]!r}, and all other pixels are "
            f"void: add a class called {BACKGROUND} to the class list, or there is nothing to be "
            "told apart"
        )
    return tuple(_class_code(path, classes) for path in files)


def class_name(stem: str) -> str:
    """The name of a class as a file's name has it, without its number; empty: only that."""
    return "" if _COUNTED.fullmatch(stem) else _without_suffix(_without_prefix(stem))


def read_binary(file: ImageFile) -> np.ndarray:
    """bool `[height, width]`: where a mask of one class is neither 0 nor black."""
    if has_colors(file):
        values = _color_numbers(read_exact_rgb(file))
    else:
        values, palette = read_numbers(file)
        if palette is not None and not is_ramp(palette):
            values = _color_numbers(all_colors(palette))[values]
    found = np.unique(values)
    if len(found) > 2 or (len(found) == 2 and found[0] != 0):
        what = "no 0" if len(found) == 2 else f"{len(found)} different numbers or colors"
        raise InputError(
            f"{file.name} holds {what}: a mask of one class has 0, or black, outside and one other "
            "inside; save it without soft edges, or with all classes in one file"
        )
    inside: np.ndarray = values != 0
    return inside


def _color_numbers(colors: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = colors.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    return numbers


def _refuse_overlap(files: Sequence[ImageFile], index: int, owners: np.ndarray) -> None:
    counts = np.bincount(owners)
    other = int(counts.argmax())
    raise InputError(
        f"{files[other].name} and {files[index].name} are of two classes and share {counts[other]} "
        'pixels: correct one, or set config.data.kwargs.overlap to "void", or to "last" for the '
        "class that comes last in the list"
    )


def _class_code(path: Path, classes: ClassList) -> int:
    number = {name: index for index, name in enumerate(classes.names)} | {"void": VOID}
    if path.stem in number:
        return number[path.stem]
    tail, head = _without_suffix(path.stem), _without_prefix(path.stem)
    found = {name for name in (tail, head, _without_suffix(head)) if name in number}
    if len(found) == 1:
        return number[found.pop()]
    things = [name for name in classes.names if name != BACKGROUND]
    if not found and len(things) == 1 and _COUNTED.fullmatch(path.stem):
        return number[things[0]]
    named = " or ".join(sorted(found)) or "no class"
    hint = "a number will do where there is one class beside the background"
    raise ClassListError(
        f"{path} is called after {named}: name it as its class, {things[0]}.png or {things[0]}_1"
        f".png ({hint}), or remove it"
    )


def _without_suffix(stem: str) -> str:
    return re.sub(r"[_-]\d+$", "", stem)


def _without_prefix(stem: str) -> str:
    return re.sub(r"^\d+[_-]", "", stem)

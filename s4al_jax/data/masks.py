"""Masks in every encoding that a picture can have, read to class ids or refused by name.

What a pixel of a mask means is said by its number, or by its color:

    RGB, RGBA, CMYK            its color
    palette (PNG, GIF, ...)    its color, if the class list has the colors that the palette uses,
                               else its number
    gray, 1 bit, 16 bits       its number

A palette is a table of a file's own: programs that write one sort it as they like, so that a number
in one mask may be another class in the next. Colors that are known say what was meant.
"""

import numpy as np

from s4al_jax.data.classes import ClassList
from s4al_jax.data.nearest_colors import counted_nearest_ids, read_nearest_ids
from s4al_jax.files.images import (
    Color,
    ImageFile,
    check_same_size,
    has_colors,
    lossy_kind,
    read_color_ids,
    read_numbers,
    recode_ids,
)
from s4al_jax.files.stray_values import ClassListError, StrayValues, UnlistedValues
from s4al_jax.types import VOID, InputError


def read_mask(
    file: ImageFile, image: ImageFile, classes: ClassList, *, nearest: bool | None = None
) -> np.ndarray:
    """The class ids of a mask, at its own size.

    Args:
      file: the mask.
      image: its picture.
      classes: what numbers and colors mean.
      nearest: whether a color that no class has is read as one near it, see `nearest_colors`; None:
        no, and the dataset has no option for it.

    Returns:
      uint8 `[height, width]`.
    """
    try:
        if has_colors(file):
            labels = _read_colors(file, classes, nearest)
        else:
            labels = _read_channel(file, classes, nearest)
    except UnlistedValues as error:
        is_color = isinstance(next(iter(error.found)), tuple)
        error.offers_nearest = nearest is not None and is_color
        raise
    check_same_size(labels, file, image)
    return labels


def _read_channel(file: ImageFile, classes: ClassList, nearest: bool | None) -> np.ndarray:
    numbers, palette = read_numbers(file)
    try:
        by_color = None if palette is None else _ids_of_palette(file, numbers, palette, classes)
    except UnlistedValues:
        if not nearest or palette is None:
            raise
        shown = all_colors(palette)[numbers]
        labels = counted_nearest_ids(file.name, shown, classes.colors)
        if color_of(palette, VOID) not in classes.colors:
            labels[numbers == VOID] = VOID
        return labels
    if by_color is None:
        return _read_by_number(file, numbers, classes)
    labels = by_color[numbers]
    _check_same_meaning(file, numbers, labels, classes)
    return labels


def _read_colors(file: ImageFile, classes: ClassList, nearest: bool | None) -> np.ndarray:
    if not classes.colors:
        raise ClassListError(
            f"{file.name} is a color picture: give every class its color in classes.json, "
            "or save masks with one 8-bit channel"
        )
    if nearest:
        return read_nearest_ids(file, classes.colors)
    try:
        return read_color_ids(file, classes.colors)
    except StrayValues:
        raise
    except InputError as error:
        # The file is opened once more only here: from a bucket it would be fetched again.
        if nearest is None or (kind := lossy_kind(file)) is None:
            raise
        raise InputError(
            f"{file.name} is a {kind} file, whose colors are only nearly those of classes: save it "
            "as PNG, or set config.data.kwargs.nearest_color=True"
        ) from error


def _read_by_number(file: ImageFile, numbers: np.ndarray, classes: ClassList) -> np.ndarray:
    hint = "use the numbers of the classes, and 255 for void; or say what it is in classes.json"
    return recode_ids(numbers, classes.codes, file.name, hint, error=UnlistedValues)


def _ids_of_palette(
    file: ImageFile, numbers: np.ndarray, palette: np.ndarray, classes: ClassList
) -> np.ndarray | None:
    """uint8 `[256]`: what each number means by its color; None: its color says nothing."""
    if not classes.colors or is_ramp(palette):
        return None
    colors = {number: color_of(palette, number) for number in np.unique(numbers).tolist()}
    known = [number for number, color in colors.items() if color in classes.colors]
    if not known:
        return None
    meaning = np.full(256, VOID, np.uint8)
    meaning[known] = [classes.colors[colors[number]] for number in known]
    # 255 is void, however it is shown.
    unknown = [n for n in colors if n not in known and classes.codes[n] != VOID]
    if not unknown:
        return meaning
    counts = np.bincount(numbers.ravel(), minlength=256)
    pixels = int(counts[unknown].sum())
    strays: dict[Color, int] = {}
    for number in unknown:
        strays[colors[number]] = strays.get(colors[number], 0) + int(counts[number])
    raise UnlistedValues(
        f"{file.name} shows {unknown[0]} in the color {colors[unknown[0]]}, which no class "
        f"has, and other numbers in colors of classes ({pixels} of {numbers.size} pixels are of no "
        "class): give that color to a class or to void_colors in classes.json, or take the "
        "palette out of the file",
        file.name,
        strays,
        numbers.size,
        classes.colors,
    )


def is_ramp(palette: np.ndarray) -> bool:
    """Whether each number is shown as that gray: what Pillow writes where there is no palette."""
    return np.array_equal(palette, np.repeat(np.arange(len(palette))[:, None], 3, axis=1))


def color_of(palette: np.ndarray, number: int) -> Color:
    """The color of a number; black where the palette ends before it, as a viewer shows it."""
    red, green, blue = palette[number].tolist() if number < len(palette) else (0, 0, 0)
    return red, green, blue


def all_colors(palette: np.ndarray) -> np.ndarray:
    """uint8 `[256, 3]`: the color of each number of 8 bits."""
    return np.array([color_of(palette, number) for number in range(256)], np.uint8)


def _check_same_meaning(
    file: ImageFile, numbers: np.ndarray, labels: np.ndarray, classes: ClassList
) -> None:
    """Refuse a mask whose colors contradict the meaning that `ids` gives to its numbers."""
    if not classes.has_ids:
        return
    by_number = classes.codes[numbers]
    wrong = (by_number >= 0) & (by_number != labels)
    if wrong.any():
        row, col = np.argwhere(wrong)[0].tolist()
        names = {**dict(enumerate(classes.names)), VOID: "void"}
        raise ClassListError(
            f"{file.name} holds {numbers[row, col]} at row {row}, column {col}: by `ids` in "
            f"classes.json that is {names[int(by_number[row, col])]!r}, by its color in the "
            f"palette {names[int(labels[row, col])]!r}: take `ids` or the colors out of "
            "classes.json, whichever is not meant"
        )

"""A `classes.json` that reads the masks of a folder, from what is in them."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s4al_jax.data.areas import BACKGROUND
from s4al_jax.data.classes import ClassList, class_list
from s4al_jax.files.images import Color
from s4al_jax.survey.mask_census import Census
from s4al_jax.types import UNLABELED, VOID, InputError

RARE = 0.001
"""A color or a number that no class has, in a smaller part of all pixels, is void."""
STEP = 32
"""Numbers that lie so far apart and end with 255 are levels of gray, and 255 is one of them."""


def known_classes(place: Path) -> ClassList | None:
    """The classes that a folder names; None: it names none that could be read."""
    try:
        return class_list(place)
    except InputError:
        return None


def suggestion(census: Census, known: ClassList | None = None) -> str | None:
    """The text of a `classes.json`; None: the masks say too little, or two things at once.

    Args:
      census: what is in the masks.
      known: the classes that there are already; they keep names, numbers and colors.
    """
    kinds = [bool(census.numbers), bool(census.colors or census.shown), bool(census.class_files)]
    if sum(kinds) != 1 or census.photographs:
        return None
    content: dict[str, Any] | None
    if census.class_files:
        content = _by_file_name(census.class_files, known)
    elif census.numbers:
        content = _by_number(census.numbers, known)
    elif _same_twice(census) and not census.colors:
        numbers: Counter[int] = Counter()
        for (number, _), pixels in census.shown.items():
            numbers[number] += pixels
        content = _by_number(numbers, known)
    else:
        content = _by_color(census, known)
    return None if content is None else _written(content)


def _by_number(counts: Mapping[int, int], known: ClassList | None) -> dict[str, Any] | None:
    total, names = sum(counts.values()), list(known.names) if known else []
    codes = dict(enumerate(known.codes.tolist())) if known else {}
    ids = {number: names[code] for number, code in codes.items() if 0 <= code < len(names)}
    void = [number for number, code in codes.items() if code == VOID]
    if VOID not in void and VOID not in ids and not _is_level(sorted(counts)):
        void.append(VOID)
    if known and not known.has_ids and len(names) == 2 and sorted(counts) == [0, VOID]:
        ids, void = {0: names[0], VOID: names[1]}, []
    for number in sorted(counts):
        if number in ids or number in void:
            continue
        if known and counts[number] < RARE * total:
            void.append(number)
        else:
            names.append(_free_name(number, names))
            ids[number] = names[-1]
    if not 1 <= len(names) < UNLABELED:
        return None
    content: dict[str, Any] = {"classes": [{"name": name} for name in names]}
    if known and known.colors:
        _add_colors(content, known)
    if [ids.get(number) for number in range(len(names))] != names or set(void) - {VOID}:
        said = {**ids, **{number: "void" for number in void if number != VOID}}
        content["ids"] = {str(number): said[number] for number in sorted(said)}
    return content


def _is_level(numbers: list[int]) -> bool:
    """Whether 255 is one of a few levels of gray: black and white, or 0, 128 and 255."""
    if numbers[-1] != VOID or len(numbers) < 2:
        return False
    return all(b - a >= STEP for a, b in zip(numbers[:-1], numbers[1:], strict=True))


def _by_color(census: Census, known: ClassList | None) -> dict[str, Any] | None:
    counts = _color_counts(census)
    total = sum(counts.values())
    number = {color: value for (value, color) in sorted(census.shown, reverse=True)}
    meant = dict(known.colors) if known else {}
    names = list(known.names) if known else []
    colors: list[Color] = [c for _, c in sorted((i, c) for c, i in meant.items() if i != VOID)]
    if known and not meant:
        # Classes without colors say nothing about color pictures.
        names = []
    void = [color for color, code in meant.items() if code == VOID]
    if number:
        found = sorted(counts, key=lambda color: (number.get(color, VOID + 1), color))
    else:
        found = sorted(counts, key=lambda color: (-counts[color], color))
    for color in found:
        if color in meant or color in void:
            continue
        if number.get(color) == VOID or counts[color] < RARE * total:
            void.append(color)
        else:
            colors.append(color)
            names.append(_free_name(len(names), names))
    if not 1 <= len(names) < UNLABELED:
        return None
    entries = zip(names, colors, strict=True)
    content: dict[str, Any] = {"classes": [{"name": n, "color": list(c)} for n, c in entries]}
    if void:
        content["void_colors"] = [list(color) for color in void]
    return content


def _by_file_name(counts: Mapping[str, int], known: ClassList | None) -> dict[str, Any] | None:
    """Of masks of one class each: what they are called after, and the background beside them."""
    names = list(known.names) if known else []
    names += sorted(name for name in counts if name not in ("", "void", *names))
    if "" in counts and not set(names) - {BACKGROUND}:
        names.append("object")
    if BACKGROUND not in names and (known is None or len(known.names) == 1):
        names.insert(0, BACKGROUND)
    if "" in counts and len(set(names) - {BACKGROUND}) > 1:
        return None
    content: dict[str, Any] = {"classes": [{"name": name} for name in names]}
    if known and known.colors:
        _add_colors(content, known)
    return content


def _color_counts(census: Census) -> Counter[Color]:
    counts = Counter(census.colors)
    for (_, color), pixels in census.shown.items():
        counts[color] += pixels
    return counts


def _same_twice(census: Census) -> bool:
    """Whether two numbers are shown in one color: then colors do not tell classes apart."""
    numbers: dict[Color, set[int]] = {}
    for number, color in census.shown:
        numbers.setdefault(color, set()).add(number)
    return any(len(of_color) > 1 for of_color in numbers.values()) and not _renumbered(census)


def _renumbered(census: Census) -> bool:
    """Whether a number has two colors: programs have sorted the palettes of these files."""
    numbers = Counter(number for number, _ in census.shown)
    return any(count > 1 for count in numbers.values())


def _add_colors(content: dict[str, Any], known: ClassList) -> None:
    for entry in content["classes"]:
        if entry["name"] in known.names:
            entry["color"] = list(known.palette[known.names.index(entry["name"])])


def _free_name(number: int, names: list[str]) -> str:
    name = f"class_{number}"
    while name in names:
        name += "_new"
    return name


def _written(content: Mapping[str, Any]) -> str:
    """JSON with a class a line."""
    classes = ",\n  ".join(json.dumps(entry) for entry in content["classes"])
    others = "".join(
        f',\n "{key}": {json.dumps(content[key])}' for key in content if key != "classes"
    )
    return f'{{"classes": [\n  {classes}]{others}}}\n'

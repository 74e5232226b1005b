"""The classes of a user's own data: names, colors, and what the numbers in a mask stand for.

`classes.txt` has one name a line; the first is class 0. `classes.json` can say more:

    {"classes": [{"name": "road", "color": [128, 64, 128]}, {"name": "car", "color": [0, 0, 142]}],
     "void_colors": [[0, 0, 0]], "ids": {"7": "road", "26": "car", "0": "void"}}

`color` is how a class is shown and, for color masks, what it is recognized by; `ids` gives the
numbers in the files where these are not 0, 1, 2 and so on, with 255 for void.
"""

import colorsys
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.files.images import Color, id_codes, is_one_line
from s4al_jax.files.stamps import stamp
from s4al_jax.types import UNLABELED, VOID, InputError

FILES = ("classes.json", "classes.txt")


class ClassList(NamedTuple):
    """What there is to be told apart."""

    names: tuple[str, ...]
    palette: tuple[Color, ...]
    codes: np.ndarray
    """int16 `[256]` or `[65536]`: what a number in a mask means: an id, `VOID`, or -1: nothing"""
    colors: dict[Color, int]
    """what a color in a mask means; empty where no colors were given"""
    has_ids: bool = False
    """whether the meaning of numbers was said, and is not only their order"""

    @property
    def stamp(self) -> bytes:
        """Of what the numbers and colors in masks mean."""
        return stamp(self.names, self.codes, sorted(self.colors.items()), self.has_ids)


def class_list(folder: Path) -> ClassList:
    """The classes that a folder's `classes.json` or `classes.txt` names."""
    found = [folder / name for name in FILES if (folder / name).is_file()]
    if len(found) != 1:
        there = "both are there: remove one" if found else "neither is there: write one"
        raise InputError(f"{folder} needs a classes.txt (a name a line) or a classes.json; {there}")
    text = text_of(found[0])
    if found[0].suffix == ".txt":
        names = [line.strip() for line in text.splitlines() if line.strip()]
        return _make_classes(found[0], names, {}, {}, [])
    return _from_json(found[0], text)


def has_class_list(folder: Path) -> bool:
    """Whether a folder says what its classes are."""
    return any((folder / name).is_file() for name in FILES)


def named_classes(
    where: Path, names: Sequence[str], colors: Mapping[str, Any] = MappingProxyType({})
) -> ClassList:
    """Classes that a file of another program names in their order, some or all with a color."""
    known = {name: _color(where, color) for name, color in colors.items()}
    return _make_classes(where, list(names), known, {}, [])


def text_of(path: Path) -> str:
    """The text of a file in UTF-8."""
    try:
        if not path.is_file():
            raise InputError(f"{path} is no file: write a text there, or remove it")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): replace it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: save it as such") from error


def _from_json(path: Path, text: str) -> ClassList:
    try:
        content = json.loads(text)
        if isinstance(content, list):
            content = {"classes": content}
        unknown = sorted(set(content) - {"classes", "void_colors", "ids"})
        if unknown:
            raise InputError(
                f"{path}: no such entry {unknown[0]!r}; see docs/tutorials/own_images.md"
            )
        entries = [{"name": e} if isinstance(e, str) else dict(e) for e in content["classes"]]
        names = [_name(entry["name"]) for entry in entries]
        colors = {e["name"]: _color(path, e["color"]) for e in entries if "color" in e}
        void = [_color(path, color) for color in content.get("void_colors", [])]
        return _make_classes(path, names, colors, content.get("ids", {}), void)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "nested without end" if isinstance(error, RecursionError) else error
        raise InputError(
            f'{path} is not as it should be ({reason}): write {{"classes": [{{"name": "road", '
            '"color": [128, 64, 128]}, ...]}'
        ) from error


def _make_classes(
    path: Path,
    names: list[str],
    colors: dict[str, Color],
    ids: dict[str, Any],
    void_colors: list[Color],
) -> ClassList:
    if not 1 <= len(names) < UNLABELED:
        raise InputError(f"{path} names {len(names)} classes: give 1 to {UNLABELED - 1}")
    for name in names:
        if not name or not is_one_line(name):
            raise InputError(f"{path} names {ascii(name)}: a name is one line of text")
        if names.count(name) > 1 or name == "void":
            hint = "void is no class" if name == "void" else "give each its own name"
            raise InputError(f"{path} names {name!r} {names.count(name)} times: {hint}")
    number = {name: index for index, name in enumerate(names)}
    shown = tuple(colors.get(name, default_color(number[name])) for name in names)
    meaning: dict[Color, int] = {}
    if len(colors) == len(names):
        named = [(colors[name], number[name]) for name in names]
        for color, code in [*named, *((color, VOID) for color in void_colors)]:
            if color in meaning:
                raise InputError(f"{path}: two classes have the color {list(color)}")
            meaning[color] = code
    return ClassList(tuple(names), shown, _codes(path, number, ids), meaning, bool(ids))


def _codes(path: Path, number: dict[str, int], ids: dict[str, Any]) -> np.ndarray:
    if not ids:
        return id_codes(len(number))
    for written, _ in ids.items():
        if not (written.isdecimal() and int(written) < 2**16):
            raise InputError(f"{path}: ids has {written!r}: numbers in a mask are 0 to 65535")
    codes = np.full(256 if max(map(int, ids)) < 256 else 2**16, -1, np.int16)
    codes[VOID] = VOID
    for written, name in ids.items():
        if not isinstance(name, str) or name not in {*number, "void"}:
            raise InputError(f"{path}: ids gives {written} the name {name!r}, which is no class")
        codes[int(written)] = number.get(name, VOID)
    for name, index in number.items():
        if index not in codes:
            raise InputError(f"{path}: ids has no number for {name!r}")
    return codes


def _color(path: Path, value: Any) -> Color:
    if not (isinstance(value, list) and len(value) == 3 and all(map(_is_byte, value))):
        raise InputError(f"{path}: {value} is no color: give [red, green, blue] of 0 to 255")
    return value[0], value[1], value[2]


def _is_byte(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 255


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the name {value} is no text")
    return value


def default_color(index: int) -> Color:
    """Colors far apart for neighbors in the list, by steps of the golden angle."""
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618 % 1.0, 0.55 + 0.45 * (index % 2), 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)

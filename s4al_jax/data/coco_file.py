"""The content of a JSON file in COCO's form, checked, and the masks of its entries."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.data.classes import text_of
from s4al_jax.files.polygons import polygon_mask
from s4al_jax.files.run_lengths import mask_of_runs, runs_of_text
from s4al_jax.types import InputError

FURTHEST = 1e6
"""Pixels from the picture's corner at which a polygon's corner cannot be meant."""


class Category(NamedTuple):
    """What an area can show."""

    name: str
    color: Any = None
    """an addition to COCO"""


class ImageEntry(NamedTuple):
    """A picture."""

    id: int
    file_name: str
    height: int
    width: int
    known: Any = None
    """run lengths of the pixels that somebody looked at; None: of that nothing is said"""


class Annotation(NamedTuple):
    """An area in a picture."""

    id: Any
    category: int
    segmentation: Any
    is_crowd: bool


class Content(NamedTuple):
    """What a file says."""

    path: Path
    categories: Mapping[int, Category]
    images: tuple[ImageEntry, ...]
    annotations: Mapping[int, tuple[Annotation, ...]]
    """id of an image -> what is in it, in the file's order"""


def read(path: Path) -> Content:
    """The content of a file, or an error that names what contradicts itself."""
    try:
        content = json.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        reason = "nested without end" if isinstance(error, RecursionError) else error
        raise InputError(f"{path} is not JSON ({reason}): export it again") from error
    parts = ("categories", "images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(p), list) for p in parts):
        raise InputError(f"{path} is not in COCO's form: it needs the lists {', '.join(parts)}")
    categories = _categories(path, content["categories"])
    images = _images(path, content["images"])
    annotations = _annotations(path, content["annotations"], categories, images)
    return Content(path, categories, tuple(images.values()), annotations)


def check_same_categories(one: Content, other: Content) -> None:
    """Refuse two files in which an id means different things."""
    for number in sorted(one.categories.keys() | other.categories.keys()):
        names = [
            c.categories[number].name if number in c.categories else None for c in (one, other)
        ]
        if names[0] != names[1]:
            raise InputError(
                f"category {number} is {names[0]!r} in {one.path} and {names[1]!r} in "
                f"{other.path}: export both with the same categories"
            )


def mask(segmentation: Any, height: int, width: int, where: str) -> np.ndarray:
    """bool `[height, width]`: polygons, or run lengths as a list or as a text."""
    if isinstance(segmentation, list):
        inside = np.zeros((height, width), bool)
        for polygon in segmentation:
            inside |= polygon_mask(_corners(polygon, where), height, width)
        return inside
    if segmentation["size"] != [height, width]:
        raise InputError(
            f"{where} has run lengths of the size {segmentation['size']}, its image has "
            f"{[height, width]}: export it again"
        )
    counts = segmentation["counts"]
    try:
        return mask_of_runs(
            runs_of_text(counts) if isinstance(counts, str) else counts, height, width
        )
    except ValueError as error:
        raise InputError(f"{where} is damaged ({error}): export it again") from error


def _corners(polygon: Any, where: str) -> np.ndarray:
    is_list = isinstance(polygon, list) and all(type(v) in (int, float) for v in polygon)
    if not is_list or len(polygon) < 6 or len(polygon) % 2:
        raise InputError(
            f"{where} has a polygon that is no list of x, y, x, y, ... with three corners or more: "
            "correct or remove it"
        )
    corners = np.array(polygon, np.float64).reshape(-1, 2)
    if not (np.abs(corners) <= FURTHEST).all():
        raise InputError(f"{where} has a corner far outside of its image: correct or remove it")
    return corners


def _categories(path: Path, entries: list[Any]) -> dict[int, Category]:
    found: dict[int, Category] = {}
    for entry in entries:
        number, name = _values(path, "category", entry, id=int, name=str)
        if number in found:
            raise InputError(f"{path} has two categories of the id {number}: give each its own")
        found[number] = Category(name, entry.get("color"))
    if not found:
        raise InputError(f"{path} has no categories: export it with them")
    return found


def _images(path: Path, entries: list[Any]) -> dict[int, ImageEntry]:
    found: dict[int, ImageEntry] = {}
    for entry in entries:
        number, name, height, width = _values(
            path, "image", entry, id=int, file_name=str, height=int, width=int
        )
        if number in found:
            raise InputError(f"{path} has two images of the id {number}: give each its own")
        if height < 1 or width < 1:
            raise InputError(f"{path}: the image {name!r} has {height} x {width} pixels")
        known = entry.get("known")
        if known is not None:
            _check_segmentation(f"{path}: `known` of {name}", known)
        found[number] = ImageEntry(number, name, height, width, known)
    return found


def _annotations(
    path: Path,
    entries: list[Any],
    categories: Mapping[int, Category],
    images: Mapping[int, ImageEntry],
) -> dict[int, tuple[Annotation, ...]]:
    found: dict[int, list[Annotation]] = {}
    for place, entry in enumerate(entries):
        image, category = _values(path, "annotation", entry, image_id=int, category_id=int)
        number = entry.get("id", f"number {place + 1}")
        where = f"{path}: annotation {number}"
        if image not in images:
            raise InputError(f"{where} is of the image {image}, which is not there: remove it")
        if category not in categories:
            raise InputError(f"{where} is of the category {category}, which is not there: add it")
        segmentation = entry.get("segmentation")
        _check_segmentation(where, segmentation)
        is_crowd = bool(entry.get("iscrowd"))
        found.setdefault(image, []).append(Annotation(number, category, segmentation, is_crowd))
    return {image: tuple(of_image) for image, of_image in found.items()}


def _check_segmentation(where: str, segmentation: Any) -> None:
    if isinstance(segmentation, list) and segmentation:
        return
    if isinstance(segmentation, dict) and isinstance(segmentation.get("size"), list):
        if isinstance(segmentation.get("counts"), list | str):
            return
    raise InputError(
        f"{where} has no segmentation: boxes and points do not say which pixels are meant; add "
        "polygons or run lengths, or remove it"
    )


def _values(path: Path, kind: str, entry: Any, **wanted: type) -> list[Any]:
    """The values of an entry, each of the type that it has to have."""
    for name, type_ in wanted.items():
        if not isinstance(entry, dict) or type(entry.get(name)) is not type_:
            given = entry.get(name) if isinstance(entry, dict) else entry
            shown = json.dumps(given)[:40]
            raise InputError(
                f"{path} has {'an' if kind[0] in 'ai' else 'a'} {kind} whose {name} is {shown}: "
                f"give {'a whole number' if type_ is int else 'a text'}"
            )
    return [entry[name] for name in wanted]

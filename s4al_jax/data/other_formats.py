"""Label maps in formats that are not read as masks: named, so that none is left out in silence."""

import json
from collections.abc import Collection
from pathlib import Path

from s4al_jax.files.images import image_suffixes
from s4al_jax.files.paths import list_tree, open_binary
from s4al_jax.types import InputError

ARRAYS = (".mat", ".npy", ".npz")
"""Endings of files that hold numbers and nothing else."""
CONVERTED = (*ARRAYS, ".txt", ".csv")
"""Endings of files that Python turns into pictures in two lines."""


def check_formats(masks: Path, names: Collection[str]) -> None:
    """Refuse a file in the folder of masks that is meant as one and is no picture.

    It is meant as one if it holds an array, or is called as one of the images, whose `names` are
    without an ending; or if it is COCO's JSON, which has the masks of all images.
    """
    for path in list_tree(masks) if masks.is_dir() else []:
        below, ending = path.relative_to(masks), path.suffix.lower()
        if ending in image_suffixes() or any(p.startswith(".") for p in below.parts):
            continue
        if ending == ".json" and _is_coco(path):
            raise InputError(
                f"{path} is COCO's JSON: put it beside the folder images, and take the "
                "configuration coco in place of folder"
            )
        is_meant = ending in ARRAYS or below.with_suffix("").as_posix() in names
        if is_meant and path.is_file():
            raise InputError(f"{path} is no picture, and masks are: {_remedy(path)}")


def _remedy(path: Path) -> str:
    if path.suffix.lower() in CONVERTED:
        return f"docs/how_to/own_data.md turns {path.suffix} into PNG in two lines"
    return "save it as PNG, or see docs/how_to/own_data.md for what else is read"


def _is_coco(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with open_binary(path) as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()

"""Label maps in formats that are not read as masks: named, so that none is left out in silence."""

from collections.abc import Collection
from pathlib import Path

from s4al_jax.files.images import image_suffixes
from s4al_jax.files.paths import list_tree
from s4al_jax.types import InputError

ARRAYS = (".mat", ".npy", ".npz")
"""Endings of files that hold numbers and nothing else."""


def check_formats(masks: Path, names: Collection[str]) -> None:
    """Refuse a file in the folder of masks that is meant as one and is no picture.

    It is meant as one if it holds an array, or is called as one of the images, whose `names` are
    without an ending.
    """
    for path in list_tree(masks) if masks.is_dir() else []:
        below = path.relative_to(masks)
        if path.suffix.lower() in image_suffixes() or any(p.startswith(".") for p in below.parts):
            continue
        is_meant = path.suffix.lower() in ARRAYS or below.with_suffix("").as_posix() in names
        if is_meant and path.is_file():
            raise InputError(
                f"{path} is no picture, and masks are: docs/how_to/own_data.md turns "
                f"{path.suffix or 'it'} into PNG in two lines"
            )

"""Which pictures of a folder are images, and which are the masks of which image.

    root/images/any/where/a.jpg      an image
    root/masks/any/where/a.png       its mask, or
    root/masks/any/where/a/*.png     its masks, each of one class, see `instance_masks`

Where `root` has no folder `images`, each of its sub-folders with `images` and `masks` in it holds
one image and its masks, as in the Data Science Bowl:

    root/ID/images/ID.png
    root/ID/masks/*.png
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from s4al_jax.data.names import nearest_name
from s4al_jax.data.other_formats import check_formats
from s4al_jax.files.images import list_images
from s4al_jax.types import InputError

Mask = Path | tuple[Path, ...]
"""A file, or all files of a folder: each then is of one class."""


class FolderFiles(NamedTuple):
    """The pictures of a folder."""

    images: Mapping[str, Path]
    """by name"""
    masks: Mapping[str, Mask]
    """name of an image -> its mask"""


def folder_files(place: Path) -> FolderFiles:
    """The images of a folder and their masks; a mask of no image is refused."""
    if not (place / "images").is_dir():
        return _bundles(place)
    images, files = list_images(place / "images"), list_images(place / "masks")
    check_formats(place / "masks", images)
    single = {name: path for name, path in files.items() if name in images}
    parts: dict[str, list[Path]] = {}
    for name in sorted(files.keys() - single.keys()):
        above = (str(folder) for folder in PurePosixPath(name).parents)
        owner = next((folder for folder in above if folder in images), None)
        if owner is None:
            near = nearest_name(name, images.keys())
            hint = f" (or rename it, if it is that of {images[near]})" if near else ""
            raise InputError(
                f"{files[name]} is the mask of no image: remove it or add the image{hint}"
            )
        if owner in single:
            raise InputError(
                f"{single[owner]} and {files[name]} are both masks of {images[owner]}: remove the "
                "file, or the folder"
            )
        parts.setdefault(owner, []).append(files[name])
    return FolderFiles(images, {**single, **{name: tuple(of) for name, of in parts.items()}})


def _bundles(place: Path) -> FolderFiles:
    """Of sub-folders that each hold an image and its masks; the image is called as its folder."""
    images: dict[str, Path] = {}
    parts: dict[str, list[Path]] = {}
    for name, path in list_images(place).items():
        *above, kind, _ = ("", "", *PurePosixPath(name).parts)
        owner = "/".join(filter(None, above))
        if not owner or kind not in ("images", "masks"):
            continue
        if kind == "masks":
            parts.setdefault(owner, []).append(path)
        elif owner in images:
            raise InputError(
                f"{images[owner]} and {path} lie beside the same masks: put each image into a "
                "folder of its own"
            )
        else:
            images[owner] = path
    if not images:
        raise InputError(
            f"{place / 'images'} is not a folder: see docs/tutorials/own_images.md for what goes "
            "where"
        )
    for owner in images:
        check_formats(place / owner / "masks", ())
    for owner in sorted(parts.keys() - images.keys()):
        raise InputError(
            f"{parts[owner][0]} is the mask of no image: remove it or add the image to "
            f"{place / owner / 'images'}"
        )
    return FolderFiles(images, {name: tuple(sorted(of)) for name, of in sorted(parts.items())})

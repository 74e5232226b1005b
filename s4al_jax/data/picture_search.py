"""The picture that another program's file names by a path of its own."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from s4al_jax.files.images import list_images
from s4al_jax.types import InputError


class Pictures(NamedTuple):
    """The pictures of a folder and its sub-folders."""

    place: Path
    paths: Mapping[str, Path]
    """by their path below the folder, without its ending"""
    by_file: Mapping[str, tuple[str, ...]]
    """file name -> the keys of `paths`"""


def list_pictures(place: Path) -> Pictures:
    """The pictures of a folder; there has to be one."""
    if not place.is_dir():
        raise InputError(f"{place} is not a folder: put the pictures there")
    paths = list_images(place)
    if not paths:
        raise InputError(f"{place} holds no pictures: put them there")
    by_file: dict[str, tuple[str, ...]] = {}
    for name, path in paths.items():
        by_file[path.name] = (*by_file.get(path.name, ()), name)
    return Pictures(place, paths, by_file)


def find_picture(pictures: Pictures, written: str, where: str, *, whole: bool = True) -> str:
    """The name of the picture whose path ends with what is written.

    Args:
      pictures: where it is looked for.
      written: a path.
      where: it is written, for messages.
      whole: whether all of the path has to agree; otherwise as much of its end as any picture has.
    """
    parts = [part for part in PurePosixPath(written).parts if part != "/"]
    for count in [len(parts)] if whole else range(len(parts), 0, -1):
        ends = tuple(parts[-count:])
        same_file = pictures.by_file.get(parts[-1], ()) if parts else ()
        found = [name for name in same_file if _ends(pictures, name, ends)]
        if len(found) > 1:
            both = " and ".join(str(pictures.paths[name]) for name in found[:2])
            raise InputError(f"{where} names {written!r}, which may be {both}: rename one of them")
        if found:
            return found[0]
    raise InputError(f"{where} names {written!r}, but {pictures.place} has no such picture")


def _ends(pictures: Pictures, name: str, ends: tuple[str, ...]) -> bool:
    path = pictures.paths[name].relative_to(pictures.place)
    return path.parts[-len(ends) :] == ends

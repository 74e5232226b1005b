"""Pictures that lie in a zip archive, read in place, or in the folder that was unpacked from it."""

import itertools
import threading
import zipfile
from pathlib import Path

from s4al_jax.files.images import ImageFile, check_name, image_file
from s4al_jax.files.paths import list_tree, seekable
from s4al_jax.files.stamps import file_stamp, joint_stamp
from s4al_jax.types import InputError


def files_of(
    root: Path, *, folder: str, archive: str, ending: str, max_pixels: int
) -> dict[str, ImageFile]:
    """Path, as `folder/...`, -> file, of all that have the ending.

    They are read from the zip `root/archive` where there is one, else from `root/folder`. An
    archive is complete, which a folder that somebody unpacked may not be.
    """
    if (root / archive).is_file():
        found = _in_zip(root / archive, ending, max_pixels)
        return {path: file for path, file in found.items() if path.startswith(f"{folder}/")}
    if (root / folder).is_dir():
        paths = [path for path in list_tree(root / folder) if path.name.endswith(ending)]
        for path in paths:
            check_name(path.relative_to(root).as_posix(), str(path))
        return {path.relative_to(root).as_posix(): image_file(path, max_pixels) for path in paths}
    raise InputError(
        f"{root} holds neither {archive} nor the folder {folder}: put one of them there"
    )


def _in_zip(path: Path, ending: str, max_pixels: int) -> dict[str, ImageFile]:
    """The members of an archive; each thread that reads them opens the archive for itself."""
    own = threading.local()

    def open_archive() -> zipfile.ZipFile:
        if not hasattr(own, "archive"):
            own.archive = zipfile.ZipFile(seekable(path))
        return own.archive

    def member(name: str) -> ImageFile:
        return ImageFile(
            f"{path}:{name}",
            lambda: open_archive().open(name),  # type: ignore[arg-type, return-value]
            max_pixels,
            lambda: joint_stamp(file_stamp(path), name.encode()),
        )

    try:
        with zipfile.ZipFile(seekable(path)) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(ending))
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is no whole zip archive ({error}): download it again") from error
    for name in names:
        check_name(name, f"{path}:{name}")
    for name, following in itertools.pairwise(names):
        if name == following:
            raise InputError(f"{path} holds {name} twice: download it again")
    return {name: member(name) for name in names}

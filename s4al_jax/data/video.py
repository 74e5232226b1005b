"""The frames of a film as pictures: what `s4al prepare video` writes."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s4al_jax.files.images import check_name
from s4al_jax.files.jsonl import name_errors
from s4al_jax.files.paths import list_tree
from s4al_jax.runtime.extras import require
from s4al_jax.types import InputError

ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")
"""Of films in a folder; a film that is named itself may end as it likes."""

SCRATCH = ".unfinished-"
"""How the folder of a film begins that is being written."""

Progress = Callable[[str, int], None]
"""(the film, frames written)"""


def write_frames(
    source: Path,
    folder: Path,
    *,
    every: int,
    progress: Progress = lambda film, written: None,
) -> dict[str, int]:
    """Write every nth frame of a film, or of all films in a folder, as PNG.

    A film `source/trip/a.mp4` becomes `folder/images/trip/a/000000.png` and so on, with the
    frame's number in the film: a folder dataset without masks. A film's pictures are there as a
    whole or not at all; a film that has some already is passed over.

    Args:
      source: a film or a folder of films.
      folder: where to.
      every: 1 for all frames, 10 for the first, the eleventh, ...
      progress: is told how far a film is.

    Returns:
      Film, as its folder is called -> frames written; 0: its folder was there already.
    """
    require("av", extra="video", what="s4al prepare video")
    if every < 1:
        raise InputError(f"--every={every}: give a whole number from 1 up")
    written: dict[str, int] = {}
    for name, film in _films(source).items():
        written[name] = 0
        target = folder / "images" / name
        if target.exists():
            continue
        with name_errors(folder), _scratch(target.with_name(SCRATCH + target.name)) as unfinished:
            for number, frame in read_frames(film, every=every):
                Image.fromarray(frame).save(unfinished / f"{number:06d}.png")
                written[name] += 1
                progress(name, written[name])
            os.replace(unfinished, target)
    return written


def read_frames(film: Path, *, every: int) -> Iterator[tuple[int, np.ndarray]]:
    """Number and uint8 `[height, width, 3]` of every nth frame, upright."""
    import av

    found = 0
    try:
        with av.open(str(film)) as container:
            if not container.streams.video:
                raise InputError(f"{film} has no pictures, only sound: name a film")
            for number, frame in enumerate(container.decode(video=0)):
                found += 1
                if number % every == 0:
                    yield number, upright(frame, str(film))
    except (av.FFmpegError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{film} cannot be read ({reason}): replace the film") from error
    if not found:
        raise InputError(f"{film} has no frames: replace the film")


def upright(frame: Any, name: str) -> np.ndarray:
    """uint8 `[height, width, 3]`: a frame of PyAV's, turned as the camera that made it says."""
    quarters, rest = divmod(round(frame.rotation), 90)
    if rest:
        raise InputError(f"{name} is turned by {frame.rotation} degrees: write it upright first")
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))


def _films(source: Path) -> dict[str, Path]:
    """The films by their path below the source, without its ending."""
    if source.is_file():
        check_name(source.name, str(source))
        return {source.stem: source}
    if not source.is_dir():
        raise InputError(f"{source}: no such film or folder")
    found: dict[str, Path] = {}
    for path in list_tree(source):
        if path.suffix.lower() not in ENDINGS or path.name.startswith("."):
            continue
        below = path.relative_to(source)
        check_name(below.as_posix(), str(path))
        name = below.with_suffix("").as_posix()
        if name in found:
            raise InputError(f"{found[name]} and {path} share one name: rename one of them")
        found[name] = path
    if not found:
        raise InputError(f"{source} holds no films ({', '.join(ENDINGS)}): name one itself")
    return found


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder that is removed, unless it got another name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

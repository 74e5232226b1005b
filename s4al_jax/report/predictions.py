"""What a network sees in a picture, as files: label map, overlay, and where it is unsure."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from s4al_jax.files.images import Color
from s4al_jax.files.png_stream import PngStream
from s4al_jax.labels.requests import color_table, index_png, overlay
from s4al_jax.types import InputError

FOLDERS = ("labels", "overlays", "uncertainty")


def write_prediction(
    out: Path,
    name: str,
    *,
    picture: np.ndarray,
    labels: np.ndarray,
    uncertainty: np.ndarray,
    palette: Sequence[Color],
) -> None:
    """Three PNG files of the picture's size, each under `name` in a folder of its own.

    `labels/` holds class ids in the classes' colors, `uncertainty/` gray values from 0 (certain)
    to 255 (`uncertainty` 1: every class is as likely).
    """
    gray = _gray(uncertainty)
    paths = [out / folder / f"{name}.png" for folder in FOLDERS]
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        paths[0].write_bytes(index_png(labels, palette))
        Image.fromarray(overlay(picture, labels, palette)).save(paths[1])
        Image.fromarray(gray).save(paths[2])
    except OSError as error:
        raise InputError(f"{out}: cannot write: {error.strerror or error}") from error


class WriteRows(Protocol):
    """Writes the next rows of a prediction."""

    def __call__(self, picture: np.ndarray, labels: np.ndarray, uncertainty: np.ndarray) -> None:
        """As for `write_prediction`, but of some rows."""


@contextmanager
def open_prediction(
    out: Path, name: str, size: tuple[int, int], palette: Sequence[Color]
) -> Iterator[WriteRows]:
    """The three files of `write_prediction`, written some rows at a time from top to bottom.

    They end in `.part` until all rows are there; what is left of an attempt that failed is removed.
    """
    paths = [out / folder / f"{name}.png" for folder in FOLDERS]
    parts = [path.with_name(path.name + ".part") for path in paths]
    try:
        with ExitStack() as files:
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
            streams = [files.enter_context(part.open("wb")) for part in parts]
            labels_file = PngStream(streams[0], *size, palette=color_table(palette))
            overlay_file = PngStream(streams[1], *size, color=True)
            gray_file = PngStream(streams[2], *size)

            def write(picture: np.ndarray, labels: np.ndarray, uncertainty: np.ndarray) -> None:
                labels_file.write(labels)
                overlay_file.write(overlay(picture, labels, palette))
                gray_file.write(_gray(uncertainty))

            yield write
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    except OSError as error:
        raise InputError(f"{out}: cannot write: {error.strerror or error}") from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _gray(uncertainty: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(uncertainty, 0, 1)).astype(np.uint8)

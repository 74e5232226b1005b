"""What a network sees in a picture, as files: label map, overlay, and where it is unsure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.files.images import Color
from s4al_jax.labels.requests import index_png, overlay
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
    gray = np.round(255 * np.clip(uncertainty, 0, 1)).astype(np.uint8)
    paths = [out / folder / f"{name}.png" for folder in FOLDERS]
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        paths[0].write_bytes(index_png(labels, palette))
        Image.fromarray(overlay(picture, labels, palette)).save(paths[1])
        Image.fromarray(gray).save(paths[2])
    except OSError as error:
        raise InputError(f"{out}: cannot write: {error.strerror or error}") from error

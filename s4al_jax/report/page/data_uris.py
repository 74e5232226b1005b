"""Pictures as a page holds them: small, and written into its text as data URIs."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from s4al_jax.data.images import Color, resized_ids

WIDEST, WIDEST_GRAY = 320, 160
"""pixels; what is wider is shrunk. Where a network is unsure has no fine lines to lose."""

QUALITY = 75
"""of JPEG, from 0 to 95"""


def photograph(image: np.ndarray) -> str:
    """uint8 `[height, width, 3]` as a JPEG."""
    return _jpeg(Image.fromarray(image), WIDEST)


def gray(values: np.ndarray) -> str:
    """uint8 `[height, width]` as a gray JPEG, white where it is 255."""
    return _jpeg(Image.fromarray(values), WIDEST_GRAY)


def label_map(labels: np.ndarray, palette: Sequence[Color]) -> str:
    """uint8 `[height, width]` as a PNG in the classes' colors, all else transparent."""
    width, height = _small(labels.shape[1], labels.shape[0], WIDEST)
    small = np.minimum(resized_ids(labels, height, width), len(palette)).astype(np.uint8)
    picture = Image.fromarray(small)
    picture.putpalette([*np.ravel(palette).tolist(), 0, 0, 0])
    alpha = bytes([255] * len(palette) + [0])
    return _uri(picture, "png", transparency=alpha, optimize=True)


def _jpeg(picture: Image.Image, widest: int) -> str:
    size = _small(*picture.size, widest)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return _uri(picture, "jpeg", quality=QUALITY, optimize=True)


def _small(width: int, height: int, widest: int) -> tuple[int, int]:
    """(width, height), no wider than that."""
    if width <= widest:
        return width, height
    return widest, max(1, round(height * widest / width))


def _uri(picture: Image.Image, kind: str, **how: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **how)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")

"""Pictures as a page holds them: small, and written into its text as data URIs."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from s4al_jax.files.images import Color
from s4al_jax.files.resize import resize_ids

WIDEST, WIDEST_GRAY = 320, 160
"""pixels; what is wider is shrunk. Maps of uncertainty have no fine lines to lose."""

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
    small = np.minimum(_shrink_ids(labels), len(palette)).astype(np.uint8)
    picture = Image.fromarray(small)
    picture.putpalette([*np.ravel(palette).tolist(), 0, 0, 0])
    alpha = bytes([255] * len(palette) + [0])
    return _uri(picture, "png", transparency=alpha, optimize=True)


def score_map(scores: np.ndarray, low: float, high: float) -> str:
    """float `[height, width]` as a gray PNG from `low` to `high`; transparent where it is nan."""
    span = high - low
    share = (scores - low) / span if span > 0 else np.where(np.isnan(scores), np.nan, 0.5)
    # 0 stands for what is transparent.
    levels = np.nan_to_num(1 + np.round(254 * share)).astype(np.uint8)
    return _uri(Image.fromarray(_shrink_ids(levels)), "png", transparency=0, optimize=True)


def _shrink_ids(ids: np.ndarray) -> np.ndarray:
    width, height = _small(ids.shape[1], ids.shape[0], WIDEST)
    return resize_ids(ids, height, width)


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

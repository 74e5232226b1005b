"""Which pictures belong together, so that a network is not measured on what it has learned: nearly
the same pictures, and the frames of one video.

Frames of a video have names that differ in one number only. Where many of such pictures
look like the one before them, and they do not all look alike, all of them are one video.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from s4al_jax.data.decode_cache import DecodeCache
from s4al_jax.data.names import natural_key
from s4al_jax.data.near_duplicates import FLATTEST, Groups, hashes, near_duplicates
from s4al_jax.data.thumbs import THUMB, thumb
from s4al_jax.files.bands import RGB, Bands, read_bands
from s4al_jax.files.images import ImageFile, read_gray
from s4al_jax.types import InputError

ALIKE = 24
"""Places of 64 in which the hashes of two frames in a row may differ; it is 32 by chance."""
CORRELATION = 0.85
"""How much their gray values have to correlate."""
SHARE = 0.4
"""The part of the frames of a video that look like the one before,"""
LESS = 0.5
"""and how much smaller than that part is the part that looks like one half the video away."""
FEWEST = 6
"""Fewer pictures are no video."""


def related_files(
    images: Mapping[str, ImageFile], place: str, bands: Bands = RGB
) -> list[list[str]]:
    """Groups of names of pictures that belong together; each picture is read once, ever.

    What cannot be read is in no group, and is named by whoever needs it.

    Args:
      images: by name.
      place: where they are, for what is kept of them.
      bands: which are read.
    """
    cache = DecodeCache(place, f"thumbs{bands.key}", THUMB)
    thumbs = {}
    for name, image in images.items():
        with contextlib.suppress(InputError):
            read = partial(_read_thumb, image, bands)
            thumbs[name] = cache.read(image.name, image.stamp(), read)
    return related_pictures(thumbs)


def _read_thumb(image: ImageFile, bands: Bands) -> tuple[np.ndarray, tuple[int, int]]:
    if bands.is_plain_rgb:
        # Four times the copy's size, so that its gray values are those of the whole picture's.
        gray = read_gray(image, 4 * THUMB[0], 4 * THUMB[1])
    else:
        gray = read_bands(image, bands).mean(axis=-1).astype(np.uint8)
    return thumb(gray), (gray.shape[0], gray.shape[1])


def related_pictures(thumbs: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Groups of names that belong together; a name that stands alone is in none.

    Args:
      thumbs: name -> uint8 `THUMB`, see `thumbs.thumb`.
    """
    names = sorted(thumbs)
    if not names:
        return []
    place = {name: index for index, name in enumerate(names)}
    stack = np.stack([thumbs[name] for name in names])
    together = Groups(len(names))
    for group in near_duplicates(stack):
        for other in group[1:]:
            together.join(group[0], other)
    for series in number_series(names):
        if is_video(np.stack([thumbs[name] for name in series])):
            for name in series[1:]:
                together.join(place[series[0]], place[name])
    members: dict[int, list[str]] = {}
    for name in names:
        members.setdefault(together.find(place[name]), []).append(name)
    return [group for group in members.values() if len(group) > 1]


def number_series(names: Sequence[str]) -> Iterator[list[str]]:
    """Names in the order of the one number in which they differ, the last one in them."""
    series: dict[tuple[str, str], list[str]] = {}
    for name in names:
        parts = re.fullmatch(r"(.*?)(\d+)(\D*)", name, re.DOTALL)
        if parts:
            series.setdefault((parts[1], parts[3]), []).append(name)
    yield from (sorted(of, key=natural_key) for of in series.values() if len(of) >= FEWEST)


def is_video(thumbs: np.ndarray) -> bool:
    """Whether many pictures of a row look like the one before them.

    X-rays and things on a white table all look alike: pictures of a video look less like those
    that are half of it away.
    """
    near = alike(thumbs, 1)
    return near >= SHARE and alike(thumbs, len(thumbs) // 2) <= LESS * near


def alike(thumbs: np.ndarray, step: int) -> float:
    """The part of the pictures that look like the one that is `step` later."""
    codes = hashes(thumbs)
    values = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    values -= values.mean(1, keepdims=True)
    contrast = values.std(1)
    scale = np.maximum(contrast[step:] * contrast[:-step], 1e-6)
    correlation = (values[step:] * values[:-step]).mean(1) / scale
    same = (correlation >= CORRELATION) & (np.bitwise_count(codes[step:] ^ codes[:-step]) <= ALIKE)
    same &= np.minimum(contrast[step:], contrast[:-step]) >= FLATTEST
    return float(same.mean())

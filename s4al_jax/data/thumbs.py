"""A small gray copy of a picture, by which nearly the same pictures are found."""

import numpy as np

from s4al_jax.files.resize import resize_image

THUMB = (16, 18)
"""Rows and columns of the copy."""


def thumb(image: np.ndarray) -> np.ndarray:
    """uint8 `THUMB`: a picture, uint8 `[h, w, 3]` or `[h, w]`, small and in gray."""
    small = resize_image(image, *THUMB)
    return small if small.ndim == 2 else _gray(small).round().astype(np.uint8)


def _gray(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)

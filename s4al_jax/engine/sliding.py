"""Inference on a picture of any size: windows that overlap, a row of them at a time.

A window has the size that the network was made for. Where windows overlap, their logits are
averaged with weights that fall towards a window's edge, where it sees least of the surroundings.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from s4al_jax.files.fit import cut_frame, mean_color
from s4al_jax.types import InputError

BLOCK = 2**21
"""Logits of which classes are made at a time."""

SeeWindows = Callable[[np.ndarray], np.ndarray]
"""uint8 `[windows, height, width, channels]` -> float32 `[windows, height, width, classes]`"""


class Band(NamedTuple):
    """Some rows of a picture, with what a network says of them; valid until the next band."""

    picture: np.ndarray
    """uint8 `[rows, width, channels]`"""
    logits: np.ndarray
    """float32 `[rows, width, classes]`"""


class Windows(NamedTuple):
    """The windows along one side of a picture."""

    starts: tuple[int, ...]
    """the first pixel of each; the last may reach beyond the picture"""
    weights: np.ndarray
    """float32 `[windows, length of a window]`; those of a pixel sum to 1"""


def check_overlap(overlap: float) -> None:
    """Refuse what is no share of a window."""
    if not 0 <= overlap < 1:
        raise InputError(f"the overlap is {overlap}: choose a share of a tile from 0 to below 1")


def windows(length: int, window: int, overlap: float) -> Windows:
    """Windows from the first pixel of a side on, until one reaches its end.

    Args:
      length: of the side, in pixels.
      window: of a window.
      overlap: the share of a window that the next one covers, too.
    """
    step = max(1, window - round(overlap * window))
    starts = tuple(range(0, max(length - window, 0) + step, step))
    bell = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2
    total = np.zeros(starts[-1] + window)
    for start in starts:
        total[start : start + window] += bell
    # A window that covers a pixel alone gets the weight 1 exactly: a number divided by itself.
    shares = [bell / total[start : start + window] for start in starts]
    return Windows(starts, np.array(shares, np.float32))


def slide(
    read: Callable[[int, int], np.ndarray],
    size: tuple[int, int],
    working: tuple[int, int],
    see: SeeWindows,
    *,
    overlap: float,
    batch: int,
) -> Iterator[Band]:
    """The bands of a picture, from top to bottom; together they are all of it.

    No more is kept than the logits of one row of windows: memory grows with the width of the
    picture and not with its height.

    Args:
      read: (first row, first row outside) -> uint8 `[rows, width, channels]`; each is read once.
      size: height and width of the picture.
      working: height and width of a window.
      see: the network.
      overlap: the share of a window that the next one covers, too.
      batch: windows at a time.
    """
    (height, width), rows = size, working[0]
    down, across = windows(height, rows, overlap), windows(width, working[1], overlap)
    strip, logits = np.empty((0, width, 0), np.uint8), np.empty(0, np.float32)
    for number, start in enumerate(down.starts):
        is_last = number + 1 == len(down.starts)
        more = read(start + len(strip), min(start + rows, height))
        strip = np.concatenate([strip, more]) if len(strip) else more
        for first in range(0, len(across.starts), batch):
            places = across.starts[first : first + batch]
            seen = see(np.stack([_window(strip, place, working) for place in places]))
            if not logits.size:
                logits = np.zeros((rows, width, seen.shape[-1]), np.float32)
            for column, (place, of_window) in enumerate(zip(places, seen, strict=True), first):
                end = min(place + working[1], width)
                weights = np.outer(down.weights[number], across.weights[column, : end - place])
                logits[:, place:end] += weights[..., None] * of_window[:, : end - place]
        done = len(strip) if is_last else down.starts[number + 1] - start
        yield Band(strip[:done], logits[:done])
        strip = strip[done:].copy()
        logits[: rows - done] = logits[done:]
        logits[rows - done :] = 0


def _window(strip: np.ndarray, left: int, working: tuple[int, int]) -> np.ndarray:
    """uint8 `[height, width, channels]`, padded where it reaches beyond the picture."""
    fill = mean_color(strip.shape[-1])
    return cut_frame(strip[:, left : left + working[1]], working, "tile", fill=fill)


def classes_and_uncertainty(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 and float32 `[rows, width]`: the likeliest class, and the entropy as a share of the
    largest that there can be."""
    labels = np.empty(logits.shape[:2], np.uint8)
    uncertainty = np.empty(logits.shape[:2], np.float32)
    step = max(1, BLOCK // logits[0].size)
    for top in range(0, len(logits), step):
        block = logits[top : top + step]
        labels[top : top + step] = block.argmax(-1)
        shifted = block - block.max(-1, keepdims=True)
        odds = np.exp(shifted)
        total = odds.sum(-1)
        # -sum(p log p) with p = odds / total and log p = shifted - log(total)
        entropy = np.log(total) - (odds * shifted).sum(-1) / total
        uncertainty[top : top + step] = entropy / max(np.log(logits.shape[-1]), 1e-9)
    return labels, uncertainty

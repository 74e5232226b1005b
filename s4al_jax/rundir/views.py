"""What a network makes of some images, on disk: `cycles/NN/views.npz`.

Nothing is learned from it and no selection depends on it; it is what a report shows.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.types import InputError

SPLITS = ("pool", "val", "test")


class Place(NamedTuple):
    """An image of a dataset; `split` is one of `SPLITS`."""

    split: str
    image: int

    @property
    def id(self) -> str:
        """A name that no other image has."""
        return f"{self.split}-{self.image}"


class Views(NamedTuple):
    """Some images as a network predicts them; all arrays have a row for each of the places."""

    places: tuple[Place, ...]
    predicted: np.ndarray
    """uint8 `[images, height, width]`: the most likely class"""
    confidence: np.ndarray
    """uint8, as large: the probability of that class, 255 for 1"""
    uncertainty: np.ndarray
    """uint8, as large: the entropy, 255 where every class is as likely"""


def spread_evenly(counts: Mapping[str, int], most: int) -> list[Place]:
    """At most so many of all images of these splits, evenly spread, both ends included."""
    everything = [Place(split, image) for split in counts for image in range(counts[split])]
    picked = np.linspace(0, len(everything) - 1, min(most, len(everything)))
    return [everything[index] for index in np.round(picked).astype(int)]


def pack(places: Sequence[Place], maps: np.ndarray) -> bytes:
    """The content of a views.npz.

    Args:
      places: which images.
      maps: uint8 `[images, height, width, 3]`: class, confidence and uncertainty as in `Views`.
    """
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        split=np.array([SPLITS.index(place.split) for place in places], np.uint8),
        index=np.array([place.image for place in places], np.int32),
        predicted=maps[..., 0],
        confidence=maps[..., 1],
        uncertainty=maps[..., 2],
    )
    return buffer.getvalue()


def read(path: Path) -> Views | None:
    """The content of a views.npz; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            places = zip(file["split"].tolist(), file["index"].tolist(), strict=True)
            return Views(
                tuple(Place(SPLITS[split], index) for split, index in places),
                *(file[name] for name in ("predicted", "confidence", "uncertainty")),
            )
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}): remove it, or bring it back") from error

"""Which images are labeled at the start, and that no picture stands in two splits."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.types import DatasetSpec, InputError


class Place(NamedTuple):
    """Where a picture stands: the split's name and its index there."""

    split: str
    image: int


def initial_images(count: int, share: float, seed: int) -> tuple[int, ...]:
    """The images that are labeled before the first cycle: drawn uniformly, sorted, at least 1.

    With the same seed a larger share contains every smaller one.
    """
    if count < 1:
        raise InputError(f"a pool of {count} images has nothing to label: add training images")
    if not 0 < share <= 1:
        raise InputError(f"the share of initial labels is {share}: choose above 0 and at most 1")
    if seed < 0:
        raise InputError(f"the seed is {seed}: choose 0 or more")
    drawn = np.random.default_rng(seed).permutation(count)[: max(1, round(count * share))]
    return tuple(sorted(int(image) for image in drawn))


def image_digest(image: np.ndarray) -> str:
    """A fingerprint of a picture's shape and pixels: equal if and only if the pictures are."""
    head = f"{image.dtype.str} {image.shape} ".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()


def content_overlaps(digests: Mapping[str, Sequence[str]]) -> list[tuple[Place, Place]]:
    """Pairs of places in different splits with the same picture, the earlier split first.

    A picture may repeat inside one split; it is then named by its first place.
    """
    first: dict[str, Place] = {}
    overlaps = []
    for split, of_split in digests.items():
        for image, digest in enumerate(of_split):
            place = first.setdefault(digest, Place(split, image))
            if place.split != split:
                overlaps.append((place, Place(split, image)))
    return overlaps


def overlap_message(
    names: Mapping[str, Sequence[str]], overlaps: Sequence[tuple[Place, Place]]
) -> str:
    """What to say of pictures that stand in two splits; `names` is split -> one per image."""
    one, other = overlaps[0]
    return (
        f"{one.split}/{names[one.split][one.image]} and "
        f"{other.split}/{names[other.split][other.image]} are the same picture "
        f"({len(overlaps)} such pairs): keep each picture in one split only"
    )


def splits_record(spec: DatasetSpec, initial: Iterable[int]) -> dict[str, Any]:
    """What a run writes down of its splits, ready for JSON: names, never indices alone."""
    return {
        "dataset": spec.name,
        "classes": list(spec.classes),
        "train": list(spec.train.names),
        "val": list(spec.val.names),
        "test": list(spec.test.names),
        "initial": [spec.train.names[image] for image in initial],
    }

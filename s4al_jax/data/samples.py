"""A dataset from samples: pictures by name, each with its truth where somebody has labeled it.

What a way in has to say is where pictures, truths and classes are, and which picture is in which
split; the rest is the same for all of them and is here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.data.classes import ClassList
from s4al_jax.data.group_draw import draw_groups
from s4al_jax.files.images import resize_ids, resize_image
from s4al_jax.types import DatasetSpec, ImageSet, InputError

SPLITS = ("train", "val", "test")


class Sample(NamedTuple):
    """A picture, and what is known of it."""

    read_image: Callable[[], np.ndarray]
    """-> uint8 `[any height, any width, 3]`, RGB, upright"""
    read_truth: Callable[[], np.ndarray] | None = None
    """-> uint8 of the picture's size, class ids and `VOID`; None: nobody has labeled it"""


def dataset(
    name: str,
    samples: Mapping[str, Sample],
    splits: Mapping[str, Sequence[str]],
    classes: ClassList,
    *,
    height: int,
    width: int,
    place: str,
) -> DatasetSpec:
    """The samples at a working size.

    Args:
      name: of the dataset.
      samples: by name.
      splits: the names in train, val and test.
      classes: what the ids mean.
      height: of the working size.
      width: of it.
      place: where the samples are, for messages.
    """
    if not splits["train"]:
        raise InputError(f"{place} leaves no image to learn from: check how it is split")
    for split in ("val", "test"):
        for sample in splits[split]:
            if samples[sample].read_truth is None:
                raise InputError(
                    f"{sample} of {place} is in {split} and has no mask: add one, or move the "
                    "image to train"
                )
    sets = (_image_set(splits[s], samples, height, width) for s in SPLITS)
    return DatasetSpec(name, classes.names, classes.palette, height, width, *sets)


def draw_splits(
    samples: Mapping[str, Sample],
    *,
    val: float,
    test: float,
    seed: int,
    related: Sequence[Sequence[str]] = (),
) -> dict[str, list[str]]:
    """Val and test drawn from the samples that have a truth; all others are the pool.

    Names that are `related` come into one split; those of them that have no truth, into the pool.
    """
    if min(val, test) < 0 or val + test >= 1 or seed < 0:
        raise InputError(
            f"val_share {val}, test_share {test}, seed {seed}: give shares from 0 that leave "
            "something to learn from, and a seed from 0"
        )
    names = sorted(samples)
    labeled = [name for name in names if samples[name].read_truth]
    order = [labeled[i] for i in np.random.default_rng(seed).permutation(len(labeled))]
    vals, tests = round(val * len(order)), round(test * len(order))
    drawn = draw_groups(order, related, {"val": vals, "test": tests})
    taken = {*drawn["val"], *drawn["test"]}
    return {"train": [name for name in names if name not in taken], **drawn}


def _image_set(
    names: Sequence[str], samples: Mapping[str, Sample], height: int, width: int
) -> ImageSet:
    def read_original(index: int) -> np.ndarray:
        return samples[names[index]].read_image()

    def read_original_truth(index: int) -> np.ndarray:
        read = samples[names[index]].read_truth
        assert read is not None, "only of what is labeled"
        return read()

    return ImageSet(
        tuple(names),
        lambda index: resize_image(read_original(index), height, width),
        lambda index: resize_ids(read_original_truth(index), height, width),
        read_original,
        read_original_truth,
        tuple(samples[name].read_truth is not None for name in names),
    )

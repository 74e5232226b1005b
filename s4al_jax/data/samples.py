"""A dataset from samples: pictures by name, each with its truth where somebody has labeled it.

What a way in has to say is where pictures, truths and classes are, and which picture is in which
split; the rest is the same for all of them and is here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.data.classes import ClassList
from s4al_jax.data.group_draw import draw_groups
from s4al_jax.files.bands import RGB, Bands, check_bands, read_bands, read_deep
from s4al_jax.files.fit import check_fit, content, cut_frame, mean_color
from s4al_jax.files.images import ImageFile, read_size, resize_ids, resize_image
from s4al_jax.types import VOID, DatasetSpec, ImageSet, InputError

SPLITS = ("train", "val", "test")


class Sample(NamedTuple):
    """A picture, and what is known of it."""

    image: ImageFile
    """any size, any format that `files.bands` reads"""
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
    fit: str = "pad",
    bands: Bands = RGB,
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
      fit: how pictures are brought to the working size, see `files.fit`.
      bands: which are read and shown.
    """
    check_fit(fit)
    check_bands(bands)
    if not splits["train"]:
        raise InputError(f"{place} leaves no image to learn from: check how it is split")
    for split in ("val", "test"):
        for sample in splits[split]:
            if samples[sample].read_truth is None:
                raise InputError(
                    f"{sample} of {place} is in {split} and has no mask: add one, or move the "
                    "image to train"
                )
    sets = {s: _image_set(splits[s], samples, (height, width), fit, bands) for s in SPLITS}
    return DatasetSpec(
        name,
        classes.names,
        classes.palette,
        height,
        width,
        **sets,
        fit=fit,
        channels=bands.channels,
        value_range=tuple(bands.value_range),
    )


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


def pool_contents(images: ImageSet, working: tuple[int, int]) -> np.ndarray | None:
    """int64 `[images, 2]`: rows and columns of each that are no padding; None: none is padded."""
    if images.shown is None:
        return None
    found = [content(images.shown(index), working) for index in range(len(images.names))]
    contents = np.array(found, np.int64)
    return None if np.all(contents == working) else contents


def _image_set(
    names: Sequence[str],
    samples: Mapping[str, Sample],
    working: tuple[int, int],
    fit: str,
    bands: Bands,
) -> ImageSet:
    def read_original(index: int) -> np.ndarray:
        picture = read_bands(samples[names[index]].image, bands)
        return cut_frame(picture, working, fit, fill=mean_color(bands.channels))

    def read_original_truth(index: int) -> np.ndarray:
        read = samples[names[index]].read_truth
        assert read is not None, "only of what is labeled"
        return cut_frame(read(), working, fit, fill=VOID)

    def shown(index: int) -> tuple[int, int]:
        return read_size(samples[names[index]].image)

    return ImageSet(
        tuple(names),
        lambda index: resize_image(read_original(index), *working),
        lambda index: resize_ids(read_original_truth(index), *working),
        read_original,
        read_original_truth,
        tuple(samples[name].read_truth is not None for name in names),
        shown if fit == "pad" else None,
        bands.display,
        lambda index: read_deep(samples[names[index]].image, bands),
    )

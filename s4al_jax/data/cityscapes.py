"""Cityscapes, from its two archives as they are downloaded: 19 classes, all else void.

`root` holds leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, which need not be unpacked,
or what is in them: leftImg8bit/{train,val}/CITY/*_leftImg8bit.png and
gtFine/{train,val}/CITY/*_gtFine_labelIds.png. It may also be what `s4al prepare` made of them. The
labels of the official test set are not public, so the official val set is the test set here, and
val is drawn from train.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from s4al_jax.data.samples import Sample, image_set
from s4al_jax.data.tfds import is_prepared, read_prepared, refuse_fit
from s4al_jax.data.zip_files import files_of
from s4al_jax.files.fit import check_fit
from s4al_jax.files.images import MAX_PIXELS, ImageFile, check_same_size, read_ids, recode_ids
from s4al_jax.files.paths import resolve_path
from s4al_jax.files.stamps import joint_stamp
from s4al_jax.types import VOID, DatasetSpec, InputError

CLASSES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"),
    *("motorcycle", "bicycle"),
)
"""Class names by id."""

PALETTE = (
    *((128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153)),
    *((153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152)),
    *((70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100)),
    *((0, 80, 100), (0, 0, 230), (119, 11, 32)),
)
"""The color in which each class is shown, by id."""

FILE_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""How the label files write each class; the other ids up to `LAST_FILE_ID` are void."""
LAST_FILE_ID = 33

IMAGES, IMAGE_ENDING = "leftImg8bit", "_leftImg8bit.png"
LABELS, LABEL_ENDING = "gtFine", "_gtFine_labelIds.png"


def cityscapes(
    root: str,
    *,
    height: int = 688,
    width: int = 688,
    val: int = 300,
    seed: int = 0,
    fit: str = "stretch",
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """Cityscapes under `root` at `height` x `width` (the files have 1024 x 2048).

    `val` images of the official train set, drawn with `seed`, are set aside. `fit` says how files
    are brought to the working size, see `files.fit`. One with more than `max_pixels` is refused.
    """
    if not root:
        raise InputError("Cityscapes' folder is not given: set config.data.root or S4AL_CITYSCAPES")
    if height < 1 or width < 1:
        raise InputError(f"Cityscapes at {height} x {width} pixels is empty: use 1 x 1 or more")
    check_fit(fit)
    folder = resolve_path(root)
    if is_prepared(folder):
        refuse_fit(folder, fit)
        settings = {"height": height, "width": width, "val": val, "seed": seed}
        return read_prepared(folder, "cityscapes", max_pixels=max_pixels, **settings)
    official = {split: _samples(folder, split, max_pixels) for split in ("train", "val")}
    aside = _draw_val(sorted(official["train"]), val, seed)
    train = {name: sample for name, sample in official["train"].items() if name not in aside}
    held = {name: official["train"][name] for name in sorted(aside)}
    read = partial(image_set, working=(height, width), place=root, fit=fit)
    train_set, val_set, test_set = (
        read(samples, originals=fit != "stretch") for samples in (train, held, official["val"])
    )
    return DatasetSpec(
        "cityscapes", CLASSES, PALETTE, height, width, train_set, val_set, test_set, fit
    )


def _draw_val(names: Sequence[str], count: int, seed: int) -> frozenset[str]:
    if not 0 <= count < len(names):
        raise InputError(
            f"Cityscapes: val={count} images cannot be taken from {len(names)} training images and "
            "leave some: choose less"
        )
    if seed < 0:
        raise InputError(f"Cityscapes: seed={seed} is negative; give 0 or more")
    order = np.random.default_rng(seed).permutation(len(names))
    return frozenset(names[index] for index in order[:count])


def _samples(root: Path, split: str, max_pixels: int) -> dict[str, Sample]:
    """The images of an official split with their labels, by name, such as aachen_000000_000019."""
    images = _by_name(root, IMAGES, split, IMAGE_ENDING, max_pixels)
    labels = _by_name(root, LABELS, split, LABEL_ENDING, max_pixels)
    for name in sorted(images.keys() ^ labels.keys()):
        city = name.split("_")[0]
        if name in images:
            missing = f"{LABELS}/{split}/{city}/{name}{LABEL_ENDING}"
            raise InputError(f"{images[name].name} has no label: add {missing}")
        missing = f"{IMAGES}/{split}/{city}/{name}{IMAGE_ENDING}"
        raise InputError(f"{labels[name].name} has no image: add {missing}")
    if not images:
        raise InputError(
            f"{root} has no {IMAGES}/{split}/CITY/*{IMAGE_ENDING}: get Cityscapes' archives again"
        )
    return {name: _sample(images[name], labels[name]) for name in sorted(images)}


def _by_name(
    root: Path, folder: str, split: str, ending: str, max_pixels: int
) -> dict[str, ImageFile]:
    archive = f"{folder}_trainvaltest.zip"
    files = files_of(root, folder=folder, archive=archive, ending=ending, max_pixels=max_pixels)
    found: dict[str, ImageFile] = {}
    for path, file in files.items():
        name = path.rsplit("/", 1)[-1].removesuffix(ending)
        if not path.startswith(f"{folder}/{split}/"):
            continue
        if name in found:
            raise InputError(
                f"{found[name].name} and {file.name} share one name: remove one of them"
            )
        found[name] = file
    return found


def _sample(image: ImageFile, label: ImageFile) -> Sample:
    def read_truth() -> np.ndarray:
        found = read_ids(label)
        check_same_size(found, label, image)
        hint = f"use Cityscapes' own label ids, 0 to {LAST_FILE_ID}"
        return recode_ids(found, _codes(), label.name, hint)

    return Sample(image, read_truth, lambda: joint_stamp(label.stamp(), image.stamp()))


def _codes() -> np.ndarray:
    """int16 `[256]`: what each id of a label file means; -1 for what is no id."""
    codes = np.full(256, -1, np.int16)
    codes[: LAST_FILE_ID + 1] = VOID
    codes[list(FILE_IDS)] = np.arange(len(FILE_IDS))
    return codes

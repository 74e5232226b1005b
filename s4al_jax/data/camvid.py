"""CamVid as it is commonly passed around: six folders, 11 classes and void.

`root` holds train/ trainannot/ val/ valannot/ test/ testannot/; an image and its label map share
the file name up to the ending. A label map holds class ids 0 to 10 and 11 for void. `root` may
also be what `s4al prepare camvid` made of them.
"""

from pathlib import Path

import numpy as np

from s4al_jax.data.samples import Sample, image_set
from s4al_jax.data.tfds import is_prepared, read_prepared, refuse_fit
from s4al_jax.files.fit import check_fit
from s4al_jax.files.images import (
    MAX_PIXELS,
    ImageFile,
    check_name,
    check_same_size,
    id_codes,
    image_file,
    image_suffixes,
    read_ids,
    recode_ids,
)
from s4al_jax.files.paths import resolve_path
from s4al_jax.files.stamps import joint_stamp
from s4al_jax.types import VOID, DatasetSpec, InputError

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
"""Class names by id."""

PALETTE = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (60, 40, 222),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
)
"""The color in which each class is shown, by id."""

FILE_VOID = 11
"""Void as the label files write it."""


def camvid(
    root: str,
    *,
    height: int = 360,
    width: int = 480,
    fit: str = "stretch",
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """CamVid under `root`; files of another size are brought to `height` x `width`.

    `fit` says how, see `files.fit`. A file with more than `max_pixels` is refused.
    """
    if not root:
        raise InputError("CamVid's folder is not given: set config.data.root or S4AL_CAMVID")
    if height < 1 or width < 1:
        raise InputError(f"CamVid at {height} x {width} pixels is empty: use 1 x 1 or more")
    check_fit(fit)
    folder = resolve_path(root)
    if is_prepared(folder):
        refuse_fit(folder, fit)
        return read_prepared(folder, "camvid", max_pixels=max_pixels, height=height, width=width)
    train, val, test = (
        image_set(
            _samples(folder, split, max_pixels),
            (height, width),
            root,
            fit,
            originals=fit != "stretch",
        )
        for split in ("train", "val", "test")
    )
    return DatasetSpec("camvid", CLASSES, PALETTE, height, width, train, val, test, fit)


def _samples(root: Path, split: str, max_pixels: int) -> dict[str, Sample]:
    images = _pictures(root / split, max_pixels)
    labels = _pictures(root / f"{split}annot", max_pixels)
    for stem in sorted(images.keys() ^ labels.keys()):
        if stem in images:
            raise InputError(f"{images[stem].name} has no label: add it to {root / split}annot")
        raise InputError(f"{labels[stem].name} has no image: add it to {root / split}")
    return {stem: _sample(images[stem], labels[stem]) for stem in sorted(images)}


def _sample(image: ImageFile, label: ImageFile) -> Sample:
    def read_truth() -> np.ndarray:
        found = read_ids(label)
        check_same_size(found, label, image)
        codes = id_codes(len(CLASSES), (FILE_VOID, VOID))
        hint = f"use 0 to {len(CLASSES) - 1}, and {FILE_VOID} or {VOID} for void"
        return recode_ids(found, codes, label.name, hint)

    return Sample(image, read_truth, lambda: joint_stamp(label.stamp(), image.stamp()))


def _pictures(folder: Path, max_pixels: int) -> dict[str, ImageFile]:
    """The files of a folder that Pillow has a reader for, by stem."""
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder: CamVid's root needs train, trainannot, val, valannot, "
            "test and testannot"
        )
    found: dict[str, ImageFile] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in image_suffixes() or path.name.startswith("."):
            continue
        check_name(path.name, str(path))
        if path.stem in found:
            raise InputError(
                f"{found[path.stem].name} and {path} share one name: remove one of them"
            )
        found[path.stem] = image_file(path, max_pixels)
    if not found:
        raise InputError(f"{folder} holds no images: unpack CamVid there")
    return found

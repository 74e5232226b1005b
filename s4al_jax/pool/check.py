"""Reads a dataset once from end to end, so that a bad file is found before any training."""

from collections.abc import Callable

import numpy as np

from s4al_jax.pool.splits import check_overlap, image_digest
from s4al_jax.types import VOID, DatasetSpec, InputError


def check(spec: DatasetSpec, *, progress: Callable[[int, int], None] | None = None) -> None:
    """Read every image and truth of every split; raise `InputError` at the first that is wrong.

    `progress(done, total)` is called after every image.
    """
    splits = {"train": spec.train, "val": spec.val, "test": spec.test}
    total = sum(len(images.names) for images in splits.values())
    digests: dict[str, list[str]] = {split: [] for split in splits}
    done = 0
    for split, images in splits.items():
        for index, name in enumerate(images.names):
            image = images.read_image(index)
            _check_array(f"{split}/{name}", image, (spec.height, spec.width, 3))
            truth = images.read_truth(index)
            _check_array(f"truth of {split}/{name}", truth, (spec.height, spec.width))
            _check_ids(f"truth of {split}/{name}", truth, len(spec.classes))
            digests[split].append(image_digest(image))
            done += 1
            if progress is not None:
                progress(done, total)
    check_overlap({split: images.names for split, images in splits.items()}, digests)


def _check_array(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8 or array.shape != shape:
        raise InputError(
            f"{name} is {array.dtype} of shape {array.shape} instead of uint8 of {shape}: "
            "correct the file or the dataset's reader"
        )


def _check_ids(name: str, truth: np.ndarray, num_classes: int) -> None:
    wrong = np.unique(truth[(truth >= num_classes) & (truth != VOID)])
    if wrong.size:
        raise InputError(
            f"{name} holds the id {wrong[0]}, but there are {num_classes} classes: "
            f"use 0 to {num_classes - 1}, or {VOID} for void"
        )

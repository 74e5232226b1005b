"""Reads a dataset once from end to end, so that a bad file is found before any training."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.data.nearest_colors import Change, changes
from s4al_jax.data.splits import content_overlaps, image_digest, overlap_message
from s4al_jax.files.fit import shown_part
from s4al_jax.files.stray_values import ClassListError, UnlistedValues
from s4al_jax.survey.error_lines import error_lines
from s4al_jax.types import VOID, DatasetSpec, ImageSet, InputError

Progress = Callable[[int, int], None]
"""(images done, images in all)"""


class SplitSurvey(NamedTuple):
    """What one split holds."""

    images: int
    with_truth: int
    class_pixels: np.ndarray
    void_pixels: int
    sizes: Counter[tuple[int, int]]
    """(height, width) before the images were brought to the working size -> how many"""
    changes: tuple[Change, ...] = ()
    """what the nearest color has changed, in each mask that was read with it"""


class Survey(NamedTuple):
    """What there is, what is wrong with it, and what looks strange."""

    splits: Mapping[str, SplitSurvey]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    digests: Mapping[str, str]
    """split/name, and `truth of` what is measured on -> a fingerprint of what was read"""
    refusals: tuple[InputError, ...] = ()
    """what a run says: as `errors`, with one for each mask that holds numbers of no class"""

    @property
    def needs_class_list(self) -> bool:
        """Whether another classes.json would help."""
        return any(isinstance(error, ClassListError) for error in self.refusals)


Look = Callable[[str, np.ndarray, np.ndarray | None], None]
"""(split/name, the image, its truth if there is one)"""


def check(spec: DatasetSpec, *, progress: Progress | None = None) -> Mapping[str, str]:
    """Read every image, and every truth that there is; raise `InputError` if anything is wrong.

    Gives the fingerprint of each.
    """
    found = survey(spec, progress=progress)
    if found.errors:
        more, first = "", found.refusals[0]
        if len(found.refusals) > 1:
            more = f" (and {len(found.refusals) - 1} more; s4al check lists all)"
        elif isinstance(first, UnlistedValues):
            more = " (s4al check says how to make it void)"
        raise InputError(str(first) + more)
    return found.digests


def check_unchanged(digests: Mapping[str, str], kept: object, path: Path) -> None:
    """Refuse images and truths that have changed since their fingerprints were kept in a file."""
    if not isinstance(kept, dict):
        raise InputError(f"{path} is not as a run writes it: restore it from a copy")
    changed = [name for name, digest in digests.items() if kept.get(name) != digest]
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise InputError(
            f"{changed[0]}{more} has changed since the run began: bring it back, or remove {path} "
            "to go on with what is there now"
        )


def survey(
    spec: DatasetSpec,
    *,
    progress: Progress | None = None,
    originals: bool = False,
    look: Look | None = None,
) -> Survey:
    """Look at every file once and say what there is; with `originals`, of which size it was.

    `look` is called with every picture that can be read, and its mask, without their padding.
    """
    splits = {"train": spec.train, "val": spec.val, "test": spec.test}
    total = sum(len(images.names) for images in splits.values())
    digests: dict[str, list[str]] = {split: [] for split in splits}
    prints: dict[str, str] = {}
    found: dict[str, SplitSurvey] = {}
    errors: list[tuple[str, InputError]] = []
    original_sizes: dict[str, tuple[int, int]] = {}
    done = 0
    for split, images in splits.items():
        counts, void, sizes = np.zeros(len(spec.classes), np.int64), 0, Counter[tuple[int, int]]()
        changed: list[Change] = []
        for index, name in enumerate(images.names):
            label = f"{split}/{name}"
            with changes() as of_mask:
                image, truth = _read(images, index, label, spec, errors)
            changed += of_mask
            prints[label] = label if image is None else image_digest(image)
            # Pictures are not told apart by tiles that show, say, the black outside of a scan.
            is_blank = spec.fit == "tile" and image is not None and _is_blank(images, index, image)
            digests[split].append(label if is_blank else prints[label])
            if truth is not None:
                # The pool's is for annotators alone, and what they said is in the ledger.
                if split != "train":
                    prints[f"truth of {label}"] = image_digest(truth)
                truth = truth[shown_part(images, index)]
                counts += np.bincount(truth[truth != VOID], minlength=len(counts))
                void += int((truth == VOID).sum())
            if look is not None and image is not None:
                look(label, image[shown_part(images, index)], truth)
            if originals and image is not None:
                height, width = images.original(index).shape[:2]
                original_sizes[label] = images.shown(index) if images.shown else (height, width)
                sizes[original_sizes[label]] += 1
            done += 1
            if progress is not None:
                progress(done, total)
        known = int(images.known.sum())
        found[split] = SplitSurvey(len(images.names), known, counts, void, sizes, tuple(changed))
    overlaps = content_overlaps(digests)
    more: list[InputError] = []
    if overlaps:
        names = {split: images.names for split, images in splits.items()}
        more.append(InputError(overlap_message(names, overlaps)))
    more += _one_class(spec, found)
    # An image that cannot be read is in the way of its mask, too.
    refusals = {str(error): error for error in [*(error for _, error in errors), *more]}
    masks = sum(split.with_truth for split in found.values())
    lines = [*error_lines(errors, original_sizes, masks, spec.classes), *map(str, more)]
    strange = tuple(_strange(spec, found, digests))
    return Survey(found, tuple(dict.fromkeys(lines)), strange, prints, tuple(refusals.values()))


def _read(
    images: ImageSet,
    index: int,
    label: str,
    spec: DatasetSpec,
    errors: list[tuple[str, InputError]],
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """An image and its truth, if it has one; None for what is wrong, which `errors` then names."""
    image = truth = None
    try:
        image = images.read_image(index)
        _check_array(label, image, (spec.height, spec.width, spec.channels))
    except InputError as error:
        errors.append((label, error))
        image = None
    if not images.known[index]:
        return image, None
    try:
        truth = images.read_truth(index)
        _check_array(f"truth of {label}", truth, (spec.height, spec.width))
        _check_ids(f"truth of {label}", truth, len(spec.classes))
    except InputError as error:
        errors.append((label, error))
        truth = None
    return image, truth


def _is_blank(images: ImageSet, index: int, image: np.ndarray) -> bool:
    """Whether an image has one color, but for its padding."""
    return bool(np.all(image[shown_part(images, index)] == image[0, 0]))


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


def _one_class(spec: DatasetSpec, found: Mapping[str, SplitSurvey]) -> Iterator[InputError]:
    """Masks of 0 and 255 are usual for two classes, and would be one class and void here."""
    present = np.flatnonzero(_class_pixels(spec, found))
    if (
        len(present) == 1
        and len(spec.classes) > 1
        and any(split.void_pixels for split in found.values())
    ):
        yield ClassListError(
            f"all masks together hold only the class {spec.classes[present[0]]!r} and void "
            f"({VOID}): if that number means a class, say so under ids in classes.json"
        )


def _strange(
    spec: DatasetSpec, found: Mapping[str, SplitSurvey], digests: Mapping[str, list[str]]
) -> Iterator[str]:
    if any(split.with_truth for split in found.values()):
        for unseen in np.flatnonzero(_class_pixels(spec, found) == 0):
            yield f"no mask shows the class {spec.classes[unseen]!r}"
    for split in ("val", "test"):
        if not found[split].images:
            yield f"{split} has no images: nothing is measured on it"
    for split, of_split in digests.items():
        names = getattr(spec, split).names
        first: dict[str, int] = {}
        for index, digest in enumerate(of_split):
            same = first.setdefault(digest, index)
            if same != index:
                yield f"{split}/{names[same]} and {split}/{names[index]} are the same picture"


def _class_pixels(spec: DatasetSpec, found: Mapping[str, SplitSurvey]) -> np.ndarray:
    none = np.zeros(len(spec.classes), np.int64)
    return np.asarray(sum((split.class_pixels for split in found.values()), none))

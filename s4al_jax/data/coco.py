"""COCO's form: a folder of images, and JSON files with polygons or run lengths.

    root/images/any/where/a.jpg         or anywhere below root
    root/train.json, val.json, test.json     or one JSON file, from which val and test are drawn

Classes are the categories in the order of their ids. An area of several things (`iscrowd`) is of
its class like any other: which thing a pixel belongs to does not matter here, and `s4al export`
writes all of its areas so. `known` of an image, as `s4al export` writes it, says which pixels
somebody looked at: all others are void, whatever is said of pixels in no area.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.data import coco_file
from s4al_jax.data.areas import (
    BACKGROUND,
    Area,
    Rules,
    check_choice,
    class_names,
    label_map,
    make_rules,
)
from s4al_jax.data.classes import ClassList, named_classes
from s4al_jax.data.picture_search import Pictures, find_picture, list_pictures
from s4al_jax.data.samples import SPLITS, Draw, Sample, dataset, draw_splits
from s4al_jax.files.bands import RGB, Bands
from s4al_jax.files.images import MAX_PIXELS, ImageFile, check_same_size, image_file
from s4al_jax.files.paths import resolve_path
from s4al_jax.files.stamps import file_stamp, joint_stamp, stamp
from s4al_jax.types import VOID, DatasetSpec, InputError

Entry = Mapping[str, Any]


class Files(NamedTuple):
    """The JSON files by split, or the only one under the name of train."""

    paths: Mapping[str, Path]
    drawn: bool
    """whether val and test are drawn from the only one"""


class Meaning(NamedTuple):
    """What is made of the entries."""

    ids: Mapping[int, int]
    """category -> class"""
    rules: Rules
    crowd_is_void: bool
    outside: int
    """the class of pixels in no area, or `VOID`"""


def coco(
    root: str,
    *,
    height: int,
    width: int,
    images: str = "",
    train: str = "",
    val: str = "",
    test: str = "",
    outside: str = "void",
    overlap: str = "void",
    unannotated: str = "unlabeled",
    crowd: str = "class",
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    keep_together: bool = True,
    fit: str = "pad",
    bands: Bands = RGB,
    max_pixels: int = MAX_PIXELS,
) -> DatasetSpec:
    """A folder with images and JSON files in COCO's form, at `height` x `width`.

    A pixel is in a polygon if its center is.

    Args:
      root: the folder.
      height: of the working size.
      width: of it.
      images: the folder of images below root; empty: root/images if there is one, else root.
      train: the JSON file below root; empty: train.json, or the only JSON file there is.
      val: the JSON file of what is measured on in training; empty: val.json, if there is one.
      test: the JSON file of what is measured on at last; empty: test.json, if there is one.
      outside: what pixels in no area are, "void" or "background", a class before all others.
      overlap: what pixels in areas of several classes are: "void", as the area with the fewest
        pixels ("smallest"), or as the one that comes last in the file ("last").
      unannotated: what images without any area are: "unlabeled", or "background" throughout.
      crowd: what areas with iscrowd are: of their "class", or "void".
      val_share: of the images with areas, where val and test are drawn.
      test_share: of the images with areas, where val and test are drawn.
      seed: of that draw.
      keep_together: whether nearly the same images, and the frames of a video, come into one split
        of those that are drawn.
      fit: how pictures are brought to the working size, see `files.fit`.
      bands: which are read and shown.
      max_pixels: a file with more is refused.
    """
    if not root:
        raise InputError("the folder is not given: set config.data.root")
    rules = make_rules(outside, overlap, unannotated)
    check_choice("crowd", crowd, ("class", "void"))
    place = resolve_path(root)
    files = _files(place, {"train": train, "val": val, "test": test})
    stamps = {split: file_stamp(path) for split, path in files.paths.items()}
    read = {split: coco_file.read(path) for split, path in files.paths.items()}
    first = read["train"]
    for content in read.values():
        coco_file.check_same_categories(first, content)
    ids = sorted(first.categories)
    names = class_names([first.categories[i].name for i in ids], rules, str(first.path))
    colors = {c.name: c.color for c in first.categories.values() if c.color is not None}
    classes = named_classes(first.path, names, colors)
    meaning = _meaning(first, classes, rules, crowd == "void")
    pictures = list_pictures(_images_folder(place, images))
    samples, splits = _samples(read, stamps, pictures, meaning, max_pixels)
    if files.drawn:
        draw = Draw(val_share, test_share, seed, keep_together, bands)
        splits = draw_splits(samples, draw, str(place))
    _check_measurable(samples, splits, files)
    return dataset(
        name="coco",
        samples=samples,
        splits=splits,
        classes=classes,
        height=height,
        width=width,
        place=str(place),
        fit=fit,
        bands=bands,
    )


def _files(place: Path, named: Mapping[str, str]) -> Files:
    if not place.is_dir():
        raise InputError(f"{place} is not a folder: config.data.root holds images and JSON files")
    found = {split: place / (named[split] or f"{split}.json") for split in SPLITS}
    there = {split: path for split, path in found.items() if path.is_file()}
    for split in SPLITS:
        if named[split] and split not in there:
            raise InputError(f"{found[split]} is missing: correct config.data.kwargs.{split}")
    if "train" in there:
        return Files(there, drawn=len(there) == 1)
    alone = sorted(place.glob("*.json"))
    if len(alone) == 1 and not there:
        return Files({"train": alone[0]}, drawn=True)
    raise InputError(
        f"{place} has no train.json and {len(alone)} JSON files: name those that are meant with "
        "config.data.kwargs.train and config.data.kwargs.val"
    )


def _images_folder(place: Path, images: str) -> Path:
    usual = place / (images or "images")
    return usual if images or usual.is_dir() else place


def _meaning(
    content: coco_file.Content, classes: ClassList, rules: Rules, crowd_is_void: bool
) -> Meaning:
    number = {name: index for index, name in enumerate(classes.names)}
    ids = {category: number[one.name] for category, one in content.categories.items()}
    outside = number[BACKGROUND] if rules.outside == BACKGROUND else VOID
    return Meaning(ids, rules, crowd_is_void, outside)


def _samples(
    read: Mapping[str, coco_file.Content],
    stamps: Mapping[str, bytes | None],
    pictures: Pictures,
    meaning: Meaning,
    max_pixels: int,
) -> tuple[dict[str, Sample], dict[str, list[str]]]:
    samples: dict[str, Sample] = {}
    where: dict[str, str] = {}
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for split, content in read.items():
        for image in content.images:
            name = find_picture(pictures, image.file_name, str(content.path))
            if name in samples:
                raise InputError(
                    f"{content.path} names {image.file_name!r}, which is {name} in {where[name]} "
                    "already: remove one of them"
                )
            picture = image_file(pictures.paths[name], max_pixels)
            samples[name] = _sample(content, stamps[split], image, picture, meaning)
            where[name] = str(content.path)
            splits[split].append(name)
    return samples, {split: sorted(names) for split, names in splits.items()}


def _sample(
    content: coco_file.Content,
    made_from: bytes | None,
    image: coco_file.ImageEntry,
    picture: ImageFile,
    meaning: Meaning,
) -> Sample:
    entries = content.annotations.get(image.id, ())
    if not entries and image.known is None and meaning.rules.unannotated == "unlabeled":
        return Sample(picture)
    return Sample(
        picture,
        partial(_truth, content, image, picture, meaning),
        lambda: joint_stamp(made_from, stamp(image.id, meaning), picture.stamp()),
    )


def _truth(
    content: coco_file.Content, image: coco_file.ImageEntry, picture: ImageFile, meaning: Meaning
) -> np.ndarray:
    """uint8 `[height, width]`: the areas of an image, drawn."""
    # The size is looked at before anything of that size is made.
    size = np.broadcast_to(np.uint8(0), (image.height, image.width))
    check_same_size(size, ImageFile(f"{content.path}: {image.file_name}", picture.open), picture)
    labels = label_map(
        _areas(content, image, meaning),
        image.height,
        image.width,
        outside=meaning.outside,
        overlap=meaning.rules.overlap,
    )
    if image.known is not None:
        where = f"{content.path}: `known` of {image.file_name}"
        labels[~coco_file.mask(image.known, image.height, image.width, where)] = VOID
    return labels


def _areas(
    content: coco_file.Content, image: coco_file.ImageEntry, meaning: Meaning
) -> Iterator[Area]:
    for entry in content.annotations.get(image.id, ()):
        where = f"{content.path}: annotation {entry.id}"
        is_void = entry.is_crowd and meaning.crowd_is_void
        class_id = VOID if is_void else meaning.ids[entry.category]
        read_mask = partial(coco_file.mask, entry.segmentation, image.height, image.width, where)
        yield Area(class_id, read_mask)


def _check_measurable(
    samples: Mapping[str, Sample], splits: Mapping[str, list[str]], files: Files
) -> None:
    for split in ("val", "test"):
        for name in splits[split]:
            if samples[name].read_truth is None:
                raise InputError(
                    f"{name} in {files.paths[split]} has no annotation: if it shows nothing but "
                    "background, set config.data.kwargs.outside and "
                    "config.data.kwargs.unannotated to background; else take it out"
                )

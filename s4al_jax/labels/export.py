"""The labels of a run as a folder of images and masks, with a COCO file beside them."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from s4al_jax.files.resize import nearest_indices
from s4al_jax.files.tile_grid import parse_tile_name
from s4al_jax.labels.answer import Answer, PoolShape, given_box, given_labels, working_labels
from s4al_jax.labels.coco import coco
from s4al_jax.labels.ledger import LEDGER, Ledger
from s4al_jax.labels.requests import index_png
from s4al_jax.types import UNLABELED, VOID, Box, DatasetSpec, InputError

COCO = "coco.json"


class Labeled(NamedTuple):
    """A picture that is exported, with what is known of it."""

    name: str
    picture: np.ndarray
    """uint8 `[height, width, 3]`"""
    labels: np.ndarray
    """uint8 `[height, width]`: ids and `VOID` where annotated, else `UNLABELED`"""


def read_answers(annotations: Path, spec: DatasetSpec) -> list[list[Answer]]:
    """The answers in a run's folder of annotations, by image; nothing on disk is changed."""
    if not (annotations / LEDGER).is_file():
        raise InputError(f"{annotations / LEDGER}: no such file; is this the directory of a run?")
    shape = PoolShape(spec.train.names, spec.height, spec.width, len(spec.classes))
    answers = sorted(Ledger(annotations).read(shape), key=lambda answer: answer.region.image)
    return [list(of_image) for _, of_image in groupby(answers, lambda a: a.region.image)]


def export_labels(
    out: Path,
    spec: DatasetSpec,
    answers: Sequence[Sequence[Answer]],
    *,
    original: bool,
    progress: Callable[[int, int], None],
) -> None:
    """Write the annotated images and their labels, as a folder dataset and as COCO.

    In masks, void pixels and pixels that nobody annotated are both 255. In original pixels, tiles
    are put together to the picture that they were cut from.

    Args:
      out: a new or empty folder.
      spec: the dataset of the run.
      answers: those of each image, as `read_answers` gives them.
      original: in original pixels; else at the working size.
      progress: is called with the images written and those in all.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already: name a new folder")
    part = out.with_name(out.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        names: list[str] = []
        written = _write_images(part, spec, answers, original, progress, names)
        content = coco(written, spec.classes, spec.palette)
        (part / "train.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        (part / COCO).write_text(json.dumps(content, separators=(",", ":")) + "\n")
        classes = [
            {"name": name, "color": list(spec.palette[index])}
            for index, name in enumerate(spec.classes)
        ]
        (part / "classes.json").write_text(json.dumps({"classes": classes}, indent=1) + "\n")
        part.replace(out)
    except OSError as error:
        raise InputError(f"{out}: cannot write: {error.strerror or error}") from error


def _write_images(
    out: Path,
    spec: DatasetSpec,
    answers: Sequence[Sequence[Answer]],
    original: bool,
    progress: Callable[[int, int], None],
    names: list[str],
) -> Iterator[tuple[str, np.ndarray]]:
    """Write images and masks, and yield the name of each image's file and its label map.

    The names of the pictures are added to `names`.
    """
    pictures = _whole_pictures if original and spec.fit == "tile" else _pictures
    for done, one in pictures(spec, answers, original):
        image, mask = out / "images" / f"{one.name}.png", out / "masks" / f"{one.name}.png"
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one.picture).save(image)
        known = np.where(one.labels == UNLABELED, VOID, one.labels)
        mask.write_bytes(index_png(known, spec.palette))
        names.append(one.name)
        progress(done, len(answers))
        yield image.relative_to(out).as_posix(), one.labels


def _pictures(
    spec: DatasetSpec, answers: Sequence[Sequence[Answer]], original: bool
) -> Iterator[tuple[int, Labeled]]:
    """How many images are done, and the last of them."""
    for number, of_image in enumerate(answers, start=1):
        yield number, _labeled(spec, of_image[0].region.image, of_image, original)


def _labeled(spec: DatasetSpec, index: int, answers: Sequence[Answer], original: bool) -> Labeled:
    picture = spec.train.original(index) if original else spec.train.picture(index)
    height, width = picture.shape[:2]
    name = spec.train.names[index]
    _check_size(name, answers, (height, width), original)
    labels = known_labels(answers, (spec.height, spec.width), (height, width))
    if original and spec.train.shown is not None:
        height, width = spec.train.shown(index)
        picture, labels = picture[:height, :width], labels[:height, :width]
    return Labeled(name, picture, labels)


def _whole_pictures(
    spec: DatasetSpec, answers: Sequence[Sequence[Answer]], original: bool
) -> Iterator[tuple[int, Labeled]]:
    """As `_pictures`, of the pictures that tiles were cut from; all tiles of each are read."""
    assert original and spec.train.shown is not None, "tiles have their picture's pixels"
    tiles = [parse_tile_name(name) for name in spec.train.names]
    of_images = {of_image[0].region.image: of_image for of_image in answers}
    done = 0
    for picture, group in groupby(range(len(tiles)), lambda index: tiles[index].picture):
        indices = list(group)
        if not of_images.keys() & set(indices):
            continue
        working = (spec.height, spec.width)
        boxes = [tiles[index].box(working, spec.train.shown(index)) for index in indices]
        # The last tile ends where the picture does.
        size = (boxes[-1].bottom, boxes[-1].right)
        whole = Labeled(picture, np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8))
        for index, box in zip(indices, boxes, strict=True):
            tile = _labeled(spec, index, of_images.get(index, ()), original)
            whole.picture[box.slices], whole.labels[box.slices] = tile.picture, tile.labels
            done += index in of_images
        yield done, whole


def _check_size(
    name: str, answers: Sequence[Answer], size: tuple[int, int], original: bool
) -> None:
    """Refuse a picture that had another size when it was labeled."""
    for answer in answers:
        if original and answer.size and answer.size != size:
            was = answer.size
            raise InputError(
                f"image {name} has {size[0]} x {size[1]} pixels, and had {was[0]} x {was[1]} when "
                "it was labeled: bring back the image, or name the right folder by --root"
            )


def known_labels(
    answers: Sequence[Answer], working: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """The label map that the answers on one image make.

    What was labeled at the working size is brought to another one by its nearest pixels. In
    original pixels, neighboring regions share pixels at their border; the label of the region in
    which such a pixel has its center counts.

    Args:
      answers: those on one image.
      working: height and width of the working size.
      size: of the result: `working`, or the size of the original picture.

    Returns:
      uint8 of `size`: ids and `VOID` where annotated, else `UNLABELED`.
    """
    rows, cols = nearest_indices(working[0], size[0]), nearest_indices(working[1], size[1])
    labels = np.full(size, UNLABELED, np.uint8)
    centered: list[tuple[Box, np.ndarray, np.ndarray | bool]] = []
    for answer in answers:
        own = _pixels_centered_in(answer.box, rows, cols)
        down, across = own.slices
        place = np.ix_(rows[down] - answer.box.top, cols[across] - answer.box.left)
        if answer.size == size:
            box, part = given_box(answer.box, size, working), given_labels(answer, working)
            np.copyto(labels[box.slices], part, where=part != UNLABELED)
            part = part[own.within(box).slices]
        else:
            part = working_labels(answer, working)[place]
        centered.append((own, part, True if answer.mask is None else answer.mask[place]))
    for own, part, inside in centered:
        np.copyto(labels[own.slices], part, where=inside)
    return labels


def _pixels_centered_in(box: Box, rows: np.ndarray, cols: np.ndarray) -> Box:
    """The pixels with their center in a box at the working size.

    `rows` and `cols` say in which row and column of the working size each pixel has its center.
    """
    top, bottom = np.searchsorted(rows, (box.top, box.bottom)).tolist()
    left, right = np.searchsorted(cols, (box.left, box.right)).tolist()
    return Box(top, left, bottom, right)

"""What a run has paid for, handed over: a folder of images and masks, and a COCO file beside."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.pool.coco import coco
from s4al_jax.pool.ledger import LEDGER, Answer, Ledger, PoolShape, given_labels, working_labels
from s4al_jax.pool.pictures import nearest
from s4al_jax.pool.request_files import index_png
from s4al_jax.types import UNLABELED, VOID, Box, DatasetSpec, InputError

COCO = "coco.json"


def bought(annotations: Path, spec: DatasetSpec) -> list[list[Answer]]:
    """The answers in a run's folder of annotations, by image; nothing on disk is changed."""
    if not (annotations / LEDGER).is_file():
        raise InputError(f"{annotations / LEDGER}: no such file; is this the directory of a run?")
    shape = PoolShape(spec.train.names, spec.height, spec.width, len(spec.classes))
    answers = sorted(Ledger(annotations).read(shape), key=lambda answer: answer.region.image)
    return [list(of_image) for _, of_image in groupby(answers, lambda a: a.region.image)]


def write_bought(
    out: Path,
    spec: DatasetSpec,
    answers: Sequence[Sequence[Answer]],
    *,
    original: bool,
    progress: Callable[[int, int], None],
) -> None:
    """Write images with all that is known of them, as a folder dataset and as COCO.

    With `original` in the images' own pixels, else at the working size. In masks, void and what
    nobody was asked about are both 255.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already: name a new folder")
    part = out.with_name(out.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        written = _written(part, spec, answers, original, progress)
        content = coco(written, spec.classes, spec.palette)
        names = [spec.train.names[of_image[0].region.image] for of_image in answers]
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


def _written(
    out: Path,
    spec: DatasetSpec,
    answers: Sequence[Sequence[Answer]],
    original: bool,
    progress: Callable[[int, int], None],
) -> Iterator[tuple[str, np.ndarray]]:
    """Write each image and its mask, and give its file's name and its label map."""
    for number, of_image in enumerate(answers, start=1):
        index = of_image[0].region.image
        picture = spec.train.original(index) if original else spec.train.read_image(index)
        height, width = picture.shape[:2]
        name = spec.train.names[index]
        _check_size(name, of_image, (height, width), original)
        labels = known_labels(of_image, (spec.height, spec.width), (height, width))
        image, mask = out / "images" / f"{name}.png", out / "masks" / f"{name}.png"
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(image)
        mask.write_bytes(index_png(np.where(labels == UNLABELED, VOID, labels), spec.palette))
        progress(number, len(answers))
        yield image.relative_to(out).as_posix(), labels


def _check_size(
    name: str, answers: Sequence[Answer], size: tuple[int, int], original: bool
) -> None:
    """Refuse a picture that was another one when it was labelled."""
    for answer in answers:
        if original and answer.frame and answer.frame.size != size:
            was = answer.frame.size
            raise InputError(
                f"image {name} has {size[0]} x {size[1]} pixels, and had {was[0]} x {was[1]} when "
                "it was labelled: bring back the image, or name the right folder by --root"
            )


def known_labels(
    answers: Sequence[Answer], working: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """uint8 of `size`, the working one or that of the original: ids, `VOID`, else `UNLABELED`.

    What is only known at the working size is brought to the other by its nearest pixels. In
    original pixels, the boxes of neighbouring cells share a border; there the cell in which a pixel
    lies has the last word.
    """
    labels = np.full(size, UNLABELED, np.uint8)
    for answer in answers:
        if answer.frame and answer.frame.size == size:
            labels[answer.frame.box.slices] = given_labels(answer)
    for answer in answers:
        rows, cols = _inside(answer.box, working, size)
        if answer.frame and answer.frame.size == size:
            box, part = answer.frame.box, given_labels(answer)
            labels[np.ix_(rows, cols)] = part[np.ix_(rows - box.top, cols - box.left)]
        else:
            box, part = answer.box, working_labels(answer, working)
            from_rows = nearest(working[0], size[0])[rows] - box.top
            from_cols = nearest(working[1], size[1])[cols] - box.left
            labels[np.ix_(rows, cols)] = part[np.ix_(from_rows, from_cols)]
    return labels


def _inside(box: Box, size: tuple[int, int], new: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a map of size `new` whose nearest pixels at `size` lie in a box."""
    rows, cols = nearest(size[0], new[0]), nearest(size[1], new[1])
    return (
        np.flatnonzero((rows >= box.top) & (rows < box.bottom)),
        np.flatnonzero((cols >= box.left) & (cols < box.right)),
    )

"""What a run has paid for, handed over: a folder of images and masks, and a COCO file beside."""

import json
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
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: name a new folder")
    try:
        content = coco(_written(out, spec, answers, original, progress), spec.classes, spec.palette)
        names = [spec.train.names[of_image[0].region.image] for of_image in answers]
        (out / "train.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        (out / COCO).write_text(json.dumps(content, separators=(",", ":")) + "\n")
        classes = [
            {"name": name, "color": list(spec.palette[index])}
            for index, name in enumerate(spec.classes)
        ]
        (out / "classes.json").write_text(json.dumps({"classes": classes}, indent=1) + "\n")
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
        labels = known_labels(of_image, (spec.height, spec.width), (height, width))
        name = spec.train.names[index]
        image, mask = out / "images" / f"{name}.png", out / "masks" / f"{name}.png"
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(image)
        mask.write_bytes(index_png(np.where(labels == UNLABELED, VOID, labels), spec.palette))
        progress(number, len(answers))
        yield image.relative_to(out).as_posix(), labels


def known_labels(
    answers: Sequence[Answer], working: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """uint8 of `size`, the working one or that of the original: ids, `VOID`, else `UNLABELED`.

    What is only known at the working size is brought to the other by its nearest pixels.
    """
    labels = np.full(size, UNLABELED, np.uint8)
    for answer in answers:
        if answer.frame and answer.frame.size == size:
            labels[answer.frame.box.slices] = given_labels(answer)
        else:
            _paint(labels, working_labels(answer, working), answer.box, working)
    return labels


def _paint(labels: np.ndarray, part: np.ndarray, box: Box, size: tuple[int, int]) -> None:
    """Put labels of a `box` at one size into a map of another."""
    rows, cols = nearest(size[0], labels.shape[0]), nearest(size[1], labels.shape[1])
    inside = (
        np.flatnonzero((rows >= box.top) & (rows < box.bottom)),
        np.flatnonzero((cols >= box.left) & (cols < box.right)),
    )
    labels[np.ix_(*inside)] = part[np.ix_(rows[inside[0]] - box.top, cols[inside[1]] - box.left)]

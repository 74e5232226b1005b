"""What a run has paid for, handed over: a folder of images and masks, and a COCO file beside."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.data.images import nearest
from s4al_jax.labels.coco import coco
from s4al_jax.labels.ledger import LEDGER, Answer, Ledger, PoolShape, given_labels, working_labels
from s4al_jax.labels.requests import index_png
from s4al_jax.types import UNLABELED, VOID, Box, DatasetSpec, InputError

COCO = "coco.json"


def read_answers(annotations: Path, spec: DatasetSpec) -> list[list[Answer]]:
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
    """Refuse a picture that was another one when it was labeled."""
    for answer in answers:
        if original and answer.frame and answer.frame.size != size:
            was = answer.frame.size
            raise InputError(
                f"image {name} has {size[0]} x {size[1]} pixels, and had {was[0]} x {was[1]} when "
                "it was labeled: bring back the image, or name the right folder by --root"
            )


def known_labels(
    answers: Sequence[Answer], working: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """uint8 of `size`, the working one or that of the original: ids, `VOID`, else `UNLABELED`.

    What is only known at the working size is brought to the other by its nearest pixels. In
    original pixels, the boxes of neighboring cells share a border; there the cell in which a pixel
    lies has the last word.
    """
    rows, cols = nearest(working[0], size[0]), nearest(working[1], size[1])
    labels = np.full(size, UNLABELED, np.uint8)
    owned: list[tuple[Box, np.ndarray]] = []
    for answer in answers:
        own = _own(answer.box, rows, cols)
        if answer.frame and answer.frame.size == size:
            box, part = answer.frame.box, given_labels(answer)
            labels[box.slices] = part
            owned.append((own, part[_within(own, box).slices]))
        else:
            part = working_labels(answer, working)
            down, across = own.slices
            place = np.ix_(rows[down] - answer.box.top, cols[across] - answer.box.left)
            owned.append((own, part[place]))
    for own, part in owned:
        labels[own.slices] = part
    return labels


def _own(box: Box, rows: np.ndarray, cols: np.ndarray) -> Box:
    """The pixels that lie in a box, where `rows` and `cols` say which of its pixels each has."""
    top, bottom = np.searchsorted(rows, (box.top, box.bottom)).tolist()
    left, right = np.searchsorted(cols, (box.left, box.right)).tolist()
    return Box(top, left, bottom, right)


def _within(inner: Box, outer: Box) -> Box:
    """A box, counted from the corner of one that it lies in."""
    down, across = outer.top, outer.left
    return Box(inner.top - down, inner.left - across, inner.bottom - down, inner.right - across)

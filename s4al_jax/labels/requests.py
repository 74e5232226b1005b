"""The questions to a person, written out as files: what to look at, and where the answer goes."""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from s4al_jax.data.images import Color, resized_ids
from s4al_jax.files.atomic import write_atomically
from s4al_jax.labels.oracle import Guess
from s4al_jax.regions import RegionGrid
from s4al_jax.types import UNLABELED, VOID, Box, DatasetSpec, InputError, RegionRef

README = """Please say what is in these regions.

For each entry of requests.json there is a picture in crops/ (and the whole photograph in images/,
with the region at the place that "box" gives: top, left, bottom, right). guesses/ holds what the
network believes, overlays/ shows it over the picture.

Answer with a picture of one 8-bit channel (an index PNG) in which each pixel is the number of its
class:

{classes}
  255  void: none of these
  254  not answered yet

Either save one for each request as answers/NAME.png, as large as its crop: the easiest way is to
correct a copy of guesses/NAME.png. Or correct a copy of whole/IMAGE.png, which has all regions of
one photograph, and save it as answers/IMAGE.png; outside of the regions it is not looked at.
An answer with a 254 in its region counts as not given.

Then run the same command again. Nothing here may be renamed; answers stay yours to keep.
"""


class Question(NamedTuple):
    """One region, as a person is asked about it."""

    region: RegionRef
    image_name: str
    name: str
    box: Box
    """in pixels of the original picture"""
    size: tuple[int, int]
    """height and width of the original picture"""


def write_requests(
    folder: Path,
    asked: Iterable[tuple[int, Sequence[Question]]],
    spec: DatasetSpec,
    grid: RegionGrid,
    *,
    cycle: int,
    guess: Guess | None,
) -> None:
    """Write a folder of questions; `requests.json` comes last and says that all is there.

    Without a `guess` nobody knows anything yet, and what is to be corrected is all 254.
    """
    try:
        (folder / "answers").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot write: {error.strerror or error}") from error
    entries = []
    questions = dict(asked)
    guesses = guess(list(questions)) if guess else None
    for image, of_image in questions.items():
        small = next(guesses) if guesses else np.full((grid.height, grid.width), UNLABELED)
        believed = resized_ids(small.astype(np.uint8), *of_image[0].size)
        picture = spec.train.original(image)
        _write_image(folder, of_image, picture, believed, spec.palette)
        entries += [_entry(question) for question in of_image]
    write_atomically(folder / "README.txt", README.format(classes=_listed(spec.classes)).encode())
    content = {
        "version": 1,
        "cycle": cycle,
        "unlabeled": UNLABELED,
        "void": VOID,
        "classes": spec.legend,
        "requests": entries,
    }
    write_atomically(folder / "requests.json", (json.dumps(content, indent=1) + "\n").encode())


def index_png(labels: np.ndarray, palette: Sequence[Color]) -> bytes:
    """A label map as a PNG of one channel, shown in the classes' colors."""
    picture = Image.fromarray(labels)
    picture.putpalette(color_table(palette).ravel().tolist())
    return _png(picture)


def color_table(palette: Sequence[Color]) -> np.ndarray:
    """uint8 `[256, 3]`: the classes' colors, void black, what is not answered magenta."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    table[UNLABELED] = (255, 0, 255)
    return table


def overlay(picture: np.ndarray, labels: np.ndarray, palette: Sequence[Color]) -> np.ndarray:
    """Half the picture and half its classes' colors; where there is none, the picture."""
    mixed = (picture.astype(np.uint16) + color_table(palette)[labels]) // 2
    return np.where((labels < len(palette))[..., None], mixed, picture).astype(np.uint8)


def _write_image(
    folder: Path,
    questions: Sequence[Question],
    picture: np.ndarray,
    believed: np.ndarray,
    palette: Sequence[Color],
) -> None:
    whole = np.full(believed.shape, UNLABELED, np.uint8)
    for question in questions:
        place = question.box.slices
        whole[place] = believed[place]
        crop, labels = picture[place], believed[place]
        write_atomically(folder / "crops" / f"{question.name}.png", _png(Image.fromarray(crop)))
        write_atomically(folder / "guesses" / f"{question.name}.png", index_png(labels, palette))
        shown = Image.fromarray(overlay(crop, labels, palette))
        write_atomically(folder / "overlays" / f"{question.name}.png", _png(shown))
    name = f"{questions[0].image_name}.png"
    write_atomically(folder / "images" / name, _png(Image.fromarray(picture)))
    write_atomically(folder / "whole" / name, index_png(whole, palette))


def _entry(question: Question) -> dict[str, object]:
    name, image = question.name, question.image_name
    return {
        "name": name,
        "image": image,
        "box": list(question.box),
        "image_size": list(question.size),
        "image_file": f"images/{image}.png",
        "crop_file": f"crops/{name}.png",
        "guess_file": f"guesses/{name}.png",
        "overlay_file": f"overlays/{name}.png",
        "whole_file": f"whole/{image}.png",
        "answer_file": f"answers/{name}.png",
    }


def _listed(classes: Sequence[str]) -> str:
    return "\n".join(f"  {index:3d}  {name}" for index, name in enumerate(classes))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()

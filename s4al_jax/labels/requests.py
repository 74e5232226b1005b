"""Requests to a person, written as files: what to look at, and where the answer goes."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from s4al_jax.files.atomic import write_atomically
from s4al_jax.files.images import Color
from s4al_jax.files.resize import resize_ids
from s4al_jax.labels.annotator import Guess
from s4al_jax.types import UNLABELED, VOID, Box, DatasetSpec, InputError, RegionRef

README = """Please label these regions.

For each entry of requests.json there is a picture in crops/ (and the whole photograph in images/,
with the region at the place that "box" gives: top, left, bottom, right). guesses/ holds what the
network predicts, overlays/ shows it over the picture.
{masks}
Answer with a picture of one 8-bit channel (an index PNG) in which each pixel is the number of its
class:

{classes}
  255  void: none of these
  254  not labeled yet

Either save one for each request as answers/NAME.png, as large as its crop: the easiest way is to
correct a copy of guesses/NAME.png. Or correct a copy of whole/IMAGE.png, which has all regions of
one photograph, and save it as answers/IMAGE.png; outside of the regions it is not looked at.
An answer with a 254 in its region counts as not given.

Then run the same command again. Nothing here may be renamed; answers stay yours to keep.
"""

MASKS = """
A region need not fill its box: what does not belong to it is dark in crops/ and overlays/, black in
masks/ and 254 in guesses/. Leave it as it is, or paint over it: it is not looked at.
"""


class Request(NamedTuple):
    """A region that a person is to label, in the pixels of the original picture."""

    region: RegionRef
    image_name: str
    name: str
    box: Box
    mask: np.ndarray | None
    """bool of the size of `box`; None: the region is all of it"""
    size: tuple[int, int]
    """height and width of the picture"""


def write_requests(
    folder: Path,
    requests: Iterable[tuple[int, Sequence[Request]]],
    spec: DatasetSpec,
    *,
    cycle: int,
    guess: Guess | None,
) -> None:
    """Write a folder of requests; `requests.json` comes last and says that all is there.

    Args:
      folder: of the cycle.
      requests: images of the pool, and the requests for each.
      spec: the dataset.
      cycle: the one that will learn from the answers.
      guess: what a network predicts, to be corrected; None: the person starts from 254 everywhere.
    """
    try:
        (folder / "answers").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot write: {error.strerror or error}") from error
    of_images = dict(requests)
    guesses = guess(list(of_images)) if guess else None
    for image, of_image in of_images.items():
        small = next(guesses) if guesses else np.full((spec.height, spec.width), UNLABELED)
        guessed = resize_ids(small.astype(np.uint8), *of_image[0].size)
        _write_image(folder, of_image, spec.train.original(image), guessed, spec.palette)
    readme = _readme(of_images, spec.classes)
    write_atomically(folder / "README.txt", readme.encode())
    content = {
        "version": 1,
        "cycle": cycle,
        "unlabeled": UNLABELED,
        "void": VOID,
        "classes": spec.legend,
        "requests": [_entry(request) for of_image in of_images.values() for request in of_image],
    }
    write_atomically(folder / "requests.json", (json.dumps(content, indent=1) + "\n").encode())


def index_png(labels: np.ndarray, palette: Sequence[Color]) -> bytes:
    """A label map as a PNG of one channel, shown in the classes' colors."""
    picture = Image.fromarray(labels)
    picture.putpalette(color_table(palette).ravel().tolist())
    return _png(picture)


def color_table(palette: Sequence[Color]) -> np.ndarray:
    """uint8 `[256, 3]`: the classes' colors, void black, unlabeled magenta."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    table[UNLABELED] = (255, 0, 255)
    return table


def overlay(picture: np.ndarray, labels: np.ndarray, palette: Sequence[Color]) -> np.ndarray:
    """Half the picture and half its classes' colors; the picture where there is no class."""
    mixed = (picture.astype(np.uint16) + color_table(palette)[labels]) // 2
    return np.where((labels < len(palette))[..., None], mixed, picture).astype(np.uint8)


def _write_image(
    folder: Path,
    requests: Sequence[Request],
    picture: np.ndarray,
    guessed: np.ndarray,
    palette: Sequence[Color],
) -> None:
    whole = np.full(guessed.shape, UNLABELED, np.uint8)
    for request in requests:
        crop, labels = picture[request.box.slices], guessed[request.box.slices]
        if request.mask is not None:
            # The surroundings stay recognizable: they often say what a region is.
            crop = np.where(request.mask[..., None], crop, crop // 4)
            labels = np.where(request.mask, labels, np.uint8(UNLABELED))
            mask = Image.fromarray(np.where(request.mask, np.uint8(255), np.uint8(0)))
            write_atomically(folder / "masks" / f"{request.name}.png", _png(mask))
        np.copyto(whole[request.box.slices], labels, where=labels != UNLABELED)
        write_atomically(folder / "crops" / f"{request.name}.png", _png(Image.fromarray(crop)))
        write_atomically(folder / "guesses" / f"{request.name}.png", index_png(labels, palette))
        shown = Image.fromarray(overlay(crop, labels, palette))
        write_atomically(folder / "overlays" / f"{request.name}.png", _png(shown))
    name = f"{requests[0].image_name}.png"
    write_atomically(folder / "images" / name, _png(Image.fromarray(picture)))
    write_atomically(folder / "whole" / name, index_png(whole, palette))


def _entry(request: Request) -> dict[str, object]:
    name, image = request.name, request.image_name
    return {
        "name": name,
        "image": image,
        "box": list(request.box),
        "image_size": list(request.size),
        "image_file": f"images/{image}.png",
        "crop_file": f"crops/{name}.png",
        **({} if request.mask is None else {"mask_file": f"masks/{name}.png"}),
        "guess_file": f"guesses/{name}.png",
        "overlay_file": f"overlays/{name}.png",
        "whole_file": f"whole/{image}.png",
        "answer_file": f"answers/{name}.png",
    }


def _readme(requests: Mapping[int, Sequence[Request]], classes: Sequence[str]) -> str:
    masked = any(request.mask is not None for of_image in requests.values() for request in of_image)
    listed = "\n".join(f"  {index:3d}  {name}" for index, name in enumerate(classes))
    return README.format(masks=MASKS if masked else "", classes=listed)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()

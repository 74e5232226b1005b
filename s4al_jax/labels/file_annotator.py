"""An annotator who works with files: requests are written, answers are read when they are there.

    requests/NN/requests.json      the requests by name: images, boxes, classes, colors
    requests/NN/images crops       what to look at: the whole picture, and the region of it
    requests/NN/masks              what of a crop is the region, where it is not all of it
    requests/NN/guesses overlays   what the network predicts, to be corrected
    requests/NN/whole              the same guesses at the place of their regions in the picture
    requests/NN/answers            where answers are put, under the name of a request or an image

Everything is in the pixels of the original pictures; NN is the cycle that will learn from it.
"""

import datetime
import functools
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.files.images import (
    MAX_PIXELS,
    Color,
    check_name,
    image_file,
    image_suffixes,
    read_ids,
    read_palette,
    read_stored_size,
)
from s4al_jax.labels.annotator import Annotator, Guess
from s4al_jax.labels.original import locate
from s4al_jax.labels.requests import Request, write_requests
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, VOID, Annotation, DatasetSpec, InputError, RegionRef

_SHOWN = 10
"""How many wrong answers are named at once."""


class _Posted(NamedTuple):
    """A request that was written, by the two names that its answers may have."""

    name: str
    image: str
    size: tuple[int, int]
    """of the original picture at that time"""


def file_annotator(spec: DatasetSpec, workdir: Path, *, person: str = "person") -> Annotator:
    """A person who answers the requests in a run directory.

    Args:
      spec: the dataset.
      workdir: of the run; requests and answers lie in its folder `requests`.
      person: the name that the ledger keeps.
    """

    def folder(cycle: int) -> Path:
        return workdir / "requests" / f"{cycle:02d}"

    @functools.cache
    def size(image: int) -> tuple[int, int]:
        height, width, _ = spec.train.original(image).shape
        return height, width

    def by_image(
        refs: Sequence[RegionRef], regions: Regions
    ) -> Iterator[tuple[int, list[Request]]]:
        for image, of_image in groupby(sorted(refs), key=lambda ref: int(ref.image)):
            yield image, _requests(list(of_image), regions, spec.train.names[image], size(image))

    def post(refs: Sequence[RegionRef], regions: Regions, cycle: int, guess: Guess | None) -> None:
        if not (folder(cycle) / "requests.json").exists():
            requests = by_image(refs, regions)
            write_requests(folder(cycle), requests, spec, cycle=cycle, guess=guess)

    def answers(
        refs: Sequence[RegionRef], regions: Regions, cycle: int
    ) -> Iterator[list[Annotation]]:
        posted = _sizes_by_name(_read_posted(folder(cycle) / "requests.json"))
        files = _files_by_name(folder(cycle) / "answers")
        problems = _strays(files, posted, folder(cycle) / "requests.json")
        for _, requests in by_image(refs, regions):
            _check_same_picture(requests[0], posted, spec)
            found = [
                Annotation(request.region, labels, person, cycle, _time(path), request.size)
                for request in requests
                for path, labels in _answer(files, request, spec.palette, problems)
            ]
            if found:
                yield found
        if problems:
            shown = "; ".join(problems[:_SHOWN])
            more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            raise InputError(f"{shown}{more}. All other answers are kept")

    def reminder(refs: Sequence[RegionRef], regions: Regions, cycle: int) -> str:
        names = [one.name for _, requests in by_image(refs, regions) for one in requests]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        return (
            f"{len(names)} regions wait for an answer in {folder(cycle)} ({shown}); README.txt "
            "there says how. Then run the same command again; with --accept_partial it goes on "
            "with what is answered."
        )

    return Annotator(answers, post, reminder)


def count_answers(folder: Path) -> tuple[int, int]:
    """How many of the requests in a folder have a file for an answer, and how many there are.

    The files are not opened: one that is there may turn out to be wrong or incomplete.
    """
    posted, files = _read_posted(folder / "requests.json"), _files_by_name(folder / "answers")
    found = [one for one in posted if one.name in files or one.image in files]
    return len(found), len(posted)


def _requests(
    refs: Sequence[RegionRef], regions: Regions, name: str, size: tuple[int, int]
) -> list[Request]:
    """The requests for regions of one image, whose picture has this size."""
    stem = f"{refs[0].image:05d}_{name.replace('/', '__')}"
    return [
        Request(ref, stem, f"{stem}_{regions.stem(ref)}", *locate(regions, ref, size), size)
        for ref in refs
    ]


def _read_posted(path: Path) -> list[_Posted]:
    """The requests of a file that `write_requests` has written."""
    try:
        return [
            _Posted(_normalize(found["name"]), _normalize(found["image"]), _size(found))
            for found in json.loads(path.read_text())["requests"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "nested without end" if isinstance(error, RecursionError) else error
        raise InputError(
            f"{path} cannot be read ({reason}): remove it, and it is written again"
        ) from error


def _size(request: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    height, width = request["image_size"]
    return height, width


def _sizes_by_name(posted: Sequence[_Posted]) -> dict[str, tuple[int, int]]:
    """The names of requests and images that answers may have, with their images' sizes."""
    return {name: one.size for one in posted for name in (one.name, one.image)}


def _strays(
    files: Mapping[str, Sequence[Path]], posted: Mapping[str, tuple[int, int]], requests: Path
) -> list[str]:
    """A sentence for each picture among the answers that belongs to no request."""
    strays = sorted(path for name in files.keys() - posted.keys() for path in files[name])
    return [f"{path} has the name of no request in {requests}" for path in strays]


def _check_same_picture(
    request: Request, posted: Mapping[str, tuple[int, int]], spec: DatasetSpec
) -> None:
    """Refuse a picture that had another size when the request was written."""
    was = posted.get(_normalize(request.image_name), request.size)
    if was != request.size:
        raise InputError(
            f"image {spec.train.names[request.region.image]} has {request.size[0]} x "
            f"{request.size[1]} pixels, and had {was[0]} x {was[1]} when its requests were "
            "written: bring back the image"
        )


def _normalize(name: str) -> str:
    """A name in one way of writing accents: file systems change it."""
    return unicodedata.normalize("NFC", name)


def _files_by_name(place: Path) -> dict[str, list[Path]]:
    """The pictures in a folder by their names, of which several may have one."""
    found: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir()) if place.is_dir() else []:
        if path.suffix.lower() in image_suffixes() and not path.name.startswith("."):
            check_name(path.name, str(path))
            found.setdefault(_normalize(path.stem), []).append(path)
    return found


def _answer(
    files: Mapping[str, Sequence[Path]],
    request: Request,
    palette: Sequence[Color],
    problems: list[str],
) -> list[tuple[Path, np.ndarray]]:
    """The answer to a request, if there is a complete one.

    Args:
      files: the pictures among the answers by name.
      request: of one region.
      palette: the classes' colors.
      problems: grows by what is wrong with the files.

    Returns:
      Nothing, or its file and its labels, uint8 of the size of the request's box.
    """
    complete: list[tuple[Path, np.ndarray]] = []
    own = files.get(_normalize(request.name), ())
    for path in sorted([*own, *files.get(_normalize(request.image_name), ())]):
        try:
            if path in own:
                labels = _read(path, request.box.shape)
            else:
                labels = _read(path, request.size)[request.box.slices]
            if request.mask is not None:
                labels = np.where(request.mask, labels, np.uint8(UNLABELED))
            _check_ids(path, labels, len(palette))
            _check_colors(path, labels, palette)
        except InputError as error:
            problems.append(str(error))
            continue
        if not np.any((labels == UNLABELED) & (True if request.mask is None else request.mask)):
            complete.append((path, labels))
    if any(not np.array_equal(labels, complete[0][1]) for _, labels in complete):
        problems.append(
            f"{complete[0][0]} and {complete[1][0]} answer {request.name} differently: keep one"
        )
        return []
    return complete[:1]


def _read(path: Path, size: tuple[int, int]) -> np.ndarray:
    # A request may be larger than the usual limit on pictures; no more than that is decoded.
    file = image_file(path, max(MAX_PIXELS, size[0] * size[1]))
    found = read_stored_size(file)
    if found != size:
        raise InputError(
            f"{path} has {found[0]} x {found[1]} pixels, the request is for "
            f"{size[0]} x {size[1]}: save it at that size"
        )
    return read_ids(file)


def _check_ids(path: Path, labels: np.ndarray, num_classes: int) -> None:
    wrong = labels[(labels >= num_classes) & (labels != VOID) & (labels != UNLABELED)]
    if wrong.size:
        raise InputError(
            f"{path} holds the id {wrong.min()}: use 0 to {num_classes - 1}, {VOID} for void, "
            f"{UNLABELED} for not labeled yet"
        )


def _check_colors(path: Path, labels: np.ndarray, palette: Sequence[Color]) -> None:
    """Refuse ids that the file shows in other classes' colors: a program has renumbered them."""
    shown = read_palette(image_file(path))
    if shown is None:
        return
    colors = {color: index for index, color in enumerate(palette)}
    for index in np.unique(labels[labels < min(len(palette), len(shown))]):
        red, green, blue = shown[index].tolist()
        meant = colors.get((red, green, blue), index)
        if meant != index:
            raise InputError(
                f"{path} shows the id {index} in the color of the id {meant}: the program that "
                "saved it has renumbered the colors; save numbers, not colors"
            )


def _time(path: Path) -> str:
    moment = datetime.datetime.fromtimestamp(int(path.stat().st_mtime), datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")

"""An annotator who works with files: questions are written out, answers read when they are there.

    requests/NN/requests.json      what is asked, by name: images, boxes, classes, colors
    requests/NN/images crops       what to look at: the whole picture, and the region of it
    requests/NN/guesses overlays   what the network believes, to be corrected
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

from s4al_jax.data.images import (
    MAX_PIXELS,
    Color,
    check_name,
    cut_to_size,
    endings,
    ids,
    on_disk,
    palette_of,
    stored_size,
)
from s4al_jax.labels.oracle import Guess, Oracle
from s4al_jax.labels.requests import Question, write_requests
from s4al_jax.regions import RegionGrid, in_original
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Annotation,
    DatasetSpec,
    InputError,
    Original,
    RegionRef,
)

_SHOWN = 10
"""How many wrong answers are named at once."""


class _Answered(NamedTuple):
    """What the files say of one question."""

    labels: np.ndarray
    """in original pixels"""
    file: Path


class _Request(NamedTuple):
    """A question that was put, by the names that its answers may have."""

    name: str
    image: str
    height: int
    """of the original picture"""
    width: int


def person(spec: DatasetSpec, workdir: Path, *, annotator: str) -> Oracle:
    """The oracle of a run directory whose questions `annotator` answers."""

    def folder(cycle: int) -> Path:
        return workdir / "requests" / f"{cycle:02d}"

    @functools.cache
    def size(image: int) -> tuple[int, int]:
        height, width, _ = spec.train.original(image).shape
        return height, width

    def asked(
        regions: Sequence[RegionRef], grid: RegionGrid
    ) -> Iterator[tuple[int, list[Question]]]:
        for image, of_image in groupby(sorted(regions), key=lambda region: int(region.image)):
            yield image, _questions(list(of_image), grid, spec.train.names[image], size(image))

    def post(
        regions: Sequence[RegionRef], grid: RegionGrid, cycle: int, guess: Guess | None
    ) -> None:
        if not (folder(cycle) / "requests.json").exists():
            questions = asked(regions, grid)
            write_requests(folder(cycle), questions, spec, grid, cycle=cycle, guess=guess)

    def answers(
        regions: Sequence[RegionRef], grid: RegionGrid, cycle: int
    ) -> Iterator[list[Annotation]]:
        posted = _posted(_requests(folder(cycle) / "requests.json"))
        files = _by_name(folder(cycle) / "answers")
        problems = _unknown(files, posted, folder(cycle) / "requests.json")
        for _, questions in asked(regions, grid):
            _check_same_picture(questions[0], posted, spec)
            found = [_answer(files, question, spec.palette, problems) for question in questions]
            told = [
                _annotation(answer, question, grid, annotator=annotator, cycle=cycle)
                for question, answer in zip(questions, found, strict=True)
                if answer is not None
            ]
            if told:
                yield told
        if problems:
            shown = "; ".join(problems[:_SHOWN])
            more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            raise InputError(f"{shown}{more}. All other answers are kept")

    def reminder(regions: Sequence[RegionRef], grid: RegionGrid, cycle: int) -> str:
        names = [q.name for _, questions in asked(regions, grid) for q in questions]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        return (
            f"{len(names)} regions wait for an answer in {folder(cycle)} ({shown}); README.txt "
            "there says how. Then run the same command again; with --accept_partial it goes on "
            "with what is answered."
        )

    return Oracle(answers, post, reminder)


def answered(folder: Path) -> tuple[int, int]:
    """How many of the questions in a folder have a file for an answer, and how many there are.

    The files are not opened: one that is there may turn out to be wrong, or to be open in places.
    """
    requests, files = _requests(folder / "requests.json"), _by_name(folder / "answers")
    found = [one for one in requests if one.name in files or one.image in files]
    return len(found), len(requests)


def _questions(
    regions: Sequence[RegionRef], grid: RegionGrid, name: str, size: tuple[int, int]
) -> list[Question]:
    """What is asked about regions of one image, whose picture has this size."""
    stem = f"{regions[0].image:05d}_{name.replace('/', '__')}"
    return [
        Question(
            region=region,
            image_name=stem,
            name=f"{stem}_r{region.row:02d}_c{region.col:02d}",
            box=in_original(grid.box(region.row, region.col), (grid.height, grid.width), size),
            size=size,
        )
        for region in regions
    ]


def _requests(path: Path) -> list[_Request]:
    """What was asked, as `write_requests` wrote it down."""
    try:
        return [
            _Request(_plain(found["name"]), _plain(found["image"]), *found["image_size"])
            for found in json.loads(path.read_text())["requests"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "nested without end" if isinstance(error, RecursionError) else error
        raise InputError(
            f"{path} cannot be read ({reason}): remove it, and it is written again"
        ) from error


def _posted(requests: Sequence[_Request]) -> dict[str, tuple[int, int]]:
    """The names of requests and images that answers may have, with their images' sizes."""
    return {
        name: (request.height, request.width)
        for request in requests
        for name in (request.name, request.image)
    }


def _unknown(
    files: Mapping[str, Sequence[Path]], posted: Mapping[str, tuple[int, int]], requests: Path
) -> list[str]:
    """A sentence for each picture among the answers that answers nothing."""
    strays = sorted(path for name in files.keys() - posted.keys() for path in files[name])
    return [f"{path} has the name of no request in {requests}" for path in strays]


def _check_same_picture(
    question: Question, posted: Mapping[str, tuple[int, int]], spec: DatasetSpec
) -> None:
    """Refuse to go on with a picture that was another one when the question was written."""
    was = posted.get(_plain(question.image_name), question.size)
    if was != question.size:
        raise InputError(
            f"image {spec.train.names[question.region.image]} has {question.size[0]} x "
            f"{question.size[1]} pixels, and had {was[0]} x {was[1]} when it was asked about: "
            "bring back the image"
        )


def _plain(name: str) -> str:
    """A name in one way of writing accents: file systems change it."""
    return unicodedata.normalize("NFC", name)


def _by_name(place: Path) -> dict[str, list[Path]]:
    """The pictures in a folder by their names, of which several may have one."""
    found: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir()) if place.is_dir() else []:
        if path.suffix.lower() in endings() and not path.name.startswith("."):
            check_name(path.name, str(path))
            found.setdefault(_plain(path.stem), []).append(path)
    return found


def _answer(
    files: Mapping[str, Sequence[Path]],
    question: Question,
    palette: Sequence[Color],
    problems: list[str],
) -> _Answered | None:
    """The one whole answer to a question; `problems` grows by what is wrong with the files."""
    height, width = question.box.bottom - question.box.top, question.box.right - question.box.left
    whole: list[_Answered] = []
    own = files.get(_plain(question.name), ())
    for path in sorted([*own, *files.get(_plain(question.image_name), ())]):
        try:
            if path in own:
                labels = _read(path, (height, width))
            else:
                labels = _read(path, question.size)[question.box.slices]
            _check_ids(path, labels, len(palette))
            _check_colors(path, labels, palette)
        except InputError as error:
            problems.append(str(error))
            continue
        if not np.any(labels == UNLABELED):
            whole.append(_Answered(labels, path))
    if any(not np.array_equal(answer.labels, whole[0].labels) for answer in whole):
        problems.append(
            f"{whole[0].file} and {whole[1].file} answer {question.name} differently: keep one"
        )
        return None
    return whole[0] if whole else None


def _read(path: Path, size: tuple[int, int]) -> np.ndarray:
    # As large as what was asked about, which may be more than the default; no more is decoded.
    file = on_disk(path, max(MAX_PIXELS, size[0] * size[1]))
    found = stored_size(file)
    if found != size:
        raise InputError(
            f"{path} has {found[0]} x {found[1]} pixels, what was asked for has "
            f"{size[0]} x {size[1]}: save it at that size"
        )
    return ids(file)


def _check_ids(path: Path, labels: np.ndarray, num_classes: int) -> None:
    wrong = labels[(labels >= num_classes) & (labels != VOID) & (labels != UNLABELED)]
    if wrong.size:
        raise InputError(
            f"{path} holds the id {wrong.min()}: use 0 to {num_classes - 1}, {VOID} for void, "
            f"{UNLABELED} for not answered yet"
        )


def _check_colors(path: Path, labels: np.ndarray, palette: Sequence[Color]) -> None:
    """Refuse numbers that the file shows in other classes' colors: its palette was made anew."""
    shown = palette_of(on_disk(path))
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


def _annotation(
    answer: _Answered, question: Question, grid: RegionGrid, *, annotator: str, cycle: int
) -> Annotation:
    """The answer at the working size, and as it was given where that is another one."""
    original = Original(question.box, question.size, answer.labels)
    size = (grid.height, grid.width)
    box = grid.box(question.region.row, question.region.col)
    return Annotation(
        question.region,
        cut_to_size(original, box, size),
        annotator,
        cycle,
        _time(answer.file),
        original if question.size != size else None,
    )


def _time(path: Path) -> str:
    moment = datetime.datetime.fromtimestamp(int(path.stat().st_mtime), datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")

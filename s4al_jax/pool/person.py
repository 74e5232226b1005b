"""An annotator who works with files: questions are written out, answers read when they are there.

    requests/NN/requests.json      what is asked, by name: images, boxes, classes, colours
    requests/NN/images crops       what to look at: the whole picture, and the region of it
    requests/NN/guesses overlays   what the network believes, to be corrected
    requests/NN/whole              the same guesses at the place of their regions in the picture
    requests/NN/answers            where answers are put, under the name of a request or an image

Everything is in the pixels of the original pictures; NN is the cycle that will learn from it.
"""

import datetime
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from s4al_jax.pool.oracle import Guess, Oracle
from s4al_jax.pool.pictures import cut_to_size, endings, ids, on_disk
from s4al_jax.pool.regions import RegionGrid, in_original
from s4al_jax.pool.request_files import Question, write_requests
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Annotation,
    DatasetSpec,
    InputError,
    Original,
    RegionRef,
)


class _Answered(NamedTuple):
    """What the files say of one question."""

    labels: np.ndarray
    """in original pixels"""
    file: Path


def person(spec: DatasetSpec, workdir: Path, *, annotator: str) -> Oracle:
    """The oracle of a run directory whose questions `annotator` answers."""

    def folder(cycle: int) -> Path:
        return workdir / "requests" / f"{cycle:02d}"

    def post(
        regions: Sequence[RegionRef], grid: RegionGrid, cycle: int, guess: Guess | None
    ) -> None:
        if not (folder(cycle) / "requests.json").exists():
            asked = _by_image(regions, grid, spec)
            write_requests(folder(cycle), asked, spec, grid, cycle=cycle, guess=guess)

    def answers(
        regions: Sequence[RegionRef], grid: RegionGrid, cycle: int
    ) -> Iterator[list[Annotation]]:
        place = folder(cycle) / "answers"
        problems = _unknown(place, folder(cycle) / "requests.json")
        for _, questions in _by_image(regions, grid, spec):
            found = [
                _answer(place, question, len(spec.classes), problems) for question in questions
            ]
            told = [
                _annotation(answer, question, grid, annotator=annotator, cycle=cycle)
                for question, answer in zip(questions, found, strict=True)
                if answer is not None
            ]
            if told:
                yield told
        if problems:
            more = f" (and {len(problems) - 1} more like it)" if len(problems) > 1 else ""
            raise InputError(f"{problems[0]}{more}; all other answers are kept")

    def reminder(regions: Sequence[RegionRef], grid: RegionGrid, cycle: int) -> str:
        names = [q.name for _, questions in _by_image(regions, grid, spec) for q in questions]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        return (
            f"{len(names)} regions wait for an answer in {folder(cycle)} ({shown}); README.txt "
            "there says how. Then run the same command again; with --accept_partial it goes on "
            "with what is answered."
        )

    return Oracle(answers, post, reminder)


def _by_image(
    regions: Sequence[RegionRef], grid: RegionGrid, spec: DatasetSpec
) -> Iterator[tuple[int, list[Question]]]:
    for image, of_image in groupby(sorted(regions), key=lambda region: int(region.image)):
        height, width = spec.train.original(image).shape[:2]
        stem = f"{image:05d}_{spec.train.names[image].replace('/', '__')}"
        yield (
            image,
            [
                Question(
                    region=region,
                    image_name=stem,
                    name=f"{stem}_r{region.row:02d}_c{region.col:02d}",
                    box=in_original(
                        grid.box(region.row, region.col), (grid.height, grid.width), (height, width)
                    ),
                    size=(height, width),
                )
                for region in of_image
            ],
        )


def _unknown(place: Path, requests: Path) -> list[str]:
    """A sentence for each picture among the answers that answers nothing."""
    try:
        asked = json.loads(requests.read_text())["requests"]
        known = {name for request in asked for name in (request["name"], request["image"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{requests} cannot be read ({error}): restore it from a copy") from error
    return [
        f"{path} has the name of no request: compare it with {requests}"
        for path in _pictures(place)
        if path.stem not in known
    ]


def _pictures(place: Path) -> list[Path]:
    found = sorted(place.iterdir()) if place.is_dir() else []
    return [p for p in found if p.suffix.lower() in endings() and not p.name.startswith(".")]


def _answer(
    place: Path, question: Question, num_classes: int, problems: list[str]
) -> _Answered | None:
    """The one whole answer to a question; `problems` grows by what is wrong with the files."""
    height, width = question.box.bottom - question.box.top, question.box.right - question.box.left
    whole: list[_Answered] = []
    for path in _pictures(place):
        try:
            if path.stem == question.name:
                labels = _read(path, (height, width))
            elif path.stem == question.image_name:
                labels = _read(path, question.size)[question.box.slices]
            else:
                continue
            _check_ids(path, labels, num_classes)
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
    labels = ids(on_disk(path))
    if labels.shape != size:
        raise InputError(
            f"{path} has {labels.shape[0]} x {labels.shape[1]} pixels, what was asked for has "
            f"{size[0]} x {size[1]}: save it at that size"
        )
    return labels


def _check_ids(path: Path, labels: np.ndarray, num_classes: int) -> None:
    wrong = labels[(labels >= num_classes) & (labels != VOID) & (labels != UNLABELED)]
    if wrong.size:
        raise InputError(
            f"{path} holds the id {wrong.min()}: use 0 to {num_classes - 1}, {VOID} for void, "
            f"{UNLABELED} for not answered yet"
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

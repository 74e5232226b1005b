"""Run directories and their dataset as the contents of one page."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from s4al_jax.data.classes import default_color
from s4al_jax.report.page import run_summary, schema, targets
from s4al_jax.report.page.gallery import Gallery, gallery, worst
from s4al_jax.report.page.head_tail import Groups
from s4al_jax.rundir import answers as paid
from s4al_jax.rundir.records import Record
from s4al_jax.types import DatasetSpec, InputError

CONFUSED = 10
"""pairs of classes that are named"""


class Assembled(NamedTuple):
    """What a page is made from."""

    page: schema.Page
    images: schema.Sheet
    cycles: dict[int, schema.Sheet]


def assembled(
    records: Sequence[Record],
    spec: DatasetSpec | None,
    *,
    shown: int = 0,
    reference: Record | None = None,
    notes: Sequence[str] = (),
) -> Assembled:
    """The page of some runs; `spec` is the dataset of the shown one, None where it has gone."""
    record = records[shown]
    classes = class_names(record, spec)
    everyone = [*records, *([reference] if reference and reference not in records else [])]
    _check_classes(everyone, classes)
    answers = paid.answers(record)
    seen = gallery(record, spec, answers) if spec else Gallery([], {}, {}, {})
    studies = targets.studies(everyone)
    options, grid = record.options, run_summary.grid(record.options)
    boxes = [grid.box(row, col) for row in range(grid.rows) for col in range(grid.cols)]
    page: schema.Page = {
        "title": f"{options['data.name']}: {studies[targets.study_of(everyone, record)]['name']}",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": options["data.name"],
        "height": grid.height,
        "width": grid.width,
        "rows": grid.rows,
        "cols": grid.cols,
        "boxes": [
            [b.top / grid.height, b.left / grid.width, b.bottom / grid.height, b.right / grid.width]
            for b in boxes
        ],
        "classes": _classes(record, classes, spec, answers),
        "shown": shown,
        "runs": [
            run_summary.run(
                one,
                classes,
                answers if one is record else paid.answers(one),
                study=targets.study_of(everyone, one),
                pseudo_labels=seen.pseudo_labels if one is record else {},
            )
            for one in everyone
        ],
        "studies": studies,
        "goal": targets.goal(record, everyone, reference),
        "published": targets.published(options["data.name"]),
        "pictures": seen.pictures,
        "worst": worst(seen.pictures),
        "confused": confused(record),
        "notes": [*notes, *_notes(everyone, record, seen, spec)],
    }
    return Assembled(page, seen.images, seen.cycles)


def class_names(record: Record, spec: DatasetSpec | None) -> tuple[str, ...]:
    """The classes of a run; none where neither its dataset is there nor was ever checked."""
    splits = record.splits
    if splits is not None:
        return tuple(splits["classes"])
    return spec.classes if spec else ()


def _check_classes(records: Sequence[Record], classes: Sequence[str]) -> None:
    for record in records:
        splits = record.splits
        if splits is not None and splits["classes"] != list(classes):
            raise InputError(
                f"{record.path} tells other classes apart than {records[0].path}: give runs of "
                "one dataset"
            )


def _classes(
    record: Record, names: Sequence[str], spec: DatasetSpec | None, answers: Sequence[paid.Answer]
) -> list[schema.Class]:
    last = record.cycles[-1].number if record.cycles else 0
    told = Groups(record, answers, len(names)).of(last)
    colors = spec.palette if spec else [default_color(index) for index in range(len(names))]
    return [
        {
            "name": name,
            "color": "#" + bytes(colors[index]).hex(),
            "tail": bool(told[1][index]) if told else False,
        }
        for index, name in enumerate(names)
    ]


def confused(record: Record) -> list[schema.Confused]:
    """The pairs of classes that a run's last network takes for each other most, by share."""
    last = record.cycles[-1] if record.cycles else None
    matrix = last.confusion(*last.counted) if last and last.counted else None
    if matrix is None:
        return []
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    pairs = [(truth, said) for truth, said in np.argwhere(matrix > 0).tolist() if truth != said]
    pairs.sort(key=lambda pair: -share[pair])
    return [
        {
            "truth": truth,
            "predicted": said,
            "share": float(share[truth, said]),
            "pixels": int(matrix[truth, said]),
        }
        for truth, said in pairs[:CONFUSED]
    ]


def _notes(
    records: Sequence[Record], shown: Record, seen: Gallery, spec: DatasetSpec | None
) -> list[str]:
    notes = []
    for record in records:
        name, done = record.path.resolve().name, len(record.cycles)
        if not record.finished:
            notes.append(f"{name} is not finished: {done} of {record.planned} cycles are measured.")
        if record.cycles and record.cycles[-1].counted is None:
            notes.append(f"{name} has no val or test images with labels: no mIoU.")
        if record.setting != shown.setting:
            notes.append(
                f"{name} has another setting (dataset, size or network) than the run that is shown "
                "in pictures: their curves cannot be compared."
            )
    without = [c.number for c in shown.cycles if c.number not in seen.cycles]
    if spec and without:
        listed = ", ".join(map(str, without))
        notes.append(f"It was not kept what the network saw at the end of cycle {listed}.")
    if spec and seen.cycles and not seen.pseudo_labels:
        notes.append("How good the pseudo-labels are cannot be told: nobody knows their truth.")
    return notes

"""Run directories and their dataset as the contents of one page."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from s4al_jax.regions.protocol import Regions
from s4al_jax.report.page import schema, targets
from s4al_jax.report.page.gallery import Gallery, build_gallery, worst_images
from s4al_jax.report.page.run_summary import summarize_run
from s4al_jax.rundir.answers import read_answers
from s4al_jax.rundir.records import Record
from s4al_jax.rundir.run_json import regions_of
from s4al_jax.types import DatasetSpec, InputError, RegionRef

CONFUSED = 10
"""pairs of classes that are named"""


class PageContents(NamedTuple):
    """What a page is made from."""

    page: schema.Page
    images: schema.Sheet
    cycles: dict[int, schema.Sheet]


def build_page(
    records: Sequence[Record],
    spec: DatasetSpec | None,
    *,
    shown: int = 0,
    reference: Record | None = None,
    notes: Sequence[str] = (),
) -> PageContents:
    """The page of some runs.

    Args:
      records: the runs.
      spec: the dataset of the run that is shown; None: it is gone, and there are no pictures.
      shown: which run is shown in pictures.
      reference: a run with all labels, to compare with.
      notes: sentences to add to those about what could not be shown.
    """
    record = records[shown]
    everyone = [*records, *([reference] if reference and reference not in records else [])]
    _check_classes(everyone)
    answers = read_answers(record)
    regions = regions_of(record.description, record.path)
    gallery = build_gallery(record, spec, regions, answers) if spec else Gallery([], {}, {}, {})
    studies = targets.studies(everyone)
    dataset = record.description["dataset"]
    page: schema.Page = {
        "title": f"{dataset['name']}: {studies[targets.study_of(everyone, record)]['name']}",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": dataset["name"],
        "height": dataset["height"],
        "width": dataset["width"],
        "boxes": _boxes(regions),
        "classes": _classes(record),
        "shown": shown,
        "runs": [
            summarize_run(
                one,
                answers if one is record else read_answers(one),
                study=targets.study_of(everyone, one),
                pseudo_labels=gallery.pseudo_labels if one is record else {},
            )
            for one in everyone
        ],
        "studies": studies,
        "goal": targets.goal(record, everyone, reference),
        "published": targets.published_points(dataset["name"]),
        "pictures": gallery.pictures,
        "worst": worst_images(gallery.pictures),
        "confused": confused_classes(record),
        "notes": [*notes, *_notes(everyone, record, gallery, spec)],
    }
    return PageContents(page, gallery.images, gallery.cycles)


def _boxes(regions: Regions) -> list[list[float]]:
    if regions.cell_size is None:
        return []
    boxes = [regions.box(RegionRef(0, region)) for region in range(regions.max_regions)]
    height, width = regions.height, regions.width
    return [
        [box.top / height, box.left / width, box.bottom / height, box.right / width]
        for box in boxes
    ]


def _check_classes(records: Sequence[Record]) -> None:
    for record in records:
        if record.classes != records[0].classes:
            raise InputError(
                f"{record.path} tells other classes apart than {records[0].path}: give runs of "
                "one dataset"
            )


def _classes(record: Record) -> list[schema.Class]:
    tail = (record.cycles[-1].class_group("tail") if record.cycles else None) or ()
    return [
        {
            "name": one["name"],
            "color": "#" + bytes(one["color"]).hex(),
            "tail": one["id"] in tail,
        }
        for one in record.description["dataset"]["classes"]
    ]


def confused_classes(record: Record) -> list[schema.Confused]:
    """The pairs of classes that a run's last network takes for each other most, by share."""
    last = record.cycles[-1] if record.cycles else None
    matrix = last.confusion(*last.preferred_measure) if last and last.preferred_measure else None
    if matrix is None:
        return []
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    pairs = [(truth, other) for truth, other in np.argwhere(matrix > 0).tolist() if truth != other]
    pairs.sort(key=lambda pair: -share[pair])
    return [
        {
            "truth": truth,
            "predicted": predicted,
            "share": float(share[truth, predicted]),
            "pixels": int(matrix[truth, predicted]),
        }
        for truth, predicted in pairs[:CONFUSED]
    ]


def _notes(
    records: Sequence[Record], shown: Record, gallery: Gallery, spec: DatasetSpec | None
) -> list[str]:
    notes = []
    for record in records:
        if not record.is_finished:
            done = f"{len(record.cycles)} of {record.planned_cycles}"
            notes.append(f"{record.name} is not finished: {done} cycles are measured.")
        if record.cycles and record.cycles[-1].preferred_measure is None:
            notes.append(f"{record.name} has no val or test images with labels: no mIoU.")
        if record.description["setting"] != shown.description["setting"]:
            notes.append(
                f"{record.name} has another setting (dataset, size or network) than the run that "
                "is shown in pictures: their curves cannot be compared."
            )
    without = [cycle.number for cycle in shown.cycles if cycle.number not in gallery.cycles]
    if spec and without:
        listed = ", ".join(map(str, without))
        notes.append(f"No predictions of images were kept at the end of cycle {listed}.")
    has_pseudo_labels = shown.description["method"]["confidence_threshold"] is not None
    if spec and gallery.cycles and has_pseudo_labels and not gallery.pseudo_labels:
        notes.append("The accuracy of the pseudo-labels is not known: no truth is there for them.")
    return notes

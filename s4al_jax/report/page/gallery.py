"""The images of a run as its network saw them, cycle by cycle, with what was asked of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.labels.ledger import Answer
from s4al_jax.report.page import data_uris, schema
from s4al_jax.report.page.pseudo_labels import Tally
from s4al_jax.rundir import answers as paid
from s4al_jax.rundir import views
from s4al_jax.rundir.records import Cycle, Record
from s4al_jax.types import DatasetSpec, ImageSet

WORST = 12
"""images with the lowest mIoU that are named"""


class Gallery(NamedTuple):
    """What is to be seen of a run; pictures stand in the sheets under their ids."""

    pictures: list[schema.Picture]
    images: schema.Sheet
    cycles: dict[int, schema.Sheet]
    pseudo_labels: dict[int, schema.PseudoLabels]


class _Original(NamedTuple):
    """An image's place in the page, and its labels where somebody knows them."""

    picture: schema.Picture
    truth: np.ndarray | None


def gallery(record: Record, spec: DatasetSpec, answers: Sequence[Answer]) -> Gallery:
    """All that the run's files and its dataset have to show; the views of one cycle at a time."""
    found = Gallery([], {}, {}, {})
    originals: dict[views.Place, _Original] = {}
    splits = {"pool": spec.train, "val": spec.val, "test": spec.test}
    known = {name: split.known for name, split in splits.items()}
    for cycle in record.cycles:
        seen = views.read(cycle.path / "views.npz")
        if seen is None:
            continue
        for place in seen.places:
            if place not in originals:
                has_truth = bool(known[place.split][place.image])
                made = _original(place, splits[place.split], has_truth, spec, found.images)
                originals[place] = made
                found.pictures.append(made.picture)
        _add(cycle, seen, record, spec, originals, paid.before(answers, cycle.number), found)
    return found


def worst(pictures: Sequence[schema.Picture]) -> list[str]:
    """Ids of the images with the lowest mIoU at the end of the last cycle, the worst first."""
    last = max((seen["cycle"] for picture in pictures for seen in picture["cycles"]), default=0)
    measured = [
        (seen["miou"], picture["id"])
        for picture in pictures
        for seen in picture["cycles"]
        if seen["cycle"] == last and seen["miou"] is not None
    ]
    return [name for _, name in sorted(measured)[:WORST]]


def image_miou(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float | None:
    """mIoU over the classes that are in an image's truth; None where all of it is void."""
    counted = truth < classes
    there, said = truth[counted], predicted[counted]
    hits = np.bincount(there[there == said], minlength=classes)
    own, taken = (np.bincount(labels, minlength=classes) for labels in (there, said))
    present = own > 0
    if not present.any():
        return None
    return float((hits[present] / (own + taken - hits)[present]).mean())


def _original(
    place: views.Place, split: ImageSet, has_truth: bool, spec: DatasetSpec, sheet: schema.Sheet
) -> _Original:
    sheet[place.id] = {"image": data_uris.photograph(split.read_image(place.image))}
    truth = split.read_truth(place.image) if has_truth else None
    if truth is not None:
        sheet[place.id]["truth"] = data_uris.label_map(truth, spec.palette)
    picture: schema.Picture = {
        "id": place.id,
        "name": split.names[place.image],
        "split": place.split,
        "classes": [] if truth is None else _classes(truth, len(spec.classes)),
        "cycles": [],
    }
    return _Original(picture, truth)


def _classes(labels: np.ndarray, classes: int) -> list[int]:
    return [index for index in np.unique(labels).tolist() if index < classes]


def _add(
    cycle: Cycle,
    seen: views.Views,
    record: Record,
    spec: DatasetSpec,
    originals: Mapping[views.Place, _Original],
    answers: Sequence[Answer],
    found: Gallery,
) -> None:
    """Put a cycle's views beside the images."""
    size, classes = (spec.height, spec.width), len(spec.classes)
    by_image, cells = paid.by_image(answers), _Cells(cycle)
    threshold = record.options.get("method.kwargs.confidence_threshold")
    tally = Tally(classes, threshold or 0.0)
    sheet = found.cycles.setdefault(cycle.number, {})
    for row, place in enumerate(seen.places):
        picture, truth = originals[place]
        predicted, unsure = seen.predicted[row], seen.uncertainty[row]
        in_pool = place.split == "pool"
        known = paid.known(by_image.get(place.image, []) if in_pool else [], size)
        sheet[place.id] = {
            "prediction": data_uris.label_map(predicted, spec.palette),
            "uncertainty": data_uris.gray(unsure),
        }
        picture["cycles"].append(
            {
                "cycle": cycle.number,
                "miou": None if truth is None else image_miou(truth, predicted, classes),
                "uncertainty": float(unsure.mean()) / 255,
                "confidence": float(seen.confidence[row].mean()) / 255,
                "labeled_share": float(known.mean()) if in_pool else 1.0,
                "asked": cells.of(place.image) if in_pool else None,
            }
        )
        if truth is None:
            picture["classes"] = _classes(predicted, classes)
        elif in_pool:
            tally.add(truth, known, predicted, seen.confidence[row])
    if threshold is not None and tally.result:
        found.pseudo_labels[cycle.number] = tally.result


class _Cells:
    """What was asked of each pool image after a cycle."""

    def __init__(self, cycle: Cycle) -> None:
        self._scores = cycle.scores
        self._chosen: dict[int, list[list[int]]] = {}
        for image, row, col in cycle.chosen or []:
            self._chosen.setdefault(image, []).append([row, col])

    def of(self, image: int) -> schema.CellScores | None:
        """None where nothing was left to ask of it, or where it was not looked at."""
        if self._scores is None or not self._scores[1][image].any():
            return None
        scores, eligible = (kept[image] for kept in self._scores)
        return {
            "scores": [
                [round(score, 4) if free else None for score, free in zip(*line, strict=True)]
                for line in zip(scores.tolist(), eligible.tolist(), strict=True)
            ],
            "chosen": self._chosen.get(image, []),
        }

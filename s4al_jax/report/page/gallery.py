"""The images of a run as its network predicts them, cycle by cycle, with what was queried."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from s4al_jax.files.fit import shown_part
from s4al_jax.labels.ledger import Answer
from s4al_jax.regions.protocol import Regions
from s4al_jax.report.outlines import region_outline
from s4al_jax.report.page import data_uris, schema
from s4al_jax.report.page.pseudo_labels import Tally
from s4al_jax.rundir import views
from s4al_jax.rundir.answers import answers_before, by_image, labeled_mask
from s4al_jax.rundir.directory import CycleFolder
from s4al_jax.rundir.records import Cycle, Record
from s4al_jax.types import DatasetSpec, RegionRef

WORST = 12
"""images with the lowest mIoU that are named"""

_SPAN = 1000
"""width and height of the picture that SVG paths are drawn in"""


class Gallery(NamedTuple):
    """The pictures of a run; their images stand in the sheets under their ids."""

    pictures: list[schema.Picture]
    images: schema.Sheet
    cycles: dict[int, schema.Sheet]
    pseudo_labels: dict[int, schema.PseudoLabels]


class _Run(NamedTuple):
    """What does not change from cycle to cycle."""

    spec: DatasetSpec
    regions: Regions
    threshold: float | None
    """the confidence above which a pseudo-label is trusted; None: there are no pseudo-labels"""


class _Original(NamedTuple):
    """An image's entry in the page, and its truth where there is one."""

    picture: schema.Picture
    truth: np.ndarray | None
    part: tuple[slice, slice]
    """the rows and columns that are no padding"""


def build_gallery(
    record: Record, spec: DatasetSpec, regions: Regions, answers: Sequence[Answer]
) -> Gallery:
    """All that the run's files and its dataset have to show; the views of one cycle at a time."""
    run = _Run(spec, regions, record.description["method"]["confidence_threshold"])
    gallery = Gallery([], {}, {}, {})
    originals: dict[views.Place, _Original] = {}
    for cycle in record.cycles:
        viewed = views.read(cycle.folder.views_path)
        if viewed is None:
            continue
        for place in viewed.places:
            if place not in originals:
                originals[place] = _original(place, spec, gallery.images)
                gallery.pictures.append(originals[place].picture)
        known = by_image(answers_before(answers, cycle.number))
        _add_cycle(
            run, cycle, viewed, [originals[place] for place in viewed.places], known, gallery
        )
    return gallery


def worst_images(pictures: Sequence[schema.Picture]) -> list[str]:
    """Ids of the images with the lowest mIoU at the end of the last cycle, the worst first."""
    last = max((one["cycle"] for picture in pictures for one in picture["cycles"]), default=0)
    measured = [
        (one["miou"], picture["id"])
        for picture in pictures
        for one in picture["cycles"]
        if one["cycle"] == last and one["miou"] is not None
    ]
    return [name for _, name in sorted(measured)[:WORST]]


def image_miou(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float | None:
    """mIoU over the classes that are in an image's truth; None where all of it is void."""
    counted = truth < classes
    true, guess = truth[counted], predicted[counted]
    hits = np.bincount(true[true == guess], minlength=classes)
    of_class, predictions = (np.bincount(labels, minlength=classes) for labels in (true, guess))
    present = of_class > 0
    if not present.any():
        return None
    return float((hits[present] / (of_class + predictions - hits)[present]).mean())


def _original(place: views.Place, spec: DatasetSpec, sheet: schema.Sheet) -> _Original:
    split = {"pool": spec.train, "val": spec.val, "test": spec.test}[place.split]
    sheet[place.id] = {"image": data_uris.photograph(split.picture(place.image))}
    truth = split.read_truth(place.image) if split.known[place.image] else None
    if truth is not None:
        sheet[place.id]["truth"] = data_uris.label_map(truth, spec.palette)
    picture: schema.Picture = {
        "id": place.id,
        "name": split.names[place.image],
        "split": place.split,
        "classes": [] if truth is None else _classes(truth, len(spec.classes)),
        "cycles": [],
    }
    return _Original(picture, truth, shown_part(split, place.image))


def _classes(labels: np.ndarray, classes: int) -> list[int]:
    return [index for index in np.unique(labels).tolist() if index < classes]


def _add_cycle(
    run: _Run,
    cycle: Cycle,
    viewed: views.Views,
    originals: Sequence[_Original],
    answers: Mapping[int, Sequence[Answer]],
    gallery: Gallery,
) -> None:
    """Put a cycle's views beside the images; `answers` by image are what the cycle learned from."""
    size, classes = (run.spec.height, run.spec.width), len(run.spec.classes)
    scores = _read_scores(cycle.folder)
    tally = Tally(classes, run.threshold or 0.0)
    sheet = gallery.cycles.setdefault(cycle.number, {})
    for row, (place, original) in enumerate(zip(viewed.places, originals, strict=True)):
        picture, truth, part = original
        predicted, uncertainty = viewed.predicted[row], viewed.uncertainty[row]
        in_pool = place.split == "pool"
        labeled = labeled_mask(answers.get(place.image, ()) if in_pool else (), size)
        sheet[place.id] = {
            "prediction": data_uris.label_map(predicted, run.spec.palette),
            "uncertainty": data_uris.gray(uncertainty),
        }
        picture["cycles"].append(
            {
                "cycle": cycle.number,
                "miou": None if truth is None else image_miou(truth, predicted, classes),
                "uncertainty": float(uncertainty[part].mean()) / 255,
                "confidence": float(viewed.confidence[row][part].mean()) / 255,
                "labeled_share": float(labeled[part].mean()) if in_pool else 1.0,
                "queried": _selection(place.image, scores, run.regions) if in_pool else None,
            }
        )
        if truth is None:
            picture["classes"] = _classes(predicted, classes)
        elif in_pool:
            tally.add(truth, labeled, predicted, viewed.confidence[row])
    if run.threshold is not None and tally.result:
        gallery.pseudo_labels[cycle.number] = tally.result
    if run.regions.cell_size is None:
        _draw_scores([original.picture for original in originals], run.regions, sheet)


class _Scores(NamedTuple):
    """What the acquisition function made of the pool after a cycle."""

    scores: np.ndarray
    """float `[images, max_regions]`"""
    open: np.ndarray
    """bool, as large: which regions could be chosen"""
    chosen: Mapping[int, list[int]]
    """image -> the regions that were queried"""


def _read_scores(folder: CycleFolder) -> _Scores | None:
    status = folder.status()
    if not status.has_scores:
        return None
    chosen: dict[int, list[int]] = {}
    for image, region in status.chosen or []:
        chosen.setdefault(image, []).append(region)
    return _Scores(folder.read_scores()["score"], folder.read_open(), chosen)


def _selection(image: int, scores: _Scores | None, regions: Regions) -> schema.Selection | None:
    """Of a pool image; None where nothing was left to annotate, or where it was not scored."""
    if scores is None or not scores.open[image].any():
        return None
    count, chosen = regions.count(image), scores.chosen.get(image, [])
    outlines = [] if regions.cell_size else [_path(regions, image, region) for region in chosen]
    return {
        "scores": [
            round(score, 4) if is_open else None
            for score, is_open in zip(
                scores.scores[image, :count].tolist(),
                scores.open[image, :count].tolist(),
                strict=True,
            )
        ],
        "chosen": chosen,
        "outlines": outlines,
    }


def _path(regions: Regions, image: int, region: int) -> str:
    """The outline of a region as an SVG path over `_SPAN` x `_SPAN`."""
    down, right = _SPAN / regions.height, _SPAN / regions.width
    rings = region_outline(regions, RegionRef(image, region))
    corners = [[f"{col * right:.6g} {row * down:.6g}" for row, col in ring] for ring in rings]
    return "".join(f"M{'L'.join(ring)}Z" for ring in corners)


def _draw_scores(pictures: Sequence[schema.Picture], regions: Regions, sheet: schema.Sheet) -> None:
    """Put the scores of a cycle as pictures into its sheet, on the scale of the page's legend."""
    drawn = {
        picture["id"]: np.array(queried["scores"], float)
        for picture in pictures
        if (queried := picture["cycles"][-1]["queried"])
    }
    if not drawn:
        return
    everything = np.concatenate(list(drawn.values()))
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    for name, scores in drawn.items():
        id_map = regions.id_map(int(name.removeprefix("pool-")))
        sheet[name]["scores"] = data_uris.score_map(scores[id_map], low, high)

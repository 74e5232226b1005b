"""What a run had annotated, read from its ledger: which classes, where, and for which cycle."""

from collections.abc import Sequence

import numpy as np

from s4al_jax.labels.ledger import LEDGER, Answer, Ledger, PoolShape
from s4al_jax.rundir.records import Record


def read_answers(record: Record) -> list[Answer]:
    """Every answer so far, verified, without its labels; nothing on disk is changed."""
    folder, splits = record.path / "annotations", record.splits
    if splits is None or not (folder / LEDGER).is_file():
        return []
    data = record.description["dataset"]
    shape = PoolShape(tuple(splits["train"]), data["height"], data["width"], len(data["classes"]))
    return [answer._replace(packed=b"") for answer in Ledger(folder).read(shape)]


def answers_before(answers: Sequence[Answer], cycle: int) -> list[Answer]:
    """Those that a cycle learns from."""
    return [answer for answer in answers if answer.cycle <= cycle]


def class_pixels(answers: Sequence[Answer], classes: int) -> np.ndarray:
    """int64 `[classes]`: their pixels of each class; void ones are in none."""
    return np.asarray(sum((a.class_pixels for a in answers), np.zeros(classes, np.int64)))


def annotated_pixels(answers: Sequence[Answer], cycle: int, classes: int) -> list[int]:
    """Pixels of each class among the regions annotated for one cycle, void at the end."""
    of_cycle = [answer for answer in answers if answer.cycle == cycle]
    pixels = class_pixels(of_cycle, classes)
    void = sum(answer.cost for answer in of_cycle) - int(pixels.sum())
    return [*pixels.tolist(), void]


def by_image(answers: Sequence[Answer]) -> dict[int, list[Answer]]:
    """The answers on each pool image that is labeled at least partially."""
    found: dict[int, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.region.image, []).append(answer)
    return found


def labeled_mask(answers: Sequence[Answer], size: tuple[int, int]) -> np.ndarray:
    """bool of `size`: the pixels that these answers on one image cover."""
    labeled = np.zeros(size, bool)
    for answer in answers:
        labeled[answer.box.slices] |= True if answer.mask is None else answer.mask
    return labeled

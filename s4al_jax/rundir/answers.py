"""What a run has paid for, read from its ledger: whose classes, where, and for which cycle."""

from collections.abc import Sequence

import numpy as np

from s4al_jax.labels.ledger import LEDGER, Answer, Ledger, PoolShape
from s4al_jax.rundir.records import Record


def answers(record: Record) -> list[Answer]:
    """Every answer so far, verified, without its labels; nothing on disk is changed."""
    folder, splits = record.path / "annotations", record.splits
    if splits is None or not (folder / LEDGER).is_file():
        return []
    height, width = record.options["data.height"], record.options["data.width"]
    shape = PoolShape(tuple(splits["train"]), height, width, len(splits["classes"]))
    return [answer._replace(packed=b"") for answer in Ledger(folder).read(shape)]


def before(answers: Sequence[Answer], cycle: int) -> list[Answer]:
    """Those that a cycle learns from."""
    return [answer for answer in answers if answer.cycle <= cycle]


def class_pixels(answers: Sequence[Answer], classes: int) -> np.ndarray:
    """int64 `[classes]`: their pixels of each class; void ones are in none."""
    return np.asarray(sum((a.class_pixels for a in answers), np.zeros(classes, np.int64)))


def asked(answers: Sequence[Answer], cycle: int, classes: int) -> list[int]:
    """Pixels of each class among the regions that were bought for one cycle, void at the end."""
    bought = [answer for answer in answers if answer.cycle == cycle]
    pixels = class_pixels(bought, classes)
    void = sum(answer.box.area for answer in bought) - int(pixels.sum())
    return [*pixels.tolist(), void]


def by_image(answers: Sequence[Answer]) -> dict[int, list[Answer]]:
    """The answers on each pool image of which something is known."""
    found: dict[int, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.region.image, []).append(answer)
    return found


def known(answers: Sequence[Answer], size: tuple[int, int]) -> np.ndarray:
    """bool of `size`: what these answers on one image cover."""
    where = np.zeros(size, bool)
    for answer in answers:
        where[answer.box.slices] = True
    return where

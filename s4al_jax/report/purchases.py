"""What was bought: the classes of the pixels of each cycle's regions, read from a run's ledger."""

import json
from pathlib import Path

import numpy as np

from s4al_jax.pool.ledger import Ledger, PoolShape, given_labels
from s4al_jax.report.runs import Record
from s4al_jax.types import VOID, InputError


def bought_classes(record: Record) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names with "void" at the end, and the pixels of each that were bought for each cycle.

    int64 `[cycles, classes + 1]`; what was labelled from the start counts for cycle 0.
    """
    names, classes = _splits(record.path / "splits.json")
    shape = PoolShape(names, record.knobs["data.height"], record.knobs["data.width"], len(classes))
    counts = np.zeros((len(record.cycles), len(classes) + 1), np.int64)
    for answer in Ledger(record.path / "annotations").read(shape):
        labels = given_labels(answer)
        counts[answer.cycle, :-1] += np.bincount(
            labels[labels < len(classes)], minlength=len(classes)
        )
        counts[answer.cycle, -1] += np.count_nonzero(labels == VOID)
    return (*classes, "void"), counts


def _splits(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        splits = json.loads(path.read_text())
        return tuple(splits["train"]), tuple(splits["classes"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): is this the directory of a run?"
        ) from error

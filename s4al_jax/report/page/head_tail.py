"""Head and tail, as a run told them apart."""

from collections.abc import Sequence

import numpy as np

from s4al_jax.labels.ledger import Answer
from s4al_jax.learn.class_balance import class_groups
from s4al_jax.rundir.answers import before, class_pixels
from s4al_jax.rundir.records import Record


class Groups:
    """Which classes were head and which tail in a cycle of a run."""

    def __init__(self, record: Record, answers: Sequence[Answer], classes: int) -> None:
        """`answers` are those that the run has paid for."""
        self._options, self._answers, self._classes = record.options, answers, classes

    def of(self, cycle: int) -> tuple[np.ndarray, np.ndarray] | None:
        """(head, tail), each a row of booleans; None where the method does not tell them apart."""
        if "method.kwargs.head_factor" not in self._options:
            return None
        head, tail, factor = (
            self._options[f"method.kwargs.{name}"] for name in ("head", "tail", "head_factor")
        )
        pixels = class_pixels(before(self._answers, cycle), self._classes)
        return class_groups(pixels, head, tail, factor)


def mean_of(values: Sequence[float | None], wanted: np.ndarray) -> float | None:
    """The mean of those that are wanted and defined; None where there are none."""
    known = [v for v, yes in zip(values, wanted, strict=True) if yes and v is not None]
    return sum(known) / len(known) if known else None

"""What happens in a run, for those who listen: checkpoints, journal, terminal, report.

Every process of a run has the same events in the same order. A listener acts on those it knows and
ignores the others. What it raises ends the run, unless it is `ListenerFailed`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from s4al_jax.engine.train import Epoch
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import DatasetSpec, RegionRef


class ListenerFailed(Exception):
    """Raised by a listener that the run can do without: the text is told, and the run goes on."""


class RunStarted(NamedTuple):
    """The directory is claimed; nothing is trained yet."""

    cycles: int
    steps: int


class Activity(NamedTuple):
    """What the run does from now on, in a few words."""

    text: str


class Message(NamedTuple):
    """Something to tell the person who waits."""

    text: str


class TrainingStarted(NamedTuple):
    """A cycle's training begins or goes on."""

    cycle: int
    epochs: int
    epoch: int
    """epochs of the cycle that are done"""
    step: int
    """steps of the run that are done"""
    last_step: int
    """steps of the run when the cycle's training is over"""
    kept_step: int
    """rows of the journal up to here stay: what comes later is done again"""


class EpochEnded(NamedTuple):
    """An epoch is over, or was interrupted between two steps."""

    cycle: int
    learner: str
    """"task", or "acquisition" for the acquisition function's own"""
    epoch: int
    """whole epochs of the cycle that are done"""
    number: int
    """steps of the run that are done"""
    result: Epoch
    is_whole: bool
    is_evaluated: bool
    """whether an evaluation follows"""


class Evaluated(NamedTuple):
    """The networks were measured after an epoch."""

    cycle: int
    epoch: int
    number: int
    measures: Mapping[tuple[str, str], Mapping[str, float | None]]
    """(network, split) -> mIoU, accuracies and IoU of each class"""


class Selected(NamedTuple):
    """Regions were chosen after a cycle."""

    cycle: int
    number: int
    scores: np.ndarray
    """float32 `[images, max_regions]`"""
    chosen: Sequence[RegionRef]
    spec: DatasetSpec
    regions: Regions


class BudgetSpent(NamedTuple):
    """Annotations were recorded."""

    share: float
    """of the pool's pixels"""
    annotated: int
    """regions, without the images that were labeled from the start"""
    remaining: int
    """regions that will still be asked for"""


class CycleEnded(NamedTuple):
    """All that a cycle leaves in its directory is there."""

    cycle: int
    workdir: Path
    spec: DatasetSpec


Event = (
    RunStarted
    | Activity
    | Message
    | TrainingStarted
    | EpochEnded
    | Evaluated
    | Selected
    | BudgetSpent
    | CycleEnded
)
Listener = Callable[[Any], None]
"""event -> nothing"""

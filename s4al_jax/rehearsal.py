"""A step of a run's dearest phase, made ready without a run: to be asked about, or tried out."""

from typing import Any, NamedTuple

import jax
import numpy as np

from s4al_jax.engine import devices, train
from s4al_jax.experiment import Experiment, source
from s4al_jax.feed.plan import StepPlan
from s4al_jax.types import UNLABELED, Phase, StepInputs, TrainState


class Rehearsal(NamedTuple):
    """Everything that one call of an update needs; the numbers in the state mean nothing."""

    phase: Phase
    update: train.Update
    state: TrainState
    inputs: tuple[StepInputs, ...]
    compiled: Any
    """the update's program, see `devices.prepared`"""


def rehearsal(experiment: Experiment) -> Rehearsal:
    """The last step of a run, as far as it is known before anything is labelled."""
    spec = experiment.spec
    unknown = np.full((spec.height, spec.width), UNLABELED, np.uint8)
    pool = source(spec.train, lambda index: unknown)
    step = _last(experiment)
    update = train.updates(experiment.method, pool, experiment.mesh)[step.phase]
    pixels = np.ones(len(spec.classes), np.int64)
    state = devices.replicated(experiment.fresh_state(0, pixels), experiment.mesh)
    inputs = devices.split(
        train.fetched([step] * experiment.schedule.steps_together, pool), experiment.mesh
    )
    return Rehearsal(step.phase, update, state, inputs, devices.prepared(update, state, inputs))


def images(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """The labelled images of the first cycle, and the others."""
    everyone = np.arange(len(experiment.spec.train.names))
    if not experiment.initial:
        return everyone, everyone
    return np.asarray(experiment.initial), np.setdiff1d(everyone, experiment.initial)


def _last(experiment: Experiment) -> StepPlan:
    labeled, others = images(experiment)
    last = experiment.schedule.cycles - 1
    steps = experiment.schedule.steps_of(last)
    return next(experiment.steps(last, labeled, others, steps - 1))


def ran(ready: Rehearsal, state: TrainState, times: int) -> TrainState:
    """The state after so many calls of the update, once they are done."""
    for _ in range(times):
        state, _ = ready.update(state, ready.inputs)
    return jax.block_until_ready(state)

"""A step of a run's dearest phase, made ready without a run: to be asked about, or tried out."""

from typing import Any, NamedTuple

import jax
import numpy as np

from s4al_jax.engine import devices, train
from s4al_jax.engine.evaluate import counter
from s4al_jax.engine.score import summarizer
from s4al_jax.input.schedule import StepPlan
from s4al_jax.input.source import Source
from s4al_jax.run.build import Experiment, source
from s4al_jax.types import UNLABELED, Phase, StepInputs, TrainState


class MemoryNeed(NamedTuple):
    """Bytes on each device while something is done; images that stay there come on top."""

    what: str
    bytes: int


class DryRun(NamedTuple):
    """Everything that one call of an update needs; the numbers in the state mean nothing."""

    phase: Phase
    update: train.Update
    state: TrainState
    inputs: tuple[StepInputs, ...]
    compiled: Any
    """the update's program, see `devices.prepared`"""


def dry_run(experiment: Experiment) -> DryRun:
    """The last step of a run, as far as it is known before anything is labeled."""
    spec, pool = experiment.spec, _unlabeled(experiment)
    step = _last(experiment)
    update = train.updates(experiment.method, pool, experiment.mesh)[step.phase]
    pixels = np.ones(len(spec.classes), np.int64)
    state = devices.replicate(experiment.fresh_state(0, pixels), experiment.mesh)
    inputs = devices.shard(
        train.fetched([step] * experiment.schedule.steps_together, pool), experiment.mesh
    )
    return DryRun(
        step.phase, update, state, inputs, devices.lower_and_compile(update, state, inputs)
    )


def memory_needs(experiment: Experiment) -> list[MemoryNeed]:
    """What training, measuring and asking need, with the training state that lies there all along.

    Their programs are compiled, which a run then need not do again, and not run.
    """
    ready, method, mesh = dry_run(experiment), experiment.method, experiment.mesh
    found = [MemoryNeed(f"a {ready.phase.value} step", devices.program_memory(ready.compiled))]

    def beside(what: str, program: Any, inputs: Any) -> MemoryNeed:
        there = sum(leaf.nbytes for leaf in jax.tree.leaves(ready.state))
        travels = sum(leaf.nbytes for leaf in jax.tree.leaves(inputs)) // mesh.size
        return MemoryNeed(what, devices.program_working_memory(program) + there + travels)

    for split in experiment.evaluated[:1]:
        part = getattr(experiment.spec, split)
        measured = source(part, part.read_truth)
        batch = _batch(measured, experiment, "evaluate")
        network = getattr(ready.state, method.networks[-1])
        program = devices.lower_and_compile(counter(method, measured, mesh), network, batch)
        found.append(beside("measuring", program, batch))
    if experiment.schedule.cycles > 1 and experiment.batch["score"]:
        pool = _unlabeled(experiment)
        batch = _batch(pool, experiment, "score")
        key = devices.replicate(experiment.cycle_key(0), mesh)
        ask = summarizer(method, experiment.acquisition, pool, mesh)
        program = devices.lower_and_compile(ask, ready.state, batch, key)
        found.append(beside("asking", program, batch))
    return found


def _batch(images: Source, experiment: Experiment, name: str) -> Any:
    return devices.shard(
        images.fetch(np.zeros(1, np.int64), experiment.batch[name]), experiment.mesh
    )


def _unlabeled(experiment: Experiment) -> Source:
    """The pool as it is before anybody was asked."""
    spec = experiment.spec
    unknown = np.full((spec.height, spec.width), UNLABELED, np.uint8)
    return source(spec.train, lambda index: unknown)


def images(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """The labeled images of the first cycle, and the others."""
    everyone = np.arange(len(experiment.spec.train.names))
    if not experiment.initial:
        return everyone, everyone
    return np.asarray(experiment.initial), np.setdiff1d(everyone, experiment.initial)


def _last(experiment: Experiment) -> StepPlan:
    labeled, others = images(experiment)
    last = experiment.schedule.cycles - 1
    steps = experiment.schedule.steps_of(last)
    return next(experiment.steps(last, labeled, others, steps - 1))


def run_steps(ready: DryRun, state: TrainState, times: int) -> TrainState:
    """The state after so many calls of the update, once they are done."""
    for _ in range(times):
        state, _ = ready.update(state, ready.inputs)
    return jax.block_until_ready(state)

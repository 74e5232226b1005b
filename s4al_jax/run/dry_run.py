"""A step of a run's most demanding stage, to be compiled, measured or traced without a run."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from s4al_jax.engine import devices, train
from s4al_jax.engine.evaluate import counter
from s4al_jax.engine.score import summarizer
from s4al_jax.input.sampler import StepPlan
from s4al_jax.input.source import Read, Source, open_source
from s4al_jax.learn.ema import between_key
from s4al_jax.run.build import Experiment, shapes_of
from s4al_jax.run.features import stand_in
from s4al_jax.types import (
    UNLABELED,
    Array,
    Batch,
    DatasetSpec,
    ScoringState,
    StepInputs,
    TrainState,
)


class MemoryNeed(NamedTuple):
    """Bytes on each device while something is done; images that stay there come on top."""

    what: str
    bytes: int


class DryRun(NamedTuple):
    """Everything that one call of an update needs; the numbers in the state mean nothing."""

    stage: str
    update: train.Update
    state: TrainState
    inputs: tuple[StepInputs, ...]
    compiled: Any
    """the update's program, see `devices.lower_and_compile`"""


def dry_run(experiment: Experiment) -> DryRun:
    """The last step of a run, as far as it is known before anything is annotated."""
    pool, step = _unlabeled_pool(experiment), _last_step(experiment)
    pixels = np.ones(len(experiment.spec.classes), np.int64)
    state = experiment.fresh_state(0, pixels)
    pool.add_maps(_stored_maps(experiment, pool, state))
    update = train.updates(experiment.method, pool, experiment.mesh)(step.stage)
    state = devices.replicate(state, experiment.mesh)
    plans = [step] * experiment.schedule.steps_per_call
    inputs = devices.shard(train.fetch(plans, pool), experiment.mesh)
    return DryRun(
        step.stage, update, state, inputs, devices.lower_and_compile(update, state, inputs)
    )


def memory_needs(experiment: Experiment) -> list[MemoryNeed]:
    """What training, evaluation and scoring need, the training state included.

    Their programs are compiled, which a run then need not do again, and not run.
    """
    ready, method, mesh = dry_run(experiment), experiment.method, experiment.mesh
    found = [MemoryNeed(f"a {ready.stage} step", devices.program_memory(ready.compiled))]

    def beside(what: str, program: Any, inputs: Any) -> MemoryNeed:
        there = sum(leaf.nbytes for leaf in jax.tree.leaves(ready.state))
        travels = sum(leaf.nbytes for leaf in jax.tree.leaves(inputs)) // mesh.size
        return MemoryNeed(what, devices.program_working_memory(program) + there + travels)

    for split in experiment.evaluated[:1]:
        part = getattr(_seen(experiment), split)
        measured = open_source(part, part.read_truth)
        batch = _batch(measured, experiment, "evaluate")
        network = getattr(ready.state, method.networks[-1])
        program = devices.lower_and_compile(counter(method, measured, mesh), network, batch)
        found.append(beside("evaluating", program, batch))
    if experiment.schedule.cycles > 1 and experiment.batch["score"]:
        pool = _unlabeled_pool(experiment)
        batch = _batch(pool, experiment, "score")
        key = devices.replicate(experiment.cycle_key(0), mesh)
        summarize = summarizer(method, experiment.acquisition, pool, mesh)
        states = ScoringState(ready.state, _learner_state(experiment))
        program = devices.lower_and_compile(summarize, states, batch, key)
        found.append(beside("scoring", program, batch))
    return found


def run_steps(ready: DryRun, state: TrainState, times: int) -> TrainState:
    """The state after so many calls of the update, once they are done."""
    for _ in range(times):
        state, _ = ready.update(state, ready.inputs)
    return jax.block_until_ready(state)


def _learner_state(experiment: Experiment) -> TrainState | None:
    learner = experiment.acquisition.learner
    return shapes_of(learner, len(experiment.spec.classes)) if learner else None


def _batch(images: Source, experiment: Experiment, name: str) -> Any:
    return devices.shard(
        images.fetch(np.zeros(1, np.int64), experiment.batch[name]), experiment.mesh
    )


def _seen(experiment: Experiment) -> DatasetSpec:
    """The dataset; where the backbone is frozen, with zeros for features."""
    spec, frozen = experiment.spec, experiment.frozen
    return stand_in(spec, frozen) if frozen else spec


def _unlabeled_pool(experiment: Experiment) -> Source:
    """The pool as it is before anything is annotated."""
    spec, regions = _seen(experiment), experiment.regions
    unknown = np.full((spec.height, spec.width), UNLABELED, np.uint8)
    pool = open_source(spec.train, lambda index: unknown)
    if regions.cell_size is None:
        pool.add_maps({"regions": regions.id_map})
    return pool


def _stored_maps(experiment: Experiment, pool: Source, state: TrainState) -> dict[str, Read]:
    """Zeros in place of the maps that the method makes of the pool before its last generation."""
    found: dict[str, Read] = {}
    fetched = pool.fetch(np.zeros(1, np.int64), 1)

    def store(function: Callable[[TrainState, Batch], Mapping[str, Array]]) -> None:
        shapes = jax.eval_shape(
            lambda state, fetched: function(state, pool.materialize(fetched)), state, fetched
        )
        for name, shape in shapes.items():
            found[name] = _always(np.zeros(shape.shape[1:], shape.dtype))

    between = experiment.method.between
    for stage in experiment.stages(experiment.schedule.cycles - 1, experiment.initial_pool()):
        if stage.new_generation and between is not None:
            state = between(between_key(state), state, stage, store)
    return found


def _always(array: np.ndarray) -> Read:
    return lambda index: array


def _last_step(experiment: Experiment) -> StepPlan:
    last = experiment.schedule.cycles - 1
    steps = experiment.schedule.steps_of(last)
    return next(experiment.steps(last, experiment.initial_pool(), steps - 1))

"""Training: takes a plan's steps on the device and yields what happened after every epoch."""

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.input.prefetch import prefetch
from s4al_jax.input.sampler import StepPlan
from s4al_jax.input.source import Source
from s4al_jax.types import Batch, Method, Metrics, StepInputs, TrainState, Tree

Update = Callable[[TrainState, tuple[StepInputs, ...]], tuple[TrainState, Metrics]]
"""one step after the other -> the last state, and the metrics with an axis of steps"""


class Epoch(NamedTuple):
    """The state after an epoch's last step, or where it was interrupted, and what steps gave."""

    state: TrainState
    step: int
    stage: str
    rows: tuple[Mapping[str, float], ...]
    """metrics of its steps so far"""
    seconds: float
    """that its steps took together"""
    images: int
    """that a step learns from"""

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of its steps' metrics."""
        names = self.rows[0] if self.rows else ()
        return {name: float(np.mean([row[name] for row in self.rows])) for name in names}

    @property
    def seconds_per_step(self) -> float:
        """On average."""
        return self.seconds / max(len(self.rows), 1)


class NonFiniteStep(ArithmeticError):
    """A step's loss or gradient is not a number; `step` says which and on what images."""

    def __init__(self, step: StepPlan, metrics: Mapping[str, float]) -> None:
        super().__init__(f"step {step.step} gave {dict(metrics)}")
        self.step = step
        self.metrics = dict(metrics)


def updates(method: Method, source: Source, mesh: Mesh) -> Callable[[str], Update]:
    """A function from the name of a stage to its compiled update, which uses up its state."""
    parts = _steps, method.update, source.materialize
    return lambda stage: devices.compile_for(mesh, *parts, stage, donate=(0,))


def _steps(
    update: Callable[..., tuple[TrainState, Metrics]],
    materialize: Callable[[Tree], Batch],
    stage: str,
) -> Update:
    def take_steps(
        state: TrainState, fetched: tuple[StepInputs, ...]
    ) -> tuple[TrainState, Metrics]:
        inputs = [_materialize(one, materialize) for one in fetched]
        if len(inputs) == 1:
            state, metrics = update(state, inputs[0], stage)
            return state, jax.tree.map(lambda value: value[None], metrics)
        stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *inputs)
        return jax.lax.scan(lambda s, one: update(s, one, stage), state, stacked)

    return take_steps


def fetch(plans: Sequence[StepPlan], source: Source) -> tuple[StepInputs, ...]:
    """What travels to the device for some steps."""
    return tuple(
        StepInputs(
            streams={
                name: source.fetch(images, len(images)) for name, images in plan.streams.items()
            },
            progress=np.float32(plan.progress),
        )
        for plan in plans
    )


def train_epochs(
    state: TrainState,
    steps: Iterable[StepPlan],
    update_of: Callable[[str], Update],
    source: Source,
    mesh: Mesh,
    *,
    iterations: int,
    steps_per_call: int = 1,
    begun: Epoch | None = None,
    skip: Collection[int] = (),
    stop_requested: Callable[[], bool] = lambda: False,
) -> Iterator[Epoch]:
    """Take the steps and yield after every `iterations` of them, counted from the cycle's start.

    Metrics are read while the next steps run, so the device never waits for the host.

    Args:
      state: before the first of the steps; it is used up.
      steps: their plan. All steps of an epoch are of one stage.
      update_of: the compiled update of a stage, see `updates`.
      source: of the images.
      mesh: of devices.
      iterations: steps of an epoch.
      steps_per_call: how many the device takes in one call; it divides `iterations`.
      begun: an epoch that was interrupted; if it has all of its steps, it is yielded first.
      skip: steps that change nothing.
      stop_requested: once it is true, the epoch so far is the last one that is yielded.
    """
    started, rows = time.monotonic(), list(begun.rows) if begun else []
    before = begun.seconds if begun else 0.0
    if begun and begun.step % iterations == 0:
        yield begun
        started, rows, before = time.monotonic(), [], 0.0
    # The metrics of the last call are read after the next call was dispatched.
    pending: tuple[Sequence[StepPlan], Metrics] | None = None
    groups = _groups(steps, steps_per_call, skip)
    for plans, inputs in prefetch(groups, lambda p: fetch(p, source), depth=source.prefetch):
        last, metrics = plans[-1], None
        if last.step in skip:
            state = state._replace(step=state.step + len(plans))
        else:
            state, metrics = update_of(last.stage)(state, devices.shard(inputs, mesh))
        if pending:
            rows += _read_metrics(*pending)
        pending = (plans, metrics) if metrics else None
        is_whole = (last.step + 1) % iterations == 0
        if not is_whole and not stop_requested():
            continue
        rows += _read_metrics(*pending) if pending else []
        pending = None
        seconds = before + time.monotonic() - started
        yield Epoch(state, last.step + 1, last.stage, tuple(rows), seconds, last.images)
        if not is_whole:
            return
        started, rows, before = time.monotonic(), [], 0.0


def _groups(
    steps: Iterable[StepPlan], size: int, skip: Collection[int]
) -> Iterator[tuple[StepPlan, ...]]:
    """Up to `size` steps at a time; those that are skipped by themselves."""

    # By their number: a training may go on in the middle of a group, which ends where it always
    # does, so that none reaches into the next epoch.
    def group(plan: StepPlan) -> tuple[int, bool]:
        return plan.step // size, plan.step in skip

    for _, part in itertools.groupby(steps, group):
        yield tuple(part)


def _materialize(fetched: StepInputs, materialize: Callable[[Tree], Batch]) -> StepInputs:
    batches = {name: materialize(batch) for name, batch in fetched.streams.items()}
    return fetched._replace(streams=batches)


def _read_metrics(plans: Sequence[StepPlan], metrics: Metrics) -> list[dict[str, float]]:
    columns = jax.device_get(dict(metrics))
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(len(plans))]
    for plan, row in zip(plans, rows, strict=True):
        if not np.isfinite(list(row.values())).all():
            raise NonFiniteStep(plan, row)
    return rows

"""Training: runs a plan's steps on the device and yields what happened after every epoch."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.feed.ahead import ahead
from s4al_jax.feed.plan import StepPlan
from s4al_jax.feed.source import Source
from s4al_jax.types import Method, Metrics, Phase, StepInputs, TrainState, Tree

Update = Callable[[TrainState, StepInputs], tuple[TrainState, Metrics]]


class Epoch(NamedTuple):
    """The state after an epoch's last step, and the mean of its steps' metrics."""

    state: TrainState
    step: int
    phase: Phase
    metrics: dict[str, float]
    seconds: float


class NonFinite(ArithmeticError):
    """A step's loss or gradient is not a number; `step` says which and on what images."""

    def __init__(self, step: StepPlan, metrics: Mapping[str, float]) -> None:
        super().__init__(f"step {step.step} gave {dict(metrics)}")
        self.step = step
        self.metrics = dict(metrics)


def updates(method: Method, source: Source, mesh: Mesh) -> dict[Phase, Update]:
    """One compiled update for each phase; the state that goes in is used up."""

    def update(phase: Phase) -> Update:
        def step(state: TrainState, fetched: StepInputs) -> tuple[TrainState, Metrics]:
            return method.update(state, _materialized(fetched, source), phase)

        return devices.compiled(step, mesh, donate=(0,))

    return {phase: update(phase) for phase in method.phases}


def fetched(plan: StepPlan, source: Source) -> StepInputs:
    """What travels to the device for one step."""

    def batch(indices: np.ndarray | None) -> Tree:
        return None if indices is None else source.fetch(indices, len(indices))

    return StepInputs(
        labeled=batch(plan.labeled),
        unlabeled=batch(plan.unlabeled),
        replayed=batch(plan.replayed),
        progress=np.float32(plan.progress),
    )


def epochs(
    state: TrainState,
    steps: Iterable[StepPlan],
    update: Mapping[Phase, Update],
    source: Source,
    mesh: Mesh,
    *,
    iterations: int,
) -> Iterator[Epoch]:
    """Run the steps and yield after every `iterations` of them, counted from the cycle's start.

    A step's metrics are read while the next one runs, so the device never waits for the host.
    """
    started, rows = time.monotonic(), []
    previous: tuple[StepPlan, Metrics] | None = None
    for plan, inputs in ahead(steps, lambda plan: fetched(plan, source), depth=source.lookahead):
        state, metrics = update[plan.phase](state, devices.split(inputs, mesh))
        if previous:
            rows.append(_checked(*previous))
        previous = plan, metrics
        if (plan.step + 1) % iterations == 0:
            rows.append(_checked(*previous))
            previous = None
            means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
            seconds = (time.monotonic() - started) / len(rows)
            yield Epoch(state, plan.step + 1, plan.phase, means, seconds)
            started, rows = time.monotonic(), []


def _materialized(fetched: StepInputs, source: Source) -> StepInputs:
    return fetched._replace(
        labeled=source.materialize(fetched.labeled),
        unlabeled=None if fetched.unlabeled is None else source.materialize(fetched.unlabeled),
        replayed=None if fetched.replayed is None else source.materialize(fetched.replayed),
    )


def _checked(plan: StepPlan, metrics: Metrics) -> dict[str, float]:
    row = {name: float(value) for name, value in jax.device_get(dict(metrics)).items()}
    if not np.isfinite(list(row.values())).all():
        raise NonFinite(plan, row)
    return row

"""Training: runs a plan's steps on the device and yields what happened after every epoch."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.feed.ahead import ahead
from s4al_jax.feed.plan import StepPlan
from s4al_jax.feed.source import Source
from s4al_jax.types import Method, Metrics, Phase, StepInputs, TrainState, Tree

Update = Callable[[TrainState, tuple[StepInputs, ...]], tuple[TrainState, Metrics]]
"""one step after the other -> the last state, and the metrics with an axis of steps"""


class Epoch(NamedTuple):
    """The state after an epoch's last step, and the mean of its steps' metrics."""

    state: TrainState
    step: int
    phase: Phase
    metrics: dict[str, float]
    seconds: float
    """of a step"""
    images: int
    """that a step learns from"""


class NonFinite(ArithmeticError):
    """A step's loss or gradient is not a number; `step` says which and on what images."""

    def __init__(self, step: StepPlan, metrics: Mapping[str, float]) -> None:
        super().__init__(f"step {step.step} gave {dict(metrics)}")
        self.step = step
        self.metrics = dict(metrics)


def updates(method: Method, source: Source, mesh: Mesh) -> dict[Phase, Update]:
    """One compiled update for each phase; the state that goes in is used up."""

    def update(phase: Phase) -> Update:
        def steps(state: TrainState, fetched: tuple[StepInputs, ...]) -> tuple[TrainState, Metrics]:
            inputs = [_materialized(one, source) for one in fetched]
            if len(inputs) == 1:
                state, metrics = method.update(state, inputs[0], phase)
                return state, jax.tree.map(lambda value: value[None], metrics)
            stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *inputs)
            return jax.lax.scan(lambda s, one: method.update(s, one, phase), state, stacked)

        return devices.compiled(steps, mesh, donate=(0,))

    return {phase: update(phase) for phase in method.phases}


def fetched(plans: Sequence[StepPlan], source: Source) -> tuple[StepInputs, ...]:
    """What travels to the device for some steps."""

    def batch(indices: np.ndarray | None) -> Tree:
        return None if indices is None else source.fetch(indices, len(indices))

    return tuple(
        StepInputs(
            labeled=batch(plan.labeled),
            unlabeled=batch(plan.unlabeled),
            replayed=batch(plan.replayed),
            progress=np.float32(plan.progress),
        )
        for plan in plans
    )


def epochs(
    state: TrainState,
    steps: Iterable[StepPlan],
    update: Mapping[Phase, Update],
    source: Source,
    mesh: Mesh,
    *,
    iterations: int,
    together: int = 1,
) -> Iterator[Epoch]:
    """Run the steps and yield after every `iterations` of them, counted from the cycle's start.

    `together`, which divides `iterations`, is how many the device does in one go. Their metrics are
    read while the next ones run, so the device never waits for the host. An epoch has one phase.
    """
    started, rows = time.monotonic(), []
    previous: tuple[Sequence[StepPlan], Metrics] | None = None
    groups = _groups(steps, together)
    for plans, inputs in ahead(groups, lambda p: fetched(p, source), depth=source.lookahead):
        last = plans[-1]
        state, metrics = update[last.phase](state, devices.split(inputs, mesh))
        if previous:
            rows += _checked(*previous)
        previous = plans, metrics
        if (last.step + 1) % iterations == 0:
            rows += _checked(*previous)
            previous = None
            means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
            seconds = (time.monotonic() - started) / len(rows)
            yield Epoch(state, last.step + 1, last.phase, means, seconds, last.images)
            started, rows = time.monotonic(), []


def _groups(steps: Iterable[StepPlan], together: int) -> Iterator[tuple[StepPlan, ...]]:
    rest = iter(steps)
    while group := tuple(itertools.islice(rest, together)):
        yield group


def _materialized(fetched: StepInputs, source: Source) -> StepInputs:
    return fetched._replace(
        labeled=source.materialize(fetched.labeled),
        unlabeled=None if fetched.unlabeled is None else source.materialize(fetched.unlabeled),
        replayed=None if fetched.replayed is None else source.materialize(fetched.replayed),
    )


def _checked(plans: Sequence[StepPlan], metrics: Metrics) -> list[dict[str, float]]:
    columns = jax.device_get(dict(metrics))
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(len(plans))]
    for plan, row in zip(plans, rows, strict=True):
        if not np.isfinite(list(row.values())).all():
            raise NonFinite(plan, row)
    return rows

"""Training: runs a plan's steps on the device and yields what happened after every epoch."""

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
from s4al_jax.input.schedule import StepPlan
from s4al_jax.input.source import Source
from s4al_jax.types import Method, Metrics, Phase, StepInputs, TrainState, Tree

Update = Callable[[TrainState, tuple[StepInputs, ...]], tuple[TrainState, Metrics]]
"""one step after the other -> the last state, and the metrics with an axis of steps"""


class Epoch(NamedTuple):
    """The state after an epoch's last step, or where it was interrupted, and what steps gave."""

    state: TrainState
    step: int
    phase: Phase
    rows: tuple[Mapping[str, float], ...]
    """metrics of its steps so far"""
    seconds: float
    """that they took together"""
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

        return devices.compile_for(steps, mesh, donate=(0,))

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
    begun: Epoch | None = None,
    left_out: Collection[int] = (),
    asked_to_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Epoch]:
    """Run the steps and yield after every `iterations` of them, counted from the cycle's start.

    `together`, which divides `iterations`, is how many the device does in one go. Their metrics are
    read while the next ones run, so the device never waits for the host. An epoch has one phase.
    `begun` is an epoch that was interrupted; where it has all of its steps, it comes first. Steps
    that are `left_out` pass by and change nothing. Once `asked_to_stop`, the epoch so far is the
    last one that is yielded.
    """
    started, rows = time.monotonic(), list(begun.rows) if begun else []
    before = begun.seconds if begun else 0.0
    if begun and begun.step % iterations == 0:
        yield begun
        started, rows, before = time.monotonic(), [], 0.0
    previous: tuple[Sequence[StepPlan], Metrics] | None = None
    groups = _groups(steps, together, left_out)
    for plans, inputs in prefetch(groups, lambda p: fetched(p, source), depth=source.lookahead):
        last, metrics = plans[-1], None
        if last.step in left_out:
            state = state._replace(step=state.step + len(plans))
        else:
            state, metrics = update[last.phase](state, devices.shard(inputs, mesh))
        if previous:
            rows += _checked(*previous)
        previous = (plans, metrics) if metrics else None
        whole = (last.step + 1) % iterations == 0
        if not whole and not asked_to_stop():
            continue
        rows += _checked(*previous) if previous else []
        previous = None
        seconds = before + time.monotonic() - started
        yield Epoch(state, last.step + 1, last.phase, tuple(rows), seconds, last.images)
        if not whole:
            return
        started, rows, before = time.monotonic(), [], 0.0


def _groups(
    steps: Iterable[StepPlan], together: int, left_out: Collection[int]
) -> Iterator[tuple[StepPlan, ...]]:
    """So many steps at a time; those that are left out by themselves."""
    rest = iter(steps)
    while group := tuple(itertools.islice(rest, together)):
        for _, part in itertools.groupby(group, lambda plan: plan.step in left_out):
            yield tuple(part)


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
            raise NonFiniteStep(plan, row)
    return rows

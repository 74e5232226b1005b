"""Epochs: means over their steps, and a stop at the first number that is none."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import train
from s4al_jax.engine.devices import mesh, replicate, shard
from s4al_jax.input.sampler import StepPlan
from s4al_jax.input.source import CachedSource
from s4al_jax.types import Method, StepInputs, TrainState

SOURCE = CachedSource(
    read_image=lambda index: np.full((2, 2, 3), index, np.uint8),
    read_label=lambda index: np.zeros((2, 2), np.uint8),
)


def plans(count: int, first: int = 0, stage: str = "warmup") -> list[StepPlan]:
    return [
        StepPlan(step, stage, 0.0, {"labeled": np.array([step % 5], np.int32)})
        for step in range(first, count)
    ]


def epochs_of(
    update: train.Update, count: int, *, iterations: int, steps_per_call: int, **options: Any
) -> Iterator[train.Epoch]:
    """So many steps of an update whose state is a number, from 0."""
    return train.train_epochs(
        jnp.float32(0),
        plans(count),
        lambda stage: {"warmup": update}[stage],
        SOURCE,
        mesh(1),
        iterations=iterations,
        steps_per_call=steps_per_call,
        **options,
    )


@pytest.mark.parametrize("steps_per_call", [1, 2])
def test_an_epoch_has_the_mean_of_its_steps_and_the_state_after_them(steps_per_call: int) -> None:
    def update(state: Any, inputs: Any) -> Any:
        seen = [one.streams["labeled"].image[0, 0, 0, 0] for one in inputs]
        losses = (state + np.arange(len(inputs))) * 2.0
        return state + len(inputs), {"loss": losses, "image": np.array(seen, float)}

    found = list(epochs_of(update, 4, iterations=2, steps_per_call=steps_per_call))
    assert [epoch.step for epoch in found] == [2, 4]
    assert [epoch.stage for epoch in found] == ["warmup", "warmup"]
    assert [epoch.metrics for epoch in found] == [
        {"loss": 1.0, "image": 0.5},
        {"loss": 5.0, "image": 2.5},
    ]
    assert [float(epoch.state) for epoch in found] == [2.0, 4.0]


@pytest.mark.parametrize(
    "bad, steps_per_call", [(float("nan"), 1), (float("inf"), 1), (float("nan"), 3)]
)
def test_the_step_that_breaks_is_named(bad: float, steps_per_call: int) -> None:
    def update(state: Any, inputs: Any) -> Any:
        steps = state + np.arange(len(inputs))
        return state + len(inputs), {"loss": jnp.where(steps == 2, bad, 1.0)}

    epochs = epochs_of(update, 6, iterations=6, steps_per_call=steps_per_call)
    with pytest.raises(train.NonFiniteStep) as caught:
        list(epochs)
    assert caught.value.step.step == 2
    assert caught.value.step.streams["labeled"].tolist() == [2]


# --- interrupted and gone on, with steps left out ---


def fresh() -> TrainState:
    """A state that may be used up."""
    student = {"sum": jnp.zeros(())}
    return TrainState(jnp.zeros((), jnp.int32), student, {}, (), jnp.zeros(2, jnp.uint32), {})


def add(state: TrainState, inputs: tuple[StepInputs, ...]) -> tuple[TrainState, Any]:
    """Adds the numbers of the images."""
    seen = [float(one.streams["labeled"].image[0, 0, 0, 0]) for one in inputs]
    student = {"sum": state.student["sum"] + sum(seen)}
    after = state._replace(step=state.step + len(inputs), student=student)
    return after, {"loss": jnp.asarray(seen)}


def trained(
    state: TrainState, first: int, steps_per_call: int, **options: Any
) -> list[train.Epoch]:
    """Two epochs of four steps, from the `first` step on."""
    return list(
        train.train_epochs(
            state,
            plans(8, first),
            lambda stage: add,
            SOURCE,
            mesh(1),
            iterations=4,
            steps_per_call=steps_per_call,
            **options,
        )
    )


@pytest.mark.parametrize("steps_per_call", [1, 2, 4])
def test_steps_that_are_skipped_count_and_change_nothing(steps_per_call: int) -> None:
    first, second = trained(fresh(), 0, steps_per_call, skip=(1, 6))
    assert [first.step, second.step] == [4, 8]
    assert [row["loss"] for row in first.rows] == [0, 2, 3]
    assert [row["loss"] for row in second.rows] == [4, 0, 2]
    assert int(second.state.step) == 8 and float(second.state.student["sum"]) == 11


@pytest.mark.parametrize("steps_per_call", [1, 2, 4])
@pytest.mark.parametrize("calls", [1, 2, 3, 4])
@pytest.mark.parametrize("skip", [(), (1,), (0, 5)])
def test_a_run_that_was_stopped_goes_on_to_the_same_epochs(
    skip: tuple[int, ...], calls: int, steps_per_call: int
) -> None:
    straight = trained(fresh(), 0, steps_per_call, skip=skip)
    asked = 0

    def stop_requested() -> bool:
        nonlocal asked
        asked += 1
        return asked >= calls

    before = trained(fresh(), 0, steps_per_call, skip=skip, stop_requested=stop_requested)
    # An epoch that has all of its steps was saved; the one that was stopped goes on.
    stopped = before[-1]
    after = trained(stopped.state, stopped.step, steps_per_call, skip=skip, begun=stopped)
    together = {epoch.step: epoch for epoch in [*before, *after] if epoch.step % 4 == 0}
    assert list(together) == [4, 8]
    for epoch in straight:
        other = together[epoch.step]
        assert other.rows == epoch.rows and other.metrics == epoch.metrics
        assert float(other.state.student["sum"]) == float(epoch.state.student["sum"])
        assert int(other.state.step) == epoch.step


# --- compiled ---


def test_each_stage_is_compiled_once_for_its_own_streams() -> None:
    traced = []

    def update(state: TrainState, inputs: StepInputs, stage: str) -> Any:
        traced.append((stage, tuple(sorted(inputs.streams))))
        seen = sum(batch.image[:, 0, 0, 0].sum() for batch in inputs.streams.values())
        student = {"sum": state.student["sum"] + seen * (1 + inputs.progress)}
        return state._replace(step=state.step + 1, student=student), {"loss": 1.0 * seen}

    method = Method(None, update, None, ("student",), {}, None)  # type: ignore[arg-type]
    update_of = train.updates(method, SOURCE, mesh(1))
    assert update_of("one") is update_of("one") is not update_of("two")
    state = replicate(fresh(), mesh(1))
    for step in range(6):
        stage, names = ("one", ("own",)) if step < 3 else ("two", ("own", "other"))
        images = {name: np.array([step, step + 1], np.int32) for name in names}
        inputs = train.fetch([StepPlan(step, stage, 0.5, images)], SOURCE)
        state, metrics = update_of(stage)(state, shard(inputs, mesh(1)))
        assert metrics["loss"].shape == (1,)
    assert traced == [("one", ("own",)), ("two", ("other", "own"))]
    # 1 + 3 + 5, and twice 7 + 9 + 11, each one and a half times
    assert float(state.student["sum"]) == 1.5 * (9 + 2 * 27)
    assert int(state.step) == 6


def test_steps_of_one_call_follow_each_other() -> None:
    def update(state: TrainState, inputs: StepInputs, stage: str) -> Any:
        value = state.student["sum"] * 2 + inputs.streams["labeled"].image[0, 0, 0, 0]
        after = state._replace(step=state.step + 1, student={"sum": value})
        return after, {"loss": value, "progress": inputs.progress}

    method = Method(None, update, None, ("student",), {}, None)  # type: ignore[arg-type]
    update_of = train.updates(method, SOURCE, mesh(1))
    three = [plan._replace(progress=plan.step / 4) for plan in plans(4, 1)]
    state, metrics = update_of("warmup")(
        replicate(fresh(), mesh(1)), shard(train.fetch(three, SOURCE), mesh(1))
    )
    # ((0 * 2 + 1) * 2 + 2) * 2 + 3
    assert jax.device_get(metrics["loss"]).tolist() == [1.0, 4.0, 11.0]
    assert jax.device_get(metrics["progress"]).tolist() == [0.25, 0.5, 0.75]
    assert float(state.student["sum"]) == 11.0 and int(state.step) == 3

"""Epochs: means over their steps, and a stop at the first number that is none."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import train
from s4al_jax.engine.devices import mesh
from s4al_jax.input.schedule import StepPlan
from s4al_jax.input.source import CachedSource
from s4al_jax.types import Phase

SOURCE = CachedSource(
    read_image=lambda index: np.full((2, 2, 3), index, np.uint8),
    read_label=lambda index: np.zeros((2, 2), np.uint8),
    count=5,
)


def plans(count: int) -> list[StepPlan]:
    return [
        StepPlan(step, Phase.WARMUP, 0.0, np.array([step % 5], np.int32), None, None)
        for step in range(count)
    ]


def epochs_of(
    update: train.Update, count: int, *, iterations: int, together: int
) -> Iterator[train.Epoch]:
    """So many steps of an update whose state is a number, from 0."""
    return train.epochs(
        jnp.float32(0),
        plans(count),
        {Phase.WARMUP: update},
        SOURCE,
        mesh(1),
        iterations=iterations,
        together=together,
    )


@pytest.mark.parametrize("together", [1, 2])
def test_an_epoch_has_the_mean_of_its_steps_and_the_state_after_them(together: int) -> None:
    def update(state: Any, inputs: Any) -> Any:
        seen = [one.labeled.image[0, 0, 0, 0] for one in inputs]
        losses = (state + np.arange(len(inputs))) * 2.0
        return state + len(inputs), {"loss": losses, "image": np.array(seen, float)}

    found = list(epochs_of(update, 4, iterations=2, together=together))
    assert [epoch.step for epoch in found] == [2, 4]
    assert [epoch.metrics for epoch in found] == [
        {"loss": 1.0, "image": 0.5},
        {"loss": 5.0, "image": 2.5},
    ]
    assert [float(epoch.state) for epoch in found] == [2.0, 4.0]


@pytest.mark.parametrize("bad, together", [(float("nan"), 1), (float("inf"), 1), (float("nan"), 3)])
def test_the_step_that_breaks_is_named(bad: float, together: int) -> None:
    def update(state: Any, inputs: Any) -> Any:
        steps = state + np.arange(len(inputs))
        return state + len(inputs), {"loss": jnp.where(steps == 2, bad, 1.0)}

    epochs = epochs_of(update, 6, iterations=6, together=together)
    with pytest.raises(train.NonFiniteStep) as caught:
        list(epochs)
    assert caught.value.step.step == 2
    assert caught.value.step.labeled.tolist() == [2]

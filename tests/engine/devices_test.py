"""The numbers do not depend on how many devices share a batch, and nothing is compiled twice."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.engine import devices, train
from s4al_jax.input.source import open_source
from s4al_jax.run import build
from s4al_jax.types import InputError, TrainState
from tests.support.tiny import tiny_config

TWENTY = {
    # In another seed a teacher's pixel may lie between two classes, and rounding decides.
    "seed": 1,
    "batch__labeled": 8,
    "batch__unlabeled": 8,
    "evaluate__batch": 8,
    "score__batch": 8,
    "method__kwargs__replay_capacity": 16,
    "schedule__last_epochs": 12,
    "optimizer__learning_rate": 1e-3,
}
"""Twenty steps of REPLAY that up to eight devices can share."""


class Trained(NamedTuple):
    state: TrainState
    update: train.Update
    losses: list[float]


def trained(config: ConfigDict, steps: int, together: int = 1, cache: str = "host") -> Trained:
    """The state after some steps of the last cycle's replay stage, so many in one call."""
    made = build.build(config)
    source = open_source(
        made.spec.train,
        made.spec.train.read_truth,
        cache=cache,
        place=lambda array: devices.replicate(array, made.mesh),
    )
    update_of = train.updates(made.method, source, made.mesh)
    counts = np.ones(len(made.spec.classes), np.int64)
    state = devices.replicate(made.fresh_state(0, counts), made.mesh)
    plans = list(made.steps(1, made.initial_pool()))[-steps:]
    assert {plan.stage for plan in plans} == {"replay"}
    losses: list[float] = []
    for first in range(0, steps, together):
        some = train.fetch(plans[first : first + together], source)
        inputs = devices.shard(some, made.mesh)
        # What a step needs is there: nothing goes to or from the host while it runs.
        with jax.transfer_guard("disallow"):
            state, metrics = update_of("replay")(state, inputs)
        assert {value.shape for value in jax.tree.leaves(metrics)} == {(together,)}
        losses += np.asarray(metrics["loss"]).tolist()
    return Trained(state, update_of("replay"), losses)


def apart(one: TrainState, other: TrainState) -> float:
    """How far the parameters of two states are from each other at most."""
    networks = ("student", "teacher")
    first, second = ([getattr(s, n)["params"] for n in networks] for s in (one, other))
    far = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), first, second)
    return max(jax.tree.leaves(far))


@pytest.fixture(scope="module")
def alone() -> Trained:
    return trained(tiny_config(devices=1, **TWENTY), 20)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_any_number_of_devices_trains_the_same_network(alone: Trained, count: int) -> None:
    shared = trained(tiny_config(devices=count, **TWENTY), 20)
    assert shared.update._cache_size() == 1  # type: ignore[attr-defined]
    assert int(alone.state.step) == int(shared.state.step) == 20
    np.testing.assert_allclose(shared.losses, alone.losses, rtol=0, atol=1e-5)
    assert np.ptp(alone.losses) > 0.1
    assert apart(shared.state, alone.state) < 1e-5
    assert len(jax.tree.leaves(shared.state.student)[0].sharding.device_set) == count


@pytest.mark.parametrize("cache", ["host", "device"])
def test_steps_in_one_call_train_the_same_network(
    tiny: Callable[..., ConfigDict], cache: str
) -> None:
    config = tiny(optimizer__learning_rate=1e-3)
    single = trained(config, 4)
    once = trained(config, 4, together=4, cache=cache)
    assert once.update._cache_size() == 1  # type: ignore[attr-defined]
    assert int(once.state.step) == 4
    assert apart(single.state, once.state) < 1e-5


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(InputError, match="config.devices is 9, but this host has 8 cpu devices"):
        devices.mesh(9)
    assert devices.mesh(0).size == 8 and devices.mesh(2).size == 2


def test_batches_are_shared_evenly_or_refused() -> None:
    mesh = devices.mesh(4)
    devices.check_divisible(mesh, {"batch.labeled": 8, "score.batch": 4})
    with pytest.raises(InputError, match="config.score.batch 6 is not divisible by 4 devices"):
        devices.check_divisible(mesh, {"batch.labeled": 8, "score.batch": 6})


def test_host_arrays_are_split_and_device_arrays_are_left_where_they_are() -> None:
    mesh = devices.mesh(4)
    there = jax.device_put(np.arange(8), jax.devices()[1])
    placed = devices.shard({"rows": np.arange(8), "scalar": np.float32(3), "there": there}, mesh)
    assert len(placed["rows"].sharding.device_set) == 4
    assert placed["rows"].addressable_shards[2].data.tolist() == [4, 5]
    assert placed["scalar"].sharding.is_fully_replicated
    assert placed["there"] is there


def test_the_same_parts_give_the_same_program_and_others_another() -> None:
    traced: list[float] = []

    def times(factor: list[float], name: str) -> Callable[[jax.Array], jax.Array]:
        def multiply(x: jax.Array) -> jax.Array:
            traced.append(factor[0])
            return x * factor[0]

        return multiply

    mesh, two, other = devices.mesh(1), [2.0], [2.0]
    first = devices.compile_for(mesh, times, two, "a")
    # Letters make a name, and being one and the same object makes anything else.
    again = devices.compile_for(mesh, times, two, "".join(["", "a"]))
    different = [
        devices.compile_for(mesh, times, other, "a"),
        devices.compile_for(mesh, times, two, "b"),
        devices.compile_for(devices.mesh(2), times, two, "a"),
        devices.compile_for(mesh, times, two, "a", donate=(0,)),
    ]
    assert again is first and len({id(program) for program in (first, *different)}) == 5
    assert float(first(np.float32(3))) == float(again(np.float32(3))) == 6.0 and traced == [2.0]

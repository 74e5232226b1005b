"""The numbers do not depend on how many devices share a batch, and nothing is compiled twice."""

from collections.abc import Callable

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax import experiment
from s4al_jax.engine import devices, train
from s4al_jax.types import InputError, Phase, TrainState


def trained(
    config: ConfigDict, steps: int, together: int = 1, residence: str = "cached"
) -> tuple[TrainState, dict[Phase, train.Update]]:
    """The state after some steps of the last cycle's REPLAY phase, so many in one go."""
    made = experiment.build(config)
    whole = np.asarray(made.initial)
    others = np.setdiff1d(np.arange(len(made.spec.train.names)), whole)
    source = experiment.source(
        made.spec.train,
        made.spec.train.read_truth,
        residence=residence,
        place=lambda array: devices.replicated(array, made.mesh),
    )
    update = train.updates(made.method, source, made.mesh)
    counts = np.ones(len(made.spec.classes), np.int64)
    state = devices.replicated(made.fresh_state(0, counts), made.mesh)
    plans = list(made.steps(1, whole, others, 0))[-steps:]
    assert {plan.phase for plan in plans} == {Phase.REPLAY}
    for first in range(0, steps, together):
        some = train.fetched(plans[first : first + together], source)
        inputs = devices.split(some, made.mesh)
        # What a step needs is there: nothing goes to or from the host while it runs.
        with jax.transfer_guard("disallow"):
            state, metrics = update[Phase.REPLAY](state, inputs)
        assert {value.shape for value in jax.tree.leaves(metrics)} == {(together,)}
    return state, update


def test_one_device_and_four_train_the_same_network(tiny: Callable[..., ConfigDict]) -> None:
    changes = {
        "batch__labeled": 4,
        "batch__unlabeled": 4,
        "evaluate__batch": 4,
        "schedule__last_epochs": 6,
        "optimizer__learning_rate": 1e-3,
        "model__head__kwargs__dropout": 0.0,
    }
    one, update = trained(tiny(devices=1, **changes), 5)
    four, _ = trained(tiny(devices=4, **changes), 5)
    assert update[Phase.REPLAY]._cache_size() == 1  # type: ignore[attr-defined]
    assert int(one.step) == int(four.step) == 5
    for network in ("student", "teacher"):
        alone, shared = (getattr(state, network)["params"] for state in (one, four))
        apart = jax.tree.map(
            lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), alone, shared
        )
        assert max(jax.tree.leaves(apart)) < 1e-5
    assert len(jax.tree.leaves(four.student)[0].sharding.device_set) == 4


@pytest.mark.parametrize("residence", ["cached", "resident"])
def test_steps_in_one_go_train_the_same_network(
    tiny: Callable[..., ConfigDict], residence: str
) -> None:
    config = tiny(optimizer__learning_rate=1e-3)
    single, _ = trained(config, 4)
    once, update = trained(config, 4, together=4, residence=residence)
    assert update[Phase.REPLAY]._cache_size() == 1  # type: ignore[attr-defined]
    assert int(once.step) == 4
    for network in ("student", "teacher"):
        apart = jax.tree.map(
            lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(),
            getattr(single, network)["params"],
            getattr(once, network)["params"],
        )
        assert max(jax.tree.leaves(apart)) < 1e-5


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(InputError, match="config.devices is 5, but this host has 4 cpu devices"):
        devices.mesh(5)
    assert devices.mesh(0).size == 4 and devices.mesh(2).size == 2


def test_batches_are_shared_evenly_or_refused() -> None:
    mesh = devices.mesh(4)
    devices.check_divisible(mesh, labeled=8, score=4)
    with pytest.raises(InputError, match="config.score 6 is not divisible by 4 devices"):
        devices.check_divisible(mesh, labeled=8, score=6)


def test_host_arrays_are_split_and_device_arrays_are_left_where_they_are() -> None:
    mesh = devices.mesh(4)
    there = jax.device_put(np.arange(8), jax.devices()[1])
    placed = devices.split({"rows": np.arange(8), "scalar": np.float32(3), "there": there}, mesh)
    assert len(placed["rows"].sharding.device_set) == 4
    assert placed["rows"].addressable_shards[2].data.tolist() == [4, 5]
    assert placed["scalar"].sharding.is_fully_replicated
    assert placed["there"] is there

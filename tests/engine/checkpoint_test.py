"""What a checkpoint gives back is what was put in, to the bit."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.engine.devices import mesh
from s4al_jax.types import TrainState


def state(value: float) -> TrainState:
    params = {"params": {"w": jnp.full(3, value)}, "batch_stats": {}}
    return TrainState(
        step=jnp.int32(7),
        student=params,
        teacher={},
        opt_state=(jnp.zeros(3), ()),
        key=jnp.array([1, 2], jnp.uint32),
        extra={"head": jnp.array([True, False])},
    )


def test_the_newest_state_and_its_place_come_back(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "checkpoints", keep=2, mesh=mesh(1))
    assert kept.position() is None
    for number in (10, 20, 30):
        kept.save(number, Position(1, number - 8), state(number / 3))
    kept.close()
    again = Checkpoints(tmp_path / "checkpoints", keep=2, mesh=mesh(1))
    assert again.position() == Position(1, 22)
    found, wanted = again.state(jax.eval_shape(lambda: state(0.0))), state(10.0)
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for got, put in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(got, put)
        assert got.dtype == put.dtype
    folders = sorted(p.name for p in (tmp_path / "checkpoints").iterdir() if p.is_dir())
    assert folders == ["20", "30"]
    again.close()

"""The teacher's average, keys and copies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.ema import copy_tree, ema, ema_momentum, raw_key, step_key, update_teacher
from s4al_jax.types import TrainState


def tree(value):
    return {
        "params": {"w": jnp.asarray([value, value + 1.0])},
        "batch_stats": {"m": jnp.asarray([10.0 * value])},
    }


def test_momentum_grows_from_nothing_to_the_decay():
    wanted = {0: 0.0, 1: 0.5, 3: 0.75, 98: 1 - 1 / 99, 99: 0.99, 100: 0.99, 10**6: 0.99}
    for updates, momentum in wanted.items():
        got = ema_momentum(jnp.asarray(updates, jnp.int32), 0.99)
        np.testing.assert_allclose(got, momentum, rtol=1e-6)
        assert got.dtype == jnp.float32
    assert ema_momentum(jnp.asarray(50), 0.0) == 0.0


def test_the_average_by_hand():
    mean = ema(tree(1.0), tree(5.0), jnp.asarray(0.75))
    np.testing.assert_allclose(mean["params"]["w"], [2.0, 3.0])
    np.testing.assert_allclose(mean["batch_stats"]["m"], [20.0])
    first = ema(tree(1.0), tree(5.0), ema_momentum(jnp.asarray(0), 0.99))
    np.testing.assert_array_equal(first["params"]["w"], tree(5.0)["params"]["w"])


def test_with_growing_momentum_the_teacher_is_the_plain_mean_of_all_students():
    teacher, students = tree(0.0), [tree(value) for value in (3.0, 1.0, 8.0, 4.0)]
    for updates, student in enumerate(students):
        teacher = ema(teacher, student, ema_momentum(jnp.asarray(updates), 0.99))
    np.testing.assert_allclose(teacher["params"]["w"], [4.0, 5.0], rtol=1e-6)
    np.testing.assert_allclose(teacher["batch_stats"]["m"], [40.0], rtol=1e-6)


@pytest.mark.parametrize(("keeps", "statistic"), [(True, 10.0), (False, 30.0)])
def test_a_teacher_may_keep_its_own_statistics(keeps, statistic):
    moved = update_teacher(tree(1.0), tree(5.0), jnp.asarray(0.5), keeps_statistics=keeps)
    np.testing.assert_allclose(moved["params"]["w"], [3.0, 4.0])
    np.testing.assert_allclose(moved["batch_stats"]["m"], [statistic])
    assert set(moved) == {"params", "batch_stats"}


def test_copies_have_the_values_but_not_the_buffers():
    first = tree(1.0)
    second = copy_tree(first)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.unsafe_buffer_pointer() != b.unsafe_buffer_pointer()
    from_host = copy_tree({"n": np.int32(3)})
    assert isinstance(from_host["n"], jax.Array) and from_host["n"].dtype == jnp.int32


def test_a_step_has_the_key_of_its_cycle_and_number():
    typed, raw = jax.random.key(7), jax.random.PRNGKey(7)
    np.testing.assert_array_equal(raw_key(typed), raw)
    np.testing.assert_array_equal(raw_key(raw), raw)
    state = TrainState(jnp.asarray(3), {}, {}, (), raw_key(typed), {})
    wanted = jax.random.key_data(jax.random.fold_in(typed, 3))
    np.testing.assert_array_equal(jax.random.key_data(step_key(state)), wanted)
    other = step_key(state._replace(step=jnp.asarray(4)))
    assert np.any(np.asarray(jax.random.key_data(other)) != np.asarray(wanted))

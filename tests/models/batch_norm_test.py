"""Batch normalization of several batches in one pass: the numbers of one pass for each."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.models.batch_norm import BatchNorm, group_moments, per_image, running_average
from s4al_jax.models.conv_config import ConvConfig


def images(batch: int = 6, seed: int = 0) -> jax.Array:
    return 3 * jax.random.normal(jax.random.PRNGKey(seed), (batch, 4, 5, 3)) + 1


def variables(seed: int = 1) -> dict:
    noise = jnp.asarray(np.random.default_rng(seed).uniform(0.5, 2, (4, 3)), jnp.float32)
    return {
        "params": {"scale": noise[0], "bias": noise[1]},
        "batch_stats": {"mean": noise[2], "var": noise[3]},
    }


def applied(x: jax.Array, kept: dict, groups: tuple[int, ...]) -> tuple[jax.Array, dict]:
    y, changed = BatchNorm().apply(kept, x, groups=groups, mutable=["batch_stats"])
    return y, {**kept, **changed}


@pytest.mark.parametrize("groups", [(6,), (3, 3), (1, 2, 3), (2, 2, 2)])
def test_groups_in_one_pass_give_what_passes_one_after_the_other_give(
    groups: tuple[int, ...],
) -> None:
    x, kept, parts = images(), variables(), []
    together, after = applied(x, kept, groups)
    for batch in np.split(np.asarray(x), np.cumsum(groups)[:-1]):
        y, kept = applied(jnp.asarray(batch), kept, (len(batch),))
        parts.append(y)
    np.testing.assert_allclose(together, np.concatenate(parts), rtol=1e-5, atol=1e-5)
    for name in ("mean", "var"):
        np.testing.assert_allclose(after["batch_stats"][name], kept["batch_stats"][name], rtol=1e-5)


def test_one_group_is_flax_batch_normalization_with_its_gradient() -> None:
    x, kept = images(), variables()
    flax = nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5)

    def ours(x: jax.Array) -> jax.Array:
        return applied(x, kept, (6,))[0]

    def theirs(x: jax.Array) -> jax.Array:
        return flax.apply(kept, x, mutable=["batch_stats"])[0]

    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    weights = jax.random.normal(jax.random.PRNGKey(5), x.shape)
    mine, wanted = (jax.grad(lambda x, f=f: (f(x) * weights).sum())(x) for f in (ours, theirs))
    np.testing.assert_allclose(mine, wanted, rtol=1e-3, atol=1e-4)


def test_moments_and_running_statistics_by_hand() -> None:
    x = jnp.asarray([1.0, 3.0, 5.0, 5.0]).reshape(2, 1, 2, 1)
    mean, var = group_moments(x, (1, 1))
    np.testing.assert_allclose(mean, [[2.0], [5.0]])
    np.testing.assert_allclose(var, [[1.0], [0.0]])
    np.testing.assert_allclose(per_image(jnp.asarray([[7.0], [9.0]]), (1, 2)), [[7], [9], [9]])
    # 0.9 * (0.9 * 10 + 0.1 * 2) + 0.1 * 5
    np.testing.assert_allclose(running_average(jnp.asarray([10.0]), mean, 0.9), [8.78])


def test_without_groups_the_running_statistics_count() -> None:
    x, kept = images(), variables()
    y = BatchNorm().apply(kept, x, groups=None)
    params, stats = kept["params"], kept["batch_stats"]
    wanted = (np.asarray(x) - np.asarray(stats["mean"])) / np.sqrt(np.asarray(stats["var"]) + 1e-5)
    np.testing.assert_allclose(
        y, wanted * np.asarray(params["scale"]) + np.asarray(params["bias"]), rtol=1e-4, atol=1e-5
    )


def test_a_batch_of_one_pixel_comes_out_as_the_bias() -> None:
    kept = variables()
    y, _ = applied(images(1)[:, :1, :1], kept, (1,))
    np.testing.assert_allclose(y.ravel(), kept["params"]["bias"], atol=1e-2)
    assert np.isfinite(y).all()


def test_frozen_statistics_normalize_in_training_and_stay() -> None:
    frozen = BatchNorm(ConvConfig(norm_eps=0.0, frozen_statistics=True))
    kept = {
        "params": {"scale": jnp.asarray([3.0]), "bias": jnp.asarray([0.5])},
        "batch_stats": {"mean": jnp.asarray([1.0]), "var": jnp.asarray([4.0])},
    }
    x = jnp.asarray([5.0, 1.0, -3.0]).reshape(3, 1, 1, 1)

    def total(params: dict, groups: tuple[int, ...] | None) -> tuple[jax.Array, tuple]:
        given = {**kept, "params": params}
        y, changed = frozen.apply(given, x, groups=groups, mutable=["batch_stats"])
        return (y.ravel() * jnp.asarray([1.0, 10.0, 100.0])).sum(), (y.ravel(), changed)

    for groups in (None, (3,), (1, 2)):
        value = jax.value_and_grad(total, has_aux=True)
        (_, (y, changed)), slopes = value(kept["params"], groups)
        # (5 - 1) / 2 * 3 + 0.5, and so on
        np.testing.assert_allclose(y, [6.5, 0.5, -5.5], rtol=1e-6)
        # Scale: 1 * 2 + 10 * 0 + 100 * -2; bias: 1 + 10 + 100.
        np.testing.assert_allclose(slopes["scale"], [-198.0], rtol=1e-6)
        np.testing.assert_allclose(slopes["bias"], [111.0], rtol=1e-6)
        jax.tree.map(np.testing.assert_array_equal, changed["batch_stats"], kept["batch_stats"])


def test_frozen_statistics_change_no_first_value() -> None:
    x = images()
    first, frozen = (
        BatchNorm(ConvConfig(frozen_statistics=kept)).init(jax.random.key(0), x, groups=(6,))
        for kept in (False, True)
    )
    jax.tree.map(np.testing.assert_array_equal, first, frozen)

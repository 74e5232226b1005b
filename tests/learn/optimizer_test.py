"""Gradient descent against torch's rules written out, and the schedule by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.optimizer import apply_updates, poly, sgd
from s4al_jax.types import InputError


def torch_sgd(params, gradients, rates, *, momentum, nesterov, weight_decay):
    """torch.optim.SGD as its documentation writes it, one step for each gradient."""
    buffer = None
    path = []
    for gradient, rate in zip(gradients, rates, strict=True):
        gradient = gradient + weight_decay * params
        buffer = gradient if buffer is None else momentum * buffer + gradient
        step = gradient + momentum * buffer if nesterov else buffer
        params = params - rate * step
        path.append(params)
    return path


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_several_steps_equal_torchs(nesterov, weight_decay):
    chance = np.random.default_rng(0)
    start, gradients = chance.normal(size=3), chance.normal(size=(5, 3))
    rates = [0.1, 0.1, 0.05, 0.02, 0.3]  # torch's buffer holds no rate, so a changing one is fine
    options = {"momentum": 0.9, "nesterov": nesterov, "weight_decay": weight_decay}
    optimizer = sgd(**options)
    params = {"a": jnp.asarray(start, jnp.float32), "b": jnp.asarray(start[:1], jnp.float32)}
    state = optimizer.init(params)
    path = torch_sgd(start, gradients, rates, **options)
    for gradient, rate, wanted in zip(gradients, rates, path, strict=True):
        slope = {
            "a": jnp.asarray(gradient, jnp.float32),
            "b": jnp.asarray(gradient[:1], jnp.float32),
        }
        direction, state = optimizer.update(slope, state, params)
        params = apply_updates(params, direction, jnp.asarray(rate))
        np.testing.assert_allclose(params["a"], wanted, rtol=2e-5)
        np.testing.assert_allclose(params["b"], wanted[:1], rtol=2e-5)


def test_a_first_step_by_hand():
    optimizer = sgd(momentum=0.9, nesterov=True, weight_decay=0.1)
    params = {"w": jnp.asarray([2.0])}
    direction, _ = optimizer.update({"w": jnp.asarray([1.0])}, optimizer.init(params), params)
    # 1 + 0.1 * 2 = 1.2; Nesterov: 1.2 + 0.9 * 1.2 = 2.28
    np.testing.assert_allclose(direction["w"], 2.28, rtol=1e-6)
    np.testing.assert_allclose(
        apply_updates(params, direction, jnp.asarray(0.5))["w"], 0.86, rtol=1e-6
    )
    np.testing.assert_array_equal(apply_updates(params, direction, jnp.asarray(0.0))["w"], 2.0)


def test_the_rate_falls_polynomially_to_its_floor():
    rate = poly()
    np.testing.assert_allclose(rate(jnp.asarray(0.0)), 1e-2, rtol=1e-6)
    np.testing.assert_allclose(rate(jnp.asarray(0.5)), 1e-2 * 0.5**0.9, rtol=1e-6)
    np.testing.assert_allclose(rate(jnp.asarray(1.0)), 1e-6, rtol=1e-6)
    np.testing.assert_allclose(rate(jnp.asarray(1.0 + 1e-6)), 1e-6, rtol=1e-6)
    np.testing.assert_allclose(poly(base=1.0, power=2.0, floor=0.1)(jnp.asarray(0.5)), 0.25)
    np.testing.assert_allclose(poly(base=1.0, power=2.0, floor=0.1)(jnp.asarray(0.9)), 0.1)


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: sgd(momentum=1.0), "momentum"),
        (lambda: sgd(weight_decay=-1.0), "weight_decay"),
        (lambda: poly(base=0.0), "learning rate"),
        (lambda: poly(base=1e-7), "learning rate"),
    ],
)
def test_a_senseless_option_is_refused_by_name(make, option):
    with pytest.raises(InputError) as error:
        make()
    assert option in str(error.value)
    assert "give" in str(error.value)
    assert "\n" not in str(error.value)

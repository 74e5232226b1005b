"""Optimizers against their rules written out, torch's where there is one; the schedule by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.optimizer import adam, adamw, optimizer, poly, sgd
from s4al_jax.learn.registry import OPTIMIZERS
from s4al_jax.types import InputError

RATES = [0.1, 0.1, 0.05, 0.02, 0.3]
"""A changing rate: neither torch's buffer nor Adam's moments hold one."""


def rates_by_progress(progress):
    """The learning rate of each fifth of a training."""
    return jnp.asarray(RATES)[jnp.asarray(jnp.round(progress * 5), jnp.int32)]


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


def torch_adamw(params, gradients, rates, *, b1, b2, eps, weight_decay):
    """torch.optim.AdamW as its documentation writes it, one step for each gradient."""
    mean = square = np.zeros_like(params)
    path = []
    for number, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        params = params - rate * weight_decay * params
        mean = b1 * mean + (1 - b1) * gradient
        square = b2 * square + (1 - b2) * gradient**2
        corrected = mean / (1 - b1**number), square / (1 - b2**number)
        params = params - rate * corrected[0] / (np.sqrt(corrected[1]) + eps)
        path.append(params)
    return path


def steps_of(rule, start, gradients, **options):
    """The parameters after each step; "a" is a vector, "b" the first of its numbers."""
    made = optimizer(rule, rates_by_progress, **options)
    params = {"a": jnp.asarray(start, jnp.float32), "b": jnp.asarray(start[:1], jnp.float32)}
    state, path = made.init(params), []
    for number, gradient in enumerate(gradients):
        grads = {
            "a": jnp.asarray(gradient, jnp.float32),
            "b": jnp.asarray(gradient[:1], jnp.float32),
        }
        params, state, rate = made.step(grads, state, params, jnp.float32(number / 5))
        assert rate == np.float32(RATES[number])
        path.append(params)
    return path


def drawn(seed=0):
    chance = np.random.default_rng(seed)
    return chance.normal(size=3), chance.normal(size=(5, 3))


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_several_steps_equal_torchs(nesterov, weight_decay):
    start, gradients = drawn()
    options = {"momentum": 0.9, "nesterov": nesterov, "weight_decay": weight_decay}
    path = torch_sgd(start, gradients, RATES, **options)
    for params, wanted in zip(steps_of(sgd(**options), start, gradients), path, strict=True):
        np.testing.assert_allclose(params["a"], wanted, rtol=2e-5)
        np.testing.assert_allclose(params["b"], wanted[:1], rtol=2e-5)


@pytest.mark.parametrize(
    ("rule", "weight_decay"),
    [(adamw, 0.1), (adamw, 0.0), (adam, 0.0)],
    ids=["adamw", "no decay", "adam"],
)
def test_several_adaptive_steps_equal_torchs(rule, weight_decay):
    start, gradients = drawn()
    options = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
    decay = {} if rule is adam else {"weight_decay": weight_decay}
    path = torch_adamw(start, gradients, RATES, **options, weight_decay=weight_decay)
    found = steps_of(rule(**options, **decay), start, gradients)
    for params, wanted in zip(found, path, strict=True):
        np.testing.assert_allclose(params["a"], wanted, rtol=2e-5)
        np.testing.assert_allclose(params["b"], wanted[:1], rtol=2e-5)


def one_step(made, value, gradient, progress):
    params = {"w": jnp.asarray([value])}
    grads = {"w": jnp.asarray([gradient])}
    params, _, rate = made.step(grads, made.init(params), params, jnp.float32(progress))
    return float(params["w"][0]), float(rate)


def linear(base):
    return poly(base=base, power=1.0, floor=0.0)


def test_a_first_step_by_hand():
    made = optimizer(sgd(momentum=0.9, nesterov=True, weight_decay=0.1), linear(1.0))
    # 1 + 0.1 * 2 = 1.2; Nesterov: 1.2 + 0.9 * 1.2 = 2.28
    assert one_step(made, 2.0, 1.0, 0.5) == pytest.approx((0.86, 0.5), rel=1e-6)
    assert one_step(made, 2.0, 1.0, 1.0) == (2.0, 0.0)


def test_a_first_adaptive_step_by_hand():
    # The first step of Adam is the rate in the direction of the gradient, however long that is.
    plain = optimizer(adam(eps=1e-12), linear(1.0))
    for gradient in (0.001, 5.0, -5.0):
        wanted = 2.0 - 0.25 * np.sign(gradient)
        assert one_step(plain, 2.0, gradient, 0.75) == pytest.approx((wanted, 0.25), rel=1e-5)
    # Decay beside it, not in the gradient: 2 - 0.25 * (1 + 0.1 * 2).
    decayed = optimizer(adamw(eps=1e-12, weight_decay=0.1), linear(1.0))
    assert one_step(decayed, 2.0, 5.0, 0.75)[0] == pytest.approx(1.7, rel=1e-5)
    # 5 / (5 + 15)
    damped = optimizer(adam(eps=15.0), linear(1.0))
    assert one_step(damped, 2.0, 5.0, 0.0)[0] == pytest.approx(1.75, rel=1e-5)


def test_the_defaults_are_those_that_the_names_promise():
    start, gradients = drawn(1)
    torchs = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
    paths = {
        "sgd": torch_sgd(start, gradients, RATES, momentum=0.9, nesterov=True, weight_decay=5e-4),
        "adam": torch_adamw(start, gradients, RATES, **torchs, weight_decay=0.0),
        "adamw": torch_adamw(start, gradients, RATES, **torchs, weight_decay=1e-2),
    }
    assert paths.keys() == OPTIMIZERS.keys()
    for name, path in paths.items():
        params = steps_of(OPTIMIZERS[name](), start, gradients)[-1]
        np.testing.assert_allclose(params["a"], path[-1], rtol=2e-4)


def test_the_step_of_sgd_has_the_bits_of_its_rule():
    start, gradients = drawn(2)
    value = np.asarray(start, np.float32)
    buffer = np.zeros(3, np.float32)
    path = steps_of(sgd(), start, gradients)
    decay, momentum = np.float32(5e-4), np.float32(0.9)
    for gradient, rate, params in zip(gradients.astype(np.float32), RATES, path, strict=True):
        gradient = gradient + decay * value
        buffer = gradient + momentum * buffer
        value = value - np.float32(rate) * (gradient + momentum * buffer)
        np.testing.assert_array_equal(params["a"], value)


# --- the backbone's own rate ---


def two_parts(start):
    return {
        "backbone": {"conv": jnp.asarray(start, jnp.float32), "norm": jnp.ones(2)},
        "head": jnp.asarray(start, jnp.float32),
    }


@pytest.mark.parametrize(
    "rule", [sgd(weight_decay=0.1), adamw(weight_decay=0.1), adam()], ids=["sgd", "adamw", "adam"]
)
def test_the_backbone_moves_as_with_a_rate_of_its_own(rule):
    start, gradients = drawn()
    mixed = optimizer(rule, rates_by_progress, backbone_factor=0.1)
    full = optimizer(rule, rates_by_progress)
    slow = optimizer(rule, lambda progress: 0.1 * rates_by_progress(progress))
    found, *wanted = (
        [two_parts(start), made.init(two_parts(start))] for made in (mixed, full, slow)
    )
    for number, gradient in enumerate(gradients):
        grads = two_parts(gradient)
        for made, at in zip((mixed, full, slow), (found, *wanted), strict=True):
            *at[:], rate = made.step(grads, at[1], at[0], jnp.float32(number / 5))
            assert rate == np.float32(RATES[number]) or made is slow
        np.testing.assert_array_equal(found[0]["head"], wanted[0][0]["head"])
        for part in ("conv", "norm"):
            slower = wanted[1][0]["backbone"][part]
            np.testing.assert_allclose(found[0]["backbone"][part], slower, rtol=1e-5)
            assert np.all(found[0]["backbone"][part] != wanted[0][0]["backbone"][part])


def test_a_factor_of_0_leaves_the_backbone_as_it_was():
    start, gradients = drawn()
    made = optimizer(sgd(weight_decay=0.1), rates_by_progress, backbone_factor=0.0)
    params = two_parts(start)
    after, _, _ = made.step(two_parts(gradients[0]), made.init(params), params, jnp.float32(0))
    np.testing.assert_array_equal(after["backbone"]["conv"], params["backbone"]["conv"])
    assert np.all(after["head"] != params["head"])


def test_a_network_without_a_backbone_has_no_factor_for_it():
    made = optimizer(sgd(), poly(), backbone_factor=0.5)
    params = {"w": jnp.ones(2)}
    with pytest.raises(InputError, match="backbone_factor is 0.5, but the network has no backbone"):
        jax.eval_shape(made.step, params, made.init(params), params, jnp.float32(0))


# --- rates that fall from layer to layer ---


def depth_of_block(path):
    """The number in the name of a block; what has none is next to the images."""
    return int(path[0].partition("_")[2] or 0)


def layers(value):
    names = ("stem", "block_1", "block_2")
    return {
        "backbone": {name: {"kernel": jnp.full(2, value)} for name in names},
        "head": {"kernel": jnp.full(2, value)},
    }


@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_a_layer_learns_less_the_nearer_it_is_to_the_images(factor):
    decayed = {"layer_decay": 0.5, "layer_depth": depth_of_block}
    rule = sgd(momentum=0.0, nesterov=False, weight_decay=0.0)
    made = optimizer(rule, linear(1.0), backbone_factor=factor, **decayed)
    params, state = layers(0.0), made.init(layers(0.0))
    for _ in range(2):
        params, state, rate = made.step(layers(8.0), state, params, jnp.float32(0.5))
    assert rate == 0.5
    # Two steps of the rate 0.5 are -8; 0.5, 0.25 and 0.125 of that for the layers before the head.
    found = {name: float(leaf["kernel"][0]) for name, leaf in params["backbone"].items()}
    wanted = {"stem": -1.0, "block_1": -2.0, "block_2": -4.0}
    assert found == pytest.approx({name: factor * value for name, value in wanted.items()})
    assert params["head"]["kernel"][0] == -8.0


def test_the_decay_of_weights_follows_the_rate_of_a_layer():
    decayed = {"layer_decay": 0.5, "layer_depth": depth_of_block}
    made = optimizer(adamw(weight_decay=0.1), linear(1.0), **decayed)
    params, _, _ = made.step(layers(0.0), made.init(layers(4.0)), layers(4.0), jnp.float32(0.0))
    # 4 - 0.125 * 0.1 * 4, and so on; the gradients are 0.
    found = [float(params["backbone"][name]["kernel"][0]) for name in ("stem", "block_1")]
    assert found == pytest.approx([3.95, 3.9])
    assert float(params["head"]["kernel"][0]) == pytest.approx(3.6)


def test_without_a_decay_of_layers_nothing_is_another_bit():
    start, gradients = drawn()
    plain = optimizer(sgd(), rates_by_progress, backbone_factor=0.3)
    same = optimizer(sgd(), rates_by_progress, backbone_factor=0.3, layer_decay=1.0)
    params, grads = two_parts(start), two_parts(gradients[0])
    states = [made.init(params) for made in (plain, same)]
    after = [
        made.step(grads, state, params, jnp.float32(0))
        for made, state in zip((plain, same), states, strict=True)
    ]
    assert jax.tree.structure(after[0]) == jax.tree.structure(after[1])
    jax.tree.map(np.testing.assert_array_equal, *after)


def test_a_network_without_a_backbone_has_no_layers_to_slow_down():
    made = optimizer(sgd(), poly(), layer_decay=0.5, layer_depth=depth_of_block)
    params = {"w": jnp.ones(2)}
    with pytest.raises(InputError, match="layer_decay is 0.5, but the network has no backbone"):
        jax.eval_shape(made.step, params, made.init(params), params, jnp.float32(0))
    with pytest.raises(ValueError, match="nothing says how deep"):
        optimizer(sgd(), poly(), layer_decay=0.5)


# --- what decays ---


def test_kernels_alone_decay_where_the_rule_says_so():
    params = {
        "conv": {"kernel": jnp.full((2, 2), 4.0), "bias": jnp.full(2, 4.0)},
        "norm": {"scale": jnp.full(2, 4.0), "bias": jnp.full(2, 4.0)},
        "pos_embed": jnp.full((1, 3, 2), 4.0),
    }
    grads = jax.tree.map(jnp.zeros_like, params)
    for decays, rest in (("all", 3.8), ("kernels", 4.0)):
        made = optimizer(adamw(weight_decay=0.1, decays=decays), linear(0.5))
        after, _, _ = made.step(grads, made.init(params), params, jnp.float32(0))
        # 4 - 0.5 * 0.1 * 4
        np.testing.assert_allclose(after["conv"].pop("kernel"), np.full((2, 2), 3.8), rtol=1e-6)
        for leaf in jax.tree.leaves(after):
            np.testing.assert_allclose(leaf, np.full(leaf.shape, rest), rtol=1e-6)


# --- inside a compiled step ---


def test_a_step_is_compiled_once_for_all_rates_and_its_state_may_be_given_away():
    made = optimizer(sgd(), poly())
    step = jax.jit(made.step, donate_argnums=(1, 2))
    params = {"w": jnp.ones(2)}
    state = made.init(params)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)
    for progress in (0.0, 0.5, 1.0):
        params, state, rate = step({"w": jnp.ones(2)}, state, params, jnp.float32(progress))
        assert rate == poly()(jnp.float32(progress))
    assert step._cache_size() == 1
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) == shapes


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
        (lambda: adam(b1=1.0), "b1"),
        (lambda: adam(b2=-0.1), "b2"),
        (lambda: adam(eps=0.0), "eps"),
        (lambda: adamw(b1=-0.5), "b1"),
        (lambda: adamw(b2=1.0), "b2"),
        (lambda: adamw(eps=-1e-8), "eps"),
        (lambda: adamw(weight_decay=-1.0), "weight_decay"),
        (lambda: optimizer(sgd(), poly(), backbone_factor=-0.1), "backbone_factor"),
        (lambda: adamw(decays="biases"), "decays is 'biases'"),
        (lambda: optimizer(sgd(), poly(), layer_decay=0.0), "layer_decay"),
        (lambda: optimizer(sgd(), poly(), layer_decay=1.1), "layer_decay"),
        (lambda: poly(base=0.0), "learning rate"),
        (lambda: poly(base=1e-7), "learning rate"),
        (lambda: poly(power=-1.0), "power"),
    ],
)
def test_a_senseless_option_is_refused_by_name(make, option):
    with pytest.raises(InputError) as error:
        make()
    assert option in str(error.value)
    assert "give" in str(error.value)
    assert "\n" not in str(error.value)

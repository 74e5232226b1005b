"""Supervised learning on a network small enough to follow by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.optimizer import poly, sgd
from s4al_jax.methods.supervised import supervised
from s4al_jax.types import VOID, Batch, InputError, Network, Phase, Prediction, StepInputs

CLASSES = 3
PLAIN = {
    "scale_range": (1.0, 1.0),
    "jitter_probability": 0.0,
    "brightness": (1.0, 1.0),
    "contrast": (1.0, 1.0),
    "flip_probability": 0.0,
}
OPTIONS = PLAIN | {"scale_range": (0.5, 2.0), "jitter_probability": 0.5, "flip_probability": 0.5}


def pixel_network():
    """Logits are linear in a pixel; the only statistic is the mean of the images seen."""

    def init(key):
        weights = jax.random.normal(key, (3, CLASSES)) * 0.1
        return {"params": {"w": weights}, "batch_stats": {"mean": jnp.zeros(())}}

    def apply(variables, images, *, train, key=None, groups=None):
        logits = images @ variables["params"]["w"]
        mean = variables["batch_stats"]["mean"]
        stats = {"mean": 0.9 * mean + 0.1 * images.mean()} if train else {"mean": mean}
        return Prediction(logits, images), stats

    return Network(init, apply)


def some_inputs(batch=2, seed=0, progress=0.0):
    chance = np.random.default_rng(seed)
    return StepInputs(
        Batch(
            jnp.asarray(chance.integers(0, 256, (batch, 8, 12, 3), np.uint8)),
            jnp.asarray(chance.integers(0, CLASSES, (batch, 8, 12), np.uint8)),
            jnp.arange(batch),
            jnp.ones(batch, bool),
        ),
        None,
        None,
        jnp.asarray(progress, jnp.float32),
    )


def learner(**options):
    views = augmentation(**OPTIONS | options)
    method = supervised(pixel_network(), sgd(), poly(), views, num_classes=CLASSES)
    options = {"xla_backend_optimization_level": 0}  # compiled quickly rather than to run quickly
    return method, jax.jit(method.update, static_argnums=2, compiler_options=options)


PIXELS = np.ones(CLASSES, np.int64)


def test_a_step_without_augmentation_is_one_step_of_softmax_regression():
    method, update = learner(**PLAIN)
    state = method.init(jax.random.key(0), PIXELS, None)
    inputs = some_inputs(progress=0.5)
    after, metrics = update(state, inputs, Phase.WARMUP)

    x = np.asarray(inputs.labeled.image, np.float64).reshape(-1, 3) / 255
    y = np.asarray(inputs.labeled.label).ravel()
    w = np.asarray(state.student["params"]["w"], np.float64)
    p = np.exp(x @ w) / np.exp(x @ w).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    slope = x.T @ (p - np.eye(CLASSES)[y]) / len(y)
    rate = 1e-2 * 0.5**0.9
    decayed = slope + 5e-4 * w
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(metrics["grad_norm"], np.linalg.norm(slope), rtol=1e-4)
    np.testing.assert_allclose(metrics["learning_rate"], rate, rtol=1e-5)
    np.testing.assert_allclose(
        after.student["params"]["w"], w - rate * 1.9 * decayed, rtol=1e-4, atol=1e-7
    )
    np.testing.assert_allclose(after.student["batch_stats"]["mean"], 0.1 * x.mean(), rtol=1e-5)
    assert after.step == 1 and after.teacher == {} and after.extra == {}


def test_it_has_one_network_and_one_phase():
    method, _ = learner()
    assert method.networks == ("student",)
    assert method.phases == (Phase.WARMUP,)
    state = method.init(jax.random.PRNGKey(0), PIXELS, None)
    assert state.key.dtype == jnp.uint32 and state.step.dtype == jnp.int32


def test_the_loss_falls():
    method, update = learner(**PLAIN)
    state = method.init(jax.random.key(1), PIXELS, None)
    inputs = some_inputs()
    label = jnp.argmax(inputs.labeled.image, -1).astype(jnp.uint8)
    inputs = inputs._replace(labeled=inputs.labeled._replace(label=label))
    losses = []
    for _ in range(30):
        state, metrics = update(state, inputs, Phase.WARMUP)
        losses.append(float(metrics["loss"]))
    assert losses[-1] < losses[0] - 0.05
    assert state.step == 30
    assert np.isfinite(losses).all()


def test_a_padding_row_counts_as_void():
    method, update = learner(**PLAIN)
    state = method.init(jax.random.key(0), PIXELS, None)
    inputs = some_inputs()
    padded = inputs.labeled._replace(valid=jnp.asarray([True, False]))
    void = inputs.labeled._replace(label=inputs.labeled.label.at[1].set(VOID))
    one, _ = update(state, inputs._replace(labeled=padded), Phase.WARMUP)
    two, _ = update(state, inputs._replace(labeled=void), Phase.WARMUP)
    both, _ = update(state, inputs, Phase.WARMUP)
    np.testing.assert_array_equal(one.student["params"]["w"], two.student["params"]["w"])
    assert np.any(np.asarray(one.student["params"]["w"]) != both.student["params"]["w"])
    nothing = inputs.labeled._replace(valid=jnp.zeros(2, bool))
    after, metrics = update(state, inputs._replace(labeled=nothing), Phase.WARMUP)
    assert metrics["loss"] == 0.0 and np.isfinite(after.student["params"]["w"]).all()


def test_the_same_key_gives_the_same_bits_and_steps_differ():
    method, update = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    inputs = some_inputs()
    one, _ = update(state, inputs, Phase.WARMUP)
    two, _ = update(state, inputs, Phase.WARMUP)
    later, _ = update(state._replace(step=state.step + 1), inputs, Phase.WARMUP)
    np.testing.assert_array_equal(one.student["params"]["w"], two.student["params"]["w"])
    assert np.any(np.asarray(one.student["params"]["w"]) != later.student["params"]["w"])
    np.testing.assert_array_equal(one.key, state.key)
    assert update._cache_size() == 1


def test_every_cycle_starts_anew():
    method, update = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    trained, _ = update(state, some_inputs(), Phase.WARMUP)
    again = method.init(jax.random.key(0), PIXELS, trained)
    np.testing.assert_array_equal(again.student["params"]["w"], state.student["params"]["w"])
    assert again.step == 0
    other = method.init(jax.random.key(1), PIXELS, None)
    assert np.any(np.asarray(other.key) != np.asarray(state.key))


def test_a_prediction_uses_running_statistics_and_takes_bytes():
    method, _ = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    images = some_inputs().labeled.image
    prediction = method.predict(state.student, images)
    wanted = np.asarray(images, np.float32) / 255 @ np.asarray(state.student["params"]["w"])
    np.testing.assert_allclose(prediction.logits, wanted, atol=1e-6)
    assert prediction.logits.shape == (2, 8, 12, CLASSES)
    np.testing.assert_allclose(prediction.features, np.asarray(images, np.float32) / 255)


def test_options_that_do_not_fit_are_refused():
    method = supervised(
        pixel_network(), sgd(), poly(), augmentation(**OPTIONS), num_classes=CLASSES + 1
    )
    state = method.init(jax.random.key(0), PIXELS, None)
    with pytest.raises(InputError, match="num_classes"):
        jax.eval_shape(lambda *args: method.update(*args, Phase.WARMUP), state, some_inputs())

"""Supervised learning on a network small enough to follow by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.optimizer import optimizer, poly, sgd
from s4al_jax.methods.supervised import supervised
from s4al_jax.types import (
    UNLABELED,
    VOID,
    Batch,
    InputError,
    Network,
    Prediction,
    Schedule,
    Stage,
    StepInputs,
)
from tests.support.toy_network import with_streams

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

    def apply(variables, images, *, train, rngs=None, groups=None, full_size=True, extras=()):
        logits = images @ variables["params"]["w"]
        mean = variables["batch_stats"]["mean"]
        stats = {"mean": 0.9 * mean + 0.1 * images.mean()} if train else {"mean": mean}
        return Prediction(logits, images), {"batch_stats": stats}

    return Network(init, apply)


def some_inputs(batch=2, seed=0, progress=0.0):
    chance = np.random.default_rng(seed)
    labeled = Batch(
        jnp.asarray(chance.integers(0, 256, (batch, 8, 12, 3), np.uint8)),
        jnp.asarray(chance.integers(0, CLASSES, (batch, 8, 12), np.uint8)),
        jnp.arange(batch),
        jnp.ones(batch, bool),
    )
    return StepInputs({"labeled": labeled}, jnp.asarray(progress, jnp.float32))


def learner(**options):
    views = augmentation(**OPTIONS | options)
    method = supervised(pixel_network(), optimizer(sgd(), poly()), views, num_classes=CLASSES)
    options = {"xla_backend_optimization_level": 0}  # compiled quickly rather than to run quickly
    return method, jax.jit(method.update, static_argnums=2, compiler_options=options)


PIXELS = np.ones(CLASSES, np.int64)


def test_a_step_without_augmentation_is_one_step_of_softmax_regression():
    method, update = learner(**PLAIN)
    state = method.init(jax.random.key(0), PIXELS, None)
    inputs = some_inputs(progress=0.5)
    after, metrics = update(state, inputs, "supervised")

    x = np.asarray(inputs.streams["labeled"].image, np.float64).reshape(-1, 3) / 255
    y = np.asarray(inputs.streams["labeled"].label).ravel()
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


def test_it_has_one_network_and_one_stage():
    method, _ = learner()
    assert method.networks == ("student",)
    schedule = Schedule(cycles=2, iterations=5, epochs=3, last_epochs=7)
    for cycle, epochs in ((0, 3), (1, 7)):
        for unlabeled in (0, 4):
            stages = method.stages(schedule, cycle, unlabeled)
            assert stages == (Stage("supervised", epochs, ("labeled",)),)
    assert method.class_groups is None and not method.carries_over
    state = method.init(jax.random.PRNGKey(0), PIXELS, None)
    assert state.key.dtype == jnp.uint32 and state.step.dtype == jnp.int32


def test_the_loss_falls():
    method, update = learner(**PLAIN)
    state = method.init(jax.random.key(1), PIXELS, None)
    inputs = some_inputs()
    label = jnp.argmax(inputs.streams["labeled"].image, -1).astype(jnp.uint8)
    inputs = with_streams(inputs, labeled=inputs.streams["labeled"]._replace(label=label))
    losses = []
    for _ in range(30):
        state, metrics = update(state, inputs, "supervised")
        losses.append(float(metrics["loss"]))
    assert losses[-1] < losses[0] - 0.05
    assert state.step == 30
    assert np.isfinite(losses).all()


def test_a_padding_row_counts_as_void():
    method, update = learner(**PLAIN)
    state = method.init(jax.random.key(0), PIXELS, None)
    inputs = some_inputs()
    padded = inputs.streams["labeled"]._replace(valid=jnp.asarray([True, False]))
    void = inputs.streams["labeled"]._replace(label=inputs.streams["labeled"].label.at[1].set(VOID))
    one, _ = update(state, with_streams(inputs, labeled=padded), "supervised")
    two, _ = update(state, with_streams(inputs, labeled=void), "supervised")
    both, _ = update(state, inputs, "supervised")
    np.testing.assert_array_equal(one.student["params"]["w"], two.student["params"]["w"])
    assert np.any(np.asarray(one.student["params"]["w"]) != both.student["params"]["w"])
    nothing = inputs.streams["labeled"]._replace(valid=jnp.zeros(2, bool))
    after, metrics = update(state, with_streams(inputs, labeled=nothing), "supervised")
    assert metrics["loss"] == 0.0 and np.isfinite(after.student["params"]["w"]).all()


def test_the_same_key_gives_the_same_bits_and_steps_differ():
    method, update = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    inputs = some_inputs()
    one, _ = update(state, inputs, "supervised")
    two, _ = update(state, inputs, "supervised")
    later, _ = update(state._replace(step=state.step + 1), inputs, "supervised")
    np.testing.assert_array_equal(one.student["params"]["w"], two.student["params"]["w"])
    assert np.any(np.asarray(one.student["params"]["w"]) != later.student["params"]["w"])
    np.testing.assert_array_equal(one.key, state.key)
    assert update._cache_size() == 1


def test_every_cycle_starts_anew():
    method, update = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    trained, _ = update(state, some_inputs(), "supervised")
    again = method.init(jax.random.key(0), PIXELS, trained)
    np.testing.assert_array_equal(again.student["params"]["w"], state.student["params"]["w"])
    assert again.step == 0
    other = method.init(jax.random.key(1), PIXELS, None)
    assert np.any(np.asarray(other.key) != np.asarray(state.key))


def test_a_prediction_uses_running_statistics_and_takes_bytes():
    method, _ = learner()
    state = method.init(jax.random.key(0), PIXELS, None)
    images = some_inputs().streams["labeled"].image
    prediction = method.predict(state.student, images)
    wanted = np.asarray(images, np.float32) / 255 @ np.asarray(state.student["params"]["w"])
    np.testing.assert_allclose(prediction.logits, wanted, atol=1e-6)
    assert prediction.logits.shape == (2, 8, 12, CLASSES)
    np.testing.assert_allclose(prediction.features, np.asarray(images, np.float32) / 255)


def test_options_that_do_not_fit_are_refused():
    method = supervised(
        pixel_network(), optimizer(sgd(), poly()), augmentation(**OPTIONS), num_classes=CLASSES + 1
    )
    state = method.init(jax.random.key(0), PIXELS, None)
    with pytest.raises(InputError, match="num_classes"):
        jax.eval_shape(lambda *args: method.update(*args, "supervised"), state, some_inputs())


def test_an_image_that_is_labeled_in_some_pixels_teaches_in_those_alone():
    method, update = learner(**PLAIN)
    state, inputs = method.init(jax.random.key(0), PIXELS, None), some_inputs()
    batch = inputs.streams["labeled"]
    partly = batch.label.at[1].set(UNLABELED).at[1, 2:4, 3:6].set(1).at[1, 0].set(VOID)

    def weights(label):
        changed = with_streams(inputs, labeled=batch._replace(label=label))
        return np.asarray(update(state, changed, "supervised")[0].student["params"]["w"])

    whole_alone = weights(batch.label.at[1].set(VOID))
    assert np.any(weights(partly) != whole_alone)
    assert np.any(weights(partly.at[1, 2, 3].set(2)) != weights(partly))
    np.testing.assert_array_equal(weights(partly.at[1, 0].set(UNLABELED)), weights(partly))


def test_labels_come_from_known_pixels_or_from_whole_images():
    assert learner()[0].streams["labeled"].images == "known"
    how = {"num_classes": CLASSES, "labeled_from": "whole"}
    parts = (pixel_network(), optimizer(sgd(), poly()), augmentation(**OPTIONS))
    assert supervised(*parts, **how).streams["labeled"].images == "whole"
    with pytest.raises(InputError, match="labeled_from is 'some': one of known, whole"):
        supervised(*parts, num_classes=CLASSES, labeled_from="some")

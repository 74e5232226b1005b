"""Losses: numbers worked by hand, and nothing but finite ones when nothing counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.learn import losses
from s4al_jax.types import UNLABELED, VOID

# compiled whole: one by one, the first call of every operation costs more than the test
cross_entropy = jax.jit(losses.cross_entropy)
supervised_loss = jax.jit(losses.supervised_loss)
supervised_slope = jax.jit(jax.grad(losses.supervised_loss))
pseudo_labels = jax.jit(losses.pseudo_labels)
eta = jax.jit(losses.eta, static_argnums=2)
pseudo_label_loss = jax.jit(
    losses.pseudo_label_loss, static_argnames=("threshold", "confidence_weighting")
)


def logits_of(*probabilities):
    """One image of one row: the logits that give these probabilities (and a constant)."""
    return jnp.log(jnp.asarray(np.float32(probabilities)))[None, None] + 3.0


def row(*values, dtype=np.uint8):
    return jnp.asarray(np.asarray(values, dtype))[None, None]


def test_each_pixel_counts_by_its_weight():
    logits = logits_of((0.5, 0.25, 0.25), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6))
    total = losses.weighted_cross_entropy(
        logits, row(0, 1, VOID), row(2.0, 0.5, 9.0, dtype=np.float32)
    )
    np.testing.assert_allclose(total, 2 * np.log(2) + 0.5 * np.log(1.25), rtol=1e-6)


def test_cross_entropy_is_minus_the_logarithm_of_the_own_class():
    logits = logits_of((0.5, 0.25, 0.25), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6), (0.2, 0.2, 0.6))
    loss = cross_entropy(logits, row(0, 2, VOID, UNLABELED))
    np.testing.assert_allclose(loss[0, 0], [np.log(2), np.log(10), 0, 0], atol=1e-6)
    assert loss.dtype == jnp.float32
    halves = cross_entropy(logits.astype(jnp.bfloat16), row(0, 2, VOID, 1))
    assert halves.dtype == jnp.float32


def test_supervised_loss_is_the_mean_over_labeled_pixels():
    logits = logits_of((0.5, 0.25, 0.25), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6))
    np.testing.assert_allclose(
        supervised_loss(logits, row(0, 2, VOID)), (np.log(2) + np.log(10)) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(supervised_loss(logits, row(VOID, 1, VOID)), np.log(1.25), rtol=1e-5)
    slope = supervised_slope(logits, row(0, 2, VOID))[0, 0]
    np.testing.assert_allclose(slope[0], np.asarray([-0.5, 0.25, 0.25]) / 2, atol=1e-6)
    np.testing.assert_allclose(slope[1], np.asarray([0.1, 0.8, -0.9]) / 2, atol=1e-6)
    np.testing.assert_array_equal(slope[2], 0.0)


def test_pseudo_labels_are_the_teachers_guess_unless_a_person_spoke():
    logits = logits_of((0.5, 0.2, 0.3), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6), (0.1, 0.1, 0.8))
    labels, confidence = pseudo_labels(logits, row(UNLABELED, UNLABELED, 0, VOID))
    np.testing.assert_array_equal(labels[0, 0], [0, 1, 0, VOID])
    np.testing.assert_allclose(confidence[0, 0], [0.5, 0.8, 1.0, 0.0], atol=1e-6)
    assert labels.dtype == jnp.uint8 and confidence.dtype == jnp.float32


def test_confidence_stays_within_one_for_any_logits():
    chance = np.random.default_rng(0)
    logits = jnp.asarray(chance.normal(size=(2, 3, 4, 5)) * 200, jnp.float32)
    labels, confidence = pseudo_labels(logits, jnp.full((2, 3, 4), UNLABELED, jnp.uint8))
    assert np.isfinite(confidence).all() and 0 < confidence.min() and confidence.max() <= 1
    np.testing.assert_array_equal(labels, np.argmax(logits, -1))
    np.testing.assert_allclose(confidence, jax.nn.softmax(logits).max(-1), atol=1e-6)


def test_eta_is_the_share_of_valid_pixels_strictly_above_the_threshold():
    labels = jnp.asarray(np.uint8([[[0, 1, 2, VOID]], [[0, 0, 0, 0]], [[VOID] * 4]]))
    confidence = jnp.asarray([[[0.98, 0.97, 0.5, 0.99]], [[1.0, 1.0, 1.0, 0.0]], [[1.0] * 4]])
    share = eta(labels, confidence, 0.97)
    np.testing.assert_allclose(share, [1 / 3, 3 / 4, 0.0], rtol=1e-6)
    assert share.shape == (3,)
    np.testing.assert_array_equal(eta(labels, confidence, 1.0), 0.0)


def test_the_pseudo_label_loss_is_eqn_5_and_without_weighting_eqn_3():
    logits = jnp.concatenate(
        [logits_of((0.5, 0.5), (0.25, 0.75)), logits_of((0.1, 0.9), (0.5, 0.5))]
    )
    labels = jnp.asarray(np.uint8([[[0, 0]], [[1, VOID]]]))
    confidence = jnp.asarray([[[0.99, 0.6]], [[0.98, 0.0]]])
    # eta: 1/2 in the first image, 1 in the second; three valid pixels in all
    options = {"threshold": 0.97}
    weighted, share = pseudo_label_loss(
        logits, labels, confidence, confidence_weighting=True, **options
    )
    terms = 0.5 * 0.99 * np.log(2) + 0.5 * 0.6 * np.log(4) + 0.98 * np.log(1 / 0.9)
    np.testing.assert_allclose(weighted, terms / 3, rtol=1e-5)
    np.testing.assert_allclose(share, 0.75)
    plain, _ = pseudo_label_loss(logits, labels, confidence, confidence_weighting=False, **options)
    terms = 0.5 * np.log(2) + 0.5 * np.log(4) + np.log(1 / 0.9)
    np.testing.assert_allclose(plain, terms / 3, rtol=1e-5)


@pytest.mark.parametrize("weighting", [True, False])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_where_nothing_counts_loss_and_gradient_are_zero_and_finite(weighting, size):
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4, 5)) * size, jnp.float32)
    void, sureness = jnp.full((2, 3, 4), VOID, jnp.uint8), jnp.zeros((2, 3, 4))

    def unsupervised(logits):
        return pseudo_label_loss(
            logits, void, sureness, threshold=0.97, confidence_weighting=weighting
        )[0]

    for function in (unsupervised, lambda logits: supervised_loss(logits, void)):
        loss, slope = jax.jit(jax.value_and_grad(function))(logits)
        assert loss == 0.0
        np.testing.assert_array_equal(slope, 0.0)
    absent = jnp.zeros((2, 3, 4), jnp.uint8)
    assert np.isfinite(supervised_slope(logits, absent)).all()


def test_changing_an_ignored_pixel_changes_nothing():
    chance = np.random.default_rng(2)
    logits = jnp.asarray(chance.normal(size=(1, 2, 3, 4)), jnp.float32)
    labels = jnp.asarray(np.uint8([[[0, 1, VOID], [3, UNLABELED, 2]]]))
    other = logits.at[0, 0, 2].add(7.0).at[0, 1, 1].add(-3.0)
    assert supervised_loss(logits, labels) == supervised_loss(other, labels)
    slope = np.asarray(supervised_slope(logits, labels))
    assert np.all(slope[0, 0, 2] == 0) and np.all(slope[0, 1, 1] == 0)
    assert np.all(slope[0, 0, 0] != 0)

"""How uncertain a network is about a pixel, against numbers worked by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition.scores import entropy, entropy_share, least_confidence, margin

# Pixels with probabilities (1/2, 1/4, 1/4), (1/3, 1/3, 1/3) and (8/10, 1/10, 1/10).
PROBABILITIES = np.array([[[2, 1, 1], [1, 1, 1], [8, 1, 1]]]) / np.array([4, 3, 10])[:, None]
LOGITS = jnp.log(jnp.asarray(PROBABILITIES[None], jnp.float32))
ONE_HOT = jnp.asarray([[[[1e4, 0.0, 0.0], [0.0, -1e4, 1e4]]]], jnp.float32)
PIXEL_SCORES = {"least_confidence": least_confidence, "entropy": entropy, "margin": margin}


def test_least_confidence_is_what_the_likeliest_class_lacks() -> None:
    np.testing.assert_allclose(least_confidence(LOGITS)[0, 0], [1 / 2, 2 / 3, 0.2], rtol=1e-5)


def test_entropy_is_in_nats_and_largest_where_all_classes_are_equal() -> None:
    third = -(0.8 * np.log(0.8) + 0.2 * np.log(0.1))
    expected = [1.5 * np.log(2), np.log(3), third]
    np.testing.assert_allclose(entropy(LOGITS)[0, 0], expected, rtol=1e-5)


def test_margin_is_largest_where_two_classes_tie_for_the_first_place() -> None:
    np.testing.assert_allclose(margin(LOGITS)[0, 0], [0.75, 1.0, 0.3], rtol=1e-5)
    tie = jnp.asarray([[[[3.0, 3.0, -9.0]]]])
    np.testing.assert_allclose(margin(tie), 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(PIXEL_SCORES))
def test_a_certain_network_scores_zero_not_nan(name: str) -> None:
    scores = PIXEL_SCORES[name](ONE_HOT)
    assert scores.shape == (1, 1, 2)
    assert scores.dtype == jnp.float32
    np.testing.assert_array_equal(scores, 0.0)


@pytest.mark.parametrize("name", sorted(PIXEL_SCORES))
def test_scores_are_float32_and_no_logit_offset_matters(name: str) -> None:
    score = PIXEL_SCORES[name]
    assert score(LOGITS.astype(jnp.bfloat16)).dtype == jnp.float32
    np.testing.assert_allclose(score(LOGITS + 7.0), score(LOGITS), atol=1e-5)
    assert (score(LOGITS) >= 0).all()


def test_the_share_of_entropy_is_1_where_all_classes_are_equal_and_0_for_a_single_one() -> None:
    np.testing.assert_allclose(entropy_share(jnp.zeros((1, 1, 1, 7))), 1.0, rtol=1e-6)
    np.testing.assert_allclose(entropy_share(LOGITS), entropy(LOGITS) / np.log(3), rtol=1e-6)
    np.testing.assert_array_equal(entropy_share(jnp.ones((1, 1, 1, 1))), 0.0)

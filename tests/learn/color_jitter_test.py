"""Color jitter: torchvision's formulas by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.learn.color_jitter import adjust_contrast, brighter, color_jitter, mean_gray


def pixels(*values):
    """One image of one row."""
    return jnp.asarray(np.float32(values))[None, None]


def test_brightness_multiplies_and_clips():
    image = pixels((0.2, 0.5, 0.9), (0.0, 1.0, 0.4))
    np.testing.assert_allclose(
        brighter(image, jnp.asarray([1.2]))[0, 0], [[0.24, 0.6, 1.0], [0.0, 1.0, 0.48]], atol=1e-6
    )
    np.testing.assert_allclose(
        brighter(image, jnp.asarray([0.5]))[0, 0], [[0.1, 0.25, 0.45], [0.0, 0.5, 0.2]], atol=1e-6
    )
    np.testing.assert_array_equal(brighter(image, jnp.asarray([1.0])), image)


def test_contrast_blends_with_the_mean_of_the_gray_image():
    image = pixels((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    gray = (0.2989 + 0.114) / 2
    np.testing.assert_allclose(mean_gray(image), [gray], rtol=1e-6)
    half = adjust_contrast(image, jnp.asarray([0.5]))[0, 0]
    low, high = 0.5 * gray, 0.5 + 0.5 * gray
    np.testing.assert_allclose(half, [[high, low, low], [low, low, high]], rtol=1e-6)
    strong = adjust_contrast(image, jnp.asarray([1.5]))[0, 0]
    np.testing.assert_array_equal(strong, [[1, 0, 0], [0, 0, 1]])  # clipped on both sides
    np.testing.assert_allclose(adjust_contrast(image, jnp.asarray([0.0])), gray, rtol=1e-6)


def test_the_gray_of_other_bands_than_three_is_their_mean():
    image = pixels((1.0, 0.0, 0.5, 0.3), (0.0, 0.2, 0.0, 0.0))  # 2.0 in eight numbers
    np.testing.assert_allclose(mean_gray(image), [0.25], rtol=1e-6)
    half = adjust_contrast(image, jnp.asarray([0.5]))[0, 0]
    np.testing.assert_allclose(half[0], [0.625, 0.125, 0.375, 0.275], rtol=1e-6)
    alone = pixels((0.5,), (0.25,))
    np.testing.assert_allclose(mean_gray(alone), [0.375], rtol=1e-6)


def test_each_image_has_its_own_factor():
    image = jnp.full((2, 1, 1, 3), 0.4)
    changed = brighter(image, jnp.asarray([0.5, 2.0]))
    np.testing.assert_allclose(changed[0], 0.2)
    np.testing.assert_allclose(changed[1], 0.8)
    np.testing.assert_allclose(mean_gray(image), 0.4 * 0.9999, rtol=1e-5)


def test_jitter_takes_both_orders_and_leaves_about_half_alone():
    one = np.random.default_rng(0).random((1, 2, 3, 3), np.float32)
    batch = 600
    image = jnp.asarray(np.repeat(one, batch, 0))
    factors = {"brightness": (1.5, 1.5), "contrast": (0.5, 0.5)}
    result = np.asarray(color_jitter(jax.random.key(0), image, probability=0.5, **factors))
    light, depth = jnp.asarray([1.5]), jnp.asarray([0.5])
    wanted = {
        "none": one,
        "light first": adjust_contrast(brighter(jnp.asarray(one), light), depth),
        "depth first": brighter(adjust_contrast(jnp.asarray(one), depth), light),
    }
    counts = {
        name: np.isclose(result, np.asarray(image), atol=1e-6).all((1, 2, 3)).sum()
        for name, image in wanted.items()
    }
    assert sum(counts.values()) == batch
    assert 240 < counts["none"] < 360
    assert 100 < counts["light first"] < 200 and 100 < counts["depth first"] < 200


def test_jitter_of_probability_zero_and_of_neutral_factors_changes_nothing():
    image = jnp.asarray(np.random.default_rng(1).random((4, 3, 3, 3), np.float32))
    key = jax.random.key(1)
    never = color_jitter(key, image, probability=0.0, brightness=(0.5, 2.0), contrast=(0.5, 2.0))
    np.testing.assert_array_equal(never, image)
    neutral = color_jitter(key, image, probability=1.0, brightness=(1.0, 1.0), contrast=(1.0, 1.0))
    np.testing.assert_allclose(neutral, image, atol=1e-6)
    always = color_jitter(key, image, probability=1.0, brightness=(0.5, 2.0), contrast=(0.5, 2.0))
    assert 0.0 <= always.min() and always.max() <= 1.0
    assert np.all(np.any(np.asarray(always != image), axis=(1, 2, 3)))

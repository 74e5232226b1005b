"""Scores come in the order asked for, without padding, and none that is not a number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.score import scorer
from s4al_jax.feed.source import CachedSource
from s4al_jax.types import UNLABELED, Acquisition, InputError, Method, Phase, TrainState

STATE = TrainState(jnp.zeros((), jnp.int32), {}, {}, (), jnp.zeros(2, jnp.uint32), {})
KEY = jax.random.PRNGKey(3)


def unused(*arguments: object) -> None:
    raise AssertionError


METHOD = Method(unused, unused, unused, networks=("student",), phases=(Phase.WARMUP,))


def source(images: np.ndarray) -> CachedSource:
    unknown = np.full(images.shape[1:3], UNLABELED, np.uint8)
    return CachedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown, count=len(images)
    )


def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (7, 4, 6, 3)).astype(np.uint8)


def column_means(method: Method, state: TrainState, images, known, key) -> jax.Array:
    """Two cells, the left and the right half of an image."""
    red = images[..., 0].astype(jnp.float32).reshape(-1, 4, 2, 3)
    return red.mean(axis=(1, 3))[:, None, :]


@pytest.mark.parametrize("batch", [1, 2, 4, 8])
def test_each_image_gets_its_own_score_whatever_the_batch(batch: int) -> None:
    images, asked = pictures(), np.array([6, 0, 3, 2, 5])
    acquisition = Acquisition(summarize=column_means, choose=unused)
    score = scorer(METHOD, acquisition, source(images), devices.mesh(1), batch=batch)
    found = score(STATE, asked, KEY)
    halves = images[asked, :, :, 0].astype(np.float64).reshape(5, 4, 2, 3).mean(axis=(1, 3))
    assert found.shape == (5, 1, 2)
    np.testing.assert_allclose(found[:, 0], halves, rtol=1e-6)


def test_no_two_batches_draw_the_same_lots() -> None:
    def lots(method: Method, state: TrainState, images, known, key) -> jax.Array:
        return jax.random.uniform(key, (images.shape[0], 1, 2))

    acquisition = Acquisition(summarize=lots, choose=unused)
    score = scorer(METHOD, acquisition, source(pictures()), devices.mesh(1), batch=2)
    found = score(STATE, np.arange(6), KEY)
    assert len(np.unique(found)) == 12
    np.testing.assert_array_equal(found, score(STATE, np.arange(6), KEY))
    assert not np.array_equal(found, score(STATE, np.arange(6), jax.random.PRNGKey(4)))


def test_a_score_that_is_not_a_number_names_its_image() -> None:
    def broken(method: Method, state: TrainState, images, known, key) -> jax.Array:
        means = column_means(method, state, images, known, key)
        return jnp.where(images[:, :1, 0, 0] == 77, jnp.nan, means[:, 0])[:, None]

    images = np.zeros((7, 4, 6, 3), np.uint8)
    images[4, 0, 0, 0] = 77
    acquisition = Acquisition(summarize=broken, choose=unused)
    score = scorer(METHOD, acquisition, source(images), devices.mesh(1), batch=4)
    with pytest.raises(InputError, match="score of pool image 4 is not a number"):
        score(STATE, np.array([1, 2, 3, 4, 6]), KEY)
    assert score(STATE, np.array([1, 2, 3]), KEY).shape == (3, 1, 2)

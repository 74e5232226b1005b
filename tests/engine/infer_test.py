"""What a network takes images for does not depend on how many it is shown at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.infer import class_confidence_entropy, inferrer
from s4al_jax.input.source import CachedSource
from s4al_jax.types import UNLABELED, Method, Phase, Prediction


def unused(*arguments: object) -> None:
    raise AssertionError


def by_color(variables: Any, images: jax.Array) -> Prediction:
    """Class 0 to 2: the strongest of red, green and blue."""
    logits = images.astype(jnp.float32) * variables
    return Prediction(logits, logits)


@pytest.mark.parametrize(("batch", "count"), [(0, 1), (1, 1), (3, 1), (0, 4), (8, 4)])
def test_maps_come_in_the_order_asked_for_whatever_the_batch(batch: int, count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 6, 3), np.uint8)
    unknown = np.full((4, 6), UNLABELED, np.uint8)
    method = Method(unused, unused, by_color, networks=("student",), phases=(Phase.WARMUP,))
    source = CachedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown, count=7
    )
    believed = inferrer(method, source, devices.mesh(count), batch=batch)
    asked = np.array([6, 0, 3, 2, 5])
    for sign, strongest in ((1.0, np.argmax), (-1.0, np.argmin)):
        found = list(believed(jnp.float32(sign), asked))
        np.testing.assert_array_equal(found, strongest(images[asked], axis=-1))
        assert found[0].dtype == np.uint8


def test_sure_is_the_probability_and_unsure_the_share_of_the_largest_entropy() -> None:
    halves, all_alike = [np.log(0.5), np.log(0.5), -200.0], [1.0, 1.0, 1.0]
    certain, mostly = [-200.0, 300.0, 0.0], np.log([0.1, 0.1, 0.8]).tolist()
    told = class_confidence_entropy(
        jnp.asarray([[[halves, all_alike], [certain, mostly]]], jnp.float32)
    )
    assert told.shape == (1, 2, 2, 3) and told.dtype == jnp.uint8
    # ln 2 / ln 3 is 0.6309; 0.1, 0.1 and 0.8 have an entropy of 0.6390 nats.
    assert told[0].tolist() == [[[0, 128, 161], [0, 85, 255]], [[1, 255, 0], [2, 204, 148]]]
    alone = class_confidence_entropy(jnp.zeros((1, 1, 1, 1)))
    assert alone.ravel().tolist() == [0, 255, 0]

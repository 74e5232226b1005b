"""What a network takes images for does not depend on how many it is shown at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.beliefs import beliefs
from s4al_jax.feed.source import CachedSource
from s4al_jax.types import UNLABELED, Method, Phase, Prediction


def unused(*arguments: object) -> None:
    raise AssertionError


def by_colour(variables: Any, images: jax.Array) -> Prediction:
    """Class 0 to 2: the strongest of red, green and blue."""
    logits = images.astype(jnp.float32) * variables
    return Prediction(logits, logits)


@pytest.mark.parametrize(("batch", "count"), [(0, 1), (1, 1), (3, 1), (0, 4), (8, 4)])
def test_maps_come_in_the_order_asked_for_whatever_the_batch(batch: int, count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 6, 3), np.uint8)
    unknown = np.full((4, 6), UNLABELED, np.uint8)
    method = Method(unused, unused, by_colour, networks=("student",), phases=(Phase.WARMUP,))
    source = CachedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown, count=7
    )
    believed = beliefs(method, source, devices.mesh(count), batch=batch)
    asked = np.array([6, 0, 3, 2, 5])
    for sign, strongest in ((1.0, np.argmax), (-1.0, np.argmin)):
        found = list(believed(jnp.float32(sign), asked))
        np.testing.assert_array_equal(found, strongest(images[asked], axis=-1))
        assert found[0].dtype == np.uint8

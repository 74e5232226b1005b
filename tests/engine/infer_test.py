"""Predictions do not depend on how many images are predicted at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.infer import class_confidence_entropy, inferrer, predictor
from s4al_jax.input.source import StreamedSource
from s4al_jax.types import UNLABELED, Method, Prediction


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
    method = Method(unused, unused, by_color, ("student",), {}, unused)
    source = StreamedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown
    )
    infer = inferrer(method, source, devices.mesh(count), batch=batch)
    wanted = np.array([6, 0, 3, 2, 5])
    for sign, strongest in ((1.0, np.argmax), (-1.0, np.argmin)):
        found = list(infer(jnp.float32(sign), wanted))
        np.testing.assert_array_equal(found, strongest(images[wanted], axis=-1))
        assert found[0].dtype == np.uint8


def test_another_readout_of_the_logits_can_be_asked_for() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
    unknown = np.full((4, 6), UNLABELED, np.uint8)
    source = StreamedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown
    )
    method = Method(unused, unused, by_color, ("student",), {}, unused)
    infer = inferrer(method, source, devices.mesh(1), batch=2, readout=class_confidence_entropy)
    found = np.stack(list(infer(jnp.float32(0.01), np.arange(3))))
    expected = class_confidence_entropy(jnp.asarray(images.astype(np.float32) * 0.01))
    np.testing.assert_allclose(found.astype(int), np.asarray(expected).astype(int), atol=1)
    np.testing.assert_array_equal(found[..., 0], images.argmax(axis=-1))


@pytest.mark.parametrize(("many", "count"), [(1, 1), (3, 1), (4, 4)])
def test_images_of_no_split_are_predicted_without_their_padding(many: int, count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (many, 4, 6, 3), np.uint8)
    predict = predictor(by_color, devices.mesh(count), batch=4)
    found = predict(jnp.float32(2.0), images)
    np.testing.assert_array_equal(found.logits, images * np.float32(2))
    assert found.uncertainty.shape == (many, 4, 6)
    gray = predict(jnp.float32(1.0), np.full((1, 4, 6, 3), 90, np.uint8))
    np.testing.assert_allclose(gray.uncertainty, 1.0, rtol=1e-6)


def test_confidence_is_the_probability_and_entropy_a_share_of_the_largest() -> None:
    halves, all_alike = [np.log(0.5), np.log(0.5), -200.0], [1.0, 1.0, 1.0]
    certain, mostly = [-200.0, 300.0, 0.0], np.log([0.1, 0.1, 0.8]).tolist()
    readout = class_confidence_entropy(
        jnp.asarray([[[halves, all_alike], [certain, mostly]]], jnp.float32)
    )
    assert readout.shape == (1, 2, 2, 3) and readout.dtype == jnp.uint8
    # ln 2 / ln 3 is 0.6309; 0.1, 0.1 and 0.8 have an entropy of 0.6390 nats.
    assert readout[0].tolist() == [[[0, 128, 161], [0, 85, 255]], [[1, 255, 0], [2, 204, 148]]]
    alone = class_confidence_entropy(jnp.zeros((1, 1, 1, 1)))
    assert alone.ravel().tolist() == [0, 255, 0]

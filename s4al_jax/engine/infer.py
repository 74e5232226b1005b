"""Inference: a network's predictions for images of a split, or for any others."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s4al_jax.acquisition.scores import entropy_share
from s4al_jax.engine import devices
from s4al_jax.engine.score import largest_batch
from s4al_jax.input.source import Source, batches, padded
from s4al_jax.types import Batch, Method, Prediction, Tree

Readout = Callable[[jax.Array], jax.Array]
"""logits `[batch, height, width, classes]` -> uint8 `[batch, height, width, ...]`"""


class Inference(NamedTuple):
    """Predictions for a few images, at their size."""

    logits: np.ndarray
    """float32 `[images, height, width, classes]`"""
    uncertainty: np.ndarray
    """float32 `[images, height, width]`: entropy as a share of the largest that there can be"""


def predicted_class(logits: jax.Array) -> jax.Array:
    """uint8 `[batch, height, width]`: the most likely class."""
    return jnp.argmax(logits, axis=-1).astype(jnp.uint8)


def class_confidence_entropy(logits: jax.Array) -> jax.Array:
    """uint8 `[batch, height, width, 3]`: the class, its probability, and the entropy.

    255 stands for a probability of 1, and for the entropy where every class is as likely.
    """
    shares = [jax.nn.softmax(logits.astype(jnp.float32)).max(-1), entropy_share(logits)]
    scaled = [jnp.round(255 * jnp.clip(share, 0, 1)).astype(jnp.uint8) for share in shares]
    return jnp.stack([predicted_class(logits), *scaled], axis=-1)


def inferrer(
    method: Method, source: Source, mesh: Mesh, *, batch: int, readout: Readout = predicted_class
) -> Callable[[Tree, np.ndarray], Iterator[np.ndarray]]:
    """Inference on the images of a source.

    Args:
      method: predicts.
      source: of the images.
      mesh: of devices.
      batch: images at a time; 0: a size is found, as for scoring.
      readout: what is wanted of the logits.

    Returns:
      A function (variables, image indices) -> the readout of each image, in that order.
    """

    program = devices.compile_for(mesh, _readouts, method.predict, source.materialize, readout)

    def maps(variables: Tree, images: np.ndarray) -> Iterator[np.ndarray]:
        nonlocal batch
        batch = batch or largest_batch(program, source, mesh, lambda fetched: (variables, fetched))
        for indices, fetched in batches(source, images, batch):
            yield from np.asarray(program(variables, devices.shard(fetched, mesh)))[: len(indices)]

    return maps


def _readouts(
    predict: Callable[..., Prediction], materialize: Callable[[Tree], Batch], readout: Readout
) -> Callable[[Tree, Tree], jax.Array]:
    def infer(variables: Tree, fetched: Tree) -> jax.Array:
        return readout(predict(variables, materialize(fetched).image).logits)

    return infer


def predictor(
    predict: Callable[[Tree, jax.Array], Prediction], mesh: Mesh, *, batch: int
) -> Callable[[Tree, np.ndarray], Inference]:
    """Inference on images that are given as an array.

    Args:
      predict: (variables, uint8 images) -> prediction.
      mesh: of devices.
      batch: the most images at a time.

    Returns:
      A function (variables, uint8 images `[1 to batch, height, width, 3]`) -> inference.
    """
    program = devices.compile_for(mesh, _logits_and_entropy, predict)

    def run(variables: Tree, images: np.ndarray) -> Inference:
        rows, valid = padded(np.arange(len(images)), batch)
        logits, uncertainty = program(variables, devices.shard(images[rows], mesh))
        return Inference(np.asarray(logits)[valid], np.asarray(uncertainty)[valid])

    return run


def _logits_and_entropy(
    predict: Callable[[Tree, jax.Array], Prediction],
) -> Callable[[Tree, jax.Array], tuple[jax.Array, jax.Array]]:
    def infer(variables: Tree, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = predict(variables, images).logits
        return logits, entropy_share(logits)

    return infer

"""What a network takes images for: its most likely class of every pixel, and how sure it is."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s4al_jax.acquisition.scores import entropy_share
from s4al_jax.engine import devices
from s4al_jax.engine.score import largest_batch
from s4al_jax.input.source import Source, batches
from s4al_jax.types import Method, Tree

Readout = Callable[[jax.Array], jax.Array]
"""logits `[batch, height, width, classes]` -> what is told of each pixel, uint8"""


def predicted_class(logits: jax.Array) -> jax.Array:
    """uint8 `[batch, height, width]`: the most likely class."""
    return jnp.argmax(logits, axis=-1).astype(jnp.uint8)


def class_confidence_entropy(logits: jax.Array) -> jax.Array:
    """uint8 `[batch, height, width, 3]`: the class, its probability, and the entropy.

    255 stands for a probability of 1, and for the entropy where every class is as likely.
    """
    shares = [jax.nn.softmax(logits.astype(jnp.float32)).max(-1), entropy_share(logits)]
    told = [jnp.round(255 * jnp.clip(share, 0, 1)).astype(jnp.uint8) for share in shares]
    return jnp.stack([predicted_class(logits), *told], axis=-1)


def inferrer(
    method: Method, source: Source, mesh: Mesh, *, batch: int, told: Readout = predicted_class
) -> Callable[[Tree, np.ndarray], Iterator[np.ndarray]]:
    """A function (variables, image indices) -> what is told of each image, in that order.

    A `batch` of 0 is found, as for scoring.
    """

    def believed(variables: Tree, fetched: Tree) -> jax.Array:
        return told(method.predict(variables, source.materialize(fetched).image).logits)

    program = devices.compile_for(believed, mesh)

    def maps(variables: Tree, images: np.ndarray) -> Iterator[np.ndarray]:
        nonlocal batch
        batch = batch or largest_batch(program, source, mesh, lambda fetched: (variables, fetched))
        for indices, fetched in batches(source, images, batch):
            yield from np.asarray(program(variables, devices.shard(fetched, mesh)))[: len(indices)]

    return maps

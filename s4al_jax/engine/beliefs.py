"""What a network takes images for: its most likely class of every pixel."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.engine.score import fitting
from s4al_jax.feed.source import Source, batches
from s4al_jax.types import Method, Tree


def beliefs(
    method: Method, source: Source, mesh: Mesh, *, batch: int
) -> Callable[[Tree, np.ndarray], Iterator[np.ndarray]]:
    """A function (variables, image indices) -> uint8 `[height, width]` for each, in that order.

    A `batch` of 0 is found, as for scoring.
    """

    def believed(variables: Tree, fetched: Tree) -> jax.Array:
        images = source.materialize(fetched).image
        return jnp.argmax(method.predict(variables, images).logits, axis=-1).astype(jnp.uint8)

    program = devices.compiled(believed, mesh)

    def maps(variables: Tree, images: np.ndarray) -> Iterator[np.ndarray]:
        nonlocal batch
        batch = batch or fitting(program, source, mesh, lambda fetched: (variables, fetched))
        for indices, fetched in batches(source, images, batch):
            yield from np.asarray(program(variables, devices.split(fetched, mesh)))[: len(indices)]

    return maps

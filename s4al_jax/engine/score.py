"""Scoring: puts an acquisition's question to a network, for every image that is asked about."""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.feed.source import Source, batches
from s4al_jax.types import Acquisition, InputError, Method, TrainState, Tree


def scorer(
    method: Method, acquisition: Acquisition, source: Source, mesh: Mesh, *, batch: int
) -> Callable[[TrainState, np.ndarray, jax.Array], np.ndarray]:
    """A function (state, image indices, key) -> scores `[images, rows, cols]`, in that order."""

    def summarized(state: TrainState, fetched: Tree, key: jax.Array) -> jax.Array:
        images = source.materialize(fetched)
        return acquisition.summarize(method, state, images.image, images.label, key)

    program = devices.compiled(summarized, mesh)

    def score(state: TrainState, images: np.ndarray, key: jax.Array) -> np.ndarray:
        parts = []
        for number, (indices, fetched) in enumerate(batches(source, images, batch)):
            own_key = devices.replicated(jax.random.fold_in(key, number), mesh)
            scores = program(state, devices.split(fetched, mesh), own_key)
            parts.append(np.asarray(scores)[: len(indices)])
        return _finite(np.concatenate(parts), images)

    return score


def _finite(scores: np.ndarray, images: np.ndarray) -> np.ndarray:
    finite = np.isfinite(scores).all(axis=(1, 2))
    if not finite.all():
        raise InputError(
            f"the score of pool image {images[~finite][0]} is not a number: its regions cannot be "
            "compared; look at this image and at the loss before it"
        )
    return scores

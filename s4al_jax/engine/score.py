"""Scoring: puts an acquisition's question to a network, for every image that is asked about."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.input.source import Source, batches
from s4al_jax.runtime import processes
from s4al_jax.types import Acquisition, Method, TrainState, Tree

MOST_ROWS, MOST_ROWS_ON_CPU = 64, 8
"""Images of a device at a time, where their number is found. On a CPU 16 were 4 % faster than 8."""


class NonFiniteScores(ArithmeticError):
    """Scores of these images are not numbers: their regions cannot be compared."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__(f"the scores of images {images.tolist()}")
        self.images = [int(image) for image in images]


def scorer(
    method: Method, acquisition: Acquisition, source: Source, mesh: Mesh, *, batch: int
) -> Callable[[TrainState, np.ndarray, jax.Array], np.ndarray]:
    """A function (state, image indices, key) -> scores `[images, rows, cols]`, in that order.

    A `batch` of 0 is found when the first images are scored.
    """
    program = summarizer(method, acquisition, source, mesh)

    def score(state: TrainState, images: np.ndarray, key: jax.Array) -> np.ndarray:
        nonlocal batch
        everywhere = devices.replicate(key, mesh)
        batch = batch or largest_batch(
            program, source, mesh, lambda fetched: (state, fetched, everywhere)
        )
        parts = []
        for indices, fetched in batches(source, images, batch):
            scores = program(state, devices.shard(fetched, mesh), everywhere)
            parts.append(np.asarray(scores)[: len(indices)])
        return _finite(np.concatenate(parts), images)

    return score


def summarizer(
    method: Method, acquisition: Acquisition, source: Source, mesh: Mesh
) -> Callable[[TrainState, Tree, jax.Array], jax.Array]:
    """The program of a batch: (state, what was fetched, key) -> scores `[batch, rows, cols]`."""

    def summarized(state: TrainState, fetched: Tree, key: jax.Array) -> jax.Array:
        images = source.materialize(fetched)
        # By the image, not by the batch: nobody's lots depend on how many are scored together.
        keys = jax.vmap(partial(jax.random.fold_in, key))(images.index)
        return acquisition.summarize(method, state, images.image, images.label, keys)

    return devices.compile_for(summarized, mesh)


def largest_batch(
    program: Callable[..., Any], source: Source, mesh: Mesh, arguments: Callable[[Tree], tuple]
) -> int:
    """The largest batch, a power of two for each device, that needs a quarter of its memory.

    `arguments` makes those of the program of what was fetched. It is the compiler that says what a
    batch needs, and nothing is run; networks and images that lie on the device anyway are not
    counted. How many images there are to score does not matter: an interrupted run, which may find
    the batch in a later cycle, has to find the same one.
    """
    need = partial(_need, program, source, mesh, arguments)
    # As process 0 has room: all have to find the same.
    limit, rows = processes.broadcast_from_primary(lambda: _limits(mesh))
    while rows > 1 and need(rows * mesh.size) > limit // 4:
        rows //= 2
    return rows * mesh.size


def _limits(mesh: Mesh) -> tuple[int, int]:
    """Bytes of a device, and the most images for it at a time."""
    room = devices.memory(mesh)
    if room.device is not None:
        return room.device, MOST_ROWS
    # A device that does not tell its memory is a part of the host.
    return (room.host or 0) // len(mesh.local_devices), MOST_ROWS_ON_CPU


def _need(
    program: Callable[..., Any],
    source: Source,
    mesh: Mesh,
    arguments: Callable[[Tree], tuple],
    size: int,
) -> int:
    fetched = source.fetch(np.zeros(1, np.int64), size)
    travels = [leaf for leaf in jax.tree.leaves(fetched) if not isinstance(leaf, jax.Array)]
    compiled = devices.lower_and_compile(program, *arguments(devices.shard(fetched, mesh)))
    own = sum(leaf.nbytes for leaf in travels) // len(mesh.local_devices)
    return own + devices.program_working_memory(compiled)


def _finite(scores: np.ndarray, images: np.ndarray) -> np.ndarray:
    finite = np.isfinite(scores).all(axis=(1, 2))
    if not finite.all():
        raise NonFiniteScores(images[~finite])
    return scores

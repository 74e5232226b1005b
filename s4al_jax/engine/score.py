"""Scoring: runs an acquisition function on the device, for every image that it looks at."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from s4al_jax.engine import devices
from s4al_jax.input.source import Source, batches
from s4al_jax.runtime import processes
from s4al_jax.types import Acquisition, Array, Batch, Method, ScoringState, Tree

MOST_ROWS, MOST_ROWS_ON_CPU = 64, 8
"""Images of a device at a time, where their number is found. On a CPU 16 were 4 % faster than 8."""

Score = Callable[[ScoringState, np.ndarray, jax.Array], dict[str, np.ndarray]]
"""(states, image indices, key) -> summaries `[images, max_regions, ...]` by name"""


class NonFiniteScores(ArithmeticError):
    """Summaries of these images are not numbers: their regions cannot be compared."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__(f"the scores of images {images.tolist()}")
        self.images = [int(image) for image in images]


def scorer(
    method: Method, acquisition: Acquisition, source: Source, mesh: Mesh, *, batch: int
) -> Score:
    """The scoring of images by an acquisition function.

    Args:
      method: made the networks that the acquisition function looks at.
      acquisition: gives a summary of each region.
      source: of the images, with what is known of them.
      mesh: of devices.
      batch: images at a time; 0: a size is found when the first images are scored.

    Returns:
      A function (states, image indices, key) -> summaries by name, in the order of the indices. It
      raises `NonFiniteScores` where a summary is not a number.
    """
    program = summarizer(method, acquisition, source, mesh)

    def score(states: ScoringState, images: np.ndarray, key: jax.Array) -> dict[str, np.ndarray]:
        nonlocal batch
        everywhere = devices.replicate(key, mesh)
        batch = batch or largest_batch(
            program, source, mesh, lambda fetched: (states, fetched, everywhere)
        )
        parts = []
        for indices, fetched in batches(source, images, batch):
            summaries = program(states, devices.shard(fetched, mesh), everywhere)
            parts.append({n: np.asarray(s)[: len(indices)] for n, s in summaries.items()})
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return _check_finite(whole, images)

    return score


def summarizer(
    method: Method, acquisition: Acquisition, source: Source, mesh: Mesh
) -> Callable[[ScoringState, Tree, jax.Array], Mapping[str, jax.Array]]:
    """The program of a batch: (states, what was fetched, key) -> `[batch, max_regions, ...]`."""
    return devices.compile_for(mesh, _summaries, method, acquisition.summarize, source.materialize)


def _summaries(
    method: Method,
    summarize: Callable[..., Mapping[str, Array]],
    materialize: Callable[[Tree], Batch],
) -> Callable[[ScoringState, Tree, jax.Array], dict[str, Array]]:
    def summaries(states: ScoringState, fetched: Tree, key: jax.Array) -> dict[str, Array]:
        images = materialize(fetched)
        # By the image, not by the batch: what it draws does not depend on what else is scored.
        keys = jax.vmap(partial(jax.random.fold_in, key))(images.index)
        return dict(summarize(method, states, images, keys))

    return summaries


def images_to_score(
    acquisition: Acquisition, open_regions: np.ndarray, *, skip: Collection[int] = ()
) -> np.ndarray:
    """The images of the pool that an acquisition function looks at.

    Args:
      acquisition: looks at those with an open region, or at all.
      open_regions: bool `[images, max_regions]`: what can be chosen.
      skip: images that are left out in any case.

    Returns:
      Their indices; none where nothing can be chosen.
    """
    wanted = np.asarray(open_regions.any(axis=1))
    if acquisition.looks_at == "all":
        wanted = np.full(len(wanted), wanted.any())
    wanted[list(skip)] = False
    return np.flatnonzero(wanted)


def over_pool(
    summaries: Mapping[str, np.ndarray], images: np.ndarray, count: int
) -> dict[str, np.ndarray]:
    """Summaries of some images as arrays over the whole pool of `count`, 0 in all others."""
    whole = {n: np.zeros((count, *part.shape[1:]), part.dtype) for n, part in summaries.items()}
    for name, part in summaries.items():
        whole[name][images] = part
    return whole


def largest_batch(
    program: Callable[..., Any], source: Source, mesh: Mesh, arguments: Callable[[Tree], tuple]
) -> int:
    """The largest batch, a power of two for each device, that needs a quarter of its memory.

    The compiler says what a batch needs, and nothing is run; networks and images that lie on the
    device anyway are not counted. How many images there are to score does not matter: a run that
    was interrupted may find the batch in a later cycle, and has to find the same one.

    Args:
      program: what is run on a batch.
      source: of its images.
      mesh: of devices.
      arguments: those of the program, given what was fetched.
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


def _check_finite(summaries: dict[str, np.ndarray], images: np.ndarray) -> dict[str, np.ndarray]:
    finite = np.ones(len(images), bool)
    for summary in summaries.values():
        finite &= np.isfinite(summary).reshape(len(images), -1).all(axis=1)
    if not finite.all():
        raise NonFiniteScores(images[~finite])
    return summaries

"""Core-set selection by mean features of regions, in one file as a plug-in is. Not a test."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from s4al_jax.acquisition.pooling import region_means
from s4al_jax.ops.resize import bilinear_align_corners
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import (
    UNLABELED,
    Acquisition,
    Array,
    Batch,
    Budget,
    Method,
    PoolState,
    RegionRef,
    ScoringState,
)


def k_center(regions: Regions, *, network: str = "") -> Acquisition:
    """Chooses regions by the mean of their features."""

    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: Array
    ) -> dict[str, Array]:
        variables = getattr(states.task, network or method.networks[-1])
        coarse = method.predict(variables, batch.image).features
        features = bilinear_align_corners(coarse, batch.label.shape[1:])
        embedding = region_means(features, batch, regions, include_annotated=True)
        is_open = region_means((batch.label == UNLABELED).astype(jnp.float32), batch, regions)
        return {"embedding": embedding, "score": is_open * jnp.linalg.norm(embedding, axis=-1)}

    return Acquisition(summarize=summarize, select=farthest_first, looks_at="all")


def farthest_first(
    summaries: Mapping[str, np.ndarray], pool: PoolState, budget: Budget, rng: np.random.Generator
) -> list[RegionRef]:
    """One region after the other, each the farthest from all that are labeled or chosen."""
    embedding, ties, left = summaries["embedding"], rng.random(pool.open.shape), budget.pixels
    distance, waiting = np.full(pool.open.shape, np.inf), pool.open.copy()
    for center in embedding[pool.labeled]:
        distance = np.minimum(distance, np.linalg.norm(embedding - center, axis=-1))
    chosen: list[RegionRef] = []
    while (waiting := waiting & (left is None or pool.costs <= left)).any():
        farthest = np.where(waiting, distance, -1.0)
        first = int(np.lexsort((ties.ravel(), -farthest.ravel()))[0])
        best = RegionRef(*divmod(first, ties.shape[1]))
        chosen.append(best)
        waiting[best] = False
        waiting[best.image] &= [one.image for one in chosen].count(best.image) != budget.per_image
        left = None if left is None else left - int(pool.costs[best])
        distance = np.minimum(distance, np.linalg.norm(embedding - embedding[best], axis=-1))
    return sorted(chosen)

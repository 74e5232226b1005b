"""Acquisition functions of how uncertain a network is, and the random one they are held against."""

import jax
import jax.numpy as jnp

from s4al_jax.acquisition import scores
from s4al_jax.acquisition.pooling import region_means, region_sums
from s4al_jax.acquisition.scores import PixelScore
from s4al_jax.acquisition.select import by_score
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, Acquisition, Array, Batch, InputError, Method, ScoringState


def entropy(regions: Regions, *, network: str = "") -> Acquisition:
    """Chooses regions in which the predicted distribution has the highest mean entropy."""
    return uncertainty(scores.entropy, regions, network=network)


def least_confidence(regions: Regions, *, network: str = "") -> Acquisition:
    """Chooses regions in which the most likely class has the lowest mean probability."""
    return uncertainty(scores.least_confidence, regions, network=network)


def margin(regions: Regions, *, network: str = "") -> Acquisition:
    """Chooses regions in which the two most likely classes are closest on average."""
    return uncertainty(scores.margin, regions, network=network)


def random(regions: Regions, *, network: str = "") -> Acquisition:
    """Chooses regions uniformly at random; no network is run.

    It has the option `network`, as the others have, so that their options fit it, too.
    """
    check_network(network)

    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: Array
    ) -> dict[str, Array]:
        # One number a region: a mean over pixels would vary less in a large region than in a small.
        draws = jax.vmap(lambda key: jax.random.uniform(key, (regions.max_regions,)))(keys)
        open_pixels = (batch.label == UNLABELED).astype(jnp.float32)
        is_open = region_sums(open_pixels, batch, regions) > 0
        return {"score": jnp.where(is_open, draws, 0.0)}

    return Acquisition(summarize=summarize, select=by_score)


def uncertainty(pixel_score: PixelScore, regions: Regions, *, network: str) -> Acquisition:
    """Chooses regions in which a network is least certain, on average over their pixels.

    Args:
      pixel_score: logits `[batch, height, width, classes]` -> float32 `[batch, height, width]`,
        the higher the less certain.
      regions: what can be chosen.
      network: whose logits: "student" or "teacher"; empty: the network that the method prefers.

    Returns:
      An acquisition whose only summary is "score"; pixels that are annotated already count as 0.
    """
    check_network(network)

    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: Array
    ) -> dict[str, Array]:
        name = network or method.networks[-1]
        if name not in method.networks:
            trained = " or ".join(map(repr, method.networks))
            raise InputError(f"this method trains no {name!r} network to score with: use {trained}")
        logits = method.predict(getattr(states.task, name), batch.image).logits
        return {"score": region_means(pixel_score(logits), batch, regions)}

    return Acquisition(summarize=summarize, select=by_score)


def check_network(name: str) -> None:
    """Refuse a network that no method has; whether this one does is seen when it is built."""
    if name not in ("", "student", "teacher"):
        raise InputError(f"there is no network {name!r} to score with: use 'student' or 'teacher'")

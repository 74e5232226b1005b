"""What is minimized: cross-entropy on true labels, and on pseudo-labels weighted by their trust.

A pixel counts when its label is a class id; `VOID` and `UNLABELED` are left out. Where nothing
counts, a loss is 0 and so is its gradient.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float, UInt8

from s4al_jax.types import UNLABELED, VOID

SumOver = Callable[..., jax.Array]
"""(function, logits, *maps) -> the sum of function(logits, *maps), at once or in bands of rows"""


def sum_whole(function: Callable[..., jax.Array], logits: jax.Array, *maps: jax.Array) -> jax.Array:
    """The plain way to sum over logits of full size."""
    return function(logits, *maps)


def cross_entropy(
    logits: Float[jax.Array, "b h w k"], labels: UInt8[jax.Array, "b h w"]
) -> Float[jax.Array, "b h w"]:
    """Each pixel's cross-entropy; 0 where the label is no class."""
    logits = logits.astype(jnp.float32)
    classes = jnp.arange(logits.shape[-1], dtype=labels.dtype)
    # comparing is cheaper than a gather, whose gradient is a scatter
    named = labels[..., None] == classes[None, None, None, :]
    own = jnp.where(named, logits, 0.0).sum(-1)
    return jnp.where(named.any(-1), jax.nn.logsumexp(logits, axis=-1) - own, 0.0)


def weighted_cross_entropy(
    logits: Float[jax.Array, "b h w k"],
    labels: UInt8[jax.Array, "b h w"],
    weights: Float[jax.Array, "b h w"],
) -> Float[jax.Array, ""]:
    """The sum of all pixels' cross-entropy, each times its weight."""
    return jnp.sum(weights * cross_entropy(logits, labels))


def supervised_loss(
    logits: Float[jax.Array, "b h2 w2 k"],
    labels: UInt8[jax.Array, "b h w"],
    sum_over: SumOver = sum_whole,
) -> Float[jax.Array, ""]:
    """Mean cross-entropy over all pixels of the batch that have a class."""
    counted = (labels < logits.shape[-1]).astype(jnp.float32)
    total = sum_over(weighted_cross_entropy, logits, labels, counted)
    return total / jnp.maximum(counted.sum(), 1.0)


def pseudo_labels(
    logits: Float[jax.Array, "b h w k"], known: UInt8[jax.Array, "b h w"]
) -> tuple[UInt8[jax.Array, "b h w"], Float[jax.Array, "b h w"]]:
    """The teacher's class and its probability; the truth and 1 where a person has said it.

    Where a person said that it is no class, the label is `VOID` and the confidence 0.
    """
    logits = logits.astype(jnp.float32)
    guess = jnp.argmax(logits, axis=-1).astype(jnp.uint8)
    sureness = jnp.exp(logits.max(-1) - jax.nn.logsumexp(logits, axis=-1))
    asked = known != UNLABELED
    told = (known < logits.shape[-1]).astype(jnp.float32)
    return jnp.where(asked, known, guess), jnp.where(asked, told, sureness)


def eta(
    labels: UInt8[jax.Array, "b h w"], confidence: Float[jax.Array, "b h w"], threshold: float
) -> Float[jax.Array, " b"]:
    """For each image, the share of its valid pixels with a confidence above the threshold."""
    valid = labels != VOID
    sure = (valid & (confidence > threshold)).sum((1, 2)).astype(jnp.float32)
    return sure / jnp.maximum(valid.sum((1, 2)), 1).astype(jnp.float32)


def pseudo_label_loss(
    logits: Float[jax.Array, "b h2 w2 k"],
    labels: UInt8[jax.Array, "b h w"],
    confidence: Float[jax.Array, "b h w"],
    *,
    threshold: float,
    confidence_weighting: bool,
    sum_over: SumOver = sum_whole,
) -> tuple[Float[jax.Array, ""], Float[jax.Array, ""]]:
    """Mean of eta x confidence x cross-entropy over all valid pixels (Eqn. 5), and the mean eta.

    Without `confidence_weighting` the confidence is left out of the product (Eqn. 3 and 4).
    """
    share = eta(labels, confidence, threshold)
    counted = (labels < logits.shape[-1]).astype(jnp.float32)
    weights = share[:, None, None] * (confidence * counted if confidence_weighting else counted)
    total = sum_over(weighted_cross_entropy, logits, labels, weights)
    return total / jnp.maximum(counted.sum(), 1.0), share.mean()

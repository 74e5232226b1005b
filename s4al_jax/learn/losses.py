"""What is minimised: cross-entropy on true labels, and on pseudo-labels weighted by their trust.

A pixel counts when its label is a class id; `VOID` and `UNLABELED` are left out. Where nothing
counts, a loss is 0 and so is its gradient.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, UInt8

from s4al_jax.types import UNLABELED, VOID


def masked_mean(
    values: Float[jax.Array, "*shape"], mask: Bool[jax.Array, "*shape"]
) -> Float[jax.Array, ""]:
    """The mean of the values where the mask is on; 0 where it is on nowhere."""
    count = jnp.maximum(mask.sum(), 1).astype(jnp.float32)
    return jnp.where(mask, values, 0.0).sum() / count


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


def supervised_loss(
    logits: Float[jax.Array, "b h w k"], labels: UInt8[jax.Array, "b h w"]
) -> Float[jax.Array, ""]:
    """Mean cross-entropy over all pixels of the batch that have a class."""
    return masked_mean(cross_entropy(logits, labels), labels < logits.shape[-1])


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
    logits: Float[jax.Array, "b h w k"],
    labels: UInt8[jax.Array, "b h w"],
    confidence: Float[jax.Array, "b h w"],
    *,
    threshold: float,
    confidence_weighting: bool,
) -> tuple[Float[jax.Array, ""], Float[jax.Array, ""]]:
    """Mean of eta x confidence x cross-entropy over all valid pixels (Eqn. 5), and the mean eta.

    Without `confidence_weighting` the confidence is left out of the product (Eqn. 3 and 4).
    """
    share = eta(labels, confidence, threshold)
    loss = share[:, None, None] * cross_entropy(logits, labels)
    if confidence_weighting:
        loss = loss * confidence
    return masked_mean(loss, labels < logits.shape[-1]), share.mean()

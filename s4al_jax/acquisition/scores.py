"""How uncertain a network is about a pixel: one number from its logits."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float

PixelScore = Callable[[jax.Array], jax.Array]
"""logits `[batch, height, width, classes]` -> float32 `[batch, height, width]`"""


def least_confidence(logits: Float[jax.Array, "b h w k"]) -> Float[jax.Array, "b h w"]:
    """1 - p1: how far the likeliest class is from certain."""
    return 1.0 - jnp.max(_probabilities(logits), axis=-1)


def entropy(logits: Float[jax.Array, "b h w k"]) -> Float[jax.Array, "b h w"]:
    """-Σ p log p in nats; finite where a probability is 0."""
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    return -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)


def entropy_share(logits: Float[jax.Array, "b h w k"]) -> Float[jax.Array, "b h w"]:
    """Entropy as a share of the largest that there can be; 0 where there is one class only."""
    return entropy(logits) / max(math.log(logits.shape[-1]), 1e-9)


def margin(logits: Float[jax.Array, "b h w k"]) -> Float[jax.Array, "b h w"]:
    """1 - (p1 - p2): how close the second likeliest class comes to the likeliest."""
    p = _probabilities(logits)
    is_first = jax.nn.one_hot(jnp.argmax(p, axis=-1), p.shape[-1], dtype=bool)
    second = jnp.max(jnp.where(is_first, 0.0, p), axis=-1)
    return 1.0 - (jnp.max(p, axis=-1) - second)


def _probabilities(logits: Float[jax.Array, "b h w k"]) -> Float[jax.Array, "b h w k"]:
    return jax.nn.softmax(logits.astype(jnp.float32), axis=-1)

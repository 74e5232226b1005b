"""How unsure a network is: one number per pixel from its logits, one per cell from its pixels."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
from jaxtyping import Float, UInt8

from s4al_jax.regions import RegionGrid
from s4al_jax.types import UNLABELED

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


def cell_means(
    pixel_scores: Float[jax.Array, "b h w"], known: UInt8[jax.Array, "b h w"], grid: RegionGrid
) -> Float[jax.Array, "b rows cols"]:
    """Each cell's mean over the pixels it truly has; those already annotated count 0."""
    open_scores = jnp.where(known == UNLABELED, pixel_scores, 0.0)
    return cell_sums(open_scores, grid) / jnp.asarray(grid.costs, jnp.float32)[None]


def cell_sums(
    pixels: Float[jax.Array, "b h w"], grid: RegionGrid
) -> Float[jax.Array, "b rows cols"]:
    """The sum over each cell; the cells at the lower and right edge may be smaller."""
    below = grid.rows * grid.cell_height - grid.height
    beside = grid.cols * grid.cell_width - grid.width
    padded = jnp.pad(pixels, ((0, 0), (0, below), (0, beside)))
    shape = (pixels.shape[0], grid.rows, grid.cell_height, grid.cols, grid.cell_width)
    return padded.reshape(shape).sum(axis=(2, 4))


def _probabilities(logits: Float[jax.Array, "b h w k"]) -> Float[jax.Array, "b h w k"]:
    return jax.nn.softmax(logits.astype(jnp.float32), axis=-1)


PIXEL_SCORES: Mapping[str, PixelScore] = MappingProxyType(
    {"least_confidence": least_confidence, "entropy": entropy, "margin": margin}
)
"""The scores that a configuration can name."""

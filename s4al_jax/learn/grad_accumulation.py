"""Gradient accumulation: a batch too large for one pass, in microbatches whose gradients add up.

Every view is made and labeled by the teacher before it is cut, and each microbatch counts by its
share of the pixels, so the sum is the large batch's gradient wherever images are treated one by
one. Batch normalization is the exception: it normalizes each microbatch by its own statistics.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from s4al_jax.learn.augment import View
from s4al_jax.types import Tree


class Share(NamedTuple):
    """What a microbatch is of its batch."""

    pixels: Sequence[Any]
    """for each view, of the pixels that have a class"""
    images: float


LossParts = tuple[jax.Array, tuple[Tree, dict[str, jax.Array]]]
"""loss, (the network's statistics after the pass, summands of the metrics)"""

Objective = Callable[..., LossParts]
"""(params, statistics, views, key, share) -> loss and metrics, weighted by the share"""


def accumulated_gradient(
    objective: Objective,
    params: Tree,
    statistics: Tree,
    views: Sequence[View],
    key: jax.Array,
    *,
    microbatches: int,
    num_classes: int,
) -> tuple[Tree, tuple[Tree, dict[str, jax.Array]]]:
    """The objective's gradient, summed over microbatches of the views.

    Args:
      objective: see `Objective`; its loss and metrics are already weighted by the share.
      params: what is differentiated.
      statistics: what else the network holds; a microbatch goes on from those of the one before.
      views: what the network sees, `[batch, ...]` each.
      key: each microbatch has a key of its own.
      microbatches: how many; it divides every batch.
      num_classes: labels below it are classes.

    Returns:
      The gradient, and (statistics after the last microbatch, metrics).
    """
    grad = jax.grad(objective, has_aux=True)
    if microbatches == 1:
        whole = Share(pixels=(1.0,) * len(views), images=1.0)
        return grad(params, statistics, views, key, whole)
    cut = [jax.tree.map(lambda leaf: _cut(leaf, microbatches), view) for view in views]
    pixels = [_shares(view.label < num_classes) for view in cut]
    keys = jax.random.split(key, microbatches)

    def one(statistics: Tree, index: jax.Array) -> tuple[Tree, tuple[Tree, dict[str, jax.Array]]]:
        part = jax.tree.map(lambda leaf: leaf[index], cut)
        share = Share(pixels=[share[index] for share in pixels], images=1 / microbatches)
        return grad(params, statistics, part, keys[index], share)

    def add(total: Tree, index: jax.Array) -> tuple[Tree, None]:
        sums, statistics = total
        grads, (statistics, metrics) = one(statistics, index)
        return (jax.tree.map(jnp.add, sums, (grads, metrics)), statistics), None

    grads, (_, metrics) = jax.eval_shape(one, statistics, jnp.int32(0))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (grads, metrics))
    ((grads, metrics), statistics), _ = jax.lax.scan(
        add, (zeros, statistics), jnp.arange(microbatches)
    )
    return grads, (statistics, metrics)


def _cut(leaf: jax.Array, microbatches: int) -> jax.Array:
    """`[batch, ...]` as `[microbatches, ...]`, each with rows of every device."""
    return jnp.swapaxes(leaf.reshape(-1, microbatches, *leaf.shape[1:]), 0, 1)


def _shares(counted: jax.Array) -> jax.Array:
    counts = counted.sum((1, 2, 3)).astype(jnp.float32)
    return counts / jnp.maximum(counts.sum(), 1.0)

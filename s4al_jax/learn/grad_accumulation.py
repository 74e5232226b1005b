"""A batch too large for one pass, in parts: their gradients add up to that of the whole batch.

Every view is made and labeled by the teacher before it is cut, and each part counts by its share
of the pixels, so the sum is the large batch's gradient wherever images are treated one by one.
Batch normalization does not: it normalizes each part by the part's own statistics.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from s4al_jax.learn.augment import View
from s4al_jax.types import Tree


class Share(NamedTuple):
    """What a part is of its batch."""

    pixels: Sequence[Any]
    """for each view, of the pixels that have a class"""
    images: float


Objective = Callable[..., tuple[jax.Array, tuple[Tree, dict[str, jax.Array]]]]
"""(params, statistics, views, key, share) -> loss, (statistics, summands of the metrics)"""


def accumulated_gradient(
    objective: Objective,
    params: Tree,
    statistics: Tree,
    views: Sequence[View],
    key: jax.Array,
    *,
    parts: int,
    num_classes: int,
) -> tuple[Tree, tuple[Tree, dict[str, jax.Array]]]:
    """The objective's gradient over so many parts of the views, and (statistics, metrics) after."""
    slope_of = jax.grad(objective, has_aux=True)
    if parts == 1:
        whole = Share(pixels=(1.0,) * len(views), images=1.0)
        return slope_of(params, statistics, views, key, whole)
    cut = [jax.tree.map(lambda leaf: _cut(leaf, parts), view) for view in views]
    pixels = [_shares(view.label < num_classes) for view in cut]
    keys = jax.random.split(key, parts)

    def one(statistics: Tree, index: jax.Array) -> tuple[Tree, tuple[Tree, dict[str, jax.Array]]]:
        part = jax.tree.map(lambda leaf: leaf[index], cut)
        share = Share(pixels=[share[index] for share in pixels], images=1 / parts)
        return slope_of(params, statistics, part, keys[index], share)

    def added(total: Tree, index: jax.Array) -> tuple[Tree, None]:
        sums, statistics = total
        slope, (statistics, metrics) = one(statistics, index)
        return (jax.tree.map(jnp.add, sums, (slope, metrics)), statistics), None

    slope, (_, metrics) = jax.eval_shape(one, statistics, jnp.int32(0))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (slope, metrics))
    ((slope, metrics), statistics), _ = jax.lax.scan(added, (zeros, statistics), jnp.arange(parts))
    return slope, (statistics, metrics)


def _cut(leaf: jax.Array, parts: int) -> jax.Array:
    """`[batch, ...]` as `[parts, batch / parts, ...]`, every part with rows of every device."""
    return jnp.swapaxes(leaf.reshape(-1, parts, *leaf.shape[1:]), 0, 1)


def _shares(counted: jax.Array) -> jax.Array:
    counts = counted.sum((1, 2, 3)).astype(jnp.float32)
    return counts / jnp.maximum(counts.sum(), 1.0)

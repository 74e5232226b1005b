"""The random numbers that a network starts from."""

import math
from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from s4al_jax.types import Array, Tree

kaiming_normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""For a layer by itself; a whole network is drawn at once by `initial_variables`."""


def initial_variables(shapes: Tree, key: Array) -> Tree:
    """Kaiming-normal kernels (fan out), zero biases and means, unit scales and variances.

    What the layers' own initializers give, but from a single draw: XLA takes a quarter of a second
    to compile each draw of another shape, and a network has sixty of them.
    """
    found, tree = jax.tree_util.tree_flatten_with_path(shapes)
    leaves = [(str(path[-1].key), leaf) for path, leaf in found]
    sizes = [leaf.size for name, leaf in leaves if name == "kernel"]
    draws = iter(lax.split(jax.random.normal(key, (sum(sizes),)), sizes))
    values = [_leaf(name, leaf, draws) for name, leaf in leaves]
    return jax.tree.unflatten(tree, values)


def _leaf(name: str, leaf: jax.ShapeDtypeStruct, draws: Iterator[jax.Array]) -> jax.Array:
    if name == "kernel":
        fan_out = math.prod(leaf.shape) // leaf.shape[-2]
        return next(draws).reshape(leaf.shape) * math.sqrt(2 / fan_out)
    if name not in ("bias", "mean", "scale", "var"):
        raise ValueError(f"no rule for the initial value of {name!r}")
    return jnp.full(leaf.shape, name in ("scale", "var"), leaf.dtype)

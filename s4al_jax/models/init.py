"""The first values of a network's variables."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.module import InterceptorContext
from jax import lax

from s4al_jax.types import Array, Tree

kaiming_normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""For a layer by itself; those of a whole network are drawn at once by `initializer`."""


class StandardInit(nn.Module):
    """A layer with Kaiming-normal kernels, zero biases and means, unit scales and variances.

    It names its variables "kernel", "bias", "mean", "scale" and "var".
    """


def initializer(model: nn.Module, *args: Any, **kwargs: Any) -> Callable[[Array], Tree]:
    """A function from a random key to the variables of `model`.

    Layers that are a `StandardInit` get their kernels from a single draw: XLA takes a quarter of a
    second to compile a draw of each new shape, and a network has sixty kernels. The variables of
    all other modules come from the initializers that these modules bring.

    Args:
      model: the module.
      *args: what it is called with; shapes (`jax.ShapeDtypeStruct`) are enough.
      **kwargs: more of that, by name.
    """
    shapes, standard = _shapes(model, *args, **kwargs)
    found, tree = jax.tree_util.tree_flatten_with_path(shapes)
    # A path is the collection, the modules, and the variable's name, which stays empty here for
    # variables of other modules.
    paths = [tuple(str(step.key) for step in steps) for steps, _ in found]
    names = [path[-1] if path[1:-1] in standard else "" for path in paths]
    leaves = [(name, leaf) for name, (_, leaf) in zip(names, found, strict=True) if name]

    def variables(key: Array) -> Tree:
        values = _standard_values(key, leaves)
        others = [None] * len(names)
        if not all(names):
            # `lazy_init` runs initializers, but not the network.
            own = model.lazy_init({"params": jax.random.fold_in(key, 1)}, *args, **kwargs)
            others = jax.tree.leaves(own)
        together = zip(names, others, strict=True)
        return jax.tree.unflatten(tree, [next(values) if n else other for n, other in together])

    return variables


def _shapes(model: nn.Module, *args: Any, **kwargs: Any) -> tuple[Tree, frozenset[tuple[str, ...]]]:
    """The shapes of all variables, and the paths of the modules that are a `StandardInit`."""
    standard = set()

    def note(call: Any, args: Any, kwargs: Any, context: InterceptorContext) -> Any:
        if isinstance(context.module, StandardInit):
            standard.add(context.module.path)
        return call(*args, **kwargs)

    with nn.intercept_methods(note):
        shapes = jax.eval_shape(functools.partial(model.init, **kwargs), jax.random.key(0), *args)
    return shapes, frozenset(standard)


def _standard_values(
    key: Array, leaves: Sequence[tuple[str, jax.ShapeDtypeStruct]]
) -> Iterator[jax.Array]:
    """The first values of the variables with these names and shapes."""
    sizes = [leaf.size for name, leaf in leaves if name == "kernel"]
    draws = iter(lax.split(jax.random.normal(key, (sum(sizes),)), sizes) if sizes else ())
    for name, leaf in leaves:
        if name == "kernel":
            fan_out = math.prod(leaf.shape) // leaf.shape[-2]
            yield next(draws).reshape(leaf.shape) * math.sqrt(2 / fan_out)
        else:
            yield jnp.full(leaf.shape, name in ("scale", "var"), leaf.dtype)

"""The variables of a module as shapes, without computing anything."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def variable_shapes(model, image_size=(32, 32)):
    """The tree of a module's variables, with shapes for arrays."""
    image = jax.ShapeDtypeStruct((1, *image_size, 3), jnp.float32)
    return jax.eval_shape(functools.partial(model.init, groups=None), jax.random.key(0), image)


def drawn(shapes, seed=0):
    """Variables of these shapes, without compiling initializers: noise, and factors above 1."""
    rng = np.random.default_rng(seed)

    def draw(steps, leaf):
        noise = 0.3 * rng.normal(size=leaf.shape)
        return jnp.asarray(
            1 + abs(noise) if steps[-1].key in ("scale", "var") else noise, leaf.dtype
        )

    return jax.tree_util.tree_map_with_path(draw, shapes)

"""The variables of a module as shapes, without computing anything."""

import functools

import jax
import jax.numpy as jnp


def variable_shapes(model, image_size=(32, 32)):
    """The tree of a module's variables, with shapes for arrays."""
    image = jax.ShapeDtypeStruct((1, *image_size, 3), jnp.float32)
    return jax.eval_shape(functools.partial(model.init, groups=None), jax.random.key(0), image)

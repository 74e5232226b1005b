"""Stochastic gradient descent as PyTorch does it, and the polynomial learning rate.

The rate is not part of the optimizer: it depends on the progress of a cycle, which the step is
told, not on how often the optimizer was called.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from s4al_jax.types import InputError, Tree


def sgd(
    *, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 5e-4
) -> optax.GradientTransformation:
    """The direction of torch's SGD: decay added to the gradient, then momentum, then Nesterov.

    As in torch every parameter decays, also biases and the scales of normalization.
    """
    if not 0.0 <= momentum < 1.0:
        raise InputError(f"momentum is {momentum}: give a number from 0 to below 1")
    if weight_decay < 0.0:
        raise InputError(f"weight_decay is {weight_decay}: give 0 or more")
    return optax.chain(
        optax.add_decayed_weights(weight_decay), optax.trace(decay=momentum, nesterov=nesterov)
    )


def poly(
    *, base: float = 1e-2, power: float = 0.9, floor: float = 1e-6
) -> Callable[[jax.Array], Float[jax.Array, ""]]:
    """The learning rate `base * (1 - progress) ** power`, never below `floor`."""
    if power < 0.0:
        raise InputError(f"power is {power}: give 0 or more")
    if base <= 0.0 or not 0.0 <= floor <= base:
        raise InputError(
            f"learning rate from {base} to {floor}: give a base above 0 and a floor below it"
        )

    def learning_rate(progress: jax.Array) -> Float[jax.Array, ""]:
        left = jnp.clip(1.0 - jnp.asarray(progress, jnp.float32), 0.0, 1.0)
        return jnp.maximum(base * left**power, floor)

    return learning_rate


def apply_updates(params: Tree, direction: Tree, learning_rate: Float[jax.Array, ""]) -> Tree:
    """The parameters after one step against `direction`."""
    return jax.tree.map(lambda value, slope: value - learning_rate * slope, params, direction)

"""Optimizers from optax, and the polynomial learning rate.

The rate depends on the progress of a training, which a step is given, and not on how often the
optimizer was called: it is a hyperparameter that every step sets anew.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from s4al_jax.types import InputError, Tree

Rule = Callable[[Any], optax.GradientTransformation]
"""learning rate -> optax's transformation of gradients into updates"""

LayerDepth = Callable[[tuple[str, ...]], int]
"""path of a parameter below the backbone -> how deep its layer lies, from 0 next to the images"""


class Optimizer(NamedTuple):
    """How parameters move: two pure functions."""

    init: Callable[[Tree], Tree]
    """parameters -> the optimizer's state"""
    step: Callable[[Tree, Tree, Tree, jax.Array], tuple[Tree, Tree, jax.Array]]
    """(gradients, state, parameters, progress from 0 to 1) -> parameters, state, learning rate"""


def sgd(*, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 5e-4) -> Rule:
    """torch's SGD: decay added to the gradient, then momentum, then Nesterov.

    As in torch every parameter decays, biases and the scales of normalization included.
    """
    _check_share("momentum", momentum)
    _check_not_negative("weight_decay", weight_decay)
    return lambda learning_rate: optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.sgd(learning_rate, momentum=momentum, nesterov=nesterov),
    )


def adam(*, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Rule:
    """Adam without weight decay."""
    return adamw(b1=b1, b2=b2, eps=eps, weight_decay=0.0)


def adamw(
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    decays: str = "all",
) -> Rule:
    """Adam with decoupled weight decay.

    Args:
      b1: share of the old mean of gradients that a step keeps.
      b2: share of the old mean of their squares.
      eps: what is added to the root of that.
      weight_decay: how much of a parameter a step takes away, times the rate.
      decays: "all" parameters, as in torch; "kernels": those alone, as is usual where a transformer
        is tuned, and no biases, scales of normalization or positional embeddings.
    """
    _check_share("b1", b1)
    _check_share("b2", b2)
    _check_not_negative("weight_decay", weight_decay)
    if decays not in ("all", "kernels"):
        raise InputError(f"decays is {decays!r}: give all or kernels")
    if eps <= 0.0:
        # A parameter without a gradient would be divided 0 by 0.
        raise InputError(f"eps is {eps}: give more than 0")
    return lambda learning_rate: optax.adamw(
        learning_rate,
        b1=b1,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
        mask=None if decays == "all" else _kernels,
    )


def poly(
    *, base: float = 1e-2, power: float = 0.9, floor: float = 1e-6
) -> Callable[[jax.Array], Float[jax.Array, ""]]:
    """The learning rate `base * (1 - progress) ** power`, never below `floor`.

    `optax.polynomial_schedule` ends at its floor by another curve and counts its own steps.
    """
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


def optimizer(
    rule: Rule,
    learning_rate: Callable[[jax.Array], Float[jax.Array, ""]],
    *,
    backbone_factor: float = 1.0,
    layer_decay: float = 1.0,
    layer_depth: LayerDepth | None = None,
) -> Optimizer:
    """An optimizer whose rate follows the progress of a training.

    Args:
      rule: what makes updates of gradients, see `learn.registry`.
      learning_rate: progress from 0 to 1 -> rate.
      backbone_factor: what the rate is multiplied by for parameters below `backbone`.
      layer_decay: what it is multiplied by for those of the deepest layer besides, once more for
        the layer before, and so on, so that what lies near the images hardly moves.
      layer_depth: where parameters of the backbone lie; needed where `layer_decay` is not 1.
    """
    _check_not_negative("backbone_factor", backbone_factor)
    if not 0.0 < layer_decay <= 1.0:
        raise InputError(f"layer_decay is {layer_decay}: give a number above 0 and up to 1")
    if layer_decay < 1.0 and layer_depth is None:
        raise ValueError(f"layer_decay is {layer_decay}, but nothing says how deep layers lie")

    def transformation(learning_rate: Any) -> optax.GradientTransformation:
        if layer_depth is not None and layer_decay != 1.0:
            layers = _scale_layers(backbone_factor, layer_decay, layer_depth)
            return optax.chain(rule(learning_rate), layers)
        if backbone_factor == 1.0:
            return rule(learning_rate)
        return optax.chain(rule(learning_rate), _scale_backbone(backbone_factor))

    at_rate = optax.inject_hyperparams(transformation)(learning_rate=0.0)

    def step(
        grads: Tree, state: Tree, params: Tree, progress: jax.Array
    ) -> tuple[Tree, Tree, jax.Array]:
        rate = learning_rate(progress)
        state = state._replace(hyperparams={**state.hyperparams, "learning_rate": rate})
        updates, state = at_rate.update(grads, state, params)
        return optax.apply_updates(params, updates), state, rate

    return Optimizer(at_rate.init, step)


def _scale_backbone(factor: float) -> optax.GradientTransformation:
    def scale(updates: Tree, params: Tree | None = None) -> Tree:
        _require_backbone("backbone_factor", factor, updates)
        scaled = jax.tree.map(lambda update: factor * update, updates["backbone"])
        return {**updates, "backbone": scaled}

    return optax.stateless(scale)


def _scale_layers(
    factor: float, decay: float, layer_depth: LayerDepth
) -> optax.GradientTransformation:
    """As `_scale_backbone`, times `decay` once for each layer from a parameter's to the head."""

    def scale(updates: Tree, params: Tree | None = None) -> Tree:
        _require_backbone("layer_decay", decay, updates)
        depths = jax.tree_util.tree_map_with_path(
            lambda steps, _: layer_depth(tuple(step.key for step in steps)), updates["backbone"]
        )
        head = 1 + max(jax.tree.leaves(depths))
        scaled = jax.tree.map(
            lambda depth, update: factor * decay ** (head - depth) * update,
            depths,
            updates["backbone"],
        )
        return {**updates, "backbone": scaled}

    return optax.stateless(scale)


def _require_backbone(option: str, value: float, updates: Tree) -> None:
    if "backbone" not in updates:
        raise InputError(
            f"config.optimizer.{option} is {value}, but the network has no backbone "
            "of its own: leave it 1.0"
        )


def _kernels(params: Tree) -> Tree:
    """Which parameters are kernels: Flax's layers, and the project's, call them so."""
    return jax.tree_util.tree_map_with_path(lambda steps, _: str(steps[-1].key) == "kernel", params)


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise InputError(f"{name} is {value}: give a number from 0 to below 1")


def _check_not_negative(name: str, value: float) -> None:
    if value < 0.0:
        raise InputError(f"{name} is {value}: give 0 or more")

"""What the forward pass keeps for the gradient: everything, or only what is costly to recompute.

Between two convolutions lie a normalization and an activation, which take little arithmetic but as
much memory as the convolutions. With `remat` they are computed again instead of being kept.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name

_SAVED = "saved_for_backward"


def save_for_backward(x: jax.Array) -> jax.Array:
    """`x`, marked to be kept for the gradient even where `remat` recomputes all the rest."""
    return checkpoint_name(x, _SAVED)


def remat(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; its gradient keeps only what is marked by `save_for_backward`."""
    return jax.checkpoint(function, policy=jax.checkpoint_policies.save_only_these_names(_SAVED))

"""What the forward pass leaves for the backward one: everything, or what is dear to compute again.

Between two convolutions lie a normalization and a clamp, which cost little arithmetic and as much
memory as the convolutions. Recomputed, they need not be kept.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name

_DEAR = "dear"


def save_for_backward(x: jax.Array) -> jax.Array:
    """Mark what is kept even where all else is computed again."""
    return checkpoint_name(x, _DEAR)


def recompute_the_rest(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose gradient keeps only what is `save_for_backward` of the forward pass."""
    return jax.checkpoint(function, policy=jax.checkpoint_policies.save_only_these_names(_DEAR))

"""A backbone of two convolutions: what tests learn with that are not about the network."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.layers import Conv
from s4al_jax.ops.formulations import Formulations
from s4al_jax.ops.padding import Padding


class Plain(nn.Module):
    """Features at stride 4 and at stride 16."""

    features: int = 8
    padding: Padding = "symmetric"
    norm_eps: float = 1e-5
    norm_momentum: float = 0.9
    how: Formulations = Formulations()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, groups: Groups) -> tuple[jax.Array, jax.Array]:
        """(low-level features, high-level features)."""
        seen = []
        for index in range(2):
            x = Conv(
                self.features, 3, 4, 1, self.padding, self.how, self.dtype, name=f"conv_{index}"
            )(x)
            norm = BatchNorm(self.norm_eps, self.norm_momentum, self.dtype, name=f"norm_{index}")
            x = jax.nn.relu(norm(x, groups=groups))
            seen.append(x)
        return seen[0], seen[1]

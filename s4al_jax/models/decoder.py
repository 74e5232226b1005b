"""The decoder of DeepLabv3+: a 3x3 convolution of a coarse picture, enlarged, beside a fine one."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.init import kaiming_normal
from s4al_jax.ops.convolve import Formulation as Convolution
from s4al_jax.ops.convolve import convolve
from s4al_jax.ops.enlarge import Formulation, conv3x3_of_enlarged
from s4al_jax.ops.remat import save_for_backward


class Decoder(nn.Module):
    """A 3x3 convolution, batch normalization, ReLU."""

    features: int
    formulation: Formulation = "direct"
    convolution: Convolution = "direct"
    factors: Any = None
    norm_eps: float = 1e-5
    norm_momentum: float = 0.9
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        coarse: Float[jax.Array, "b h w c"],
        fine: Float[jax.Array, "b h2 w2 c2"],
        both: Float[jax.Array, "b h2 w2 c3"],
        *,
        groups: Groups,
    ) -> Float[jax.Array, "b h2 w2 f"]:
        """Of `both`, which is `coarse` enlarged with aligned corners, then `fine`, in channels."""
        how = (self.formulation, self.convolution, self.factors)
        x = PairConv(self.features, *how, self.dtype, name="conv")(coarse, fine, both)
        norm = BatchNorm(self.norm_eps, self.norm_momentum, self.dtype, name="norm")
        return jax.nn.relu(norm(x, groups=groups))


class PairConv(nn.Module):
    """The convolution of a `Decoder`, without bias; outside of the picture is 0."""

    features: int
    formulation: Formulation
    convolution: Convolution
    factors: Any
    dtype: Any

    @nn.compact
    def __call__(
        self,
        coarse: Float[jax.Array, "b h w c"],
        fine: Float[jax.Array, "b h2 w2 c2"],
        both: Float[jax.Array, "b h2 w2 c3"],
    ) -> Float[jax.Array, "b h2 w2 f"]:
        """Convolve."""
        shape = (3, 3, both.shape[-1], self.features)
        kernel = jnp.asarray(self.param("kernel", kaiming_normal, shape, jnp.float32), self.dtype)
        if self.formulation == "direct":
            return save_for_backward(self._conv3x3(both, kernel))
        first, second = jnp.split(kernel, [coarse.shape[-1]], axis=2)
        enlarged = conv3x3_of_enlarged(
            coarse.astype(self.dtype), first, fine.shape[1:3], self.factors
        )
        return save_for_backward(enlarged + self._conv3x3(fine, second))

    def _conv3x3(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        x, pads = x.astype(self.dtype), ((1, 1), (1, 1))
        return convolve(x, kernel, pads=pads, formulation=self.convolution, factors=self.factors)

"""Convolutions that pad as their pretrained weights are used to."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.init import kaiming_normal
from s4al_jax.ops.convolve import convolve
from s4al_jax.ops.depthwise import depthwise_conv3x3
from s4al_jax.ops.formulations import Formulations
from s4al_jax.ops.padding import Padding, margins
from s4al_jax.ops.remat import save_for_backward


class Depthwise(nn.Module):
    """A 3x3 convolution of each channel for itself."""

    stride: int
    dilation: int
    padding: Padding
    how: Formulations = Formulations()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h2 w2 c"]:
        """Convolve."""
        kernel = self.param("kernel", kaiming_normal, (3, 3, 1, x.shape[-1]), jnp.float32)
        y = depthwise_conv3x3(
            x.astype(self.dtype),
            jnp.asarray(kernel, self.dtype),
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            formulation=self.how.depthwise,
        )
        return save_for_backward(y)


class Conv(nn.Module):
    """A convolution, padded as its weights are used to; without a bias unless it is asked for."""

    features: int
    kernel_size: int
    stride: int
    dilation: int
    padding: Padding
    how: Formulations = Formulations()
    dtype: Any = jnp.float32
    bias: bool = False

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h2 w2 c2"]:
        """Convolve."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", kaiming_normal, shape, jnp.float32)
        pads = [
            margins(
                side,
                kernel=self.kernel_size,
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
            )
            for side in x.shape[1:3]
        ]
        y = convolve(
            x.astype(self.dtype),
            jnp.asarray(kernel, self.dtype),
            stride=self.stride,
            dilation=self.dilation,
            pads=(pads[0], pads[1]),
            formulation=self.how.convolution,
            factors=self.how.factors,
        )
        y = save_for_backward(y)
        if not self.bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y + jnp.asarray(bias, self.dtype)[None, None, None, :]

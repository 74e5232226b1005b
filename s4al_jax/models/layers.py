"""Convolutions that pad as their pretrained weights are used to."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.depthwise import Formulation, depthwise_conv3x3
from s4al_jax.models.padding import Padding, margins

kaiming_normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class Depthwise(nn.Module):
    """A 3x3 convolution of each channel for itself."""

    stride: int
    dilation: int
    padding: Padding
    formulation: Formulation
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h2 w2 c"]:
        """Convolve."""
        kernel = self.param("kernel", kaiming_normal, (3, 3, 1, x.shape[-1]), jnp.float32)
        return depthwise_conv3x3(
            x.astype(self.dtype),
            jnp.asarray(kernel, self.dtype),
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            formulation=self.formulation,
        )


class Conv(nn.Module):
    """A convolution without bias, padded as its weights are used to."""

    features: int
    kernel_size: int
    stride: int
    dilation: int
    padding: Padding
    dtype: Any = jnp.float32

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
        return jax.lax.conv_general_dilated(
            x.astype(self.dtype),
            jnp.asarray(kernel, self.dtype),
            window_strides=(self.stride, self.stride),
            padding=pads,
            rhs_dilation=(self.dilation, self.dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

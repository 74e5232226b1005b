"""Convolutions that pad and compute as a `ConvConfig` says."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.models.batch_norm import BatchNorm, Groups
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.init import StandardInit, kaiming_normal
from s4al_jax.ops.convolve import convolve
from s4al_jax.ops.depthwise import depthwise_conv3x3
from s4al_jax.ops.padding import Padding, pad_widths
from s4al_jax.ops.remat import save_for_backward


class Conv(StandardInit):
    """A convolution; without a bias unless one is asked for."""

    features: int
    kernel_size: int = 1
    stride: int = 1
    dilation: int = 1
    bias: bool = False
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h2 w2 c2"]:
        """The convolved images, `features` channels each."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", kaiming_normal, shape, jnp.float32)
        pads = pad_widths(
            x.shape[1:3],
            kernel=self.kernel_size,
            stride=self.stride,
            dilation=self.dilation,
            padding=self.conv.padding,
        )
        y = convolve(
            x.astype(self.conv.dtype),
            jnp.asarray(kernel, self.conv.dtype),
            stride=self.stride,
            dilation=self.dilation,
            pads=pads,
            formulation=self.conv.formulations.convolution,
            matmul_dtype=self.conv.matmul_dtype,
        )
        y = save_for_backward(y)
        if not self.bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y + jnp.asarray(bias, self.conv.dtype)[None, None, None, :]


class Depthwise(StandardInit):
    """A 3x3 convolution of each channel with a kernel of its own."""

    stride: int = 1
    dilation: int = 1
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(self, x: Float[jax.Array, "b h w c"]) -> Float[jax.Array, "b h2 w2 c"]:
        """The convolved images."""
        kernel = self.param("kernel", kaiming_normal, (3, 3, 1, x.shape[-1]), jnp.float32)
        y = depthwise_conv3x3(
            x.astype(self.conv.dtype),
            jnp.asarray(kernel, self.conv.dtype),
            stride=self.stride,
            dilation=self.dilation,
            padding=self.conv.padding,
            formulation=self.conv.formulations.depthwise,
        )
        return save_for_backward(y)


class ConvNormReLU(nn.Module):
    """Convolution at stride 1, batch normalization, ReLU."""

    features: int
    kernel_size: int = 1
    dilation: int = 1
    conv: ConvConfig = ConvConfig()

    @nn.compact
    def __call__(
        self, x: Float[jax.Array, "b h w c"], *, groups: Groups
    ) -> Float[jax.Array, "b h w c2"]:
        """The three in a row."""
        shape = (self.features, self.kernel_size)
        x = Conv(*shape, dilation=self.dilation, conv=self.conv, name="conv")(x)
        x = BatchNorm(self.conv, name="norm")(x, groups=groups)
        return jax.nn.relu(x)


def max_pool3x3(x: Float[jax.Array, "b h w c"], padding: Padding) -> Float[jax.Array, "b h2 w2 c"]:
    """The largest of 3x3 pixels, at stride 2; what lies outside of the image is left out."""
    pads = pad_widths(x.shape[1:3], kernel=3, stride=2, dilation=1, padding=padding)
    return nn.max_pool(x, (3, 3), (2, 2), pads)

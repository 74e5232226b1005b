"""A convolution of each channel with a square kernel of its own, in two formulations.

On a CPU, training with XLA's grouped convolution takes three times as long as with shifted copies
of the image, one for each tap of the kernel, each times one weight per channel. Both give the same
numbers.
"""

import functools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from s4al_jax.ops.padding import Padding, PadWidths, pad_widths
from s4al_jax.ops.windows import windows, zero_pad

Formulation = Literal["shifted", "grouped"]


def preferred_formulation(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu")."""
    return "shifted" if platform == "cpu" else "grouped"


def depthwise_conv(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "k k 1 c"],
    *,
    stride: int,
    dilation: int,
    padding: Padding,
    formulation: Formulation,
) -> Float[jax.Array, "b h2 w2 c"]:
    """Each channel of `x` correlated with its own kernel, whose side is odd."""
    pads = pad_widths(
        x.shape[1:3], kernel=len(kernel), stride=stride, dilation=dilation, padding=padding
    )
    if formulation == "shifted":
        return _shift(x, kernel, stride, dilation, pads)
    if formulation != "grouped":
        raise ValueError(f"formulation is 'shifted' or 'grouped', not {formulation!r}")
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=pads,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _shift(
    x: jax.Array, kernel: jax.Array, stride: int, dilation: int, pads: PadWidths
) -> jax.Array:
    return _weighted_sum(zero_pad(x, pads), kernel, stride=stride, dilation=dilation)


def _forward(
    x: jax.Array, kernel: jax.Array, stride: int, dilation: int, pads: PadWidths
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _shift(x, kernel, stride, dilation, pads), (x, kernel)


def _backward(
    stride: int,
    dilation: int,
    pads: PadWidths,
    saved: tuple[jax.Array, jax.Array],
    grad: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    return (
        _input_gradient(grad, kernel, x.shape[1:3], stride=stride, dilation=dilation, pads=pads),
        _kernel_gradient(grad, zero_pad(x, pads), len(kernel), stride=stride, dilation=dilation),
    )


_shift.defvjp(_forward, _backward)


def _input_gradient(
    grad: jax.Array,
    kernel: jax.Array,
    size: Sequence[int],
    *,
    stride: int,
    dilation: int,
    pads: PadWidths,
) -> jax.Array:
    """`grad`, dilated by the stride, correlated with the flipped kernel."""
    reach = (len(kernel) - 1) * dilation
    edges = []
    for side, steps, (low, _) in zip(size, grad.shape[1:3], pads, strict=True):
        # The far side also gets the rows that the stride never reached.
        edges.append((reach - low, side + low - (steps - 1) * stride - 1, stride - 1))
    zero = jnp.zeros((), grad.dtype)
    dilated = lax.pad(grad, zero, [(0, 0, 0), *edges, (0, 0, 0)])
    return _weighted_sum(dilated, kernel[::-1, ::-1], stride=1, dilation=dilation)


def _kernel_gradient(
    grad: jax.Array, x: jax.Array, side: int, *, stride: int, dilation: int
) -> jax.Array:
    by_tap = [part * grad for part in windows(x, (side, side), stride=stride, dilation=dilation)]
    # Two reductions, the first over columns for all taps at once: a single reduction over
    # several axes, or one for each tap, is two to three times slower on a CPU.
    zeros = [jnp.zeros((), grad.dtype)] * len(by_tap)
    by_row = lax.reduce(by_tap, zeros, lambda a, b: jax.tree.map(jnp.add, a, b), (2,))
    return jnp.sum(jnp.stack(by_row), axis=(1, 2)).reshape(side, side, 1, -1)


def _weighted_sum(x: jax.Array, kernel: jax.Array, *, stride: int, dilation: int) -> jax.Array:
    total = jnp.zeros((), x.dtype)
    taps = windows(x, kernel.shape[:2], stride=stride, dilation=dilation)
    for part, weight in zip(taps, kernel.reshape(len(taps), 1, 1, 1, -1), strict=True):
        total = total + part * weight
    return total

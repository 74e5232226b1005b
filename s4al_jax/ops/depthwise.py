"""A 3x3 convolution of each channel with a kernel of its own, in two formulations.

XLA's grouped convolution is slow on CPU, three times slower in training than nine shifted copies
of the image, each times one weight per channel. Both give the same numbers.
"""

import functools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from s4al_jax.ops.padding import Margins, Padding, margins
from s4al_jax.ops.windows import padded, windows

Formulation = Literal["shifted", "grouped"]


def preferred(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu")."""
    return "shifted" if platform == "cpu" else "grouped"


def depthwise_conv3x3(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "3 3 1 c"],
    *,
    stride: int,
    dilation: int,
    padding: Padding,
    formulation: Formulation,
) -> Float[jax.Array, "b h2 w2 c"]:
    """Each channel of `x` correlated with its own 3x3 kernel."""
    pads = tuple(
        margins(side, kernel=3, stride=stride, dilation=dilation, padding=padding)
        for side in x.shape[1:3]
    )
    if formulation == "shifted":
        return _shifted(x, kernel, stride, dilation, (pads[0], pads[1]))
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
def _shifted(
    x: jax.Array, kernel: jax.Array, stride: int, dilation: int, pads: Margins
) -> jax.Array:
    return _weighted_sum(padded(x, pads), kernel, stride=stride, dilation=dilation)


def _forward(
    x: jax.Array, kernel: jax.Array, stride: int, dilation: int, pads: Margins
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _shifted(x, kernel, stride, dilation, pads), (x, kernel)


def _backward(
    stride: int,
    dilation: int,
    pads: Margins,
    saved: tuple[jax.Array, jax.Array],
    grad: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    return (
        _input_gradient(grad, kernel, x.shape[1:3], stride=stride, dilation=dilation, pads=pads),
        _kernel_gradient(grad, padded(x, pads), stride=stride, dilation=dilation),
    )


_shifted.defvjp(_forward, _backward)


def _input_gradient(
    grad: jax.Array,
    kernel: jax.Array,
    size: Sequence[int],
    *,
    stride: int,
    dilation: int,
    pads: Margins,
) -> jax.Array:
    """The gradient, spread out by the stride, correlated with the flipped kernel."""
    reach = 2 * dilation
    edges = []
    for side, spread, (low, _) in zip(size, grad.shape[1:3], pads, strict=True):
        # What is left on the far side includes the rows that the stride never reached.
        edges.append((reach - low, side + low - (spread - 1) * stride - 1, stride - 1))
    zero = jnp.zeros((), grad.dtype)
    spread_out = lax.pad(grad, zero, [(0, 0, 0), *edges, (0, 0, 0)])
    return _weighted_sum(spread_out, kernel[::-1, ::-1], stride=1, dilation=dilation)


def _kernel_gradient(grad: jax.Array, x: jax.Array, *, stride: int, dilation: int) -> jax.Array:
    seen = [part * grad for part in windows(x, (3, 3), stride=stride, dilation=dilation)]
    # In two reductions, the first of all nine at once and along rows: over more than one axis,
    # or one tap after the other, it is two to three times slower on CPU.
    zeros = [jnp.zeros((), grad.dtype)] * len(seen)
    by_row = lax.reduce(seen, zeros, lambda a, b: jax.tree.map(jnp.add, a, b), (2,))
    return jnp.sum(jnp.stack(by_row), axis=(1, 2)).reshape(3, 3, 1, -1)


def _weighted_sum(x: jax.Array, kernel: jax.Array, *, stride: int, dilation: int) -> jax.Array:
    total = jnp.zeros((), x.dtype)
    seen = windows(x, (3, 3), stride=stride, dilation=dilation)
    for part, weight in zip(seen, kernel.reshape(9, 1, 1, 1, -1), strict=True):
        total = total + part * weight
    return total

"""Convolution in two formulations that give the same numbers: XLA's own, and matrix products.

On a CPU, XLA computes the gradient of a kernel as a convolution whose window is as large as the
image, up to sixteen times slower than the same sums as matrix products. It also multiplies all the
zeros around the image: at 23x30 pixels and a dilation of 18, only 29 % of the products are left to
compute without them. And it is slow for the three input channels of a color image.
"""

import functools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.ops.matmul import matmul, rounded_matmul
from s4al_jax.ops.padding import PadWidths
from s4al_jax.ops.windows import windows, zero_pad

Formulation = Literal["direct", "matmul"]


def preferred_formulation(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu"), as far as it was measured."""
    return "matmul" if platform == "cpu" else "direct"


def convolve(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "k k c f"],
    *,
    stride: int = 1,
    dilation: int = 1,
    pads: PadWidths,
    formulation: Formulation = "direct",
    matmul_dtype: Any = None,
) -> Float[jax.Array, "b h2 w2 f"]:
    """`x` with zeros around it, correlated with the kernel.

    Args:
      x: the images.
      kernel: height, width, input channels, output channels.
      stride: step of the kernel from one output pixel to the next.
      dilation: distance between neighboring taps of the kernel.
      pads: zeros before and after the rows, then the columns.
      formulation: how it is computed.
      matmul_dtype: the type that "matmul" rounds factors to; None: not at all.
    """
    if formulation == "direct":
        return _direct(x, kernel, stride, dilation, pads)
    if formulation != "matmul":
        raise ValueError(f"formulation is 'direct' or 'matmul', not {formulation!r}")
    if stride > 1:
        return _by_columns(x, kernel, pads, matmul_dtype, stride=stride, dilation=dilation)
    if kernel.shape[:2] == (1, 1) and pads == ((0, 0), (0, 0)):
        return pointwise(x, kernel[0, 0], matmul_dtype)
    if dilation > 1:
        return _by_taps(x, kernel, dilation, pads, matmul_dtype)
    return _dense(x, kernel, pads, matmul_dtype)


def pointwise(
    x: Float[jax.Array, "b h w c"], weights: Float[jax.Array, "c f"], matmul_dtype: Any = None
) -> Float[jax.Array, "b h w f"]:
    """A 1x1 convolution as a product of two matrices."""
    # Flattened, because with more than one axis to sum over XLA first transposes for the gradient
    # of the weights.
    return matmul(_flatten(x), weights, matmul_dtype).reshape(*x.shape[:-1], -1)


def _direct(
    x: jax.Array, kernel: jax.Array, stride: int, dilation: int, pads: PadWidths
) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=pads,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


class _Tap(NamedTuple):
    """A tap of the kernel at (row, col), and the pixels that it connects."""

    row: int
    col: int
    source: tuple[slice, slice, slice]
    """the input pixels that it reads; those outside of the image are left out"""
    target: tuple[slice, slice, slice]
    """the output pixels that it reads them for"""
    around: PadWidths
    """rows and columns of the output before and after `target`"""


def _taps(
    size: tuple[int, ...], kernel: tuple[int, ...], dilation: int, pads: PadWidths
) -> Iterator[_Tap]:
    """The taps that read any pixel of an image of `size`, at stride 1."""
    for row in range(kernel[0]):
        for col in range(kernel[1]):
            spans = [
                _overlap(length, reach, index * dilation, dilation, pad)
                for length, reach, index, pad in zip(size, kernel, (row, col), pads, strict=True)
            ]
            if all(stop > start for start, stop, _, _ in spans):
                source = [slice(start + shift, stop + shift) for start, stop, shift, _ in spans]
                target = [slice(start, stop) for start, stop, _, _ in spans]
                around = [(start, out - stop) for start, stop, _, out in spans]
                whole = slice(None)
                yield _Tap(
                    row,
                    col,
                    (whole, source[0], source[1]),
                    (whole, target[0], target[1]),
                    (around[0], around[1]),
                )


def _overlap(
    length: int, kernel: int, offset: int, dilation: int, pad: tuple[int, int]
) -> tuple[int, int, int, int]:
    """(first, last + 1 output pixel whose input is in the image, input - output index, outputs)."""
    before, after = pad
    out = length + before + after - dilation * (kernel - 1)
    shift = offset - before
    return max(0, -shift), min(out, length - shift), shift, out


def _by_taps(
    x: jax.Array, kernel: jax.Array, dilation: int, pads: PadWidths, matmul_dtype: Any
) -> jax.Array:
    total = jnp.zeros((), x.dtype)
    for tap in _taps(x.shape[1:3], kernel.shape[:2], dilation, pads):
        part = pointwise(x[tap.source], kernel[tap.row, tap.col], matmul_dtype)
        total = total + jnp.pad(part, ((0, 0), *tap.around, (0, 0)))
    return total


def _by_columns(
    x: jax.Array,
    kernel: jax.Array,
    pads: PadWidths,
    matmul_dtype: Any,
    *,
    stride: int = 1,
    dilation: int = 1,
) -> jax.Array:
    columns = _columns(x, kernel.shape[:2], pads, stride=stride, dilation=dilation)
    return pointwise(columns, _flatten(kernel), matmul_dtype)


def _columns(
    x: jax.Array, kernel: tuple[int, ...], pads: PadWidths, *, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """What all taps of the kernel read for each output pixel, side by side in channels (im2col)."""
    taps = windows(zero_pad(x, pads), kernel, stride=stride, dilation=dilation)
    return jnp.concatenate(taps, axis=-1)


def _flatten(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _dense(x: jax.Array, kernel: jax.Array, pads: PadWidths, matmul_dtype: Any) -> jax.Array:
    """Stride and dilation 1: XLA's own convolution is fast, but its kernel gradient is not."""
    if matmul_dtype is None:
        return _direct(x, kernel, 1, 1, pads)
    # Rounded before the windows copy each pixel nine times.
    return _by_columns(x.astype(matmul_dtype), kernel, pads, matmul_dtype)


def _forward(
    x: jax.Array, kernel: jax.Array, pads: PadWidths, matmul_dtype: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _dense(x, kernel, pads, matmul_dtype), (x, kernel)


def _backward(
    pads: PadWidths, matmul_dtype: Any, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    # One gradient for all taps, which read zeros outside: with a slice of it for each tap, XLA
    # computes the gradient nine times.
    flat = _flatten(grad)
    if matmul_dtype is None:
        (for_x,) = jax.linear_transpose(lambda x: _direct(x, kernel, 1, 1, pads), x)(grad)
    else:
        columns = rounded_matmul(flat, _flatten(kernel), matmul_dtype, transpose_b=True)
        from_columns = jax.linear_transpose(lambda x: _columns(x, kernel.shape[:2], pads), x)
        (for_x,) = from_columns(columns.reshape(*grad.shape[:-1], -1))
    taps = windows(zero_pad(x, pads), kernel.shape[:2])
    for_kernel = [_flatten(tap).T @ flat for tap in taps]
    return for_x, jnp.stack(for_kernel).reshape(kernel.shape)


_dense.defvjp(_forward, _backward)

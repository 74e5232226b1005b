"""A convolution, in two formulations that give the same numbers.

On CPU, XLA's own takes the gradient of a kernel as a convolution with a window as large as the
picture: up to sixteen times slower than the same sums as matrix products. A dilated kernel also
multiplies all the zeros around the picture: of 23x30 pixels, a dilation of 18 has 29 % left to do.
And three colors are too few channels for it.
"""

import functools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from s4al_jax.ops.matmul import of_rounded, product
from s4al_jax.ops.padding import Margins
from s4al_jax.ops.windows import padded, windows

Formulation = Literal["direct", "products"]


def preferred(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu"), as far as it was measured."""
    return "products" if platform == "cpu" else "direct"


def convolve(
    x: Float[jax.Array, "b h w c"],
    kernel: Float[jax.Array, "k k c f"],
    *,
    stride: int = 1,
    dilation: int = 1,
    pads: Margins,
    formulation: Formulation = "direct",
    factors: Any = None,
) -> Float[jax.Array, "b h2 w2 f"]:
    """`x` with zeros around it (before and after rows, then columns) correlated with the kernel.

    Products round what they multiply to the type `factors`, if one is given.
    """
    if formulation == "direct":
        return _direct(x, kernel, stride, dilation, pads)
    if formulation != "products":
        raise ValueError(f"formulation is 'direct' or 'products', not {formulation!r}")
    if stride > 1:
        return _by_columns(x, kernel, pads, factors, stride=stride, dilation=dilation)
    if kernel.shape[:2] == (1, 1) and pads == ((0, 0), (0, 0)):
        return pointwise(x, kernel[0, 0], factors)
    if dilation > 1:
        return _by_taps(x, kernel, dilation, pads, factors)
    return _dense(x, kernel, pads, factors)


def pointwise(
    x: Float[jax.Array, "b h w c"], weights: Float[jax.Array, "c f"], factors: Any = None
) -> Float[jax.Array, "b h w f"]:
    """A 1x1 convolution as a product of two matrices."""
    # Flat: with more than one axis to sum over, the gradient of the weights is transposed first.
    return product(_flat(x), weights, factors).reshape(*x.shape[:-1], -1)


def _direct(
    x: jax.Array, kernel: jax.Array, stride: int, dilation: int, pads: Margins
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
    """One place of the kernel: where the picture lies under it, and what of the output that is."""

    row: int
    col: int
    source: tuple[slice, slice, slice]
    target: tuple[slice, slice, slice]
    around: tuple[tuple[int, int], tuple[int, int]]
    """rows and columns of the output before and after `target`"""


def _taps(
    size: tuple[int, ...], kernel: tuple[int, ...], dilation: int, pads: Margins
) -> Iterator[_Tap]:
    """The places under which any of a picture of `size` lies, at stride 1."""
    for row in range(kernel[0]):
        for col in range(kernel[1]):
            found = [
                _overlap(length, reach, place * dilation, dilation, margins)
                for length, reach, place, margins in zip(
                    size, kernel, (row, col), pads, strict=True
                )
            ]
            if all(stop > start for start, stop, _, _ in found):
                source = [slice(start + ahead, stop + ahead) for start, stop, ahead, _ in found]
                target = [slice(start, stop) for start, stop, _, _ in found]
                around = [(start, out - stop) for start, stop, _, out in found]
                whole = slice(None)
                yield _Tap(
                    row,
                    col,
                    (whole, source[0], source[1]),
                    (whole, target[0], target[1]),
                    (around[0], around[1]),
                )


def _overlap(
    length: int, kernel: int, offset: int, dilation: int, margins: tuple[int, int]
) -> tuple[int, int, int, int]:
    """(first and last+1 output pixel over the picture, step from output to input, output size)."""
    before, after = margins
    out = length + before + after - dilation * (kernel - 1)
    ahead = offset - before
    return max(0, -ahead), min(out, length - ahead), ahead, out


def _by_taps(
    x: jax.Array, kernel: jax.Array, dilation: int, pads: Margins, factors: Any
) -> jax.Array:
    total = jnp.zeros((), x.dtype)
    for tap in _taps(x.shape[1:3], kernel.shape[:2], dilation, pads):
        part = pointwise(x[tap.source], kernel[tap.row, tap.col], factors)
        total = total + jnp.pad(part, ((0, 0), *tap.around, (0, 0)))
    return total


def _by_columns(
    x: jax.Array,
    kernel: jax.Array,
    pads: Margins,
    factors: Any,
    *,
    stride: int = 1,
    dilation: int = 1,
) -> jax.Array:
    columns = _columns(x, kernel.shape[:2], pads, stride=stride, dilation=dilation)
    return pointwise(columns, _flat(kernel), factors)


def _columns(
    x: jax.Array, kernel: tuple[int, ...], pads: Margins, *, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """All that the kernel's places see under every pixel of the output, in channels."""
    seen = windows(padded(x, pads), kernel, stride=stride, dilation=dilation)
    return jnp.concatenate(seen, axis=-1)


def _flat(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _dense(x: jax.Array, kernel: jax.Array, pads: Margins, factors: Any) -> jax.Array:
    if factors is None:
        return _direct(x, kernel, 1, 1, pads)
    # Rounded before they are copied, nine times over.
    return _by_columns(x.astype(factors), kernel, pads, factors)


def _forward(
    x: jax.Array, kernel: jax.Array, pads: Margins, factors: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _dense(x, kernel, pads, factors), (x, kernel)


def _backward(
    pads: Margins, factors: Any, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    # One copy of the gradient for all taps: cut to what each sees, it is computed nine times over.
    flat = _flat(grad)
    if factors is None:
        (for_x,) = jax.linear_transpose(lambda x: _direct(x, kernel, 1, 1, pads), x)(grad)
    else:
        spread = of_rounded(flat, _flat(kernel), factors, transposed=True)
        lined_up = jax.linear_transpose(lambda x: _columns(x, kernel.shape[:2], pads), x)
        (for_x,) = lined_up(spread.reshape(*grad.shape[:-1], -1))
    seen = windows(padded(x, pads), kernel.shape[:2])
    for_kernel = [_flat(part).T @ flat for part in seen]
    return for_x, jnp.stack(for_kernel).reshape(kernel.shape)


_dense.defvjp(_forward, _backward)

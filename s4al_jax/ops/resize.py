"""Bilinear resizing with aligned corners: the corner pixels of both images coincide.

PyTorch calls it `align_corners=True`; `jax.image.resize` has no such mode.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

Formulation = Literal["gather", "matmul"]


def preferred_formulation(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu")."""
    return "matmul" if platform == "tpu" else "gather"


def bilinear_align_corners(
    x: Float[jax.Array, "b h w c"], size: tuple[int, int], *, formulation: Formulation = "gather"
) -> Float[jax.Array, "b h2 w2 c"]:
    """`x` at `size` (height, width); both formulations give the same numbers."""
    if formulation == "matmul":
        return resize_by_matrices(
            x,
            interpolation_matrix(x.shape[1], size[0]),
            interpolation_matrix(x.shape[2], size[1]),
        )
    if formulation != "gather":
        raise ValueError(f"formulation is 'gather' or 'matmul', not {formulation!r}")
    return _resize_axis(_resize_axis(x, size[1], 2), size[0], 1)


def sum_in_bands(
    function: Callable[..., jax.Array],
    x: Float[jax.Array, "b h w c"],
    *maps: jax.Array,
    bands: int,
    formulation: Formulation = "gather",
) -> jax.Array:
    """The sum of `function(x resized, *maps)`, one band of rows after the other.

    The resized `x` never exists as a whole: each band is resized, summed up, and computed again for
    the gradient.

    Args:
      function: takes bands of the resized `x` and of `maps`, gives a scalar that is additive over
        pixels and 0 where all maps are 0.
      x: what is resized to the size of the maps.
      *maps: `[b, height, width]` each. Where `bands` does not divide the height, rows of zeros are
        added below.
      bands: how many.
      formulation: that of the resizing.
    """
    height, width = maps[0].shape[1:]
    rows = -(-height // bands)
    below = rows * bands - height
    weights = np.pad(interpolation_matrix(x.shape[1], height), ((0, below), (0, 0)))
    banded = [
        jnp.moveaxis(
            jnp.pad(values, ((0, 0), (0, below), (0, 0))).reshape(-1, bands, rows, width), 1, 0
        )
        for values in maps
    ]

    @jax.checkpoint
    def sum_of_band(x: jax.Array, weights: jax.Array, *maps: jax.Array) -> jax.Array:
        tall = jnp.einsum("rh,bhwc->brwc", weights, x, precision="highest")
        return function(_resize_width(tall, width, formulation), *maps)

    def add(total: jax.Array, band: Any) -> tuple[jax.Array, None]:
        return total + sum_of_band(x, *band), None

    down = jnp.asarray(weights.reshape(bands, rows, -1), x.dtype)
    return jax.lax.scan(add, jnp.zeros(()), (down, *banded))[0]


def interpolation_matrix(source: int, target: int) -> np.ndarray:
    """float32 `[target, source]`: the weight of each source pixel in each target pixel."""
    before, after, share = _neighbors(source, target)
    matrix = np.zeros((target, source), np.float32)
    np.add.at(matrix, (np.arange(target), before), 1 - share)
    np.add.at(matrix, (np.arange(target), after), share)
    return matrix


def _neighbors(source: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each target pixel: the source pixels before and after it, and the latter's weight."""
    position = np.arange(target) * (source - 1) / max(target - 1, 1)
    before = np.floor(position).astype(np.int32)
    after = np.minimum(before + 1, source - 1)
    return before, after, (position - before).astype(np.float32)


def resize_by_matrices(
    x: Float[jax.Array, "b h w c"], rows: np.ndarray, cols: np.ndarray
) -> Float[jax.Array, "b h2 w2 c"]:
    """Images resized by matrices `[target, source]`, one for their rows and one for their columns.

    Without `highest`, GPUs and TPUs round the factors to a few bits.
    """
    tall = jnp.einsum("oh,bhwc->bowc", jnp.asarray(rows, x.dtype), x, precision="highest")
    return jnp.einsum("pw,bowc->bopc", jnp.asarray(cols, x.dtype), tall, precision="highest")


def _resize_width(x: jax.Array, width: int, formulation: Formulation) -> jax.Array:
    if formulation == "gather":
        return _resize_axis(x, width, 2)
    cols = jnp.asarray(interpolation_matrix(x.shape[2], width), x.dtype)
    return jnp.einsum("pw,bowc->bopc", cols, x, precision="highest")


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _resize_axis(x: jax.Array, target: int, axis: int) -> jax.Array:
    """One axis of `x` at `target` pixels."""
    before, after, share = _neighbors(x.shape[axis], target)
    return _gather(x, before, 1 - share, axis) + _gather(x, after, share, axis)


def _forward(x: jax.Array, target: int, axis: int) -> tuple[jax.Array, tuple[int, ...]]:
    return _resize_axis(x, target, axis), x.shape


def _backward(target: int, axis: int, shape: tuple[int, ...], grad: jax.Array) -> tuple[jax.Array]:
    # Autodiff would scatter from targets to sources, which is slow everywhere. The targets of a
    # source pixel are neighbors, so each source gathers from them, one after the other.
    matrix = interpolation_matrix(shape[axis], target)
    used = matrix != 0
    first = used.argmax(axis=0)
    most = int(used.sum(axis=0).max())
    total = jnp.zeros((), grad.dtype)
    for step in range(most):
        index = first + step
        inside = np.minimum(index, target - 1)
        weight = np.where(index < target, matrix[inside, np.arange(shape[axis])], 0)
        total = total + _gather(grad, inside, weight, axis)
    return (total,)


_resize_axis.defvjp(_forward, _backward)


def _gather(x: jax.Array, indices: np.ndarray, weight: np.ndarray, axis: int) -> jax.Array:
    """The slices of `x` at `indices` along an axis, each times its weight."""
    shape = [1] * x.ndim
    shape[axis] = -1
    weights = jnp.asarray(weight.reshape(shape), x.dtype)
    return jnp.take(x, indices, axis=axis, mode="clip") * weights

"""Bilinear resizing in which the corner pixels of both images lie on each other."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

Formulation = Literal["gather", "matmul"]


def preferred(platform: str) -> Formulation:
    """The faster formulation on a JAX platform ("cpu", "gpu", "tpu")."""
    return "matmul" if platform == "tpu" else "gather"


def bilinear_align_corners(
    x: Float[jax.Array, "b h w c"], size: tuple[int, int], *, formulation: Formulation = "gather"
) -> Float[jax.Array, "b h2 w2 c"]:
    """`x` at `size` (height, width); both formulations give the same numbers."""
    if formulation == "matmul":
        return _by_matmul(x, size)
    if formulation != "gather":
        raise ValueError(f"formulation is 'gather' or 'matmul', not {formulation!r}")
    return _stretched(_stretched(x, size[1], 2), size[0], 1)


def summed_in_bands(
    function: Callable[..., jax.Array],
    x: Float[jax.Array, "b h w c"],
    *maps: jax.Array,
    bands: int,
    formulation: Formulation = "gather",
) -> jax.Array:
    """The sum of `function(x enlarged, *maps)` over so many bands of rows, one after the other.

    `maps` are `[b, height, width]` and say the size; rows are added below where they do not divide,
    in which all maps are 0. Each band is computed again for the gradient.
    """
    height, width = maps[0].shape[1:]
    rows = -(-height // bands)
    below = rows * bands - height
    weights = np.pad(interpolation(x.shape[1], height), ((0, below), (0, 0)))
    banded = [
        jnp.moveaxis(
            jnp.pad(values, ((0, 0), (0, below), (0, 0))).reshape(-1, bands, rows, width), 1, 0
        )
        for values in maps
    ]

    @jax.checkpoint
    def one(x: jax.Array, weights: jax.Array, *maps: jax.Array) -> jax.Array:
        tall = jnp.einsum("rh,bhwc->brwc", weights, x, precision="highest")
        return function(_wide(tall, width, formulation), *maps)

    def added(total: jax.Array, band: Any) -> tuple[jax.Array, None]:
        return total + one(x, *band), None

    down = jnp.asarray(weights.reshape(bands, rows, -1), x.dtype)
    return jax.lax.scan(added, jnp.zeros(()), (down, *banded))[0]


def _wide(x: jax.Array, width: int, formulation: Formulation) -> jax.Array:
    if formulation == "gather":
        return _stretched(x, width, 2)
    cols = jnp.asarray(interpolation(x.shape[2], width), x.dtype)
    # Without `highest`, GPUs and TPUs round the factors to a few bits.
    return jnp.einsum("pw,bowc->bopc", cols, x, precision="highest")


def _neighbors(source: int, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each target pixel: the source pixels before and after it, and how near the latter is."""
    place = np.arange(target) * (source - 1) / max(target - 1, 1)
    before = np.floor(place).astype(np.int32)
    after = np.minimum(before + 1, source - 1)
    return before, after, (place - before).astype(np.float32)


def interpolation(source: int, target: int) -> np.ndarray:
    """The weight of each source pixel (column) in each target pixel (row)."""
    before, after, share = _neighbors(source, target)
    matrix = np.zeros((target, source), np.float32)
    np.add.at(matrix, (np.arange(target), before), 1 - share)
    np.add.at(matrix, (np.arange(target), after), share)
    return matrix


def _by_matmul(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    rows = jnp.asarray(interpolation(x.shape[1], size[0]), x.dtype)
    # Without `highest`, GPUs and TPUs round the factors to a few bits.
    return _wide(jnp.einsum("oh,bhwc->bowc", rows, x, precision="highest"), size[1], "matmul")


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _stretched(x: jax.Array, target: int, axis: int) -> jax.Array:
    """One axis of `x` at `target` pixels."""
    before, after, share = _neighbors(x.shape[axis], target)
    return _taken(x, before, 1 - share, axis) + _taken(x, after, share, axis)


def _forward(x: jax.Array, target: int, axis: int) -> tuple[jax.Array, tuple[int, ...]]:
    return _stretched(x, target, axis), x.shape


def _backward(target: int, axis: int, shape: tuple[int, ...], grad: jax.Array) -> tuple[jax.Array]:
    """Every source pixel gathers from the targets it went to: autodiff's scatter is slow."""
    matrix = interpolation(shape[axis], target)
    used = matrix != 0
    first = used.argmax(axis=0)
    most = int(used.sum(axis=0).max())
    total = jnp.zeros((), grad.dtype)
    for step in range(most):
        place = first + step
        inside = np.minimum(place, target - 1)
        weight = np.where(place < target, matrix[inside, np.arange(shape[axis])], 0)
        total = total + _taken(grad, inside, weight, axis)
    return (total,)


_stretched.defvjp(_forward, _backward)


def _taken(x: jax.Array, places: np.ndarray, weight: np.ndarray, axis: int) -> jax.Array:
    shape = [1] * x.ndim
    shape[axis] = -1
    return jnp.take(x, places, axis=axis, mode="clip") * jnp.asarray(weight.reshape(shape), x.dtype)

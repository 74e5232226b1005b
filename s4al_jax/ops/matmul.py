"""Products of matrices, as they are or with factors that are rounded first.

A CPU with instructions for bfloat16 multiplies twice as fast in it, as long as sums are kept in
float32; everything else XLA does slower in bfloat16 there. So only factors are rounded: those of
the value and of the gradient to `a`. The gradient to `b`, a sum over all pixels where `b` are a
layer's weights, is no faster rounded and is not.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float


def preferred(platform: str, compute: Any) -> Any:
    """The type to round factors to for layers that calculate in `compute`; None: layers do it."""
    return compute if platform == "cpu" and compute != jnp.float32 else None


def product(
    a: Float[jax.Array, "n k"], b: Float[jax.Array, "k m"], factors: Any = None
) -> Float[jax.Array, "n m"]:
    """`a` times `b`, rounded to the type `factors` before they are multiplied if one is given."""
    return a @ b if factors is None else _rounding(a, b, factors)


def of_rounded(a: jax.Array, b: jax.Array, factors: Any, *, transposed: bool = False) -> jax.Array:
    """The product of the rounded factors in float32, or `a` times the transpose of `b`.

    It is not meant to be differentiated.
    """
    # By the axes that are summed over: where a transpose is written out, XLA multiplies in float32.
    axes = ((1,), (1 if transposed else 0,))
    return jax.lax.dot_general(
        a.astype(factors), b.astype(factors), (axes, ((), ())), preferred_element_type=jnp.float32
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _rounding(a: jax.Array, b: jax.Array, factors: Any) -> jax.Array:
    return of_rounded(a, b, factors)


def _forward(
    a: jax.Array, b: jax.Array, factors: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return of_rounded(a, b, factors), (a, b)


def _backward(
    factors: Any, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    a, b = saved
    return of_rounded(grad, b, factors, transposed=True), a.T @ grad


_rounding.defvjp(_forward, _backward)

"""Matrix products, optionally with factors that are rounded to a smaller type first.

A CPU with bfloat16 instructions multiplies twice as fast in that type as long as sums are kept in
float32; all other operations XLA runs slower in bfloat16 there. So only factors are rounded: those
of the product itself and of the gradient of `a`. The gradient of `b`, a sum over all pixels where
`b` holds a layer's weights, gains no speed from rounding and is computed exactly.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float


def preferred_dtype(platform: str, compute: Any) -> Any:
    """The type to round factors to where layers compute in `compute`; None: layers round them."""
    return compute if platform == "cpu" and compute != jnp.float32 else None


def matmul(
    a: Float[jax.Array, "n k"], b: Float[jax.Array, "k m"], dtype: Any = None
) -> Float[jax.Array, "n m"]:
    """`a @ b`; both are rounded to `dtype` before they are multiplied, if one is given."""
    return a @ b if dtype is None else _rounding_matmul(a, b, dtype)


def rounded_matmul(
    a: jax.Array, b: jax.Array, dtype: Any, *, transpose_b: bool = False
) -> jax.Array:
    """The product of the factors rounded to `dtype`, in float32. Has no gradient of its own."""
    # The axes to sum over, not `b.T`: where XLA writes a transpose out, it multiplies in float32.
    axes = ((1,), (1 if transpose_b else 0,))
    return jax.lax.dot_general(
        a.astype(dtype), b.astype(dtype), (axes, ((), ())), preferred_element_type=jnp.float32
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _rounding_matmul(a: jax.Array, b: jax.Array, dtype: Any) -> jax.Array:
    return rounded_matmul(a, b, dtype)


def _forward(
    a: jax.Array, b: jax.Array, dtype: Any
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return rounded_matmul(a, b, dtype), (a, b)


def _backward(
    dtype: Any, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    a, b = saved
    return rounded_matmul(grad, b, dtype, transpose_b=True), a.T @ grad


_rounding_matmul.defvjp(_forward, _backward)

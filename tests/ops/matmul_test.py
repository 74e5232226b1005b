"""Matrix products of rounded factors, worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.ops.matmul import matmul

# bfloat16 has eight bits: the next number after 1 is 1 + 2^-7.
NEARLY_ONE = 1 + 2**-9


def test_without_a_type_nothing_is_rounded():
    a, b = jnp.full((1, 1), NEARLY_ONE), jnp.full((1, 1), 3.0)
    assert matmul(a, b).item() == 3 * NEARLY_ONE


def test_factors_are_rounded_and_their_sum_is_not():
    a, b = jnp.asarray([[NEARLY_ONE, 2.0**-9]]), jnp.asarray([[1.0], [1.0]])
    # 1.00195 becomes 1; 1 + 0.00195 would become 1 if sums were rounded as well.
    assert matmul(a, b, jnp.bfloat16).item() == 1 + 2**-9
    assert matmul(a, b, jnp.bfloat16).dtype == jnp.float32


def test_the_gradient_to_a_is_of_rounded_factors_and_that_to_b_is_exact():
    a, b = jnp.full((1, 1), 3 * NEARLY_ONE), jnp.full((1, 1), 5 * NEARLY_ONE)
    _, pullback = jax.vjp(lambda a, b: matmul(a, b, jnp.bfloat16), a, b)
    for_a, for_b = pullback(jnp.full((1, 1), 7 * NEARLY_ONE))
    assert for_a.item() == 5 * 7
    np.testing.assert_allclose(for_b, 3 * 7 * NEARLY_ONE**2, rtol=1e-7)
